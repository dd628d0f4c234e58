"""Days without pain through the policy, and short pains: what is alarmed that should not be, and what is missed.

The days hold talking, smiling, laughing, yawning, chewing, squinting, reading and sleeping, and no pain at all. The
pains come on among the same, with the face in view. All of it goes through the daemon's own reducer with a patient
assigned. The trade-off of threshold and on-delay takes the same faces through the functions that decide about `pain`
alone, since a day through the reducer costs most of a minute for one point of it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from npng_edge.policy.alarm.sustained import RESTING, step
from npng_edge.policy.face import baseline as baselines
from npng_edge.policy.face import look_alike, pain_state
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Baseline as BaselineSettings
from npng_edge.settings import Pain, Policy
from npng_edge.units import Moment, Phase
from simulation import schedule
from simulation.patient import Act, person, see
from simulation.run import run
from simulation.stream import readings, stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from simulation.patient import Floats, Person, Seen

HOUR = 3600.0
EPISODE_GAP_S = 150.0
EPISODES = 20
"""Pains of each size and person."""
LEARNING_S = 300.0
"""At the start of the pains' stream: time for the baseline to be learnt."""
THRESHOLDS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0)
ON_DELAYS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
RATES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0)
"""Readings a second at which pains are tried as well."""
RATED = 4
"""People of whom they are."""
SOON_S = 15.0
"""An episode that is alarmed later than this after its onset is missed."""
PAINS = ((6.0, 10.0), (5.0, 5.0))
"""(PSPI above the neutral face, seconds): the goal's, and a weaker, shorter one."""
AFTERWARDS = 41
"""Readings after a raised one that are still stepped: more than the off-delay, at ten a second."""
SETTINGS = Policy()


class Scene(NamedTuple):
    """One person: what happens, and what the camera makes of it."""

    who: Person
    acts: tuple[Act, ...]
    seen: Seen


class Judged(NamedTuple):
    """What the policy made of the readings that could be scored."""

    times: Floats
    scores: Floats
    """PSPI, above baseline where there is one."""
    explained: Floats
    certain: npt.NDArray[np.bool_]


class Trial(NamedTuple):
    """What became of one scene."""

    acts: tuple[Act, ...]
    judged: Judged
    raised: list[float]
    """When the daemon's policy raised `pain`."""
    others: Counter[str]
    """What else it raised."""


def painless(seed: int, hours: float, rate: float) -> Scene:
    """A person without pain, from midnight."""
    rng = np.random.default_rng((seed, 1))
    who = person(rng, f"sim-{seed:04d}")
    acts = schedule.look_alikes(rng, hours)
    return Scene(who, acts, see(who, acts, hours * HOUR, rate, rng))


def episodes(seed: int, pain: tuple[float, float], count: int, rate: float) -> Scene:
    """A person awake with short pains among the look-alikes, all of one height and length."""
    rng = np.random.default_rng((seed, 2))
    who = person(rng, f"sim-{seed:04d}")
    strength, length = pain
    starts = LEARNING_S + EPISODE_GAP_S * np.arange(count) + rng.uniform(0.0, EPISODE_GAP_S / 2, count)
    pains = tuple(Act("pain", float(start), length, strength) for start in starts)
    seconds = LEARNING_S + EPISODE_GAP_S * (count + 1)
    acts = (*schedule.look_alikes(rng, seconds / HOUR, begin=9.0, unseen=False), *pains)
    return Scene(who, acts, see(who, acts, seconds, rate, rng))


def through_the_daemon(scene: Scene, seed: int) -> list[tuple[float, str]]:
    """(time, condition) of each alarm that is raised, by the daemon's whole reducer with the patient assigned."""
    events = stream(*scene, np.random.default_rng((seed, 3)))
    return [
        (made.time, made.alarm.condition)
        for one in run(events, SETTINGS)
        for made in one.decisions.transitions
        if made.phase is Phase.START
    ]


