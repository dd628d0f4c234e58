"""Bringing a model's weights to 8 bits, static, a scale per channel."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from onnxruntime import quantization  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Feed = dict[str, npt.NDArray[Any]]


def to_int8(model: bytes, feeds: Iterable[Feed], *, nodes: list[str] | None = None, narrow: bool = False) -> bytes:
    """The same model with 8-bit weights and activations where it pays.

    Args:
        model: ONNX with 32-bit floats.
        feeds: Inputs of single calls, which set the range of the activations.
        nodes: Names of the nodes to change; None: every convolution.
        narrow: Seven bits for the weights: processors without VNNI clip the sum of two full 8-bit products.
    """
    with TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.onnx", Path(folder) / "small.onnx"
        large.write_bytes(model)
        quantization.quantize_static(
            large,
            small,
            _Reader(feeds),
            quant_format=quantization.QuantFormat.QDQ,
            nodes_to_quantize=nodes,
            op_types_to_quantize=["Conv"] if nodes is None else None,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=narrow,
        )
        return small.read_bytes()


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands the quantiser one call's inputs after the other."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        """The next inputs, None after the last."""
        return next(self._feeds, None)
