"""The shipped action-unit model, adapted to a licensed set: a candidate beside it, never in its place.

All that is needed is the shipped file and the set. The last layers are adapted unit by unit where people left out are
read better so (`adapt`), and the net before them only when it is asked for (`backbone`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from npng_edge.infer.manifest import FILE_NAME, Manifest, dump, refresh, write_atomically
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.datasets import backbone
from training.datasets.adapt import FIGURES, MIN_ICC, MOST, Adapted, adapt, folds_of
from training.datasets.graph import UNITS, ActionUnitGraph, Numbers, replaced
from training.datasets.labelled import DataSetError
from training.datasets.table import table
from training.int8 import to_int8
from training.units.backbone_graph import LOOK
from training.units.export import SKIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.datasets.adapt import Change, Floats
    from training.datasets.faces import Faces
    from training.datasets.labelled import DataSet
    from training.datasets.splits import Places

NAME = "action-units"
"""Of the model in the manifest."""
TEMPLATE = Path(__file__).with_name("candidate.template.md")
FLOAT = "action_units_float.onnx"
"""The candidate before it was brought to 8 bits, beside it."""
RANGES = 512
"""Faces that set the ranges of the 8 bits, and show what these cost."""
STEPS = 400
"""Batches that the net is taught with."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """An adapted model."""

    small: bytes
    """As devices run it."""
    large: bytes
    """In 32-bit floats."""
    adapted: Adapted
    steps: int
    """Batches that the net was taught with; 0: it is as shipped."""
    moved: float
    """Mean change of the net's numbers, in their own spreads."""


def learn(shipped: bytes, faces: Faces, steps: int = 0, tell: Callable[[str], None] = lambda _: None) -> Candidate:
    """Adapt the model.

    Args:
        shipped: The action-unit model of the manifest.
        faces: Of the set.
        steps: Batches to teach the net with; 0 leaves it as it is.
        tell: Called with what is being done.

    Raises:
        DataSetError: If there are too few people, or nothing is coded that can be learnt.
    """
    folds_of(faces)  # what cannot be learnt is known at once
    graph = ActionUnitGraph(shipped)
    numbers = graph.numbers(faces)
    base = onnx.load_from_string(shipped)
    large = graph.model
    after = numbers

    def taught(rows: Places) -> Numbers:
        nonlocal large, after
        if steps:
            tell(f"teaching the net with {len(rows)} faces")
            large = backbone.with_net(graph, backbone.teach(graph, faces, numbers, rows, steps))
            after = ActionUnitGraph(large.SerializeToString()).numbers(faces)
        return after

    # The last that is taught is taught with everybody, and kept.
    adapted = adapt(faces, numbers.read, taught)
    values = _values(graph, adapted)
    large = replaced(large, values)
    if steps:
        tell("8 bits")
        nodes = [node.name for node in large.graph.node if node.name.startswith((SKIN, LOOK))]
        some = faces.rows(_spread(len(faces)))
        base = onnx.load_from_string(to_int8(large.SerializeToString(), some.feeds(), nodes=nodes, narrow=True))
    else:
        base = replaced(base, values)
    lines = adapted.of("line")
    spread = numbers.parts[0].std(axis=0) + np.float32(1e-3)
    moved = float((np.abs(after.parts[0] - numbers.parts[0]) / spread).mean())
    return Candidate(with_lines(base, lines), with_lines(large, lines), adapted, steps, moved)


def _values(graph: ActionUnitGraph, adapted: Adapted) -> dict[str, Floats]:
    """New constants of the last layers and of the expected errors."""
    names, gain = graph.weights, graph.sharpness[:UNITS]
    old = [graph.constant(name) for name in names]
    ends = np.cumsum([len(one) for one in old])[:-1]
    values = {graph.bias: graph.constant(graph.bias)}
    values[graph.bias][:UNITS] += adapted.head.bias * gain
    for name, one, added in zip(names, old, np.split(adapted.head.weights * gain, ends), strict=True):
        one[:, :UNITS] += added
        values[name] = one
    weights, bias = (graph.constant(name) for name in graph.doubt)
    for unit, doubt in adapted.doubt.items():
        column = ACTION_UNITS.index(unit)
        weights[:, column], bias[column] = doubt.weights[:, 0], doubt.bias[0]
    return values | dict(zip(graph.doubt, (weights, bias), strict=True))


