"""The file of one encrypted clip.

`NPNGCLIP1` and a line feed, the length of the header (4 bytes, big endian), the header (JSON, readable, authenticated),
the wrapped key (60 bytes), then per picture its length (4 bytes) and its ciphertext. AES-256-GCM throughout. Each file
has a random key of its own, wrapped under the hospital's key; picture n has the nonce n. The header and n are
authenticated with every picture, so that none can be changed, left out, added or moved to another file. Once the
wrapped key is overwritten nobody can read the rest, the hospital included.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from npng_edge.wire import Count, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAGIC = b"NPNGCLIP1\n"
_NONCE = 12
_WRAPPED = _NONCE + 32 + 16
_ERASED = bytes(_WRAPPED)
_LENGTH = struct.Struct(">I")
_STAMP = struct.Struct(">d")
_LONGEST_HEADER = 4096
_LARGEST_PICTURE = 8 * 2**20


class ClipError(Exception):
    """A clip cannot be read. The message names the file and the reason."""


class Header(Message):
    """What can be read of a clip without a key, and cannot be changed unnoticed."""

    schema_: Literal["npng/clip/1"] = "npng/clip/1"
    """Name and version of the file's layout."""
    episode_id: str
    """Of the episode it shows."""
    stay: str
    """Of the patient."""
    patient: str
    """Pseudonym."""
    begin_utc: float
    """Of the first picture, seconds since 1970."""
    end_utc: float
    """Of the last picture."""
    pictures: Count
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Label:
    """A clip's file, seen from outside."""

    header: Header
    size: int
    """Bytes."""
    erased: bool
    """Whether nobody can read it any more."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a clip."""

    utc: float
    """Seconds since 1970."""
    jpeg: bytes


def seal(header: Header, pictures: Sequence[Picture], key: bytes) -> bytes:
    """The bytes of a clip's file.

    Args:
        header: Its `pictures` is the number of them.
        pictures: Oldest first.
        key: The hospital's, 32 bytes.
    """
    head = header.payload()
    own_key, nonce = AESGCM.generate_key(256), secrets.token_bytes(_NONCE)
    cipher = AESGCM(own_key)
    parts = [MAGIC, _LENGTH.pack(len(head)), head, nonce, AESGCM(key).encrypt(nonce, own_key, head)]
    for number, picture in enumerate(pictures):
        sealed = cipher.encrypt(_number(number), _STAMP.pack(picture.utc) + picture.jpeg, head)
        parts += [_LENGTH.pack(len(sealed)), sealed]
    return b"".join(parts)


def open_clip(path: Path, key: bytes) -> tuple[Header, list[Picture]]:
    """Read a clip.

    Args:
        path: Of the file.
        key: The hospital's, 32 bytes.

    Raises:
        ClipError: It cannot be read, is no clip, was changed or erased, or was sealed with another key.
    """
    try:
        with path.open("rb") as file:
            head = _head(file, path)
            wrapped = file.read(_WRAPPED)
            sealed = list(_chunks(file, path))
    except OSError as error:
        raise ClipError(f"{path}: {error.strerror}") from error
    if len(wrapped) < _WRAPPED:
        raise ClipError(f"{path}: it was cut off")
    if wrapped == _ERASED:
        raise ClipError(f"{path}: its key was erased; nobody can read it any more")
    header = _parse(head, path)
    try:
        cipher = AESGCM(AESGCM(key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], head))
        plain = [cipher.decrypt(_number(number), chunk, head) for number, chunk in enumerate(sealed)]
    except InvalidTag:
        raise ClipError(f"{path}: sealed with another key, or changed since") from None
    if len(plain) != header.pictures:
        raise ClipError(f"{path}: {len(plain)} of {header.pictures} pictures; it was cut off")
    return header, [Picture(_STAMP.unpack_from(data)[0], data[_STAMP.size :]) for data in plain]


def read_label(path: Path) -> Label:
    """What can be known of a clip without a key; it is not proved.

    Raises:
        ClipError: It cannot be read or is no clip.
    """
    try:
        with path.open("rb") as file:
            head = _head(file, path)
            return Label(_parse(head, path), os.fstat(file.fileno()).st_size, file.read(_WRAPPED) == _ERASED)
    except OSError as error:
        raise ClipError(f"{path}: {error.strerror}") from error


def erase(path: Path) -> tuple[Label, str]:
    """Make a clip unreadable for ever: overwrite its wrapped key, then remove the file, both safe on disk.

    Returns:
        What it was, and the SHA-256 of the sealed pictures, hexadecimal: of all that follows the wrapped key.

    Raises:
        ClipError: It is no clip.
        OSError: The disk refused.
    """
    label = read_label(path)
    with path.open("r+b") as file:
        _head(file, path)
        start = file.tell()
        file.seek(start + _WRAPPED)
        proof = hashlib.sha256(file.read()).hexdigest()
        file.seek(start)
        file.write(_ERASED)
        file.flush()
        os.fsync(file.fileno())
    remove(path)
    return label, proof


def digest(data: bytes) -> str:
    """SHA-256 of the sealed pictures in the bytes of a clip's file, as `erase` returns it."""
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    return hashlib.sha256(data[len(MAGIC) + _LENGTH.size + length + _WRAPPED :]).hexdigest()


def write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole, for its owner alone, or not at all.

    Raises:
        OSError: The disk refused; nothing is left behind.
    """
    part = path.with_suffix(".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file; it is gone from the disk's folder when it returns.

    Raises:
        OSError: The disk refused.
    """
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _number(number: int) -> bytes:
    return number.to_bytes(_NONCE, "big")


def _head(file: IO[bytes], path: Path) -> bytes:
    if file.read(len(MAGIC)) != MAGIC:
        raise ClipError(f"{path}: this is no clip")
    length = _length(file.read(_LENGTH.size), path)
    if length is None or length > _LONGEST_HEADER:
        raise ClipError(f"{path}: the header is damaged")
    return file.read(length)


def _parse(head: bytes, path: Path) -> Header:
    try:
        return Header.parse(head)
    except ValidationError:
        raise ClipError(f"{path}: the header is damaged") from None


def _chunks(file: IO[bytes], path: Path) -> Iterator[bytes]:
    while (length := _length(file.read(_LENGTH.size), path)) is not None:
        if length > _LARGEST_PICTURE:
            raise ClipError(f"{path}: changed since it was sealed")
        yield file.read(length)


def _length(field: bytes, path: Path) -> int | None:
    if not field:
        return None
    if len(field) < _LENGTH.size:
        raise ClipError(f"{path}: it was cut off")
    return int(_LENGTH.unpack(field)[0])
