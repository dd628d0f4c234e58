"""How long an alarm takes from its condition to the station's disk, on one machine's clock."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING

from proof.storm import CAUSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proof.checker import Heard
    from proof.ledger import Decisions


def told_at(payload: bytes) -> float | None:
    """When the condition that raised this alarm was told to the bed, seconds since 1970; None: no storm told it."""
    body = json.loads(payload)
    cause: str = body["alarm"]["cause"]
    if body["change"] != "raised" or not cause.startswith(CAUSE):
        return None
    return float(cause.removeprefix(CAUSE))


def healthy(heard: Iterable[Heard], begin: float, end: float) -> list[float]:
    """Seconds from condition to station, of the conditions between two times, seconds since 1970."""
    return [one.at - told for one in heard if (told := told_at(one.payload)) is not None and begin <= told <= end]


def after_reconnect(decisions: Iterable[Decisions], heard: Mapping[str, Heard]) -> list[float]:
    """Seconds from a bed's connection to the arrival of each alarm that had waited for it.

    Args:
        decisions: Of each bed.
        heard: By id.
    """
    waited = []
    for bed in decisions:
        begun = sorted(bed.connected)
        for one in bed.alarms:
            arrival = heard.get(one.id)
            if arrival is None:
                continue
            place = bisect_right(begun, arrival.at)
            if place and begun[place - 1] > one.at:
                waited.append(arrival.at - begun[place - 1])
    return waited
