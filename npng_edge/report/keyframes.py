"""The few pictures of a clip that tell its story: at rest, and the onset, peak and end of every alarm.

Only `analyze` uses this, on the user's own clip; the daemon never keeps a picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from npng_edge.lines import rounded
from npng_edge.units import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge.units import Assessment, Box, Frame, Image, Reading, Transition

SIZE = (264, 198)
"""Width and height of a thumbnail, pixels."""
AROUND = 2.2
"""A thumbnail shows this many face widths."""


class Role(str, Enum):
    """Why a picture is shown."""

    REST = "at rest"
    """The lowest score while nothing is raised."""
    ONSET = "onset"
    ALARM = "alarm raised"
    PEAK = "peak"
    END = "alarm ended"
    LOOK_ALIKE = "look-alike"
    """The highest score that was put down to something else than pain."""
    UNSEEN = "not scored"
    """One for each reason: where that lasted longest."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One thumbnail and what it shows."""

    time: float
    """Seconds of the clip."""
    role: Role
    note: str
    """The reason of `UNSEEN`, the look-alike's name; else empty."""
    score: float | None
    """PSPI of the face as seen."""
    jpeg: bytes


def thumbnail(image: Image, box: Box | None) -> bytes:
    """A small JPEG of the face with what is around it, the face framed; of the whole picture without a face."""
    height, width = image.shape[:2]
    ratio = SIZE[0] / SIZE[1]
    if box is None:
        crop_w, centre = float(width), (width / 2, height / 2)
    else:
        crop_w = max(box.width, box.height * ratio * 0.8) * AROUND
        centre = (box.x + box.width / 2, box.y + box.height / 2)
    crop_w = min(max(crop_w, 32.0), width, height * ratio)
    crop_h = crop_w / ratio
    # Slide the crop back into the picture where the face is near an edge.
    left = min(max(centre[0] - crop_w / 2, 0.0), width - crop_w)
    top = min(max(centre[1] - crop_h / 2, 0.0), height - crop_h)
    part = image[round(top) : round(top + crop_h), round(left) : round(left + crop_w)]
    small = cv2.resize(part, SIZE, interpolation=cv2.INTER_AREA if crop_w > SIZE[0] else cv2.INTER_CUBIC)
    if box is not None:
        scale = SIZE[0] / crop_w
        corner = (round((box.x - left) * scale), round((box.y - top) * scale))
        opposite = (corner[0] + round(box.width * scale), corner[1] + round(box.height * scale))
        cv2.rectangle(small, corner, opposite, (255, 255, 255), 1, cv2.LINE_AA)
    encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1]
    return np.asarray(encoded).tobytes()


class Album:
    """Keeps the best picture for every role while a clip goes by."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Role, str], Picture] = {}
        self._done: list[Picture] = []
        self._onset: Picture | None = None
        self._unseen: tuple[str, float, Picture] | None = None
        self._longest: dict[str, float] = {}

    def see(
        self,
        frame: Frame,
        reading: Reading,
        assessment: Assessment,
        transitions: Iterable[Transition],
        onset: float | None,
    ) -> None:
        """Look at one frame of the clip and what was made of it.

        Args:
            frame: The picture.
            reading: What was read from it.
            assessment: What the policy made of the reading.
            transitions: Of alarms, at this frame.
            onset: Since when the score is raised; None while it is not.
        """
        if onset is not None and (self._onset is None or self._onset.time < onset):
            self._onset = _picture(frame, reading, assessment, Role.ONSET)
        for transition in transitions:
            if transition.alarm.condition == "pain" and transition.phase is not Phase.UPDATE:
                self._turn(_picture(frame, reading, assessment, _TURNS[transition.phase]))
        raised = onset is not None or assessment.pain
        if not raised:
            self._kept.pop((Role.PEAK, ""), None)
        self._best(frame, reading, assessment, raised=raised)
        self._follow_unseen(frame, reading, assessment)

    def pictures(self) -> tuple[Picture, ...]:
        """All that were kept, in the order of time."""
        self._close_unseen(math.inf)
        return tuple(sorted((*self._done, *self._kept.values()), key=lambda picture: picture.time))

    def _turn(self, picture: Picture) -> None:
        """An alarm starts or ends."""
        self._done.append(picture)
        if picture.role is Role.ALARM and self._onset is not None and self._onset.time < picture.time:
            self._done.append(self._onset)
        if picture.role is Role.END and (Role.PEAK, "") in self._kept:
            self._done.append(self._kept.pop((Role.PEAK, "")))

    def _best(self, frame: Frame, reading: Reading, assessment: Assessment, *, raised: bool) -> None:
        score = assessment.pspi
        if score is None:
            return
        if assessment.look_alike is not None:
            role, note, sign = Role.LOOK_ALIKE, assessment.look_alike.value, 1.0
        elif raised:
            role, note, sign = Role.PEAK, "", 1.0
        else:
            role, note, sign = Role.REST, "", -1.0
        best = self._kept.get((role, note))
        if best is None or best.score is None or sign * score > sign * best.score:
            self._kept[role, note] = _picture(frame, reading, assessment, role, note)

    def _follow_unseen(self, frame: Frame, reading: Reading, assessment: Assessment) -> None:
        reason = reading.reasons[0].value if assessment.pspi is None and reading.reasons else None
        if self._unseen is not None and self._unseen[0] != reason:
            self._close_unseen(frame.time)
        if reason is not None and self._unseen is None:
            self._unseen = (reason, frame.time, _picture(frame, reading, assessment, Role.UNSEEN, reason))

    def _close_unseen(self, now: float) -> None:
        if self._unseen is None:
            return
        reason, since, picture = self._unseen
        self._unseen = None
        if now - since > self._longest.get(reason, -1.0):
            self._longest[reason] = now - since
            self._kept[Role.UNSEEN, reason] = picture


_TURNS = {Phase.START: Role.ALARM, Phase.END: Role.END}


def _picture(frame: Frame, reading: Reading, assessment: Assessment, role: Role, note: str = "") -> Picture:
    box = reading.face.box if reading.face else None
    return Picture(frame.time, role, note, rounded(assessment.pspi, 2), thumbnail(frame.image, box))
