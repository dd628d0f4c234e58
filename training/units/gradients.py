"""Oriented gradients of the crop, relative to those around (Dalal and Triggs, 2005): the nodes that are shipped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.align import CROP

if TYPE_CHECKING:
    from training.graph import Graph

Floats: TypeAlias = npt.NDArray[np.float32]

DIRECTIONS = 8
"""Of a gradient, 45 degrees apart; dark-to-bright and bright-to-dark are told apart."""
FLOOR = 0.002
"""Added to the strength around, so that noise on flat skin stays small."""


class Cells(NamedTuple):
    """A grid that gradients are averaged in, crop pixels."""

    size: int
    """Side of a cell; neighbours overlap."""
    step: int
    """Between the middles of neighbours."""

    @property
    def side(self) -> int:
        """Cells in a row."""
        return (CROP - 2 - self.size) // self.step + 1


COARSE, FINE = Cells(14, 8), Cells(6, 4)
"""For the linear learner, and for the net."""
NEAR, AROUND = 3, 5
"""Cells a side of the surroundings that a coarse and a fine cell are set against."""


def kernels() -> Floats:
    """(8, 1, 3, 3) filters that give the slope towards each direction, of grey levels 0..255 taken as 0..1."""
    smooth, slope = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    across, down = np.outer(smooth, slope), np.outer(slope, smooth)
    angles = [2.0 * math.pi * k / DIRECTIONS for k in range(DIRECTIONS)]
    filters = np.stack([math.cos(a) * across + math.sin(a) * down for a in angles])[:, np.newaxis] / (8.0 * 255.0)
    return filters.astype(np.float32)


def strength(graph: Graph, pixels: str) -> str:
    """How steep each pixel is towards each direction, at least 0.

    Args:
        graph: to append to.
        pixels: name of the crop, (batch, 112, 112) float32.

    Returns:
        Name of (batch, 8, 110, 110).
    """
    picture = graph.add("Unsqueeze", pixels, graph.constant(np.array([1])))
    return graph.add("Relu", graph.add("Conv", picture, graph.constant(kernels())))


def oriented(graph: Graph, steep: str, cells: Cells, around: int) -> str:
    """Strength in eight directions per cell, relative to the cells around.

    Args:
        graph: to append to.
        steep: name of what `strength` gives.
        cells: the grid.
        around: cells a side of the surroundings.

    Returns:
        Name of (batch, 8, side, side), numbers of about 0..3.
    """
    means = graph.add("AveragePool", steep, kernel_shape=[cells.size] * 2, strides=[cells.step] * 2)
    energy = graph.add("ReduceMean", means, axes=[1], keepdims=1)
    near = graph.add("AveragePool", energy, kernel_shape=[around] * 2, pads=[around // 2] * 4)
    floor = graph.add("Add", near, graph.constant(np.full((1, 1, 1, 1), FLOOR, np.float32)))
    return graph.add("Sqrt", graph.add("Div", means, floor))
