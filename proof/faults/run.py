"""What the families of faults on beds and brokers have in common: options, a trial, figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from proof.bed import Bed
from proof.latency import after_reconnect, healthy
from proof.plants import PLANTS, forge
from proof.report import FAULTS, FOLDER, HEALTHY, KEPT, LOST, Figure, Result, Spread, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proof.checker import Verdict
    from proof.trial import Trial

HEALTHY_S = 30.0
"""Before the faults begin; less where there are few."""
ARRIVED_S = 2.0
"""What was decided last in that time has arrived after so long, unless something is wrong: then the figures show it."""
INVENTION = "invention"


@dataclass(slots=True)
class Tally:
    """What came of one trial or several."""

    faults: Counter[str] = field(default_factory=Counter)
    """By kind."""
    verdicts: list[Verdict] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    """Beds that ended by themselves."""
    healthy: list[float] = field(default_factory=list)
    """Seconds from condition to station while nothing was broken."""
    reconnected: list[float] = field(default_factory=list)
    """Seconds from a bed's connection to the arrival of what had waited for it."""
    unsettled: int = 0
    """Alarms that were announced, and killed before the outbox could say that it has them."""

    @property
    def passed(self) -> bool:
        """Whether no rule was broken and nothing died by itself."""
        return not (self.deaths or any(verdict.broken for verdict in self.verdicts))


def options(name: str, words: str | None, arguments: Sequence[str], *, count: int) -> argparse.Namespace:
    """Read the command line.

    Args:
        name: Of the family.
        words: What it does.
        arguments: After the name.
        count: Faults, if nothing else is said.
    """
    parser = argparse.ArgumentParser(prog=f"python -m proof faults {name}", description=words)
    parser.add_argument("--count", type=int, default=count, help="faults (default: %(default)s)")
    parser.add_argument("--beds", type=int, default=4, help="storm beds at a time (default: %(default)s)")
    parser.add_argument("--plant", choices=[*PLANTS, INVENTION], help="a defect that the checker must find")
    add_options(parser, rate=20.0)
    return parser.parse_args(arguments)


def add_options(parser: argparse.ArgumentParser, *, rate: float) -> None:
    """Add what every family may be told; `rate` is the storm's, if nothing else is said."""
    parser.add_argument("--seed", type=int, default=1, help="of all chance (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=rate, help="events a second of each storm (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=180.0, help="after it, what is missing is lost, seconds")
    parser.add_argument("--keep", type=Path, help="folder for all files of the run, kept; default: a temporary one")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result (default: %(default)s)")


def storm_beds(trial: Trial, asked: argparse.Namespace) -> list[Bed]:
    """The storm beds that were asked for, added to a trial."""
    beds = [
        Bed(
            trial.folder / f"storm-{number}",
            f"storm-{number}",
            port=trial.broker.port,
            rate=asked.rate,
            seed=asked.seed * 100 + number,
            setup=PLANTS.get(asked.plant),
        )
        for number in range(1, asked.beds + 1)
    ]
    trial.beds += beds
    return beds


@contextmanager
def folder(asked: argparse.Namespace) -> Iterator[Path]:
    """Where the files of a run go, for the time of the body; what was asked to be kept stays."""
    path = asked.keep or Path(tempfile.mkdtemp(prefix="npng-proof-"))
    try:
        yield path
    finally:
        if asked.keep is None:
            shutil.rmtree(path, ignore_errors=True)


def look(count: int) -> tuple[float, float]:
    """Let everything run undisturbed before so many faults; returns begin and end, seconds since 1970."""
    begin = time.time()
    time.sleep(min(HEALTHY_S, 1.0 + count / 10))
    end = time.time()
    time.sleep(ARRIVED_S)
    return begin, end


def finish(trial: Trial, tally: Tally, asked: argparse.Namespace, window: tuple[float, float]) -> None:
    """Judge a trial whose faults are over, and add what is found to the tally."""
    if asked.plant == INVENTION:
        forge(trial)
    verdict = trial.judge(asked.patience)
    tally.verdicts.append(verdict)
    tally.deaths += trial.end()
    decisions, heard = trial.decisions(), trial.station.heard()
    tally.healthy += healthy(heard, *window)
    tally.reconnected += after_reconnect(decisions, {one.id: one for one in heard})
    tally.unsettled += sum(not one.kept for bed in decisions for one in bed.alarms)
    for rule, who in verdict.broken.items():
        print(f"{rule}: {len(who)}, e.g. {', '.join(who[:5])}", file=sys.stderr)
    for death in tally.deaths:
        print(f"ended by itself: {death}", file=sys.stderr)


def tell(name: str, title: str, asked: argparse.Namespace, tally: Tally) -> int:
    """Print the result and, without a planted defect, write it; returns the exit status."""
    verdicts = tally.verdicts

    def broken(rule: str) -> int:
        return sum(len(getattr(verdict, rule)) for verdict in verdicts)

    figures: dict[str, Figure] = {
        FAULTS: tally.faults.total(),
        **{f"... {kind}": count for kind, count in sorted(tally.faults.items())},
        KEPT: sum(verdict.kept for verdict in verdicts),
        "alarms at the station": sum(verdict.heard for verdict in verdicts),
        LOST: broken("lost"),
        "invented": broken("invented"),
        "with another content": broken("altered"),
        "stored twice": broken("repeated"),
        "out of order": broken("late"),
        "gaps in the sequence": broken("gaps"),
        "beds whose level disagrees with the edges": broken("disagreeing"),
        "beds that ended by themselves": len(tally.deaths),
        "killed between decision and outbox": tally.unsettled,
        "duplicates on the wire, removed by the station": sum(verdict.duplicates for verdict in verdicts),
        HEALTHY: _words(tally.healthy),
        "connection to station, of what had waited": _words(tally.reconnected),
    }
    command = f"python -m proof faults {name} --count {asked.count} --seed {asked.seed}"
    result = Result(f"faults-{name}", title, command, tally.passed, figures)
    return publish(result, None if asked.plant else asked.results)


def _words(seconds: Sequence[float]) -> str | None:
    spread = Spread.of(seconds)
    return None if spread is None else f"{spread} ({spread.count:,})"
