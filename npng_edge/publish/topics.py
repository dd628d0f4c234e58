"""The MQTT topics of one bed, and how each is published: quality of service, retained, expiry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npng_edge.settings import Place

ROOT = "npng/v1"


@dataclass(frozen=True, slots=True)
class Manner:
    """How messages of one topic are published."""

    qos: int
    retain: bool
    expiry_s: int | None
    """Seconds after which the broker forgets the message; None: never, as on alarms, which must not vanish."""


MANNERS: dict[str, Manner] = {
    "state": Manner(qos=1, retain=True, expiry_s=None),
    "health": Manner(qos=1, retain=True, expiry_s=30),
    "pain": Manner(qos=0, retain=True, expiry_s=10),
    "alarms": Manner(qos=1, retain=True, expiry_s=None),
    "alarm": Manner(qos=1, retain=False, expiry_s=None),
    "fusion": Manner(qos=1, retain=True, expiry_s=60),
    "episode": Manner(qos=1, retain=False, expiry_s=None),
    # A request for a drug that comes late is worse than none.
    "bolus": Manner(qos=1, retain=False, expiry_s=5),
    "response": Manner(qos=1, retain=False, expiry_s=60),
}
"""By the first level under the bed."""

LATER = Manner(qos=1, retain=False, expiry_s=None)
"""What waited in the outbox, on its own topic. A `pain` message never comes in place of the newest retained one."""


class Topics:
    """The topics of one bed: `npng/v1/{facility}/{unit}/{bed}/...`.

    Args:
        place: Where the device stands.
    """

    def __init__(self, place: Place) -> None:
        self.place = f"{place.facility}/{place.unit}/{place.bed}"
        """The `bed` of every payload."""
        self.bed = f"{ROOT}/{self.place}"
        self.state = f"{self.bed}/state"
        """`online`, `stopped`, `offline`; retained, and the last will."""
        self.health = f"{self.bed}/health"
        self.pain = f"{self.bed}/pain"
        self.alarms = f"{self.bed}/alarms"
        """The full present alarm state; retained: the truth after any loss."""
        self.alarm = f"{self.bed}/alarm"
        """Each transition, from the outbox; not retained."""
        self.fusion = f"{self.bed}/fusion"
        self.episode = f"{self.bed}/episode"
        """What happened before and during an episode, from the outbox; a later revision has the same episode id."""
        self.bolus = f"{self.bed}/bolus"
        """Requests to a pump's gateway."""
        self.vitals = f"{self.bed}/vitals"
        """Comes in, from the monitor or its gateway."""
        self.receipt = f"{self.bed}/receipt"
        """Comes in: the station has stored these alarms."""
        self.requests = f"{self.bed}/request/#"
        """Filter of everything that is asked of this bed."""

    def manner(self, topic: str) -> Manner:
        """How a topic of this bed is published.

        Raises:
            KeyError: It is not one of this bed's outgoing topics.
        """
        return MANNERS[topic.removeprefix(f"{self.bed}/").partition("/")[0]]

    def request(self, name: str) -> str:
        """Where a request comes in, e.g. `baseline`."""
        return f"{self.bed}/request/{name}"

    def request_name(self, topic: str) -> str | None:
        """The name of the request that came in on a topic; None when it is no request to this bed."""
        prefix = f"{self.bed}/request/"
        return topic.removeprefix(prefix) if topic.startswith(prefix) else None

    def response(self, name: str, asked: str | None) -> str:
        """Where a response goes: the requester's response topic if it is below ours, else `response/{name}`.

        A request must not be able to make the device write elsewhere, for instance over an alarm.

        Args:
            name: Of the request.
            asked: MQTT 5 response topic of the request, if any.
        """
        own = f"{self.bed}/response/{name}"
        if asked is not None and asked.startswith(f"{own}/") and not {"+", "#", "\0"} & set(asked):
            return asked
        return own
