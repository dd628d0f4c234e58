"""What vital signs add to the face when a nurse station orders its beds: made-up patients, the real policy.

Assumed, all of it: every patient has episodes of pain, and others of a look-alike that the face cannot tell from pain.
Each bed is lived through twice, with the two exchanged, so that both show the same PSPI. Pain raises heart rate,
respiration and systolic pressure, late and by an amount of its own in every patient; one in five hardly responds. Care,
anxiety and fever raise them as well, in pain or not. One in five gets worse in the last two hours. What comes out says
how the policy behaves under these assumptions, and nothing about real patients.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from math import exp
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

import numpy as np

from npng_edge.policy.vital import autonomic, news2, vital_signs
from npng_edge.policy.vital.autonomic import Autonomic, AutonomicState
from npng_edge.policy.vital.fusion import fuse
from npng_edge.policy.vital.vital_signs import VitalState
from npng_edge.settings import Vitals as VitalsSettings
from npng_edge.units import Assessment, BaselineOrigin, Moment, PainLevel, Priority, Threshold
from npng_edge.vitals import Consciousness, Vitals

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 60.0
"""One message of the monitor and one score of the face a minute."""
QUIET_S = 5400.0
"""Nothing happens so long after the start, so that a trend can be learnt."""
LAG_S, TAU_S = 30.0, 90.0
"""The response to pain begins so late, and then approaches its end exponentially."""
PER_VAS = {"heart_rate": 1.8, "respiratory_rate": 0.6, "systolic": 2.5}
"""Rise per step of VAS of a patient who responds as most do."""
NOISE = {"heart_rate": 3.0, "respiratory_rate": 1.2, "systolic": 5.0}
"""Standard deviation of the slow wandering of each sign."""
MINUTES = range(1, 11)
RESPONSES = (0.0, 0.5, 1.0)
"""The response of all patients is scaled by this: none at all, half of what is assumed, all of it."""
SETTINGS = VitalsSettings()
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
THRESHOLD = Threshold(4.0, 7.0, 4.0, "configured")

ALARMS = {PainLevel.PAIN: Priority.MEDIUM, PainLevel.SEVERE: Priority.HIGH}
NO_SUPPORT = Autonomic(None, reason="no-vitals")

Kind = Literal["pain", "look-alike"]
Rank = Literal["face", "scored", "fused"]


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that lasts."""

    begin: float
    end: float
    height: float
    """VAS, or what raises the signs as much as pain of that VAS does."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that will happen at one bed."""

    random: Random
    episodes: tuple[tuple[Kind, Spell], ...]
    disturbances: tuple[Spell, ...]
    """Care and anxiety: they raise the signs."""
    slope: float
    """PSPI per VAS step."""
    gain: float
    fever: float
    """Degrees at the end of the stay, rising from its middle on."""
    worse_from: float
    """From when on the patient gets worse; infinity: does not."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One bed at one time, ranked with and without support."""

    at: float
    kind: Kind | None
    """None: neither pain nor a look-alike."""
    since_s: float
    settling: bool
    """Whether one ended in the last ten minutes."""
    disturbed: bool
    worse: bool
    pspi: float
    level: PainLevel | None
    heart_rate: float
    score: news2.News2
    face: int
    """Priority by the face and its alarms alone."""
    scored: int
    """... with NEWS2 and its alarm."""
    fused: int
    """... and with support: as the device publishes it."""
    support: int
    """Points of it."""


