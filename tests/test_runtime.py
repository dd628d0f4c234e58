from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx import helper

from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory
from npng_edge.infer.runtime import Format, ModelError, Tensor, load


def sum_model() -> bytes:
    """`total` = `first` + `second`, rows free to vary."""
    tensors = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", 3]) for name in ("first", "second")]
    total = helper.make_tensor_value_info("total", onnx.TensorProto.FLOAT, ["rows", 3])
    graph = helper.make_graph([helper.make_node("Add", ["first", "second"], ["total"])], "sum", tensors, [total])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    return bytes(model.SerializeToString())


def mesh_model() -> bytes:
    manifest = Manifest.load(default_models_directory() / FILE_NAME)
    return manifest.path(manifest.entry("face-landmark")).read_bytes()


def test_onnx_model_says_what_it_takes_and_gives() -> None:
    model = load(sum_model(), Format.ONNX)
    assert model.inputs == (Tensor("first", "float32", ("rows", 3)), Tensor("second", "float32", ("rows", 3)))
    assert model.outputs == (Tensor("total", "float32", ("rows", 3)),)
    (total,) = model(np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32))
    assert total.tolist() == [[3.0] * 3] * 2


def test_tflite_model_says_what_it_takes_and_gives() -> None:
    model = load(mesh_model(), Format.TFLITE)
    assert [tensor.shape for tensor in model.inputs] == [(1, 192, 192, 3)]
    assert {tensor.dtype for tensor in model.outputs} == {"float32"}
    results = model(np.zeros((1, 192, 192, 3), np.float32))
    assert [result.shape for result in results] == [tensor.shape for tensor in model.outputs]


def test_results_stay_when_the_model_is_called_again() -> None:
    model = load(mesh_model(), Format.TFLITE)
    (first, _) = model(np.zeros((1, 192, 192, 3), np.float32))
    before = first.copy()
    model(np.ones((1, 192, 192, 3), np.float32))
    assert np.array_equal(first, before)


@pytest.mark.parametrize(
    "arrays",
    [
        (np.ones((2, 3), np.float32),),
        (np.ones((2, 3), np.float64), np.ones((2, 3), np.float64)),
        (np.ones((2, 4), np.float32), np.ones((2, 4), np.float32)),
    ],
    ids=["one missing", "type", "shape"],
)
def test_onnx_refuses_wrong_input(arrays: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(sum_model(), Format.ONNX)(*arrays)


@pytest.mark.parametrize(
    "arrays",
    [(), (np.ones((1, 192, 192, 3), np.uint8),), (np.ones((1, 96, 96, 3), np.float32),)],
    ids=["missing", "type", "shape"],
)
def test_tflite_refuses_wrong_input(arrays: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(mesh_model(), Format.TFLITE)(*arrays)


@pytest.mark.parametrize("model_format", list(Format))
@pytest.mark.parametrize("content", [b"", b"no model at all", bytes(4096)], ids=["empty", "text", "zeros"])
def test_broken_file_is_a_model_error(model_format: Format, content: bytes) -> None:
    with pytest.raises(ModelError, match="cannot read the model"):
        load(content, model_format)


@pytest.mark.parametrize(
    ("model_format", "modules", "cure"),
    [
        (Format.ONNX, ["onnxruntime"], "pip install onnxruntime"),
        (Format.TFLITE, ["ai_edge_litert.interpreter", "tflite_runtime.interpreter"], "pip install ai-edge-litert"),
    ],
)
def test_missing_runtime_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, model_format: Format, modules: list[str], cure: str
) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError, match=cure):
        load(sum_model(), model_format)
