"""Which model files there are, what each must look like, and the only door through which one is opened.

`models/manifest.yaml` names every file with its SHA-256. A file that differs by one bit is not loaded.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

import npng_edge
from npng_edge.infer.runtime import Format, Model, ModelError, Tensor, load
from npng_edge.settings import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE_NAME = "manifest.yaml"


def _stays_inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or not parts:
        raise ValueError("must be a relative path that stays inside its folder, with forward slashes")
    return path


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
InnerPath = Annotated[str, Field(min_length=1), AfterValidator(_stays_inside)]
Text = Annotated[str, Field(min_length=1)]


class TensorSpec(Section):
    """One input or output, as the file declares it."""

    name: Text
    dtype: Literal["float32", "float16", "int8", "uint8", "int32", "int64"]
    shape: tuple[Annotated[int, Field(ge=1)] | Text, ...] = Field(description="A free dimension carries its name.")


class Trained(Section):
    """Origin of a model that we trained and keep in the repository."""

    by: Text = Field(description="The command that makes the file.")
    seed: int
    card: InnerPath = Field(description="The model card, beside the manifest.")


class Wheel(Section):
    """Origin of a model that is a member of a pinned wheel on PyPI."""

    package: Name
    version: Text
    filename: Annotated[str, StringConstraints(pattern=r"^[^/\\]+\.whl$")]
    wheel_sha256: Sha256
    member: InnerPath
    member_sha256: Sha256
    conversion: Literal["mtcnn-onnx"] | None = Field(default=None, description="None: the member is the model file.")


class Origin(Section):
    """Where a model file comes from: exactly one of the two."""

    trained: Trained | None = None
    wheel: Wheel | None = None

    @model_validator(mode="after")
    def _one(self) -> Origin:
        if (self.trained is None) == (self.wheel is None):
            raise ValueError("give exactly one of `trained` and `wheel`")
        return self


class Entry(Section):
    """One model file."""

    name: Name
    purpose: Text
    file: InnerPath = Field(description="Relative to the manifest.")
    format: Format
    sha256: Sha256
    size: int = Field(ge=1, description="Bytes.")
    licence: Text = Field(description="SPDX identifier.")
    origin: Origin
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)


class Manifest(Section):
    """All model files of this version of the software."""

    version: Literal[1] = 1
    models: tuple[Entry, ...]
    directory: Path = Field(default=Path(), exclude=True, description="Where the manifest lies; not in the file.")

    @model_validator(mode="after")
    def _unique(self) -> Manifest:
        for key in ("name", "file"):
            values = [getattr(entry, key) for entry in self.models]
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"{key} used twice: {', '.join(sorted(twice))}")
        return self

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read and check a manifest.

        Args:
            path: The YAML file.

        Raises:
            ModelError: If it cannot be read or anything in it is wrong; every mistake is named with its key and value.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: is not YAML: {error}") from error
        if not isinstance(content, dict) or "directory" in content:
            raise ModelError(f"{path}: must have the keys `version` and `models` and no others")
        try:
            return cls.model_validate(content | {"directory": path.parent})
        except ValidationError as error:
            raise ModelError("\n".join(_mistakes(path, content, error))) from error

    def entry(self, name: str) -> Entry:
        """Find a model by its name.

        Raises:
            ModelError: If there is none of that name.
        """
        for entry in self.models:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.models)
        raise ModelError(f"{self.directory / FILE_NAME}: has no model `{name}`; it has {known}")

    def path(self, entry: Entry) -> Path:
        """Where the model's file lies, or should."""
        return self.directory / entry.file


