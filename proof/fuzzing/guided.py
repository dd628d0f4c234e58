"""Bytes that are changed to reach code that was not reached before, by atheris (libFuzzer) in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

from proof.fuzzing.judge import Tally

_ROOT = Path(__file__).parents[2]


def is_there() -> bool:
    """Whether atheris is installed, as the extra `fuzz` does; it has wheels for Linux on x86-64 alone."""
    return importlib.util.find_spec("atheris") is not None


def run(  # noqa: PLR0913 - one word of the command line each
    kind: str, inputs: int, seed: int, folder: Path, failures: Path, maker: str = "proof.fuzz"
) -> Tally:
    """Try so many inputs on one target, or fewer when one fails.

    Args:
        kind: `bed`, `configuration` or `station`.
        inputs: How many.
        seed: The same one gives the same inputs.
        folder: For working files; must be new.
        failures: Folder of what failed.
        maker: Module with `targets(folder)`; its code guides the search as the product's does.
    """
    folder.mkdir(parents=True)
    said = folder / "log"
    arguments = [kind, str(inputs), str(seed), str(folder), str(failures.resolve()), maker]
    with said.open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "proof.fuzzing.guided_process", *arguments],
            cwd=_ROOT,
            stdout=log,
            stderr=log,
            check=False,
        )
    result = folder / "tally.json"
    if not result.exists():
        raise RuntimeError(f"atheris did not come to an end: {said.read_text('utf-8', 'replace')[-2000:]}")
    return Tally(**json.loads(result.read_text("utf-8")))
