"""How every command ends when it cannot go on: one sentence, and a status."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

errors = Console(stderr=True, soft_wrap=True)


def fail(message: object, code: int = 1) -> NoReturn:
    """Say why, and end with this status."""
    errors.print(f"npng-edge: {message}", markup=False, highlight=False)
    raise typer.Exit(code)
