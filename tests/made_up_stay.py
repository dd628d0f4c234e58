"""A made-up stay, for tests of the report and for looking at it: `python tests/made_up_stay.py FOLDER`."""

from __future__ import annotations

import math
import random
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType

from npng_edge.policy.happening.episode import (
    Closing,
    Effect,
    Episode,
    Missing,
    Response,
    Sample,
    Trigger,
    TriggerKind,
    VitalChange,
)
from npng_edge.policy.rating.sensitivity import estimate
from npng_edge.policy.stays.compare import compare
from npng_edge.policy.stays.figures import Minute, Summary
from npng_edge.policy.stays.profile import Baseline, Dose, Profile, Rating
from npng_edge.policy.stays.stay import Audit, Stay
from npng_edge.report.page import About
from npng_edge.report.stay import View, stay_report
from npng_edge.report.tables import write_tables
from npng_edge.settings import Policy
from npng_edge.units import ACTION_UNITS, BaselineOrigin

HOUR = 3600.0
BEGIN = datetime(2026, 3, 9, 9, 20, tzinfo=timezone.utc).timestamp()
SLOPE = 0.8


def made_up(days: float = 3.0, *, begin: float = BEGIN, name: str = "stay-2", pain: float = 1.0, seed: int = 4) -> Stay:
    """A patient after an operation: pain that eases over the days, morphine, nights, and hours out of view."""
    chance = random.Random(seed)  # noqa: S311 - a made-up patient needs no secret
    doses = [
        Dose(begin + hours * HOUR, 0.0, "morphine", 2.0, "given")
        for hours in (1.5, 4.1, 7.7, 10.4, 15.2, 22.0, 27.5, 33.1, 45.6, 55.0)
        if hours < days * 24
    ]
    if doses:
        doses[-1] = replace(doses[-1], state="unanswered", bolus_id="b-9")
    ratings = tuple(
        Rating(
            begin + hours * HOUR,
            float(vas),
            "patient" if own else "staff",
            who,
            max(0.0, vas * SLOPE + chance.gauss(0, 0.6)),
            0.4,
            40,
        )
        for hours, vas, own, who in (
            (1.2, 8, True, "nurse 3"),
            (2.4, 5, True, "nurse 3"),
            (7.5, 7, False, "nurse 8"),
            (10.2, 6, True, "nurse 8"),
            (22.1, 6, True, "nurse 3"),
            (26.0, 3, False, "nurse 5"),
            (33.0, 5, True, "nurse 5"),
            (45.4, 4, True, "nurse 3"),
            (54.9, 4, False, "nurse 8"),
            (68.0, 2, True, "nurse 3"),
        )
        if hours < days * 24
    )
    hours = [
        _hour(chance, begin, index, pain, doses, ratings)
        for index in range(int(days * 24))
        if not 29 <= index < 33  # switched off for a transport
    ]
    episodes = _episodes(chance, begin, days, doses)
    baseline = Baseline(
        dict.fromkeys(ACTION_UNITS, 0.2), BaselineOrigin.CAPTURED, begin + days * 86400 - 1200, samples=8000, spread=0.3
    )
    profile = Profile(
        "PT-0417", name, begin, baseline=baseline, ratings=ratings, threshold_vas=4.0, ledger=tuple(doses[-1:])
    )
    return Stay(profile, begin + days * 86400, tuple(hours), tuple(episodes), _audit(begin))


