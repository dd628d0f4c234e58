"""The synthetic patient: short clips of a rendered person in bed, each with the truth beside it.

They show that the appliance's parts work together. They say nothing about how well it reads real people.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from training.world import face_model, ward
from training.world.script import CLIPS, RATE
from training.world.studio import Shot, Studio

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[2] / "clips"
"""Where the clips of the repository lie."""


def make(data: Path = face_model.DEFAULT_PATH, output: Path = FOLDER) -> None:
    """Render every clip of `CLIPS` as `NAME.mp4` (H.264, 640x360, 15 fps) and `NAME.csv` into a folder.

    Args:
        data: the packed face model.
        output: the folder, made if absent.

    Raises:
        FileNotFoundError: the face model, or the program ffmpeg, is missing.
    """
    output.mkdir(parents=True, exist_ok=True)
    studio = Studio(face_model.load(data))
    for name, clip in CLIPS.items():
        write(output / name, studio.shoot(clip))


def write(target: Path, shots: Iterator[Shot]) -> None:
    """Encode shots as `target.mp4` and their truth as `target.csv`."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise FileNotFoundError("ffmpeg is not on PATH; install it (Debian: apt install ffmpeg) to encode clips")
    command = [
        ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{ward.WIDTH}x{ward.HEIGHT}",
        "-r", str(RATE), "-i", "-", "-c:v", "libx264", "-preset", "slow", "-crf", "29", "-pix_fmt", "yuv420p",
        "-threads", "1", "-fflags", "+bitexact", "-movflags", "+faststart", str(target.with_suffix(".mp4")),
    ]  # fmt: skip
    rows: list[dict[str, float]] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        for shot in shots:
            process.stdin.write(shot.image.tobytes())
            rows.append(shot.truth)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    with target.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: round(value, 3) for name, value in row.items()} for row in rows)
