"""Judges what the device decided against what the station received. Pure: rows in, a verdict out.

The rules:

* every alarm that the outbox had on its disk was received (`lost`);
* nothing was received that no bed decided (`invented`), nor with another content (`altered`);
* after de-duplication by id, each alarm is there once (`repeated`);
* per bed and run, first arrivals come in the order of `sequence` (`late`);
* per bed and run, `sequence` has no gap up to the last alarm that was kept (`gaps`);
* the retained level equals what replaying the edges gives (`disagreeing`).
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from proof.ledger import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proof.ledger import Decided

COMPARED = ("condition", "priority", "presence", "activation", "by", "reminders", "cause")
"""What must agree between level and edges. Times are left out: a clock that is set moves them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One alarm as the station stored it: a row of its journal."""

    place: int
    """Order of first arrivals."""
    id: str
    bed: str
    run: str
    sequence: int
    at: float
    """When it was stored, seconds since 1970 UTC."""
    times: int
    """How often it came."""
    payload: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. Each rule's field names those that broke it; empty is good."""

    kept: int
    """Alarms that had to arrive."""
    heard: int
    """Alarms that did, those included that were sent but killed before the outbox could say that it has them."""
    duplicates: int
    """Copies on the wire that the station dropped: allowed."""
    lost: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    """Arrived for the first time after a younger one of the same run."""
    gaps: tuple[str, ...] = ()
    """run/sequence."""
    disagreeing: tuple[str, ...] = ()
    """Beds."""

    @property
    def broken(self) -> dict[str, tuple[str, ...]]:
        """Who broke which rule: rule -> names, for the rules that were broken."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: who for name, who in found.items() if isinstance(who, tuple) and who}


def check(
    decided: Sequence[Decided],
    heard: Sequence[Heard],
    levels: Mapping[str, bytes | None] | None = None,
    *,
    due: float = math.inf,
) -> Verdict:
    """Compare.

    Args:
        decided: Of all beds; per bed in the order of the decisions.
        heard: The station's journal, in any order.
        levels: bed -> its retained `alarms` message at the end; None: the broker has none. Without this argument the
            levels are not judged.
        due: What was decided after this time, seconds since 1970 UTC, may still be on its way.
    """
    owed = [one for one in decided if one.kept and one.at <= due]
    known = {one.id: one for one in decided}
    arrived = {one.id: one for one in heard}
    rows = Counter(one.id for one in heard)
    return Verdict(
        kept=sum(one.kept for one in decided),
        heard=len(arrived),
        duplicates=sum(one.times - 1 for one in heard),
        lost=tuple(one.id for one in owed if one.id not in arrived),
        invented=tuple(id_ for id_ in arrived if id_ not in known),
        altered=tuple(id_ for id_, one in arrived.items() if id_ in known and not _same(known[id_], one)),
        repeated=tuple(id_ for id_, count in rows.items() if count > 1),
        late=_late(heard),
        gaps=_gaps(owed, heard),
        disagreeing=() if levels is None else _disagreeing(decided, arrived, levels),
    )


def _same(decided: Decided, heard: Heard) -> bool:
    return (decided.bed, decided.run, decided.sequence, decided.digest) == (
        heard.bed,
        heard.run,
        heard.sequence,
        digest(heard.payload),
    )


def _late(heard: Iterable[Heard]) -> tuple[str, ...]:
    newest: defaultdict[tuple[str, str], int] = defaultdict(int)
    late = []
    for one in sorted(heard, key=lambda one: one.place):
        run = one.bed, one.run
        if one.sequence < newest[run]:
            late.append(one.id)
        newest[run] = max(newest[run], one.sequence)
    return tuple(late)


def _gaps(owed: Iterable[Decided], heard: Iterable[Heard]) -> tuple[str, ...]:
    last: defaultdict[str, int] = defaultdict(int)
    for one in owed:
        last[one.run] = max(last[one.run], one.sequence)
    there = {(one.run, one.sequence) for one in heard}
    return tuple(
        f"{run}/{number}" for run, end in last.items() for number in range(1, end + 1) if (run, number) not in there
    )


def _disagreeing(
    decided: Iterable[Decided], arrived: Mapping[str, Heard], levels: Mapping[str, bytes | None]
) -> tuple[str, ...]:
    edges: dict[str, list[bytes]] = {bed: [] for bed in levels}
    for one in decided:
        if one.id in arrived and one.bed in edges:
            edges[one.bed].append(arrived[one.id].payload)
    return tuple(bed for bed, level in levels.items() if level is None or replay(edges[bed]) != shown(level))


def replay(edges: Iterable[bytes]) -> dict[str, dict[str, Any]]:
    """The level that `alarm` messages lead to, in this order: alarm_id -> what is compared of it."""
    present: dict[str, dict[str, Any]] = {}
    for payload in edges:
        body = json.loads(payload)
        if body["phase"] == "end":
            present.pop(body["alarm"]["alarm_id"], None)
        else:
            present[body["alarm"]["alarm_id"]] = _compared(body["alarm"])
    return present


def shown(level: bytes) -> dict[str, dict[str, Any]]:
    """What an `alarms` message says: alarm_id -> what is compared of it."""
    return {alarm["alarm_id"]: _compared(alarm) for alarm in json.loads(level)["present"]}


def _compared(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {name: alarm[name] for name in COMPARED}