def judge(seen: Seen, settings: Pain) -> Judged:
    """Score the readings against the baseline that is learnt on the way, and put them down to look-alikes."""
    resting, rest = baselines.BaselineState(), None
    state = look_alike.LookAlikeState()
    rows = []
    learning = BaselineSettings()
    for reading in readings(seen, np.random.default_rng(0)):
        units = reading.action_units
        if units is None:
            continue
        scored = units if rest is None else baselines.subtract(units, rest)
        state, verdict = look_alike.step(state, scored, units, reading.time, settings)
        rows.append((reading.time, pspi(scored), verdict.explained, verdict.certain))
        resting, new, _ = baselines.on_units(
            resting,
            rest,
            units,
            Moment(reading.time, reading.time, synchronised=True),
            learning,
            quiet=verdict.look_alike is None,
            asymmetry=None,
        )
        rest = new or rest
    times, scores, explained, certain = zip(*rows, strict=True)
    return Judged(np.array(times), np.array(scores), np.array(explained), np.array(certain))


def alarms(judged: Judged, threshold: float, on_delay: float, settings: Pain) -> list[float]:
    """When `pain` would be raised, by the policy's own evidence and delays."""
    # Readings that speak against pain change nothing while nothing is gathered: only those near others are stepped.
    near = judged.scores >= 0.75 * threshold
    keep = near.copy()
    for shift in range(1, AFTERWARDS):
        keep[shift:] |= near[:-shift]
    state, raised = RESTING, []
    columns = (judged.times[keep], judged.scores[keep], judged.explained[keep], judged.certain[keep])
    for time_s, score, explained, certain in zip(*(column.tolist() for column in columns), strict=True):
        verdict = look_alike.Verdict(None, certain, explained)
        evidence = pain_state.evidence(score, threshold, verdict, None, None, settings)
        after = step(state, time_s, evidence=evidence, on_delay=on_delay, off_delay=settings.off_delay_s)
        if after.on and not state.on:
            raised.append(time_s)
        state = after
    return raised


def default_alarms(judged: Judged, settings: Pain) -> list[float]:
    """The same at the configured threshold and on-delay."""
    return alarms(judged, settings.threshold_vas, settings.on_delay_s, settings)


def one_day(seed: int, rate: float) -> Trial:
    """A day without pain."""
    return _try(painless(seed, 24.0, rate), seed)


def some_pains(seed: int, pain: tuple[float, float], rate: float) -> Trial:
    """An hour of short pains."""
    return _try(episodes(seed, pain, EPISODES, rate), seed)


def pains_at(rate: float, pain: tuple[float, float], seeds: Sequence[int]) -> list[float | None]:
    """Delays of short pains at another rate, by the functions that decide about pain alone."""
    found: list[float | None] = []
    for seed in seeds:
        scene = episodes(seed, pain, EPISODES, rate)
        found += delays(scene.acts, default_alarms(judge(scene.seen, SETTINGS.pain), SETTINGS.pain))
    return found


def _try(scene: Scene, seed: int) -> Trial:
    raised = through_the_daemon(scene, seed)
    pains = [at for at, condition in raised if condition == "pain"]
    others = Counter(condition for _, condition in raised if condition != "pain")
    return Trial(scene.acts, judge(scene.seen, SETTINGS.pain), pains, others)


def delays(acts: Iterable[Act], raised: Sequence[float]) -> list[float | None]:
    """Per pain: seconds from its onset to the alarm, None when none came soon enough."""
    found: list[float | None] = []
    for act in acts:
        if act.kind == "pain":
            soon = [at - act.start for at in raised if 0.0 <= at - act.start <= SOON_S]
            found.append(soon[0] if soon else None)
    return found


def blamed(trial: Trial) -> Counter[str]:
    """What the patient was doing when an alarm was raised."""
    doing: Counter[str] = Counter()
    for at in trial.raised:
        kinds = sorted({act.kind for act in trial.acts if act.start <= at <= act.end + 2.0})
        doing["+".join(kinds) or "nothing"] += 1
    return doing


def false_alarms(days: Sequence[Trial], settings: Pain) -> dict[tuple[float, float], float]:
    """By threshold and on-delay: false alarms per 24 bed-hours; each trial is a day."""
    return {
        (threshold, on_delay): sum(len(alarms(day.judged, threshold, on_delay, settings)) for day in days) / len(days)
        for threshold in THRESHOLDS
        for on_delay in ON_DELAYS
    }


