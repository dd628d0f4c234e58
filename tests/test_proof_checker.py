"""The checker of the proof: what is right passes, and each planted defect is found, whatever else is going on."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.record.outbox import Outgoing
from proof import ledger
from proof.checker import COMPARED, Heard, Verdict, check, replay
from proof.ledger import Decided, Ledger, digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEDS = ("f/u/one", "f/u/two")
NAMES = ("pain", "camera", "model")


@dataclass(frozen=True)
class World:
    """What a device decided and a station heard."""

    decided: list[Decided]
    heard: list[Heard]
    levels: dict[str, bytes | None]

    def verdict(self) -> Verdict:
        return check(self.decided, self.heard, self.levels)


def alarm(id_: str, bed: str, run: str, sequence: int, *, name: str, end: bool) -> bytes:
    part = {"alarm_id": f"{bed}-{name}", **dict.fromkeys(COMPARED, ""), "condition": name, "reminders": sequence}
    body = {"id": id_, "bed": bed, "boot_id": run, "sequence": sequence, "phase": "end" if end else "start"}
    return json.dumps({**body, "alarm": part}).encode()


def level(edges: list[bytes]) -> bytes:
    return json.dumps({"present": [{"alarm_id": id_, **rest} for id_, rest in replay(edges).items()]}).encode()


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two beds of one to three runs; each run ended anywhere, its last alarm perhaps never kept, perhaps sent."""
    decided: list[Decided] = []
    arrived: dict[str, list[Heard]] = {bed: [] for bed in BEDS}
    for bed in BEDS:
        for number in range(draw(st.integers(1, 3))):
            run = f"{bed}-run-{number}"
            count = draw(st.integers(3, 8))
            for sequence in range(1, count + 1):
                id_ = f"{run}-{sequence}"
                payload = alarm(id_, bed, run, sequence, name=draw(st.sampled_from(NAMES)), end=draw(st.booleans()))
                kept = sequence < count or draw(st.booleans())
                decided.append(Decided(id_, bed, run, sequence, digest(payload), 0.0, kept))
                if kept or draw(st.booleans()):
                    arrived[bed].append(Heard(0, id_, bed, run, sequence, 0.0, draw(st.integers(1, 3)), payload))
    levels: dict[str, bytes | None] = {bed: level([one.payload for one in heard]) for bed, heard in arrived.items()}
    turns = draw(st.permutations([bed for bed, heard in arrived.items() for _ in heard]))
    ways = {bed: iter(heard) for bed, heard in arrived.items()}
    return World(decided, [replace(next(ways[bed]), place=place) for place, bed in enumerate(turns, 1)], levels)


@given(worlds())
def test_what_arrived_in_order_and_as_decided_is_right_and_duplicates_on_the_wire_are_only_counted(
    world: World,
) -> None:
    verdict = world.verdict()
    assert verdict.broken == {}
    assert verdict.kept == sum(one.kept for one in world.decided)
    assert verdict.heard == len(world.heard)
    assert verdict.duplicates == sum(one.times for one in world.heard) - len(world.heard)


def lose(world: World, data: st.DataObject) -> tuple[World, str]:
    one = data.draw(st.sampled_from([one for one in world.decided if one.kept]))
    return replace(world, heard=[heard for heard in world.heard if heard.id != one.id]), one.id


def invent(world: World, data: st.DataObject) -> tuple[World, str]:
    one = data.draw(st.sampled_from(world.heard))
    return replace(world, heard=[*world.heard, replace(one, id="made up", place=10**6)]), "made up"


def alter(world: World, data: st.DataObject) -> tuple[World, str]:
    place = data.draw(st.integers(0, len(world.heard) - 1))
    one = world.heard[place]
    changes: list[dict[str, Any]] = [{"payload": one.payload + b" "}, {"bed": "f/u/other"}, {"sequence": 10**6}]
    changed = replace(one, **data.draw(st.sampled_from(changes)))
    return replace(world, heard=[*world.heard[:place], changed, *world.heard[place + 1 :]]), one.id


