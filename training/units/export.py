"""The action-unit model as an ONNX graph: oriented gradients of the crop, the net, the mesh, and what was learnt.

Everything from the 8-bit crop to the intensities is inside the graph, so that the device does no arithmetic of its own
and training computes its features with the very nodes that are shipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from npng_edge.infer.align import CROP
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.graph import Graph
from training.int8 import to_int8
from training.units.backbone import WIDTH
from training.units.backbone_graph import LOOK, look
from training.units.gradients import AROUND, COARSE, DIRECTIONS, FINE, NEAR, oriented, strength
from training.units.heads import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from npng_edge.infer.runtime import Model
    from training.int8 import Feed
    from training.units.features import Examples
    from training.units.heads import Heads
    from training.units.learn import Calibration, Learnt

Floats: TypeAlias = npt.NDArray[np.float32]

MESH = 468 * 3
SKIN = "skin"
"""Name of the node that weighs the gradients."""
SKIN_WIDTH = DIRECTIONS * COARSE.side**2
"""How many gradient features there are."""
SHAPES: dict[str, tuple[int, ...]] = {
    "intensity": (len(ACTION_UNITS),),
    "eyes_closed": (2,),
    "sides": (2, len(ACTION_UNITS)),
    "deviation": (len(ACTION_UNITS) + 2,),
    "features": (WIDTH,),
}
"""Outputs of the model, for one face."""


def face_columns() -> npt.NDArray[np.int64]:
    """Numbers of the gradient features inside an ellipse around brows, eyes, nose and mouth.

    Beyond it hair, ears and the background of real pictures are unlike anything rendered.
    """
    side = COARSE.side
    y, x = np.mgrid[:side, :side] * COARSE.step + COARSE.step
    inside = ((x - 56.0) / 34.0) ** 2 + ((y - 56.0) / 46.0) ** 2 < 1.0
    return np.flatnonzero(np.broadcast_to(inside, (DIRECTIONS, side, side)))


def mesh_columns() -> npt.NDArray[np.int64]:
    """Numbers of the mesh features."""
    return np.arange(SKIN_WIDTH, SKIN_WIDTH + MESH)


def feature_model(batch: int | str = "n") -> onnx.ModelProto:
    """The features alone, for training: one output `features`, gradients first, then the mesh."""
    graph = Graph()
    gradients = _coarse(graph, strength(graph, _pixels(graph)))
    graph.add("Concat", gradients, graph.add("Flatten", "landmarks", axis=1), axis=1, name="features")
    return _closed(graph, {"features": (SKIN_WIDTH + MESH,)}, batch)


def build(learnt: Learnt, calibration: Calibration, heads: Heads, batch: int | str = 1) -> onnx.ModelProto:
    """The whole model: features, what was learnt, calibration, limits.

    Args:
        learnt: from the crop and the features of `feature_model` to raw scores.
        calibration: from raw scores to intensities; folded into the weights.
        heads: for the sides and the expected errors.
        batch: faces per call.
    """
    graph = Graph()
    steep = strength(graph, _pixels(graph))
    gain = calibration.slope * calibration.sharpness
    seen = look(graph, oriented(graph, steep, FINE, AROUND), learnt.net)
    by_look = graph.add("MatMul", seen, graph.constant(learnt.look.weights * gain))
    weighed = graph.add("MatMul", _coarse(graph, steep), graph.constant(learnt.hidden.weights[:SKIN_WIDTH]), name=SKIN)
    hidden = graph.add("Relu", graph.add("Add", weighed, graph.constant(learnt.hidden.bias)))
    by_skin = graph.add("MatMul", hidden, graph.constant(learnt.skin.weights * gain))
    mesh = graph.add("Flatten", "landmarks", axis=1)
    by_shape = graph.add("MatMul", mesh, graph.constant(learnt.shape.weights[SKIN_WIDTH:] * gain))
    bias = (learnt.look.bias + learnt.skin.bias + learnt.shape.bias - calibration.threshold) * gain
    line = graph.add("Add", graph.add("Sum", by_look, by_skin, by_shape), graph.constant(bias))
    limited = _kneed(graph, line, calibration)
    parts = graph.constant(np.array([len(ACTION_UNITS), 2]))
    graph.nodes.append(helper.make_node("Split", [limited, parts], ["intensity", "eyes_closed"], axis=1))
    _sides(graph, seen, heads)
    doubt = graph.add("Concat", seen, limited, axis=1)
    doubt = graph.add("MatMul", doubt, graph.constant(heads.doubt.weights))
    doubt = graph.add("Add", doubt, graph.constant(heads.doubt.bias))
    graph.add("Max", doubt, graph.constant(calibration.most * np.float32(LEAST)), name="deviation")
    graph.add("Identity", seen, name="features")
    return _closed(graph, SHAPES, batch)


def _closed(graph: Graph, outputs: Mapping[str, tuple[int, ...]], batch: int | str) -> onnx.ModelProto:
    inputs = {
        "crop": (TensorProto.UINT8, (batch, CROP, CROP)),
        "landmarks": (TensorProto.FLOAT, (batch, 468, 3)),
    }
    return graph.model("action_units", inputs, {name: (batch, *shape) for name, shape in outputs.items()})


def _kneed(graph: Graph, line: str, calibration: Calibration, name: str | None = None) -> str:
    """Softplus in units of the scale, at most its end."""
    above = graph.add("Div", graph.add("Softplus", line), graph.constant(calibration.sharpness))
    return graph.add("Min", above, graph.constant(calibration.most), name=name)


def _sides(graph: Graph, seen: str, heads: Heads) -> None:
    gain = heads.knee.slope * heads.knee.sharpness
    scores = graph.add("MatMul", seen, graph.constant(heads.sides.weights * gain))
    line = graph.add("Add", scores, graph.constant((heads.sides.bias - heads.knee.threshold) * gain))
    shape = graph.constant(np.array([-1, *SHAPES["sides"]]))
    graph.add("Reshape", _kneed(graph, line, heads.knee), shape, name="sides")


def _pixels(graph: Graph) -> str:
    return graph.add("Cast", "crop", to=TensorProto.FLOAT)


def _coarse(graph: Graph, steep: str) -> str:
    """The linear learner's gradients, (batch, SKIN_WIDTH)."""
    return graph.add("Flatten", oriented(graph, steep, COARSE, NEAR), axis=1)