def missed(trials: Sequence[Trial], settings: Pain) -> dict[tuple[float, float], float]:
    """By threshold and on-delay: share of the pains that are not alarmed soon."""
    shares = {}
    for threshold in THRESHOLDS:
        for on_delay in ON_DELAYS:
            found = [
                one
                for trial in trials
                for one in delays(trial.acts, alarms(trial.judged, threshold, on_delay, settings))
            ]
            shares[threshold, on_delay] = found.count(None) / len(found)
    return shares


def main(argv: list[str]) -> None:
    """Run the study and print its figures; with `--output` also plot a day and the trade-off."""
    parser = argparse.ArgumentParser(prog="python -m simulation look-alikes", description=__doc__)
    parser.add_argument("--days", type=int, default=20, help="simulated days, each of another person")
    parser.add_argument("--rate", type=float, default=2.0, help="readings a second")
    parser.add_argument("--seed", type=int, default=100, help="of the first person; 0 to 19 served to choose the rules")
    parser.add_argument("--jobs", type=int, default=1, help="processes; a day takes most of a minute of one core")
    parser.add_argument("--output", type=Path, help="folder for the two plots")
    asked = parser.parse_args(argv)
    began = time.perf_counter()
    settings = SETTINGS.pain
    seeds = range(asked.seed, asked.seed + asked.days)
    with ProcessPoolExecutor(asked.jobs) as pool:
        days = list(pool.map(partial(one_day, rate=asked.rate), seeds))
        pains = [list(pool.map(partial(some_pains, pain=pain, rate=asked.rate), seeds)) for pain in PAINS]
        rated = [list(pool.map(partial(pains_at, pain=pain, seeds=seeds[:RATED]), RATES)) for pain in PAINS]
    _tell_of_days(days, asked.rate)
    for pain, trials, at_rates in zip(PAINS, pains, rated, strict=True):
        found = [one for trial in trials for one in delays(trial.acts, trial.raised)]
        print(f"pains of PSPI {pain[0]:g} above baseline for {pain[1]:g} s: {_told(found)}")
        for rate, these in zip(RATES, at_rates, strict=True):
            print(f"    by the functions about pain alone, {rate:g} readings/s: {_told(these)}")
    print("the trade-off, by the functions that decide about pain alone:")
    unwanted, overlooked = false_alarms(days, settings), [missed(trials, settings) for trials in pains]
    for point, per_day in unwanted.items():
        shares = ", ".join(f"{shares[point]:.1%}" for shares in overlooked)
        print(f"threshold {point[0]:.1f}, on-delay {point[1]:.1f} s: {per_day:.2f} false a day, missed {shares}")
    if asked.output:
        from simulation import look_alike_plots as plots  # noqa: PLC0415 - only plots need matplotlib

        plots.trade_off(unwanted, overlooked, settings, asked.output / "tradeoff.png")
        plots.day(max(days, key=lambda day: len(day.raised)), settings, asked.output / "look-alike-day.png")
    print(f"{time.perf_counter() - began:.0f} s with {asked.jobs} of {os.cpu_count()} cores")


def _told(found: Sequence[float | None]) -> str:
    came = sorted(one for one in found if one is not None)
    share = f"{len(came)} of {len(found)} alarmed within {SOON_S:g} s"
    return f"{share}; after {median(came):.1f} s in the middle, {came[-1]:.1f} s at the latest" if came else share


def _tell_of_days(days: Sequence[Trial], rate: float) -> None:
    settings = SETTINGS.pain
    each = [len(day.raised) for day in days]
    bare = [len(default_alarms(day.judged, settings)) for day in days]
    acts = Counter(act.kind for day in days for act in day.acts)
    doing = sum((blamed(day) for day in days), Counter())
    others = sum((day.others for day in days), Counter())
    print(f"{len(days)} days of look-alikes at {rate:g} readings/s through the daemon's policy, threshold PSPI")
    print(
        f"{settings.threshold_vas:g} above baseline, on-delay {settings.on_delay_s:g} s: "
        f"{sum(each) / len(days):.2f} false pain alarms per 24 bed-hours"
    )
    print(f"per person: {each}, by the functions about pain alone {bare}")
    print(f"what was going on: {dict(doing.most_common())}; other alarms: {dict(others.most_common())}")
    print(f"in these days: {dict(acts.most_common())}")
