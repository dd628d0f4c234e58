"""Every model in 32-bit floats and in 8 bits, in both runtimes, at 1, 2 and 4 threads: ratios of one run.

Run `python -m bench.runtimes`; it needs the extra `train`. The LiteRT versions of our models are those of `python -m
training.litert`, where that was run; what a model does not have is left out. All versions of a model take turns, so
that what else the machine does meets them alike.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.__main__ import libraries, machine
from bench.models import WARM_UP
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory
from npng_edge.infer.runtime import Format, load
from training.datasets.table import table
from training.judge.speed import example

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from npng_edge.infer.manifest import Entry
    from npng_edge.infer.runtime import Model

THREADS = (1, 2, 4)
ONNX, LITERT = "ONNX Runtime", "LiteRT"
FLOATS, SMALL = "fp32", "int8"


@dataclass(frozen=True, slots=True)
class Version:
    """One way to run a model."""

    runtime: str
    precision: str
    content: bytes

    def open(self, threads: int) -> Model:
        """Load it."""
        return load(self.content, Format.ONNX if self.runtime == ONNX else Format.TFLITE, threads)


@dataclass(frozen=True, slots=True)
class Row:
    """What one version takes."""

    name: str
    version: Version
    shipped: bool
    seconds: tuple[float, ...]
    """Median of a call by the clock on the wall, at each of `THREADS`."""


def versions(manifest: Manifest, entry: Entry, litert: Path) -> Iterator[tuple[Version, bool]]:
    """All there is of a model, and whether it is the shipped one.

    Args:
        manifest: Of the shipped models.
        entry: The model.
        litert: Folder that `training.litert` made; need not be there.
    """
    path = manifest.path(entry)
    shipped = path.read_bytes()
    if entry.format is Format.TFLITE:
        yield Version(LITERT, FLOATS, shipped), True
        return
    small = b"DequantizeLinear" in shipped
    if small:
        yield Version(ONNX, FLOATS, _floats(shipped)), False
    yield Version(ONNX, SMALL if small else FLOATS, shipped), True
    for precision, name in ((FLOATS, f"{path.stem}.tflite"), (SMALL, f"{path.stem}_int8.tflite")):
        file = litert / name
        if file.is_file():
            yield Version(LITERT, precision, file.read_bytes()), False


def _floats(model: bytes) -> bytes:
    import onnx  # noqa: PLC0415 - of the extra `train`, as what follows

    from training.datasets.graph import dequantised  # noqa: PLC0415

    content: bytes = dequantised(onnx.load_from_string(model)).SerializeToString()
    return content


def measure(name: str, found: Sequence[tuple[Version, bool]], repeats: int) -> list[Row]:
    """Time all versions of a model, one call of each in turn."""
    calls = []
    for version, _ in found:
        models = [version.open(threads) for threads in THREADS]
        calls.append([(model, example(model), list[float]()) for model in models])
    for number in range(WARM_UP + repeats):
        for row in calls:
            for model, arrays, laps in row:
                start = time.perf_counter()
                model(*arrays)
                if number >= WARM_UP:
                    laps.append(time.perf_counter() - start)
    return [
        Row(name, version, shipped, tuple(median(laps) for _, _, laps in row))
        for (version, shipped), row in zip(found, calls, strict=True)
    ]


def page(rows: Sequence[Row]) -> str:
    """The tables, as Markdown: milliseconds of each shipped version on one thread, all else over that."""
    first = {row.name: row.seconds[0] for row in rows if row.shipped}
    threads = [f"{count} thread{'s' * (count > 1)}" for count in THREADS]
    lines = []
    for row in rows:
        shown = f"{first[row.name] * 1000:.3f}" if row.shipped else ""
        ratios = [f"{seconds / first[row.name]:.2f}" for seconds in row.seconds]
        lines.append([row.name, row.version.runtime, row.version.precision, shown, *ratios])
    return table(("model", "runtime", "weights", "ms, shipped", *threads), lines) + "\n"


HEAD = """# Runtimes and precisions compared

Written by `python -m bench.runtimes`. Every model in 32-bit floats and in 8 bits, in ONNX Runtime and in LiteRT, by the
clock on the wall; all versions of a model took turns in one run. *ms* is the shipped version on one thread; all other
figures are ratios to it. A model without a row for a runtime is not converted to it, one without 8 bits has none.
The ratios are those of this machine: on a processor of another kind (an ARM one, one with 8-bit dot products) they
differ. 8 bits are not always faster, and threads seldom pay for nets as small as these. With other programs busy on the
machine, two and four threads look worse than they are.

"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtimes", description=__doc__)
    parser.add_argument("--models", type=Path, default=default_models_directory())
    parser.add_argument("--litert", type=Path, default=Path("work/litert"), help="folder made by training.litert")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--output", type=Path, help="file for the page, e.g. docs/runtimes.md")
    given = parser.parse_args(argv)
    manifest = Manifest.load(given.models / FILE_NAME)
    busy = os.getloadavg()[0]
    rows = [
        row
        for entry in manifest.models
        for row in measure(entry.name, list(versions(manifest, entry, given.litert)), given.repeats)
    ]
    about = f"Machine: {machine()}; {libraries()}. Programs busy when it began: {busy:.1f}.\n\n"
    print(about + page(rows), end="")
    if given.output:
        given.output.write_text(HEAD + about + page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
