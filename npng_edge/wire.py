"""What every message is made of, whichever way it goes: JSON, UTC times, bounded figures."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from typing_extensions import Self


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _possible(time: datetime) -> datetime:
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise ValueError(f"the year must be {FIRST_YEAR} to {LAST_YEAR}")
    return time


FIRST_YEAR, LAST_YEAR = 1970, 2999
"""Of times in messages: in any time zone and a few centuries on they can still be reckoned with."""
Timestamp = Annotated[
    AwareDatetime, AfterValidator(_possible), PlainSerializer(_iso, return_type=str, when_used="json")
]
"""UTC, ISO 8601 with milliseconds and Z."""
Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Vas = Annotated[float, Field(ge=0, le=10)]
"""A rating of pain: 0 none .. 10 the worst imaginable (VAS in cm, or NRS)."""
Pspi = Annotated[float, Field(ge=0, le=16)]
"""Prkachin-Solomon pain intensity."""
MOST_VALUES = 20_000
"""In one message; an episode with its longest series has about 12,000. A million wrong ones would take gigabytes."""


class Part(BaseModel):
    """Base of everything inside a message: nothing changed afterwards, no infinity.

    A reader passes over fields that a newer bed has added; what comes in to a bed (`requests`, `vitals`) is strict.
    """

    # Built at first use: a device is ready sooner.
    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, defer_build=True
    )


class Message(Part):
    """Base of all messages."""

    def payload(self) -> bytes:
        """The message as JSON, UTF-8, on one line."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def parse(cls, payload: bytes | bytearray) -> Self:
        """Read a payload. Types are as in the contract: `"5"` and `true` are no numbers.

        Raises:
            pydantic.ValidationError: It is no JSON, or not this message, or does not say which message it is.
        """
        if sum(map(payload.count, (b",", b"[", b"{"))) > MOST_VALUES:
            many = PydanticCustomError("too_many_values", "More than {most} values", {"most": MOST_VALUES})
            raise ValidationError.from_exception_data(cls.__name__, [{"type": many, "loc": (), "input": None}])
        message = cls.model_validate_json(payload, strict=True)
        if "schema_" not in message.model_fields_set:
            raise ValidationError.from_exception_data(
                cls.__name__, [{"type": "missing", "loc": ("schema",), "input": {}}]
            )
        return message


def mistakes(error: ValidationError) -> str:
    """Every mistake of a message in one sentence: where, what, and the value."""
    found = []
    for one in error.errors(include_url=False, include_context=False)[:5]:
        where = ".".join(map(str, one["loc"])) or "message"
        value = f" (got {str(one['input'])[:40]})" if isinstance(one["input"], str | int | float | bool) else ""
        found.append(f"{where}: {one['msg']}{value}")
    return "; ".join(found)
