"""Requests of staff about alarms, as they come in."""

from __future__ import annotations

from datetime import datetime, timezone

from npng_edge.requests import Acknowledge, Pause, Resume

_ASKED = {"who": "Nurse Kim", "expires": datetime(2030, 1, 1, tzinfo=timezone.utc)}


def acknowledge(alarm_id: str) -> Acknowledge:
    return Acknowledge(id="a", alarm_id=alarm_id, **_ASKED)


def pause(*conditions: str, seconds: float) -> Pause:
    return Pause(id="p", conditions=conditions, seconds=seconds, **_ASKED)


def resume(*conditions: str) -> Resume:
    return Resume(id="r", conditions=conditions, **_ASKED)
