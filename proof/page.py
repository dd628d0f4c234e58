"""`python -m proof page`: the tables of docs/proof.md, from docs/proof/*.json. No figure in it is typed by hand."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from proof.report import FAULTS, FOLDER, HEALTHY, KEPT, LOST, Result, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PAGE = FOLDER.with_suffix(".md")
BEGIN, END = "<!-- results: begin, made by `python -m proof page` -->", "<!-- results: end -->"


def main(arguments: Sequence[str]) -> int:
    """Write the results into the page; 1 when one of them did not pass."""
    parser = argparse.ArgumentParser(prog="python -m proof page", description=__doc__)
    parser.parse_args(arguments)
    found = list(results(FOLDER))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(page, found), encoding="utf-8")
    print(f"{PAGE}: {len(found)} results")
    return 0 if all(result.passed for result in found) else 1


def results(folder: Path) -> Iterable[Result]:
    """The results in a folder, in order of their names."""
    for file in sorted(folder.glob("*.json")):
        yield Result(**json.loads(file.read_text(encoding="utf-8")))


def filled(page: str, found: Iterable[Result]) -> str:
    """The page with these results between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    found = list(found)
    return f"{before}{BEGIN}\n\n{summary(found)}{''.join(map(section, found))}{END}{after}"


def summary(found: Iterable[Result]) -> str:
    """All runs that count alarms, side by side."""
    counted = [
        {**one.figures, "run": one.title, "passed": one.passed} for one in found if {KEPT, LOST} <= one.figures.keys()
    ]
    shown = ("run", FAULTS, KEPT, LOST, HEALTHY, "passed")
    rows = [" | ".join(text(one[name]) if name in one else "" for name in shown) for one in counted]
    total = ["in all", "", *(text(sum(int(one[name] or 0) for one in counted)) for name in (KEPT, LOST)), "", ""]
    head = [" | ".join(shown), "|".join(["---"] * len(shown))]
    return "".join(f"| {row} |\n" for row in (*head, *rows, " | ".join(total))) + "\n"


def section(result: Result) -> str:
    """One result as Markdown."""
    rows = "".join(f"| {name} | {text(value)} |\n" for name, value in result.figures.items())
    versions = ", ".join(f"{name} {one}" for name, one in result.versions.items())
    return (
        f"### {result.title}: {'passed' if result.passed else 'NOT passed'}\n\n"
        f"`{result.command}`, {result.date}, on {result.machine}; {versions}.\n\n"
        f"| figure | value |\n|---|---|\n{rows}\n"
    )
