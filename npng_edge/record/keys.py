"""The hospital's keys: one per file, 32 random bytes as base64, readable by its owner alone."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
"""AES-256."""
_LONGEST_FILE = 4096


class KeyFileError(Exception):
    """A key file cannot be used. The message names the file, the reason and what to do."""


def new_key() -> str:
    """A new random key, as the text of a key file."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def read_key(path: Path) -> bytes:
    """Read a key file.

    Returns:
        32 bytes.

    Raises:
        KeyFileError: It is missing, cannot be read, may be read by others than its owner, or holds no key.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_LONGEST_FILE)
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no such key file; put the hospital's key there, with mode 600") from None
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key cannot be read ({error.strerror}); it must belong to the user of the program"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others than its owner may use this key file (mode {mode:o}); run chmod 600 on it")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise KeyFileError(f"{path}: this is no base64; a key file holds 32 random bytes as base64, alone") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path}: the key has {len(key)} bytes instead of {KEY_BYTES}; get the hospital's key")
    return key
