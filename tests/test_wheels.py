from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import lz4.frame
import numpy as np
import pytest
from test_manifest import entry, folder_with
from test_runtime import sum_model

from npng_edge.infer.manifest import Manifest, State, verify
from npng_edge.infer.mtcnn_convert import convert, read_weights
from npng_edge.infer.runtime import ModelError
from npng_edge.infer.wheels import sync

if TYPE_CHECKING:
    from pathlib import Path

FILENAME = "sums-1.0-py3-none-any.whl"
MEMBER = "sums/data/sum.onnx"
METADATA = "Metadata-Version: 2.1\nName: sums\nVersion: 1.0\nRequires-Python: >=99\nRequires-Dist: does-not-exist\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with one wheel."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with zipfile.ZipFile(folder / FILENAME, "w") as archive:
        archive.writestr(MEMBER, sum_model())
        archive.writestr("sums-1.0.dist-info/METADATA", METADATA)
        archive.writestr("sums-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("sums-1.0.dist-info/RECORD", "")
    return folder


def manifest(tmp_path: Path, shop: Path, file: str = "wheel/sum.onnx", **changes: str) -> Manifest:
    wheel = {
        "package": "sums",
        "version": "1.0",
        "filename": FILENAME,
        "wheel_sha256": hashlib.sha256((shop / FILENAME).read_bytes()).hexdigest(),
        "member": MEMBER,
        "member_sha256": hashlib.sha256(sum_model()).hexdigest(),
    }
    models = tmp_path / "models"
    models.mkdir(exist_ok=True)
    return folder_with(models, entry(sum_model(), file=file, origin={"wheel": wheel | changes}))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_sync_from_a_folder_writes_the_file_once(tmp_path: Path, shop: Path) -> None:
    wanted, said = manifest(tmp_path, shop), list[str]()
    (first,) = sync(wanted, shop, progress=said.append)
    assert first.written
    assert said
    assert [check.state for check in verify(wanted)] == [State.OK]
    (shop / FILENAME).unlink()  # the good file is left alone, so the wheel is not even looked for
    (second,) = sync(wanted, shop)
    assert not second.written


def test_sync_replaces_an_altered_file(tmp_path: Path, shop: Path) -> None:
    wanted = manifest(tmp_path, shop)
    (path,) = [done.path for done in sync(wanted, shop)]
    path.write_bytes(b"altered")
    assert [done.written for done in sync(wanted, shop, only=["sum"])] == [True]
    assert path.read_bytes() == sum_model()


def test_sync_downloads_with_pip_without_dependencies(
    tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    assert [done.written for done in sync(manifest(tmp_path, shop))] == [True]


def test_sync_without_network_says_how_to_do_without(
    tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError, match=rf"{FILENAME}: pip could not download it .*--offline"):
        sync(manifest(tmp_path, shop))
    assert files(tmp_path / "models") == ["manifest.yaml"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wheel_sha256": "0" * 64}, rf"{FILENAME}: SHA-256 is .* nothing was written"),
        ({"member_sha256": "0" * 64}, r"sums/data/sum\.onnx: SHA-256 is .* nothing was written"),
        ({"member": "sums/other.onnx"}, r"has no member sums/other\.onnx; the entry `sum` is wrong"),
        ({"filename": "sums-2.0-py3-none-any.whl"}, r"shop/sums-2\.0-py3-none-any\.whl: cannot be read .*pip download"),
    ],
)
def test_wrong_wheel_writes_nothing(tmp_path: Path, shop: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        sync(manifest(tmp_path, shop, **changes), shop)
    assert files(tmp_path / "models") == ["manifest.yaml"]


def test_what_is_no_wheel_is_refused(tmp_path: Path, shop: Path) -> None:
    (shop / FILENAME).write_bytes(b"PK nothing")
    with pytest.raises(ModelError, match="is not a wheel"):
        sync(manifest(tmp_path, shop), shop)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path, shop: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "wheel").write_text("in the way of the folder")
    with pytest.raises(ModelError, match=r"wheel/sum\.onnx: cannot be written .*permissions"):
        sync(manifest(tmp_path, shop), shop)


def test_only_known_models_of_wheels_can_be_asked_for(tmp_path: Path, shop: Path) -> None:
    with pytest.raises(ModelError, match="no model `sun`"):
        sync(manifest(tmp_path, shop), shop, only=["sun"])
    with pytest.raises(ModelError, match="`sum` is kept in the repository"):
        sync(folder_with(tmp_path, entry(sum_model())), shop, only=["sum"])


class Malice:
    def __reduce__(self) -> Any:
        return os.mkdir, ("/tmp/npng-edge-was-here",)  # noqa: S108 - must never be made


@pytest.mark.parametrize(
    "thing", [Malice(), [Malice()], np.float32, [1, 2]], ids=["call", "in a list", "class", "ints"]
)
def test_weight_files_cannot_run_code(thing: object) -> None:
    with pytest.raises(ModelError, match="weight file"):
        read_weights(lz4.frame.compress(pickle.dumps(thing)))
    assert not os.path.exists("/tmp/npng-edge-was-here")  # noqa: S108, PTH110 - see above


def test_weight_file_that_is_not_compressed_is_refused() -> None:
    with pytest.raises(ModelError, match="not a list of arrays"):
        read_weights(b"nothing")


def test_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib", reason="needs joblib, which wrote the package's weights")
    weights = [np.random.default_rng(1).normal(size=size).astype(np.float32) for size in ((3, 3, 3, 10), (10,), (7, 5))]
    joblib.dump(weights, tmp_path / "net.lz4", compress="lz4")
    content = (tmp_path / "net.lz4").read_bytes()
    assert all(np.array_equal(one, other) for one, other in zip(read_weights(content), weights, strict=True))
    with pytest.raises(ModelError, match="do not fit pnet"):
        convert(content, "pnet")
