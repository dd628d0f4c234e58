"""`python -m training.palsy`: from rendered weak faces to the shipped asymmetry model, one command a step.

The steps in order: render, compare, train, evaluate, card. Everything in between lies in the work folder of
`python -m training`. The same seeds give the same model.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.progress import Progress, track

from npng_edge.infer.detector import make_detector
from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import ACTION_UNITS, ASYMMETRY, MESH
from training.commands import console, keep, kept, opened, put, rendered, run, write_card
from training.options import HOME, SHARED, WORK, Face, Models, Seed, Work
from training.palsy import card as cards
from training.palsy import pictures
from training.palsy.data import Faces, gather
from training.units.features import Examples
from training.world import face_model

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

PEOPLE_PER_SHARD = 40
COMPARED = 400
"""People, the first ones, on whom all models are compared: the large ones take long to teach."""
FOLDER = "palsy"
HELD_OUT = "palsy_held_out.npz"
"""What `evaluate` needs of `train`: the mesh's pairs of points, and the scores of rendered palsy."""
PICTURE = Path("docs/palsy.jpg")
SHOWN = range(8)
"""People in the picture of the docs."""


@app.command()
def render(
    people: Annotated[int, typer.Option(min=PEOPLE_PER_SHARD, help="Nine pictures each; a multiple of 40.")] = 1_600,
    work: Work = WORK,
    models: Models = HOME,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Render people with and without a weak side and read them as the device would. Keeps what is there."""
    cv2.setNumThreads(1)
    manifest = Manifest.load(models / FILE_NAME)
    mesh, mtcnn = FaceMesh(open_model(manifest, MESH)), make_detector("mtcnn", manifest)
    (work / FOLDER).mkdir(parents=True, exist_ok=True)
    for first in track(range(0, people, PEOPLE_PER_SHARD), "rendering", console=console):
        target = work / FOLDER / f"{first:06d}.npz"
        if not target.exists():
            count = len(pictures.ORDER)
            gather(range(first * count, (first + PEOPLE_PER_SHARD) * count), face, mesh, mtcnn).save(target)


@app.command()
def compare(
    faces: Annotated[int, typer.Option(min=64, help="That the backbones learn action units from.")] = 20_000,
    seed: Seed = 0,
    work: Work = WORK,
) -> None:
    """Teach the origin document's three models on our faces, on both splits. The backbones are kept."""
    import torch  # noqa: PLC0415 - the commands that need no torch start without it

    from training.palsy import compare as comparing  # noqa: PLC0415
    from training.palsy.nets import BACKBONES  # noqa: PLC0415

    cv2.setNumThreads(1)
    learnt, start = {}, time.process_time()
    with Progress(console=console) as progress:
        task = progress.add_task("", total=1.0)

        def tell(what: str, done: float) -> None:
            progress.update(task, description=what, completed=done)

        for name in BACKBONES:
            path = work / FOLDER / f"{name}.pt"
            if not path.exists():
                torch.save(comparing.pretrain(name, _units(work, faces), seed, tell).state_dict(), path)
            learnt[name] = BACKBONES[name]()
            learnt[name].load_state_dict(torch.load(path))
            learnt[name].eval()
        shown = _faces(work)
        rows = comparing.compare(shown.rows(shown.people < COMPARED), learnt, seed, tell)
    keep(work / "palsy_compare.json", {"rows": rows, "faces": faces, "seconds": round(time.process_time() - start)})
    console.print_json(data=rows)


@app.command()
def train(seed: Seed = 0, work: Work = WORK, models: Models = HOME) -> None:
    """Fit the shipped learner to all rendered people, put it into place, and judge its like on people held out."""
    from training.palsy import evaluate as evaluation  # noqa: PLC0415
    from training.palsy import graph, head  # noqa: PLC0415

    faces = _faces(work)
    with console.status("features"):
        given = evaluation.given_of(opened(models, ACTION_UNITS), faces)
    with Progress(console=console) as progress:
        task = progress.add_task("people held out", total=1.0)
        said, lost = evaluation.held_out(faces, given, seed, lambda done: progress.update(task, completed=done))
    with console.status("all people"):
        shape, seen = head.shape_of(given), evaluation.judgeable(faces)
        line = head.line(said[seen], faces.people[seen], faces.palsy[seen])
        whole = graph.build(head.fit(head.look(given, shape), faces, seed), shape, line)
    some = np.arange(0, len(faces), max(len(faces) // 256, 1))
    small = graph.quantise(whole, faces.rows(some))
    put(models, ASYMMETRY, whole)
    with console.status("beside the others"):
        few = faces.people < COMPARED
        rows = evaluation.beside(faces.rows(few), given.rows(few), seed)
    scores = evaluation.scores(faces, said, seed)
    results = {
        "seed": seed, "faces": len(faces), "people": len(np.unique(faces.people)), "folds": evaluation.FOLDS,
        "detected": float(faces.detected.mean()), "judged": float(evaluation.judgeable(faces).mean()),
        "learner": {name.lower(): getattr(head, name) for name in ("NETS", "HIDDEN", "ODD", "SKIN")},
        "compared": len(np.unique(faces.people[few])), "rows": rows, "line": asdict(line),
        "held_out": evaluation.breakdown(faces, scores),
        "sides": evaluation.sides_right(faces, lost),
        "numbers": evaluation.versions({"32 bits (shipped)": whole, "8 bits": small}, faces.rows(some)),
    }  # fmt: skip
    keep(work / "palsy.json", results)
    np.savez(work / HELD_OUT, pairs=head.pairs(faces.landmarks), palsy=scores[faces.palsy & seen])


@app.command()
def evaluate(
    work: Work = WORK,
    models: Models = HOME,
    data: Annotated[Path, typer.Option("--real", help="Folder with real faces; see the docs.")] = SHARED / "real",
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Try the model in place on real faces, also with a palsy drawn in, gather all results, and print the tables."""
    from training.palsy import real  # noqa: PLC0415

    cv2.setNumThreads(1)
    results = {"training": kept(work / "palsy.json")}
    compared = work / "palsy_compare.json"
    results["compare"] = kept(compared) if compared.exists() else {"rows": []}
    with console.status("real people"):
        held_out = np.load(work / HELD_OUT)
        results["real"] = real.real(data, models, face, held_out["pairs"], held_out["palsy"])
    keep(models / "asymmetry.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the model card from the last evaluation; no figure in it is typed by hand."""
    write_card(models, ASYMMETRY, cards.page)


@app.command()
def sheet(output: Annotated[Path, typer.Argument()] = PICTURE, face: Face = face_model.DEFAULT_PATH) -> None:
    """Draw the picture of the docs: a row per person, a column per task; every second person has a weak side."""
    drawn = pictures.sheet(SHOWN, face)
    small = cv2.resize(drawn, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(output), small, [cv2.IMWRITE_JPEG_QUALITY, 85])


def _faces(work: Path) -> Faces:
    return Faces.load(*rendered(work / FOLDER, "training.palsy render"))


def _units(work: Path, count: int) -> Examples:
    """Faces of the action-unit model's training."""
    found = rendered(work / "examples", "training render")
    # A shard holds about a thousand faces, each picture's and its mirror image's.
    examples = Examples.load(*found[: count // 900 + 1])
    return examples.rows(np.arange(min(count, len(examples))))


if __name__ == "__main__":
    run(app)
