"""`python -m training.pain`: from rendered films to both shipped pain models, one command a step.

The steps in order: render, train, evaluate, card, picture. What is rendered is kept; when the action-unit model was
trained anew, `retrain` does everything but rendering again. The same seeds give the same models.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import cv2
import torch
import typer
from rich.console import Console
from rich.progress import Progress, track

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model, refresh
from npng_edge.infer.pipeline import ACTION_UNITS
from npng_edge.infer.runtime import ModelError
from training.pain import card as cards
from training.pain import course, evaluation, plot, real, stills, store
from training.pain.readings import Readings, read_all
from training.world import clips, face_model

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")
console = Console()

SHARED = face_model.DEFAULT_PATH.parent
WORK = Path("work/training/pain")
HOME = default_models_directory()
FAST = 15.0
"""Pictures a second of the films that show that the rate does not matter."""
FAST_FILMS = range(60, 75)
"""Seeds of people to judge with."""

Work = Annotated[Path, typer.Option(help="Folder for everything in between.")]
Models = Annotated[Path, typer.Option(help="Folder with manifest.yaml, where the models and their cards go.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Real = Annotated[Path, typer.Option(help="Folder with real faces; see the docs.")]
Picture = Annotated[Path, typer.Option(help="Where the picture goes.")]


@app.command()
def render(
    shards: Annotated[int, typer.Option(min=1, help=f"Files of {store.PER_SHARD} films.")] = 26,
    work: Work = WORK,
    models: Models = HOME,
    face: Annotated[Path, typer.Option(help="The packed face model.")] = face_model.DEFAULT_PATH,
) -> None:
    """Render films and read them as the device would, some twenty pictures a second. Keeps what is there."""
    os.environ.setdefault("LP_NUM_THREADS", "1")  # the software rasteriser's; more threads make it slower
    for folder in ("films", "fast"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    store.make(FAST_FILMS, work / "fast", models, face, FAST)
    for start in track(range(0, shards * store.PER_SHARD, store.PER_SHARD), "rendering", console=console):
        store.make(range(start, start + store.PER_SHARD), work / "films", models, face)


@app.command()
def train(seed: Seed = 0, work: Work = WORK, models: Models = HOME) -> None:
    """Read the films with the action-unit model in place, fit both heads and the origin's recipe, put them in place."""
    torch.set_num_threads(1)
    readings = _read(work / "films", models)
    rows: list[dict[str, Any]] = []
    contents: dict[str, bytes] = {}
    with Progress(console=console) as progress:
        for split in stills.SPLITS:
            tell = _teller(progress, f"one picture, {split}", stills.STEPS)
            learnt, found = stills.compare(readings, split, seed, tell)
            rows += found
            contents |= stills.exported(learnt)  # those of the last split, by people, stay
        contents["pain-temporal"] = course.learn(readings, seed, _teller(progress, "seconds", course.STEPS))
    _keep(work / "training.json", {"seed": seed, "ways": rows, **evaluation.counts(readings)})
    manifest = Manifest.load(models / FILE_NAME)
    for name, content in contents.items():
        manifest.path(manifest.entry(name)).write_bytes(content)
        entry = refresh(models / FILE_NAME, name)
        console.print(f"{models / entry.file}: {entry.size} bytes, SHA-256 {entry.sha256}")


@app.command()
def evaluate(
    work: Work = WORK,
    models: Models = HOME,
    data: Real = SHARED / "real",
    synthetic: Annotated[Path, typer.Option(help="Clips of the synthetic patient.")] = clips.FOLDER,
) -> None:
    """Try the models in place on held-out rendered people and on real ones, and print the tables."""
    cv2.setNumThreads(1)
    usual, fast = (_read(work / folder, models, "test") for folder in ("films", "fast"))
    training = json.loads((work / "training.json").read_text(encoding="utf-8"))
    with console.status("rendered people"):
        results = {"training": training, **evaluation.rendered(usual, fast, models)}
    with console.status("real people"):
        results["real"] = real.evaluate(data, synthetic, models)
    results["speed"] = evaluation.speed(usual, models)
    _keep(models / "pain.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the models' card from the last evaluation; no figure in it is typed by hand."""
    results = json.loads((models / "pain.json").read_text(encoding="utf-8"))
    manifest = Manifest.load(models / FILE_NAME)
    (models / "pain.md").write_text(cards.page(results, manifest), encoding="utf-8")


@app.command()
def picture(output: Picture = Path("docs/pain-clip.png"), models: Models = HOME, data: Real = SHARED / "real") -> None:
    """Draw PSPI and both probabilities over the seconds of the real clip."""
    plot.draw(data / "distress_then_smile.mp4", models, output)


@app.command()
def retrain(seed: Seed = 0, work: Work = WORK, models: Models = HOME) -> None:
    """`train`, `evaluate`, `card` and `picture`, with all defaults: after the action-unit model has changed."""
    train(seed, work, models)
    evaluate(work, models)
    card(models)
    picture(models=models)


def _read(folder: Path, models: Path, part: str | None = None) -> Readings:
    found = sorted(folder.glob("??????.npz"))
    if not found:
        raise typer.BadParameter(f"{folder} has no films: run `python -m training.pain render` first")
    model = open_model(Manifest.load(models / FILE_NAME), ACTION_UNITS)
    return read_all(track(found, f"reading {folder.name}", console=console), model, part)


def _teller(progress: Progress, what: str, steps: int) -> Any:
    task = progress.add_task(what, total=steps)

    def tell(step: int, loss: float) -> None:
        progress.update(task, completed=step, description=f"{what}, loss {loss:.3f}")

    return tell


def _keep(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except ModelError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
