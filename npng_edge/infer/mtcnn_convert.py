"""MTCNN's three nets as ONNX, from the weights of the package `mtcnn` 1.0.0, without TensorFlow.

The package keeps each net as a list of arrays in Keras order, pickled by joblib and compressed with lz4. The nets
(Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks") are rebuilt
here layer by layer: NCHW, fully convolutional PNet with free height and width, batch free in the other two.
The same weights give the same bytes, so that the manifest can carry the result's SHA-256.
"""

from __future__ import annotations

import importlib
import io
import math
import pickle
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from npng_edge.infer.runtime import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Weights = npt.NDArray[np.float32]


def convert(content: bytes, net: str) -> bytes:
    """Turn one weight file into an ONNX model.

    Args:
        content: The wheel's member, e.g. `mtcnn/assets/weights/pnet.lz4`.
        net: `pnet`, `rnet` or `onet`.

    Returns:
        The ONNX file. Input `image` (N, 3, H, W) float32, RGB, (value - 127.5) / 128; H and W are free for `pnet`,
        24 for `rnet`, 48 for `onet`. Outputs `box` (x1, y1, x2, y2 offsets in box sizes), for `onet` also `points`
        (five x, then five y, 0..1 of the box), and `face` (probability of no face and of a face).

    Raises:
        ModelError: If `onnx` or `lz4` is not installed, or the content is not what it should be.
    """
    build, size = _NETS[net]
    graph = _Graph(read_weights(content), _need("onnx"))
    try:
        return graph.finish(net, size, build(graph))
    except (StopIteration, ValueError) as error:
        raise ModelError(f"the weights do not fit {net}: {error}") from error


def read_weights(content: bytes) -> list[Weights]:
    """Read a list of float32 arrays written by `joblib.dump(..., compress="lz4")`, running no code from it.

    Raises:
        ModelError: If `lz4` is not installed, or the content is anything else than such a list.
    """
    frame = _need("lz4.frame")
    try:
        items = _ArrayListUnpickler(io.BytesIO(frame.decompress(content))).load()
        return [item.array for item in items]
    except ModelError:
        raise
    except Exception as error:  # a broken pickle may raise nearly anything
        raise ModelError(f"the weight file is not a list of arrays: {error}") from error


