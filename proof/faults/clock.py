"""`python -m proof faults clock`: the bed's clock forward, back, back before the stay began, not synchronised.

A bed under a storm of alarms has its wall clock set (`wall.Wall`) while everything else keeps the true time; twice it
is killed with a wrong clock, so that a run begins before the one it follows. Staff ask meanwhile. What a clock does to
decisions is judged in simulated time as well (`clock_judged`), where minutes are no time at all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from npng_edge.ask import ask, make_request
from proof.bed import Bed
from proof.faults.clock_judged import clock_alarm_after, differing
from proof.faults.run import Tally, add_options, finish, folder, look
from proof.latency import healthy
from proof.report import Figure, Result, Spread, publish
from proof.trial import Trial
from proof.wall import Wall, follow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from proof.checker import Heard

HOUR_S, DAY_S, AGES_S = 3600.0, 86_400.0, 1.7e9
AGREES_S = 5.0
"""The times in alarms must be so near to the clock that was set, else the fault did not happen."""
P99_S = 1.0
"""From condition to station, whatever the clock does."""
BEGUN_S = 3.0
"""A bed that was killed is back after so long."""
PATIENCE_S = 20.0
STALE_S = 1800.0
"""A request that is stale expired so long ago."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the clock is set, and what must follow."""

    name: str
    offset_s: float
    synchronised: bool | None = None
    killed: bool = False
    """The bed is killed, and begins anew with this clock."""
    answer: str = "done"
    """To a request that is valid by the true clock: its outcome, or the reason of the refusal."""
    alarm: bool = True
    """Whether `clock` must be raised."""


SETTINGS = (
    Setting("forward 1 h", HOUR_S, answer="expired"),
    Setting("back 1 h", -HOUR_S),
    Setting("back a day, before the stay began", -DAY_S),
    Setting("back a day, and begun anew", -DAY_S, killed=True, alarm=False),
    Setting("back 54 years, as without a battery, and begun anew", -AGES_S, killed=True),
    Setting("set right while it runs", 0.0),
    Setting("not synchronised", 0.0, synchronised=False),
)
JUDGED_S = (HOUR_S, -HOUR_S, -DAY_S)


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of one setting."""

    setting: Setting
    latency: Spread | None
    """From condition to station, by the true clock."""
    shown_s: float
    """By so much the times in alarms differed from the true time: the median."""
    answer: str
    """To a valid request."""
    stale: str
    """To a request that has expired."""
    alarm_s: float | None
    """Until `clock` is raised, in simulated time; None: it is not."""

    @property
    def wrong(self) -> list[str]:
        """What was not as it must be."""
        setting = self.setting
        late = self.latency is None or self.latency.p99 > P99_S
        return [
            *(["alarms are late"] if late else []),
            *(
                [f"the clock was off by {self.shown_s:.0f} s"]
                if abs(self.shown_s - setting.offset_s) > AGREES_S
                else []
            ),
            *([f"a valid request was answered {self.answer}"] if self.answer != setting.answer else []),
            *(["no alarm clock"] if setting.alarm and self.alarm_s is None else []),
        ]

    def __str__(self) -> str:
        raised = "never" if self.alarm_s is None else f"after {self.alarm_s:.0f} s"
        return (
            f"condition to station {self.latency}; valid request: {self.answer}; stale request: {self.stale}; "
            f"`clock` raised: {raised}" + ("; WRONG: " + ", ".join(self.wrong) if self.wrong else "")
        )


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when an alarm was lost, late, early or not raised because of a clock."""
    parser = argparse.ArgumentParser(prog="python -m proof faults clock", description=__doc__)
    parser.add_argument("--hold", type=float, default=20.0, help="seconds with each setting (default: %(default)g)")
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="how many of them (default: all)")
    parser.add_argument("--minutes", type=int, default=60, help="of simulated pains (default: %(default)s)")
    add_options(parser, rate=10.0)
    asked = parser.parse_args(arguments)
    asked.plant = None
    tally = Tally()
    with folder(asked) as path:
        found = _under_storm(path / "trial", asked, tally)
    judged = {offset: differing(asked.minutes, offset) for offset in JUDGED_S}
    return publish(_result(found, judged, tally, asked), asked.results)


