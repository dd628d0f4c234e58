"""What every loader yields: frames with the labels that people gave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


class DataSetError(ValueError):
    """A set or a label file is not as published; the message names file and line, and what is expected."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One frame and what its coders saw in it."""

    subject: str
    sequence: str
    """Unique for the subject."""
    number: int
    """Of the frame, as the set counts."""
    path: Path
    """Of the picture, or of the video; it need not exist where a label has lost its picture."""
    position: int | None = None
    """Of the frame in the video, from 0; None: the path is a picture."""
    pspi: float | None = None
    """Prkachin-Solomon pain intensity, 0..16; None: not coded."""
    units: Mapping[str, float | None] | None = None
    """Action unit to intensity 0..5; a unit without intensity is there, nobody said how strong. None: not coded."""
    labels: Mapping[str, float] = field(default_factory=dict)
    """What is known of the whole sequence, by the name of the scale."""

    @property
    def coded(self) -> bool:
        """Whether anybody said anything about it."""
        return self.pspi is not None or self.units is not None or bool(self.labels)


def everything(frames: Sequence[Labelled]) -> bool:
    """Of a set in which nobody was hurt, any sequence is painless."""
    return bool(frames)


@dataclass(frozen=True, slots=True)
class DataSet:
    """One published set."""

    name: str
    """As on the command line."""
    title: str
    units: tuple[str, ...]
    """Action units that its coders looked for in every coded frame."""
    present: float
    """Intensity from which a unit counts as present in papers on this set."""
    fps: float
    """Frames per second of its pictures; videos carry their own."""
    scales: Mapping[str, float]
    """Numeric labels of sequences, with the greatest value that is possible."""
    contrast: tuple[str, float, float] | None
    """A scale, and its two values that papers tell apart."""
    painless: Callable[[Sequence[Labelled]], bool]
    """Whether a sequence holds no pain, so that an alarm would be false."""
    painless_words: str
    """The same for people to read: which sequences these are."""
    load: Callable[[Path], Iterator[Labelled]]
    """Yields its frames in order, one sequence after the other.

    Raises `DataSetError` when the folder is not laid out as published.
    """
