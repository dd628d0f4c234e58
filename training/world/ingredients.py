"""What the rendered world is made of, part by part. Each can be left out, to see on real faces what it brings."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class World:
    """Everything, unless a part is left out. What is left is drawn by the same dice, so that only the part differs."""

    wrinkles: bool = True
    """Skin folds where a unit moves it, and has folds with age."""
    strong_units: bool = True
    """Brows, lids and lips move further than the face model's shapes at full activation."""
    combinations: bool = True
    """Pain, distress, laughs, talk, sleep and all other expressions of units that belong together; without them a
    face shows units at random."""
    resting_faces: bool = True
    """People whose brows, lids and mouths are uneven at rest or whose one side is weak."""
    shadows: bool = True
    """Hollows are dark, brow and nose cast shadows."""
    beards: bool = True
    worn: bool = True
    """Glasses, oxygen, tubes, plasters, and a hand in the way."""
    infrared: bool = True
    """Nights before an infra-red camera."""
    camera: bool = True
    """Blur, noise, compression and few pixels."""

    def without(self, part: str) -> World:
        """The same world, a part of `PARTS` left out."""
        return replace(self, **{part: False})


WHOLE = World()
PARTS = tuple(field.name for field in fields(World))
