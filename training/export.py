"""The action-unit model as an ONNX graph: oriented gradients of the crop beside the mesh, then what was learnt.

Everything from the 8-bit crop to the intensities is inside the graph, so that the device does no arithmetic of its own
and training computes its features with the very nodes that are shipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from npng_edge.infer.align import CROP
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.int8 import to_int8

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.infer.runtime import Model
    from training.features import Examples
    from training.int8 import Feed
    from training.learn import Calibration, Learnt

Floats: TypeAlias = npt.NDArray[np.float32]

DIRECTIONS = 8
"""Of a gradient, 45 degrees apart; dark-to-bright and bright-to-dark are told apart."""
CELL = 8
"""Crop pixels between the centres of neighbouring cells."""
MESH = 468 * 3
SKIN = "skin"
"""Name of the node that weighs the gradients."""
SKIN_WIDTH = DIRECTIONS * ((CROP - 2 - 14) // CELL + 1) ** 2
"""How many gradient features there are."""
OPSET, IR_VERSION = 17, 8
"""Old enough for every ONNX Runtime from 1.13 on."""


@dataclass
class Graph:
    """Nodes and constants, collected in order."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Append a node with one output and return that output's name."""
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Keep an array and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def model(self, outputs: dict[str, int], batch: int | str) -> onnx.ModelProto:
        """Close the graph.

        Args:
            outputs: names and widths of the outputs, each (batch, width) float32.
            batch: faces per call; a name leaves it free.
        """
        graph = helper.make_graph(
            self.nodes,
            "action_units",
            [
                helper.make_tensor_value_info("crop", TensorProto.UINT8, [batch, CROP, CROP]),
                helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, [batch, 468, 3]),
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width]) for name, width in outputs.items()],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="npng-edge")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model


def oriented_gradients(graph: Graph) -> str:
    """Strength of the gradient in eight directions per cell, relative to the cells around (Dalal and Triggs, 2005).

    Returns:
        Name of the flat features, `SKIN_WIDTH` numbers of about 0..3.
    """
    smooth, slope = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    across, down = np.outer(smooth, slope), np.outer(slope, smooth)
    angles = [2.0 * math.pi * k / DIRECTIONS for k in range(DIRECTIONS)]
    kernels = np.stack([math.cos(a) * across + math.sin(a) * down for a in angles])[:, np.newaxis] / (8.0 * 255.0)
    pixels = graph.add("Unsqueeze", graph.add("Cast", "crop", to=TensorProto.FLOAT), graph.constant(np.array([1])))
    strength = graph.add("Relu", graph.add("Conv", pixels, graph.constant(kernels.astype(np.float32))))
    cells = graph.add("AveragePool", strength, kernel_shape=[14, 14], strides=[CELL, CELL])
    energy = graph.add("ReduceMean", cells, axes=[1], keepdims=1)
    around = graph.add("AveragePool", energy, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    floor = graph.add("Add", around, graph.constant(np.full((1, 1, 1, 1), 0.002, np.float32)))
    relative = graph.add("Sqrt", graph.add("Div", cells, floor))
    return graph.add("Flatten", relative, axis=1)


def face_columns() -> npt.NDArray[np.int64]:
    """Numbers of the gradient features inside an ellipse around brows, eyes, nose and mouth.

    Beyond it hair, ears and the background of real pictures are unlike anything rendered.
    """
    side = (CROP - 2 - 14) // CELL + 1
    y, x = np.mgrid[:side, :side] * CELL + CELL
    inside = ((x - 56.0) / 34.0) ** 2 + ((y - 56.0) / 46.0) ** 2 < 1.0
    return np.flatnonzero(np.broadcast_to(inside, (DIRECTIONS, side, side)))


def mesh_columns() -> npt.NDArray[np.int64]:
    """Numbers of the mesh features."""
    return np.arange(SKIN_WIDTH, SKIN_WIDTH + MESH)


def feature_model(batch: int | str = "n") -> onnx.ModelProto:
    """The features alone, for training: one output `features`, gradients first, then the mesh."""
    graph = Graph()
    gradients = oriented_gradients(graph)
    graph.add("Concat", gradients, graph.add("Flatten", "landmarks", axis=1), axis=1, name="features")
    return graph.model({"features": SKIN_WIDTH + MESH}, batch)


def build(learnt: Learnt, calibration: Calibration, batch: int | str = 1) -> onnx.ModelProto:
    """The whole model: features, what was learnt, calibration, limits.

    Args:
        learnt: from the features of `feature_model` to raw scores.
        calibration: from raw scores to intensities; folded into the weights.
        batch: faces per call.
    """
    graph = Graph()
    gradients, mesh = oriented_gradients(graph), graph.add("Flatten", "landmarks", axis=1)
    sharpness = calibration.sharpness
    gain = calibration.slope * sharpness
    weighed = graph.add("MatMul", gradients, graph.constant(learnt.hidden.weights[:SKIN_WIDTH]), name=SKIN)
    hidden = graph.add("Relu", graph.add("Add", weighed, graph.constant(learnt.hidden.bias)))
    by_skin = graph.add("MatMul", hidden, graph.constant(learnt.skin.weights * gain))
    by_shape = graph.add("MatMul", mesh, graph.constant(learnt.shape.weights[SKIN_WIDTH:] * gain))
    bias = (learnt.skin.bias + learnt.shape.bias - calibration.threshold) * gain
    line = graph.add("Add", graph.add("Add", by_skin, by_shape), graph.constant(bias))
    above = graph.add("Div", graph.add("Softplus", line), graph.constant(sharpness))
    limited = graph.add("Min", above, graph.constant(calibration.most))
    parts = graph.constant(np.array([len(ACTION_UNITS), 2]))
    outputs = {"intensity": len(ACTION_UNITS), "eyes_closed": 2}
    graph.nodes.append(helper.make_node("Split", [limited, parts], list(outputs), axis=1))
    return graph.model(outputs, batch)


def features(examples: Examples) -> Floats:
    """The features of many faces, (n, SKIN_WIDTH + MESH)."""
    model = load(feature_model().SerializeToString(), Format.ONNX)
    return np.concatenate([model(part.crops, part.landmarks)[0] for part in examples.batches()])


def outputs(model: Model, examples: Examples) -> Floats:
    """What a model for one face a call says of many, (n, 16)."""
    rows = [model(part.crops, part.landmarks) for part in examples.batches(1)]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def quantise(model: bytes, examples: Examples) -> bytes:
    """The same model with the skin's weights and features in 8 bits (static, a scale per output).

    The mesh stays as it is: its coordinates differ by less between expressions than 8 bits can tell apart.

    Args:
        model: as `build` made it.
        examples: faces whose features set the range of the 8 bits.
    """
    feeds: Iterator[Feed] = ({"crop": part.crops, "landmarks": part.landmarks} for part in examples.batches(1))
    return to_int8(model, feeds, nodes=[SKIN])
