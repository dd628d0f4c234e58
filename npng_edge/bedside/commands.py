"""Requests as they come in and go out again: read, checked, answered, and answered alike when they come twice.

What a request does is the policy's business; here is only its way over the wire.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from npng_edge.policy.decisions import Outcome, audit
from npng_edge.policy.stays.stay import Audit
from npng_edge.publish.messages import CheckPart, Response
from npng_edge.requests import REQUESTS, Refusal, RefusalReason
from npng_edge.wire import mistakes

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.publish.events import Received
    from npng_edge.publish.stamp import Stamp
    from npng_edge.requests import Request

    _V = TypeVar("_V")

REMEMBERED = 256
"""Requests whose answers are kept, so that one that comes twice is done once."""
_NAME = re.compile(r"[a-z][a-z-]{0,31}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and where it goes."""

    name: str
    """Of the request."""
    asked_topic: str | None
    """MQTT 5 response topic of the request."""
    correlation: bytes | None
    response: Response
    audit: Audit | None
    """For the record of the stay; None for an answer that was given before."""


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Commands:
    """Knows every request that was asked lately, and what was answered.

    Args:
        stamp: Fills the envelopes of the responses.
        utc_now: The wall clock, for the expiry of requests.
    """

    def __init__(self, stamp: Stamp, utc_now: Callable[[], datetime] = _utc_now) -> None:
        self._stamp = stamp
        self._utc_now = utc_now
        self._asked: OrderedDict[tuple[str, str], Received] = OrderedDict()
        self._answers: OrderedDict[tuple[str, str], Response] = OrderedDict()

    def receive(self, name: str, event: Received) -> Request | Answer | None:
        """Read a request.

        Args:
            name: From its topic.
            event: As it came in.

        Returns:
            The request, to be carried out; an answer, if there is nothing to carry out; None if it has no topic that
            an answer could have.
        """
        if not _NAME.fullmatch(name):
            logger.warning("a request on %r was ignored", event.topic)
            return None
        model = REQUESTS.get(name)
        if model is None or event.retained:
            reason, detail = RefusalReason.UNKNOWN_REQUEST, f"there is no such request; known: {', '.join(REQUESTS)}"
            if event.retained:
                reason = RefusalReason.NOT_ALLOWED
                detail = "a request must not be retained: it would be carried out again after each start"
            return self.refuse(name, event, reason, detail)
        try:
            request = model.parse(event.payload)
        except ValidationError as error:
            return self.refuse(name, event, RefusalReason.MALFORMED, mistakes(error))
        key = (name, request.id)
        if key in self._answers:
            again = self._answers[key]
            return Answer(name, event.response_topic, event.correlation, again, None)
        _remember(self._asked, key, event)
        if request.expires <= self._utc_now():
            refusal = Refusal(RefusalReason.EXPIRED, "the request had expired; ask again, and check both clocks")
            return self.answer(Outcome(name, request, "refused", refusal))
        logger.info("request %s by %s", name, request.who)
        return request

    def answer(self, made: Outcome, bundle: str | None = None, checks: tuple[CheckPart, ...] | None = None) -> Answer:
        """Word the answer to a request that was carried out or refused."""
        key = (made.name, made.request.id)
        response = self._response(
            made.name, made.request.id, made.outcome, made.refusal, made.detail, bundle=bundle, checks=checks
        )
        if bundle is not None:
            # Up to 8 MB each: only the newest is held, an older one is sealed again when it is asked for again.
            for held in [name for name, answer in self._answers.items() if answer.bundle is not None]:
                del self._answers[held]
        _remember(self._answers, key, response)
        event = self._asked.get(key)
        line = audit(made, self._stamp.wall())
        if event is None:
            return Answer(made.name, None, None, response, line)
        return Answer(made.name, event.response_topic, event.correlation, response, line)

    def refuse(self, name: str, event: Received, reason: RefusalReason, detail: str) -> Answer:
        """Word the refusal of what could not be read, or of `vitals`, of which nothing is said when they are taken."""
        logger.warning("%s refused: %s", event.topic, detail)
        response = self._response(name, None, "refused", Refusal(reason, detail))
        audit = Audit(self._utc_now().timestamp(), name, None, None, "refused", reason.value, detail)
        return Answer(name, event.response_topic, event.correlation, response, audit)

    def _response(
        self,
        name: str,
        request_id: str | None,
        outcome: str,
        refusal: Refusal | None,
        detail: str = "",
        **more: str | tuple[CheckPart, ...] | None,
    ) -> Response:
        return Response.model_validate(
            {
                **self._stamp.envelope(f"response/{name}"),
                "request": name,
                "request_id": request_id,
                "outcome": outcome,
                "reason": refusal and refusal.reason,
                "detail": refusal.detail if refusal else detail,
                **more,
            }
        )


def _remember(kept: OrderedDict[tuple[str, str], _V], key: tuple[str, str], value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