def with_lines(model: onnx.ModelProto, lines: Sequence[Change]) -> bytes:
    """The model with a line behind the intensities of some units, limited to 0..5.

    Args:
        model: Its first output is the intensities in the order of `ACTION_UNITS`.
        lines: Of some units; the others stay as they are.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(model)
    graph = proto.graph
    slope, intercept = np.ones(UNITS, np.float32), np.zeros(UNITS, np.float32)
    for line in lines:
        place = ACTION_UNITS.index(line.unit)
        slope[place], intercept[place] = line.slope, line.intercept
    output = graph.output[0].name
    raw = f"{output}_raw"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == output:
                    names[place] = raw
    constants = {"slope": slope, "intercept": intercept, "least": np.float32(0.0), "most": np.float32(MOST)}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"set_{name}"))
    steps = (("Mul", "slope"), ("Add", "intercept"), ("Max", "least"), ("Min", "most"))
    last = raw
    for kind, constant in steps:
        name = output if kind == "Min" else f"{output}_{constant}"
        graph.node.append(helper.make_node(kind, [last, f"set_{constant}"], [name]))
        last = name
    onnx.checker.check_model(proto)
    changed: bytes = proto.SerializeToString()
    return changed


def write(  # noqa: PLR0913 - what a candidate is made of, named at the call
    models: Path, output: Path, dataset: DataSet, faces: Faces, candidate: Candidate, *, signed_by: str | None
) -> Path:
    """Write a folder of models that a device can be pointed at: the shipped ones, and the candidate in place of one.

    Args:
        models: The shipped folder; not changed.
        output: Gets a folder `candidate`, which must not be there yet.
        dataset: What was learnt from.
        faces: Of it.
        candidate: The adapted model.
        signed_by: Who vouches that the set may be used so; None: nobody.

    Returns:
        The folder.

    Raises:
        DataSetError: If there is a candidate already, or no unit is read better.
    """
    folder = output / "candidate"
    if not any(change.better for change in candidate.adapted.changes):
        raise DataSetError("no unit is read better in people left out: there is nothing to write")
    if folder.exists():
        raise DataSetError(f"{folder}: is there already; remove it, or give another --output")
    shutil.copytree(models, folder, ignore=shutil.ignore_patterns(".*"))
    path = folder / FILE_NAME
    manifest = Manifest.load(path)
    entry = manifest.entry(NAME)
    assert entry.origin.trained is not None
    write_atomically(manifest.path(entry), candidate.small)
    write_atomically(folder / FLOAT, candidate.large)
    by = f"python -m training.datasets finetune {dataset.name}{' --backbone' if candidate.steps else ''}"
    origin = entry.origin.model_copy(update={"trained": entry.origin.trained.model_copy(update={"by": by})})
    changed = tuple(one.model_copy(update={"origin": origin}) if one is entry else one for one in manifest.models)
    write_atomically(path, dump(manifest.model_copy(update={"models": changed})).encode())
    new = refresh(path, NAME)
    others = [one.name for one in manifest.models if any("features" in tensor.name for tensor in one.inputs)]
    results = {
        "schema": "npng/candidate/1",
        "set": dataset.name,
        "title": dataset.title,
        "by": by,
        "signed_by": signed_by,
        "signed": datetime.now(timezone.utc).isoformat(timespec="seconds") if signed_by else None,
        "shipped": entry.sha256,
        "file": new.file,
        "size": new.size,
        "sha256": new.sha256,
        "float": {"file": FLOAT, "sha256": hashlib.sha256(candidate.large).hexdigest()},
        "frames": len(faces),
        "subjects": sorted(np.unique(faces.subjects).tolist()),
        "splits": [sorted(np.unique(faces.subjects[fold.test]).tolist()) for fold in folds_of(faces)],
        "steps": candidate.steps,
        "moved": candidate.moved,
        "features_read_by": others,
        "quantisation": quantisation(candidate, faces),
        "units": [asdict(change) | {"better": change.better} for change in candidate.adapted.changes],
    }
    write_atomically((folder / entry.file).with_suffix(".json"), (json.dumps(results, indent=1) + "\n").encode())
    (folder / entry.origin.trained.card).write_text(page(results), encoding="utf-8")
    return folder


def quantisation(candidate: Candidate, faces: Faces) -> dict[str, float]:
    """Mean difference that the 8 bits make to each unit, on some faces of the set."""
    some = faces.rows(_spread(len(faces)))
    small, large = (load(model, Format.ONNX) for model in (candidate.small, candidate.large))
    apart = [np.abs(small(*feed.values())[0] - large(*feed.values())[0])[0] for feed in some.feeds()]
    return dict(zip(ACTION_UNITS, np.mean(apart, axis=0).tolist(), strict=True))


def page(results: Mapping[str, Any]) -> str:
    """The card, from the results; no figure is typed by hand."""
    net = (
        f"taught with {results['steps']} batches; its numbers moved by {results['moved']:.2f} of their spread"
        if results["steps"]
        else "as shipped"
    )
    readers = ", ".join(f"`{name}`" for name in results["features_read_by"]) or "none in this folder"
    return TEMPLATE.read_text(encoding="utf-8").format(
        **{key: results[key] for key in ("title", "file", "size", "sha256", "shipped", "frames", "by")},
        float_file=results["float"]["file"],
        signed=f"{results['signed_by']}, {results['signed']}" if results["signed_by"] else "nobody",
        people=len(results["subjects"]),
        folds=len(results["splits"]),
        net=net,
        readers=readers,
        lost=max(results["quantisation"].values()),
        least=MIN_ICC,
        table=_table(results["units"]),
    )


def _table(units: Sequence[Mapping[str, Any]]) -> str:
    words = {"none": "as shipped", "line": "line", "head": "new weights"}
    rows = (
        (
            one["unit"],
            words[one["kind"]],
            "yes" if one["better"] else "no",
            *(_pair(one["shipped"][name], one["figures"][one["kind"]][name]) for name in FIGURES),
        )
        for one in units
    )
    return table(("unit", "last layers", "read better", "MAE", "ICC(3,1)", "PCC", "AUC"), rows)


def _pair(before: float | None, after: float | None) -> str:
    return " / ".join("-" if value is None else f"{value:.3f}" for value in (before, after))


def _spread(count: int) -> Places:
    """Rows evenly over a set, at the most `RANGES`."""
    rows: Places = np.unique(np.linspace(0, count - 1, min(count, RANGES)).round().astype(np.int64))
    return rows
