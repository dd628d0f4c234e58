"""What happens on the connection to the broker: small frozen data, handed from paho's thread to the owner's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias


class Ticket(NamedTuple):
    """Names a message that was sent."""

    connection: int
    """Counts the connections of this process."""
    mid: int
    """MQTT packet identifier, unique within the connection while it is unacknowledged."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted the connection; the subscriptions are on their way."""

    connection: int
    session_present: bool
    """The broker remembered our subscriptions and kept messages for us."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection that had been accepted ended. What was not acknowledged on it may be lost."""

    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker answered and said no, or our own credentials cannot be used. Tried again with back-off."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer from the broker's address. Tried again with back-off."""

    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The broker acknowledged a message (QoS 1), or it was written to the socket (QoS 0)."""

    ticket: Ticket
    reason_code: int
    """MQTT 5: 0x00 success, 0x10 no matching subscribers, 0x80 and above: refused."""
    reason: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message came in on one of the subscriptions."""

    topic: str
    payload: bytes
    retained: bool
    """It lay at the broker before we subscribed."""
    response_topic: str | None
    correlation: bytes | None


Event: TypeAlias = Connected | Disconnected | Refused | Unreachable | Published | Received