def make_patient(seed: str, hours: float, *, exchanged: bool) -> Patient:
    """Draw one patient; `exchanged` makes look-alikes of all pain, and pain of all look-alikes."""
    random = Random(seed)
    length = 3600 * hours
    episodes: list[tuple[Kind, Spell]] = []
    begin = QUIET_S + random.uniform(0, 1800)
    while begin < length:
        kind: Kind = "pain" if (random.random() < 0.5) is not exchanged else "look-alike"
        spell = Spell(begin, begin + random.uniform(600, 1200), random.uniform(4, 9))
        episodes.append((kind, spell))
        begin = spell.end + 1200 + random.expovariate(1 / 1200)
    disturbances = [
        *_spells(random, length, every=7200, lasts=(120, 360), height=4),
        *_spells(random, length, every=21_600, lasts=(1200, 2400), height=5),
    ]
    responds = random.random() < 0.8
    return Patient(
        random=random,
        episodes=tuple(episodes),
        disturbances=tuple(disturbances),
        slope=random.lognormvariate(0, 0.25),
        gain=random.lognormvariate(0, 0.35) if responds else 0.1,
        fever=random.uniform(1.0, 2.0) if random.random() < 0.15 else 0.0,
        worse_from=length - 7200 if random.random() < 0.2 else float("inf"),
    )


def _spells(
    random: Random, length: float, *, every: float, lasts: tuple[float, float], height: float
) -> Iterator[Spell]:
    begin = random.expovariate(1 / every)
    while begin < length:
        spell = Spell(begin, begin + random.uniform(*lasts), height)
        yield spell
        begin = spell.end + random.expovariate(1 / every)


@dataclass
class Body:
    """The vital signs of one patient as time passes."""

    patient: Patient
    response: float
    hours: float
    drive: float = 0.0
    wander: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NOISE, 0.0))
    cuff: float = 0.0

    def __post_init__(self) -> None:
        random = self.patient.random
        self.rest = {
            "heart_rate": random.gauss(76, 8),
            "respiratory_rate": random.gauss(16, 1),
            "systolic": random.gauss(128, 10),
        }

    def measure(self, at: float) -> Vitals:
        """One message of the monitor; the cuff measures every ten minutes."""
        patient, random = self.patient, self.patient.random
        pain = sum(
            spell.height
            for kind, spell in patient.episodes
            if kind == "pain" and spell.begin + LAG_S <= at < spell.end + LAG_S
        )
        disturbed = sum(spell.height for spell in patient.disturbances if spell.begin <= at < spell.end)
        target = self.response * patient.gain * pain + disturbed
        self.drive += (target - self.drive) * (1 - exp(-STEP_S / TAU_S))
        fever = patient.fever * min(1.0, max(0.0, 2 * at / (3600 * self.hours) - 1))
        worse = min(1.0, max(0.0, (at - patient.worse_from) / 5400))
        signs = {}
        for sign, sd in NOISE.items():
            keep = 0.8
            self.wander[sign] = keep * self.wander[sign] + random.gauss(0, sd * (1 - keep**2) ** 0.5)
            signs[sign] = self.rest[sign] + self.wander[sign] + PER_VAS[sign] * self.drive
        signs["heart_rate"] += 10 * fever + 35 * worse
        signs["respiratory_rate"] += 1.5 * fever + 12 * worse
        if at % 600 == 0:
            self.cuff = signs["systolic"] - 30 * worse
        return Vitals(
            id=f"{at:.0f}",
            source="simulated",
            at=BEGIN + timedelta(seconds=at),
            heart_rate=signs["heart_rate"],
            respiratory_rate=max(0.0, signs["respiratory_rate"]),
            spo2=min(100.0, random.gauss(97, 0.5) - 6 * worse),
            oxygen=False,
            systolic=self.cuff if at % 600 == 0 else None,
            temperature=36.8 + fever,
            consciousness=Consciousness.ALERT,
        )


