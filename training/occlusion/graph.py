"""The occlusion net as an ONNX graph: from the 8-bit crop to the covered part of the most covered quarter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from npng_edge.infer.align import CROP
from training.graph import Graph
from training.int8 import to_int8
from training.occlusion.data import CELLS, quarter_weights
from training.occlusion.net import FLOOR, LAYERS

if TYPE_CHECKING:
    import onnx

    from training.occlusion.net import Net
    from training.occlusion.scene import Bytes, Floats

NORMALISING_FLOOR = 1e-5
"""Added to the variance by torch's batch normalisation."""


def build(net: Net, face: Floats) -> onnx.ModelProto:
    """The whole model.

    Args:
        net: trained; its normalisations are folded into its convolutions.
        face: (7, 7) part of each cell that a face usually takes up.
    """
    graph = Graph()
    pixels = graph.add("Unsqueeze", graph.add("Cast", "crop", to=TensorProto.FLOAT), graph.constant(np.array([1])))
    half = graph.add("AveragePool", pixels, kernel_shape=[2, 2], strides=[2, 2])
    level = graph.add("Sub", half, graph.add("ReduceMean", half, axes=[1, 2, 3]))
    spread = graph.add("Sqrt", graph.add("ReduceMean", graph.add("Mul", level, level), axes=[1, 2, 3]))
    x = graph.add("Div", level, graph.add("Add", spread, graph.constant(np.array(FLOOR, np.float32))))
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    for number, (_, _, stride) in enumerate(LAYERS):
        gain, offset, mean, variance = (
            state[f"layers.{number}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + NORMALISING_FLOOR)
        weights = graph.constant(state[f"layers.{number}.0.weight"] * scale[:, None, None, None])
        bias = graph.constant(offset - mean * scale)
        wide = graph.add("Conv", x, weights, bias, kernel_shape=[3, 3], pads=[1] * 4, strides=[stride] * 2)
        x = graph.add("Relu", wide)
    logits = graph.add("Conv", x, graph.constant(state["last.weight"]), graph.constant(state["last.bias"]))
    cells = graph.add("Reshape", graph.add("Sigmoid", logits), graph.constant(np.array([1, CELLS * CELLS])))
    quarters = graph.add("MatMul", cells, graph.constant(quarter_weights(face)))
    graph.add("ReduceMax", quarters, name="covered", axes=[1], keepdims=0)
    return graph.model("occlusion", {"crop": (TensorProto.UINT8, (1, CROP, CROP))}, {"covered": (1,)})


def quantise(model: bytes, crops: Bytes) -> bytes:
    """The same model with its convolutions in 8 bits (static, a scale per channel), for comparison.

    Args:
        model: as `build` made it.
        crops: (n, 112, 112) that set the range of the 8 bits.
    """
    return to_int8(model, ({"crop": crop[np.newaxis]} for crop in crops), narrow=True)
