"""`python -m training.occlusion`: from rendered faces to the shipped occlusion model, one command a step.

The steps in order: paint, train, evaluate, card. Everything in between lies in the work folder of `python -m training`,
whose rendered faces are used where they are there already. The same seeds give the same model.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import cv2
import typer
from rich.progress import Progress, track

from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH, OCCLUSION
from training.commands import console, keep, kept, opened, put, rendered, run, write_card
from training.occlusion import card as cards
from training.occlusion import evaluate as evaluation
from training.occlusion import graph, net
from training.occlusion.data import Samples
from training.occlusion.data import paint as painted
from training.options import HOME, SHARED, WORK, Face, Models, Real, Seed, Work
from training.world import face_model, samples

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

PER_SHARD = 500


@app.command()
def paint(
    count: Annotated[int, typer.Option(min=PER_SHARD, help="Rendered pictures; a multiple of 500.")] = 4_000,
    repeats: Annotated[int, typer.Option(min=1, help="Times that each is painted over.")] = 2,
    seed: Seed = 0,
    work: Work = WORK,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Render faces, paint things over them and read them as the device would. Keeps what is there."""
    cv2.setNumThreads(1)
    mesh = FaceMesh(opened(HOME, MESH))
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
    keep(work / "occlusion.json", results)
    console.print(results)
    put(models, OCCLUSION, whole)


@app.command()
def evaluate(
    work: Work = WORK,
    models: Models = HOME,
    real: Real = SHARED / "real",
) -> None:
    """Try the model in place on held-out rendered people and on real ones, and print the tables."""
    cv2.setNumThreads(1)
    _, held_out = _samples(work).split()
    results: dict[str, Any] = {"training": kept(work / "occlusion.json")}
    with console.status("rendered people"):
        results["rendered"] = evaluation.rendered(opened(models, OCCLUSION), held_out)
    with console.status("real people"):
        results |= evaluation.real(real, models)
    keep(models / "occlusion.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the model card from the last evaluation; no figure in it is typed by hand."""
    write_card(models, OCCLUSION, cards.page)


def _samples(work: Path) -> Samples:
    return Samples.load(*rendered(work / OCCLUSION, "training.occlusion paint"))


if __name__ == "__main__":
    run(app)
