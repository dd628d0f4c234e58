"""What faults of the network did: how soon a bed noticed a silence, and how soon what had waited was there. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from proof.report import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proof.checker import Heard
    from proof.faults.network_kinds import Kind
    from proof.report import Figure

NOTICED_S = 15.0
"""So soon a bed must say that nobody hears it."""
SILENCES = ("broker", "station-not-listening")


@dataclass(frozen=True, slots=True)
class Fault:
    """One that happened; times in seconds since 1970."""

    kind: Kind
    beds: tuple[str, ...]
    """Those that were cut off by it."""
    begin: float
    end: float
    arrived: Mapping[str, tuple[float, float]] | None
    """bed -> when the first and the last alarm that had waited were at the station; without the beds of which none had.
    None: they did not all arrive."""


@dataclass(frozen=True, slots=True)
class Silence:
    """One bed in one fault that was long enough to be noticed."""

    bed: str
    kind: str
    """Of the fault."""
    seconds: float | None
    """From its begin to the bed's alarm; None: there was none before its end."""

    @property
    def in_time(self) -> bool:
        """Whether the bed said so soon enough."""
        return self.seconds is not None and self.seconds <= NOTICED_S


def silences(faults: Iterable[Fault], heard: Iterable[Heard]) -> list[Silence]:
    """How soon each bed that a long silence hit said so."""
    said: dict[str, list[float]] = {}
    for one in heard:
        body = json.loads(one.payload)
        if body["change"] == "raised" and body["alarm"]["condition"] in SILENCES:
            at = datetime.fromisoformat(body["at"].replace("Z", "+00:00")).timestamp()
            said.setdefault(one.bed, []).append(at)
    found = []
    for fault in faults:
        for bed in fault.beds if fault.kind.silent else ():
            times = [at - fault.begin for at in said.get(bed, ()) if fault.begin < at < fault.end]
            found.append(Silence(bed, fault.kind.name, min(times, default=None)))
    return found


def after_repair(faults: Iterable[Fault], connected: Mapping[str, Sequence[float]]) -> list[tuple[float, float]]:
    """Seconds until the first and the last alarm that had waited was at the station, of each fault and bed.

    Args:
        faults: That happened.
        connected: bed -> when its connections began; counted is from the repair, or from the connection after it.
    """
    times = []
    for fault in faults:
        for bed, (first, last) in (fault.arrived or {}).items():
            begin = max([fault.end, *(at for at in connected[bed] if at < first)])
            times.append((first - begin, last - begin))
    return times


def defects(faults: Iterable[Fault], noticed: Iterable[Silence]) -> list[str]:
    """What went wrong, beside what the checker finds."""
    return [
        *(f"not all came of {fault.beds}: {fault.kind.name}" for fault in faults if fault.arrived is None),
        *(f"{one.bed} did not notice in time: {one.kind}, {one.seconds} s" for one in noticed if not one.in_time),
    ]


def figures(
    faults: Iterable[Fault], connected: Mapping[str, Sequence[float]], noticed: Sequence[Silence]
) -> dict[str, Figure]:
    """What is told beside what every family tells."""
    soon = [one.seconds for one in noticed if one.seconds is not None]
    waited = after_repair(faults, connected)
    return {
        "silences of 20 s, per bed": len(noticed),
        "... noticed by the bed within 15 s": sum(one.in_time for one in noticed),
        "silence to the bed's alarm, median / p99 / longest": _words(soon),
        "repair and connection to the first that had waited": _words([first for first, _ in waited]),
        "repair and connection to the last that had waited": _words([last for _, last in waited]),
    }


def _words(seconds: Sequence[float]) -> str | None:
    spread = Spread.of(seconds)
    return None if spread is None else f"{spread} ({spread.count:,})"
