"""`python -m bench`: every published speed and memory figure, printed in one run, with the machine named."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import cv2
import psutil
from rich.console import Console
from rich.table import Table

from bench import frame
from bench.ready import start_to_ready
from npng_edge.capture.sources import bundled_clip
from training.judge.speed import processor

REAL = Path("../shared/data/real/distress_then_smile.mp4")
console = Console(width=120, highlight=False)


def main() -> None:
    """Run everything; about a quarter of an hour."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--clip", type=Path, default=REAL if REAL.exists() else bundled_clip(), help="video to read")
    parser.add_argument("--frames", type=int, default=100_000, help="frames of the memory run")
    parser.add_argument("--mediapipe", help="Python with mediapipe 0.10.21 installed, to compare with (make bench)")
    arguments = parser.parse_args()

    cpu = next(iter(os.sched_getaffinity(0)))
    cv2.setNumThreads(1)
    console.print(f"machine: {machine()}; Python {platform.python_version()}; {libraries()}")
    console.print(f"clip: {arguments.clip.name}; one core, one thread per model\n")
    os.sched_setaffinity(0, {cpu})

    clip = frame.load(arguments.clip)
    cost = frame.measure(clip, 2000)
    table = Table("step", "median ms", "p95 ms", "p99 ms", title=f"time per frame, {cost.frames} frames")
    for step, seconds in {**cost.steps, "bare model calls": cost.bare}.items():
        table.add_row(step, *(f"{frame.percentile(seconds, share):.3f}" for share in (50, 95, 99)))
    console.print(table)
    console.print(
        f"whole frame over its bare model calls: {cost.overhead():.3f} on average, {cost.median_overhead():.3f} in the "
        "middle (goal: at most 1.15)"
    )
    console.print(f"frames per second on one core: {cost.per_second():.0f}; scored {cost.scored} of {cost.frames}")
    if arguments.mediapipe:
        command = [arguments.mediapipe, str(Path(__file__).with_name("mediapipe_mesh.py")), str(arguments.clip)]
        theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
        again = frame.measure(clip, 2000)
        ratio = again.per_second() / theirs
        console.print(
            f"MediaPipe's own FaceMesh, landmarks only: {theirs:.0f} frames/s; ours is {ratio:.2f} times that"
        )
    else:
        console.print("MediaPipe's own FaceMesh: not installed, not compared (`make bench` installs it)")

    before, after = frame.memory_growth(clip, arguments.frames)
    console.print(
        f"memory after warm-up: {before:.0f} MiB with the decoded clip held; after {arguments.frames} frames "
        f"{after:.0f} MiB: growth {after - before:+.1f} MiB (goal: none)"
    )
    daemon_figures(cpu)


def daemon_figures(cpu: int) -> None:
    """Start to READY, resident memory and processor share of the real daemon on the bundled clip."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"camera: {{source: 'file:{bundled_clip()}', loop: true}}\nstorage: {{directory: {folder}/state}}\n"
        )
        starts = [start_to_ready(config, None) for _ in range(5)]
        console.print(
            f"start to READY, 5 starts: median {sorted(starts)[2]:.2f} s, worst {max(starts):.2f} s (goal: under 2 s)"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "npng_edge", "run", "-c", str(config)], stderr=subprocess.DEVNULL
        )
        try:
            os.sched_setaffinity(process.pid, {cpu})
            daemon = psutil.Process(process.pid)
            time.sleep(10)
            daemon.cpu_percent(None)
            time.sleep(20)
            share, memory = daemon.cpu_percent(None), daemon.memory_info().rss / 2**20
        finally:
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            process.wait(10)
        console.print(f"SIGTERM to the end: {time.monotonic() - begun:.2f} s (goal: under 2 s)")
        console.print(
            f"the daemon at 10 frames a second: {share:.0f} % of one core (video decoding included), "
            f"{memory:.0f} MiB resident (goal: under 250)"
        )


def machine() -> str:
    """Processor and cores, as the kernel names them."""
    return f"{processor()}, {platform.machine()}"


def libraries() -> str:
    """The versions that decide the speed."""
    return ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "opencv-python-headless", "onnxruntime", "ai-edge-litert")
    )


if __name__ == "__main__":
    main()
