"""Every loader on a tiny tree in the set's published layout, whole and broken."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_datasets import DISFA_UNITS, make_biovid, make_ck_plus, make_disfa, make_disfa_plus, make_unbc, picture, write

pytest.importorskip("sklearn")

from training.datasets.labelled import DataSetError, Labelled
from training.datasets.sets import SETS

if TYPE_CHECKING:
    from collections.abc import Callable

MAKE: dict[str, Callable[[Path], Path]] = {
    "unbc": lambda root: make_unbc(root, 60),
    "biovid": make_biovid,
    "disfa": lambda root: make_disfa(root, {"SN001": "rest"}),
    "disfa-plus": make_disfa_plus,
    "ck-plus": make_ck_plus,
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return cache(lambda name: MAKE[name](tmp_path_factory.mktemp(name)))


@pytest.fixture
def tree(made: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A set's tree to spoil."""
    return lambda name: Path(shutil.copytree(made(name), tmp_path / "set"))


def load(name: str, root: Path) -> list[Labelled]:
    return list(SETS[name].load(root))


@pytest.mark.parametrize("name", SETS)
def test_the_published_layout_is_read_whole_and_in_order(made: Callable[[str], Path], name: str) -> None:
    frames = load(name, made(name))
    keys = [(one.subject, one.sequence, one.number) for one in frames]
    assert keys == sorted(set(keys))
    assert all(one.path.is_file() for one in frames)
    assert len({one.subject for one in frames}) == (1 if name == "disfa" else 2)
    if name != "ck-plus":
        assert all(one.coded for one in frames)


def test_unbc_gives_pspi_units_and_ratings(tree: Callable[[str], Path]) -> None:
    root = tree("unbc")
    at = root / "Frame_Labels" / "FACS" / "042-ll042" / "ll042t1aaaff" / "ll042t1aaaff001_facs.txt"
    write(at, "   4.0000000e+00   3.0000000e+00   1.0   9.0\n   4.3000000e+01   1.0000000e+00   1.0   9.0\n")
    first = load("unbc", root)[0]
    assert (first.subject, first.sequence, first.number) == ("042-ll042", "ll042t1aaaff", 1)
    assert first.pspi == 0.0
    assert first.units is not None
    assert {name: value for name, value in first.units.items() if value} == {"AU4": 3.0, "AU43": 1.0}
    assert set(SETS["unbc"].units) == set(first.units)
    assert first.labels == {"VAS": 8.0, "OPR": 4.0, "SEN": 8.0, "AFF": 8.0}


def test_unbc_calls_painless_only_what_shows_no_pain(tmp_path: Path) -> None:
    frames = load("unbc", make_unbc(tmp_path, 15))
    painless = SETS["unbc"].painless
    assert not painless([one for one in frames if one.subject == "042-ll042"])
    assert painless([one for one in frames if one.subject == "043-jh043"])
    assert not painless([Labelled("a", "b", 1, tmp_path)])


def test_biovid_takes_the_heat_from_the_name_and_every_frame_of_the_video(made: Callable[[str], Path]) -> None:
    frames = load("biovid", made("biovid"))
    assert {(one.subject, one.sequence): one.labels for one in frames} == {
        ("071309_w_21", "071309_w_21-BL1-081"): {"stimulus": 0.0},
        ("071309_w_21", "071309_w_21-PA4-006"): {"stimulus": 4.0},
        ("071313_m_41", "071313_m_41-BL1-081"): {"stimulus": 0.0},
        ("071313_m_41", "071313_m_41-PA4-006"): {"stimulus": 4.0},
    }
    assert [one.position for one in frames if one.sequence == "071309_w_21-BL1-081"] == list(range(225))


def test_disfa_counts_from_one_and_the_video_from_zero(made: Callable[[str], Path]) -> None:
    frames = load("disfa", made("disfa"))
    assert [(one.number, one.position) for one in frames] == [(n, n - 1) for n in range(1, 226)]
    assert all(one.units and len(one.units) == len(DISFA_UNITS) for one in frames)


