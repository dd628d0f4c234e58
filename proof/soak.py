"""`python -m proof soak`: the whole daemon for a long time, and whether memory, descriptors and database stay flat.

The real `npng-edge run` on a bundled clip in a loop, a ward's broker with TLS, the reference station with a journal, an
assigned patient, and staff who ask for something each minute. The device's record begins full, so that its bound is
reached at once and not after weeks.
"""

from __future__ import annotations

import argparse
import csv
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npng_edge import config
from npng_edge.record.history import MOST_BYTES, Changes, HistoryRow
from npng_edge.record.outbox import Outbox
from npng_edge.record.store import FILE_NAME
from npng_edge.settings import Camera, Place, Seeing, Settings, Storage
from proof.desk import MINUTE_S, Desk, Ear
from proof.flat import Sample, judge
from proof.report import FOLDER, Result, publish
from proof.soak_verdict import OUTBOX_MB, RULES, TOLD, Soaked, figures, median_fps, problems, raised
from proof.station import StationProcess
from proof.usage import MIB, usage
from proof.ward import STATION, Ward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLIP = Path(__file__).parents[1] / "clips" / "patient.mp4"
PLACE = Place(facility="soak", unit="ward", bed="bed-1")
READY_S = 60.0
EPISODE_BYTES = 98_000
"""Of one episode's record, as `docs/mqtt.md` measured it."""
ROWS = 50
LOG = "bed.log"
SAMPLES = "samples.csv"


class Station(StationProcess):
    """The station, with its process number."""

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid


def main(arguments: Sequence[str]) -> int:
    """Soak, print the table, write the files; 1 when anything is not flat."""
    parser = argparse.ArgumentParser("python -m proof soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--folder", type=Path, help="of the run, kept; without it a temporary one, kept as well")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for soak.json and soak.png")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"Run in {folder}")
    soaked, samples = soak(folder, given.minutes * MINUTE_S, given.fps, given.every)
    command = f"python -m proof soak --minutes {given.minutes:g} --fps {given.fps:g}"
    status = publish(Result("soak", "the whole daemon", command, soaked.passed, figures(soaked)), given.output)
    try:
        from proof.soak_plot import draw  # noqa: PLC0415 - only where matplotlib is (the extra `simulate`)
    except ImportError:
        print("No plot: matplotlib is not installed.")
    else:
        draw(given.output / "soak.png", samples)
    return status


def soak(
    folder: Path, seconds: float, fps: float, every: float, minute_s: float = MINUTE_S
) -> tuple[Soaked, list[Sample]]:
    """Run everything for a time, and judge.

    Args:
        folder: Of the run; keeps logs, database, journal and samples.
        seconds: How long, from the moment the bed is online.
        fps: Frames a second.
        every: Seconds between two samples.
        minute_s: How long a minute of the staff is.

    Returns:
        The verdict, and what it was made of.
    """
    with ExitStack() as running:
        ward = Ward(folder / "broker", "ear", "desk")
        running.callback(ward.close)
        ward.start()
        broker = ward.station(STATION).model_dump(mode="json")
        station = Station(folder / "station", ward.port, name=STATION, settings={"broker": broker})
        running.callback(station.close)
        station.start()
        fill(folder / "state")
        bed = start_bed(folder, ward, fps)
        running.callback(bed.kill)
        ear = Ear(ward.station("ear"), PLACE)
        running.callback(ear.client.stop)
        if not ear.wait_online(READY_S):
            raise RuntimeError(f"the bed does not come online: {(folder / LOG).read_text()[-2000:]}")
        desk = Desk(ward.station("desk"), ear, PLACE, minute_s)
        desk.start()
        processes = {"bed": bed.pid, "station": station.pid, "broker": ward.pid or 0}
        begun = usage(bed.pid).processor_s
        samples = sample(folder, processes, ear, seconds, every)
        processor = (usage(bed.pid).processor_s - begun) / (samples[-1].at_s - samples[0].at_s)
        desk.stop()
        bed.send_signal(signal.SIGTERM)
        ended = bed.wait(READY_S)
        wrong = [f"the daemon ended with status {ended}"] if ended else []
        heard, log = station.heard(), (folder / LOG).read_text(encoding="utf-8")
        wrong += problems(samples, fps, heard, folder / "state" / FILE_NAME, desk.answers, log)
        verdict = Soaked(
            seconds=samples[-1].at_s,
            fps=median_fps(samples),
            findings=judge(samples, RULES),
            problems=wrong,
            raised=raised(heard),
            alarms=len(heard),
            answers=desk.answers,
            processor=processor,
        )
        return verdict, samples


