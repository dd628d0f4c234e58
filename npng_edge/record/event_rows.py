"""One event as one line of JSON: `[kind, time, utc, synchronised, ...]`, every digit kept.

A reading goes without the names of its fields, for there are half a million of them in a day; vital signs and requests
go as the JSON of their model, and a profile as `codec` has it, named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter
from pydantic_core import from_json, to_json

from npng_edge.policy.events import Arrived, Asked, Event, Fault, Left, Measured, Seen, Tick
from npng_edge.record.codec import PROFILE
from npng_edge.requests import REQUESTS
from npng_edge.units import (
    ACTION_UNITS,
    MOTION_REGIONS,
    ActionUnits,
    Alarm,
    Box,
    EyeClosure,
    Face,
    Moment,
    Pose,
    Reading,
    Reason,
)
from npng_edge.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Mapping

_Synchronised: TypeAlias = bool | None
_Figures: TypeAlias = tuple[float, ...] | dict[str, float] | None
"""In the order of the vocabulary; by name where the names are not just those."""
_FaceRow: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x, y, width, height, yaw, pitch, roll, quality."""
_UnitsRow: TypeAlias = tuple[_Figures, float, float, _Figures]
"""Intensities, left and right eye closure, the error expected of each intensity."""
_ReadingRow: TypeAlias = tuple[
    int,  # sequence
    float,  # time
    Annotated[int, Field(ge=0)],  # people
    Annotated[int, Field(ge=0)],  # in_bed
    _FaceRow | None,
    _UnitsRow | None,
    tuple[Reason, ...],
    float | None,  # pain_probability
    float | None,  # pain_temporal
    float | None,  # asymmetry
    str | None,  # weaker
    _Figures,  # motion
]
_SEEN: TypeAdapter[tuple[str, float, float, bool | None, Any]] = TypeAdapter(
    tuple[Literal["seen"], float, float, _Synchronised, _ReadingRow]
)
_TICK: TypeAdapter[tuple[str, float, float, bool | None]] = TypeAdapter(
    tuple[Literal["tick"], float, float, _Synchronised]
)
_MEASURED: TypeAdapter[tuple[str, float, float, bool | None, Vitals]] = TypeAdapter(
    tuple[Literal["measured"], float, float, _Synchronised, Vitals]
)
_FAULT: TypeAdapter[tuple[str, float, float, bool | None, str, str | None]] = TypeAdapter(
    tuple[Literal["fault"], float, float, _Synchronised, str, str | None]
)
_ASKED: TypeAdapter[tuple[str, float, float, bool | None, str, dict[str, Any]]] = TypeAdapter(
    tuple[Literal["asked"], float, float, _Synchronised, str, dict[str, Any]]
)
_ARRIVED: TypeAdapter[tuple[str, float, float, bool | None, dict[str, Any], list[Any]]] = TypeAdapter(
    tuple[Literal["arrived"], float, float, _Synchronised, dict[str, Any], list[Any]]
)
_LEFT: TypeAdapter[tuple[str, float, float, bool | None, list[dict[str, Any]]]] = TypeAdapter(
    tuple[Literal["left"], float, float, _Synchronised, list[dict[str, Any]]]
)
_ALARMS: TypeAdapter[tuple[Alarm, ...]] = TypeAdapter(tuple[Alarm, ...])


def encode(moment: Moment, event: Event) -> bytes:
    """The line of an event, with its end."""
    row: list[Any] = [event.kind, moment.time, moment.utc, moment.synchronised]
    if isinstance(event, Seen):
        row.append(_reading_row(event.reading))
    elif isinstance(event, Measured):
        row.append(event.vitals.model_dump(by_alias=True))  # Not their own JSON: that has milliseconds only.
    elif isinstance(event, Asked):
        row += event.name, event.request.model_dump(by_alias=True)
    elif isinstance(event, Arrived):
        row += from_json(PROFILE.encode(event.profile)), from_json(_ALARMS.dump_json(event.latched))
    elif isinstance(event, Left):
        row.append([from_json(PROFILE.encode(profile)) for profile in event.profiles])
    elif isinstance(event, Fault):
        row += event.condition, event.cause and _printable(event.cause)
    return to_json(row, inf_nan_mode="constants") + b"\n"