class _ArrayListUnpickler(pickle.Unpickler):
    """Knows three names only, so that nothing in the file can be executed."""

    def __init__(self, source: io.BytesIO) -> None:
        super().__init__(source)  # an unbuffered source: the unpickler stops exactly where an array's bytes begin

        class Header(_RawArray):
            stream = source

        self._known = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): Header,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every name but the three that a list of arrays needs."""
        if (module, name) not in self._known:
            raise ModelError(f"the weight file asks for {module}.{name}, which is not allowed")
        return self._known[module, name]


class _RawArray:
    """Stands for joblib's NumpyArrayWrapper: the array's bytes follow its state in the file, outside the pickle."""

    stream: ClassVar[io.BytesIO]
    array: Weights

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        if state["order"] != "C" or state["dtype"] != _FLOAT:
            raise ModelError(f"unexpected array in the weight file: order {state['order']}, type {state['dtype']}")
        padding = self.stream.read(1)[0]  # joblib aligns the bytes: one byte says how many to skip
        self.stream.seek(padding, io.SEEK_CUR)
        count = math.prod(state["shape"])
        self.array = np.frombuffer(self.stream.read(4 * count), _FLOAT, count).reshape(state["shape"])


class _Graph:
    """An ONNX graph under construction; every layer takes its weights from the list, in order."""

    def __init__(self, weights: Sequence[Weights], onnx: Any) -> None:
        self._weights = iter(weights)
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def conv(self, source: str) -> str:
        """Convolution, stride 1, no padding; Keras keeps its kernel as (height, width, in, out)."""
        kernel = next(self._weights).transpose(3, 2, 0, 1)
        return self._node("Conv", source, kernel, next(self._weights))

    def prelu(self, source: str) -> str:
        """Leaky rectifier with one slope per channel, spread over height and width where there are any."""
        slope = next(self._weights)
        return self._node("PRelu", source, slope.reshape(-1, 1, 1) if slope.ndim == 3 else slope)

    def pool(self, source: str, size: int, *, over_edge: bool) -> str:
        """Maximum over `size` by `size`, stride 2; Keras's `same` padding lets the last window reach over the edge."""
        return self._node("MaxPool", source, kernel_shape=[size, size], strides=[2, 2], ceil_mode=int(over_edge))

    def dense(self, source: str, side: int = 1) -> str:
        """Fully connected over channels of `side` by `side`.

        The weights expect (width, height, channel); sorting them here spares the net a transposition.
        """
        matrix = next(self._weights)
        ordered = matrix.reshape(side, side, -1, matrix.shape[1]).transpose(2, 1, 0, 3).reshape(matrix.shape)
        flat = self._node("Flatten", source) if side > 1 else source
        return self._node("Gemm", flat, ordered, next(self._weights))

    def softmax(self, source: str) -> str:
        """Probabilities over the channels."""
        return self._node("Softmax", source, axis=1)

    def finish(self, name: str, size: int | None, outputs: Mapping[str, str]) -> bytes:
        """Name the outputs and serialise the model."""
        helper, number = self._onnx.helper, self._onnx.TensorProto.FLOAT
        for output, source in outputs.items():
            self._nodes.append(helper.make_node("Identity", [source], [output], name=output))
        shape = ["batch", 3, size or "height", size or "width"]
        cells = [] if size else ["rows", "columns"]
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("image", number, shape)],
            [helper.make_tensor_value_info(output, number, ["batch", _WIDTHS[output], *cells]) for output in outputs],
            self._tensors,
        )
        model = helper.make_model(
            graph, producer_name="npng-edge", ir_version=8, opset_imports=[helper.make_opsetid("", 13)]
        )
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _node(self, kind: str, source: str, *weights: Weights, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self._nodes)}"
        inputs = [source]
        for position, array in enumerate(weights):
            inputs.append(f"{name}_{position}")
            tensor = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array, _FLOAT), inputs[-1])
            self._tensors.append(tensor)
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name


def _pnet(graph: _Graph) -> dict[str, str]:
    last = graph.pool(graph.prelu(graph.conv("image")), 2, over_edge=True)
    last = graph.prelu(graph.conv(last))
    last = graph.prelu(graph.conv(last))
    return {"box": graph.conv(last), "face": graph.softmax(graph.conv(last))}


def _rnet(graph: _Graph) -> dict[str, str]:
    last = graph.pool(graph.prelu(graph.conv("image")), 3, over_edge=True)
    last = graph.pool(graph.prelu(graph.conv(last)), 3, over_edge=False)
    last = graph.prelu(graph.conv(last))
    last = graph.prelu(graph.dense(last, side=3))
    return {"box": graph.dense(last), "face": graph.softmax(graph.dense(last))}


def _onet(graph: _Graph) -> dict[str, str]:
    last = graph.pool(graph.prelu(graph.conv("image")), 3, over_edge=True)
    last = graph.pool(graph.prelu(graph.conv(last)), 3, over_edge=False)
    last = graph.pool(graph.prelu(graph.conv(last)), 2, over_edge=True)
    last = graph.prelu(graph.conv(last))
    last = graph.prelu(graph.dense(last, side=3))
    return {"box": graph.dense(last), "points": graph.dense(last), "face": graph.softmax(graph.dense(last))}


def _need(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"{module.split('.')[0]} is needed to convert MTCNN: run `pip install 'npng-edge[sync]'`"
        ) from error


_FLOAT = np.dtype("<f4")
_WIDTHS = MappingProxyType({"box": 4, "points": 10, "face": 2})
_NETS: Mapping[str, tuple[Callable[[_Graph], dict[str, str]], int | None]] = MappingProxyType(
    {"pnet": (_pnet, None), "rnet": (_rnet, 24), "onet": (_onet, 48)}
)
