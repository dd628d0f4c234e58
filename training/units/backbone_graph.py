"""The net's nodes in the shipped ONNX graph: the very arithmetic of `backbone`, its normalisations folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from training.units.backbone import LAST, WIDTH, Block, Pool

if TYPE_CHECKING:
    from training.graph import Graph
    from training.units.backbone import Net

LOOK = "look"
"""First letters of the names of those of the net's nodes that bear 8 bits: all but what filters each channel."""
LIMIT = 6.0
"""Of the net's activations (ReLU6)."""


def look(graph: Graph, gradients: str, net: Net) -> str:
    """Append a net to a graph.

    Args:
        graph: to append to.
        gradients: name of what the net looks at, as `backbone.View` gives it.
        net: taught.

    Returns:
        Name of the numbers that the net boils the face down to, (batch, WIDTH).
    """
    limits = tuple(graph.constant(np.array(limit, np.float32)) for limit in (0.0, LIMIT))
    return _chain(graph, gradients, net.features, limits)


def _chain(graph: Graph, x: str, layers: nn.Sequential, limits: tuple[str, ...]) -> str:
    """Layers one after the other."""
    parts = list(layers)
    for number, layer in enumerate(parts):
        if isinstance(layer, nn.Conv2d):
            x = _convolution(graph, x, layer, parts[number + 1])
        elif isinstance(layer, nn.ReLU6):
            x = graph.add("Clip", x, *limits, name=f"{LOOK}_{len(graph.nodes)}")
        elif isinstance(layer, Block):
            y = _chain(graph, x, layer.layers, limits)
            x = graph.add("Add", x, y) if layer.keeps else y
        elif isinstance(layer, Pool):
            weights = graph.constant(layer.weights.numpy())
            x = graph.add("Conv", x, weights, kernel_shape=[LAST, LAST], group=WIDTH)
            x = graph.add("Flatten", x, axis=1)
    return x


def _convolution(graph: Graph, x: str, layer: nn.Conv2d, after: nn.BatchNorm2d) -> str:
    """A convolution with the normalisation after it folded in."""
    gain = (after.weight / (after.running_var + after.eps).sqrt()).detach().numpy()
    bias = after.bias.detach().numpy() - after.running_mean.numpy() * gain
    weights = layer.weight.detach().numpy() * gain[:, None, None, None]
    side, pad, stride = layer.kernel_size[0], layer.padding[0], layer.stride[0]
    name = f"{LOOK}_{len(graph.nodes)}" if layer.groups == 1 else None
    return graph.add(
        "Conv", x, graph.constant(weights), graph.constant(bias), name=name,
        kernel_shape=[side, side], pads=[pad] * 4, strides=[stride, stride], group=layer.groups,
    )  # fmt: skip
