"""CK+, the extended Cohn-Kanade set: 593 posed sequences of 123 people from neutral to apex, FACS codes of the apex.

Layout, by the set's own ReadMe (28 September 2010; Lucey and others, "The extended Cohn-Kanade dataset (CK+)", CVPR
workshops 2010):

    cohn-kanade-images/S005/001/S005_001_00000011.png
    FACS/S005/001/S005_001_00000011_facs.txt               unit and intensity a line; the last frame only
    Emotion/S005/001/S005_001_00000011_emotion.txt         one number, 0..7; for 327 sequences

An intensity of 0 means that the unit is there and nobody said how strong. A unit that is not listed is absent. Frames
before the apex are not coded.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from training.datasets.files import (
    by_name,
    folder,
    intensity,
    label_files,
    names,
    number_in,
    one_number,
    pictures,
    rows,
    unit,
)
from training.datasets.labelled import DataSet, DataSetError, Labelled, everything

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

UNITS = by_name((1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26, 27, 43))
EMOTION = "emotion"
MOST_EMOTION = 7.0
"""0 neutral, 1 anger, 2 contempt, 3 disgust, 4 fear, 5 happiness, 6 sadness, 7 surprise."""


def load(root: Path) -> Iterator[Labelled]:
    """Yield every frame; the last of most sequences is coded.

    Args:
        root: With `cohn-kanade-images`, `FACS` and `Emotion`.

    Raises:
        DataSetError: If the folder is not laid out as above.
    """
    images = folder(root / "cohn-kanade-images", "one folder a person, e.g. S005")
    codes = folder(root / "FACS", "the same folders as in cohn-kanade-images, with *_facs.txt")
    emotions = folder(root / "Emotion", "the same folders as in cohn-kanade-images, with *_emotion.txt")
    for subject in names(images, codes, emotions):
        for sequence in names(images / subject, codes / subject, emotions / subject):
            at = images / subject / sequence
            seen = pictures(at)
            coded = _only(label_files(codes / subject / sequence, "_facs"))
            felt = _only(label_files(emotions / subject / sequence, "_emotion"))
            said = [one_number(path, MOST_EMOTION) for path in felt.values()]
            labels = {EMOTION: said[0]} if said else {}
            stems = seen.keys() | coded.keys() | felt.keys()
            for stem in sorted(stems):
                units = _units(coded[stem]) if stem in coded else None
                number = number_in(stem, r".*_(\d+)", at, f"{subject}_{sequence}_00000011")
                yield Labelled(
                    subject, sequence, number, seen.get(stem, at / f"{stem}.png"), units=units, labels=labels
                )


def _only(found: dict[str, Path]) -> dict[str, Path]:
    """The same, if it is one at the most."""
    if len(found) > 1:
        raise DataSetError(f"{max(found.values())}: expected one label file a sequence; there are {len(found)}")
    return found


def _units(path: Path) -> Mapping[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(UNITS, 0.0)
    for line, row in rows(path, range(2, 3), "a unit and its intensity"):
        found[unit(path, line, row[0])] = intensity(path, line, row[1]) or None
    return found


CK_PLUS = DataSet(
    name="ck-plus",
    title="CK+",
    units=UNITS,
    present=1.0,
    fps=30.0,
    scales=MappingProxyType({}),
    contrast=None,
    painless=everything,
    painless_words="all of it: expressions posed on request, of a second or two",
    load=load,
)
