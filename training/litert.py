"""`python -m training.litert`: our models for LiteRT, as a folder that a device can be pointed at.

The shipped models run in ONNX Runtime. Here each is taken as floats, converted, and compared with itself on the same
inputs; where that is clean, it takes the shipped one's place in a copy of the folder, and its 8-bit version lies beside
it for the bench. A model that cannot be converted stays as it is, and the reason is said.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, describe, dump, write_atomically
from npng_edge.infer.manifest import refresh as refreshed
from npng_edge.infer.runtime import Format, ModelError, load
from training.commands import keep
from training.datasets.graph import dequantised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.infer.manifest import Entry
    from npng_edge.infer.runtime import Model

    Inputs = dict[str, npt.NDArray[Any]]

SCRIPT = Path(__file__).with_name("litert_convert.py")
CALLS = 64
"""Inputs that models are compared on, and that set the ranges of 8 bits."""
CLEAN = 1e-3
"""Largest difference of any output, relative to the largest value, of a conversion that is clean."""
LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of one model."""

    name: str
    difference: float | None
    """Largest, as `CLEAN`; None: it could not be converted."""
    difference_int8: float | None
    """Mean, in the same measure; None: there is no 8-bit version."""
    problem: str
    """Why it is not clean; empty when it is."""


def convert(models: Path, output: Path, converter: Path, faces: Path | None) -> list[Converted]:
    """Copy a folder of models, and convert those of ours that can be.

    Args:
        models: The folder; not changed.
        output: The copy, which must not be there yet.
        converter: A Python with what `litert_convert` needs.
        faces: `.npz` with `crops` and `landmarks`; None: no 8-bit versions, and inputs are random.

    Raises:
        ModelError: If the copy is there already, or a model of the folder is unusable.
    """
    if output.exists():
        raise ModelError(f"{output}: is there already; remove it, or give another --output")
    shutil.copytree(models, output, ignore=shutil.ignore_patterns(".*"))
    manifest = Manifest.load(output / FILE_NAME)
    known = _faces(faces)
    ours = [entry for entry in manifest.models if entry.origin.trained is not None and entry.format is Format.ONNX]
    found = [_convert(output, entry, converter, known) for entry in ours]
    kept = [one.name for one in found if not one.problem]
    entries = tuple(_in_litert(entry) if entry.name in kept else entry for entry in manifest.models)
    write_atomically(output / FILE_NAME, dump(manifest.model_copy(update={"models": entries})).encode())
    for name in kept:
        refreshed(output / FILE_NAME, name)
    return found


def _in_litert(entry: Entry) -> Entry:
    assert entry.origin.trained is not None
    trained = entry.origin.trained.model_copy(update={"by": f"{entry.origin.trained.by} && python -m training.litert"})
    changes = {
        "file": str(Path(entry.file).with_suffix(".tflite")),
        "format": Format.TFLITE,
        "origin": entry.origin.model_copy(update={"trained": trained}),
    }
    return entry.model_copy(update=changes)


def _convert(folder: Path, entry: Entry, converter: Path, known: Inputs) -> Converted:
    path = folder / entry.file
    target, small = path.with_suffix(".tflite"), path.with_name(f"{path.stem}_int8.tflite")
    plain = tidied(dequantised(onnx.load(path)))
    before = load(plain.SerializeToString(), Format.ONNX)
    calls = inputs(before, known)
    real = all(tensor.name in known for tensor in before.inputs)
    with TemporaryDirectory() as work:
        source, feeds = Path(work) / path.name, Path(work) / "feeds.npz"
        source.write_bytes(plain.SerializeToString())
        np.savez(feeds, allow_pickle=False, **calls)
        command = [converter, SCRIPT, source, target, *((feeds, small) if real else ())]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if not target.is_file():
        return Converted(entry.name, None, None, _last_line(done.stderr))
    found = _compared(entry.name, before, target, small, calls)
    if found.problem:
        target.unlink()
    return found


