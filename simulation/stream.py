"""A made-up patient as the daemon would meet them: readings, ticks, vital signs and the requests of staff, in time."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.policy.events import Asked, Measured, Tick
from npng_edge.policy.events import Seen as SeenEvent
from npng_edge.requests import Analgesic, Assign, Rate, Request
from npng_edge.units import (
    ACTION_UNITS,
    MOTION_REGIONS,
    ActionUnits,
    Box,
    EyeClosure,
    Face,
    Moment,
    Pose,
    Reading,
)
from npng_edge.vitals import Consciousness, Vitals
from simulation.patient import COLUMN, HIDDEN, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npng_edge.policy.events import Event
    from simulation.patient import Act, Person

START = datetime(2026, 3, 2, 0, 0, tzinfo=timezone.utc)
"""When every simulation begins, unless told otherwise."""
EXPIRES = timedelta(seconds=30)
CHUNK = 4096
"""Rows that are made into readings at once: bounds the memory of a day."""
REASONS = dict(HIDDEN.values())
BOX = Box(220.0, 120.0, 160.0, 200.0)
TICK_S = 1.0
"""The daemon ticks four times a second; once is enough where nothing waits for a thread."""
PRESSURE_S, SLOW_S = 900.0, 4 * 3600.0
"""Time between measurements of blood pressure, and of temperature and consciousness."""


def stream(
    who: Person, acts: Sequence[Act], seen: Seen, rng: np.random.Generator, start: datetime = START
) -> Iterator[tuple[Moment, Event]]:
    """Everything that happens, in order of time.

    Args:
        who: The patient, assigned at once.
        acts: What `seen` was made from: staff and vital signs follow the pain in it.
        seen: The face.
        rng: The only source of chance.
        start: UTC of time 0.
    """
    end = float(seen.times[-1])
    utc = start.timestamp()
    sources: tuple[Iterator[tuple[float, Event]], ...] = (
        staff(who, acts, end, start, rng),
        ((reading.time, SeenEvent(reading)) for reading in readings(seen, rng)),
        vitals(who, seen, start, rng),
        ((TICK_S * number, Tick()) for number in range(1, int(end / TICK_S))),
    )
    timed = heapq.merge(*sources, key=lambda one: one[0])
    for time, event in timed:
        yield Moment(time, utc + time, synchronised=True), event


def readings(seen: Seen, rng: np.random.Generator) -> Iterator[Reading]:
    """The rows as readings, with a quality of view that wanders between 0.6 and 0.95."""
    for begin in range(0, len(seen.times), CHUNK):
        rows = slice(begin, begin + CHUNK)
        quality = rng.uniform(0.6, 0.95, len(seen.times[rows]))
        columns = (seen.times, seen.units, seen.eyes, seen.hidden, seen.people, seen.motion)
        for number, (time, units, eyes, hidden, people, motion, good) in enumerate(
            zip(*(column[rows].tolist() for column in columns), quality.tolist(), strict=True), begin
        ):
            gone = hidden == HIDDEN["gone"][0]
            yield Reading(
                sequence=number,
                time=time,
                people=people - gone,
                in_bed=1 - gone,
                face=None if gone else Face(BOX, Pose(60.0 if hidden == 1 else 0.0, 0.0, 0.0), 0.2 if hidden else good),
                action_units=None
                if hidden
                else ActionUnits(
                    dict.fromkeys(ACTION_UNITS, 0.0) | dict(zip(COLUMN, units, strict=True)), EyeClosure(eyes, eyes)
                ),
                reasons=(REASONS[hidden],) if hidden else (),
                motion=dict(zip(MOTION_REGIONS, motion, strict=True)),
            )


def vitals(who: Person, seen: Seen, start: datetime, rng: np.random.Generator) -> Iterator[tuple[float, Measured]]:
    """A monitor's message a minute: heart, breath and pressure answer to the pain of the last minute, and settle."""
    answer = 0.0
    for minute in range(1, int(seen.times[-1] // 60) + 1):
        at = 60.0 * minute
        last = slice(*np.searchsorted(seen.times, (at - 60.0, at)))
        pain = float(seen.pain[last].max(initial=0.0))
        answer = max(pain, 0.7 * answer)
        pressure, slow = at % PRESSURE_S == 0, at % SLOW_S == 0
        systolic = round(who.systolic + 2.0 * answer + rng.normal(0, 4))
        yield (
            at,
            Measured(
                Vitals(
                    id=f"v-{minute}",
                    source="monitor",
                    at=start + timedelta(seconds=at),
                    heart_rate=round(who.heart_rate + 2.2 * answer + rng.normal(0, 2)),
                    respiratory_rate=round(max(6.0, who.respiratory_rate + 0.6 * answer + rng.normal(0, 1))),
                    spo2=round(min(100.0, 97.0 + rng.normal(0, 0.7))),
                    oxygen=False if slow else None,
                    systolic=systolic if pressure else None,
                    diastolic=systolic - 50 if pressure else None,
                    temperature=round(36.9 + rng.normal(0, 0.15), 1) if slow else None,
                    consciousness=Consciousness.ALERT if slow else None,
                )
            ),
        )


def staff(
    who: Person, acts: Sequence[Act], end: float, start: datetime, rng: np.random.Generator
) -> Iterator[tuple[float, Asked]]:
    """The assignment, a rating during most pain, an analgesic after the worst of it, and a rating every four hours."""
    asked: list[tuple[float, str, Request]] = []

    def ask(name: str, time: float, request: type[Request], /, **what: object) -> None:
        now = start + timedelta(seconds=time)
        fixed = {"id": f"r-{len(asked) + 1}", "who": "nurse 1", "expires": now + EXPIRES}
        asked.append((time, name, request.model_validate(fixed | what)))

    ask("assign", 0.2, Assign, patient=who.name)
    pains = [act for act in acts if act.kind == "pain" and act.seconds >= 20.0]
    dosed = -4 * 3600.0
    for act in pains:
        at = act.start + 0.6 * act.seconds
        vas = float(np.clip(act.strength / who.expressiveness + rng.normal(0, 0.7), 0.0, 10.0))
        if rng.random() < 0.7:
            ask("rate", at + 5.0, Rate, vas=round(vas, 1), rater="patient", at=start + timedelta(seconds=at))
        if act.strength >= 6.0 and act.end - dosed > 4 * 3600.0:
            dosed = act.end + 240.0
            given = start + timedelta(seconds=dosed)
            ask("analgesic", dosed + 20.0, Analgesic, drug="morphine", dose_mg=2.0, at=given)
    for hour in range(9, int(end // 3600), 4):
        at = hour * 3600.0
        if not any(act.start - 60.0 < at < act.end + 60.0 for act in pains):
            ask(
                "rate",
                at,
                Rate,
                vas=round(abs(rng.normal(0.0, 0.8)), 1),
                rater="patient",
                at=start + timedelta(seconds=at),
            )
    for at, name, request in sorted(asked, key=lambda one: one[0]):
        if at < end:
            yield at, Asked(name, request)
