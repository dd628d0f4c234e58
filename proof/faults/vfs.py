"""A failing disk, put between SQLite and its files in the bed's own process, and told what to do by the harness.

SQLite reaches files through a table of functions, its VFS. `install` puts its own `open` into that table, and its own
read, write, truncate and sync into those of the files that it is asked to watch: they fail, tear a write, or lie about
a sync as the words of a shared file say, and write down what a power cut would take back (see `power`). Layouts and
codes: sqlite3.h, "OS Interface Object" and "Result Codes"; they have been the same since SQLite 3.7.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
from typing import TYPE_CHECKING, Any

from proof.faults.power import Note, note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = ("open", "read", "write", "sync", "lie", "tear", "injected", "writes")
"""The first four: whether such calls fail. `lie`: a sync does nothing and says that it did. `tear`: the how-manieth
write from now kills the process when half of it is written. `injected`, `writes`: counted."""
OK, CANTOPEN, FULL = 0, 14, 13
IOERR_READ, IOERR_SHORT_READ, IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE = 266, 522, 778, 1034, 1546
BROKEN_HARNESS = 99
"""Exit status when the shim itself fails: never taken for something that the bed did."""

_Pointer, _Int, _Wide, _Text = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_char_p
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_MOVE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Wide)
_RESIZE = ctypes.CFUNCTYPE(_Int, _Pointer, _Wide)
_SYNC = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)
_SIZE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer)


class _Vfs(ctypes.Structure):
    """The begin of sqlite3_vfs."""

    _fields_ = (
        ("version", _Int),
        ("file_bytes", _Int),
        ("longest_path", _Int),
        ("next", _Pointer),
        ("name", _Text),
        ("own", _Pointer),
        ("open", _Pointer),
    )


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3; what is not touched is in `rest`."""

    _fields_ = (
        ("version", _Int),
        ("close", _Pointer),
        ("read", _Pointer),
        ("write", _Pointer),
        ("truncate", _Pointer),
        ("sync", _Pointer),
        ("size", _Pointer),
        ("rest", _Pointer * 12),
    )


class _File(ctypes.Structure):
    """The begin of sqlite3_file."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class Words:
    """The words that harness and bed share.

    Args:
        path: Of the file; made when it is missing.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(4 * len(WORDS)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4 * len(WORDS))

    def __getitem__(self, word: str) -> int:
        """The value of one of `WORDS`."""
        return int(struct.unpack_from("=I", self._memory, 4 * WORDS.index(word))[0])

    def __setitem__(self, word: str, value: int) -> None:
        """Set one of `WORDS`."""
        struct.pack_into("=I", self._memory, 4 * WORDS.index(word), value)

    def heal(self) -> None:
        """Be an honest disk again."""
        for word in ("open", "read", "write", "sync", "lie", "tear"):
            self[word] = 0


def install(files: Path, words: Path, undo: Path) -> None:
    """Watch the files whose path begins with `files` from now on, in this process; for `Life.setup`.

    Args:
        files: E.g. that of a database: its write-ahead log begins so too.
        words: See `Words`; not on the disk that fails.
        undo: Where notes for `power.power_cut` are written; not on that disk either.
    """
    _SHIMS.append(_Shim(files, Words(words), os.open(undo, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)))


