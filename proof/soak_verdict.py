"""What a soak must show: the rules, what else may be wrong, and how it is told."""

from __future__ import annotations

import json
import sqlite3
import statistics
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npng_edge.record.history import MOST_BYTES
from proof.flat import Finding, Rule
from proof.usage import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from proof.checker import Heard
    from proof.flat import Sample
    from proof.report import Figure

OUTBOX_MB = 8
"""`storage.max_mb` of the soaked bed."""
RISE_MB = 2.0
"""Over the second half of the soak."""
SAME = 0.5
"""A count may not rise by one."""
FULL_MB = 1.25 * (MOST_BYTES / MIB + OUTBOX_MB)
"""The database at its bound: bodies of record and outbox, and a quarter more for keys and pages."""
RULES = (
    Rule("bed_memory_mb", "MB", RISE_MB),
    Rule("bed_descriptors", "", SAME),
    Rule("bed_threads", "", SAME),
    Rule("database_mb", "MB", 1.0, FULL_MB),
    Rule("wal_mb", "MB", 1.0, 16.0),
    Rule("outbox_depth", "", 1.0, 100.0),
    Rule("station_memory_mb", "MB", RISE_MB),
    Rule("station_descriptors", "", SAME),
    Rule("broker_memory_mb", "MB", RISE_MB),
    Rule("broker_descriptors", "", SAME),
)
TOLD = ("journal_mb", "frames_per_s")
"""Sampled too, and not judged here: a journal grows with each alarm."""
LEAST_FPS = 0.9
"""Of the frames asked for, as the median: a daemon that sees nothing uses no memory either."""
UNWANTED = ("broker", "camera", "model", "station-not-listening", "storage")
"""Conditions that nothing in a soak should raise."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak found."""

    seconds: float
    fps: float
    """As the median of what the bed said."""
    findings: Sequence[Finding]
    problems: Sequence[str]
    """What is not as it should be, beside the findings."""
    raised: Mapping[str, int]
    """How often each condition was raised, by the station's journal."""
    alarms: int
    """Transitions that the station stored."""
    answers: Mapping[str, int]
    processor: float
    """Of the daemon: share of one core."""

    @property
    def passed(self) -> bool:
        """Whether everything was flat and nothing else was wrong."""
        return not self.problems and all(finding.flat for finding in self.findings)


def median_fps(samples: Sequence[Sample]) -> float:
    """Frames a second that the bed said it reads."""
    return statistics.median(sample.figures["frames_per_s"] for sample in samples)


def raised(heard: Sequence[Heard]) -> Counter[str]:
    """How often each condition was raised."""
    bodies = [json.loads(one.payload) for one in heard]
    return Counter(body["alarm"]["condition"] for body in bodies if body["change"] == "raised")


def problems(  # noqa: PLR0913 - all that a soak leaves behind
    samples: Sequence[Sample], fps: float, heard: Sequence[Heard], database: Path, answers: Mapping[str, int], log: str
) -> list[str]:
    """What is wrong beside figures that rise.

    Args:
        samples: All of them.
        fps: Frames a second that were asked for.
        heard: The station's journal.
        database: Of the bed, which has ended.
        answers: What was answered how often.
        log: Of the daemon.
    """
    found = [f"{name}: {count} times" for name, count in answers.items() if name.endswith(": no answer")]
    found += [f"{name} was raised {count} times" for name, count in raised(heard).items() if name in UNWANTED]
    read = median_fps(samples)
    if read < LEAST_FPS * fps:
        found.append(f"only {read:.1f} of {fps:g} frames a second were read")
    if "Traceback" in log:
        found.append("the daemon's log holds a traceback")
    numbers = {one.sequence for one in heard} | _waiting(database)
    lost = sorted(set(range(1, max(numbers, default=0) + 1)) - numbers)
    if lost:
        found.append(f"alarms lost: {lost}")
    return found


def figures(soaked: Soaked) -> dict[str, Figure]:
    """For the table."""
    found: dict[str, Figure] = {
        "duration": f"{soaked.seconds / 60:.1f} min",
        "frames read": f"{soaked.fps:.1f} per second",
        "daemon: share of one core": soaked.processor,
    }
    for one in soaked.findings:
        name = one.rule.figure.replace("_mb", "").replace("_", " ")
        unit = f" {one.rule.unit}".rstrip()
        found[f"{name}: first, last, highest"] = f"{one.first:.4g} · {one.last:.4g} · {one.highest:.4g}{unit}"
        slope = f"{one.rise:+.2f}{unit} ({one.per_hour:+.2f}{unit} per hour)"
        found[f"{name}: rise over the second half"] = slope + ("" if one.flat else " NOT FLAT")
    return found | {
        "alarm transitions at the station": soaked.alarms,
        "conditions raised": _counted(soaked.raised),
        "requests answered": _counted(soaked.answers),
        "problems": "; ".join(soaked.problems) or "none",
    }


def _waiting(database: Path) -> set[int]:
    """Numbers of the alarms that the bed would still send."""
    with closing(sqlite3.connect(database)) as db:
        rows = db.execute("SELECT payload FROM outbox WHERE kind = 'alarm'").fetchall()
    return {int(json.loads(row[0])["sequence"]) for row in rows}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
