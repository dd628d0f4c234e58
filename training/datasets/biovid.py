"""BioVid Heat Pain Database, part A: 87 people, four strengths of heat and none, windows of 5.5 s.

Layout (Walter and others, "The BioVid heat pain database", CYBCONF 2013; names as public code reads them):

    PartA/video/071309_w_21/071309_w_21-BL1-081.mp4        SUBJECT/SUBJECT-LEVEL-TRIAL.mp4

SUBJECT is date, sex (`m`, `w`) and age; LEVEL is BL1 (no heat) or PA1 to PA4 (threshold to tolerance of that person);
TRIAL is a number. The level is that of the heat, not of the face: many windows show no reaction at all.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.ffmpeg import open_video
from training.datasets.files import folder, names
from training.datasets.labelled import DataSet, DataSetError, Labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LEVELS: Mapping[str, float] = MappingProxyType({"BL1": 0.0, "PA1": 1.0, "PA2": 2.0, "PA3": 3.0, "PA4": 4.0})
STIMULUS = "stimulus"
NAME = re.compile(r"(?P<subject>\d{6}_[mw]_\d{2})-(?P<level>BL1|PA[1-4])-\d{3}")


def load(root: Path) -> Iterator[Labelled]:
    """Yield every frame that the videos announce; one that cannot be opened yields its first frame only.

    Args:
        root: With `PartA/video`, or with `video` itself.

    Raises:
        DataSetError: If the folder is not laid out as above.
    """
    videos = root / "PartA" / "video"
    videos = folder(videos if videos.is_dir() else root / "video", "one folder a person, e.g. 071309_w_21")
    expected = f"SUBJECT-LEVEL-TRIAL.mp4 with a level of {', '.join(LEVELS)}"
    for subject in names(videos):
        for path in sorted((videos / subject).iterdir()):
            if path.suffix.lower() != ".mp4" or path.name.startswith("."):
                continue
            name = NAME.fullmatch(path.stem)
            if name is None or name["subject"] != subject:
                raise DataSetError(f"{path}: expected {expected}, in the folder of its subject")
            labels = {STIMULUS: LEVELS[name["level"]]}
            for position in range(max(_count(path), 1)):
                yield Labelled(subject, path.stem, position, path, position, labels=labels)


def _count(path: Path) -> int:
    video = open_video(str(path), [])
    announced = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    return announced


def painless(frames: Sequence[Labelled]) -> bool:
    """Whether there was no heat."""
    return frames[0].labels[STIMULUS] == 0.0


BIOVID = DataSet(
    name="biovid",
    title="BioVid Heat Pain, part A",
    units=(),
    present=1.0,
    fps=25.0,
    scales=MappingProxyType({STIMULUS: 4.0}),
    contrast=(STIMULUS, 0.0, 4.0),
    painless=painless,
    painless_words="windows without heat (BL1)",
    load=load,
)
