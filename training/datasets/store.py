"""What was read, kept line by line beside the results, so that an evaluation that was stopped goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from training.datasets.labelled import DataSetError
from training.datasets.reading import Score, SequenceReading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Readings:
    """A file of JSON lines: what it is about, then one sequence a line."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        """Open the file, or begin it.

        Args:
            path: Of the file.
            about: What must be the same to go on: the set, the models, which frames.

        Raises:
            DataSetError: If the file is about something else.
        """
        self._path = path
        self._known: dict[tuple[str, str], SequenceReading] = {}
        first = json.dumps(dict(about))
        kept = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        whole = [line for line in kept if line.endswith("\n")]  # the last one may have been cut off
        if whole and whole[0].strip() != first:
            raise DataSetError(
                f"{path}:1: is about {whole[0].strip()}, not {first}; give another --output, or remove it"
            )
        for line in whole[1:]:
            subject, sequence, reading = _from_json(json.loads(line))
            self._known[subject, sequence] = reading
        path.write_text("".join(whole) or first + "\n", encoding="utf-8")

    def get(self, subject: str, sequence: str, frames: int) -> SequenceReading | None:
        """What was read of a sequence; None: nothing yet.

        Args:
            subject: Whose it is.
            sequence: Its name.
            frames: How many it has now.

        Raises:
            DataSetError: If it had another number of frames.
        """
        found = self._known.get((subject, sequence))
        if found and len(found.scores) != frames:
            raise DataSetError(
                f"{self._path}: {subject}/{sequence} had {len(found.scores)} frames, now {frames}; remove it"
            )
        return found

    def add(self, subject: str, sequence: str, reading: SequenceReading) -> None:
        """Keep what was read of a sequence."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_to_json(subject, sequence, reading)) + "\n")


def _to_json(subject: str, sequence: str, reading: SequenceReading) -> dict[str, Any]:
    scores = [one if isinstance(one, str) else [one.pspi, dict(one.units)] for one in reading.scores]
    return {
        "subject": subject,
        "sequence": sequence,
        "seconds": reading.seconds,
        "alarms": reading.alarms,
        "above": reading.above,
        "scores": scores,
    }


def _from_json(line: Mapping[str, Any]) -> tuple[str, str, SequenceReading]:
    scores = tuple(one if isinstance(one, str) else Score(*one) for one in line["scores"])
    reading = SequenceReading(scores, line["seconds"], line["alarms"], line["above"])
    return line["subject"], line["sequence"], reading