def decode(line: bytes) -> tuple[Moment, Event]:
    """The event of a line that `encode` made.

    Raises:
        ValueError: It is not such a line.
        CodecError: Nor is the profile in it one.
    """
    event: Event
    if line.startswith(b'["seen"'):
        _, time, utc, synchronised, row = _SEEN.validate_json(line, strict=True)
        event = Seen(_reading(row))
    elif line.startswith(b'["tick"'):
        _, time, utc, synchronised = _TICK.validate_json(line, strict=True)
        event = Tick()
    elif line.startswith(b'["measured"'):
        _, time, utc, synchronised, vitals = _MEASURED.validate_json(line, strict=True)
        event = Measured(vitals)
    elif line.startswith(b'["fault"'):
        _, time, utc, synchronised, condition, cause = _FAULT.validate_json(line, strict=True)
        event = Fault(condition, cause)
    elif line.startswith(b'["left"'):
        _, time, utc, synchronised, profiles = _LEFT.validate_json(line, strict=True)
        event = Left(tuple(PROFILE.decode(to_json(profile)) for profile in profiles))
    elif line.startswith(b'["arrived"'):
        _, time, utc, synchronised, profile, latched = _ARRIVED.validate_json(line, strict=True)
        event = Arrived(PROFILE.decode(to_json(profile)), _ALARMS.validate_json(to_json(latched)))
    else:
        _, time, utc, synchronised, name, request = _ASKED.validate_json(line, strict=True)
        if name not in REQUESTS:
            raise ValueError(f"{name}: no such request")
        event = Asked(name, REQUESTS[name].model_validate_json(to_json(request)))
    return Moment(time, utc, synchronised), event


def _printable(text: str) -> str:
    """Without what is no Unicode, as in names of files that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _reading_row(reading: Reading) -> tuple[Any, ...]:
    face, units = reading.face, reading.action_units
    if face is not None:
        box, pose = face.box, face.pose
        face_row = (box.x, box.y, box.width, box.height, pose.yaw, pose.pitch, pose.roll, face.quality)
    return (
        reading.sequence,
        reading.time,
        reading.people,
        reading.in_bed,
        None if face is None else face_row,
        units and _units_row(units),
        reading.reasons,
        reading.pain_probability,
        reading.pain_temporal,
        reading.asymmetry,
        reading.weaker,
        _figures(reading.motion, MOTION_REGIONS),
    )


def _reading(row: tuple[Any, ...]) -> Reading:
    sequence, time, people, in_bed, face, units, reasons, probability, temporal, asymmetry, weaker, motion = row
    return Reading(
        sequence,
        time,
        people,
        face and Face(Box(face[0], face[1], face[2], face[3]), Pose(face[4], face[5], face[6]), face[7]),
        units and _units(units),
        reasons,
        in_bed,
        probability,
        temporal,
        asymmetry,
        weaker,
        _named(motion, MOTION_REGIONS),
    )


def _units_row(units: ActionUnits) -> tuple[Any, ...]:
    eyes, error = units.eyes_closed, _figures(units.deviation, ACTION_UNITS)
    return _figures(units.intensity, ACTION_UNITS), eyes.left, eyes.right, error


def _units(row: tuple[Any, ...]) -> ActionUnits:
    intensity, left, right, error = row
    found = _named(intensity, ACTION_UNITS)
    if found is None:
        raise ValueError("action units without intensities")
    return ActionUnits(found, EyeClosure(left, right), _named(error, ACTION_UNITS))


def _figures(named: Mapping[str, float] | None, names: tuple[str, ...]) -> _Figures:
    if named is None:
        return None
    return tuple(named.values()) if tuple(named) == names else dict(named)


def _named(figures: _Figures, names: tuple[str, ...]) -> dict[str, float] | None:
    if figures is None or isinstance(figures, dict):
        return figures
    if len(figures) != len(names):
        raise ValueError(f"{len(figures)} figures instead of {len(names)}")
    return dict(zip(names, figures, strict=True))
