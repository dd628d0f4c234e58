"""One small interface over the two runtimes: ONNX Runtime for `.onnx`, LiteRT for `.tflite`.

A call costs what the runtime's own invocation costs: inputs are handed over as they are, outputs are copied once, by
the runtime. A model is not thread-safe; every thread opens its own.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Array: TypeAlias = npt.NDArray[Any]


class ModelError(Exception):
    """A model file, or the runtime it needs, is missing, altered or unusable; the message says what to do."""


class Format(str, Enum):
    """Of a model file."""

    ONNX = "onnx"
    TFLITE = "tflite"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a model."""

    name: str
    dtype: str
    """As numpy calls it, e.g. `float32`."""
    shape: tuple[int | str, ...]
    """A dimension that is free to vary carries its name instead of a size."""


class Model(Protocol):
    """A loaded model, ready to be called."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a call takes, in order."""

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """What a call returns, in order."""

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run the model once.

        Args:
            *arrays: One per input, C-contiguous, of the input's dtype and shape.

        Returns:
            One array per output, owned by the caller.

        Raises:
            ValueError: If the number, dtype or shape of the arrays is wrong.
        """


def checked(
    model: Model, what: str, inputs: Sequence[tuple[str, tuple[int, ...]]], outputs: Sequence[tuple[int, ...]]
) -> Model:
    """The same model, if it is one of the kind that is wanted.

    Args:
        model: Loaded.
        what: The kind, for people to read.
        inputs: Type and shape of each.
        outputs: Shape of each, float32.

    Raises:
        ModelError: If it is not.
    """
    takes, gives = ([(tensor.dtype, tensor.shape) for tensor in side] for side in (model.inputs, model.outputs))
    wanted = list(inputs), [("float32", shape) for shape in outputs]
    if (takes, gives) != wanted:
        raise ModelError(
            f"this is no {what}: it takes {takes} and gives {gives}, where {wanted[0]} and {wanted[1]} are wanted; "
            "check which file the manifest names"
        )
    return model


def load(content: bytes, model_format: Format, threads: int = 1) -> Model:
    """Load a model from the bytes of its file.

    Args:
        content: The whole file.
        model_format: What kind of file it is.
        threads: Threads per call, 1..16.

    Raises:
        ModelError: If the runtime is not installed or cannot read these bytes.
    """
    return _LOADERS[model_format](content, threads)


class _Onnx:
    """A model in ONNX Runtime, on the CPU."""

    def __init__(self, content: bytes, threads: int) -> None:
        runtime = _import("onnxruntime")
        runtime.set_default_logger_severity(_ERROR)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERROR
        # A worker that spins between frames would eat a core of a small computer for nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own exception types vary with its version
            raise ModelError(f"ONNX Runtime cannot read the model: {_first_line(error)}") from error
        self.inputs = tuple(_onnx_tensor(node) for node in session.get_inputs())
        self.outputs = tuple(_onnx_tensor(node) for node in session.get_outputs())
        self._names = tuple(tensor.name for tensor in self.inputs)
        self._wanted = [tensor.name for tensor in self.outputs]
        self._run: Callable[..., list[Array]] = session.run
        self._refusals = (runtime.capi.onnxruntime_pybind11_state.InvalidArgument, RuntimeError)

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        try:
            return tuple(self._run(self._wanted, dict(zip(self._names, arrays, strict=True))))
        except self._refusals as error:
            raise ValueError(f"ONNX Runtime refuses the input: {_first_line(error)}") from error


class _LiteRt:
    """A model in LiteRT, with XNNPACK on the CPU."""

    def __init__(self, content: bytes, threads: int) -> None:
        interpreter_class = _lite_interpreter()
        try:
            interpreter = interpreter_class(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"LiteRT cannot read the model: {_first_line(error)}") from error
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = tuple(_lite_tensor(detail) for detail in inputs)
        self.outputs = tuple(_lite_tensor(detail) for detail in outputs)
        self._in = tuple(int(detail["index"]) for detail in inputs)
        self._out = tuple(int(detail["index"]) for detail in outputs)
        self._set: Callable[[int, Array], None] = interpreter.set_tensor
        self._get: Callable[[int], Array] = interpreter.get_tensor
        self._invoke: Callable[[], None] = interpreter.invoke

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        for index, array in zip(self._in, arrays, strict=True):
            self._set(index, array)
        self._invoke()
        return tuple([self._get(index) for index in self._out])


_ERROR = 3
"""ONNX Runtime's severity from which on it writes to standard error."""
_LOADERS: Mapping[Format, Callable[[bytes, int], Model]] = MappingProxyType(
    {Format.ONNX: _Onnx, Format.TFLITE: _LiteRt}
)
_LITE_PACKAGES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


def _lite_interpreter() -> Callable[..., Any]:
    for name in _LITE_PACKAGES:
        try:
            interpreter: Callable[..., Any] = importlib.import_module(name).Interpreter
        except ImportError:
            continue
        return interpreter
    raise ModelError(
        "no runtime for .tflite models is installed: run `pip install ai-edge-litert` "
        f"(or tflite-runtime where a device still has it) for {sys.executable}"
    )


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"{name} is not installed: run `pip install {name}` for {sys.executable}") from error


def _onnx_tensor(node: Any) -> Tensor:
    dtype = str(node.type).removeprefix("tensor(").removesuffix(")")
    shape: Sequence[int | str | None] = node.shape
    return Tensor(node.name, _ONNX_DTYPES.get(dtype, dtype), tuple("?" if size is None else size for size in shape))


_ONNX_DTYPES = MappingProxyType({"float": "float32", "double": "float64"})


def _lite_tensor(detail: Mapping[str, Any]) -> Tensor:
    # A free dimension is -1 in the signature and 1 in the allocated shape.
    signature = detail.get("shape_signature", detail["shape"])
    shape = tuple("?" if size < 0 else int(size) for size in signature)
    return Tensor(detail["name"], np.dtype(detail["dtype"]).name, shape)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
