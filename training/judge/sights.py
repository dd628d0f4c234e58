"""Real faces as questions to a learner: which of them show a unit?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.judge.faces import SMALL, Finder, coded, labelled
from training.units import export
from training.units.features import Examples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    import numpy.typing as npt

    from training.judge.faces import Faces

    Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Question:
    """Real faces that have a unit, and others that have not."""

    unit: str
    """One of `features.OUTPUTS`, or `reading.EYES`."""
    about: str
    """Where the faces are from."""
    rows: npt.NDArray[np.int64]
    """Of the faces that were found."""
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sight:
    """All real faces as seen at one size."""

    features: Floats
    """As of `export.features`."""
    questions: tuple[Question, ...]


def sights(data: Path, units: Path, models: Path) -> dict[str, Sight]:
    """Real faces as they are, and 48 pixels wide.

    Args:
        data: with `frl_london/` and `expressions/`.
        units: table of the units that an annotator saw in the latter.
        models: folder with the manifest.
    """
    finder, seen = Finder(models), coded(units)
    smiling = {name: row["expression"] == "happiness" for name, row in labelled(data / "frl_london").items()}
    paths = [data / "frl_london" / name for name in smiling]
    paths += [data / "expressions" / name for name in sorted({name for shown in seen.values() for name in shown})]
    wanted = [("AU6", "smiles", smiling), ("AU12", "smiles", smiling)]
    wanted += [(unit, "coded", shown) for unit, shown in seen.items()]
    return {
        size: Sight(_features(faces), tuple(_question(*one, paths, faces) for one in wanted))
        for size, faces in (("as they are", finder.read(paths)), (f"{SMALL} pixels", finder.read(paths, SMALL)))
    }


def _features(faces: Faces) -> Floats:
    numbers = np.arange(len(faces.places))
    nothing = np.zeros((len(numbers), 0), np.float32)
    return export.features(Examples(faces.crops, faces.landmarks, nothing, numbers, numbers, numbers < 0, nothing))


def _question(unit: str, about: str, shown: Mapping[str, bool], paths: Sequence[Path], faces: Faces) -> Question:
    names = [paths[place].name for place in faces.places]
    rows = [row for row, name in enumerate(names) if name in shown]
    return Question(unit, about, np.array(rows), np.array([shown[names[row]] for row in rows]))
