"""What a power cut takes from a disk that was only half synchronised. Pure, but for `power_cut`.

Every write that SQLite made and no sync confirmed may be lost, be there, or be as it was after any of the writes before
it, 512 bytes at a time and each for itself: that is what a page cache and a drive that reorders may do. A drive that
garbles what it does not write (worn flash) is not played here.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

SECTOR = 512
"""What a drive writes whole or not at all, bytes."""
_HEAD = struct.Struct("=II")
_T = TypeVar("_T")

Replaced = tuple[int, bytes, int]
"""Of a write or a truncation: where, what was there (zeros beyond the end), and the file's size before; bytes."""


class Note(NamedTuple):
    """A line of the undo file."""

    path: str
    replaced: Replaced | None
    """None: all of the file is safe now."""


def note(one: Note) -> bytes:
    """A line, to be written with one `write`."""
    offset, before, size = one.replaced or (-1, b"", 0)
    head = json.dumps([one.path, offset, size]).encode()
    return _HEAD.pack(len(head), len(before)) + head + before


def unconfirmed(undo: bytes) -> dict[str, list[Replaced]]:
    """The writes to each file that no sync has confirmed, oldest first. A last line that is torn is passed over."""
    found: dict[str, list[Replaced]] = {}
    at = 0
    while at + _HEAD.size <= len(undo):
        head, length = _HEAD.unpack_from(undo, at)
        at += _HEAD.size
        if at + head + length > len(undo):
            break
        path, offset, size = json.loads(undo[at : at + head])
        at += head
        if offset < 0:
            found.pop(path, None)
        else:
            found.setdefault(path, []).append((offset, undo[at : at + length], size))
        at += length
    return found


def after_power_cut(now: bytes, writes: Sequence[Replaced], chance: random.Random, keep: float) -> bytes:
    """What a file holds after a power cut.

    Args:
        now: As the process left it.
        writes: Not confirmed, oldest first.
        chance: Decides for each sector alone which of its states is on the disk.
        keep: Share of sectors of which the newest state is; 0: all are as they were synchronised.

    Returns:
        The content; the size too is any that the file had since then.
    """
    content = bytearray(now)
    states: dict[int, list[bytes]] = {}  # sector -> newest first
    sizes = [len(now)]
    for offset, before, size in reversed(writes):
        touched = range(offset // SECTOR, -(-(offset + len(before)) // SECTOR))
        content.extend(bytes(max(0, touched.stop * SECTOR - len(content))))
        for sector in touched:
            states.setdefault(sector, [_sector(content, sector)])
        content[offset : offset + len(before)] = before
        for sector in touched:
            states[sector].append(_sector(content, sector))
        sizes.append(size)
    for sector, newest_first in states.items():
        content[sector * SECTOR : (sector + 1) * SECTOR] = _one(newest_first, chance, keep)
    size = _one(sizes, chance, keep)
    return bytes(content[:size].ljust(size, b"\0"))


def power_cut(undo: Path, chance: random.Random, keep: float) -> int:
    """Take back what was not synchronised, only while the process does not run.

    Args:
        undo: Where `vfs.install` wrote; emptied.
        chance: See `after_power_cut`.
        keep: See `after_power_cut`.

    Returns:
        How many sectors are now not as the process left them.
    """
    changed = 0
    for name, writes in sorted(unconfirmed(undo.read_bytes()).items()):
        path = undo.parent / name  # Absolute, so the folder does not matter.
        if not path.exists():
            continue
        now = path.read_bytes()
        then = after_power_cut(now, writes, chance, keep)
        if now != then:
            with path.open("r+b") as file:
                file.write(then)
                file.truncate()
            ends = range(0, max(len(now), len(then)), SECTOR)
            changed += sum(now[at : at + SECTOR] != then[at : at + SECTOR] for at in ends)
    undo.write_bytes(b"")
    return changed


def _sector(content: bytearray, number: int) -> bytes:
    return bytes(content[number * SECTOR : (number + 1) * SECTOR])


def _one(newest_first: Sequence[_T], chance: random.Random, keep: float) -> _T:
    if keep == 0:
        return newest_first[-1]
    return newest_first[0] if chance.random() < keep else chance.choice(newest_first)
