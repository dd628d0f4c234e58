"""The faults of the disk: a shim under SQLite, small disks that fail, what is excused, and what a bed makes of it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge.record.outbox import Outbox
from proof.checker import Heard, Verdict
from proof.faults import disk, disk_kinds, disk_lane, mounts
from proof.faults.disk_judged import judge, owed
from proof.faults.disk_kinds import KINDS
from proof.faults.disk_lane import Found
from proof.faults.mounts import SmallDisk
from proof.faults.power import SECTOR, Note, after_power_cut, note, power_cut, unconfirmed
from proof.faults.vfs import Words
from proof.ledger import Decided, digest

if TYPE_CHECKING:
    from pathlib import Path

NO_DISK = mounts.why_not()
WRITES = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3000), st.integers(1, 255)), max_size=12)


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - faults need no secrets


def played(synced: bytes, writes: list[tuple[int, int, int]]) -> tuple[list[bytes], list[tuple[int, bytes, int]]]:
    """A file after each of these writes (offset, length, byte), and what each replaced."""
    states, replaced = [synced], []
    for offset, length, byte in writes:
        now = states[-1]
        longer = now.ljust(offset + length, b"\0")
        replaced.append((offset, longer[offset : offset + length], len(now)))
        states.append(longer[:offset] + bytes([byte]) * length + longer[offset + length :])
    return states, replaced


@given(st.binary(max_size=4000), WRITES, st.integers(0, 100), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_power_cut_leaves_of_each_sector_one_of_its_states(
    synced: bytes, writes: list[tuple[int, int, int]], seed: int, keep: float
) -> None:
    states, replaced = played(synced, writes)
    then = after_power_cut(states[-1], replaced, chance(seed), keep)
    if keep in (0.0, 1.0):
        assert then == states[0 if keep == 0.0 else -1]
    longest = max(map(len, states))
    assert len(then) in {len(state) for state in states}
    for at in range(0, len(then), SECTOR):
        end = min(at + SECTOR, len(then))
        assert then[at:end] in {state.ljust(longest, b"\0")[at:end] for state in states}


def test_what_a_sync_confirmed_is_safe_and_a_torn_note_is_passed_over() -> None:
    notes = [
        note(Note("a", (0, b"old", 3))),
        note(Note("b", (5, b"", 9))),
        note(Note("a", None)),
        note(Note("a", (7, b"x", 8))),
    ]
    assert unconfirmed(b"".join(notes)) == {"b": [(5, b"", 9)], "a": [(7, b"x", 8)]}
    assert unconfirmed(b"".join(notes)[:-1]) == {"b": [(5, b"", 9)]}


PROGRAM = """
import itertools, sys
from pathlib import Path
from proof.faults.vfs import install
folder = Path({folder!r})
install(folder / "state" / "outbox.sqlite3", folder / "words", folder / "undo")
from npng_edge.record import tables
from npng_edge.record.outbox import Outbox, Outgoing
create = tables.create
def careless(path):
    db = create(path)
    db.execute("PRAGMA synchronous={synchronous}")
    return db
tables.create = careless
outbox = Outbox(folder / "state", boot_id="b", max_bytes=10**7)
for n in itertools.count({first}):
    outbox.commit([Outgoing(f"alarm-{{n}}", "alarm", "t", b"x" * 500)], present={{str(n): b"on"}})
    print(n, outbox.fault or "", flush=True)
"""


class Writer:
    """A process that commits alarms through the shim until it is killed, again and again on the same disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = Words(folder / "words")
        self.undo = folder / "undo"
        self.undo.touch()
        self.said: list[int] = []
        """Committed, as the process said."""

    def live(self, commits: int, *, tear: int = 0, synchronous: str = "FULL") -> None:
        """One life; with `tear` it dies by itself, in the middle of a write."""
        first = self.said[-1] + 2 if self.said else 0  # The last commit may not have been told.
        program = PROGRAM.format(folder=str(self.folder), synchronous=synchronous, first=first)
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(commits)]
            if tear:
                self.words["tear"] = tear
            else:
                process.kill()
            lines += process.stdout.readlines()
        assert process.returncode == -9
        told = [line.split(maxsplit=1) for line in lines if line.endswith("\n")]
        assert not [fault for _, *fault in told if fault]
        self.said += [int(number) for number, *_ in told]

    def missing(self) -> set[str]:
        """Committed, and not there."""
        outbox = Outbox(self.folder / "state", boot_id="c", max_bytes=10**7)
        assert outbox.fault is None
        there, found = set(), outbox.next_alarm("t")
        while found is not None:
            there.add(found[1].id)
            found = outbox.next_alarm("t", found[0])
        outbox.close()
        return {f"alarm-{number}" for number in self.said} - there


def test_an_outbox_loses_nothing_in_power_cuts_of_an_honest_disk(tmp_path: Path) -> None:
    writer, random = Writer(tmp_path), chance(1)
    for number in range(4):
        writer.live(20, tear=number % 2 and random.randrange(1, 100))
        power_cut(writer.undo, random, random.choice([0.0, 0.5, 0.9]))
        assert writer.missing() == set()
    assert len(writer.said) >= 80
    assert writer.words["writes"] > 200


