"""`python -m training.pain`: from rendered films to both shipped pain models, one command a step.

The steps in order: render, train, evaluate, card, picture. What is rendered is kept; when the action-unit model was
trained anew, `retrain` does everything but rendering again. The same seeds give the same models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import cv2
import torch
import typer
from rich.progress import Progress, track

from npng_edge.infer.manifest import FILE_NAME, Manifest
from npng_edge.infer.pipeline import ACTION_UNITS
from training.commands import console, keep, kept, opened, put, rendered, run, teller
from training.options import HOME, SHARED, WORK, Face, Models, Real, Seed, Work
from training.pain import card as cards
from training.pain import course, evaluation, heads, plot, real, stills, store
from training.pain.readings import Readings, read_all
from training.world import clips, face_model

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

FILMS = WORK / "pain"
FAST = 15.0
"""Pictures a second of the films that show that the rate does not matter."""
FAST_FILMS = range(60, 75)
"""Seeds of people to judge with."""

Picture = Annotated[Path, typer.Option(help="Where the picture goes.")]


@app.command()
def render(
    shards: Annotated[int, typer.Option(min=1, help=f"Files of {store.PER_SHARD} films.")] = 78,
    work: Work = FILMS,
    models: Models = HOME,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Render films and read them as the device would, some twenty pictures a second. Keeps what is there."""
    for folder in ("films", "fast"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    store.make(FAST_FILMS, work / "fast", models, face, FAST)
    for start in track(range(0, shards * store.PER_SHARD, store.PER_SHARD), "rendering", console=console):
        store.make(range(start, start + store.PER_SHARD), work / "films", models, face)


@app.command()
def train(seed: Seed = 0, work: Work = FILMS, models: Models = HOME) -> None:
    """Read the films with the action-unit model in place, fit both heads and the origin's recipe, put them in place."""
    torch.set_num_threads(1)
    readings = _read(work / "films", models)
    rows: list[dict[str, Any]] = []
    contents: dict[str, bytes] = {}
    with Progress(console=console) as progress:
        for split in stills.SPLITS:
            tell = teller(progress, f"one picture, {split}", heads.NETS * stills.STEPS)
            learnt, found = stills.compare(readings, split, seed, tell)
            rows += found
            contents |= stills.exported(learnt)  # those of the last split, by people, stay
        contents["pain-temporal"] = course.learn(readings, seed, teller(progress, "seconds", heads.NETS * course.STEPS))
    keep(work / "training.json", {"seed": seed, "ways": rows, **evaluation.counts(readings)})
    for name, content in contents.items():
        put(models, name, content)


@app.command()
def evaluate(
    work: Work = FILMS,
    models: Models = HOME,
    data: Real = SHARED / "real",
    synthetic: Annotated[Path, typer.Option(help="Clips of the synthetic patient.")] = clips.FOLDER,
) -> None:
    """Try the models in place on held-out rendered people and on real ones, and print the tables."""
    cv2.setNumThreads(1)
    usual, fast = (_read(work / folder, models, "test") for folder in ("films", "fast"))
    training = kept(work / "training.json")
    with console.status("rendered people"):
        results = {"training": training, **evaluation.rendered(usual, fast, models)}
    with console.status("real people"):
        results["real"] = real.evaluate(data, synthetic, models)
    results["speed"] = evaluation.speed(usual, models)
    keep(models / "pain.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the models' card from the last evaluation; no figure in it is typed by hand."""
    results = kept(models / "pain.json")
    manifest = Manifest.load(models / FILE_NAME)
    (models / "pain.md").write_text(cards.page(results, manifest), encoding="utf-8")


@app.command()
def picture(output: Picture = Path("docs/pain-clip.png"), models: Models = HOME, data: Real = SHARED / "real") -> None:
    """Draw PSPI and both probabilities over the seconds of the real clip."""
    plot.draw(data / "distress_then_smile.mp4", models, output)


@app.command()
def retrain(seed: Seed = 0, work: Work = FILMS, models: Models = HOME) -> None:
    """`train`, `evaluate`, `card` and `picture`, with all defaults: after the action-unit model has changed."""
    train(seed, work, models)
    evaluate(work, models)
    card(models)
    picture(models=models)


def _read(folder: Path, models: Path, part: str | None = None) -> Readings:
    found, model = rendered(folder, "training.pain render"), opened(models, ACTION_UNITS)
    return read_all(track(found, f"reading {folder.name}", console=console), model, part)


if __name__ == "__main__":
    run(app)
