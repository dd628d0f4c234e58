"""The shipped action-unit model, taken apart and put together again: the ONNX file is all that is needed.

A hospital has the file and not the training run. Its 8-bit weights give floats that are as far from the trained ones as
8 bits are; so what is adapted is the model that devices run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.datasets.labelled import DataSetError

if TYPE_CHECKING:
    from training.datasets.faces import Faces

Floats: TypeAlias = npt.NDArray[np.float32]

UNITS = len(ACTION_UNITS)
PARTS = ("look", "skin", "shape")
"""What the sum before the knee adds up: the net's numbers, the gradients' hidden ones, the mesh, each weighed."""
LIMIT = 6.0
"""Of the net's activations (ReLU6)."""
BATCH = 64


@dataclass(frozen=True, eq=False)
class Numbers:
    """What the model makes of many faces on its way to the intensities."""

    parts: tuple[Floats, Floats, Floats]
    """(n, d) each, before the weights of `PARTS`."""
    line: Floats
    """(n, units) intensities before knee and limits: straight, may be below 0 and above 5."""
    read: Floats
    """(n, 22) intensities and closures."""


class ActionUnitGraph:
    """The model as floats."""

    def __init__(self, model: bytes) -> None:
        """Take the model of a manifest, in 8 bits or not.

        Raises:
            DataSetError: If it is not built as `training.units.export` builds it.
        """
        self.model = dequantised(onnx.load_from_string(model))
        self._makers = {output: node for node in self.model.graph.node for output in node.output}
        try:
            (total,) = [node for node in self.model.graph.node if node.op_type == "Sum"]
            heads = [self._makers[name] for name in total.input]
            self.inputs = tuple(head.input[0] for head in heads)
            self.weights = tuple(head.input[1] for head in heads)
            before = self._after(total.output[0])
            self.bias = before.input[1]
            self._line = before.output[0]
            knee = self._after(self._after(self._line).output[0])
            (self._limited,) = self._after(knee.output[0]).output
            self.sharpness = self.constant(knee.input[1])
            doubt = self._makers[self._makers["deviation"].input[0]]
            self.doubt = self._makers[doubt.input[0]].input[1], doubt.input[1]
            shapes = [self.constant(name).shape for name in (*self.weights, self.bias, *self.doubt)]
        except (KeyError, ValueError, IndexError) as error:
            raise DataSetError(
                "the action-unit model is not built as `training.units.export` builds it here"
            ) from error
        if len(heads) != len(PARTS) or {shape[-1] for shape in shapes} != {UNITS + 2}:
            raise DataSetError(f"the action-unit model has heads of {shapes}, which cannot be adapted")

    def constant(self, name: str) -> Floats:
        """The value of a constant of the model."""
        (found,) = [one for one in self.model.graph.initializer if one.name == name]
        return np.array(numpy_helper.to_array(found), np.float32)

    def numbers(self, faces: Faces) -> Numbers:
        """Run the model over many faces."""
        wide = onnx.ModelProto()
        wide.CopyFrom(self.model)
        for value in (*wide.graph.input, *wide.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "n"
        names = [*self.inputs, self._line, self._limited]
        del wide.graph.output[:]
        tensors = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", "d"]) for name in names]
        wide.graph.output.extend(tensors)
        run = load(wide.SerializeToString(), Format.ONNX)
        found = [
            run(faces.crops[start : start + BATCH], faces.landmarks[start : start + BATCH])
            for start in range(0, len(faces), BATCH)
        ]
        look, skin, shape, line, read = (np.concatenate(one) for one in zip(*found, strict=True))
        return Numbers((look, skin, shape), np.asarray(line[:, :UNITS] / self.sharpness[:UNITS], np.float32), read)

    def _after(self, name: str) -> onnx.NodeProto:
        """The node that goes on with a value; what the expected errors are made of apart."""
        found: onnx.NodeProto
        found, *_ = [node for node in self.model.graph.node if name in node.input and node.op_type != "Concat"]
        return found


def replaced(model: onnx.ModelProto, values: dict[str, Floats]) -> onnx.ModelProto:
    """The same model with other values of some constants, which keep their shapes."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for one in changed.graph.initializer:
        if one.name in values:
            one.CopyFrom(numpy_helper.from_array(values[one.name].astype(np.float32), one.name))
    return changed


def dequantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in 32-bit floats: weights as the 8 bits say, activations no longer rounded.

    The quantiser lets the range of an activation cut off what ReLU6 would; where it did, ReLU6 comes back.
    """
    known = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    same: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    clipped: dict[str, str] = {}
    for node in model.graph.node:
        first = node.input[0]
        if node.op_type == "DequantizeLinear" and first in known:
            known[node.output[0]] = _floats(known[first], known[node.input[1]], known[node.input[2]], node)
        elif node.op_type == "DequantizeLinear":
            source = makers[first].input[0]
            if source in makers and makers[source].op_type == "Conv" and not known[node.input[2]].any():
                clipped[source] = f"{source}_before"
            same[node.output[0]] = source
        elif node.op_type != "QuantizeLinear":
            nodes.append(node)
    limits = {"relu6_least": np.array(0.0, np.float32), "relu6_most": np.array(LIMIT, np.float32)}
    known |= limits if clipped else {}
    floats: list[onnx.NodeProto] = []
    for node in nodes:
        plain = onnx.NodeProto()
        plain.CopyFrom(node)
        plain.input[:] = [same.get(name, name) for name in node.input]
        output = node.output[0]
        floats.append(plain)
        if output in clipped:
            plain.output[0] = clipped[output]
            floats.append(helper.make_node("Clip", [clipped[output], *limits], [output], name=output))
    used = {name for node in floats for name in node.input}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:], changed.graph.initializer[:], changed.graph.value_info[:]
    changed.graph.node.extend(floats)
    changed.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in known.items() if name in used
    )
    onnx.checker.check_model(changed)
    return changed


def _floats(
    whole: npt.NDArray[np.generic], scale: Floats, zero: npt.NDArray[np.generic], node: onnx.NodeProto
) -> Floats:
    """(whole - zero) * scale, along the axis that each scale belongs to."""
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    if scale.ndim:
        shape = [-1 if place == axis % whole.ndim else 1 for place in range(whole.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    difference = whole.astype(np.float32) - zero.astype(np.float32)
    return np.asarray(difference * scale, np.float32)
