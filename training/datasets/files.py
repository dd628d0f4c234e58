"""How the folders and label files of data sets are read: what is not as published is named with its file and line."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from npng_edge.capture.images import SUFFIXES
from training.datasets.labelled import DataSetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def folder(path: Path, expected: str) -> Path:
    """The path, if it is a folder.

    Args:
        path: Where it should be.
        expected: What should be in it, for the message.

    Raises:
        DataSetError: If it is not there.
    """
    if not path.is_dir():
        raise DataSetError(f"{path}: is no folder; expected there: {expected}")
    return path


def names(*paths: Path) -> list[str]:
    """Names of the folders in any of these folders, sorted; hidden ones and folders that are not there do not count."""
    inside = (one for path in paths if path.is_dir() for one in path.iterdir())
    return sorted({one.name for one in inside if one.is_dir() and not one.name.startswith(".")})


def pictures(path: Path) -> dict[str, Path]:
    """The pictures in a folder, by their names without suffix; empty when there is no such folder."""
    found = sorted(path.iterdir()) if path.is_dir() else []
    return {one.stem: one for one in found if one.suffix.lower() in SUFFIXES and not one.name.startswith(".")}


def label_files(path: Path, suffix: str) -> dict[str, Path]:
    """The text files in a folder whose names end so, by the names of their pictures; empty without such a folder."""
    found = sorted(path.glob(f"*{suffix}.txt"))
    return {one.stem.removesuffix(suffix): one for one in found if not one.name.startswith(".")}


def number_in(stem: str, pattern: str, at: Path, example: str) -> int:
    """The number of a frame in the name of its picture or label.

    Args:
        stem: The name without suffix.
        pattern: Of the whole name; its first group is the number.
        at: The folder, for the message.
        example: Of a name, for the message.

    Raises:
        DataSetError: If the name is different.
    """
    match = re.fullmatch(pattern, stem)
    if match is None:
        raise DataSetError(f"{at / stem}: expected a name like {example}")
    return int(match[1])


def lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a label file that are not empty, with their numbers from 1.

    Raises:
        DataSetError: If it cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(f"{path}: cannot be read as text: {error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def rows(path: Path, columns: range, expected: str) -> list[tuple[int, tuple[float, ...]]]:
    """The numbers of a label file, line by line, separated by blanks or commas.

    Args:
        path: The file; an empty one has no rows.
        columns: How many numbers a line may have.
        expected: What a line should be, for the message.

    Returns:
        Number of the line and its figures, all finite.

    Raises:
        DataSetError: If a line is anything else.
    """
    found = []
    for number, line in lines(path):
        try:
            row = tuple(float(word) for word in re.split(r"[,\s]+", line))
        except ValueError:
            row = ()
        if len(row) not in columns or not all(map(math.isfinite, row)):
            raise wrong(path, number, expected, line)
        found.append((number, row))
    return found


def one_number(path: Path, most: float) -> float:
    """The only number of a label file, 0 to `most`.

    Raises:
        DataSetError: If it is anything else.
    """
    expected = f"one number from 0 to {most:g}"
    found = rows(path, range(1, 2), expected)
    if len(found) != 1:
        raise wrong(path, found[-1][0] if found else 1, expected, f"{len(found)} numbers")
    number, (value,) = found[0]
    if not 0.0 <= value <= most:
        raise wrong(path, number, expected, value)
    return value


def unit(path: Path, line: int, value: float) -> str:
    """Name of the action unit of this number.

    Raises:
        DataSetError: If it is no number of a unit.
    """
    if not (value.is_integer() and 1.0 <= value <= 99.0):
        raise wrong(path, line, "the number of an action unit, 1 to 99", value)
    return f"AU{value:.0f}"


def intensity(path: Path, line: int, value: float) -> float:
    """A FACS intensity, if it is one.

    Raises:
        DataSetError: If it is not 0 to 5.
    """
    if not 0.0 <= value <= 5.0:
        raise wrong(path, line, "an intensity from 0 (absent) to 5 (FACS E)", value)
    return value


def wrong(path: Path, line: int, expected: str, found: object) -> DataSetError:
    """The mistake in words: file, line, what is expected and what is there."""
    return DataSetError(f"{path}:{line}: expected {expected}; found {found!r}")


def by_name(units: Sequence[int]) -> tuple[str, ...]:
    """Names of action units by their numbers."""
    return tuple(f"AU{number}" for number in units)
