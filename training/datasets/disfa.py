"""DISFA, Denver Intensity of Spontaneous Facial Action: 27 people watch films, 12 units in every frame.

Layout (Mavadati and others, IEEE Transactions on Affective Computing 4 (2013) 151; names as public code reads them:
amogh112/deepFAU, `datasets.ipynb`):

    Videos_LeftCamera/LeftVideoSN001_comp.avi              or a folder of that name with its frames, numbered from 1
    ActionUnit_Labels/SN001/SN001_au1.txt                  `frame,intensity` a line, frames from 1, intensity 0..5

The right camera saw the same faces at the same time; it is not read.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.datasets.files import by_name, folder, intensity, names, number_in, pictures, rows, wrong
from training.datasets.labelled import DataSet, DataSetError, Labelled, everything

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
UNITS = by_name(NUMBERS)
FILM = "film"
"""Everybody saw the same, in one sequence."""
VIDEO = re.compile(r"leftvideo(SN\d{3})(_comp)?", re.IGNORECASE)


def load(root: Path) -> Iterator[Labelled]:
    """Yield every coded frame, and every extracted one that is not coded.

    Args:
        root: With `Videos_LeftCamera` and `ActionUnit_Labels`.

    Raises:
        DataSetError: If the folder is not laid out as above.
    """
    videos = _videos(folder(root / "Videos_LeftCamera", "LeftVideoSN001_comp.avi and the others"))
    labels = folder(root / "ActionUnit_Labels", "one folder a person, e.g. SN001")
    for subject in sorted({*videos, *names(labels)}):
        video = videos.get(subject, root / "Videos_LeftCamera" / f"LeftVideo{subject}_comp.avi")
        coded = _intensities(folder(labels / subject, f"{subject}_au1.txt and the others, for {video.name}"))
        stills = {number_in(stem, r".*?(\d+)", video, "00001.jpg"): still for stem, still in pictures(video).items()}
        for number in sorted(coded.keys() | stills.keys()):
            units = coded.get(number)
            if video.is_dir():
                missing = video / f"{video.name}_{number:05d}.jpg"
                yield Labelled(subject, FILM, number, stills.get(number, missing), units=units)
            else:
                yield Labelled(subject, FILM, number, video, number - 1, units=units)


def _videos(path: Path) -> dict[str, Path]:
    """By person: a video, or a folder with its frames."""
    found = {}
    for one in sorted(path.iterdir()):
        name = VIDEO.fullmatch(one.name if one.is_dir() else one.stem)
        if name and (one.is_dir() or one.suffix.lower() == ".avi"):
            found[name[1].upper()] = one
    return found


def _intensities(path: Path) -> dict[int, dict[str, float | None]]:
    """By frame; every file must tell of the same frames."""
    found: dict[int, dict[str, float | None]] = {}
    expected = "the number of a frame, from 1, and an intensity, e.g. 1,0"
    for number in NUMBERS:
        file = path / f"{path.name}_au{number}.txt"
        read = {}
        for line, (frame, value) in rows(file, range(2, 3), expected):
            if frame < 1 or not frame.is_integer():
                raise wrong(file, line, expected, (frame, value))
            read[int(frame)] = intensity(file, line, value)
        if found and read.keys() != found.keys():
            raise DataSetError(f"{file}: expected the same frames as in the other files there; it has {len(read)}")
        for at, value in read.items():
            found.setdefault(at, {})[f"AU{number}"] = value
    return found


DISFA = DataSet(
    name="disfa",
    title="DISFA",
    units=UNITS,
    present=2.0,  # as py-feat's benchmark of tools on DISFA+ has it
    fps=20.0,
    scales=MappingProxyType({}),
    contrast=None,
    painless=everything,
    painless_words="all of it: people who watch films that amuse, startle or disgust",
    load=load,
)
