"""The heads as ONNX graphs: normalisation, what was learnt, and the calibrated probability, all inside the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from npng_edge.infer.action_units import FEATURES
from npng_edge.infer.pain import LIDS, NUMBERS, STEPS
from training.graph import Graph
from training.int8 import to_int8
from training.pain.heads import FURTHEST, HIDDEN, MOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.int8 import Feed
    from training.pain.baseline import Baseline
    from training.pain.heads import Course, Reduction, Still

    Floats: TypeAlias = npt.NDArray[np.float32]

REDUCE = "reduce"
"""Name of the node that boils the features down."""


@dataclass(frozen=True, slots=True)
class Platt:
    """From a score to a probability: 1 / (1 + exp(-(slope * score + offset))) (Platt 1999)."""

    slope: float
    offset: float


def still(nets: Sequence[Still], reduction: Reduction, platt: Platt) -> bytes:
    """The heads for one picture."""
    graph = Graph()
    weights = np.concatenate([net.hidden.weight.detach().numpy() for net in nets])
    bias = np.concatenate([net.hidden.bias.detach().numpy() for net in nets])
    hidden = graph.add("Relu", _linear(graph, _joined(graph, reduction), weights, bias))
    _close(graph, _mean(graph, hidden, nets), platt)
    return _model(graph, "pain", {"features": (1, FEATURES), "units": (1, NUMBERS)})


def course(nets: Sequence[Course], reduction: Reduction, platt: Platt) -> bytes:
    """The heads for the last seconds."""
    graph = Graph()
    known = graph.add("Mul", _joined(graph, reduction), "seen")
    inputs = graph.add("Transpose", graph.add("Concat", known, "seen", axis=2), perm=[1, 0, 2])
    last = graph.add("Concat", *(_recurrent(graph, inputs, net) for net in nets), axis=2)
    hidden = graph.add("Reshape", last, graph.constant(np.array([1, HIDDEN * len(nets)])))
    _close(graph, _mean(graph, hidden, nets), platt)
    return _model(
        graph, "pain-temporal",
        {"features": (1, STEPS, FEATURES), "units": (1, STEPS, NUMBERS), "seen": (1, STEPS, 1)},
    )  # fmt: skip


def baseline(learnt: Baseline, platt: Platt) -> bytes:
    """The origin's recipe: components of the features, and the side of a plane that they lie on."""
    graph = Graph()
    normal = graph.add("Div", graph.add("Sub", "features", graph.constant(learnt.mean)), graph.constant(learnt.spread))
    parts = graph.add("MatMul", normal, graph.constant(learnt.components.T), name=REDUCE)
    score = graph.add("MatMul", parts, graph.constant(learnt.weights[:, None]))
    # The units are not looked at, but the input is there: the device asks every such model in the same way.
    unused = graph.add(
        "Mul",
        graph.add("ReduceSum", "units", graph.constant(np.array([1])), keepdims=1),
        graph.constant(np.zeros((1, 1), np.float32)),
    )
    _close(graph, graph.add("Sum", score, unused, graph.constant(np.full((1, 1), learnt.bias, np.float32))), platt)
    return _model(graph, "pain-baseline", {"features": (1, FEATURES), "units": (1, NUMBERS)})


def quantise(model: bytes, feeds: Iterable[Feed]) -> bytes:
    """The same head with the weights of its widest layer in 8 bits, for comparison."""
    return to_int8(model, feeds, nodes=[REDUCE], narrow=True)


def _joined(graph: Graph, reduction: Reduction) -> str:
    """The arithmetic of `Reduction` and `joined`, without what was not seen."""
    centred = graph.add("Sub", "features", graph.constant(reduction.mean))
    parts = graph.add("MatMul", centred, graph.constant(reduction.weights), name=REDUCE)
    limits = (graph.constant(np.array(limit, np.float32)) for limit in (-FURTHEST, FURTHEST))
    scale = np.full(NUMBERS, MOST, np.float32)
    scale[-LIDS:] = 1.0
    units = graph.add("Div", "units", graph.constant(scale))
    return graph.add("Concat", graph.add("Clip", parts, *limits), units, axis=-1)


def _recurrent(graph: Graph, inputs: str, net: Course) -> str:
    """State of one head after the last step, (1, 1, HIDDEN)."""
    state = {name: value.numpy() for name, value in net.gru.state_dict().items()}
    gates = [graph.constant(_gates(state[name])[None]) for name in ("weight_ih_l0", "weight_hh_l0")]
    bias = graph.constant(np.concatenate([_gates(state[name]) for name in ("bias_ih_l0", "bias_hh_l0")])[None])
    # torch resets after the product; of the two outputs the last state is the second one.
    last = f"last_{len(graph.nodes)}"
    node = helper.make_node("GRU", [inputs, *gates, bias], ["", last], hidden_size=HIDDEN, linear_before_reset=1)
    graph.nodes.append(node)
    return last


def _mean(graph: Graph, hidden: str, nets: Sequence[Still] | Sequence[Course]) -> str:
    """The mean of what the nets say of their hidden values, which lie side by side: one product for all of them."""
    weights: Floats = np.concatenate([net.out.weight.detach().numpy() for net in nets], axis=1)
    bias: Floats = np.mean([net.out.bias.detach().numpy() for net in nets], axis=0)
    return _linear(graph, hidden, (weights / len(nets)).astype(np.float32), bias)


def _linear(graph: Graph, x: str, weights: Floats, bias: Floats) -> str:
    """With weights as torch has them, (outputs, inputs)."""
    return graph.add("Add", graph.add("MatMul", x, graph.constant(weights.T)), graph.constant(bias))


def _gates(rows: Floats) -> Floats:
    """From torch's order of the gates (reset, update, new) to that of ONNX (update, reset, new)."""
    reset, update, new = np.split(rows, 3)
    return np.concatenate([update, reset, new])


def _close(graph: Graph, score: str, platt: Platt) -> None:
    slope, offset = (graph.constant(np.array(value, np.float32)) for value in (platt.slope, platt.offset))
    graph.add("Sigmoid", graph.add("Add", graph.add("Mul", score, slope), offset), name="probability")


def _model(graph: Graph, name: str, inputs: dict[str, tuple[int, ...]]) -> bytes:
    floats = {key: (TensorProto.FLOAT, shape) for key, shape in inputs.items()}
    content: bytes = graph.model(name, floats, {"probability": (1, 1)}).SerializeToString()
    return content
