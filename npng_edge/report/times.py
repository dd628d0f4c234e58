"""Moments and durations as people read them, on the clock of the ward."""

from __future__ import annotations

from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo


def local(utc: float, zone: tzinfo) -> datetime:
    """The moment on the ward's clock."""
    return datetime.fromtimestamp(utc, zone)


def at(utc: float, zone: tzinfo) -> str:
    """`Tue 14:32`."""
    return f"{local(utc, zone):%a %H:%M}"


def date_at(utc: float, zone: tzinfo) -> str:
    """`14 Nov 2023, 14:32`."""
    moment = local(utc, zone)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def day(utc: float, zone: tzinfo) -> str:
    """`Tue 14 Nov`."""
    moment = local(utc, zone)
    return f"{moment:%a} {moment.day} {moment:%b}"


def span(seconds: float) -> str:
    """A duration: `12 s`, `2 min 10 s`, `3 h 20 min`, `2 days 4 h`."""
    whole = round(seconds)
    parts = [(whole // 86_400, "days"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    shown = [(count, unit) for count, unit in parts[first : first + 2] if count or first == 3]
    return " ".join(f"{count} {'day' if unit == 'days' and count == 1 else unit}" for count, unit in shown)


def midnights(begin_utc: float, end_utc: float, zone: tzinfo) -> Iterator[float]:
    """The midnight at or before the begin, and all that follow up to the end."""
    date = local(begin_utc, zone).date()
    while (moment := datetime.combine(date, clock_time.min, tzinfo=zone).timestamp()) <= end_utc:
        yield moment
        date += timedelta(days=1)


def offset_s(utc: float, zone: tzinfo) -> float:
    """Of the ward's clock from UTC at a moment, seconds."""
    offset = local(utc, zone).utcoffset()
    return offset.total_seconds() if offset else 0.0
