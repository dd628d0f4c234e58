"""One line of `readings.jsonl`: what was read from one frame, in keys that stay as they are.

What is unknown is null, never 0. Figures are rounded to what they can mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from npng_edge.units import Assessment, Reading, Reason


class PoseKeys(TypedDict):
    """Head pose, degrees, as `units.Pose`."""

    yaw: float
    pitch: float
    roll: float


class EyeKeys(TypedDict):
    """How far each of the person's own eyes is closed, 0..1."""

    left: float
    right: float


class Line(TypedDict):
    """The keys every line has."""

    face: bool
    people: int
    box: list[float] | None
    """x, y, width, height in pixels of the picture."""
    quality: float | None
    """0..1."""
    reasons: list[str]
    """Why there is no score; empty when there is one."""
    pose: PoseKeys | None
    au: dict[str, float] | None
    """Intensity 0..5 by action unit."""
    au_error: dict[str, float] | None
    """The error that the model itself expects of each; null where it gives none."""
    eyes_closed: EyeKeys | None
    pspi: float | None
    """0..16."""
    pspi_error: float | None
    """The error that the model itself expects of `pspi`."""
    pspi_above_baseline: float | None
    pain_probability: float | None
    """0..1."""
    asymmetry: float | None
    """0..1."""
    alarm: str | None
    """`pain` while that condition is present."""


class ClipLine(Line):
    """A line of a clip."""

    frame: int
    """Counts from 0."""
    time: float
    """Seconds of the clip."""


class StillLine(Line):
    """A line of a still."""

    file: str
    """Name of the picture, relative to the folder that was given."""


class _Scores(NamedTuple):
    pspi: float | None
    error: float | None
    above: float | None


def clip_line(frame: int, reading: Reading, made: Assessment, alarm: str | None) -> ClipLine:
    """The line of one frame of a clip, with what the policy made of it."""
    scores = _Scores(made.pspi, made.pspi_error, made.pspi_above_baseline)
    judged = _line(reading, made.reasons, scores, alarm)
    return {"frame": frame, "time": round(reading.time, 3), **judged}


def still_line(file: str, reading: Reading, pspi: float | None, pspi_error: float | None) -> StillLine:
    """The line of one still: no baseline, no alarm."""
    return {"file": file, **_line(reading, reading.reasons, _Scores(pspi, pspi_error, None), None)}


def _line(reading: Reading, reasons: tuple[Reason, ...], scores: _Scores, alarm: str | None) -> Line:
    face, units = reading.face, reading.action_units
    error = units and units.deviation
    return {
        "face": face is not None,
        "people": reading.people,
        "box": [round(edge, 1) for edge in (face.box.x, face.box.y, face.box.width, face.box.height)] if face else None,
        "quality": round(face.quality, 3) if face else None,
        "reasons": [reason.value for reason in reasons],
        "pose": {
            "yaw": round(face.pose.yaw, 1),
            "pitch": round(face.pose.pitch, 1),
            "roll": round(face.pose.roll, 1),
        }
        if face
        else None,
        "au": {name: round(float(value), 2) for name, value in units.intensity.items()} if units else None,
        "au_error": {name: round(float(value), 2) for name, value in error.items()} if error else None,
        "eyes_closed": {"left": round(units.eyes_closed.left, 2), "right": round(units.eyes_closed.right, 2)}
        if units
        else None,
        "pspi": rounded(scores.pspi, 2),
        "pspi_error": rounded(scores.error, 2),
        "pspi_above_baseline": rounded(scores.above, 2),
        "pain_probability": rounded(reading.pain_probability, 3),
        "asymmetry": rounded(reading.asymmetry, 3),
        "alarm": alarm,
    }


def rounded(value: float | None, digits: int) -> float | None:
    """The figure as it is written everywhere, so that report and lines never differ by a digit."""
    return None if value is None else round(value, digits)
