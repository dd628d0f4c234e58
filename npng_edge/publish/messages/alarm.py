"""Alarms: the level `alarms`, which is the truth, and each change of it, `alarm`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from npng_edge.publish.messages.device import SelfCheck
from npng_edge.publish.messages.envelope import Envelope
from npng_edge.units import Activation, AlarmKind, Change, Phase, Presence, Priority
from npng_edge.wire import Count, Part, Timestamp


class AlarmPart(Part):
    """One alarm, as it is now."""

    alarm_id: str
    """The same for the whole life of this alarm; unique for ever."""
    condition: str
    """Name in the table of conditions, e.g. `pain`, `camera`, `no-face`."""
    kind: AlarmKind
    """Whose condition it is."""
    priority: Priority
    """How soon somebody must come."""
    presence: Presence
    """Of the signal."""
    activation: Activation
    """Whether the signal is paused."""
    until: Timestamp | None
    """When the acknowledgement or the pause ends; null: neither."""
    by: str | None
    """Who acknowledged or paused it; null: nobody."""
    reminders: Count
    """How often it was signalled again because it persisted."""
    since: Timestamp
    """When the condition became present."""
    cause: str
    """One short sentence: what was seen, with figures."""
    action: str
    """One sentence for the person who comes: what to do."""
    action_ko: str
    """The same in Korean."""


class Alarm(Envelope):
    """One change of one alarm; never expires, at least once, in order."""

    schema_: Literal["npng/alarm/1"] = Field(default="npng/alarm/1", alias="schema")
    """Name and version of the message."""
    phase: Phase
    """What the change does."""
    change: Change
    """What made it."""
    at: Timestamp
    """When the change happened; `time` is when the message was made."""
    alarm: AlarmPart
    """The alarm after the change."""


class Alarms(Envelope):
    """All alarms now present: the truth after any loss. Retained."""

    schema_: Literal["npng/alarms/1"] = Field(default="npng/alarms/1", alias="schema")
    """Name and version of the message."""
    present: tuple[AlarmPart, ...]
    """The most urgent first; empty: none."""
    paused: dict[str, Timestamp]
    """Until when each paused condition is not signalled, present or not."""
    self_check: SelfCheck
    """Proof of life of the alarm system."""