class State(str, Enum):
    """Of a model file, compared with the manifest."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Check:
    """What the verification of one model file found."""

    name: str
    path: Path
    state: State
    message: str
    """What is wrong and what to do, one sentence or two; empty when the file is good."""


def default_models_directory() -> Path:
    """The models that came with this installation: inside an installed package, else of the checkout it runs from."""
    package = Path(npng_edge.__file__).resolve().parent
    installed = package / "_data" / "models"
    return installed if installed.is_dir() else package.parent / "models"


def verify(manifest: Manifest) -> list[Check]:
    """Compare every model file with the manifest, in its order. Reads each file once, changes nothing."""
    return [_read(manifest, entry)[1] for entry in manifest.models]


def open_model(manifest: Manifest, name: str, threads: int = 1) -> Model:
    """Load a model from the very bytes that were compared with the manifest.

    Args:
        manifest: Says where the file lies and what it must look like.
        name: Of the model.
        threads: Threads per call, 1..16.

    Raises:
        ModelError: If the file is missing, unreadable or altered, or its inputs and outputs are not those promised.
    """
    entry = manifest.entry(name)
    content, check = _read(manifest, entry)
    if check.state is not State.OK:
        raise ModelError(check.message)
    try:
        model = load(content, entry.format, threads)
    except ModelError as error:
        raise ModelError(f"{check.path}: {error}") from error
    for what, promised, found in (("inputs", entry.inputs, model.inputs), ("outputs", entry.outputs, model.outputs)):
        if describe(found) != promised:
            raise ModelError(f"{check.path}: its {what} are {found}, the manifest promises {promised}")
    return model


def describe(tensors: Iterable[Tensor]) -> tuple[TensorSpec, ...]:
    """A model's inputs or outputs in the manifest's words."""
    return tuple(TensorSpec.model_validate({"name": t.name, "dtype": t.dtype, "shape": t.shape}) for t in tensors)


def refresh(path: Path, name: str) -> Entry:
    """Write hash, size, inputs and outputs of a newly trained model into the manifest.

    Args:
        path: The manifest; comments above its first key are kept.
        name: A model of origin `trained`, already listed there.

    Returns:
        The entry as it stands now.

    Raises:
        ModelError: If there is no such entry, it was not trained by us, or its file is unusable.
    """
    manifest = Manifest.load(path)
    old = manifest.entry(name)
    if old.origin.trained is None:
        raise ModelError(f"{path}: `{name}` comes from a wheel; its hash is never refreshed from the file at hand")
    try:
        content = manifest.path(old).read_bytes()
    except OSError as error:
        raise ModelError(f"{manifest.path(old)}: cannot be read: {error.strerror}") from error
    model = load(content, old.format)
    new = old.model_copy(
        update={
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "inputs": describe(model.inputs),
            "outputs": describe(model.outputs),
        }
    )
    entries = tuple(new if entry is old else entry for entry in manifest.models)
    write_atomically(path, dump(manifest.model_copy(update={"models": entries}), _head(path)).encode())
    return new


def dump(manifest: Manifest, head: str = "") -> str:
    """The manifest as YAML, below `head`."""
    plain = manifest.model_dump(mode="json", exclude_none=True)
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return head + text


class _Dumper(yaml.SafeDumper):
    """Writes lists of plain values, the shapes, on one line."""


def _sequence(dumper: _Dumper, items: list[Any]) -> yaml.Node:
    flow = not any(isinstance(item, (list, dict)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flow)


_Dumper.add_representer(list, _sequence)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that its name never stands for half of it, not even after a power cut.

    Raises:
        OSError: If the folder cannot be written to, or the disk is full; a previous file is then still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(manifest: Manifest, entry: Entry) -> tuple[bytes, Check]:
    path = manifest.path(entry)
    cure = (
        f"run `npng-edge models sync {entry.name}`"
        if entry.origin.wheel
        else "restore it from the release or the repository"
    )
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b"", Check(entry.name, path, State.MISSING, f"{path}: is missing: {cure}.")
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror}): check its owner and permissions, and the disk."
        return b"", Check(entry.name, path, State.UNREADABLE, message)
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        message = (
            f"{path}: is not the file of the manifest (SHA-256 {found[:16]}…, {len(content)} bytes; "
            f"expected {entry.sha256[:16]}…, {entry.size} bytes) and is refused: {cure}."
        )
        return b"", Check(entry.name, path, State.ALTERED, message)
    return content, Check(entry.name, path, State.OK, "")


def _mistakes(path: Path, content: dict[str, Any], error: ValidationError) -> Iterable[str]:
    for mistake in error.errors():
        value = mistake["input"]
        steps = list(mistake["loc"])
        if len(steps) > 1 and steps[0] == "models":
            steps[1] = _entry_name(content, steps[1])
        shown = "" if mistake["type"] in {"missing", "value_error"} and isinstance(value, dict) else f" = {value!r}"
        yield f"{path}: {'.'.join(map(str, steps)) or 'manifest'}{shown}: {mistake['msg']}"


def _entry_name(content: dict[str, Any], index: int | str) -> str:
    try:
        return str(content["models"][index]["name"])
    except (KeyError, TypeError, IndexError):
        return str(index)


def _head(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[: next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))])
