"""Asking a bed over MQTT, as a nurse station would: one request, its answers."""

from __future__ import annotations

import queue
import time
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pydantic import ValidationError

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Event, Received, Refused, Unreachable
from npng_edge.publish.messages import BaselineRequest, BaselineResponse
from npng_edge.publish.topics import Manner, Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.publish.messages import BaselineAction
    from npng_edge.settings import Broker, Place

REQUEST = Manner(qos=1, retain=False, expiry_s=30)


class AskError(Exception):
    """No answer was had; the message says why and what to do."""


def ask_baseline(
    broker: Broker, place: Place, action: BaselineAction, who: str, patience_s: float = 30.0
) -> Iterator[BaselineResponse]:
    """Ask a bed to capture or forget its patient's baseline.

    Args:
        broker: The one that the bed is connected to.
        place: The bed.
        action: What to do.
        who: The person who asks; the bed writes it into its log.
        patience_s: Time for the whole exchange, seconds.

    Yields:
        The answers as they come; the last one is not `started`.

    Raises:
        AskError: The broker cannot be reached, refuses, or the bed does not answer.
    """
    topics = Topics(place)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    own = f"{topics.bed}/response/baseline"
    client = Client(
        broker,
        client_id=f"npng-ask-{uuid.uuid4().hex[:12]}",
        will=None,
        subscriptions=(own,),
        emit=events.put,
    )
    expires = datetime.now(timezone.utc) + timedelta(seconds=patience_s)
    request = BaselineRequest(
        schema="npng/request-baseline/1", id=uuid.uuid4().hex, who=who, action=action, expires=expires
    )
    client.start()
    try:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                event = events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AskError(f"{topics.place} did not answer in {patience_s:.0f} s; is it online?") from None
            if isinstance(event, Refused | Unreachable):
                raise AskError(f"the broker cannot be used: {event.reason}")
            if isinstance(event, Connected):
                client.publish(topics.request("baseline"), request.payload(), REQUEST)
            elif isinstance(event, Received):
                response = _parse(event.payload)
                if response is not None and response.request_id == request.id:
                    yield response
                    if response.outcome != "started":
                        return
    finally:
        client.stop()


def _parse(payload: bytes) -> BaselineResponse | None:
    try:
        return BaselineResponse.parse(payload)
    except ValidationError:
        return None