def _hour(
    chance: random.Random, begin: float, index: int, pain: float, doses: list[Dose], ratings: tuple[Rating, ...]
) -> Summary:
    at = begin + index * HOUR
    ward_hour = datetime.fromtimestamp(at, timezone.utc).hour
    night = ward_hour >= 22 or ward_hour < 6
    strong = pain * 3.2 * math.exp(-index / 40) * (0.6 if night else 1.0)
    seen = 0.0 if index in (18, 19) else min(1.0, max(0.2, chance.gauss(0.82, 0.12)))
    histogram, minutes = [0.0] * 65, []
    hurts = 0.0
    for minute in range(60):
        utc = at + 60 * minute
        last = max((dose.utc for dose in doses if dose.utc <= utc), default=None)
        eased = 1.0 if last is None else 1 - 0.7 * math.exp(-(((utc - last) / 60 - 35) ** 2) / 1200)
        mean = max(0.0, strong * eased * (1 + 0.3 * math.sin(utc / 500)) + chance.gauss(0.3 + 0.7 * night, 0.2))
        scored = 60.0 * (chance.random() < seen)
        if index < 0 or not scored:
            continue
        level = 0.0
        for _ in range(12):
            score = max(0.0, chance.gauss(mean, 0.6) + (4.0 if chance.random() < 0.02 * pain else 0.0))
            histogram[min(64, round(score / 0.25))] += 5.0
            level += 5.0 * (score >= 3.2)
        hurts += level
        minutes.append(Minute(utc, round(mean, 2), scored, level))
    scored_s = sum(histogram)
    while histogram and histogram[-1] == 0.0:
        histogram.pop()
    missed = (3600.0 - scored_s) * 0.97
    vas = [0.0] * 21
    vas[min(20, round(strong / SLOPE / 0.5))] = scored_s
    return Summary(
        begin_utc=at,
        end_utc=at + HOUR - 0.1,
        seconds=HOUR,
        scored_s=scored_s,
        unscored_s=MappingProxyType(
            {"no-face": missed} if index in (18, 19) else {"turned-away": missed * 0.7, "occluded": missed * 0.3}
        ),
        look_alike_s=MappingProxyType({"sleep": 0.5 * scored_s} if night else {"talk": 90.0}),
        pain_s=hurts,
        histogram=tuple(histogram),
        vas_histogram=tuple(vas) if index > 2 else (),
        minutes=tuple(minutes),
        threshold=3.2 if index > 2 else 4.0,
        alarms=MappingProxyType(
            {"pain": round(hurts / 150), "no-face": int(index in (18, 40)), "view-blocked": int(index == 25)}
        ),
        worst_news2=None if index % 3 else (7 if index == 21 else 5 if 15 < index < 30 else 2),
        ratings=tuple(rating for rating in ratings if at <= rating.utc < at + HOUR),
        doses=tuple(dose for dose in doses if at <= dose.utc < at + HOUR and dose.state != "unanswered"),
    )


def _episodes(chance: random.Random, begin: float, days: float, doses: list[Dose]) -> list[Episode]:
    made: list[Episode] = []
    onset = begin + 1500.0
    while onset < begin + days * 86400 - 600:
        if not 29 * HOUR <= onset - begin < 33 * HOUR and not 18 * HOUR <= onset - begin < 20 * HOUR:
            made.append(_episode(chance, len(made) + 1, onset, begin, doses))
        onset += chance.expovariate(1 / (1.2 * HOUR * math.exp((onset - begin) / (45 * HOUR))))
    return made


