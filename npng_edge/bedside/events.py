"""What the other stages tell the bedside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from npng_edge.policy.events import Fault
from npng_edge.publish.events import Event as BrokerEvent
from npng_edge.units import CameraStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.settings import Policy
    from npng_edge.units import Reading


@dataclass(frozen=True, slots=True)
class ReadingMade:
    """The inference stage read a frame."""

    reading: Reading
    timings: Mapping[str, float]
    """Seconds per step."""


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """The configuration was loaded anew."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class ModelsOpened:
    """SHA-256 of each model in use, by name."""

    models: Mapping[str, str]


Event: TypeAlias = ReadingMade | CameraStatus | Fault | PolicyChanged | ModelsOpened | BrokerEvent
