"""What the action-unit model was shown of a set, and what the coders said of it: what a model is adapted with.

The crops are pictures of people. They lie in the folder of the results and are to be treated as the set itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.manifest import open_model
from npng_edge.infer.pipeline import ACTION_UNITS as MODEL
from npng_edge.infer.pipeline import Nets, Pipeline
from npng_edge.units import ACTION_UNITS
from training.columns import Columns
from training.datasets.labelled import DataSetError
from training.datasets.store import Readings
from training.datasets.targets import truths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from npng_edge.infer.manifest import Manifest
    from npng_edge.infer.runtime import Array, Model
    from npng_edge.settings import Seeing
    from npng_edge.units import Frame, Reading
    from training.datasets.evaluate import Shown
    from training.datasets.labelled import DataSet
    from training.datasets.reading import SequenceReading

Floats: TypeAlias = npt.NDArray[np.float32]
Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Faces(Columns):
    """Coded frames that the device scored, one row each."""

    crops: Bytes
    """(n, 112, 112) uint8."""
    landmarks: Floats
    """(n, 468, 3), normalised."""
    truth: Floats
    """(n, units) 0..5 in the order of `ACTION_UNITS`; NaN: not coded, or nobody said how strong."""
    present: npt.NDArray[np.bool_]
    """(n, units) by the coders."""
    subjects: npt.NDArray[np.str_]
    """(n,)."""

    @property
    def coded(self) -> npt.NDArray[np.bool_]:
        """(units,) with more than one intensity: what can be learnt."""
        return np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in self.truth.T])

    def feeds(self) -> Iterator[dict[str, Array]]:
        """The model's inputs, one face at a time."""
        for crop, landmarks in zip(self.crops, self.landmarks, strict=True):
            yield {"crop": crop[np.newaxis], "landmarks": landmarks[np.newaxis]}


class FaceReader:
    """The device's pipeline, which also keeps what the action-unit model was shown of each frame of a sequence."""

    def __init__(self, seeing: Seeing) -> None:
        """Open the models that the settings name.

        Raises:
            ModelError: If one is missing, altered or unusable.
        """
        self._pipeline = Pipeline(seeing, Nets.open(seeing, self._open))
        self.faces: dict[int, tuple[Array, ...]] = {}
        """Crop and mesh by the frame's number, of the frames of this sequence that were scored."""

    @property
    def models(self) -> Mapping[str, str]:
        """SHA-256 of each model in use, by name."""
        return self._pipeline.models

    def read(self, frame: Frame) -> Reading:
        """As `Pipeline.read`."""
        reading = self._pipeline.read(frame)
        if reading.action_units is not None:
            self.faces[frame.sequence] = tuple(array[0].copy() for array in self._watched.shown)
        return reading

    def read_still(self, frame: Frame) -> Reading:
        """As `Pipeline.read_still`."""
        return self._pipeline.read_still(frame)

    def reset(self) -> None:
        """Forget every face, as at the start."""
        self._pipeline.reset()
        self.faces = {}

    def _open(self, manifest: Manifest, name: str, threads: int) -> Model:
        model = open_model(manifest, name, threads)
        if name != MODEL:
            return model
        self._watched = _Watched(model)
        return self._watched


class _Watched:
    """A model that remembers its last call."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.inputs, self.outputs = model.inputs, model.outputs
        self.shown: tuple[Array, ...] = ()

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        self.shown = arrays
        return self._model(*arrays)


class KeptFaces(Readings):
    """Readings, and the faces of each sequence in a file of its own."""

    def __init__(self, path: Path, about: Mapping[str, object], reader: FaceReader) -> None:
        """Open the file of readings, or begin it; the faces lie in the folder `faces` beside it.

        Args:
            path: Of the readings.
            about: What must be the same to go on.
            reader: Has the faces of the sequence that is added.

        Raises:
            DataSetError: If the file is about something else.
        """
        super().__init__(path, about)
        self._folder = path.parent / "faces"
        self._folder.mkdir(exist_ok=True)
        self._reader = reader

    def get(self, subject: str, sequence: str, frames: int) -> SequenceReading | None:
        """What was read of a sequence; None: nothing yet, or its faces are not kept."""
        return super().get(subject, sequence, frames) if self._file(subject, sequence).is_file() else None

    def add(self, subject: str, sequence: str, reading: SequenceReading) -> None:
        """Keep what was read of a sequence, its faces first."""
        faces, path = self._reader.faces, self._file(subject, sequence)
        partial = path.with_suffix(".part.npz")
        np.savez(
            partial,
            places=np.array(list(faces), np.int64),
            crops=np.array([crop for crop, _ in faces.values()], np.uint8),
            landmarks=np.array([mesh for _, mesh in faces.values()], np.float32),
        )
        partial.rename(path)
        super().add(subject, sequence, reading)

    def faces(self, dataset: DataSet, found: Iterable[Shown]) -> Faces:
        """The faces of a set that were kept, with what the coders said.

        Args:
            dataset: The set.
            found: Its sequences, all of which were read.

        Raises:
            DataSetError: If not one face was scored and coded.
        """
        crops, meshes, coded, subjects = [], [], [], []
        for frames, _ in found:
            subject = frames[0].subject
            with np.load(self._file(subject, frames[0].sequence)) as kept:
                for place, crop, mesh in zip(kept["places"], kept["crops"], kept["landmarks"], strict=True):
                    units = frames[place].units
                    if units is not None:
                        crops.append(crop)
                        meshes.append(mesh)
                        coded.append(dict(truths(dataset.units, units, ACTION_UNITS)))
                        subjects.append(subject)
        if not crops:
            raise DataSetError(f"{dataset.title}: not one frame was scored by the device and coded by people")
        said = [[row.get(unit, np.nan) for unit in ACTION_UNITS] for row in coded]
        truth = np.array(said, np.float32)  # None: present, nobody said how strong
        named = np.array([[unit in row for unit in ACTION_UNITS] for row in coded])
        present = named & (np.isnan(truth) | (truth >= dataset.present))
        return Faces(np.stack(crops), np.stack(meshes), truth, present, np.array(subjects))

    def _file(self, subject: str, sequence: str) -> Path:
        return self._folder / (re.sub(r"[^\w.-]", "_", f"{subject}-{sequence}") + ".npz")
