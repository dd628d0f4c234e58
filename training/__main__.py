"""`python -m training`: from the parametric face to the shipped action-unit model, one command a step.

The steps in order: render, train, quantise, evaluate, card. Everything in between lies in one work folder; the model,
its evaluation and its card go to `models/`. The same seeds give the same model.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cv2
import numpy as np
import typer
from rich.progress import Progress, track

from npng_edge.infer.runtime import Format, load
from training import genuine
from training.commands import console, keep, kept, opened, put, rendered, run, teller, write_card
from training.judge import ablate as ablation
from training.judge import card as cards
from training.judge import evaluate as evaluation
from training.judge.evaluate_rendered import evaluate_rendered
from training.judge.sights import sights
from training.options import HOME, SHARED, WORK, Face, Models, Real, Seed, Work
from training.units import export, fit, heads, learn, shards
from training.units.features import MOST, OUTPUTS, Examples
from training.world import clips as synthetic
from training.world import face_model, sheets
from training.world.traits import traits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown")

NAME = "action-units"
DOCS = Path("docs")


@app.command()
def pack(objs: Annotated[Path, typer.Argument(help="FaceXModel/ of ICT-FaceKit.")], output: Face) -> None:
    """Pack the face model from its OBJ files."""
    face_model.pack(objs, output)


@app.command()
def render(
    count: Annotated[int, typer.Option(min=500, help="Pictures; a multiple of 500.")] = 26_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    work: Work = WORK,
    models: Models = HOME,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Render labelled faces, some six a second and process, and read them as the device would. Keeps what is there."""
    (work / "examples").mkdir(parents=True, exist_ok=True)
    _together(workers, shards.make, [(start, work, models, face) for start in range(0, count, shards.PER_SHARD)])


@app.command()
def train(
    steps: Annotated[int, typer.Option(min=1, help="Batches of 64 faces that the net is taught with.")] = 12_000,
    seed: Seed = 0,
    work: Work = WORK,
) -> None:
    """Fit the model to the rendered faces and calibrate it on people it has not seen. Goes on where it was stopped."""
    found = rendered(work / "examples", "training render")
    with console.status("loading"):
        fitted, held_out = Examples.load(*found).split()
    with Progress(console=console) as progress:
        net = fit.fit(fitted, steps, seed, work / "net.pt", teller(progress, "teaching the net", steps))
    with console.status("gradients and mesh"):
        columns = export.face_columns(), export.mesh_columns()
        learnt = learn.blend(net, export.features(fitted), fitted.targets, columns, seed)
        scores = learnt(held_out.crops, export.features(held_out))
        calibration = learn.calibrate(scores, held_out.targets, held_out.neutral, MOST)
        others = heads.fit_heads(net, fitted, held_out, calibration(scores))
    (work / "float.onnx").write_bytes(export.build(learnt, calibration, others).SerializeToString())
    held_out.save(work / "held_out.npz")
    fitted.rows(np.arange(min(len(fitted), 512))).save(work / "calibration.npz")
    counts = {
        "faces": len(fitted), "people": len(np.unique(fitted.people)), "held_out": len(held_out),
        "steps": steps, "batch": fit.BATCH, "seed": seed,
        "shares": {name: learn.BLEND.get(name, learn.USUAL) for name in OUTPUTS},
    }  # fmt: skip
    keep(work / "training.json", counts)
    console.print(f"fitted to {len(fitted)} faces, calibrated on {len(held_out)}: {work / 'float.onnx'}")


@app.command()
def quantise(work: Work = WORK, models: Models = HOME) -> None:
    """Bring the weights to 8 bits, say what it costs, and put the model into place."""
    held_out, large = Examples.load(work / "held_out.npz"), (work / "float.onnx").read_bytes()
    small = export.quantise(large, Examples.load(work / "calibration.npz"))
    before, after = (export.outputs(load(model, Format.ONNX), held_out) for model in (large, small))
    keep(work / "quantisation.json", dict(zip(OUTPUTS, np.abs(after - before).mean(axis=0).tolist(), strict=True)))
    put(models, NAME, small)


