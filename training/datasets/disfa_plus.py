"""DISFA+, the posed extension of DISFA: nine people, units and expressions on request, 12 units in every frame.

Layout (Mavadati, Sanger and Mahoor, "Extended DISFA dataset: investigating posed and spontaneous facial expressions",
CVPR workshops 2016; names as public code reads them: cosanlab/py-feat, `scripts/extract_au_training_features.py`):

    Labeled Images/SN001/A1_AU1_TrailNo_1/000.jpg          in some copies `Images`
    Labels/SN001/A1_AU1_TrailNo_1/AU1.txt                  up to two lines of heading, then `000.jpg     0`, 0..5
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.datasets.disfa import UNITS
from training.datasets.files import folder, lines, names, number_in, pictures, wrong
from training.datasets.labelled import DataSet, DataSetError, Labelled, everything

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = re.compile(r"(?P<number>\d+)\.jpg\s+(?P<intensity>[0-5])(\.0+)?", re.IGNORECASE)
HEADING = 2
"""Lines at the most."""


def load(root: Path) -> Iterator[Labelled]:
    """Yield every frame that has a picture or a label.

    Args:
        root: With `Labeled Images` (or `Images`) and `Labels`.

    Raises:
        DataSetError: If the folder is not laid out as above.
    """
    images = root / "Labeled Images"
    images = folder(images if images.is_dir() else root / "Images", "one folder a person, e.g. SN001")
    labels = folder(root / "Labels", "one folder a person, e.g. SN001")
    for subject in names(images, labels):
        for trial in names(images / subject, labels / subject):
            at = images / subject / trial
            seen = {number_in(stem, r"(\d+)", at, "000.jpg"): path for stem, path in pictures(at).items()}
            coded = _intensities(labels / subject / trial)
            for number in sorted(seen.keys() | coded.keys()):
                yield Labelled(
                    subject, trial, number, seen.get(number, at / f"{number:03d}.jpg"), units=coded.get(number)
                )


def _intensities(path: Path) -> dict[int, dict[str, float | None]]:
    """By frame; every file must tell of the same frames. Empty when there is no such folder."""
    found: dict[int, dict[str, float | None]] = {}
    if not path.is_dir():
        return found
    for unit in UNITS:
        file = path / f"{unit}.txt"
        read: dict[int, float] = {}
        for place, (line, text) in enumerate(lines(file)):
            match = LINE.fullmatch(text)
            if match:
                read[int(match["number"])] = float(match["intensity"])
            elif read or place >= HEADING:
                raise wrong(file, line, "a picture and an intensity from 0 to 5, e.g. 000.jpg     0", text)
        if found and read.keys() != found.keys():
            raise DataSetError(f"{file}: expected the same pictures as in the other files there; it has {len(read)}")
        for frame, value in read.items():
            found.setdefault(frame, {})[unit] = value
    return found


DISFA_PLUS = DataSet(
    name="disfa-plus",
    title="DISFA+",
    units=UNITS,
    present=2.0,
    fps=20.0,
    scales=MappingProxyType({}),
    contrast=None,
    painless=everything,
    painless_words="all of it: units and expressions posed on request",
    load=load,
)
