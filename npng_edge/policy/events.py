"""What can happen to the policy. A run is a list of (Moment, Event), and the same list gives the same alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.requests import Request
    from npng_edge.units import Alarm, Reading
    from npng_edge.vitals import Vitals


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame was read."""

    reading: Reading
    kind: Literal["seen"] = "seen"


@dataclass(frozen=True, slots=True)
class Measured:
    """A set of vital signs came in."""

    vitals: Vitals
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request came in that could be read and has not expired."""

    name: str
    """As in `request/{name}`."""
    request: Request
    kind: Literal["asked"] = "asked"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A patient came with a profile: kept by this device from before it was started, or brought from another bed."""

    profile: Profile
    latched: tuple[Alarm, ...] = ()
    """Latching alarms that nobody had acknowledged when the run before ended; times on this run's frame clock."""
    kind: Literal["arrived"] = "arrived"


@dataclass(frozen=True, slots=True)
class Left:
    """Patients who left this bed before the run began, the newest first: what they were given counts if they return."""

    profiles: tuple[Profile, ...]
    kind: Literal["left"] = "left"


@dataclass(frozen=True, slots=True)
class Fault:
    """Another stage reports on itself: a cause, or None when it works (again)."""

    condition: str
    """A technical condition of the table, e.g. `camera`."""
    cause: str | None
    kind: Literal["fault"] = "fault"


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; comes about four times a second, whatever else happens."""

    kind: Literal["tick"] = "tick"


Event: TypeAlias = Seen | Measured | Asked | Arrived | Left | Fault | Tick
