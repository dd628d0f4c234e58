"""What faults of the disk did: what had to arrive, what may be gone with its disk, and what is. Pure.

Three kinds of alarms must be told apart:

* owed: the outbox had them on the disk; or the disk took something of the same run after them, and with it all that was
  kept in memory; or their run still lives. They must arrive;
* at stake: owed, but the fault destroyed something of the only file that had them;
* died with their bed: decided while the disk could not take them, and the bed was killed before it could.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proof.checker import replay, shown
from proof.report import Spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from proof.checker import Heard, Verdict
    from proof.faults.disk_lane import Found
    from proof.ledger import Decided
    from proof.report import Figure


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is left when the excuses are taken."""

    lost: tuple[str, ...]
    """Owed, not at stake, not arrived."""
    destroyed: frozenset[str]
    """At stake, not arrived."""
    died: frozenset[str]
    """Died with their bed, and did not arrive."""
    broken: Mapping[str, tuple[str, ...]]
    """The checker's other rules, without what the two above explain."""
    defects: tuple[str, ...]
    """What else went wrong."""

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return not (self.lost or self.broken or self.defects)


def owed(decided: Sequence[Decided]) -> list[Decided]:
    """What one bed must deliver.

    Args:
        decided: In the order of the decisions; the bed's last run lives.
    """
    last_kept = {one.run: number for number, one in enumerate(decided) if one.kept}
    alive = decided[-1].run if decided else None
    return [one for number, one in enumerate(decided) if one.run == alive or number <= last_kept.get(one.run, -1)]


def judge(
    beds: Mapping[str, Sequence[Decided]],
    heard: Sequence[Heard],
    levels: Mapping[str, bytes | None],
    verdict: Verdict,
    found: Sequence[Found],
) -> Judgement:
    """Tell apart what is lost and what is gone with its disk.

    Args:
        beds: bed -> what it decided, in order.
        heard: The station's journal.
        levels: As given to the checker.
        verdict: The checker's.
        found: The faults.
    """
    arrived = {one.id: one for one in heard}
    at_stake = frozenset[str]().union(*(one.at_stake for one in found))
    everything = {one.id: one for decided in beds.values() for one in decided}
    must = {one.id for decided in beds.values() for one in owed(decided)}
    missing = must - arrived.keys()
    destroyed = frozenset(missing & at_stake)
    died = everything.keys() - must - arrived.keys()
    explained = {f"{everything[id_].run}/{everything[id_].sequence}" for id_ in destroyed | died}
    broken = {
        "gaps": tuple(gap for gap in verdict.gaps if gap not in explained),
        "disagreeing": tuple(bed for bed in verdict.disagreeing if not _agrees(beds[bed], arrived, levels[bed])),
        **{rule: who for rule, who in verdict.broken.items() if rule not in ("lost", "gaps", "disagreeing")},
    }
    return Judgement(
        lost=tuple(sorted(missing - at_stake)),
        destroyed=destroyed,
        died=frozenset(died),
        broken={rule: who for rule, who in broken.items() if who},
        defects=tuple(defects(found)),
    )


def _agrees(decided: Sequence[Decided], arrived: Mapping[str, Heard], level: bytes | None) -> bool:
    """Whether level and edges agree, but for alarms of earlier runs: their ends may be gone with a disk."""
    if level is None:
        return False
    told = replay(arrived[one.id].payload for one in decided if one.id in arrived)
    now = shown(level)
    of_this_run = {id_: alarm for id_, alarm in told.items() if id_.startswith(decided[-1].run)}
    return all(told.get(id_) == alarm for id_, alarm in now.items()) and of_this_run.keys() <= now.keys()


def defects(found: Iterable[Found]) -> list[str]:
    """Beds that did not say that their disk fails, or that it is well again."""
    return [
        *(f"{one.bed}: no alarm `storage`: {one.name}" for one in found if one.must_say and one.said is None),
        *(f"{one.bed}: not well again: {one.name}" for one in found if one.must_end and one.well is None),
    ]


def figures(
    found: Sequence[Found], judged: Judgement, beds: Mapping[str, Sequence[Decided]], heard: Sequence[Heard]
) -> dict[str, Figure]:
    """What is told of the disk."""
    at = {one.id: one.at for one in heard}
    during = [
        (one.id in at and at[one.id] < fault.repaired)
        for fault in found
        if fault.said is not None and fault.repaired is not None
        for one in beds[fault.bed]
        if fault.said < one.at < fault.repaired
    ]
    destroying = Counter(one.name for one in found if one.destroys)
    destroyed: dict[str, Figure] = {}
    for name, count in sorted(destroying.items()):
        faults = [one for one in found if one.name == name]
        stake = frozenset[str]().union(*(one.at_stake for one in faults))
        aside = sum(one.set_aside for one in faults)
        destroyed[f"... {name} ({count})"] = (
            f"{len(stake)} at stake, {len(stake & judged.destroyed)} gone, {aside} files set aside"
        )
    return {
        "fault to the alarm `storage` at the station": _words(
            [one.said - one.begin for one in found if one.said is not None]
        ),
        "repair to its end at the station": _words(
            [one.well - one.repaired for one in found if one.well is not None and one.repaired is not None]
        ),
        "decided while the disk failed": len(during),
        "... at the station before it was repaired": sum(during),
        "died with their bed, while the disk could not take them": len(judged.died),
        "gone with a file that was destroyed": len(judged.destroyed),
        **destroyed,
        "other rules broken": ", ".join(f"{rule} {len(who)}" for rule, who in judged.broken.items()) or "none",
        "defects seen": len(judged.defects),
    }


def _words(seconds: Sequence[float]) -> str | None:
    spread = Spread.of(seconds)
    return None if spread is None else f"{spread} ({spread.count:,})"
