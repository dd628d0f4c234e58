"""`python -m proof faults security`: certificates, access, limits, refusals: each must be said, and nothing be lost.

Each fault is made while a bed decides alarms under a storm. It lasts until the bed has said what is wrong, in its log
and by an alarm; then it is repaired and everything must arrive. Certificates, access list and limits are those of
`deploy/mosquitto` with a test authority; the reason codes come from `refuser.Refuser` before a plain broker.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from proof.bed import Bed
from proof.faults import credentials, refusals
from proof.faults.run import Tally, add_options, finish, folder, look
from proof.faults.scene import endure
from proof.refuser import Refuser
from proof.report import Figure, Result, Spread, publish
from proof.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proof.faults.scene import Found, Kind


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when something was lost, not said, or said without need."""
    parser = argparse.ArgumentParser(prog="python -m proof faults security", description=__doc__)
    parser.add_argument("--only", default="", help="faults with these words in their names alone")
    add_options(parser, rate=10.0)
    asked = parser.parse_args(arguments)
    asked.plant = None
    tally = Tally()
    with folder(asked) as path:
        found = _at_ward(path / "ward", asked, tally) + _refused(path / "codes", asked, tally)
    return publish(_result(found, tally, asked), asked.results)


def _at_ward(path: Path, asked: argparse.Namespace, tally: Tally) -> list[Found]:
    trial = credentials.WardTrial(path, rate=asked.rate, seed=asked.seed)
    return _endured(trial, trial.bed, credentials.kinds(trial), asked, tally)


def _refused(path: Path, asked: argparse.Namespace, tally: Tally) -> list[Found]:
    trial = Trial(path)
    refuser = Refuser(trial.broker.port)
    bed = Bed(
        path / "bed-1", "bed-1", port=refuser.port, rate=asked.rate, seed=asked.seed, settings={"log_level": "info"}
    )
    trial.beds.append(bed)
    try:
        return _endured(trial, bed, refusals.kinds(refuser), asked, tally)
    finally:
        refuser.close()


def _endured(trial: Trial, bed: Bed, kinds: Sequence[Kind], asked: argparse.Namespace, tally: Tally) -> list[Found]:
    """Let a bed go through those of the faults that were asked for, and judge."""
    chosen = [kind for kind in kinds if asked.only in kind.name]
    if not chosen:
        return []
    with trial.running():
        trial.begin()
        window = look(len(chosen))
        found = []
        for kind in chosen:
            found.append(endure(trial, bed, kind))
            print(f"{kind.name}: {found[-1]}", flush=True)
            tally.faults[kind.name] += 1
        finish(trial, tally, asked, window)
    return found


def _result(found: Sequence[Found], tally: Tally, asked: argparse.Namespace) -> Result:
    broken = {rule: who for verdict in tally.verdicts for rule, who in verdict.broken.items()}
    latency = Spread.of(tally.healthy)
    figures: dict[str, Figure] = {
        "faults": tally.faults.total(),
        "faults of which the bed did not say what is wrong, or said it needlessly": sum(
            bool(one.wrong) for one in found
        ),
        "alarms kept in an outbox": sum(verdict.kept for verdict in tally.verdicts),
        "alarms at the station": sum(verdict.heard for verdict in tally.verdicts),
        "lost": sum(len(verdict.lost) for verdict in tally.verdicts),
        "other rules broken": ", ".join(rule for rule in broken if rule != "lost") or "none",
        "beds that ended by themselves": len(tally.deaths),
        "duplicates on the wire, removed by the station": sum(verdict.duplicates for verdict in tally.verdicts),
        "condition to station, median / p99 / longest, healthy": None if latency is None else str(latency),
        **{one.kind.name: str(one) for one in found},
    }
    command = f"python -m proof faults security --seed {asked.seed}"
    passed = tally.passed and not any(one.wrong for one in found)
    return Result("faults-security", "certificates, access, limits and refusals", command, passed, figures)