@pytest.mark.parametrize("defect", ["a disk that lies", "an outbox that does not wait for the disk"])
def test_a_power_cut_that_costs_something_is_seen(tmp_path: Path, defect: str) -> None:
    writer = Writer(tmp_path)
    writer.words["lie"] = defect == "a disk that lies"
    writer.live(20, synchronous="OFF" if writer.words["lie"] == 0 else "FULL")
    assert power_cut(writer.undo, chance(1), 0.0) > 0
    assert writer.missing() == {f"alarm-{number}" for number in writer.said}


@pytest.mark.skipif(NO_DISK is not None, reason=str(NO_DISK))
@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_small_disks_fail_and_are_well_again(tmp_path: Path, kind: str) -> None:
    made = SmallDisk(tmp_path, "tmpfs" if kind == "tmpfs" else "ext4")
    file = made.folder / "file"
    try:
        file.write_bytes(b"before")
        made.fill()
        with pytest.raises(OSError, match="No space"):
            (made.folder / "more").write_bytes(bytes(20_000))
        made.free()
        (made.folder / "more").write_bytes(bytes(20_000))
        made.read_only()
        with pytest.raises(OSError, match="Read-only"):
            file.write_bytes(b"x")
        made.writable()
        with made.away(), pytest.raises(FileNotFoundError):
            file.read_bytes()
        assert file.read_bytes() == b"before"
        if kind == "ext4":
            for spoil, words in ((made.abort, "Read-only"), (made.shut_down, "Input/output")):
                spoil()
                with pytest.raises(OSError, match=words):
                    file.write_bytes(b"x")
                made.again()
                file.write_bytes(b"after")
    finally:
        made.close()


@pytest.mark.skipif(NO_DISK is not None, reason=str(NO_DISK))
def test_nothing_is_lost_on_bad_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((disk, "PAUSE_S"), (disk_kinds, "BUSY_S"), (disk_lane, "MORE_S")):
        monkeypatch.setattr(module, name, (0.0, 0.3))
    names = ("full, then freed", "syncs fail for a while", "write torn by a power cut", "power cut of ext4")
    kinds = [kind for kind in KINDS if kind.name in names]
    asked = argparse.Namespace(beds=2, rate=5.0, seed=2, plant=None, count=len(kinds))
    with disk.disks(tmp_path / "trial", asked, retry_s=0.5) as ward:
        ward.trial.begin()
        found = ward.spoil(kinds, len(kinds))
        result = ward.judge(asked, found, (0.0, 0.0))
    assert sorted(one.name for one in found) == sorted(names)
    assert result.passed, result.figures
    assert result.figures["lost"] == 0
    assert int(str(result.figures["decided while the disk failed"])) > 0
    said = [one for one in found if one.must_say]
    assert [(one.said is not None, one.well is not None) for one in said] == [(True, True)] * 2


def decided(run: str, sequence: int, *, kept: bool) -> Decided:
    return Decided(f"{run}-{sequence}", "a/b/c", run, sequence, digest(b"{}"), float(sequence), kept)


def heard(one: Decided) -> Heard:
    return Heard(one.sequence, one.id, one.bed, one.run, one.sequence, one.at, 1, b"{}")


def test_what_the_disk_took_later_and_what_still_lives_is_owed() -> None:
    first = [decided("one", number, kept=number in (1, 4)) for number in range(1, 7)]
    second = [decided("two", number, kept=False) for number in range(1, 3)]
    assert [one.id for one in owed([*first, *second])] == ["one-1", "one-2", "one-3", "one-4", "two-1", "two-2"]
    assert owed([]) == []


def test_excuses_are_counted_apart_and_cover_nothing_else() -> None:
    all_decided = [decided("one", number, kept=number < 4) for number in range(1, 6)]
    all_decided += [decided("two", number, kept=True) for number in range(1, 4)]
    by_id = {one.id: one for one in all_decided}
    arrived = [heard(by_id[id_]) for id_ in ("one-1", "two-1", "two-3")]
    fault = Found("log damaged", "a/b/c", 0.0, at_stake=frozenset({"one-2"}), destroys=True)
    verdict = Verdict(kept=6, heard=3, duplicates=0, gaps=("one/2", "one/3", "two/2"), late=("two-1",))
    judged = judge({"a/b/c": all_decided}, arrived, {}, verdict, [fault])
    assert judged.lost == ("one-3", "two-2")
    assert judged.destroyed == {"one-2"}
    assert judged.died == {"one-4", "one-5"}
    assert judged.broken == {"gaps": ("one/3", "two/2"), "late": ("two-1",)}
    assert not judged.passed


@pytest.mark.parametrize(
    ("found", "defects"),
    [
        (Found("full", "a", 0.0, said=1.0, repaired=2.0, well=3.0, must_say=True, must_end=True), 0),
        (Found("full", "a", 0.0, said=1.0, repaired=2.0, must_say=True, must_end=True), 1),
        (Found("full", "a", 0.0, repaired=2.0, must_say=True, must_end=True), 2),
        (Found("power cut", "a", 0.0), 0),
    ],
)
def test_a_bed_that_does_not_say_what_its_disk_does_is_found(found: Found, defects: int) -> None:
    judged = judge({}, [], {}, Verdict(kept=0, heard=0, duplicates=0), [found])
    assert len(judged.defects) == defects
    assert judged.passed is (defects == 0)
