"""Who is in view, and which of them is the patient.

The patient is the face inside the bed region with the longest history. History is a claim in seconds: it grows while
the face is seen in the bed region, and runs down while it is away; while the patient is in view, no other claim grows.
So a face that leaves for a moment comes back to its place, a visitor who bends over the bed does not become the
patient, and a new patient is accepted after a while.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.units import Box

LONGEST_CLAIM_S = 20.0
"""A longer history counts no more, so that a new patient in the bed is accepted at the latest after half of it."""
STEP_S = 2.0
"""Two sightings further apart than this prove no more presence than this."""
REACH = 1.0
"""A face seen again within so many of its own widths is the same face..."""
REACH_PER_S = 0.5
"""... and for each second it was away, so many more..."""
LONGEST_REACH = 2.0
"""... up to so many."""
ZOOM = 1.7
"""A face whose size differs by more than this factor is another one."""


@dataclass(frozen=True, slots=True)
class Person:
    """One face, in view or remembered."""

    number: int
    """Never used again for another."""
    box: Box
    """Where the face was last seen, image pixels."""
    claim: float
    """Seconds of history in the bed region, 0..`LONGEST_CLAIM_S`."""
    away: float
    """Seconds since the face was last seen; 0 is in view."""


@dataclass(frozen=True, slots=True)
class People:
    """All faces known at one time; every look gives a new one."""

    bed: Box
    """The bed region, image pixels."""
    time: float = 0.0
    """Frame clock seconds of the last look."""
    known: tuple[Person, ...] = ()
    patient: int | None = None
    """Number of the patient, who may be away."""
    next_number: int = 1

    @property
    def in_view(self) -> int:
        """Faces seen at the last look."""
        return sum(person.away == 0.0 for person in self.known)

    @property
    def in_bed(self) -> int:
        """Faces in the bed region at the last look."""
        return sum(person.away == 0.0 and inside(person.box, self.bed) for person in self.known)

    @property
    def patient_in_view(self) -> Box | None:
        """Where the patient's face was seen at the last look; None when it was not, or not in the bed region."""
        for person in self.known:
            if person.number == self.patient and person.away == 0.0 and inside(person.box, self.bed):
                return person.box
        return None

    def look(self, boxes: Sequence[Box], time: float) -> People:
        """Take in all faces that are in view now.

        Args:
            boxes: One per face, image pixels.
            time: Frame clock seconds.
        """
        passed = min(max(time - self.time, 0.0), STEP_S) if self.known else 0.0
        gone = max(time - self.time, 0.0)
        found = _match(self.known, boxes, gone)
        present = {
            person.number for k, person in enumerate(self.known) if k in found and inside(boxes[found[k]], self.bed)
        }
        # While the patient is there, nobody else gains a claim, however long they stay.
        earning = {self.patient} if self.patient in present else present
        known = [
            _seen(person, boxes[found[k]], passed if person.number in earning else 0.0)
            if k in found
            else _missed(person, gone)
            for k, person in enumerate(self.known)
        ]
        new = [box for k, box in enumerate(boxes) if k not in found.values()]
        known += [Person(self.next_number + k, box, 0.0, 0.0) for k, box in enumerate(new)]
        known = [person for person in known if person.away == 0.0 or person.claim > 0.0]
        patient = self._choose(known)
        return People(self.bed, time, tuple(known), patient, self.next_number + len(new))

    def _choose(self, known: Sequence[Person]) -> int | None:
        here = [person for person in known if person.away == 0.0 and inside(person.box, self.bed)]
        best = max(here, key=lambda person: (person.claim, person.box.width), default=None)
        now = next((person for person in known if person.number == self.patient), None)
        if now is None:
            return None if best is None else best.number
        return best.number if best is not None and best.claim > now.claim else now.number


def inside(box: Box, region: Box) -> bool:
    """Whether the middle of a box lies in a region."""
    x, y = box.x + box.width / 2 - region.x, box.y + box.height / 2 - region.y
    return 0.0 <= x <= region.width and 0.0 <= y <= region.height


def continues(before: Box, after: Box, away: float = 0.0) -> bool:
    """Whether two boxes can be the same face, `away` seconds apart: near in place and alike in size."""
    return _distance(before, after) <= min(REACH + REACH_PER_S * away, LONGEST_REACH)


def overlap(one: Box, other: Box) -> float:
    """Shared part of the smaller box, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    smaller = min(one.width * one.height, other.width * other.height)
    return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0.0 else 0.0


def _seen(person: Person, box: Box, earned: float) -> Person:
    return replace(person, box=box, claim=min(person.claim + earned, LONGEST_CLAIM_S), away=0.0)


def _missed(person: Person, gone: float) -> Person:
    return replace(person, claim=max(person.claim - gone, 0.0), away=person.away + max(gone, 1e-6))


def _distance(one: Box, other: Box) -> float:
    """Between the middles, in face sizes; infinite when the sizes differ too much."""
    sizes = _size(one), _size(other)
    if min(sizes) <= 0.0 or max(sizes) > ZOOM * min(sizes):
        return math.inf
    x = one.x + one.width / 2 - other.x - other.width / 2
    y = one.y + one.height / 2 - other.y - other.height / 2
    return math.hypot(x, y) / (sum(sizes) / 2)


def _size(box: Box) -> float:
    return math.sqrt(max(box.width * box.height, 0.0))


def _match(known: Sequence[Person], boxes: Sequence[Box], gone: float) -> dict[int, int]:
    """Pairs each known person with at most one box, nearest pairs first."""
    pairs = sorted(
        (_distance(person.box, box), k, b)
        for k, person in enumerate(known)
        for b, box in enumerate(boxes)
        if continues(person.box, box, person.away + gone)
    )
    found: dict[int, int] = {}
    for _, k, b in pairs:
        if k not in found and b not in found.values():
            found[k] = b
    return found
