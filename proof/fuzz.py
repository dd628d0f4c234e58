"""`python -m proof fuzz`: wrong input on every topic and in the configuration; nothing may crash, hang or change.

Two ways: `generated`, by hypothesis, from right messages and files that are spoilt; `guided`, by atheris, bytes that
are changed to reach code that was not reached before. What fails is kept in a file each, to be tried again.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from rich.table import Table

from proof.fuzzing import guided
from proof.fuzzing.inbound import Inbound
from proof.fuzzing.inputs import Source, sources
from proof.fuzzing.judge import Input, Judge, Tally, load, save
from proof.fuzzing.others import Configuration, Reader
from proof.report import FOLDER, Figure, Result, publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proof.fuzzing.judge import Target

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - only a folder of our own is made in it
SPECIAL = 2
"""No more than one generated input in so many is one of `Source.special`."""
GUIDED = 0.4
"""Share of the inputs that are guided, where atheris is installed."""


def main(arguments: Sequence[str]) -> int:
    """Try so many inputs; 1 when one of them broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m proof fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="at least so many in all")
    parser.add_argument("--seed", type=int, default=1, help="the same one gives the same inputs")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the result")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="folder of inputs that failed")
    parser.add_argument("--again", type=Path, metavar="FILE", help="only try this kept input again")
    chosen = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # Each refusal is a warning.
    with working_folder() as folder:
        if chosen.again is not None:
            with opened(folder) as takes:
                return again(chosen.again, takes)
        tallies = run(folder, chosen.inputs, chosen.seed, chosen.failures)
    return tell(tallies, chosen.inputs, chosen.seed, chosen.output)


@contextmanager
def working_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a hundred thousand refusals are as many synchronised writes."""
    place = MEMORY_DISK if MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place, prefix="fuzz-") as folder:
        yield Path(folder)


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Target]]:
    """The targets, closed at the end."""
    takes = targets(folder)
    try:
        yield takes
    finally:
        for one in takes.values():
            one.close()


def targets(folder: Path) -> dict[str, Target]:
    """What takes inputs, by the name in `Source.target`."""
    return {
        "bed": Inbound(folder / "beds"),
        "configuration": Configuration(folder / "files"),
        "station": Reader(folder / "station"),
    }


def run(folder: Path, inputs: int, first: int, failures: Path, *, guide: bool = True) -> dict[str, Tally]:
    """Try inputs of every kind, in both ways.

    Args:
        folder: For working files.
        inputs: How many in all.
        first: Seed.
        failures: Folder of what failed.
        guide: Whether to guide some of them, where atheris is installed.

    Returns:
        Name of the target and way -> what became of them.
    """
    every, steered = sources(), round(inputs * GUIDED) if guide and guided.is_there() else 0
    share = -(-(inputs - steered) // (len(every) + 2))
    tallies = {}
    with opened(folder) as takes:
        for number, source in enumerate(every):
            # The configuration is one target of many settings.
            count = share * (3 if source.target == "configuration" else 1)
            tally = generated(source, takes[source.target], count, first + number, failures)
            tallies[f"{source.name} (generated)"] = tally
        kinds = tuple(takes) if steered else ()
    for kind in kinds:
        tally = guided.run(kind, -(-steered // len(kinds)), first, folder / f"guided-{kind}", failures)
        tallies[f"{kind} (guided)"] = tally
    return tallies


def generated(source: Source, target: Target, count: int, first: int, failures: Path) -> Tally:
    """Try inputs that hypothesis makes, until one fails or there were enough; one that fails is made smaller."""
    judge, began = Judge(target), time.process_time()
    try:
        chosen = random.Random(first).sample(source.special, min(len(source.special), count // SPECIAL))
        for make in chosen:
            judge(make())
        while judge.tally.inputs < count:
            missing = count - judge.tally.inputs

            @seed(first)
            @settings(
                max_examples=missing,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )
            @given(source.inputs)
            def each(given: Input) -> None:
                judge(given)

            each()
            first += 1000
    except Exception:
        if judge.failed is None:
            raise
        file = failures / f"{source.name.replace('/', '-').replace(': ', '-')}.json"
        save(file, source.target, judge.failed, judge.words)
        print(f"FAILED: {source.name}: {judge.words.splitlines()[-1]} ({file})", file=sys.stderr)
    judge.tally.seconds = time.process_time() - began
    return judge.tally


def again(file: Path, takes: Mapping[str, Target]) -> int:
    """Try one kept input; its traceback tells what is wrong."""
    name, given = load(file)
    print(takes[name].take(given))
    return 0


def tell(tallies: Mapping[str, Tally], inputs: int, first: int, folder: Path) -> int:
    """Print and keep the result; 1 when anything failed or there were too few inputs."""
    table = Table("target", "inputs", "valid", "refused", "slowest ms", "failures")
    for name, one in tallies.items():
        table.add_row(
            name,
            f"{one.inputs:,}",
            f"{one.valid:,}",
            f"{one.refused:,}",
            f"{one.slowest_s * 1e3:.1f}",
            str(one.failures),
        )
    Console(width=120, highlight=False).print(table)
    total = sum(tallies.values(), start=Tally())
    figures: dict[str, Figure] = {
        "inputs": total.inputs,
        "of them generated (hypothesis)": sum(one.inputs for name, one in tallies.items() if "(generated)" in name),
        "of them guided (atheris)": sum(one.inputs for name, one in tallies.items() if "(guided)" in name),
        "targets": len(tallies),
        "valid, and taken": total.valid,
        "refused with a reason": total.refused,
        "targets that failed": total.failures,
        "slowest input, processor time, ms": round(total.slowest_s * 1e3, 1),
        "processor time in all, s": round(total.seconds, 1),
        "hypothesis": version("hypothesis"),
        "atheris": _atheris(),
    }
    command = f"python -m proof fuzz --inputs {inputs} --seed {first}"
    passed = total.failures == 0 and total.inputs >= inputs
    return publish(
        Result("fuzz", "Wrong input on every topic and in the configuration", command, passed, figures), folder
    )


def _atheris() -> str:
    try:
        return version("atheris")
    except PackageNotFoundError:
        return "not installed: nothing was guided"