def _compared(name: str, before: Model, target: Path, small: Path, calls: Inputs) -> Converted:
    try:
        after = load(target.read_bytes(), Format.TFLITE)
        if (describe(after.inputs), describe(after.outputs)) != (describe(before.inputs), describe(before.outputs)):
            return Converted(name, None, None, f"has other inputs or outputs: {after.inputs}, {after.outputs}")
        largest = float(_differences(before, after, calls).max())
        apart = load(small.read_bytes(), Format.TFLITE) if small.is_file() else None
        mean = None if apart is None else float(_differences(before, apart, calls).mean())
    except (ModelError, RuntimeError) as error:
        return Converted(name, None, None, str(error))
    return Converted(name, largest, mean, f"differs by {largest:.2g}" if largest > CLEAN else "")


def inputs(model: Model, known: Inputs) -> Inputs:
    """Inputs of `CALLS` calls: what is known of real ones, the others random in 0..1."""
    random = np.random.default_rng(5)
    return {
        tensor.name: known[tensor.name]
        if tensor.name in known
        else random.random((CALLS, *map(int, tensor.shape))).astype(tensor.dtype)
        for tensor in model.inputs
    }


def _differences(one: Model, other: Model, calls: Inputs) -> npt.NDArray[np.float64]:
    """(calls, outputs) largest difference of each output over its largest value."""
    rows = []
    for row in zip(*calls.values(), strict=True):
        pairs = zip(one(*row), other(*row), strict=True)
        rows.append([float(np.abs(a - b).max() / max(np.abs(a).max(), 1.0)) for a, b in pairs])
    return np.array(rows)


def _faces(path: Path | None) -> Inputs:
    if path is None:
        return {}
    with np.load(path) as kept:
        rows = np.linspace(0, len(kept["crops"]) - 1, CALLS).round().astype(int)
        return {"crop": kept["crops"][rows][:, np.newaxis], "landmarks": kept["landmarks"][rows][:, np.newaxis]}


def tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model without two things that onnx2tf 2.6 converts wrongly or loosely.

    A value that is an output and goes on as well (through `Identity`) loses its maker, and the parts of a `Split` lose
    their fixed size.
    """
    same = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Identity"}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:]
    for node in model.graph.node:
        plain = onnx.NodeProto()
        plain.CopyFrom(node)
        plain.input[:] = [same.get(name, name) for name in node.input]
        plain.output[:] = [same.get(name, name) for name in node.output]
        if node.op_type == "Split":
            _slice(changed.graph, plain)
        elif node.op_type != "Identity":
            changed.graph.node.append(plain)
    onnx.checker.check_model(changed)
    return changed


def _slice(graph: onnx.GraphProto, split: onnx.NodeProto) -> None:
    (sizes,) = [numpy_helper.to_array(one).tolist() for one in graph.initializer if one.name == split.input[1]]
    (axis,) = [one.i for one in split.attribute if one.name == "axis"]
    start = 0
    for output, size in zip(split.output, sizes, strict=True):
        bounds = {f"{output}_from": start, f"{output}_to": start + size, f"{output}_axis": axis}
        for name, value in bounds.items():
            graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
        graph.node.append(helper.make_node("Slice", [split.input[0], *bounds], [output], name=output))
        start += size


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "the converter said nothing"


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, and print what became of each model."""
    parser = argparse.ArgumentParser(prog="python -m training.litert", description=__doc__)
    parser.add_argument("--converter", type=Path, required=True, help="Python with onnx2tf and ai-edge-quantizer")
    parser.add_argument("--models", type=Path, default=default_models_directory())
    parser.add_argument("--faces", type=Path, default=Path("work/training/calibration.npz"))
    parser.add_argument("--output", type=Path, default=Path("work/litert"))
    given = parser.parse_args(argv)
    found = convert(given.models, given.output, given.converter, given.faces if given.faces.is_file() else None)
    results = [{name: getattr(one, name) for name in one.__slots__} for one in found]
    keep(given.output / "litert.json", results)
    for one in found:
        apart = "" if one.difference_int8 is None else f"; 8 bits differ by {one.difference_int8:.2g} on average"
        clean = one.problem or f"clean, differs by {one.difference:.1g} at the most{apart}"
        print(f"{one.name:16} {clean}")


if __name__ == "__main__":
    main()
