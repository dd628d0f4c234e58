"""`python -m proof page`: the tables of docs/proof.md, from docs/proof/*.json. No figure in it is typed by hand."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from proof.report import FOLDER, Result, text

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
    return f"{before}{BEGIN}\n\n{''.join(map(section, found))}{END}{after}"


def section(result: Result) -> str:
    """One result as Markdown."""
    rows = "".join(f"| {name} | {text(value)} |\n" for name, value in result.figures.items())
    versions = ", ".join(f"{name} {one}" for name, one in result.versions.items())
    return (
        f"### {result.title}: {'passed' if result.passed else 'NOT passed'}\n\n"
        f"`{result.command}`, {result.date}, on {result.machine}; {versions}.\n\n"
        f"| figure | value |\n|---|---|\n{rows}\n"
    )