def _episode(chance: random.Random, number: int, onset: float, begin: float, doses: list[Dose]) -> Episode:
    duration = min(900.0, 8 + chance.expovariate(1 / 60))
    peak = min(14.0, 3.6 + chance.expovariate(1 / 2.2) * math.exp(-(onset - begin) / (60 * HOUR)))
    series = tuple(
        Sample(
            time=second,
            pspi=None if number % 5 == 0 and 4 < second < 10 else 1.0 + _shape(second, duration) * peak,
            above=None
            if number % 5 == 0 and 4 < second < 10
            else max(0.0, _shape(second, duration) * peak + chance.gauss(0.2, 0.15)),
        )
        for second in (-60 + step * (60 + duration) / 150 for step in range(151))
    )
    kind = chance.choice([*TriggerKind, None])
    trigger = Trigger(
        kind=kind,
        confidence=0.0 if kind is None else chance.uniform(0.5, 0.95),
        region="trunk" if kind is TriggerKind.MOVEMENT else None,
        missing=Missing.NO_MOTION if kind is None else None,
    )
    given = [dose for dose in doses if onset <= dose.utc <= onset + duration + HOUR][:1]
    return Episode(
        id=f"7f3a-e{number}",
        revision=len(given),
        continues=None,
        closing=Closing.OVER,
        onset_utc=onset,
        raised_utc=onset + 1.5,
        peak_utc=onset + 0.4 * duration,
        end_utc=onset + duration,
        duration_s=duration,
        before_s=60.0,
        seen_s=duration * 0.9,
        above_baseline=number > 1,
        peak_pspi=peak,
        mean_pspi=peak * 0.7,
        peak_units=MappingProxyType({"AU4": peak / 3, "AU43": 1.0}),
        trigger=trigger,
        most_people=2 if kind is TriggerKind.HANDLING else 1,
        attended_s=duration * 0.8 if kind is TriggerKind.HANDLING else 0.0,
        vitals=(
            VitalChange("heart_rate", 82.0, 82.0 + 2 * peak, 90.0 + 2 * peak),
            VitalChange("respiratory_rate", 16.0, 18.0, 21.0),
            VitalChange("spo2", None, None, None),
        ),
        dynamics=None,
        series=series,
        responses=tuple(
            Response(
                utc=dose.utc,
                drug=dose.drug,
                mg=dose.mg,
                before=4.0,
                effects=(
                    Effect(5, -0.3),
                    Effect(15, -1.4),
                    Effect(30, -2.2),
                    Effect(60, None, Missing.NOT_SEEN if number % 2 else Missing.NOT_YET),
                ),
                other_doses=0,
            )
            for dose in given
        ),
    )


def _shape(second: float, duration: float) -> float:
    if second < 0 or second > duration:
        return 0.05
    return math.sqrt(math.sin(math.pi * min(1.0, (second + 1) / (duration + 1))))


def _audit(begin: float) -> tuple[Audit, ...]:
    return tuple(
        Audit(begin + hours * HOUR, *rest)
        for hours, *rest in (
            (0.0, "assign", "nurse 3", None, "done", None, "Stay stay-2 begins."),
            (0.1, "baseline", "nurse 3", "after the operation", "started", None, "Keep the face at rest and in view."),
            (
                0.1,
                "baseline",
                "nurse 3",
                "after the operation",
                "refused",
                "not-quiet",
                "The face was not at rest (AU25 moved by 1.9, at the most 0.8 is allowed): see that nobody speaks with "
                "the patient, then capture again.",
            ),
            (0.2, "baseline", "nurse 3", "after the operation", "done", None, ""),
            (1.2, "rate", "nurse 3", None, "done", None, "PSPI 6.1 goes with it."),
            (5.5, "pause", "<b>nurse</b> 8", "washing", "refused", "too-long", "At the most 600 s."),
            (5.6, "pause", "nurse 8", "washing", "done", None, ""),
            (26.0, "threshold", "doctor 2", "calmer now", "done", None, ""),
        )
    )


def report(stay: Stay, earlier: Stay | None = None) -> str:
    """The report of a stay, as the command makes it."""
    settings = Policy()
    end = stay.ended_utc or stay.hours[-1].end_utc
    view = View(
        bed="st-mary/icu-2/bed-07",
        estimate=estimate(stay.profile.ratings, settings.sensitivity, end),
        comparison=None if earlier is None else compare(stay, earlier, settings),
        zone=timezone(timedelta(hours=9), "KST"),
    )
    about = About(datetime(2026, 3, 12, 10, 0, tzinfo=timezone.utc), "npng-edge 1.2.3", {})
    return stay_report(stay, about, view)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    now, before = made_up(), made_up(2.0, begin=BEGIN - 40 * 86400, name="stay-1", pain=1.5, seed=9)
    (folder / "report.html").write_text(report(now, before), encoding="utf-8")
    write_tables(now, folder, parquet=True)