@app.command()
def evaluate(
    work: Work = WORK,
    models: Models = HOME,
    real: Real = SHARED / "real",
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Score the model in place on held-out rendered people and on real ones, and print the tables."""
    cv2.setNumThreads(1)
    model, held_out = opened(models, NAME), Examples.load(work / "held_out.npz")
    results: dict[str, Any] = {}
    with console.status("rendered people"):
        groups = traits(held_out.seeds, face_model.load(face))
        results["rendered"] = evaluate_rendered(model, held_out, groups)
    with console.status("real people"):
        results |= evaluation.evaluate_real(real, models)
    others = {name: opened(models, name) for name in evaluation.shares(1.0)}
    results["speed"] = evaluation.measure(model, held_out, others)
    for part in ("training", "quantisation"):
        results[part] = kept(work / f"{part}.json")
    keep(models / "action_units.json", results)
    print(cards.tables(results))


@app.command()
def card(models: Models = HOME) -> None:
    """Write the model card from the last evaluation; no figure in it is typed by hand."""
    write_card(models, NAME, cards.page)


@app.command()
def ablate(
    count: Annotated[int, typer.Option(min=500, help="Pictures of each world; a multiple of 500.")] = 1_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    work: Work = WORK,
    models: Models = HOME,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Leave out one part of the rendered world at a time, and see how a linear learner then reads real faces."""
    folder = work / "ablation"
    _together(workers, ablation.make, [
        (arm, start, folder, models, face)
        for start in range(0, count, ablation.PER_SHARD) for arm in ablation.ARMS
        if not ablation.place(arm, start, folder).exists()
    ])  # fmt: skip
    with console.status("real people") as status:
        seen = sights(SHARED / "real", evaluation.CODED, models)
        results = ablation.judge(folder, count, seen, lambda arm: status.update(f"taught without {arm}"))
    keep(models / "ablation.json", results)
    (DOCS / "ablation.md").write_text(ablation.page(results), encoding="utf-8")
    print(ablation.page(results))


@app.command()
def sheet(
    docs: Annotated[Path, typer.Argument(help="Folder that the pictures go to.")] = DOCS,
    face: Face = face_model.DEFAULT_PATH,
) -> None:
    """Draw sheets of rendered faces for people to look at: the world, and pain among its look-alikes."""
    for name, drawn in (
        ("rendered-world", sheets.sheet(sheets.WORLD, face)),
        ("look-alikes", sheets.look_alikes(face)),
    ):
        cv2.imwrite(str(docs / f"{name}.jpg"), drawn, [cv2.IMWRITE_JPEG_QUALITY, 85])


@app.command()
def clips(output: Annotated[Path, typer.Argument()] = synthetic.FOLDER, face: Face = face_model.DEFAULT_PATH) -> None:
    """Render the clips of the synthetic patient."""
    synthetic.make(face, output)


@app.command(name="genuine")
def genuine_(
    labelled: Annotated[Path, typer.Option(help="Labelled episodes, JSON lines; see the docs.")],
    output: Annotated[Path, typer.Option(help="Where the model goes.")],
) -> None:
    """Learn genuine from feigned pain by the dynamics of episodes. Research only: never validated, in no device."""
    try:
        model = genuine.learn(labelled)
    except (genuine.LabelledSetError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    for number, fold in enumerate(model["folds"], 1):
        score = "one label only" if fold["auc"] is None else f"AUC {fold['auc']:.3f}"
        console.print(f"fold {number}: {len(fold['subjects'])} unseen subjects, {fold['episodes']} episodes, {score}")
    if model["auc"] is not None:
        console.print(f"mean AUC {model['auc']:.3f} (0.5 is chance)")
    keep(output, model)
    console.print(f"{output}: {genuine.WARNING}")


def _together(workers: int, make: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> None:
    """Do jobs in processes of their own."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        under_way = [pool.submit(make, *job) for job in jobs]
        try:
            for job in track(as_completed(under_way), "rendering", total=len(under_way), console=console):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


if __name__ == "__main__":
    run(app)
