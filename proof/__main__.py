"""`python -m proof COMMAND ...`: each is a module with `main(arguments) -> exit status`, loaded when asked for."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from proof.commands import Command, dispatch

if TYPE_CHECKING:
    from types import FrameType

COMMANDS = {
    "faults": Command("proof.faults", "break things while alarms are on their way; nothing may be lost"),
    "load": Command("proof.load", "many beds at once: latency, processor and memory of the broker"),
    "soak": Command("proof.soak", "the whole daemon for hours: flat memory, descriptors and database"),
    "fuzz": Command("proof.fuzz", "wrong input on every topic and in the configuration"),
    "page": Command("proof.page", "write the results of docs/proof/*.json into docs/proof.md"),
}


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends as Ctrl-C does: brokers, stations and beds with it."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(dispatch("python -m proof", COMMANDS, sys.argv[1:]))