def fill(directory: Path) -> None:
    """Make the record of a device that has been in use until its space was full."""
    outbox = Outbox(directory, boot_id="earlier", max_bytes=OUTBOX_MB * MIB)
    body = b"{}" + b" " * EPISODE_BYTES
    for stay in range(MOST_BYTES // EPISODE_BYTES // ROWS + 1):
        utc = time.time() - 3600
        rows = [HistoryRow(f"earlier-{stay}", "episode", f"{stay}-{row}", utc, body) for row in range(ROWS)]
        outbox.commit(changes=Changes(rows=rows, ended=(f"earlier-{stay}", utc)))
    outbox.close()


def start_bed(folder: Path, ward: Ward, fps: float) -> subprocess.Popen[bytes]:
    """Start the daemon as systemd would."""
    settings = Settings(
        place=PLACE,
        camera=Camera(source=f"file:{CLIP}", loop=True, fps=fps),
        seeing=Seeing(max_fps=fps),
        broker=ward.bed(PLACE),
        storage=Storage(directory=folder / "state", max_mb=OUTBOX_MB),
    )
    file = folder / "bed.yaml"
    file.write_text(config.dump(settings), encoding="utf-8")
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "npng_edge", "run", "-c", str(file)], stderr=log)


def sample(folder: Path, processes: Mapping[str, int], ear: Ear, seconds: float, every: float) -> list[Sample]:
    """Take figures until the time is over, and write each at once.

    Args:
        folder: Of the run.
        processes: `bed`, `station`, `broker` -> process number.
        ear: Hears the bed's `health`.
        seconds: How long.
        every: Seconds between two.

    Raises:
        psutil.NoSuchProcess: One of the processes has ended.
    """
    begun = time.monotonic()
    samples: list[Sample] = []
    with (folder / SAMPLES).open("w", newline="", encoding="ascii") as file:
        names = [*(rule.figure for rule in RULES), *TOLD]
        rows = csv.writer(file)
        rows.writerow(["at_s", *names])
        while not samples or samples[-1].at_s + every / 2 < seconds:
            time.sleep(max(0.0, begun + len(samples) * every - time.monotonic()))
            taken = look(folder, processes, ear)
            samples.append(Sample(round(time.monotonic() - begun, 1), taken))
            rows.writerow([samples[-1].at_s, *(f"{taken[name]:g}" for name in names)])
            file.flush()
    return samples


def look(folder: Path, processes: Mapping[str, int], ear: Ear) -> dict[str, float]:
    """All figures now."""
    found: dict[str, float] = {}
    for name, pid in processes.items():
        taken = usage(pid)
        found[f"{name}_memory_mb"] = taken.memory_mb
        found[f"{name}_descriptors"] = taken.descriptors
        found[f"{name}_threads"] = taken.threads
    database = folder / "state" / FILE_NAME
    found["database_mb"] = _mb(database)
    found["wal_mb"] = _mb(database.with_name(f"{FILE_NAME}-wal"))
    journal = folder / "station" / "journal.sqlite3"
    found["journal_mb"] = _mb(journal) + _mb(journal.with_name(f"{journal.name}-wal"))
    health: Any = ear.newest("health") or {}
    found["outbox_depth"] = health.get("outbox", {}).get("depth", 0)
    found["frames_per_s"] = health.get("inference_fps") or 0.0
    return found


def _mb(file: Path) -> float:
    return file.stat().st_size / MIB if file.exists() else 0.0
