"""`python -m training.occlusion`: from rendered faces to the shipped occlusion model, one command a step.

The steps in order: paint, train, evaluate, card. Everything in between lies in the work folder of `python -m training`,
whose rendered faces are used where they are there already. The same seeds give the same model.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.progress import Progress, track

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model, refresh
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH, OCCLUSION
from npng_edge.infer.runtime import ModelError
from training.occlusion import card as cards
from training.occlusion import evaluate as evaluation
from training.occlusion import graph, net
from training.occlusion.data import Samples
from training.occlusion.data import paint as painted
from training.world import face_model, samples

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")
console = Console()

PER_SHARD = 500
SHARED = face_model.DEFAULT_PATH.parent

Work = Annotated[Path, typer.Option(help="Folder for everything in between.")]
Models = Annotated[Path, typer.Option(help="Folder with manifest.yaml, where the model and its card go.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
WORK = Path("work/training")
HOME = default_models_directory()


@app.command()
def paint(
    count: Annotated[int, typer.Option(min=PER_SHARD, help="Rendered pictures; a multiple of 500.")] = 4_000,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each is painted over.")] = 2,
    seed: Seed = 0,
    work: Work = WORK,
    face: Annotated[Path, typer.Option(help="The packed face model.")] = face_model.DEFAULT_PATH,
) -> None:
    """Render faces, paint things over them and read them as the device would. Keeps what is there."""
    os.environ.setdefault("LP_NUM_THREADS", "1")  # the software rasteriser's; more threads make it slower
    cv2.setNumThreads(1)
    mesh = FaceMesh(open_model(Manifest.load(HOME / FILE_NAME), MESH))
    (work / OCCLUSION).mkdir(parents=True, exist_ok=True)
    for start in track(range(0, count, PER_SHARD), "painting", console=console):
        target = work / OCCLUSION / f"{start:06d}.npz"
        if not target.exists():
            seeds = range(start, start + PER_SHARD)
            samples.write_shards(work / "shards", seeds, PER_SHARD, path=face)
            painted(work / "shards" / target.name, mesh, repeats, seed).save(target)


@app.command()
def train(
    epochs: Annotated[int, typer.Option(min=1, help="Times that every face is seen.")] = 24,
    seed: Seed = 0,
    work: Work = WORK,
    models: Models = HOME,
) -> None:
    """Fit the net to the painted faces, put it into place, and measure what 8-bit numbers would change."""
    learnt, held_out = _samples(work).split()
    start = time.monotonic()
    with Progress(console=console) as progress:
        task = progress.add_task("training", total=epochs)

        def tell(loss: float) -> None:
            progress.update(task, advance=1, description=f"training, loss {loss:.3f}")

        fitted = net.fit(learnt, epochs, seed, tell)
    whole = graph.build(fitted, net.usual_face(learnt)).SerializeToString()
    small = graph.quantise(whole, learnt.crops[:: max(len(learnt) // 256, 1)])
    results = {
        "faces": len(learnt),
        "people": len(set(learnt.people.tolist())),
        "epochs": epochs,
        "seconds": round(time.monotonic() - start),
        "numbers": {
            "32 bits (shipped)": evaluation.numbers(whole, held_out),
            "8 bits": evaluation.numbers(small, held_out),
        },
    }
    _keep(work / "occlusion.json", results)
    (models / "occlusion.onnx").write_bytes(whole)
    entry = refresh(models / FILE_NAME, OCCLUSION)
    console.print(results)
    console.print(f"{models / entry.file}: {entry.size} bytes, SHA-256 {entry.sha256}")


@app.command()
def evaluate(
    work: Work = WORK,
    models: Models = HOME,
    real: Annotated[Path, typer.Option(help="Folder with real faces; see the docs.")] = SHARED / "real",
) -> None:
    """Try the model in place on held-out rendered people and on real ones, and print the tables."""
    cv2.setNumThreads(1)
    _, held_out = _samples(work).split()
    results: dict[str, Any] = {"training": json.loads((work / "occlusion.json").read_text(encoding="utf-8"))}
    with console.status("rendered people"):
        results["rendered"] = evaluation.rendered(open_model(Manifest.load(models / FILE_NAME), OCCLUSION), held_out)
    with console.status("real people"):
        results |= evaluation.real(real, models)
    _keep(models / "occlusion.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the model card from the last evaluation; no figure in it is typed by hand."""
    results = json.loads((models / "occlusion.json").read_text(encoding="utf-8"))
    entry = Manifest.load(models / FILE_NAME).entry(OCCLUSION)
    (models / "occlusion.md").write_text(cards.page(results, entry), encoding="utf-8")


def _samples(work: Path) -> Samples:
    found = sorted((work / OCCLUSION).glob("??????.npz"))
    if not found:
        raise typer.BadParameter(f"{work / OCCLUSION} is empty: run `python -m training.occlusion paint` first")
    return Samples.load(found)


def _keep(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except ModelError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from error
