"""What the station may ask of the bed. So far: capture this patient's baseline, or forget it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import ValidationError

from npng_edge.policy import monitor
from npng_edge.publish.messages import BaselineAction, BaselineRequest, BaselineResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.policy.baseline import CaptureResult
    from npng_edge.publish.events import Received
    from npng_edge.publish.stamp import Stamp

    Outcome: TypeAlias = Literal["started", "captured", "forgotten", "refused"]
    Refusal: TypeAlias = Literal["malformed", "expired", "busy", "no-face", "not-quiet"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and where it goes."""

    name: str
    """Of the request."""
    asked_topic: str | None
    correlation: bytes | None
    response: BaselineResponse


@dataclass(frozen=True, slots=True)
class _Pending:
    request_id: str
    event: Received


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Commands:
    """Carries out requests; at most one capture is under way at a time.

    Args:
        stamp: Fills the envelopes of the responses.
        utc_now: The wall clock, for the expiry of requests.
    """

    def __init__(self, stamp: Stamp, utc_now: Callable[[], datetime] = _utc_now) -> None:
        self._stamp = stamp
        self._utc_now = utc_now
        self._pending: _Pending | None = None

    def take(self, name: str, event: Received, state: monitor.State, now: float) -> tuple[monitor.State, Answer | None]:
        """Carry out one request.

        Args:
            name: Of the request, from its topic.
            event: As it came in.
            state: Of the policy.
            now: Monotonic seconds.

        Returns:
            The policy's state afterwards, and the answer; None to a request whose name is not known.
        """
        if name != "baseline":
            logger.warning("request/%s is not known and was ignored", name)
            return state, None
        try:
            request = BaselineRequest.parse(event.payload)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            detail = f"{'.'.join(map(str, first['loc'])) or 'request'}: {first['msg']}"
            return state, self._answer(event, None, "refused", "malformed", detail)
        logger.info("request baseline %s by %s", request.action.value, request.who)
        if request.expires <= self._utc_now():
            return state, self._answer(event, request.id, "refused", "expired", "ask again")
        if request.action is BaselineAction.FORGET:
            self._pending = None
            return monitor.forget_baseline(state), self._answer(event, request.id, "forgotten", None, "")
        if self._pending is not None and self._pending.request_id != request.id:
            return state, self._answer(event, request.id, "refused", "busy", "a capture is under way")
        if self._pending is None:
            state = monitor.begin_capture(state, now)
        self._pending = _Pending(request.id, event)
        return state, self._answer(event, request.id, "started", None, "")

    def finish(self, result: CaptureResult) -> Answer | None:
        """The answer to the capture under way; None when nobody waits for it."""
        if self._pending is None:
            return None
        pending, self._pending = self._pending, None
        outcome: Outcome = "refused" if result.refusal else "captured"
        return self._answer(pending.event, pending.request_id, outcome, result.refusal, result.detail)

    def _answer(
        self, event: Received, request_id: str | None, outcome: Outcome, reason: Refusal | None, detail: str
    ) -> Answer:
        response = BaselineResponse(
            **self._stamp.envelope("response/baseline"),
            request_id=request_id,
            outcome=outcome,
            reason=reason,
            detail=detail,
        )
        return Answer("baseline", event.response_topic, event.correlation, response)
