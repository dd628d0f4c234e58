"""The model card: what the occlusion model is, and what the last evaluation found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.datasets.table import table
from training.judge.figures import figure, percent
from training.occlusion.evaluate import FREE, HALF, LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from npng_edge.infer.manifest import Entry

TEMPLATE = Path(__file__).with_name("card.template.md")
WANTED = {True: "covered", False: "free", None: "either"}


def page(results: Mapping[str, Any], entry: Entry) -> str:
    """The card as Markdown.

    Args:
        results: of the last evaluation.
        entry: of the model in the manifest.
    """
    training, rendered = results["training"], results["rendered"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        file=entry.file,
        size=entry.size,
        sha256=entry.sha256,
        limit=LIMIT,
        faces=f"{training['faces']:,}",
        people=f"{training['people']:,}",
        epochs=training["epochs"],
        held_out=f"{rendered['faces']:,}",
        held_people=rendered["people"],
        tables=tables(results),
    )


def tables(results: Mapping[str, Any]) -> str:
    """All figures of an evaluation as Markdown."""
    parts = [_rendered(results["rendered"]), _numbers(results["training"]["numbers"])]
    if results["stills"]:
        parts.append(_stills(results["stills"]))
    if "clip" in results:
        parts.append(_clip(results["clip"]))
    return "\n\n".join(parts)


def _rendered(found: Mapping[str, Any]) -> str:
    covers = (
        (
            row["kind"],
            str(row["faces"]),
            figure(row["error"]),
            str(row["half_covered"]),
            percent(row["half_covered_marked"]),
        )
        for row in found["covers"]
    )
    harmless = ((row["kind"], str(row["faces"]), percent(row["marked"])) for row in found["harmless"])
    return (
        "## Rendered people the net did not learn from\n\n"
        f"{found['faces']} painted faces of {found['people']} people. The correlation with the truly covered part of\n"
        f"the most covered quarter is {found['correlation']:.3f}. Error: the mean absolute difference from it.\n\n"
        + table(("before the face", "faces", "error", f"covered by {HALF:.0%} or more", "of these marked"), covers)
        + "\n\nThings that must not be marked, on faces with nothing before them:\n\n"
        + table(("on the face", "faces", "marked"), harmless)
    )


def _numbers(found: Mapping[str, Any]) -> str:
    rows = (
        (
            name, f"{row['bytes']:,}", f"{row['error']:.4f}", percent(row["covered_marked"]),
            percent(row["free_marked"]), f"{row['median_us']:.0f}",
        )
        for name, row in found.items()
    )  # fmt: skip
    head = (
        "numbers",
        "bytes",
        "error",
        f"{HALF:.0%} covered: marked",
        f"{FREE:.0%} or less: marked",
        "microseconds a face",
    )
    return (
        "## 8-bit and 32-bit numbers\n\nOn the same people; the time is the median of one call on one thread.\n\n"
        + table(head, rows)
    )


def _stills(found: Sequence[Mapping[str, Any]]) -> str:
    names = sorted({row["set"] for row in found})
    rows = []
    for name in names:
        chosen = [row for row in found if row["set"] == name]
        keys = ("pictures", "faces", "marked", "covered_by_eye", "marked_alone")
        everything = {key: sum(row[key] for row in chosen) for key in keys}
        whole = {"set": name, "expression": "all", "median": None, **everything}
        rows += [
            (row["set"], row["expression"], *(str(row[key]) for key in keys[:3]),
             percent(row["marked"] / max(row["faces"], 1)), *(str(row[key]) for key in keys[3:]), figure(row["median"]))
            for row in (*chosen, whole)
        ]  # fmt: skip
    head = (
        "set",
        "expression",
        "pictures",
        "faces",
        "marked",
        "of the faces",
        "covered, by eye",
        "for nothing else",
        "median",
    )
    return (
        "## Real people with (nearly) nothing before the face\n\n"
        "Through the device's own pipeline, each picture by itself. Nobody has labelled what is covered. Of the\n"
        "marked pictures, those in which something is before the face were counted by eye; most of the others are\n"
        "profiles, which are marked `turned-away` as well.\n\n" + table(head, rows)
    )


def _clip(clip: Mapping[str, Any]) -> str:
    parts = (
        (f"{row['start']:g}-{row['end']:g} s", row["part"], WANTED[row["wanted"]], *_counts(row))
        for row in clip["parts"]
    )
    seconds = ((str(row["second"]), *_counts(row)) for row in clip["seconds"])
    head = ("frames", "marked", "scored", "median", "highest")
    return (
        "## A real clip: distress with a hand before the face, then a smile\n\n"
        "Through the device's own pipeline. What is to be seen was written down by eye; where the hand touches only\n"
        "the chin, the lower lip or a cheek, either answer is accepted.\n\n"
        + table(("time", "what is to be seen", "should be", *head), parts)
        + "\n\nSecond by second:\n\n"
        + table(("second", *head), seconds)
    )


def _counts(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row["pictures"]), str(row["marked"]), str(row["scored"]), figure(row["median"]), figure(row["highest"])
    )  # fmt: skip