def store_twice(world: World, data: st.DataObject) -> tuple[World, str]:
    one = data.draw(st.sampled_from(world.heard))
    return replace(world, heard=[*world.heard, replace(one, place=10**6)]), one.id


def disorder(world: World, data: st.DataObject) -> tuple[World, str]:
    older = data.draw(st.sampled_from([one for one in world.heard if one.sequence == 1]))
    younger = data.draw(st.sampled_from([one for one in world.heard if one.run == older.run and one.sequence > 1]))
    swapped = {older.id: younger.place, younger.id: older.place}
    return replace(world, heard=[replace(one, place=swapped.get(one.id, one.place)) for one in world.heard]), older.id


def lose_before_the_outbox(world: World, data: st.DataObject) -> tuple[World, str]:
    """A number was given and the alarm was never handed over: nobody announced it, and nobody misses it but the gap."""
    places = [
        place
        for place, one in enumerate(world.decided[:-1])
        if one.kept and world.decided[place + 1].run == one.run and world.decided[place + 1].kept
    ]
    one = world.decided[data.draw(st.sampled_from(places))]
    kept = [heard for heard in world.heard if heard.id != one.id]
    return replace(
        world, decided=[each for each in world.decided if each != one], heard=kept
    ), f"{one.run}/{one.sequence}"


def show_another_level(world: World, data: st.DataObject) -> tuple[World, str]:
    bed = data.draw(st.sampled_from(BEDS))
    true = world.levels[bed]
    assert true is not None
    present = json.loads(true)["present"]
    another = {**dict.fromkeys(COMPARED, ""), "alarm_id": "another"}
    wrong: list[list[dict[str, Any]]] = [[*present, another]]
    if present:
        field = data.draw(st.sampled_from(COMPARED))
        wrong += [present[1:], [{**present[0], field: "other"}, *present[1:]]]
    told: list[bytes | None] = [None, *(json.dumps({"present": one}).encode() for one in wrong)]
    return replace(world, levels={**world.levels, bed: data.draw(st.sampled_from(told))}), bed


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("lost", lose),
        ("invented", invent),
        ("altered", alter),
        ("repeated", store_twice),
        ("late", disorder),
        ("gaps", lose_before_the_outbox),
        ("disagreeing", show_another_level),
    ],
)
@given(world=worlds(), data=st.data())
def test_a_planted_defect_is_always_found_and_named(
    rule: str, plant: Callable[[World, st.DataObject], tuple[World, str]], world: World, data: st.DataObject
) -> None:
    planted, who = plant(world, data)
    assert who in planted.verdict().broken[rule]


@given(world=worlds(), data=st.data())
def test_what_is_not_yet_due_may_be_on_its_way_and_is_not_invented_when_it_has_come(
    world: World, data: st.DataObject
) -> None:
    planted, _ = lose(world, data)
    late = [replace(one, at=2.0) for one in planted.decided]
    assert check(late, planted.heard, due=1.0).broken == {}
    assert check(late, planted.heard, due=2.0).broken.keys() == {"lost", "gaps"}


def test_the_ledger_survives_a_torn_line_and_knows_what_was_only_announced(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    messages = [
        Outgoing(f"a-{n}", "alarm", "topic", alarm(f"a-{n}", BEDS[0], "run", n, name="pain", end=False)) for n in (1, 2)
    ]
    first = Ledger(file)
    first.connected()
    first.intend(messages[:1])
    first.kept(messages[:1])
    with file.open("ab") as torn:
        torn.write(b'{"intent": [{"id": "never beg')
    second = Ledger(file)
    second.intend(messages[1:])
    found = ledger.read(file)
    assert [(one.id, one.bed, one.run, one.sequence, one.kept) for one in found.alarms] == [
        ("a-1", BEDS[0], "run", 1, True),
        ("a-2", BEDS[0], "run", 2, False),
    ]
    assert found.alarms[0].digest == digest(messages[0].payload)
    assert len(found.connected) == 1


def test_no_ledger_is_no_decision(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "none") == ledger.Decisions()
