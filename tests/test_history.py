from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npng_edge.record import history as history_module
from npng_edge.record import store as store_module
from npng_edge.record import tables
from npng_edge.record.history import KEEP, NO_STAY, Changes, Forgotten, HistoryRow, Keep, Kind, digest
from npng_edge.record.outbox import Outbox, Outgoing
from npng_edge.record.store import FILE_NAME, RETRY_S

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_outbox(folder: Path, clock: Clock | None = None) -> Outbox:
    clock = clock or Clock()
    return Outbox(folder, boot_id="boot", max_bytes=2**20, monotonic=clock, wall=clock)


def alarm_ids(outbox: Outbox) -> list[str]:
    found, place = [], 0
    while (row := outbox.next_alarm("t", place)) is not None:
        place = row[0]
        found.append(row[1].id)
    return found


def row(
    number: int, stay: str = "s1", kind: Kind = "episode", utc: float | None = None, body: bytes = b""
) -> HistoryRow:
    return HistoryRow(
        stay, kind, f"{kind}-{number}", float(number) if utc is None else utc, body or b"body %d" % number
    )


def note(forgotten: Forgotten) -> HistoryRow:
    return HistoryRow(NO_STAY, "audit", f"forgot-{forgotten.stay}", 1e9, forgotten.sha256.encode())


def break_disk(outbox: Outbox, folder: Path, *, readable: bool = True) -> None:
    """The next write fails (and every read, if so wished), and opening again fails too."""
    if readable:
        outbox._store._db.execute("PRAGMA query_only=ON")
    else:
        outbox._store._db.close()
    folder.rename(folder.with_name("gone"))
    folder.write_text("a file where the folder should be")


def mend_disk(folder: Path) -> None:
    folder.unlink()
    folder.with_name("gone").rename(folder)


def test_profile_rows_and_alarms_are_there_after_a_restart(tmp_path: Path) -> None:
    first = open_outbox(tmp_path)
    assert first.history.profile() is None
    first.commit(
        [Outgoing("a", "alarm", "t", b"x")],
        {"a": b"on"},
        Changes(profile=b"profile 1", rows=(row(1), row(2, kind="hour"), row(3, kind="audit"))),
    )
    first.commit(changes=Changes(rows=(row(4),)))  # Leaves the profile as it is.
    first.close()
    second = open_outbox(tmp_path)
    assert second.history.profile() == b"profile 1"
    assert second.present() == {"a": b"on"}
    assert second.history.stay_rows("s1") == [row(1), row(2, kind="hour"), row(3, kind="audit"), row(4)]
    assert second.history.row("s1", "hour", "hour-2") == row(2, kind="hour")
    assert second.history.row("s1", "hour", "hour-3") is None
    second.commit(changes=Changes(profile=None, ended=("s1", 9.0)))
    second.close()
    third = open_outbox(tmp_path)
    assert third.history.profile() is None
    [stay] = third.history.stays()
    assert (stay.stay, stay.rows, stay.last_utc, stay.ended_utc) == ("s1", 4, 4.0, 9.0)
    third.close()


def test_a_later_revision_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    outbox.commit(changes=Changes(rows=(row(1), row(2))))
    outbox.commit(changes=Changes(rows=(row(1, body=b"revised"), row(1, kind="audit"), row(1, stay="s2"))))
    assert outbox.history.stay_rows("s1") == [row(1, body=b"revised"), row(2), row(1, kind="audit")]
    assert outbox.history.stay_rows("s2") == [row(1, stay="s2")]
    outbox.close()