def stay(seed: str, hours: float, response: float, *, exchanged: bool) -> Iterator[Sample]:
    """One bed through the policy."""
    patient = make_patient(seed, hours, exchanged=exchanged)
    body = Body(patient, response, hours)
    vitals, trends = VitalState(), AutonomicState()
    for step in range(round(3600 * hours / STEP_S)):
        at = step * STEP_S
        moment = Moment(at, BEGIN.timestamp() + at, synchronised=True)
        after = vital_signs.take(vitals, body.measure(at), moment, SETTINGS)
        assert isinstance(after, VitalState)
        vitals = after
        now = next((pair for pair in patient.episodes if pair[1].begin <= at < pair[1].end), None)
        pspi = max(0.0, patient.random.gauss(0.0 if now is None else patient.slope * now[1].height, 0.5))
        assessment = _assess(at, pspi)
        signs = vital_signs.current(vitals, moment, SETTINGS)
        trends = autonomic.learn(trends, signs, moment, assessment.level)
        score = news2.score(signs, 1)
        support = autonomic.support(trends, signs, moment)
        of_face = [ALARMS[level] for level in (assessment.level,) if level in ALARMS]
        of_score = [priority for priority in (news2.evidence(score, SETTINGS)[1],) if priority]
        face, scored, fused = (
            fuse(assessment, supported, known, alarms=alarms, unattended_s=0.0, moment=moment)
            for supported, known, alarms in (
                (NO_SUPPORT, None, of_face),
                (NO_SUPPORT, score, of_face + of_score),
                (support, score, of_face + of_score),
            )
        )
        settling = any(spell.end <= at < spell.end + 600 for _, spell in patient.episodes)
        if at >= QUIET_S:
            yield Sample(
                at=at,
                kind=None if now is None else now[0],
                since_s=0.0 if now is None else at - now[1].begin,
                settling=settling,
                disturbed=any(spell.begin + 60 <= at < spell.end for spell in patient.disturbances),
                worse=at >= patient.worse_from,
                pspi=pspi,
                level=assessment.level,
                heart_rate=signs.heart_rate or 0.0,
                score=score,
                face=face.priority,
                scored=scored.priority,
                fused=fused.priority,
                support=fused.points["support"],
            )


def _assess(at: float, pspi: float) -> Assessment:
    bounds = ((7.0, PainLevel.SEVERE), (4.0, PainLevel.PAIN), (2.0, PainLevel.RAISED))
    level = next((level for bound, level in bounds if pspi >= bound), PainLevel.NONE)
    return Assessment(
        time=at,
        pspi=pspi,
        pspi_error=None,
        pspi_above_baseline=pspi,
        reasons=(),
        baseline=BaselineOrigin.CAPTURED,
        look_alike=None,
        pain=pspi >= THRESHOLD.pain,
        threshold=THRESHOLD,
        level=level,
        trend=None,
        confidence=1.0,
        since=None,
        minutes_above=0.0,
        vas=None,
        asymmetry=None,
    )


def order(first: list[int], second: list[int]) -> float:
    """How often a bed of the first kind ranks above one of the second, in % of pairs; ties count half."""
    one, two = np.asarray(first)[:, None], np.asarray(second)[None, :]
    return 100 * float(np.mean(one > two) + np.mean(one == two) / 2)


def pain_first(samples: list[Sample], minute: int, rank: Rank, *, severe: bool | None = None) -> float:
    """How often pain ranks above a look-alike, both so many minutes after their onset, in % of pairs.

    Args:
        samples: Of all beds.
        minute: Since the onset.
        rank: By what.
        severe: Whether both faces show severe pain (true) or pain (false) at that minute; None: whatever they show.
    """
    kinds: dict[Kind, list[int]] = {"pain": [], "look-alike": []}
    level = {True: PainLevel.SEVERE, False: PainLevel.PAIN}
    for sample in samples:
        if sample.kind is None or sample.worse or sample.since_s // 60 != minute:
            continue
        if severe is None or sample.level is level[severe]:
            kinds[sample.kind].append(getattr(sample, rank))
    return order(kinds["pain"], kinds["look-alike"])


