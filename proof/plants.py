"""Defects planted on purpose, to show that the checker finds them.

Those of `PLANTS` are planted in the bed's process, before the bed is made.

`puback` is the rule of many an outbox: what the broker has acknowledged counts as delivered. A broker that is killed
then takes alarms with it, for good.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from npng_edge.publish.client import Client
from npng_edge.publish.delivery import Delivery
from npng_edge.publish.events import Event, Published, Ticket
from npng_edge.publish.topics import LATER, ROOT
from npng_edge.record import tables
from npng_edge.record.outbox import Outbox
from npng_edge.settings import Broker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.publish.topics import Manner
    from npng_edge.record.outbox import Outgoing
    from proof.trial import Trial

FORGED = "forged"
FORGED_S = 0.5


def puback() -> None:
    """An alarm goes at the broker's acknowledgement, and for good."""
    publish, handle = Client.publish, Delivery.handle
    sent: dict[Ticket, str] = {}

    def noting(
        self: Client, topic: str, payload: bytes, manner: Manner, *, correlation: bytes | None = None
    ) -> Ticket | None:
        ticket = publish(self, topic, payload, manner, correlation=correlation)
        if ticket is not None and topic.endswith("/alarm"):
            sent[ticket] = json.loads(payload)["id"]
        return ticket

    def trusting(self: Delivery, event: Event, now: float) -> None:
        handle(self, event, now)
        if isinstance(event, Published) and event.ticket in sent:
            self.receipt([sent.pop(event.ticket)], now)

    Client.publish = noting  # type: ignore[method-assign]
    Delivery.handle = trusting  # type: ignore[method-assign]
    tables.settle = tables.remove


def disorder() -> None:
    """Alarms that were decided together are kept, and so sent, in reversed order."""
    commit = Outbox.commit

    def reversed_commit(self: Outbox, messages: Sequence[Outgoing] = (), *rest: Any) -> None:
        commit(self, messages[::-1], *rest)

    Outbox.commit = reversed_commit  # type: ignore[assignment, method-assign]


def forge(trial: Trial) -> None:
    """A liar on the network publishes an alarm that no bed has decided, again and again until the station has it."""
    true = trial.station.heard()[-1]
    payload = json.dumps({**json.loads(true.payload), "id": FORGED}).encode()
    client = Client(
        Broker(host=trial.broker.host, port=trial.broker.port),
        client_id="npng-proof-liar",
        will=None,
        subscriptions=(),
        emit=lambda _: None,
    )
    client.start()
    while trial.station.wait_for([FORGED], FORGED_S):
        client.publish(f"{ROOT}/{true.bed}/alarm", payload, LATER)
    client.stop()


PLANTS = MappingProxyType({"puback": puback, "disorder": disorder})
"""By name."""
