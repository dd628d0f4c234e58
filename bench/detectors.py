"""The face detectors compared on real faces: upright, rolled, near, far, and where there is none.

Run `python -m bench.detectors` (about three minutes); it prints the tables and writes docs/detectors.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from bench.scenes import NEAR_ENOUGH, Scene, empty_patch, four, frames, paste, real_faces, room
from npng_edge.infer.acquire import acquire, look
from npng_edge.infer.detector import DETECTORS, make_detector
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.mesh import FaceMesh
from training.datasets.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from npng_edge.infer.detection import Detection, Detector
    from npng_edge.units import Image

    Search = Callable[[Detector, Image], list[Detection]]

REPOSITORY = Path(__file__).resolve().parent.parent
ROLLS = (0, 30, 60, 90, 120, 150, 180)
SHARES = {"near, 40 %": 0.40, "bedside, 12 %": 0.12}
FAR = {"8 %": 0.08, "5 %": 0.05, "3 %": 0.03}
RIGHT_ROLL = 20.0
"""Degrees by which a roll angle may be wrong: the mesh, which comes next, still fits."""
SEARCHES: dict[str, Search] = {"one upright look": look, "acquire": acquire}


@dataclass
class Tally:
    """What one detector did on some pictures."""

    pictures: int = 0
    found: int = 0
    errors: list[float] = field(default_factory=list)
    """Mean distance of eyes, nose and mouth from the truth, in face widths."""
    false: int = 0
    """Faces found where there is none."""
    seconds: list[float] = field(default_factory=list)

    def add(self, scene: Scene | None, faces: Iterable[Detection], seconds: float) -> None:
        """Count one picture; `scene` is None where there is no face."""
        self.pictures += 1
        self.seconds.append(seconds)
        hit = False
        for face in faces:
            error = None if scene is None else _error(scene, face)
            if error is None:
                self.false += 1
            elif not hit:
                hit = True
                self.found += 1
                self.errors.append(error)

    @property
    def rate(self) -> str:
        """Found, percent."""
        return f"{100 * self.found / max(self.pictures, 1):.0f}"

    @property
    def error(self) -> str:
        """Median error, percent of the face's width."""
        return f"{100 * float(np.median(self.errors)):.1f}" if self.errors else "-"

    @property
    def time(self) -> str:
        """Median and 95th percentile, milliseconds."""
        median, late = np.percentile(self.seconds, (50, 95)) * 1000
        return f"{median:.1f} / {late:.1f}"


def _error(scene: Scene, face: Detection) -> float | None:
    """Of a find in face widths; None when it is not this face, or held for rolled by quite another angle."""
    points = four(face.keypoints)
    if float(np.linalg.norm(points.mean(axis=0) - scene.points.mean(axis=0))) > NEAR_ENOUGH * scene.width:
        return None
    across, truth = points[1] - points[0], scene.points[1] - scene.points[0]
    turn = np.degrees(np.arctan2(across[1], across[0]) - np.arctan2(truth[1], truth[0]))
    if abs((turn + 180) % 360 - 180) > RIGHT_ROLL:
        return None
    return float(np.linalg.norm(points - scene.points, axis=1).mean()) / scene.width


def _run(detector: Detector, search: Search, scenes: Iterable[Scene | Image]) -> Tally:
    tally = Tally()
    for scene in scenes:
        known = scene if isinstance(scene, Scene) else None
        start = time.thread_time()
        faces = search(detector, scene.image if isinstance(scene, Scene) else scene)
        tally.add(known, faces, time.thread_time() - start)
    return tally


