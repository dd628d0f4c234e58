"""Labelled sequences through the device's own pipeline and policy, as at the bed, with the time of the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.analyze import follow
from npng_edge.capture.camera import SourceError
from npng_edge.capture.frames import frames
from npng_edge.capture.images import read_still
from npng_edge.capture.orient import Orientation
from npng_edge.policy.alarm.conditions import PAINS
from npng_edge.policy.face.pspi import pspi
from npng_edge.settings import Camera, Policy
from npng_edge.units import Change, Frame, PainLevel, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from npng_edge.analyze import Reader, Step
    from npng_edge.units import ActionUnits
    from training.datasets.labelled import Labelled

MISSING, UNREADABLE = "missing", "unreadable"
"""Why a frame has no score, beside the device's own reasons: no such file; no picture that can be read there."""
EYES = "AU43"


@dataclass(frozen=True, slots=True)
class Score:
    """What the device read from one frame."""

    pspi: float
    """0..16, without a baseline."""
    units: Mapping[str, float]
    """0..5 each; AU43 is the closure of the less closed eye, 0..1, unless the model reads it itself."""


@dataclass(frozen=True, slots=True)
class SequenceReading:
    """What the device made of one sequence."""

    scores: tuple[Score | str, ...]
    """One for each labelled frame; a word says why there is none."""
    seconds: float
    """How long the device watched."""
    alarms: int
    """Pain alarms raised, a severe one after a plain one not counted again."""
    above: int
    """Scored frames at or above the threshold of pain, look-alikes left out, as the device sees it."""


def read_sequence(labelled: Sequence[Labelled], fps: float, reader: Reader) -> SequenceReading:
    """Read one sequence from its start, with the configuration that a device has by default.

    Args:
        labelled: Its frames in order, all of one video or each a picture.
        fps: Of its pictures; a video carries its own.
        reader: The pipeline; it forgets what it saw before.
    """
    reader.reset()
    failures: dict[int, str] = {}
    shown = _video(labelled, failures) if labelled[0].position is not None else _stills(labelled, fps, failures)
    scores: dict[int, Score] = {}
    times: list[float] = []
    alarms, above = _Alarms(), 0
    for step in follow(shown, reader, Policy()):
        times.append(step.frame.time)
        alarms.see(step)
        above += step.assessment.level in (PainLevel.PAIN, PainLevel.SEVERE)
        units = step.reading.action_units
        if units is None:
            failures[step.frame.sequence] = step.reading.reasons[0].value
        else:
            scores[step.frame.sequence] = Score(pspi(units), by_name(units))
    return SequenceReading(
        tuple(scores.get(place) or failures[place] for place in range(len(labelled))),
        times[-1] - times[0] + float(np.median(np.diff(times))) if len(times) > 1 else 0.0,
        alarms.raised,
        above,
    )


def _stills(labelled: Sequence[Labelled], fps: float, failures: dict[int, str]) -> Iterator[Frame]:
    """The pictures that can be read, numbered by their places; the others go into `failures`."""
    upright = Orientation(Camera())
    for place, one in enumerate(labelled):
        image = read_still(one.path) if one.path.is_file() else None
        if image is None:
            failures[place] = UNREADABLE if one.path.is_file() else MISSING
        else:
            yield Frame(place, (one.number - labelled[0].number) / fps, upright(image))


def _video(labelled: Sequence[Labelled], failures: dict[int, str]) -> Iterator[Frame]:
    """The labelled frames of a video, numbered by their places; those that are not there go into `failures`."""
    path = labelled[0].path
    failures |= dict.fromkeys(range(len(labelled)), UNREADABLE if path.is_file() else MISSING)
    places = {one.position: place for place, one in enumerate(labelled)}
    try:
        for frame in frames(Camera(), f"file:{path}"):
            place = places.get(frame.sequence)
            if place is not None:
                yield Frame(place, frame.time, frame.image)
    except SourceError:
        return  # what is missing is counted


class _Alarms:
    """Counts pain alarms."""

    def __init__(self) -> None:
        self.raised = 0
        self._open: set[str] = set()

    def see(self, step: Step) -> None:
        for made in step.transitions:
            if made.alarm.condition not in PAINS:
                continue
            if made.phase is Phase.END or made.change is Change.LATCHED:
                # Nobody acknowledges anything here: what is latched is over.
                self._open.discard(made.alarm.id)
            elif made.change is Change.RAISED:
                self.raised += not self._open
                self._open.add(made.alarm.id)


def by_name(units: ActionUnits) -> dict[str, float]:
    """Intensities, and as AU43 the closure of the less closed eye, unless the model reads that itself."""
    eyes = units.eyes_closed
    return {EYES: min(eyes.left, eyes.right), **units.intensity}
