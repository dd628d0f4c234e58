"""Tiny trees in the published layouts of licensed sets, from the clips of the synthetic patient and their truth."""

from __future__ import annotations

import csv
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from npng_edge.capture.frames import frames
from npng_edge.settings import Camera

if TYPE_CHECKING:
    from npng_edge.units import Image

CLIPS = Path(__file__).parent.parent / "clips"
DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)


def truth(clip: str) -> list[dict[str, float]]:
    """What is true of each frame of a clip, by the names of its table."""
    with (CLIPS / f"{clip}.csv").open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@cache
def some(clip: str, every: int) -> tuple[tuple[Image, dict[str, float]], ...]:
    """Pictures of a clip and their truth."""
    labels = truth(clip)
    return tuple(
        (frame.image, labels[frame.sequence])
        for frame in frames(Camera(), f"file:{CLIPS / clip}.mp4")
        if frame.sequence % every == 0
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def picture(path: Path, image: Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def make_unbc(root: Path, every: int = 15) -> Path:
    """Two patients, one in pain and one at rest, coded by the truth of the clips."""
    for subject, sequence, clip, vas in (
        ("042-ll042", "ll042t1aaaff", "pain", 8),
        ("043-jh043", "jh043t1aeaff", "rest", 0),
    ):
        at = f"{subject}/{sequence}"
        for scale in ("VAS", "OPR", "SEN", "AFF"):
            write(
                root / "Sequence_Labels" / scale / f"{at}.txt",
                f"   {vas // 2 if scale == 'OPR' else vas}.0000000e+00\n",
            )
        for number, (image, true) in enumerate(some(clip, every), 1):
            name = f"{at}/{sequence}{number:03d}"
            picture(root / "Images" / f"{name}.png", image)
            coded = {unit: float(round(true[f"AU{unit}"])) for unit in (4, 6, 7, 9, 10, 12, 20, 25, 26)}
            # A blink is AU45, not AU43: the clip's own PSPI knows the difference.
            open_eyed = true["AU4"] + max(true["AU6"], true["AU7"]) + max(true["AU9"], true["AU10"])
            coded[43] = float(true["pspi_true"] > open_eyed + 0.5)
            rows = "".join(
                f"   {unit:.7e}   {value:.7e}   1.0000000e+00   9.0000000e+00\n"
                for unit, value in coded.items()
                if value
            )
            write(root / "Frame_Labels" / "FACS" / f"{name}_facs.txt", rows)
            pspi = coded[4] + max(coded[6], coded[7]) + max(coded[9], coded[10]) + coded[43]
            write(root / "Frame_Labels" / "PSPI" / f"{name}_facs.txt", f"   {pspi:.7e}\n")
    return root


def make_biovid(root: Path) -> Path:
    """Two people, a window without heat and one with the strongest each."""
    for subject in ("071309_w_21", "071313_m_41"):
        folder = root / "PartA" / "video" / subject
        folder.mkdir(parents=True)
        for name, clip in (("BL1-081", "rest"), ("PA4-006", "pain")):
            shutil.copy(CLIPS / f"{clip}.mp4", folder / f"{subject}-{name}.mp4")
    return root


def make_disfa(root: Path, people: dict[str, str]) -> Path:
    """One film a person, coded by the truth of the clip."""
    for subject, clip in people.items():
        video = root / "Videos_LeftCamera" / f"LeftVideo{subject}_comp.avi"
        video.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CLIPS / f"{clip}.mp4", video)
        for unit in DISFA_UNITS:
            lines = "".join(f"{number},{row[f'AU{unit}']:.0f}\n" for number, row in enumerate(truth(clip), 1))
            write(root / "ActionUnit_Labels" / subject / f"{subject}_au{unit}.txt", lines)
    return root


def make_disfa_plus(root: Path, every: int = 30) -> Path:
    """Two people, one trial each."""
    for subject in ("SN001", "SN003"):
        at = f"{subject}/Y_HappyDescribed_TrailNo_1"
        shown = some("smile-talk", every)
        for number, (image, _) in enumerate(shown):
            picture(root / "Labeled Images" / at / f"{number:03d}.jpg", image)
        for unit in DISFA_UNITS:
            lines = "".join(f"{number:03d}.jpg     {true[f'AU{unit}']:.0f}\n" for number, (_, true) in enumerate(shown))
            write(root / "Labels" / at / f"AU{unit}.txt", f"Intensity of AU{unit}\nFrame     Intensity\n{lines}")
    return root


def make_ck_plus(root: Path, every: int = 15) -> Path:
    """Two people, a smile each, from neutral to apex; one of them without an emotion."""
    shown = [image for image, true in some("smile-talk", every) if true["time"] <= 3.0]
    for subject in ("S005", "S010"):
        at = f"{subject}/001/{subject}_001_"
        for number, image in enumerate(shown, 1):
            picture(root / "cohn-kanade-images" / f"{at}{number:08d}.png", image)
        apex = f"{at}{len(shown):08d}"
        write(
            root / "FACS" / f"{apex}_facs.txt",
            "   6.0000000e+00   0.0000000e+00\n   1.2000000e+01   4.0000000e+00\n   2.7000000e+01   2.0\n",
        )
        (root / "Emotion" / subject / "001").mkdir(parents=True)
        if subject == "S005":
            write(root / "Emotion" / f"{apex}_emotion.txt", "   5.0000000e+00\n")
    return root
