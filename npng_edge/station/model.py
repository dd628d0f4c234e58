"""What the board knows, from messages alone: (board, topic, payload, now) -> board. Nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from npng_edge.publish.messages import Alarm, Alarms, Episode, Fusion, Health, Pain, State
from npng_edge.publish.topics import ROOT
from npng_edge.units import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from npng_edge.publish.messages import AlarmPart, Envelope

CURVE_S = 60.0
"""Seconds of scores that are kept for the curve."""
STALE_S = 5.0
"""A score older than this is no longer shown as the present one; they come every second."""
LOST_S = 12.0
"""A bed that says nothing for so long is lost, whatever it said last: it tells its level every five seconds."""
FUSED_S = 60.0
"""A ward priority older than this is none; the broker forgets it after as long."""
MAX_EVENTS = 200

_URGENCY = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}
_ABOVE_ALL = 101
"""The highest ward priority is 100."""
_KINDS: Mapping[str, type[Envelope]] = MappingProxyType(
    {
        "state": State,
        "health": Health,
        "pain": Pain,
        "fusion": Fusion,
        "episode": Episode,
        "alarms": Alarms,
        "alarm": Alarm,
    }
)
HEARD = tuple(_KINDS)
"""Topics under a bed that a board listens to."""
SCORES = ("pain", "fusion")
"""Those of them that come each second."""


@dataclass(frozen=True, slots=True)
class Point:
    """One score of the curve."""

    heard: float
    pspi: float | None
    """None: not scored."""
    raised: bool
    """At the threshold or above it."""


@dataclass(frozen=True, slots=True)
class Bed:
    """The newest of every message of one bed, and when it was heard on the board's own clock."""

    name: str
    """facility/unit/bed."""
    heard: float
    """When it said anything last, seconds on the monotonic clock."""
    state: State | None = None
    health: Health | None = None
    pain: Pain | None = None
    scored: float | None = None
    """When `pain` was heard."""
    assigned: bool | None = None
    """Whether a patient is assigned; None: not known yet."""
    patient: str | None = None
    """Pseudonym of the assigned one."""
    alarms: tuple[AlarmPart, ...] = ()
    """The present alarms, the most urgent first."""
    paused: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    """Until when each paused condition is not signalled, present or not."""
    fusion: Fusion | None = None
    fused: float | None = None
    """When `fusion` was heard."""
    episode: Episode | None = None
    """The last one; they are told once, so a board that has just begun knows of none."""
    curve: tuple[Point, ...] = ()
    """The last `CURVE_S` seconds."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something for the log."""

    id: str
    """Of the message; the same message comes more than once now and then."""
    at: datetime
    """By the device's clock."""
    bed: str
    alarm: Alarm | None
    """The transition; None: the bed's state changed."""
    state: str | None = None
    """`online`, `stopped` or `offline`."""


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board knows."""

    beds: Mapping[str, Bed] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    """The newest last, at most `MAX_EVENTS`."""
    logged: int = 0
    """Events since the start, those that have left `events` included."""
    connection: str = "connecting"
    """`connected`, or what is wrong, in words."""
    bad: int = 0
    """Messages that could not be read."""
    bad_last: str = ""
    """Topic of the last one and what was wrong with it."""


def on_message(board: Board, topic: str, payload: bytes, now: float) -> Board:
    """Take one message.

    Args:
        board: As it was.
        topic: `npng/v1/{facility}/{unit}/{bed}/{name}`; names that are not shown here are passed over.
        payload: JSON; empty when a retained message is taken away.
        now: Seconds on the monotonic clock.
    """
    levels = topic.removeprefix(f"{ROOT}/").split("/")
    if len(levels) != 4 or levels[3] not in _KINDS or not payload:
        return board
    name = "/".join(levels[:3])
    try:
        message = _KINDS[levels[3]].parse(payload)
    except ValidationError as error:
        return _bad(board, topic, _first(error))
    if message.bed != name:
        return _bad(board, topic, f"it names the bed {message.bed}")
    old = board.beds.get(name, Bed(name, now))
    bed = _updated(replace(old, heard=now), message, now)
    board = replace(board, beds={**board.beds, name: bed})
    event = _event(board, old, message)
    if event is None:
        return board
    return replace(board, events=(*board.events, event)[-MAX_EVENTS:], logged=board.logged + 1)


def status(bed: Bed, now: float) -> str:
    """`online`, `stopped`, `offline`, `lost` (nothing heard for `LOST_S`), or `unknown` (no state yet)."""
    if bed.state is not None and bed.state.value != "online":
        return bed.state.value
    if now - bed.heard > LOST_S:
        return "lost"
    return "unknown" if bed.state is None else "online"


def score(bed: Bed, now: float) -> Pain | None:
    """The present score; None when it is stale or the bed is not online."""
    if bed.scored is None or now - bed.scored > STALE_S or status(bed, now) not in ("online", "unknown"):
        return None
    return bed.pain


def raised(pain: Pain) -> bool:
    """Whether a score is at the threshold or above it: above the baseline where there is one, as the device judges."""
    judged = pain.pspi if pain.pspi_above_baseline is None else pain.pspi_above_baseline
    return judged is not None and judged >= pain.threshold


def fusion(bed: Bed, now: float) -> Fusion | None:
    """Where the bed stands in the ward; None when it is old, of another patient, or the bed is not online."""
    if bed.fused is None or now - bed.fused > FUSED_S or status(bed, now) not in ("online", "unknown"):
        return None
    return bed.fusion if bed.fusion is not None and bed.fusion.patient == bed.patient else None


def episode(bed: Bed) -> Episode | None:
    """The last episode of the assigned patient; None: none is known."""
    return bed.episode if bed.episode is not None and bed.episode.patient == bed.patient else None


def rank(bed: Bed, now: float) -> tuple[int, int, str]:
    """For sorting, the bed that needs somebody soonest first.

    First by alarms; a bed that is lost or offline counts as one with an alarm of medium priority, for nobody watches
    there. Then by the ward priority; one that is not known stands before all that are, unless nobody is assigned.
    """
    urgency = min((_URGENCY[part.priority] for part in bed.alarms), default=len(_URGENCY))
    if status(bed, now) in ("lost", "offline"):
        urgency = min(urgency, _URGENCY[Priority.MEDIUM])
    known = fusion(bed, now)
    unknown = -1 if bed.assigned is False else _ABOVE_ALL
    return urgency, -(unknown if known is None else known.priority), bed.name


def _updated(bed: Bed, message: Envelope, now: float) -> Bed:
    if isinstance(message, State):
        # The last will is as old as the connection: it does not know who came since.
        if bed.assigned is None or message.value != "offline":
            bed = _with_patient(bed, message.patient)
        return replace(bed, state=message)
    if isinstance(message, Pain):
        return bed if _late(bed, message) else _scored(bed, message, now)
    if isinstance(message, Episode):
        known = bed.episode
        return bed if known is not None and _age(message) < _age(known) else replace(bed, episode=message)
    if isinstance(message, Fusion):
        bed = replace(bed, fusion=message, fused=now)
    elif isinstance(message, Health):
        bed = replace(bed, health=message)
    elif isinstance(message, Alarms):
        present = tuple(sorted(message.present, key=lambda part: _URGENCY[part.priority]))
        bed = replace(bed, alarms=present, paused=MappingProxyType(message.paused))
    return bed


def _scored(bed: Bed, message: Pain, now: float) -> Bed:
    bed = _with_patient(bed, message.patient)
    curve = tuple(point for point in bed.curve if now - point.heard <= CURVE_S)
    return replace(bed, pain=message, scored=now, curve=(*curve, Point(now, message.pspi, raised(message))))


def _age(message: Episode) -> tuple[float, int]:
    return message.episode.onset_utc, message.episode.revision


def _with_patient(bed: Bed, patient: str | None) -> Bed:
    """The bed with this patient in it; nothing that was scored of another one is shown."""
    if bed.assigned is not None and patient != bed.patient:
        bed = replace(bed, curve=(), scored=None)
    return replace(bed, assigned=patient is not None, patient=patient)


def _late(bed: Bed, message: Pain) -> bool:
    """Whether a score waited in the device's outbox and a newer one is here already."""
    if bed.pain is None or message.time >= bed.pain.time:
        return False
    # After a restart the clock may be behind: what the present run says is never late because of an earlier run.
    present = bed.state.boot_id if bed.state is not None else bed.pain.boot_id
    return not (message.boot_id == present != bed.pain.boot_id)


def _event(board: Board, old: Bed, message: Envelope) -> Event | None:
    if isinstance(message, Alarm):
        known = any(event.id == message.id for event in board.events)
        return None if known else Event(message.id, message.at, message.bed, message)
    if isinstance(message, State) and (old.state is None or old.state.value != message.value):
        return Event(message.id, message.time, message.bed, None, message.value)
    return None


def _bad(board: Board, topic: str, what: str) -> Board:
    return replace(board, bad=board.bad + 1, bad_last=f"{topic}: {what}")


def _first(error: ValidationError) -> str:
    """The first of a message's mistakes, in one line."""
    mistake = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in mistake["loc"])
    return f"{place}: {mistake['msg']}" if place else mistake["msg"]
