"""Frozen dataclasses to bytes and back: `{"v": 1, "value": {...}}`, JSON in UTF-8, every digit kept.

Reading is strict: a wrong type, an unknown field or another version is refused. A field that is missing takes its
default, so that what an older version wrote can still be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from npng_edge.policy.happening.episode import Episode
from npng_edge.policy.stays.profile import Dose, Profile, Rating
from npng_edge.policy.stays.stay import Audit, Stay
from npng_edge.policy.stays.summary import HourSummary
from npng_edge.units import BaselineOrigin, EyeClosure, LookAlike, Pose

VERSION = 1
_BEGIN = b'{"v":%d,"value":' % VERSION
_END = b"}"
_SHOWN = 3
"""Mistakes named in an error."""

T = TypeVar("T")


class CodecError(Exception):
    """A body cannot be read or made. The message says where and why."""


class Codec(Generic[T]):
    """Writes and reads one kind of dataclass.

    Args:
        kind: The dataclass; may hold numbers, strings, enums, tuples, mappings and other dataclasses.
        names: What its annotations name that its modules import for type checkers only.
    """

    def __init__(self, kind: type[T], names: Mapping[str, Any]) -> None:
        self._name = kind.__name__
        self._kind = kind
        self._names = names

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """Built at first use: a device is ready sooner."""
        adapter: TypeAdapter[T] = TypeAdapter(self._kind)
        adapter.rebuild(force=True, _types_namespace=self._names)
        return adapter

    def encode(self, value: T) -> bytes:
        """The value as bytes.

        Raises:
            CodecError: It holds a figure that is not a number.
        """
        try:
            body = to_json({"v": VERSION, "value": value}, inf_nan_mode="constants", fallback=dict)
        except (ValueError, TypeError) as error:
            raise CodecError(f"{self._name}: cannot be written: {error}") from error
        if b"NaN" in body or b"Infinity" in body:  # In a text, perhaps.
            json.loads(body, parse_constant=self._refuse)
        return body

    def decode(self, body: bytes) -> T:
        """The value of bytes that `encode` made.

        Raises:
            CodecError: They are damaged, of another version, or of another kind.
        """
        if not (body.startswith(_BEGIN) and body.endswith(_END)):
            raise CodecError(f"{self._name}: damaged, or not of version {VERSION}: begins with {body[: len(_BEGIN)]!r}")
        try:
            return self._adapter.validate_json(body[len(_BEGIN) : -len(_END)], strict=True, extra="forbid")
        except ValidationError as error:
            mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:_SHOWN]]
            raise CodecError(f"{self._name}: {'; '.join(mistakes)}") from error

    def _refuse(self, constant: str) -> None:
        raise CodecError(f"{self._name}: cannot be written: {constant} is not a number")


NAMES: Mapping[str, Any] = {
    "Mapping": Mapping,
    "BaselineOrigin": BaselineOrigin,
    "EyeClosure": EyeClosure,
    "LookAlike": LookAlike,
    "Pose": Pose,
    "Dose": Dose,
    "Rating": Rating,
    "Profile": Profile,
    "Stay": Stay,
    "HourSummary": HourSummary,
    "Episode": Episode,
}
"""What the modules of a patient's record import for type checkers only."""

PROFILE = Codec(Profile, NAMES)
HOUR = Codec(HourSummary, NAMES)
EPISODE = Codec(Episode, NAMES)
AUDIT = Codec(Audit, NAMES)