def test_disfa_takes_a_folder_of_frames_for_a_video(tree: Callable[[str], Path]) -> None:
    root = tree("disfa")
    video = root / "Videos_LeftCamera" / "LeftVideoSN001_comp.avi"
    video.unlink()
    for number in (1, 2):
        picture(video.with_suffix("") / f"LeftVideoSN001_comp_{number:05d}.jpg", np.zeros((48, 48, 3), np.uint8))
    frames = load("disfa", root)
    assert [one.path.is_file() for one in frames[:3]] == [True, True, False]
    assert frames[0].path.name == "LeftVideoSN001_comp_00001.jpg"
    assert frames[0].position is None


def test_ck_plus_codes_the_apex_alone_and_knows_units_of_unknown_strength(made: Callable[[str], Path]) -> None:
    frames = [one for one in load("ck-plus", made("ck-plus")) if one.subject == "S005"]
    assert [one.units is not None for one in frames] == [False] * (len(frames) - 1) + [True]
    apex = frames[-1].units
    assert apex is not None
    assert (apex["AU6"], apex["AU12"], apex["AU27"], apex["AU4"]) == (None, 4.0, 2.0, 0.0)
    assert all(one.labels == {"emotion": 5.0} for one in frames)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("unbc", "Images"),
        ("unbc", "Frame_Labels/PSPI"),
        ("unbc", "Frame_Labels/FACS"),
        ("unbc", "Sequence_Labels/OPR"),
        ("biovid", "PartA/video"),
        ("disfa", "Videos_LeftCamera"),
        ("disfa", "ActionUnit_Labels"),
        ("disfa", "ActionUnit_Labels/SN001"),
        ("disfa-plus", "Labeled Images"),
        ("disfa-plus", "Labels"),
        ("ck-plus", "cohn-kanade-images"),
        ("ck-plus", "FACS"),
        ("ck-plus", "Emotion"),
    ],
)
def test_a_missing_folder_is_named(tree: Callable[[str], Path], tmp_path: Path, name: str, gone: str) -> None:
    root = tree(name)
    (root / gone).rename(tmp_path / "elsewhere")
    with pytest.raises(DataSetError, match=r"is no folder; expected there: "):
        load(name, root)