def compare(real: Path, clips: Path, say: Callable[[str], None]) -> str:
    """All tables, as Markdown.

    Args:
        real: Folder of the real material: `frl_london`, `expressions`, `distress_then_smile.mp4`.
        clips: Folder of rendered clips; may be empty.
        say: Told what is being done.
    """
    models = Manifest.load(default_models_directory() / FILE_NAME)
    detectors = {name: make_detector(name, models) for name in DETECTORS}
    mesh = FaceMesh(open_model(models, "face-landmark"))
    random = np.random.default_rng(20)
    say("truth from the mesh")
    guide = detectors["blazeface-short"]
    london = list(real_faces(real / "frl_london", guide, mesh, 8))
    posed = list(real_faces(real / "expressions", guide, mesh, 25))
    people = [*london[::6], *posed[::9]]
    parts = []

    say("upright stills")
    rows = []
    for name, detector in detectors.items():
        for what, stills in (("London set", london), ("expressions", posed)):
            tally = _run(detector, look, stills)
            rows.append([name, what, str(tally.pictures), tally.rate, tally.error, str(tally.false), tally.time])
    head = ["detector", "stills", "pictures", "found %", "error %", "false faces", "ms (median / p95)"]
    parts.append("## Upright stills, one look\n\n" + table(head, rows) + "\n")

    for title, share in SHARES.items():
        say(f"rolled, {title}")
        scenes = {roll: [paste(face, share, roll, random) for face in people] for roll in ROLLS}
        rows = []
        for name, detector in detectors.items():
            for search_name, search in SEARCHES.items():
                tallies = [_run(detector, search, scenes[roll]) for roll in ROLLS]
                rows.append([name, search_name, *(tally.rate for tally in tallies), _errors(tallies), tallies[0].time])
        head = ["detector", "search", *(f"{roll}°" for roll in ROLLS), "error %", "ms at 0° (median / p95)"]
        parts.append(f"## Found %, by roll angle: {title} of the picture's width\n\n" + table(head, rows) + "\n")

    say("far")
    rows = []
    for name, detector in detectors.items():
        for roll in (0, 90):
            tallies = [
                _run(
                    detector,
                    acquire,
                    (paste(face, share, roll, np.random.default_rng(i)) for i, face in enumerate(people)),
                )
                for share in FAR.values()
            ]
            rows.append([name, f"{roll}°", *(tally.rate for tally in tallies), _errors(tallies)])
    head = ["detector", "roll", *FAR, "error %"]
    parts.append("## Found %, far faces: their share of the picture's width\n\n" + table(head, rows) + "\n")

    say("no face at all")
    empty: list[Image] = [room(random) for _ in range(12)] + [empty_patch(face, random) for face in london[:12]]
    rows = []
    for name, detector in detectors.items():
        tally = _run(detector, acquire, empty)
        rows.append([name, str(tally.pictures), str(tally.false), tally.time])
    head = ["detector", "pictures", "false faces", "ms for all angles (median / p95)"]
    parts.append("## Pictures without a face\n\n" + table(head, rows) + "\n")

    rows = []
    for clip in (real / "distress_then_smile.mp4", *sorted(clips.glob("*.mp4"))):
        say(clip.name)
        pictures = list(frames(clip, 15))
        found = [
            f"{100 * sum(bool(acquire(detector, picture)) for picture in pictures) / len(pictures):.0f}"
            for detector in detectors.values()
        ]
        rows.append([clip.name, str(len(pictures)), *found])
    head = ["clip", "frames", *detectors]
    parts.append("## Clips: frames in which `acquire` finds a face, %\n\n" + table(head, rows) + "\n")
    return "\n".join(parts)


def _errors(tallies: Iterable[Tally]) -> str:
    return Tally(errors=[error for tally in tallies for error in tally.errors]).error


INTRODUCTION = """# Face detectors compared

Written by `python -m bench.detectors`. Real faces (Face Research Lab London Set, posed expressions, one clip), as
they are and pasted into made-up rooms of 1280 x 720 pixels. The truth is the face mesh on the upright original. A face
is found when the middle of its points is within a quarter of a face width and, where its roll is asked for, within 20
degrees. *Error* is the median distance of eyes, nose and mouth from the truth in face widths. *One look* is
`acquire.look`: upright only, the whole picture and (BlazeFace) its parts; *acquire* tries all roll angles.
Times are the processor's, on one core.

## The choice

`blazeface-short` is the default. Through parts of the picture it finds every face from 5 % of the picture's width on,
at any roll angle, in a third to a half of the time of the others. `blazeface-full` (the wheel has its sparse variant
only) misses faces that fill the picture and many rolled ones. `mtcnn` places the points of upright faces best and
finds the smallest ones, but takes many faces that lie or stand on their head for upright ones, and costs the most.
The mesh, which is fitted to every find before anything is read from it, removes false faces of all three.
"""


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=REPOSITORY.parent / "shared" / "data" / "real")
    parser.add_argument("--clips", type=Path, default=REPOSITORY / "clips")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "detectors.md")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    text = INTRODUCTION + "\n" + compare(arguments.real, arguments.clips, lambda what: print(f"... {what}", flush=True))
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