def test_alarm_and_profile_change_together_or_not_at_all_when_killed(tmp_path: Path) -> None:
    program = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from npng_edge.record.outbox import Outbox, Outgoing\n"
        "from npng_edge.record.history import Changes, HistoryRow\n"
        f"outbox = Outbox(Path({str(tmp_path)!r}), boot_id='b', max_bytes=10**7)\n"
        "for n in itertools.count(1):\n"
        "    rows = (HistoryRow('s', 'audit', str(n), float(n), b'x'),)\n"
        "    changes = Changes(profile=str(n).encode(), rows=rows)\n"
        "    outbox.commit([Outgoing(f'alarm-{n}', 'alarm', 't', b'x')], {str(n): b'on'}, changes)\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.kill()
        said += process.stdout.readlines()
    last = int([line for line in said if line.endswith("\n")][-1])
    outbox = open_outbox(tmp_path)
    kept = int(outbox.history.profile() or b"0")
    assert outbox.fault is None
    assert kept in (last, last + 1)
    assert outbox.present() == {str(kept): b"on"}
    assert len(alarm_ids(outbox)) == kept
    assert [one.id for one in outbox.history.stay_rows("s")] == [str(n) for n in range(1, kept + 1)]
    outbox.close()


def test_a_file_from_before_there_was_a_record_opens(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.executescript("""
            CREATE TABLE outbox (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
                topic TEXT NOT NULL, payload BLOB NOT NULL, created_utc REAL NOT NULL,
                created_monotonic REAL NOT NULL, boot_id TEXT NOT NULL);
            CREATE TABLE alarms_present (alarm_id TEXT PRIMARY KEY, body BLOB NOT NULL);
            CREATE TABLE totals (kind TEXT PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL);
            INSERT INTO totals VALUES ('alarm', 1, 1), ('score', 0, 0);
            INSERT INTO outbox VALUES (1, 'alarm-1', 'alarm', 't', x'78', 1.0, 1.0, 'old');
            INSERT INTO alarms_present VALUES ('a', x'79');
        """)
    outbox = open_outbox(tmp_path)
    assert outbox.fault is None
    assert outbox.set_aside is None
    assert alarm_ids(outbox) == ["alarm-1"]
    assert outbox.present() == {"a": b"y"}
    outbox.commit(changes=Changes(profile=b"p", rows=(row(1),)))
    assert outbox.history.profile() == b"p"
    assert outbox.status().depth == 1
    outbox.close()


@pytest.mark.parametrize("readable", [True, False])
def test_goes_on_in_memory_and_brings_everything_back(tmp_path: Path, clock: Clock, *, readable: bool) -> None:
    folder = tmp_path / "state"
    outbox = open_outbox(folder, clock)
    outbox.commit(changes=Changes(profile=b"before", rows=(row(1), row(2))))
    break_disk(outbox, folder, readable=readable)
    outbox.commit(changes=Changes(rows=(row(3),)))
    assert outbox.fault is not None
    assert outbox.history.profile() == (b"before" if readable else None)
    assert len(outbox.history.stay_rows("s1")) == (3 if readable else 1)
    outbox.commit(changes=Changes(profile=b"during", rows=(row(2, body=b"revised"), row(4)), ended=("s0", 5.0)))
    assert outbox.history.profile() == b"during"
    mend_disk(folder)
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is None
    outbox.close()
    again = open_outbox(folder, clock)
    assert again.history.profile() == b"during"
    assert {one.id: one.body for one in again.history.stay_rows("s1")}["episode-2"] == b"revised"
    assert {one.stay: one.ended_utc for one in again.history.stays()} == {"s0": 5.0, "s1": None}
    again.close()


@pytest.mark.parametrize(("written", "expected"), [(KEEP, b"on disk"), (b"new", b"new"), (None, None)])
def test_a_profile_that_memory_never_knew_is_still_on_the_disk(
    tmp_path: Path, clock: Clock, written: bytes | Keep | None, expected: bytes | None
) -> None:
    """The disk cannot be opened at the start: what is written meanwhile counts, and nothing else is lost."""
    folder = tmp_path / "state"
    first = open_outbox(folder, clock)
    first.commit(changes=Changes(profile=b"on disk", rows=(row(1),)))
    first.close()
    folder.rename(tmp_path / "gone")
    folder.write_text("")
    outbox = open_outbox(folder, clock)
    assert outbox.fault is not None
    assert outbox.history.profile() is None
    outbox.commit(changes=Changes(profile=written, rows=(row(2),)))
    mend_disk(folder)
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is None
    assert outbox.history.profile() == expected
    assert outbox.history.stay_rows("s1") == [row(1), row(2)]
    outbox.close()


def damage(file: Path, marker: bytes) -> None:
    """Overwrite the page that holds the marker."""
    content = bytearray(file.read_bytes())
    page = content.index(marker) // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    file.write_bytes(content)


def test_what_can_be_read_of_a_damaged_file_is_carried_over(tmp_path: Path) -> None:
    rows = [row(n, body=b"<%04d>" % n + b"z" * 500) for n in range(200)]
    alarms = [Outgoing(f"alarm-{n}", "alarm", "t", b"[%04d]" % n + b"y" * 500) for n in range(200)]
    outbox = open_outbox(tmp_path)
    outbox.commit(alarms, {"a": b"on"}, Changes(profile=b"profile", rows=rows, ended=("s0", 7.0)))
    outbox.close()
    damage(tmp_path / FILE_NAME, b"<0100>")
    damage(tmp_path / FILE_NAME, b"[0100]")
    again = open_outbox(tmp_path)
    assert again.fault is None
    assert again.set_aside is not None
    assert again.history.profile() == b"profile"
    assert again.present() == {"a": b"on"}
    kept = again.history.stay_rows("s1")
    assert kept == [one for one in rows if one in kept]  # In order ..
    assert len(kept) >= 185
    assert {rows[0], rows[-1]} <= set(kept)  # .. from both sides of the damage.
    numbers = [int(id_.removeprefix("alarm-")) for id_ in alarm_ids(again)]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 185
    assert {0, 199} <= set(numbers)
    assert {one.stay: one.ended_utc for one in again.history.stays()} == {"s0": 7.0, "s1": None}
    again.close()


def test_what_was_saved_of_a_damaged_file_goes_on_in_memory_when_no_new_one_can_be_made(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path, clock)
    rows = [row(n, body=b"<%04d>" % n + b"z" * 500) for n in range(100)]
    outbox.commit([Outgoing("alarm-1", "alarm", "t", b"x")], {"a": b"on"}, Changes(profile=b"profile", rows=rows))
    outbox.close()
    damage(tmp_path / FILE_NAME, b"<0050>")
    create = tables.create
    calls = []

    def create_once(path: str) -> sqlite3.Connection:
        calls.append(path)
        if path != ":memory:" and len(calls) == 2:
            raise sqlite3.OperationalError("database or disk is full")
        return create(path)

    monkeypatch.setattr(tables, "create", create_once)
    again = open_outbox(tmp_path, clock)
    assert again.fault is not None
    assert again.history.profile() == b"profile"
    assert again.present() == {"a": b"on"}
    assert len(again.history.stay_rows("s1")) >= 85
    clock.now += RETRY_S
    again.tend()
    assert again.fault is None
    again.close()
    third = open_outbox(tmp_path, clock)
    assert third.history.profile() == b"profile"
    assert alarm_ids(third) == ["alarm-1"]
    assert len(third.history.stay_rows("s1")) >= 85
    third.close()


def test_a_flood_of_one_kind_pushes_out_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_ROWS", {"hour": 10, "episode": 10, "audit": 10})
    outbox = open_outbox(tmp_path)
    outbox.commit(changes=Changes(rows=(row(0), row(0, kind="hour"), row(0, stay="s2", kind="audit"))))
    for n in range(50):
        outbox.commit(changes=Changes(rows=(row(n, kind="audit"),)))
    kept = outbox.history.stay_rows("s1")
    assert [one.id for one in kept if one.kind == "audit"] == [f"audit-{n}" for n in range(40, 50)]
    assert row(0) in kept
    assert row(0, kind="hour") in kept
    assert len(outbox.history.stay_rows("s2")) == 1
    assert outbox.history.dropped == 40
    outbox.close()


def test_history_is_bounded_on_disk_and_in_memory_episodes_first(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MOST_BYTES", 600_000)
    monkeypatch.setattr(history_module, "MEMORY_BYTES", 250_000)
    monkeypatch.setattr(store_module, "MEMORY_HISTORY_BYTES", 200_000)
    folder = tmp_path / "state"
    outbox = open_outbox(folder, clock)
    outbox.commit(changes=Changes(profile=b"p", rows=(row(0, kind="hour"),)))
    for n in range(0, 1000, 100):
        outbox.commit(changes=Changes(rows=[row(m, body=b"z" * 1000) for m in range(n, n + 100)]))
    kept = outbox.history.stay_rows("s1")
    assert kept[0] == row(0, kind="hour")
    assert [one.id for one in kept[1:]] == [f"episode-{n}" for n in range(1000 - len(kept) + 1, 1000)]
    assert outbox.history.dropped == 1000 - len(kept) + 1
    assert 400_000 < sum(len(one.body) for one in kept) <= 600_000
    before = outbox.history.dropped
    break_disk(outbox, folder)
    outbox.commit(changes=Changes(rows=[row(m, body=b"z" * 1000) for m in range(1000, 1100)]))
    carried = [one.id for one in outbox.history.stay_rows("s1")]
    assert carried[-1] == "episode-1099"
    assert 150 <= len(carried) <= 250
    assert outbox.history.dropped == before  # What memory let go is still on the disk.
    outbox.commit(changes=Changes(rows=[row(m, body=b"z" * 1000) for m in range(1100, 1400)]))
    assert outbox.history.dropped > before
    assert outbox.history.profile() == b"p"
    mend_disk(folder)
    clock.now += RETRY_S
    outbox.tend()
    assert outbox.fault is None
    assert outbox.history.stay_rows("s1")[-1].id == "episode-1399"
    outbox.close()


def test_forgetting_deletes_what_is_over_and_leaves_proof(tmp_path: Path, clock: Clock) -> None:
    outbox = open_outbox(tmp_path, clock)
    secret = b"the-secret-of-stay-one"
    old = [row(n, utc=n * DAY, body=secret + b"%d" % n) for n in range(50)]
    outbox.commit(changes=Changes(profile=b"profile of two", rows=old, ended=("s1", 50 * DAY)))
    outbox.commit(changes=Changes(rows=(row(1, stay="s2", utc=1 * DAY),)))  # Goes on.
    outbox.commit(changes=Changes(rows=(row(1, stay="s3", utc=1 * DAY),), ended=("s3", 99 * DAY)))  # Ended lately.
    outbox.commit(changes=Changes(rows=(row(1, stay="s4", utc=2 * DAY),)))  # Its end was lost.
    outbox.commit(changes=Changes(rows=(row(1, stay=NO_STAY, kind="audit", utc=0.0),)))
    outbox.commit(changes=Changes(ended=("s5", 3 * DAY)))  # Nothing is kept of it.
    forgotten = outbox.history.forget_stays(90 * DAY, going_on="s2", note=note)
    assert forgotten == (
        Forgotten("s1", 50, digest(old)),
        Forgotten("s4", 1, digest([row(1, stay="s4", utc=2 * DAY)])),
        Forgotten("s5", 0, digest([])),
    )
    assert [one.stay for one in outbox.history.stays()] == [NO_STAY, "s2", "s3"]
    assert outbox.history.stay_rows(NO_STAY) == [note(one) for one in forgotten]
    assert outbox.history.profile() == b"profile of two"
    for file in tmp_path.iterdir():  # While it is open: neither the pages nor the log hold it.
        assert secret not in file.read_bytes(), file
    assert outbox.history.forget_stays(90 * DAY, going_on="s2", note=note) == ()
    outbox.close()


def test_the_digest_is_that_of_the_rows_in_order() -> None:
    assert digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest([row(1), row(2)]) != digest([row(2), row(1)])
    assert digest([row(1, body=b"ab"), row(2, body=b"c")]) != digest([row(1, body=b"a"), row(2, body=b"bc")])


def test_nothing_is_forgotten_while_the_disk_fails(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "state"
    outbox = open_outbox(folder, clock)
    outbox.commit(changes=Changes(rows=(row(1),), ended=("s1", 1.0)))
    break_disk(outbox, folder)
    outbox.commit([Outgoing("a", "alarm", "t", b"x")])
    assert outbox.history.forget_stays(2.0, going_on=None, note=note) == ()
    mend_disk(folder)
    clock.now += RETRY_S
    outbox.tend()
    assert [one.stay for one in outbox.history.forget_stays(2.0, going_on=None, note=note)] == ["s1"]
    outbox.close()


def test_an_unreadable_profile_is_set_aside_and_forgotten_in_time(tmp_path: Path, clock: Clock) -> None:
    outbox = open_outbox(tmp_path, clock)
    for n in range(5):
        outbox.commit(changes=Changes(profile=b"unreadable %d" % n))
        outbox.history.set_profile_aside(clock())
        assert outbox.history.profile() is None
        clock.now += 1
    assert list(outbox.history.aside().values()) == [b"unreadable 2", b"unreadable 3", b"unreadable 4"]
    outbox.history.set_profile_aside(clock())  # There is none.
    assert len(outbox.history.aside()) == 3
    outbox.history.forget_stays(clock() - 1.5, going_on=None, note=note)
    assert list(outbox.history.aside().values()) == [b"unreadable 4"]
    outbox.close()


def test_damaged_files_are_deleted_with_what_was_kept_at_their_time(tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 500)
        open_outbox(tmp_path, clock).close()
        clock.now += DAY
    outbox = open_outbox(tmp_path, clock)
    assert len(list(tmp_path.glob("*.damaged-*"))) == 2
    outbox.history.forget_stays(clock() - 1.5 * DAY, going_on=None, note=note)
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1
    outbox.close()


OPERATIONS = st.one_of(
    st.tuples(st.just("rows"), st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["s1", "s2"])), max_size=4)),
    st.tuples(st.just("profile"), st.one_of(st.none(), st.binary(max_size=5))),
    st.tuples(st.just("break"), st.booleans()),
    st.tuples(st.just("mend"), st.none()),
    st.tuples(st.just("restart"), st.none()),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, max_size=25))
