"""`python -m proof load`: a ward of 10, 100 and 1,000 beds over TLS: what arrives, how soon, at what cost; and a storm.

Each bed sends one score a second, its level every five, `health` every ten, and an alarm transition now and then. The
storm: the broker is restarted, or killed, with all beds connected and an alarm waiting at each.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from proof.load_steps import connect, judge, measure, storm
from proof.loaded_ward import LoadedWard
from proof.report import FOLDER, Figure, Result, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proof.checker import Verdict
    from proof.load_steps import Step, Storm

GOAL_STORM_S = 60.0
GOAL_P99_S = 1.0
LEAST_PACE = 0.95
"""Scores per bed and second: less would be another load than the one that is claimed."""
STORMS: tuple[tuple[Literal["SIGTERM", "kill -9"], float], ...] = (
    ("SIGTERM", 0.0),
    ("kill -9", 0.0),
    ("kill -9", 30.0),
)
"""How the broker ends, and for how long: at once all beds try together, after half a minute each waits its longest."""


def main(arguments: Sequence[str]) -> int:
    """Load, print the table, write load.json; 1 when anything is lost, late or dropped."""
    parser = argparse.ArgumentParser("python -m proof load", description=__doc__)
    parser.add_argument("--beds", type=int, default=1000, help="the most; a tenth and a hundredth come before")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each step")
    parser.add_argument("--alarms", type=float, default=60.0, help="mean seconds between two transitions of a bed")
    parser.add_argument("--calm", action="store_true", help="no storms")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for load.json")
    given = parser.parse_args(arguments)
    steps, storms, verdicts = [], [], []
    for beds in sorted({max(1, given.beds // 100), max(1, given.beds // 10), given.beds}):
        with tempfile.TemporaryDirectory(prefix="load-", ignore_cleanup_errors=True) as folder:
            ward = LoadedWard(Path(folder), beds, given.alarms)
            with ward.running() as auditor:
                steps.append(measure(ward, auditor, given.seconds, connect(ward)))
                if beds == given.beds and not given.calm:
                    storms = [storm(ward, *how) for how in STORMS]
                verdicts.append(judge(ward, auditor))
    command = f"python -m proof load --beds {given.beds} --seconds {given.seconds:g} --alarms {given.alarms:g}"
    result = Result(
        "load",
        f"a ward of {given.beds:,} beds",
        command + (" --calm" if given.calm else ""),
        passed(steps, storms, verdicts),
        figures(steps, storms, verdicts),
    )
    return publish(result, given.output)


def passed(steps: Sequence[Step], storms: Sequence[Storm], verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing was lost, dropped or late, and every storm was over in time."""
    return (
        all(not step.missing and step.dropped == 0 and step.pace > LEAST_PACE for step in steps)
        and all(step.alarms is None or step.alarms.p99 <= GOAL_P99_S for step in steps)
        and all(one.settled_s is not None and one.settled_s <= GOAL_STORM_S for one in storms)
        and all(not verdict.broken for verdict in verdicts)
    )


def figures(steps: Sequence[Step], storms: Sequence[Storm], verdicts: Sequence[Verdict]) -> dict[str, Figure]:
    """For the table: steps beside each other, storms below each other."""

    def row(value: Callable[[Step], str]) -> str:
        return " · ".join(map(value, steps))

    found: dict[str, Figure] = {
        "beds": row(lambda step: f"{step.beds:,}"),
        "scores per bed and second": row(lambda step: f"{step.pace:.2f}"),
        "all connected after": row(lambda step: f"{step.connected_s:.1f} s"),
        "messages made (pain, health, alarm)": row(lambda step: f"{sum(step.made.values()):,}"),
        "not heard by a second station": row(lambda step: f"{step.missing.total():,}"),
        "dropped, as the broker counts": row(lambda step: str(step.dropped)),
        "alarm, condition to station's disk (median / p99 / longest)": row(lambda step: str(step.alarms or "none")),
        "score, made to second station (median / p99 / longest)": row(lambda step: str(step.scores or "none")),
    }
    for name in ("broker", "station", "beds"):
        found |= _costs(steps, name)
    for one in storms:
        found[f"storm ({one.name}): all connected after"] = one.back_s
        found[f"storm ({one.name}): every alarm received after"] = one.settled_s
        found[f"storm ({one.name}): processor seconds"] = ", ".join(
            f"{name} {seconds:.1f}" for name, seconds in one.processor_s.items()
        )
        found[f"storm ({one.name}): attempts"] = ", ".join(f"{count} {name}" for name, count in one.attempts.items())
    return found | {
        "alarms kept by the beds": sum(verdict.kept for verdict in verdicts),
        "alarms lost": sum(len(verdict.lost) for verdict in verdicts),
        "copies on the wire": sum(verdict.duplicates for verdict in verdicts),
        "first arrivals after a younger one": sum(len(verdict.late) for verdict in verdicts),
        "rules broken": ", ".join(name for verdict in verdicts for name in verdict.broken) or "none",
    }


def _costs(steps: Sequence[Step], name: str) -> dict[str, Figure]:
    """Processor and memory of `broker`, `station` or `beds`, and per bed as beds become more."""
    shares = [step.share[name] for step in steps]
    each = [1e6 * share / step.beds for share, step in zip(shares, steps, strict=True)]
    return {
        f"{name}: share of one core": " · ".join(f"{share:.3f}" for share in shares),
        f"{name}: processor per bed and second": " · ".join(f"{one:.0f} us" for one in each),
        f"{name}: the same, against the first": " · ".join(f"{one / each[0]:.2f}" for one in each),
        f"{name}: memory": " · ".join(f"{step.memory_mb[name]:.1f} MB" for step in steps),
        f"{name}: memory per bed": " · ".join(f"{step.bed_kb[name]:.0f} kB" for step in steps),
    }
