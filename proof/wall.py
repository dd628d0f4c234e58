"""A wall clock that can be set, for the bed's process alone; the monotonic clock stays as it is.

The machine's own clock is everybody's, and a time namespace (`unshare --time`) moves the monotonic clocks only. So the
product's modules are given another wall clock, wherever they ask for one; everything else of the process keeps the true
one, the harness's ledger and the log included. OpenSSL judges certificates by the true one too.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from npng_edge import host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

PACKAGE = "npng_edge"
_LAYOUT = struct.Struct("<dq")
_UNKNOWN = -1


class Wall:
    """The harness's hand on the clock of one bed.

    Args:
        path: Of a file that both processes map; made anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(_LAYOUT.pack(0.0, _UNKNOWN))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _LAYOUT.size)

    def set(self, offset_s: float, *, synchronised: bool | None = None) -> None:
        """From now on the bed's clock is ahead by so much, and a time server sets it or does not; None: unknown."""
        _LAYOUT.pack_into(self._shared, 0, offset_s, _UNKNOWN if synchronised is None else int(synchronised))


def follow(path: Path) -> None:
    """In the bed's process, before anything of the bed is made: the product asks the clock that `Wall` sets."""
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _LAYOUT.size)

    def wall() -> float:
        return time.time() + float(_LAYOUT.unpack_from(shared)[0])

    def synchronised() -> bool | None:
        flag = _LAYOUT.unpack_from(shared)[1]
        return None if flag == _UNKNOWN else bool(flag)

    host.clock_synchronised = synchronised
    clock = _Time(wall)
    calendar = _calendar(wall)
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == PACKAGE]:
        _give(module, clock, calendar, wall)


class _Time:
    """The module `time`, but for its wall clock."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.time = wall

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _calendar(wall: Callable[[], float]) -> type[datetime]:
    class Calendar(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(wall(), tz)

    return Calendar


def _give(module: ModuleType, clock: _Time, calendar: type[datetime], wall: Callable[[], float]) -> None:
    """Replace the ways in which a module asks for the time: `time.time()`, `datetime.now()`, defaults of classes."""
    if getattr(module, "time", None) is time:
        vars(module)["time"] = clock
    if module.__name__ in ("npng_edge.bedside.commands", "npng_edge.publish.client"):  # Others only name the type.
        vars(module)["datetime"] = calendar
    for thing in vars(module).values():
        begin = vars(thing).get("__init__") if isinstance(thing, type) else None
        defaults: dict[str, Any] = getattr(begin, "__kwdefaults__", None) or {}
        defaults.update({name: wall for name, value in defaults.items() if value is time.time})
