"""`python -m training.datasets`: licensed sets of real faces, as published, through the device's own pipeline.

The set stays where it is. Results, with a score for every frame, go to a folder of yours, never into the repository.
"""

from __future__ import annotations

import json
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cv2
import typer
from rich.progress import track

from npng_edge.infer.manifest import FILE_NAME, Manifest
from npng_edge.infer.pipeline import Pipeline
from npng_edge.infer.runtime import ModelError
from npng_edge.settings import Seeing
from training.commands import console, run
from training.datasets import finetune, table
from training.datasets.evaluate import evaluate, gather, sequences
from training.datasets.faces import FaceReader, KeptFaces
from training.datasets.labelled import DataSetError
from training.datasets.sets import SETS
from training.datasets.store import Readings
from training.datasets.targets import count_labels
from training.options import HOME

if TYPE_CHECKING:
    from npng_edge.analyze import Reader
    from training.datasets.labelled import DataSet
    from training.datasets.targets import Gathered

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

REPOSITORY = Path(__file__).parents[2]
Set = Enum("Set", {name: name for name in SETS}, type=str)  # type: ignore[misc]  # one member a set
Name = Annotated[Set, typer.Argument(metavar="SET", help=f"One of {', '.join(SETS)}.")]
Root = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the set lies, unpacked.")]
Output = Annotated[Path, typer.Option(help="Folder for the results, outside the repository.")]
Every = Annotated[int, typer.Option(min=1, help="Read one frame in so many; the last of a sequence always.")]
Models = Annotated[Path, typer.Option(help="Folder with manifest.yaml.")]


class Calibrate(str, Enum):
    """What is learnt on the training part of each split."""

    NONE = "none"
    LINEAR = "linear"


@app.command()
def check(name: Name, root: Root) -> None:
    """Read all labels and no picture: says what is there, or what is not as published."""
    counts: Counter[str] = Counter()
    dataset = SETS[name.value]
    for shown in track(sequences(dataset, root, 1), "labels", console=console):
        count_labels(dataset, shown.frames, counts)
        counts["frames whose picture is missing"] += sum(not one.path.is_file() for one in shown.frames)
    for what, number in sorted(counts.items()):
        console.print(f"{what}: {number}")


@app.command(name="evaluate")
def evaluate_(  # noqa: PLR0913 - the options of one command
    name: Name,
    root: Root,
    output: Output,
    calibrate: Annotated[Calibrate, typer.Option(help="What is learnt on each training part.")] = Calibrate.NONE,
    every: Every = 1,
    models: Models = HOME,
) -> None:
    """Score a set and print the table that papers print. Stopped, it goes on where it was."""
    _outside(output, models)
    pipeline = Pipeline(Seeing(models=models))
    kept = Readings(output / "readings.jsonl", _about(name.value, every, pipeline))
    gathered = _gather(SETS[name.value], root, every, pipeline, kept)
    results = evaluate(SETS[name.value], gathered, calibrate.value)
    results |= {"every": every, "models": dict(pipeline.models)}
    stem = f"{name.value}-{calibrate.value}"
    (output / f"{stem}.json").write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    page = table.page(results)
    (output / f"{stem}.md").write_text(page, encoding="utf-8")
    print(page)


@app.command(name="finetune")
def finetune_(  # noqa: PLR0913 - the options of one command
    name: Name,
    root: Root,
    output: Output,
    signed_by: Annotated[str | None, typer.Option(help="Who vouches that the set may be used so.")] = None,
    *,
    backbone: Annotated[bool, typer.Option("--backbone", help="Teach the net further as well; takes long.")] = False,
    steps: Annotated[
        int, typer.Option(min=1, help="Batches of 32 faces that the net is taught with.")
    ] = finetune.STEPS,
    every: Every = 1,
    models: Models = HOME,
) -> None:
    """Adapt the action units to a set: a candidate with its card, in the output folder; the shipped model stays."""
    _outside(output, models)
    reader, dataset = FaceReader(Seeing(models=models)), SETS[name.value]
    kept = KeptFaces(output / "readings.jsonl", _about(name.value, every, reader), reader)
    _gather(dataset, root, every, reader, kept)
    faces = kept.faces(dataset, sequences(dataset, root, every))
    shipped = Manifest.load(models / FILE_NAME)
    with console.status("adapting") as status:
        small = shipped.path(shipped.entry(finetune.NAME)).read_bytes()
        candidate = finetune.learn(small, faces, steps if backbone else 0, status.update)
    folder = finetune.write(models, output, dataset, faces, candidate, signed_by=signed_by)
    Pipeline(Seeing(models=folder))  # it must be one that a device can open
    console.print(f"{folder}: a candidate, with its card; nobody has released it", soft_wrap=True)


def _outside(output: Path, models: Path) -> None:
    """Make certain that nothing goes into the repository, or among the models."""
    for folder, what in ((REPOSITORY, "the repository"), (models, "the folder of the models")):
        if output.resolve().is_relative_to(folder.resolve()):
            raise DataSetError(f"{output}: is in {what}, where nothing of a licensed set may go; give another folder")
    output.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)


def _about(name: str, every: int, reader: Pipeline | FaceReader) -> dict[str, Any]:
    return {"schema": "npng/dataset-readings/1", "set": name, "every": every, "models": dict(reader.models)}


def _gather(dataset: DataSet, root: Path, every: int, reader: Reader, kept: Readings) -> Gathered:
    """Read a set, or go on where it was stopped."""
    # All labels are read before the first picture, so that a mistake is found now and not after hours.
    total = sum(1 for _ in track(sequences(dataset, root, every), "labels", console=console))
    found = track(sequences(dataset, root, every), "reading", total=total, console=console)
    return gather(dataset, found, reader, kept)


def main() -> None:
    """Run a command; what is wrong with a set or a model is one line, not a traceback."""
    run(app, (DataSetError, ModelError))


if __name__ == "__main__":
    main()
