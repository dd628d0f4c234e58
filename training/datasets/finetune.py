"""The shipped action-unit model, its units recalibrated on a licensed set: a candidate beside it, never in its place.

The model stays frozen; for each unit a line from its score to the coders' intensity is learnt and put behind it in the
graph. A line is kept only where people left out are read better by it: with a smaller mean error and a no smaller and
sufficient ICC(3,1). The error alone would be pleased by saying always the same.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper
from sklearn.linear_model import LinearRegression

from npng_edge.infer.manifest import FILE_NAME, Manifest, dump, refresh, write_atomically
from npng_edge.units import ACTION_UNITS
from training.datasets import splits
from training.datasets.evaluate import judge
from training.datasets.labelled import DataSetError
from training.datasets.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.datasets.labelled import DataSet
    from training.datasets.targets import Gathered, Target

NAME = "action-units"
"""Of the model in the manifest."""
TEMPLATE = Path(__file__).with_name("candidate.template.md")
MIN_SUBJECTS = 5
"""Fewer people say nothing about people."""
MIN_ICC = 0.2
"""With less than this, a unit is not read at all in people left out, and no line can cure that. Our own choice."""
MOST = 5.0
FIGURES = ("mae", "icc", "pcc", "auc")


@dataclass(frozen=True, slots=True)
class Line:
    """What was learnt for one unit, and how people left out are read without and with such a line."""

    unit: str
    slope: float
    intercept: float
    kept: bool
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]


def learn(gathered: Gathered) -> list[Line]:
    """A line for each unit that the set codes and the model reads.

    Args:
        gathered: What was read of the set.

    Raises:
        DataSetError: If it has too few people, or codes nothing that can be learnt.
    """
    if len(gathered.subjects) < MIN_SUBJECTS:
        raise DataSetError(f"{len(gathered.subjects)} people; at least {MIN_SUBJECTS} are needed to adapt a model")
    units = [target for target in gathered.targets() if target.name in ACTION_UNITS]
    found = [_learn(target) for target in units if len(np.unique(target.truth[~np.isnan(target.truth)])) > 1]
    if not found:
        raise DataSetError("no unit that the model reads is coded here with more than one intensity")
    return found


def _learn(target: Target) -> Line:
    known = ~np.isnan(target.truth)
    line = LinearRegression(positive=True).fit(target.scores[known, None], target.truth[known])
    folds = list(splits.by_subject(target.subjects))
    before, after = judge(target, folds, "none"), judge(target, folds, "linear")
    assert before is not None
    assert after is not None
    better = after["mae"] < before["mae"] and (after["icc"] or 0.0) >= max(MIN_ICC, before["icc"] or 0.0)
    return Line(
        target.name,
        float(line.coef_[0]),
        float(line.intercept_),
        better,
        {name: before[name] for name in FIGURES},
        {name: after[name] for name in FIGURES},
    )


def recalibrated(model: bytes, lines: Sequence[Line]) -> bytes:
    """The model with the lines that are kept behind its intensities, limited to 0..5.

    Args:
        model: ONNX; its first output is the intensities in the order of `ACTION_UNITS`.
        lines: Of some units; the others stay as they are.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    slope, intercept = np.ones(len(ACTION_UNITS), np.float32), np.zeros(len(ACTION_UNITS), np.float32)
    for line in lines:
        if line.kept:
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


def write(models: Path, output: Path, dataset: DataSet, gathered: Gathered, lines: Sequence[Line]) -> Path:
    """Write a folder of models that a device can be pointed at: the shipped ones, and the candidate in place of one.

    Args:
        models: The shipped folder; not changed.
        output: Gets a folder `candidate`, which must not be there yet.
        dataset: What was learnt from.
        gathered: The same, as read.
        lines: Learnt.

    Returns:
        The folder.

    Raises:
        DataSetError: If there is a candidate already, or no line that is kept.
    """
    folder = output / "candidate"
    if not any(line.kept for line in lines):
        raise DataSetError("no unit is read better in people left out: there is nothing to write")
    if folder.exists():
        raise DataSetError(f"{folder}: is there already; remove it, or give another --output")
    shutil.copytree(models, folder)
    path = folder / FILE_NAME
    manifest = Manifest.load(path)
    entry = manifest.entry(NAME)
    shipped = manifest.path(entry).read_bytes()
    write_atomically(manifest.path(entry), recalibrated(shipped, lines))
    by = f"python -m training.datasets finetune {dataset.name}"
    assert entry.origin.trained is not None
    origin = entry.origin.model_copy(update={"trained": entry.origin.trained.model_copy(update={"by": by})})
    changed = tuple(one.model_copy(update={"origin": origin}) if one is entry else one for one in manifest.models)
    write_atomically(path, dump(manifest.model_copy(update={"models": changed})).encode())
    new = refresh(path, NAME)
    card = TEMPLATE.read_text(encoding="utf-8").format(
        title=dataset.title,
        file=new.file,
        size=new.size,
        sha256=new.sha256,
        shipped=entry.sha256,
        people=len(gathered.subjects),
        frames=gathered.counts["frames scored"],
        by=by,
        least=MIN_ICC,
        table=_table(lines),
    )
    (folder / entry.origin.trained.card).write_text(card, encoding="utf-8")
    return folder


def _table(lines: Sequence[Line]) -> str:
    rows = (
        (line.unit, "yes" if line.kept else "no", f"{line.slope:.3f}", f"{line.intercept:.3f}",
         *(_pair(line.before[name], line.after[name]) for name in FIGURES))
        for line in lines
    )  # fmt: skip
    return table(("unit", "kept", "slope", "intercept", "MAE", "ICC(3,1)", "PCC", "AUC"), rows)


def _pair(before: float | None, after: float | None) -> str:
    return " / ".join("-" if value is None else f"{value:.3f}" for value in (before, after))
