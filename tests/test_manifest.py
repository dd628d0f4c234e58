from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from test_runtime import sum_model

from npng_edge.infer.manifest import (
    FILE_NAME,
    Manifest,
    State,
    default_models_directory,
    dump,
    open_model,
    refresh,
    verify,
    write_atomically,
)
from npng_edge.infer.runtime import ModelError

if TYPE_CHECKING:
    from pathlib import Path

SPECIFICATION = {"dtype": "float32", "shape": ["rows", 3]}


def entry(content: bytes, **changes: Any) -> dict[str, Any]:
    plain = {
        "name": "sum",
        "purpose": "Adds.",
        "file": "sum.onnx",
        "format": "onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "licence": "Apache-2.0",
        "origin": {"trained": {"by": "make sum", "seed": 1, "card": "sum.md"}},
        "inputs": [{"name": "first", **SPECIFICATION}, {"name": "second", **SPECIFICATION}],
        "outputs": [{"name": "total", **SPECIFICATION}],
    }
    return plain | changes


def folder_with(tmp_path: Path, *entries: dict[str, Any], head: str = "") -> Manifest:
    path = tmp_path / FILE_NAME
    path.write_text(head + yaml.safe_dump({"version": 1, "models": list(entries)}), encoding="utf-8")
    return Manifest.load(path)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "sum.onnx").write_bytes(sum_model())
    return folder_with(tmp_path, entry(sum_model()), head="# Kept.\n")


def test_models_of_this_checkout_are_as_the_manifest_says() -> None:
    manifest = Manifest.load(default_models_directory() / FILE_NAME)
    assert [check.message for check in verify(manifest) if check.state is not State.OK] == []
    for model in manifest.models:
        open_model(manifest, model.name)


def test_manifest_of_this_checkout_is_in_the_form_that_refresh_writes() -> None:
    path = default_models_directory() / FILE_NAME
    text = path.read_text(encoding="utf-8")
    assert dump(Manifest.load(path), text[: text.index("version:")]) == text


def test_good_model_opens_and_works(manifest: Manifest) -> None:
    (total,) = open_model(manifest, "sum")(np.ones((1, 3), np.float32), np.ones((1, 3), np.float32))
    assert total.tolist() == [[2.0, 2.0, 2.0]]


def test_altered_model_is_refused(manifest: Manifest) -> None:
    path = manifest.directory / "sum.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (check,) = verify(manifest)
    assert check.state is State.ALTERED
    with pytest.raises(ModelError, match=r"sum\.onnx: is not the file of the manifest.*restore it"):
        open_model(manifest, "sum")


def test_missing_model_is_refused(manifest: Manifest) -> None:
    (manifest.directory / "sum.onnx").unlink()
    (check,) = verify(manifest)
    assert check.state is State.MISSING
    with pytest.raises(ModelError, match=r"sum\.onnx: is missing: restore it"):
        open_model(manifest, "sum")


def test_unreadable_model_is_refused(manifest: Manifest) -> None:
    (manifest.directory / "sum.onnx").unlink()
    (manifest.directory / "sum.onnx").mkdir()
    (check,) = verify(manifest)
    assert check.state is State.UNREADABLE
    with pytest.raises(ModelError, match=r"sum\.onnx: cannot be read .*permissions"):
        open_model(manifest, "sum")


def test_model_with_other_outputs_than_promised_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sum.onnx").write_bytes(sum_model())
    outputs = [{"name": "total", "dtype": "float32", "shape": [1, 3]}]
    with pytest.raises(ModelError, match="its outputs are"):
        open_model(folder_with(tmp_path, entry(sum_model(), outputs=outputs)), "sum")


def test_unknown_name_lists_the_known_ones(manifest: Manifest) -> None:
    with pytest.raises(ModelError, match="no model `sun`; it has sum"):
        manifest.entry("sun")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "12ab"}, r"models\.sum\.sha256 = '12ab'"),
        ({"format": "pickle"}, r"models\.sum\.format = 'pickle'"),
        ({"file": "../sum.onnx"}, r"models\.sum\.file = '\.\./sum\.onnx'.*stays inside"),
        ({"file": "/sum.onnx"}, r"models\.sum\.file = '/sum\.onnx'.*stays inside"),
        ({"size": 0}, r"models\.sum\.size = 0"),
        ({"license": "MIT"}, r"models\.sum\.license = 'MIT'"),
        ({"origin": {}}, r"models\.sum\.origin: .*exactly one"),
        ({"inputs": []}, r"models\.sum\.inputs = \[\]"),
        ({"outputs": [{"name": "total", "dtype": "text", "shape": [1]}]}, r"models\.sum\.outputs\.0\.dtype = 'text'"),
    ],
)
def test_mistakes_are_named_with_file_key_and_value(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"manifest\.yaml: {message}"):
        folder_with(tmp_path, entry(b"x", **changes))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        folder_with(tmp_path, entry(b"x", size=-1), entry(b"x", name="other", sha256="no"))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(("key", "value"), [("name", "sum"), ("file", "sum.onnx")])
def test_two_models_share_neither_name_nor_file(tmp_path: Path, key: str, value: str) -> None:
    second = entry(b"x", name="other", file="other.onnx") | {key: value}
    with pytest.raises(ModelError, match=f"{key} used twice: {value}"):
        folder_with(tmp_path, entry(b"x"), second)


@pytest.mark.parametrize("text", ["models: [", "- a list", "", "\x00"], ids=["broken", "list", "empty", "binary"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest\.yaml: "):
        Manifest.load(tmp_path / FILE_NAME)


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.yaml: cannot be read: No such file"):
        Manifest.load(tmp_path / FILE_NAME)


def test_refresh_takes_a_newly_trained_file_in(tmp_path: Path) -> None:
    (tmp_path / "sum.onnx").write_bytes(sum_model())
    folder_with(tmp_path, entry(b"older", outputs=[{"name": "x", "dtype": "int8", "shape": [9]}]), head="# Kept.\n")
    new = refresh(tmp_path / FILE_NAME, "sum")
    assert (tmp_path / FILE_NAME).read_text(encoding="utf-8").startswith("# Kept.\n")
    again = Manifest.load(tmp_path / FILE_NAME)
    assert again.entry("sum") == new
    open_model(again, "sum")


def test_refresh_never_trusts_a_file_that_a_wheel_should_give(tmp_path: Path) -> None:
    wheel = {
        "package": "sums",
        "version": "1.0",
        "filename": "sums-1.0-py3-none-any.whl",
        "wheel_sha256": "0" * 64,
        "member": "sums/sum.onnx",
        "member_sha256": "0" * 64,
    }
    folder_with(tmp_path, entry(b"older", origin={"wheel": wheel}))
    (tmp_path / "sum.onnx").write_bytes(sum_model())
    with pytest.raises(ModelError, match="comes from a wheel"):
        refresh(tmp_path / FILE_NAME, "sum")


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "inside").touch()  # a folder with something in it cannot be replaced by a file
    with pytest.raises(OSError, match="model"):
        write_atomically(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
