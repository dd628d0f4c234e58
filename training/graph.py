"""ONNX graphs of our own, put together node by node: the models that are shipped, and the features they learn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    Shape: TypeAlias = tuple[int | str, ...]

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

    def model(
        self, name: str, inputs: Mapping[str, tuple[int, Shape]], outputs: Mapping[str, Shape]
    ) -> onnx.ModelProto:
        """Close the graph.

        Args:
            name: Of the graph.
            inputs: Type (of `TensorProto`) and shape of each; a name in a shape leaves that length free.
            outputs: Shape of each, float32.
        """
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(key, kind, shape) for key, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="npng-edge")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model