class _Shim:
    """Must live as long as SQLite may call it."""

    def __init__(self, files: Path, words: Words, undo: int) -> None:
        self._files, self._words, self._undo = str(files), words, undo
        self._paths: dict[int, str] = {}  # address of the open file -> its path
        self._patched: dict[int, _Methods] = {}  # by the address of SQLite's own: locked files have other ones
        self._here = {
            "read": _MOVE(_guarded(self._read)),
            "write": _MOVE(_guarded(self._write)),
            "truncate": _RESIZE(_guarded(self._truncate)),
            "sync": _SYNC(_guarded(self._sync)),
        }
        library = ctypes.CDLL("libsqlite3.so.0")
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        vfs = library.sqlite3_vfs_find(None).contents
        self._really_open = _OPEN(vfs.open)
        self._open_here = _OPEN(_guarded(self._open))
        vfs.open = ctypes.cast(self._open_here, _Pointer).value

    def _open(self, vfs: int, name: int | None, file: int, flags: int, told: int) -> int:
        # SQLite keeps the name's address, so it is handed on as it came.
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        if not path.startswith(self._files):
            return int(self._really_open(vfs, name, file, flags, told))
        if self._fails("open"):
            ctypes.memset(file, 0, ctypes.sizeof(_File))  # No methods: there is nothing to close.
            return CANTOPEN
        code = int(self._really_open(vfs, name, file, flags, told))
        handle = _File.from_address(file)
        if code == OK and handle.methods:
            handle.methods = ctypes.pointer(self._patch(handle.methods.contents))
            self._paths[file] = path
            if self._size(file) == 0:  # A new file: of one that was deleted nothing counts any more.
                self._write_down(Note(path, None))
        return code

    def _patch(self, methods: _Methods) -> _Methods:
        """A copy of SQLite's table with our functions; they are the same for every file of one VFS."""
        known = self._patched.get(ctypes.addressof(methods))
        if known is not None:
            return known
        patched = _Methods.from_buffer_copy(methods)
        self._really_read, self._really_write = _MOVE(methods.read), _MOVE(methods.write)
        self._really_truncate, self._really_sync = _RESIZE(methods.truncate), _SYNC(methods.sync)
        self._really_size = _SIZE(methods.size)
        for field, function in self._here.items():
            setattr(patched, field, ctypes.cast(function, _Pointer).value)
        self._patched[ctypes.addressof(methods)] = patched
        return patched

    def _read(self, file: int, to: int, length: int, offset: int) -> int:
        return IOERR_READ if self._fails("read") else int(self._really_read(file, to, length, offset))

    def _write(self, file: int, data: int, length: int, offset: int) -> int:
        if self._fails("write"):
            return IOERR_WRITE
        self._write_down(Note(self._paths[file], (offset, self._before(file, offset, length), self._size(file))))
        self._words["writes"] += 1
        if self._words["tear"]:
            self._words["tear"] -= 1
            if self._words["tear"] == 0:
                self._words["injected"] += 1
                self._really_write(file, data, length // 2, offset)
                os.kill(os.getpid(), signal.SIGKILL)
        return int(self._really_write(file, data, length, offset))

    def _truncate(self, file: int, size: int) -> int:
        if self._fails("write"):
            return IOERR_TRUNCATE
        before = self._size(file)
        self._write_down(Note(self._paths[file], (size, self._before(file, size, max(0, before - size)), before)))
        return int(self._really_truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        if self._fails("sync"):
            return IOERR_FSYNC
        if self._words["lie"]:
            self._words["injected"] += 1
            return OK
        code = int(self._really_sync(file, flags))
        if code == OK:
            self._write_down(Note(self._paths[file], None))
        return code

    def _fails(self, word: str) -> bool:
        failing = self._words[word] != 0
        if failing:
            self._words["injected"] += 1
        return failing

    def _before(self, file: int, offset: int, length: int) -> bytes:
        """What the file holds there, zeros beyond its end."""
        buffer = ctypes.create_string_buffer(length)
        if length:
            self._really_read(file, ctypes.addressof(buffer), length, offset)
        return buffer.raw

    def _size(self, file: int) -> int:
        size = _Wide()
        self._really_size(file, ctypes.addressof(size))
        return size.value

    def _write_down(self, one: Note) -> None:
        os.write(self._undo, note(one))


_SHIMS: list[_Shim] = []


def _guarded(work: Callable[..., int]) -> Callable[..., int]:
    """An error in a callback would be printed and taken for success."""

    def guarded(*arguments: Any) -> int:
        try:
            return work(*arguments)
        except BaseException:  # noqa: BLE001 - whatever it is
            os._exit(BROKEN_HARNESS)

    return guarded