UNBC_AT = "042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt"
PLUS_AT = "Labels/SN001/Y_HappyDescribed_TrailNo_1/AU12.txt"
CK_AT = "S005/001/S005_001_00000004"


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        (
            "unbc",
            f"Frame_Labels/PSPI/{UNBC_AT}",
            "seventeen\n",
            r":1: expected one number from 0 to 16; found 'seventeen'",
        ),
        ("unbc", f"Frame_Labels/PSPI/{UNBC_AT}", "17\n", r":1: expected one number from 0 to 16; found 17"),
        ("unbc", f"Frame_Labels/PSPI/{UNBC_AT}", "", r":1: expected one number from 0 to 16; found '0 numbers'"),
        ("unbc", f"Frame_Labels/PSPI/{UNBC_AT}", "1\n2\n", r":2: expected one number from 0 to 16; found '2 numbers'"),
        ("unbc", f"Frame_Labels/PSPI/{UNBC_AT}", "nan\n", r":1: expected one number"),
        (
            "unbc",
            f"Frame_Labels/FACS/{UNBC_AT}",
            "4 1 1 1\n\n6 7 1 1\n",
            r":3: expected an intensity from 0 .* found 7",
        ),
        ("unbc", f"Frame_Labels/FACS/{UNBC_AT}", "4.5 1 1 1\n", r":1: expected the number of an action unit"),
        ("unbc", f"Frame_Labels/FACS/{UNBC_AT}", "4\n", r":1: expected unit, intensity, onset, offset; found '4'"),
        ("unbc", "Sequence_Labels/VAS/042-ll042/ll042t1aaaff.txt", "11\n", r":1: expected one number from 0 to 10"),
        ("disfa", "ActionUnit_Labels/SN001/SN001_au9.txt", "1,6\n", r"_au9.txt:1: expected an intensity"),
        ("disfa", "ActionUnit_Labels/SN001/SN001_au9.txt", "0,1\n", r"_au9.txt:1: expected the number of a frame"),
        ("disfa", "ActionUnit_Labels/SN001/SN001_au9.txt", "1,0\n", r"_au9.txt: expected the same frames .* it has 1"),
        ("disfa-plus", PLUS_AT, "h\nh\nh\n000.jpg 0\n", r"AU12.txt:3: expected a picture and an intensity"),
        ("disfa-plus", PLUS_AT, "000.jpg 0\n001.jpg 6\n", r"AU12.txt:2: expected a picture .* found '001.jpg 6'"),
        ("disfa-plus", PLUS_AT, "000.jpg 0\n", r"AU12.txt: expected the same pictures .* it has 1"),
        ("ck-plus", f"FACS/{CK_AT}_facs.txt", "12 4 3\n", r"_facs.txt:1: expected a unit and its intensity"),
        ("ck-plus", f"FACS/{CK_AT[:-1]}3_facs.txt", "12 4\n", r"expected one label file a sequence; there are 2"),
        ("ck-plus", f"Emotion/{CK_AT}_emotion.txt", "8\n", r"_emotion.txt:1: expected one number from 0 to 7"),
        ("ck-plus", f"FACS/{CK_AT}_facs.txt", "\xff", r":1: expected a unit and its intensity"),
    ],
)
def test_a_broken_label_is_named_with_file_line_and_what_is_expected(
    tree: Callable[[str], Path], name: str, file: str, text: str, message: str
) -> None:
    root = tree(name)
    write(root / file, text)
    with pytest.raises(DataSetError, match=message):
        load(name, root)


@pytest.mark.parametrize("file", ["071309_w_21-BL2-001.mp4", "071313_m_41-BL1-001.mp4", "notes.mp4"])
def test_a_video_with_a_name_that_says_nothing_is_named(tree: Callable[[str], Path], file: str) -> None:
    root = tree("biovid")
    write(root / "PartA" / "video" / "071309_w_21" / file, "")
    with pytest.raises(DataSetError, match=rf"{file}: expected SUBJECT-LEVEL-TRIAL.mp4"):
        load("biovid", root)


def test_a_label_file_that_is_no_text_is_named(tree: Callable[[str], Path]) -> None:
    root = tree("unbc")
    (root / "Frame_Labels" / "PSPI" / UNBC_AT).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataSetError, match=r"_facs.txt: cannot be read as text"):
        load("unbc", root)


def test_what_has_lost_its_label_or_its_picture_is_not_lost(tree: Callable[[str], Path]) -> None:
    root = tree("unbc")
    whole = load("unbc", root)
    name = "042-ll042/ll042t1aaaff/ll042t1aaaff"
    (root / "Images" / f"{name}001.png").unlink()
    (root / "Frame_Labels" / "PSPI" / f"{name}002_facs.txt").unlink()
    (root / "Frame_Labels" / "FACS" / f"{name}002_facs.txt").unlink()
    (root / "Sequence_Labels" / "VAS" / "042-ll042" / "ll042t1aaaff.txt").unlink()
    frames = load("unbc", root)
    assert len(frames) == len(whole)
    assert not frames[0].path.exists()
    assert (frames[1].pspi, frames[1].units) == (None, None)
    assert set(frames[0].labels) == {"OPR", "SEN", "AFF"}


def test_hidden_files_and_other_files_are_no_frames(tree: Callable[[str], Path]) -> None:
    root = tree("unbc")
    whole = load("unbc", root)
    write(root / "Images" / ".DS_Store", "")
    write(root / "Images" / "042-ll042" / "ll042t1aaaff" / "Thumbs.db", "")
    write(root / "Images" / "042-ll042" / "ll042t1aaaff" / "._ll042t1aaaff001.png", "")
    assert load("unbc", root) == whole
