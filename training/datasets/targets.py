"""What is compared: for PSPI, each unit and each scale of whole sequences, the truth beside the device's score."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.policy.face.pspi import PSPI_UNITS, pspi
from npng_edge.units import ActionUnits, EyeClosure
from training.datasets.reading import EYES, Score

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from training.datasets.labelled import DataSet, Labelled
    from training.datasets.reading import SequenceReading

Floats: TypeAlias = npt.NDArray[np.float64]

PSPI = "PSPI"
LEVELS: tuple[tuple[str, float], ...] = (("none", 0.0), ("trace", 1.0), ("weak", 2.0), ("strong", 3.0))
"""PSPI from which each level begins: 0, 1, 2, 3 and more. Source: Hammal and Cohn, "Automatic detection of pain
intensity" (ICMI 2012), who have these four; where each begins is as usually quoted from there, and was not seen in the
paper itself. No level is clinically validated."""
PEAK = 0.9
"""Quantile of PSPI that stands for a sequence: its peak, without the highest tenth of the frames, where errors are."""
WIDE_OPEN = "AU27"
"""Opens the mouth wider than AU26, which is not coded beside it; the model's AU26 counts either."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to judge; n items."""

    name: str
    items: str
    """What an item is: `frames` or `sequences`."""
    subjects: npt.NDArray[np.str_]
    """(n,)."""
    truth: Floats
    """(n,) on the scale of the coders; NaN: present, and nobody said how strong."""
    present: npt.NDArray[np.bool_]
    """(n,) by the coders."""
    scores: Floats
    """(n,) of the device."""
    most: float
    """End of the scale, which begins at 0."""
    cut: float
    """Score on the scale of the coders from which it says present."""
    same_scale: bool
    """Whether the device's score is on the scale of the coders before it is calibrated."""
    levels: tuple[tuple[str, float], ...] = ()
    """Names of classes, and the truth from which each begins; empty: presence only."""


@dataclass(slots=True)
class _Items:
    """The items of one target, as they come."""

    subjects: list[str] = field(default_factory=list)
    truth: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def add(self, subject: str, truth: float | None, score: float) -> None:
        self.subjects.append(subject)
        self.truth.append(np.nan if truth is None else truth)
        self.scores.append(score)


@dataclass(slots=True)
class LookAlikes:
    """Sequences without pain."""

    sequences: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0
    alarms: int = 0
    scored: int = 0
    above: int = 0


class Gathered:
    """Everything read of a set, sequence by sequence."""

    def __init__(self, dataset: DataSet) -> None:
        self._set = dataset
        self._items: defaultdict[str, _Items] = defaultdict(_Items)
        self.subjects: set[str] = set()
        self.counts: Counter[str] = Counter()
        """Frames and sequences by what became of them."""
        self.look_alikes = LookAlikes()

    def add(self, labelled: Sequence[Labelled], reading: SequenceReading, *, painless: bool) -> None:
        """Take one sequence.

        Args:
            labelled: Its frames.
            reading: One score for each of them.
            painless: Whether an alarm would be false.
        """
        scored = [(one, score) for one, score in zip(labelled, reading.scores, strict=True) if isinstance(score, Score)]
        subject = labelled[0].subject
        self.subjects.add(subject)
        count_labels(self._set, labelled, self.counts)
        self.counts["frames scored"] += len(scored)
        self.counts.update(f"frames without a score: {why}" for why in reading.scores if isinstance(why, str))
        for one, score in scored:
            if one.pspi is not None:
                self._items[PSPI].add(subject, one.pspi, score.pspi)
            for name, truth in truths(self._set.units, one.units, score.units):
                self._items[name].add(subject, truth, score.units[name])
        if scored:
            peak = float(np.quantile([score.pspi for _, score in scored], PEAK))
            for scale in self._set.scales.keys() & labelled[0].labels.keys():
                self._items[scale].add(subject, labelled[0].labels[scale], peak)
        if painless:
            calm = self.look_alikes
            calm.sequences += 1
            calm.seconds += reading.seconds
            calm.longest_s = max(calm.longest_s, reading.seconds)
            calm.alarms += reading.alarms
            calm.scored += len(scored)
            calm.above += reading.above

    def targets(self) -> Iterator[Target]:
        """All that can be judged: PSPI first, then units in the order of the set, then scales of sequences."""
        if PSPI in self._items:
            yield self._target(PSPI, "frames", 16.0, 1.0, LEVELS)
        for name in self._set.units:
            if name == EYES and name in self._items:
                yield self._target(name, "frames", 1.0, 1.0)
            elif name in self._items:
                yield self._target(name, "frames", 5.0, self._set.present)
        for name, most in self._set.scales.items():
            if name in self._items:
                yield self._target(name, "sequences", most, 1.0)
        if self._set.contrast and self._set.contrast[0] in self._items:
            yield self._contrast(*self._set.contrast)

    def _target(
        self, name: str, items: str, most: float, present: float, levels: tuple[tuple[str, float], ...] = ()
    ) -> Target:
        known = self._items[name]
        truth = np.array(known.truth)
        return Target(
            name,
            items,
            np.array(known.subjects),
            truth,
            np.isnan(truth) | (truth >= present),
            np.array(known.scores),
            most,
            present - 0.5,
            items == "frames",
            levels,
        )

    def _contrast(self, scale: str, low: float, high: float) -> Target:
        """The sequences at two values of a scale alone."""
        whole = self._target(scale, "sequences", self._set.scales[scale], 1.0)
        kept = np.isin(whole.truth, (low, high))
        return Target(
            f"{scale} {high:g} against {low:g}",
            whole.items,
            whole.subjects[kept],
            whole.truth[kept],
            whole.truth[kept] == high,
            whole.scores[kept],
            whole.most,
            (low + high) / 2.0,
            same_scale=False,
        )


def count_labels(dataset: DataSet, labelled: Sequence[Labelled], counts: Counter[str]) -> None:
    """Count the frames of a sequence and the labels they lack."""
    counts["sequences"] += 1
    counts["frames"] += len(labelled)
    counts["frames without any label"] += sum(not one.coded for one in labelled)
    counts["frames whose PSPI is not that of their action units"] += sum(map(_contradicts, labelled))
    if dataset.units:
        counts["frames without action units"] += sum(one.units is None for one in labelled)
    for scale in dataset.scales.keys() - labelled[0].labels.keys():
        counts[f"sequences without {scale}"] += 1


def _contradicts(one: Labelled) -> bool:
    """Whether PSPI and units were coded, and the one does not follow from the others."""
    known = {name: value for name, value in (one.units or {}).items() if value is not None}
    if one.pspi is None or not known.keys() >= {*PSPI_UNITS, EYES}:
        return False
    closed = float(known[EYES] > 0.0)
    return pspi(ActionUnits(known, EyeClosure(closed, closed))) != one.pspi


def truths(
    coded: Sequence[str], units: Mapping[str, float | None] | None, read: Container[str]
) -> Iterator[tuple[str, float | None]]:
    """The units that the set codes in every frame and the model reads, and how strong they are in this one.

    Args:
        coded: All units that the set codes.
        units: Of this frame; None: it was not coded. A unit without intensity is None.
        read: What the model reads.
    """
    if units is None:
        return
    for name in coded:
        if name not in read:
            continue
        values = [units.get(name, 0.0)]
        if name == "AU26":
            values.append(units.get(WIDE_OPEN, 0.0))
        truth = None if None in values else max(value for value in values if value is not None)
        # PSPI knows closed eyes as 0 or 1, whatever their coders wrote.
        yield name, float(truth is None or truth > 0.0) if name == EYES else truth