def main(argv: list[str]) -> None:
    """Simulate, print the tables, and draw the plots when a folder is given."""
    parser = argparse.ArgumentParser(prog="python -m simulation fusion", description=__doc__)
    parser.add_argument("--beds", type=int, default=40, help="each is lived through twice")
    parser.add_argument("--hours", type=float, default=8.0, help="at every bed")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--plots", type=Path, help="folder for fusion-order.png and fusion-bed.png")
    options = parser.parse_args(argv)
    begin = time.perf_counter()
    beds = {
        response: [
            list(stay(f"{options.seed}-{bed}", options.hours, response, exchanged=exchanged))
            for bed in range(options.beds)
            for exchanged in (False, True)
        ]
        for response in RESPONSES
    }
    pooled = {response: [sample for bed in found for sample in bed] for response, found in beds.items()}
    _print_order(pooled)
    _print_price(pooled[1.0])
    _print_worse(beds[1.0])
    hours = 2 * options.beds * options.hours
    print(f"\n{hours:.0f} bed-hours for each of {len(RESPONSES)} responses, {time.perf_counter() - begin:.0f} s.")
    if options.plots:
        from simulation.fusion_plots import draw_bed, draw_order  # noqa: PLC0415 - the tables need no matplotlib

        draw_order(options.plots / "fusion-order.png", pooled)
        draw_bed(options.plots / "fusion-bed.png", beds[1.0])


def _print_order(pooled: dict[float, list[Sample]]) -> None:
    print("Pain ranks above a look-alike, % of pairs of beds at the same minute since the onset:\n")
    print("| response | pairs of faces | minute | face alone | with NEWS2 | and support |")
    print("| --- | --- | --- | --- | --- | --- |")
    for response, samples in pooled.items():
        for name, severe in (("any", None), ("both show pain", False), ("both show severe pain", True)):
            for minute in (1, 3, 5) if response == 1.0 else (5,):
                ranks: tuple[Rank, ...] = ("face", "scored", "fused")
                found = [f"{pain_first(samples, minute, rank, severe=severe):.0f}" for rank in ranks]
                print(f"| x {response:g} | {name} | {minute} | {' | '.join(found)} |")


def _print_price(samples: list[Sample]) -> None:
    print("\nCalm faces, and what support makes of them (response x 1):\n")
    print(
        "| calm bed | has support points, % of time | mean points | pain ranks above it, %: with NEWS2 | and support |"
    )
    print("| --- | --- | --- | --- | --- |")
    pain = _in_pain(samples)
    for name, disturbed in (("undisturbed", False), ("care or anxiety", True)):
        calm = [sample for sample in samples if _calm(sample) and sample.disturbed is disturbed]
        points = [sample.support for sample in calm]
        print(
            f"| {name} | {100 * np.mean([point > 0 for point in points]):.0f} | {np.mean(points):.1f}"
            f" | {order([sample.scored for sample in pain], [sample.scored for sample in calm]):.1f}"
            f" | {order([sample.fused for sample in pain], [sample.fused for sample in calm]):.1f} |"
        )


def _print_worse(beds: list[list[Sample]]) -> None:
    samples = [sample for bed in beds for sample in bed]
    worse = [[sample for sample in bed if sample.worse] for bed in beds if bed[-1].worse]
    firsts = [next((sample.at - bed[0].at for sample in bed if sample.score.partial >= 7), None) for bed in worse]
    found = [first / 60 for first in firsts if first is not None]
    pain, calm = _in_pain(samples), [sample for sample in samples if _calm(sample)]
    high = [sample.fused for bed in worse for sample in bed if sample.kind is None and sample.score.partial >= 7]
    low = [sample.fused for sample in pain if not _alarms(sample)]
    print(f"\nBeds that get worse: {len(worse)}. NEWS2 reaches 7 at {len(found)}", end="")
    print(f", {np.median(found):.0f} minutes after the begin (median).")
    print(
        f"NEWS2 from 7 on and a calm face ranks above pain in {order(high, [sample.fused for sample in pain]):.1f} % of"
        f" pairs, and above pain with NEWS2 below 5 and no single 3 in {order(high, low):.1f} %."
    )
    print(
        "NEWS2 alarms at beds that do not get worse:"
        f" {100 * np.mean([_alarms(sample) for sample in pain]):.1f} % of the time in pain,"
        f" {100 * np.mean([_alarms(sample) for sample in calm]):.1f} % of calm time."
    )


def _in_pain(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.kind == "pain" and sample.since_s >= 180 and not sample.worse]


def _calm(sample: Sample) -> bool:
    return sample.kind is None and not sample.settling and not sample.worse


def _alarms(sample: Sample) -> bool:
    return news2.evidence(sample.score, SETTINGS)[0] is True