def test_the_record_is_what_was_written_whatever_the_disk_does(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, object]]
) -> None:
    """A disk that comes and goes changes nothing, as long as the process lives while it is gone."""
    folder = tmp_path_factory.mktemp("record") / "state"
    clock = Clock()
    outbox = open_outbox(folder, clock)
    expected: dict[tuple[str, str], bytes] = {}
    profile: bytes | None = None
    broken = False
    for step, (name, value) in enumerate(operations):
        if name == "rows":
            assert isinstance(value, list)
            rows = [row(n, stay=stay, body=b"%d" % step) for n, stay in value]
            outbox.commit(changes=Changes(rows=rows))
            expected.update({(one.stay, one.id): one.body for one in rows})
        elif name == "profile":
            assert value is None or isinstance(value, bytes)
            profile = value
            outbox.commit(changes=Changes(profile=value))
        elif name == "break" and not broken:
            break_disk(outbox, folder, readable=bool(value))
            broken = True
        elif name == "mend" and broken:
            outbox.commit()  # Notices the failure, should nothing else have done so.
            mend_disk(folder)
            clock.now += RETRY_S
            outbox.tend()
            assert outbox.fault is None
            broken = False
        elif name == "restart" and not broken:
            outbox.close()
            outbox = open_outbox(folder, clock)
        if not broken:
            kept = {(one.stay, one.id): one.body for stay in ("s1", "s2") for one in outbox.history.stay_rows(stay)}
            assert kept == expected
            assert outbox.history.profile() == profile
    outbox.close()
