"""The faults of the disk. Each is a function of a lane that does all of it, from the fault until the bed is well."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proof.faults.power import power_cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.faults.disk_lane import Found, Lane

PAGE = 4096
"""Of SQLite's file, bytes."""
HEADER = 100
"""Of SQLite's file, bytes (fileformat2.html, 1.3)."""
FLIPS = 40
KEEP = (0.0, 0.5, 0.9)
LIE_S = (1.0, 4.0)
BUSY_S = (0.5, 4.0)
TEAR_WRITES = 200
TORN_S = 60.0
POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault."""

    name: str
    play: Callable[[Lane, str], Found]
    disk: Literal["tmpfs", "ext4"] | None = None
    """Where it can be had; None: everywhere."""


def full(lane: Lane, name: str) -> Found:
    """No space is left, then there is again."""
    return lane.trouble(name, lane.disk.fill, lane.disk.free)


def aborted(lane: Lane, name: str) -> Found:
    """ext4 gives up its journal and is read-only, as after an error of its device; then it is mounted anew."""
    return lane.trouble(name, lane.disk.abort, lane.disk.again)


def device_gone(lane: Lane, name: str) -> Found:
    """Every access fails with EIO; then the disk is there again, without what was not synchronised."""
    return lane.trouble(name, lane.disk.shut_down, lane.disk.again)


def failing(*words: str) -> Callable[[Lane, str], Found]:
    """Calls of these kinds fail, then they do not."""

    def play(lane: Lane, name: str) -> Found:
        def spoil() -> None:
            for word in words:
                lane.words[word] = 1

        return lane.trouble(name, spoil, lane.words.heal)

    return play


def deleted_under_it(lane: Lane, name: str) -> Found:
    """Somebody deletes the database while the bed uses it."""

    def delete() -> None:
        for file in lane.files():
            file.unlink()

    return _noticed(lane, lane.trouble(name, delete, lambda: None))


def moved_under_it(lane: Lane, name: str) -> Found:
    """Somebody moves the folder away while the bed uses it."""
    aside = lane.state.with_name(f"moved-{time.time_ns()}")
    found = _noticed(lane, lane.trouble(name, lambda: lane.state.rename(aside), lambda: None))
    shutil.rmtree(aside)
    return found


def read_only_at_start(lane: Lane, name: str) -> Found:
    """The bed starts on a disk that is read-only."""

    def spoil() -> None:
        lane.bed.kill()
        lane.disk.read_only()
        lane.bed.start()

    return lane.trouble(name, spoil, lane.disk.writable)


def away_at_start(lane: Lane, name: str) -> Found:
    """The bed starts while its disk is missing."""
    away = lane.disk.away()

    def spoil() -> None:
        lane.bed.kill()
        away.__enter__()
        lane.bed.start()

    return lane.trouble(name, spoil, lambda: away.__exit__(None, None, None))


def killed_while_full(lane: Lane, name: str) -> Found:
    """The bed dies while its disk cannot take what it decides: what it had in memory alone is gone."""

    def repair() -> None:
        lane.bed.kill()
        lane.disk.free()
        lane.bed.start()
        lane.wait_heard()

    return lane.trouble(name, lane.disk.fill, repair, ends=False)


def power_cut_of_ext4(lane: Lane, name: str) -> Found:
    """What ext4 has not written is gone, and its journal is read: before or after the bed dies, as it comes."""
    lane.pause(BUSY_S)
    if lane.random.random() < 0.5:
        lane.disk.shut_down()  # The bed lives on for a moment, without a disk.
        time.sleep(lane.random.uniform(0.0, 0.1))
        return lane.death(name, lane.disk.again)

    def spoil() -> None:
        lane.disk.shut_down()
        lane.disk.again()

    return lane.death(name, spoil)


def power_cut_by_sector(lane: Lane, name: str) -> Found:
    """Of what was not synchronised, any sector may be new or old."""
    lane.pause(BUSY_S)
    return lane.death(name, lambda: _cut(lane))


def torn(lane: Lane, name: str) -> Found:
    """The power goes in the middle of a write."""
    lane.words["tear"] = lane.random.randrange(1, TEAR_WRITES)
    deadline = time.monotonic() + TORN_S
    while lane.words["tear"]:
        if time.monotonic() > deadline:
            raise RuntimeError("the bed wrote nothing that could be torn")
        time.sleep(POLL_S)
    return lane.death(name, lambda: _cut(lane))


def power_cut_of_a_liar(lane: Lane, name: str) -> Found:
    """The disk says that it has synchronised and has not; then the power goes."""
    lane.words["lie"] = 1
    lane.pause(LIE_S)
    return lane.death(name, lambda: _cut(lane), destroys=True, backlog=True)


def damaged(part: Literal["header", "page", "log"]) -> Callable[[Lane, str], Found]:
    """Bytes of a file are changed while the bed is dead."""

    def play(lane: Lane, name: str) -> Found:
        return lane.death(name, lambda: _damage(lane, part), destroys=True, backlog=True)

    return play


def deleted(lane: Lane, name: str) -> Found:
    """The database is deleted while the bed is dead."""

    def delete() -> None:
        for file in lane.files():
            file.unlink()

    return lane.death(name, delete, destroys=True, backlog=True)


def folder_deleted(lane: Lane, name: str) -> Found:
    """The whole folder is deleted while the bed is dead."""
    return lane.death(name, lambda: shutil.rmtree(lane.state), destroys=True, backlog=True)


def _noticed(lane: Lane, found: Found) -> Found:
    """A bed that did not notice goes on without a file: the next fault needs one."""
    if found.said is None:
        lane.bed.kill()
        lane.bed.start()
        lane.wait_heard()
    return found


def _cut(lane: Lane) -> None:
    lane.words.heal()
    power_cut(lane.undo, lane.random, lane.random.choice(KEEP))


def _damage(lane: Lane, part: Literal["header", "page", "log"]) -> None:
    file = lane.database.with_name(lane.database.name + "-wal") if part == "log" else lane.database
    content = bytearray(file.read_bytes())
    first, last = (0, HEADER) if part == "header" else (0 if part == "log" else PAGE, len(content))
    # A page somewhere, or all of a header or a log.
    if part == "page":
        first = lane.random.randrange(1, max(2, len(content) // PAGE)) * PAGE
        last = min(first + PAGE, len(content))
    for _ in range(FLIPS if last > first else 0):
        content[lane.random.randrange(first, last)] ^= lane.random.randrange(1, 256)
    file.write_bytes(content)


KINDS = (
    Kind("full, then freed", full),
    Kind("ext4 read-only after an error, then mounted anew", aborted, "ext4"),
    Kind("EIO on everything, then mounted anew", device_gone, "ext4"),
    Kind("writes fail for a while", failing("write")),
    Kind("syncs fail for a while", failing("sync")),
    Kind("all calls fail for a while", failing("open", "read", "write", "sync")),
    Kind("database deleted under the bed", deleted_under_it),
    Kind("folder moved away under the bed", moved_under_it),
    Kind("read-only at the start, then writable", read_only_at_start, "tmpfs"),
    Kind("missing at the start, then there", away_at_start),
    Kind("killed while the disk is full", killed_while_full),
    Kind("power cut of ext4", power_cut_of_ext4, "ext4"),
    Kind("power cut by sector", power_cut_by_sector),
    Kind("write torn by a power cut", torn),
    Kind("power cut of a disk that lies about sync", power_cut_of_a_liar),
    Kind("header damaged", damaged("header")),
    Kind("a page damaged", damaged("page")),
    Kind("log damaged", damaged("log")),
    Kind("database deleted", deleted),
    Kind("folder deleted", folder_deleted),
)
