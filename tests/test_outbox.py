from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from npng_edge.record import outbox as outbox_module
from npng_edge.record import tables
from npng_edge.record.outbox import Outbox, Outgoing
from npng_edge.record.store import FILE_NAME, RETRY_S, TOLD_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 2**20


class Clock:
    """Time that the test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_outbox(folder: Path, clock: Clock | None = None, *, boot_id: str = "boot", max_bytes: int = MIB) -> Outbox:
    clock = clock or Clock()
    return Outbox(folder, boot_id=boot_id, max_bytes=max_bytes, monotonic=clock, wall=clock)


def alarm(number: int, topic: str = "bed/alarm") -> Outgoing:
    return Outgoing(f"alarm-{number}", "alarm", topic, b'{"n":%d}' % number)


def score(number: int, size: int = 100) -> Outgoing:
    return Outgoing(f"score-{number}", "score", "bed/pain", b"x" * size)


def ids(outbox: Outbox, limit: int = 1000) -> list[str]:
    found, place = [], 0
    while (row := outbox.next_alarm("bed/alarm", place)) is not None:
        place = row[0]
        found.append(row[1].id)
    return (found + [message.id for message in outbox.others("bed/alarm", limit)])[:limit]


def mount(folder: Path, options: str) -> None:
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    result = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if result.returncode != 0:
        pytest.skip(f"tmpfs cannot be mounted here: {result.stderr.decode().strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    mount(folder, "size=512k")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_alarms_come_before_scores_and_oldest_first(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit([score(1), alarm(1), score(2), alarm(2)])
    assert ids(outbox) == ["alarm-1", "alarm-2", "score-1", "score-2"]
    assert ids(outbox, limit=1) == ["alarm-1"]
    assert [m.id for m in outbox.others("bed/new/alarm", 9)] == ["alarm-1", "alarm-2", "score-1", "score-2"]
    assert [m.id for m in outbox.others("bed/new/alarm", 9, {"bed/alarm"})] == ["score-1", "score-2"]
    outbox.done(["alarm-1", "score-2", "never-heard-of"])
    assert ids(outbox) == ["alarm-2", "score-1"]
    outbox.close()


def test_a_topic_held_back_costs_no_more_when_the_table_is_full_of_it(tmp_path: Path) -> None:
    steps = []
    for many in (100, 3_000):
        db = tables.create(str(tmp_path / f"{many}.sqlite3"))
        rows = [(f"pain-{number}", "score", "bed/pain", b"", 0.0, 0.0, "boot") for number in range(many)]
        tables.insert(db, [*rows, ("fusion", "score", "bed/fusion", b"", 0.0, 0.0, "boot")])
        taken = itertools.count()
        db.set_progress_handler(lambda taken=taken: next(taken) < 0, 1)
        assert [row[1] for row in tables.others(db, {"bed/pain", "bed/alarm"}, 10)] == ["fusion"]
        assert tables.next_alarm(db, "bed/alarm", 0) is None
        steps.append(next(taken))
        db.close()
    assert steps[1] == pytest.approx(steps[0], rel=0.1)


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    first = open_outbox(tmp_path)
    first.commit([alarm(1)], present={"a": b"on", "b": b"on"})
    first.commit([score(1)])
    first.commit([alarm(2)], present={"b": b"on"})
    first.close()
    second = open_outbox(tmp_path)
    assert ids(second) == ["alarm-1", "alarm-2", "score-1"]
    assert second.present() == {"b": b"on"}
    assert second.next_alarm("bed/alarm") == (1, alarm(1))
    second.close()


def test_survives_kill_9_in_the_middle_of_writing(tmp_path: Path) -> None:
    """Whatever the process said was committed is there, and the level fits the transitions."""
    program = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from npng_edge.record.outbox import Outbox, Outgoing\n"
        f"outbox = Outbox(Path({str(tmp_path)!r}), boot_id='b', max_bytes=10**7)\n"
        "for n in itertools.count(1):\n"
        "    outbox.commit([Outgoing(f'alarm-{n}', 'alarm', 't', b'x')], present={str(n): b'on'})\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.kill()
        said += process.stdout.readlines()
    last = int([line for line in said if line.endswith("\n")][-1])
    outbox = open_outbox(tmp_path)
    kept = ids(outbox)
    assert outbox.fault is None
    assert len(kept) in (last, last + 1)  # The last commit may not have been reported any more.
    assert kept == [f"alarm-{n}" for n in range(1, len(kept) + 1)]
    assert outbox.present() == {str(len(kept)): b"on"}
    outbox.close()


def test_the_same_id_is_stored_once(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit([alarm(1), alarm(1)])
    outbox.commit([alarm(1)])
    assert ids(outbox) == ["alarm-1"]
    assert outbox.status().depth == 1
    outbox.close()


def test_status_counts_and_ages(tmp_path: Path, clock: Clock) -> None:
    outbox = open_outbox(tmp_path, clock)
    assert outbox.status().oldest_s is None
    outbox.commit([score(1, size=70)])
    clock.now += 5
    outbox.commit([alarm(1)])
    clock.now += 2
    status = outbox.status()
    assert (status.depth, status.alarms, status.bytes, status.oldest_s) == (2, 1, 70 + len(alarm(1).payload), 7)
    outbox.close()
    clock.now -= 100  # Another boot, and the clock was set back: an age is never negative.
    again = open_outbox(tmp_path, clock, boot_id="other")
    assert again.status().oldest_s == 0
    again.close()


def test_scores_are_thinned_oldest_first_and_alarms_never(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_bytes=50_000)
    outbox.commit([alarm(n) for n in range(1000)])
    for n in range(1000):
        outbox.commit([score(n)])
    kept = ids(outbox, limit=5000)
    alarms, scores = kept[:1000], kept[1000:]
    assert alarms == [f"alarm-{n}" for n in range(1000)]
    assert scores == [f"score-{n}" for n in range(1000 - len(scores), 1000)]
    status = outbox.status()
    assert len(scores) > 200
    assert status.bytes <= 50_000
    assert (status.thinned, status.alarms_lost) == (1000 - len(scores), 0)
    outbox.close()


@pytest.mark.parametrize("damage", ["garbage", "header", "page"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit([alarm(n) for n in range(300)], present={"a": b"on"})
    outbox.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    if damage == "garbage":
        content = bytearray(os.urandom(len(content)))
    elif damage == "header":
        content[:16] = b"SQLite format 9\0"
    else:
        content[-4096:] = os.urandom(4096)
    file.write_bytes(content)

    again = open_outbox(tmp_path)
    assert again.fault is None
    assert again.set_aside is not None
    assert again.set_aside.read_bytes() == content
    if damage == "page":  # Most of the table can still be read, in order.
        assert len(ids(again)) > 50
        assert ids(again) == [f"alarm-{n}" for n in range(len(ids(again)))]
    again.commit([alarm(1000)])
    assert ids(again)[-1] == "alarm-1000"
    again.close()


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced", "no folder can be made"])
def test_a_file_that_vanishes_while_in_use_is_made_anew_with_everything(tmp_path: Path, clock: Clock, how: str) -> None:
    folder = tmp_path / "a" / "state"
    outbox = open_outbox(folder, clock)
    outbox.commit([alarm(1), score(1)], present={"one": b"{}"})
    outbox.tend()
    assert outbox.vanished is None
    if how == "deleted":
        for file in folder.iterdir():
            file.unlink()
    else:
        folder.parent.rename(tmp_path / "moved")
    if how == "replaced":
        other = open_outbox(folder)
        other.commit([alarm(5)])
        other.close()
    elif how == "no folder can be made":
        folder.parent.write_text("in the way")
    outbox.commit([alarm(2)])
    outbox.tend()
    if how == "no folder can be made":
        assert "folder cannot be made" in str(outbox.fault) or "moved away" in str(outbox.fault)
        folder.parent.unlink()
        clock.now += RETRY_S
        outbox.tend()
    else:
        assert "deleted or moved away while in use" in str(outbox.vanished)
    assert outbox.fault is None
    outbox.commit([alarm(3)])
    clock.now += TOLD_S
    assert outbox.vanished is None
    outbox.close()
    again = open_outbox(folder, clock, boot_id="next")
    expected = ["alarm-1", "alarm-2", "alarm-3"]
    assert sorted(id_ for id_ in ids(again) if id_ in expected) == expected
    assert again.present() == {"one": b"{}"}
    again.close()


def test_only_a_few_damaged_files_are_kept(tmp_path: Path, clock: Clock) -> None:
    for _ in range(6):
        (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 500)
        open_outbox(tmp_path, clock).close()
        clock.now += 1
    assert len(list(tmp_path.glob("*.damaged-*"))) == 3


def test_goes_on_in_memory_without_a_folder_and_returns_to_the_disk(tmp_path: Path, clock: Clock) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where the folder should be")
    outbox = open_outbox(blocked, clock)
    assert outbox.fault is not None
    assert str(blocked) in outbox.fault
    assert "storage.directory" in outbox.fault
    outbox.commit([alarm(1), score(1), alarm(2)], present={"a": b"on"})
    outbox.done(["alarm-1"])
    outbox.tend()
    assert outbox.fault is not None  # Not yet time.
    blocked.unlink()
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is None
    outbox.close()
    again = open_outbox(blocked, clock)
    assert ids(again) == ["alarm-2", "score-1"]
    assert again.present() == {"a": b"on"}
    again.close()


def test_a_read_only_disk_gives_a_clear_fault_and_loses_nothing(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "readonly"
    mount(folder, "size=4m")
    try:
        first = open_outbox(folder, clock)
        first.commit([alarm(1)])
        first.close()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        outbox = open_outbox(folder, clock)
        assert outbox.fault is not None
        assert FILE_NAME in outbox.fault
        assert "writable" in outbox.fault
        outbox.commit([alarm(2)])
        assert ids(outbox) == ["alarm-2"]
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        clock.now += RETRY_S
        outbox.tend()
        assert outbox.fault is None
        assert ids(outbox) == ["alarm-1", "alarm-2"]
        outbox.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_gives_a_clear_fault_and_loses_nothing(small_disk: Path, clock: Clock) -> None:
    outbox = open_outbox(small_disk, clock)
    outbox.commit([alarm(1), alarm(2)], present={"a": b"on"})
    hog = small_disk / "hog"
    with pytest.raises(OSError, match="No space"):
        hog.write_bytes(b"x" * 2**20)
    number = 2
    while outbox.fault is None:
        number += 1
        outbox.commit([Outgoing(f"alarm-{number}", "alarm", "t", b"y" * 4000)], present={"b": b"on"})
    assert "full" in outbox.fault
    assert "Free some space" in outbox.fault
    everything = [f"alarm-{n}" for n in range(1, number + 1)]
    assert ids(outbox) == everything
    outbox.done(["alarm-1"])  # Delivered while the disk is full: must not come back from it.
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is not None
    assert ids(outbox) == everything[1:]
    hog.unlink()
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is None
    outbox.close()
    again = open_outbox(small_disk, clock)
    assert ids(again) == everything[1:]
    assert again.present() == {"b": b"on"}
    again.close()


def test_memory_is_bounded_while_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MEMORY_BYTES", 50_000)
    (tmp_path / "state").write_text("")
    outbox = open_outbox(tmp_path / "state", max_bytes=10 * MIB)
    outbox.commit([alarm(n) for n in range(100)] + [score(n) for n in range(1000)])
    assert outbox.status().bytes <= 50_000
    assert outbox.status().thinned > 0
    assert outbox.status().alarms == 100  # Scores go first.
    outbox.commit([Outgoing(f"big-{n}", "alarm", "t", b"z" * 1000) for n in range(100)])
    status = outbox.status()
    assert status.bytes <= 50_000
    assert status.depth == status.alarms
    assert status.alarms_lost == 200 - status.alarms
    outbox.close()


def test_a_second_process_on_the_same_folder_is_told_so(tmp_path: Path) -> None:
    first = open_outbox(tmp_path)
    first.commit([alarm(1)])
    second = open_outbox(tmp_path)
    assert second.fault is not None
    assert "Another process" in second.fault
    second.close()
    first.commit([alarm(2)])
    assert first.fault is None
    assert ids(first) == ["alarm-1", "alarm-2"]
    first.close()


def test_the_file_is_written_ahead_and_synchronised(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit([alarm(1)])
    assert outbox._store._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert outbox._store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    outbox.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert db.execute("SELECT id, kind, boot_id FROM outbox").fetchall() == [("alarm-1", "alarm", "boot")]
