"""The device about itself: `state` and `health`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from npng_edge.publish.messages.envelope import Envelope
from npng_edge.units import CameraFault
from npng_edge.wire import Count, Part, Seconds, Timestamp


class State(Envelope):
    """Whether the device is there. Retained; `offline` is the last will."""

    schema_: Literal["npng/state/1"] = Field(default="npng/state/1", alias="schema")
    """Name and version of the message."""
    value: Literal["online", "stopped", "offline"]
    """`stopped`: in good order. `offline`: the connection was lost; `time` is then when it was made, not lost."""
    since: Timestamp
    """When this run of the software started."""
    software: str
    """Version."""
    models: dict[str, str]
    """SHA-256 of each model in use, by name."""
    patient: str | None
    """Pseudonym of the assigned patient; null: none, and nothing is scored."""


class Spread(Part):
    """How a duration spreads over the last period, milliseconds."""

    p50: Annotated[float, Field(ge=0)]
    """Median."""
    p95: Annotated[float, Field(ge=0)]
    """95 of 100 are below."""


class OutboxHealth(Part):
    """What waits to be delivered."""

    depth: Count
    """Messages."""
    oldest_s: Seconds | None
    """Age of the oldest one, seconds; null: nothing waits."""
    bytes: Count
    """Size."""
    thinned: Count
    """Scores dropped for want of space since the start."""
    alarms: Count | None = None
    """Alarms among the messages: without a station's receipt. Null: the bed is too old to say."""
    alarms_lost: Count | None = None
    """Alarms dropped since the start, which happens in memory only, while the disk fails. Null as above."""


class CameraHealth(Part):
    """State of the picture source."""

    source: str
    """As configured, without credentials."""
    fault: CameraFault | None
    """Null while good frames arrive."""
    detail: str
    """What happened and what to do; empty without a fault."""
    reopened: Count
    """How often it was opened again since the start."""


class SelfCheck(Part):
    """Proof that the alarm system goes round; a count that stands still is a dead device."""

    count: Count
    """Checks since the start."""
    time: Timestamp
    """Of the last one."""


class Health(Envelope):
    """How well the device works. Retained, expiring."""

    schema_: Literal["npng/health/1"] = Field(default="npng/health/1", alias="schema")
    """Name and version of the message."""
    capture_fps: Seconds | None
    """Frames per second from the source; null: not known."""
    inference_fps: Seconds | None
    """Frames per second read; null: not known."""
    dropped_frames: Count
    """Frames that came and were not read, since the start."""
    dropped_events: Count
    """Events inside the device that found a full inbox, since the start."""
    latency_ms: dict[str, Spread]
    """By stage, e.g. `detect`, `align`, and `frame-to-message`: age of the frame when its score is published."""
    temperature_c: float | None
    """Of the processor, degrees Celsius; null: no sensor."""
    disk_free_mb: Seconds | None
    """Free space where the outbox is, MB; null: not known."""
    memory_mb: Seconds | None
    """Resident memory of the process, MB; null: not known."""
    outbox: OutboxHealth
    """What waits to be delivered."""
    camera: CameraHealth
    """State of the picture source."""
    alarms_present: tuple[str, ...]
    """Names of the alarm conditions now present; to be compared with `alarms`."""
    self_check: SelfCheck
    """Proof of life of the alarm system."""
    receipt_age_s: Seconds | None = None
    """Time since a station's last receipt, seconds; null: none on this connection."""
    certificate_ends: Timestamp | None = None
    """When the device's own certificate ends; null: it has none, or it was not used yet."""
