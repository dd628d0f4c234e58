"""The learner as an ONNX graph: both ways of looking, normalisation and what was learnt, all inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from npng_edge.infer.align import CROP
from npng_edge.infer.asymmetry import REGIONS, SIDES
from training.graph import Graph
from training.int8 import to_int8
from training.palsy import skin

if TYPE_CHECKING:
    from training.palsy.data import Faces
    from training.palsy.head import Line, Net, Shape

HIDDEN = "hidden"
"""Name of the product that may be computed in 8 bits."""
MESH = (1, 468, 3)


def build(nets: list[Net], shape: Shape, line: Line) -> bytes:
    """The whole model.

    Args:
        nets: of `head.fit`; one net with the hidden numbers of all of them says the mean of what they say.
        shape: of `head.shape_of`.
        line: to the score.
    """
    states = [{name: value.numpy() for name, value in net.state_dict().items()} for net in nets]
    graph = Graph()
    mesh = graph.add("Flatten", "landmarks", axis=1)
    odd = graph.add("MatMul", mesh, graph.constant(shape.odd))
    of_skin = graph.add("MatMul", skin.add(graph, "crop"), graph.constant(shape.skin))
    # What is odd changes its sign in a mirror.
    signs = graph.constant(np.array([[1.0], [-1.0]], np.float32))
    both = graph.add("Mul", graph.add("Concat", odd, of_skin, axis=1), signs)
    level = graph.add("Sub", both, graph.constant(states[0]["mean"]))
    scaled = graph.add("Div", level, graph.constant(states[0]["spread"]))
    weights, bias = (np.concatenate([state[f"first.{part}"] for state in states]) for part in ("weight", "bias"))
    hidden = graph.add("MatMul", scaled, graph.constant(weights.T), name=HIDDEN)
    hidden = graph.add("Relu", graph.add("Add", hidden, graph.constant(bias)))
    weights = np.concatenate([state["last.weight"].T for state in states]) / np.float32(len(states))
    said = graph.add("MatMul", hidden, graph.constant(weights))
    said = graph.add("Add", said, graph.constant(np.mean([state["last.bias"] for state in states], axis=0)))
    widths, names = graph.constant(np.array([1, len(REGIONS)])), ["weak", "where"]
    graph.nodes.append(helper.make_node("Split", [said, widths], names, axis=1))
    odds = graph.add("ReduceLogSumExp", "weak", axes=[0], keepdims=0)
    above = graph.add("Sub", odds, graph.constant(np.array([line.boundary], np.float32)))
    graph.add("Mul", above, graph.constant(np.array([line.slope], np.float32)), name="score")
    lost = graph.constant(np.array([1, len(SIDES), len(REGIONS)]))
    graph.add("Reshape", graph.add("Sigmoid", "where"), lost, name="lost")
    inputs = {"crop": (TensorProto.UINT8, (1, CROP, CROP)), "landmarks": (TensorProto.FLOAT, MESH)}
    model = graph.model("asymmetry", inputs, {"score": (1,), "lost": (1, len(SIDES), len(REGIONS))})
    content: bytes = model.SerializeToString()
    return content


def quantise(model: bytes, faces: Faces) -> bytes:
    """The same model with its large product in 8 bits (static), for comparison.

    Args:
        model: as `build` made it.
        faces: that set the range of the 8 bits.
    """
    rows = zip(faces.crops, faces.landmarks, strict=True)
    feeds = ({"crop": crop[np.newaxis], "landmarks": mesh[np.newaxis]} for crop, mesh in rows)
    return to_int8(model, feeds, nodes=[HIDDEN], narrow=True)
