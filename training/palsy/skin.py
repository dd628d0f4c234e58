"""Oriented gradients of the crop, inside the face: how skin and features look, without a net in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from npng_edge.infer.align import CROP
from npng_edge.infer.runtime import Format, load
from training.graph import Graph
from training.units.export import face_columns
from training.units.gradients import COARSE, DIRECTIONS, NEAR, oriented, strength

if TYPE_CHECKING:
    from training.palsy.data import Bytes, Floats

COLUMNS = face_columns()
_GRID = np.arange(DIRECTIONS * COARSE.side**2).reshape(DIRECTIONS, COARSE.side, COARSE.side)
# The grid's middle is the crop's: a mirror image has the columns of cells in the other order, and in each of them
# the gradient that pointed to the left points to the right.
_TURNED = _GRID[(DIRECTIONS // 2 - np.arange(DIRECTIONS)) % DIRECTIONS, :, ::-1].reshape(-1)
OPPOSITE = np.searchsorted(COLUMNS, _TURNED[COLUMNS])
"""For each gradient the one that a mirror image has in its place."""


def add(graph: Graph, crop: str) -> str:
    """Append the nodes that read a crop.

    Args:
        graph: to append to.
        crop: name of (batch, 112, 112) uint8.

    Returns:
        Name of (batch, 632), in the order of `COLUMNS`.
    """
    steep = strength(graph, graph.add("Cast", crop, to=TensorProto.FLOAT))
    whole = graph.add("Flatten", oriented(graph, steep, COARSE, NEAR), axis=1)
    return graph.add("Gather", whole, graph.constant(COLUMNS), axis=1)


def read(crops: Bytes) -> Floats:
    """(n, 632) the gradients of many crops, by the very nodes that are shipped.

    Args:
        crops: (n, 112, 112).
    """
    graph = Graph()
    graph.add("Identity", add(graph, "crop"), name="skin")
    inputs = {"crop": (TensorProto.UINT8, ("n", CROP, CROP))}
    model = load(graph.model("skin", inputs, {"skin": ("n", len(COLUMNS))}).SerializeToString(), Format.ONNX)
    return np.concatenate([model(part)[0] for part in np.array_split(crops, len(crops) // 256 + 1)])