def features(examples: Examples) -> Floats:
    """The features of many faces, (n, SKIN_WIDTH + MESH)."""
    model = load(feature_model().SerializeToString(), Format.ONNX)
    return np.concatenate([model(part.crops, part.landmarks)[0] for part in examples.batches()])


def told(model: Model, examples: Examples) -> tuple[Floats, ...]:
    """All that a model for one face a call says of many, in the order of `SHAPES`."""
    rows = [model(part.crops, part.landmarks) for part in examples.batches(1)]
    return tuple(np.concatenate(part) for part in zip(*rows, strict=True))


def outputs(model: Model, examples: Examples) -> Floats:
    """Intensities and closures, (n, 22)."""
    return np.concatenate(told(model, examples)[:2], axis=1)


def quantise(model: bytes, examples: Examples) -> bytes:
    """The same model with most of the net, and the weights of the coarse gradients, in 8 bits (static).

    The mesh stays as it is: its coordinates differ by less between expressions than 8 bits can tell apart. So do the
    net's filters of single channels, which weigh little.

    Args:
        model: as `build` made it.
        examples: faces whose features set the range of the 8 bits.
    """
    feeds: Iterator[Feed] = ({"crop": part.crops, "landmarks": part.landmarks} for part in examples.batches(1))
    nodes = [node.name for node in onnx.load_from_string(model).graph.node if node.name.startswith((SKIN, LOOK))]
    return to_int8(model, feeds, nodes=nodes, narrow=True)
