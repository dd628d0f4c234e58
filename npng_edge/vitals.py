"""Vital signs as they come in: from the monitor or its gateway, on the topic `vitals`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from npng_edge.requests import Identifier, Name
from npng_edge.wire import Message, Timestamp


class Consciousness(str, Enum):
    """ACVPU, as NEWS2 asks for it."""

    ALERT = "alert"
    CONFUSION = "confusion"
    """New confusion."""
    VOICE = "voice"
    PAIN = "pain"
    UNRESPONSIVE = "unresponsive"


class Sedation(str, Enum):
    """Pasero opioid-induced sedation scale (POSS)."""

    SLEEP = "S"
    """Asleep, easy to arouse."""
    AWAKE = "1"
    DROWSY = "2"
    """Slightly drowsy, easily aroused."""
    FREQUENTLY_DROWSY = "3"
    """Drifts off to sleep during conversation: unacceptable."""
    SOMNOLENT = "4"
    """Minimal or no response: unacceptable."""


class Vitals(Message):
    """One set of vital signs, taken at one time. What was not measured is null; a value outside its range is refused.

    The ranges are wide: what a monitor can truly show of a living patient, a newborn or a dying one included, for a
    refused message would leave the last good values standing. Beyond them a value is an artefact. A rate or saturation
    of 0 is what monitors send without a signal; only a respiratory rate of 0, apnoea, is taken as measured.
    """

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["npng/vitals/1"] = Field(default="npng/vitals/1", alias="schema")
    """Name and version of the message."""
    id: Identifier
    """Unique for ever; a second message with the same id is the same message."""
    source: Name
    """What measured: monitor, gateway or person."""
    at: Timestamp
    """When it was measured."""
    heart_rate: Annotated[float, Field(ge=10, le=350)] | None = None
    """Beats per minute."""
    respiratory_rate: Annotated[float, Field(ge=0, le=150)] | None = None
    """Breaths per minute."""
    spo2: Annotated[float, Field(ge=1, le=100)] | None = None
    """Oxygen saturation, per cent."""
    oxygen: bool | None = None
    """Whether supplemental oxygen is given."""
    systolic: Annotated[float, Field(ge=20, le=300)] | None = None
    """Non-invasive blood pressure, mmHg."""
    diastolic: Annotated[float, Field(ge=10, le=250)] | None = None
    """Non-invasive blood pressure, mmHg."""
    temperature: Annotated[float, Field(ge=20, le=45)] | None = None
    """Degrees Celsius."""
    consciousness: Consciousness | None = None
    """ACVPU."""
    sedation: Sedation | None = None
    """POSS."""

    @model_validator(mode="after")
    def _plausible(self) -> Vitals:
        if self.systolic is not None and self.diastolic is not None and self.diastolic >= self.systolic:
            raise ValueError("diastolic must be below systolic")
        return self


SIGNS: tuple[str, ...] = (
    "heart_rate",
    "respiratory_rate",
    "spo2",
    "oxygen",
    "systolic",
    "diastolic",
    "temperature",
    "consciousness",
    "sedation",
)
"""The fields of `Vitals` that hold a measurement."""
