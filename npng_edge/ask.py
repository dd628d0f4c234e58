"""Asking a bed over MQTT, as a nurse station would: one request, its answers."""

from __future__ import annotations

import queue
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from npng_edge.publish.client import Client
from npng_edge.publish.events import Connected, Event, Received, Refused, Unreachable
from npng_edge.publish.messages import Response
from npng_edge.publish.topics import Manner, Topics
from npng_edge.requests import REQUESTS
from npng_edge.wire import mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npng_edge.requests import Request
    from npng_edge.settings import Broker, Place

ASKED = Manner(qos=1, retain=False, expiry_s=30)
RESEND_S = 2.0
"""A request without any answer is sent again after so long."""


class AskError(Exception):
    """No request could be made, or no answer was had; the message says why and what to do."""


def make_request(name: str, fields: Sequence[str], *, who: str, why: str | None, patience_s: float) -> Request:
    """A request from words of a command line.

    Args:
        name: Of the request, e.g. `assign`.
        fields: `field=value`; a value is read as YAML, and `@FILE` stands for the content of a text file.
        who: The person who asks.
        why: The reason, for the record.
        patience_s: The request expires after so long, seconds.

    Raises:
        AskError: There is no such request, or a field is wrong.
    """
    model = REQUESTS.get(name)
    if model is None:
        raise AskError(f"there is no request {name}; there are: {', '.join(REQUESTS)}")
    now = datetime.now(timezone.utc)
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "who": who,
        "why": why,
        "expires": now + timedelta(seconds=patience_s),
    }
    # What is asked of the patient is asked now, unless something else is said.
    if "at" in model.model_fields:
        values["at"] = now
    values |= dict(map(_field, fields))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        own = [field.alias or key for key, field in model.model_fields.items() if key not in _COMMON]
        raise AskError(f"{mistakes(error)}; the fields of {name} are: {', '.join(own) or 'none'}") from None


def ask(broker: Broker, place: Place, name: str, request: Request, patience_s: float = 30.0) -> Iterator[Response]:
    """Ask a bed.

    Args:
        broker: The one that the bed is connected to.
        place: The bed.
        name: Of the request.
        request: What is asked.
        patience_s: Time for the whole exchange, seconds.

    Yields:
        The answers as they come; the last one is not `started`.

    Raises:
        AskError: The broker cannot be reached, refuses, or the bed does not answer.
    """
    topics = Topics(place)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    own = f"{topics.bed}/response/{name}"
    client = Client(
        broker,
        client_id=f"npng-ask-{uuid.uuid4().hex[:12]}",
        will=None,
        subscriptions=(own,),
        emit=events.put,
        keeps_session=False,
    )
    client.start()
    try:
        deadline = time.monotonic() + patience_s
        answered = False
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AskError(f"{topics.place} did not answer in {patience_s:.0f} s; is it online?")
            try:
                event = events.get(timeout=left if answered else min(left, RESEND_S))
            except queue.Empty:
                # The bed may have been away; a request that comes twice is done once.
                if not answered:
                    client.publish(topics.request(name), request.payload(), ASKED)
                continue
            if isinstance(event, Refused | Unreachable):
                raise AskError(f"the broker cannot be used: {event.reason}")
            if isinstance(event, Connected):
                client.publish(topics.request(name), request.payload(), ASKED)
            elif isinstance(event, Received):
                response = _parse(event.payload)
                if response is not None and response.request_id == request.id:
                    answered = True
                    yield response
                    if response.outcome != "started":
                        return
    finally:
        client.stop()


_COMMON = {"schema_", "id", "who", "why", "expires"}


def _field(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise AskError(f"{text}: give field=value")
    try:
        if value.startswith("@"):
            return key, Path(value[1:]).read_text(encoding="utf-8").strip()
        return key, yaml.safe_load(value)
    except OSError as error:
        raise AskError(f"{value[1:]}: {error.strerror}") from None
    except yaml.YAMLError:
        return key, value


def _parse(payload: bytes) -> Response | None:
    try:
        return Response.parse(payload)
    except ValidationError:
        return None
