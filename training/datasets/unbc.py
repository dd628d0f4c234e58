"""UNBC-McMaster Shoulder Pain Expression Archive: 200 sequences of 25 patients, PSPI and FACS for every frame.

Layout, as distributed with Lucey and others, "Painful data: The UNBC-McMaster shoulder pain expression archive
database" (FG 2011), and as public code reads it (cosanlab/py-feat, `scripts/extract_au_training_features.py`):

    Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
    Frame_Labels/PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt     one number, 0..16
    Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt     unit, intensity, onset, offset; or empty
    Sequence_Labels/VAS/042-ll042/ll042t1aaaff.txt                        one number; likewise OPR, SEN and AFF

A unit that a FACS file does not list is absent. VAS is the patient's own rating (0..10), SEN and AFF are the patient's
words for sensation and affect (15-point scales), OPR is an observer's rating (0..5).
"""

from __future__ import annotations

import re
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
from training.datasets.labelled import DataSet, Labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

UNITS = by_name((4, 6, 7, 9, 10, 12, 20, 25, 26, 43))
SCALES: Mapping[str, float] = MappingProxyType({"VAS": 10.0, "OPR": 5.0, "SEN": 15.0, "AFF": 15.0})
MOST_PSPI = 16.0


def load(root: Path) -> Iterator[Labelled]:
    """Yield every frame that has a picture or a label.

    Args:
        root: With `Images`, `Frame_Labels` and `Sequence_Labels`.

    Raises:
        DataSetError: If the folder is not laid out as above.
    """
    images = folder(root / "Images", "one folder a patient, e.g. 042-ll042")
    scores = folder(root / "Frame_Labels" / "PSPI", "the same folders as in Images, with *_facs.txt")
    codes = folder(root / "Frame_Labels" / "FACS", "the same folders as in Images, with *_facs.txt")
    for scale in SCALES:
        folder(root / "Sequence_Labels" / scale, "one folder a patient, with one SEQUENCE.txt each")
    for subject in names(images, scores, codes):
        for sequence in names(images / subject, scores / subject, codes / subject):
            at = f"{subject}/{sequence}"
            found = {scale: root / "Sequence_Labels" / scale / f"{at}.txt" for scale in SCALES}
            labels = {scale: one_number(path, SCALES[scale]) for scale, path in found.items() if path.is_file()}
            seen = pictures(images / at)
            scored, coded = label_files(scores / at, "_facs"), label_files(codes / at, "_facs")
            pattern = rf"{re.escape(sequence)}(\d+)"
            frames = {
                number_in(stem, pattern, images / at, f"{sequence}001"): stem
                for stem in seen.keys() | scored.keys() | coded.keys()
            }
            for number, stem in sorted(frames.items()):
                yield Labelled(
                    subject,
                    sequence,
                    number,
                    seen.get(stem, images / at / f"{stem}.png"),
                    pspi=one_number(scored[stem], MOST_PSPI) if stem in scored else None,
                    units=_units(coded[stem]) if stem in coded else None,
                    labels=labels,
                )


def _units(path: Path) -> Mapping[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(UNITS, 0.0)
    for line, row in rows(path, range(2, 5), "unit, intensity, onset, offset"):
        found[unit(path, line, row[0])] = intensity(path, line, row[1])
    return found


def painless(frames: Sequence[Labelled]) -> bool:
    """Whether no frame of a sequence shows pain, by its coders."""
    coded = [frame.pspi for frame in frames if frame.pspi is not None]
    return bool(coded) and max(coded) == 0.0


UNBC = DataSet(
    name="unbc",
    title="UNBC-McMaster Shoulder Pain",
    units=UNITS,
    present=1.0,
    fps=25.0,  # not part of the layout; assumed, and of weight only for tracking and alarms
    scales=SCALES,
    contrast=None,
    painless=painless,
    painless_words="sequences of shoulder movements in which every frame is coded PSPI 0",
    load=load,
)
