"""A table of commands, of which only the one asked for is imported."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USAGE = 2
"""Exit status of a wrong command line, as of argparse."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the table."""

    module: str
    """Has `main(arguments: Sequence[str]) -> int`: the exit status, 1 when anything was lost."""
    words: str


def dispatch(program: str, table: Mapping[str, Command], arguments: Sequence[str]) -> int:
    """Run the command that the first argument names with the rest of the arguments.

    Args:
        program: How it was called, for the help.
        table: name -> command.
        arguments: Of the command line, without the program.

    Returns:
        The exit status.
    """
    if not arguments or arguments[0] not in table:
        lines = [f"  {name:10} {command.words}" for name, command in table.items()]
        asked = bool(arguments) and arguments[0] in ("-h", "--help")
        print(f"usage: {program} COMMAND ...\n\n" + "\n".join(lines), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else USAGE
    status: int = import_module(table[arguments[0]].module).main(arguments[1:])
    return status
