"""The models in other runtimes and precisions: they say the same, and what cannot be converted stays as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra `train`")
pytest.importorskip("torch", reason="needs the extra `train`")

import onnx

from bench import runtimes
from npng_edge.infer.manifest import FILE_NAME, Manifest, State, default_models_directory, dump, open_model, verify
from npng_edge.infer.runtime import Format, ModelError, load
from training import litert
from training.datasets.graph import dequantised

MODELS = default_models_directory()
CONVERTER = Path(__file__).parents[1] / ".venv-litert" / "bin" / "python"


def some_models(folder: Path, *names: str) -> Path:
    """A folder with only these models."""
    manifest = Manifest.load(MODELS / FILE_NAME)
    entries = tuple(manifest.entry(name) for name in names)
    for entry in entries:
        (folder / entry.file).parent.mkdir(parents=True, exist_ok=True)
        (folder / entry.file).write_bytes(manifest.path(entry).read_bytes())
    (folder / FILE_NAME).write_text(dump(manifest.model_copy(update={"models": entries})), encoding="utf-8")
    return folder


def test_what_the_converter_is_given_says_what_the_floats_say() -> None:
    manifest = Manifest.load(MODELS / FILE_NAME)
    plain = dequantised(onnx.load(manifest.path(manifest.entry("action-units"))))
    tidy = litert.tidied(plain)
    assert not {node.op_type for node in tidy.graph.node} & {"Identity", "Split"}
    before, after = (load(model.SerializeToString(), Format.ONNX) for model in (plain, tidy))
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    calls = litert.inputs(before, {})
    for one, other in zip(*(model(*(rows[0] for rows in calls.values())) for model in (before, after)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_model_that_cannot_be_converted_stays_and_the_reason_is_said(tmp_path: Path) -> None:
    models = some_models(tmp_path / "models", "occlusion", "mtcnn-rnet")
    output = tmp_path / "out"
    (found,) = litert.convert(models, output, Path(sys.executable), None)
    assert found.name == "occlusion"
    assert "onnx2tf" in found.problem
    manifest = Manifest.load(output / FILE_NAME)
    assert manifest.entry("occlusion").format is Format.ONNX
    assert {check.state for check in verify(manifest)} == {State.OK}
    with pytest.raises(ModelError, match="is there already"):
        litert.convert(models, output, Path(sys.executable), None)


@pytest.mark.skipif(not CONVERTER.exists(), reason="needs `make litert`")
def test_a_model_in_litert_says_what_the_shipped_one_says(tmp_path: Path) -> None:
    output = tmp_path / "out"
    (found,) = litert.convert(some_models(tmp_path / "models", "occlusion"), output, CONVERTER, None)
    assert found.problem == ""
    manifest = Manifest.load(output / FILE_NAME)
    assert manifest.entry("occlusion").format is Format.TFLITE
    one, other = open_model(Manifest.load(MODELS / FILE_NAME), "occlusion"), open_model(manifest, "occlusion")
    rng = np.random.default_rng(3)
    for _ in range(8):
        crop = rng.integers(0, 256, (1, 112, 112), dtype=np.uint8)
        np.testing.assert_allclose(one(crop)[0], other(crop)[0], atol=0.02)


def test_every_version_of_a_model_is_timed_beside_the_shipped_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = some_models(tmp_path / "models", "action-units", "blazeface-short")
    page = tmp_path / "page.md"
    runtimes.main(["--models", str(models), "--litert", str(tmp_path), "--repeats", "2", "--output", str(page)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        ["| action-units", "ONNX Runtime", "fp32"],
        ["| action-units", "ONNX Runtime", "int8"],
        ["| blazeface-short", "LiteRT", "fp32"],
    ]
    assert lines[3].split(" | ")[4] == "1.00"
    assert lines[0] in page.read_text(encoding="utf-8")