def _under_storm(path: Path, asked: argparse.Namespace, tally: Tally) -> list[Found]:
    trial = Trial(path)
    wall = Wall(path / "wall")
    bed = Bed(
        path / "bed-1",
        "bed-1",
        port=trial.broker.port,
        rate=asked.rate,
        seed=asked.seed,
        setup=partial(follow, wall.path),
    )
    trial.beds.append(bed)
    seen = []
    before_s = 0.0
    with trial.running():
        trial.begin()
        window = look(len(SETTINGS))
        for setting in SETTINGS[: asked.settings]:
            wall.set(setting.offset_s, synchronised=setting.synchronised)
            if setting.killed:
                bed.kill()
                bed.start()
                time.sleep(BEGUN_S)
            begun = time.time()
            answers = _answer(bed, PATIENCE_S), _answer(bed, -STALE_S)
            time.sleep(max(0.0, begun + asked.hold - time.time()))
            begun_s = setting.offset_s if setting.killed else before_s
            alarm_s = clock_alarm_after(
                path, setting.offset_s - begun_s, synchronised=setting.synchronised, begun_s=begun_s
            )
            before_s = setting.offset_s
            seen.append((setting, (begun, time.time()), answers, alarm_s))
            tally.faults[setting.name] += 1
        wall.set(0.0)
        finish(trial, tally, asked, window)
        heard = trial.station.heard()
    return [
        Found(setting, Spread.of(healthy(heard, *window)), _shown(heard, *window), *answers, alarm_s)
        for setting, window, answers, alarm_s in seen
    ]


def _answer(bed: Bed, patience_s: float) -> str:
    """Ask the bed for something harmless: the outcome, or the reason of the refusal."""
    assert bed.settings.broker is not None
    fields = ("conditions=[two-patients]", "seconds=30")
    request = make_request("pause", fields, who="proof", why=None, patience_s=patience_s)
    *_, last = ask(bed.settings.broker, bed.settings.place, "pause", request, PATIENCE_S)
    return last.outcome if last.reason is None else last.reason.value


def _shown(heard: Sequence[Heard], begin: float, end: float) -> float:
    """By how much the times in alarms that came between two times differ from the true time, seconds: the median."""
    times = [
        datetime.fromisoformat(json.loads(one.payload)["time"].replace("Z", "+00:00")).timestamp() - one.at
        for one in heard
        if begin + 1.0 < one.at < end
    ]
    return statistics.median(times) if times else 0.0


def _result(
    found: Sequence[Found], judged: dict[float, tuple[int, int]], tally: Tally, asked: argparse.Namespace
) -> Result:
    verdict = tally.verdicts[0]
    differ = sum(different for _, different in judged.values())
    figures: dict[str, Figure] = {
        "settings of the clock": tally.faults.total(),
        "alarms kept in an outbox": verdict.kept,
        "alarms at the station": verdict.heard,
        "lost": len(verdict.lost),
        "other rules broken": ", ".join(rule for rule in verdict.broken if rule != "lost") or "none",
        "beds that ended by themselves": len(tally.deaths),
        "condition to station, median / p99 / longest, right clock": str(Spread.of(tally.healthy)),
        **{one.setting.name: str(one) for one in found},
        **{
            f"simulated: alarms decided otherwise, clock set by {offset:+,.0f} s": f"{different} of {decided}"
            for offset, (decided, different) in judged.items()
        },
    }
    command = f"python -m proof faults clock --seed {asked.seed}"
    passed = tally.passed and not differ and not any(one.wrong for one in found)
    return Result("faults-clock", "the clock forward, back, not synchronised", command, passed, figures)
