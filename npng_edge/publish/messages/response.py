"""How a request was answered: `response/{name}`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from npng_edge.publish.messages.envelope import Envelope
from npng_edge.requests import RefusalReason
from npng_edge.wire import Part


class CheckPart(Part):
    """One check of a self-test."""

    name: Literal["camera", "models", "reading", "storage", "broker", "station", "clock", "temperature", "local-alarm"]
    """What was checked."""
    passed: bool | None
    """Null: it could not be checked; `detail` says why."""
    detail: str
    """One sentence for people: what was found, and what to do if it failed."""


class Response(Envelope):
    """What became of a request. `started` is followed by `done` or `refused`."""

    schema_: Literal["npng/response/1"] = Field(default="npng/response/1", alias="schema")
    """Name and version of the message."""
    request: str
    """Name of the request, e.g. `baseline`."""
    request_id: str | None
    """Of the request; null: the request could not be read."""
    outcome: Literal["started", "done", "refused"]
    """What became of it."""
    reason: RefusalReason | None
    """Why it was refused; null otherwise."""
    detail: str
    """One sentence for people; may be empty."""
    bundle: str | None = None
    """Answer to `export`: the sealed profile and history, base64; null otherwise."""
    checks: tuple[CheckPart, ...] | None = None
    """Answer to `self-test`; null otherwise."""
