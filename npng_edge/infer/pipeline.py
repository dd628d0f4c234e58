"""One picture in, one Reading out: find or follow the patient's face, judge it, read its action units."""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from npng_edge.infer.acquire import KNOWN_FACE, acquire
from npng_edge.infer.action_units import ActionUnitModel
from npng_edge.infer.align import align, normalise_landmarks, place
from npng_edge.infer.asymmetry import AsymmetryModel, AsymmetryWatch, Sides
from npng_edge.infer.detector import make_detector
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.mesh import SIDE, FaceMesh, Region
from npng_edge.infer.motion import MotionMeter
from npng_edge.infer.occlusion import OcclusionModel
from npng_edge.infer.pain import PainCourse, PainModel, TemporalPainModel
from npng_edge.infer.people import People, continues, inside, overlap
from npng_edge.infer.pose import head_pose
from npng_edge.infer.quality import Measures, assess, outside, sharpness_and_exposure
from npng_edge.units import Box, Face, Reading, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from npng_edge.infer.action_units import Expression
    from npng_edge.infer.detection import Detector
    from npng_edge.infer.detector import Opener
    from npng_edge.infer.mesh import Fit
    from npng_edge.settings import Seeing
    from npng_edge.units import Frame, Image

logger = logging.getLogger(__name__)

MESH, OCCLUSION, ACTION_UNITS = "face-landmark", "occlusion", "action-units"
PAIN, PAIN_TEMPORAL, ASYMMETRY = "pain", "pain-temporal", "asymmetry"
"""Names in the manifest."""
MIN_PRESENCE = 0.5
"""The mesh net's belief below which a region holds no face."""
UPRIGHT_DEG = 30.0
"""A head rolled by more is not found by a search for upright ones."""
FACE_WIDTH = 1.58
"""Width of a face, in distances between the outer eye corners (the mean face of `align`)."""
MAX_FAILURES = 100
"""Kinds of errors that are remembered as logged."""

Seen: TypeAlias = tuple[Box, Region]
"""A face in view: where it is, and where to look for its mesh next."""


@dataclass(frozen=True, slots=True)
class Nets:
    """What a pipeline runs."""

    detector: Detector
    mesh: FaceMesh
    occlusion: OcclusionModel
    action_units: ActionUnitModel
    pain: PainModel
    pain_temporal: TemporalPainModel
    asymmetry: AsymmetryModel
    hashes: Mapping[str, str]
    """SHA-256 of each model file, by the model's name."""

    @classmethod
    def open(cls, seeing: Seeing, opener: Opener = open_model) -> Nets:
        """Load and verify the models that the settings name.

        Args:
            seeing: The settings.
            opener: Opens a model of the manifest, with so many threads; one that times the calls can stand in.

        Raises:
            ModelError: If one is missing, altered or unusable.
        """
        manifest = Manifest.load((seeing.models or default_models_directory()) / FILE_NAME)
        detector = make_detector(seeing.detector, manifest, seeing.threads, opener)
        mesh = FaceMesh(opener(manifest, MESH, seeing.threads))
        occlusion = OcclusionModel(opener(manifest, OCCLUSION, seeing.threads))
        action_units = ActionUnitModel(opener(manifest, ACTION_UNITS, seeing.threads))
        pain = PainModel(opener(manifest, PAIN, seeing.threads))
        pain_temporal = TemporalPainModel(opener(manifest, PAIN_TEMPORAL, seeing.threads))
        asymmetry = AsymmetryModel(opener(manifest, ASYMMETRY, seeing.threads))
        used = {MESH, OCCLUSION, ACTION_UNITS, PAIN, PAIN_TEMPORAL, ASYMMETRY}
        return cls(
            detector,
            mesh,
            occlusion,
            action_units,
            pain,
            pain_temporal,
            asymmetry,
            {
                entry.name: entry.sha256
                for entry in manifest.models
                # A detector of several nets names them after itself.
                if entry.name in used or entry.name.startswith(seeing.detector)
            },
        )


class Pipeline:
    """Reads the patient's face in the pictures of one camera. Not thread-safe."""

    def __init__(self, seeing: Seeing, nets: Nets | None = None) -> None:
        """Get ready to read.

        Args:
            seeing: The settings.
            nets: Opened by the settings when not given.

        Raises:
            ModelError: If a model is missing, altered or unusable.
        """
        self._seeing = seeing
        self._nets = nets or Nets.open(seeing)
        self._timings: dict[str, float] = {}
        self._lap = 0.0
        self._logged: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forget every face, as at the start."""
        self._people: People | None = None
        self._motion = MotionMeter()
        self._region: Region | None = None
        self._box: Box | None = None
        self._roll: float | None = None
        self._rolls = self._rolls_to_try()
        self._next_search = self._next_count = float("-inf")
        self._seen: Expression | None = None
        self._sides: Sides | None = None
        self._course = PainCourse(self._nets.pain_temporal)
        self._watch = AsymmetryWatch(self._nets.asymmetry)

    @property
    def models(self) -> Mapping[str, str]:
        """SHA-256 of each model in use, by name."""
        return self._nets.hashes

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds per step of the last picture.

        The steps are detect, mesh, pose, quality, action_units, pain, asymmetry and motion (those done), and
        total.
        """
        return MappingProxyType(self._timings)

    def read(self, frame: Frame) -> Reading:
        """Read the patient in the next picture of the camera.

        Never raises: a picture that a model fails on gives a reading with `Reason.MODEL_FAILED`.
        """
        return self._guarded(frame, self._follow_and_compare)

    def read_still(self, frame: Frame) -> Reading:
        """Read the largest face of a picture that has nothing to do with any other. Never raises, as `read`."""
        return self._guarded(frame, self._look_once)

    def _guarded(self, frame: Frame, read: Callable[[Frame], Reading]) -> Reading:
        start = self._lap = time.perf_counter()
        self._timings = {}
        try:
            reading = read(frame)
        except Exception as error:  # noqa: BLE001 - whatever a model raises must not stop the watching
            self._region = None
            self._log_once(frame, error)
            reading = _no_score(frame, *self._counts, Reason.MODEL_FAILED)
        self._timings["total"] = time.perf_counter() - start
        return reading

    def _log_once(self, frame: Frame, error: Exception) -> None:
        kind = f"{type(error).__name__}: {error}"
        if kind in self._logged or len(self._logged) == MAX_FAILURES:
            return
        self._logged.add(kind)
        logger.error(
            "picture %d cannot be read, and others that fail alike are not logged: %s",
            frame.sequence,
            kind,
            exc_info=error,
        )

    def _done(self, step: str) -> None:
        """Book the time since the last step on this one."""
        now = time.perf_counter()
        self._timings[step] = self._timings.get(step, 0.0) + now - self._lap
        self._lap = now

    @property
    def _counts(self) -> tuple[int, int]:
        """Faces in view and in the bed region at the last look."""
        return (self._people.in_view, self._people.in_bed) if self._people else (0, 0)

    def _follow_and_compare(self, frame: Frame) -> Reading:
        """Read the patient, judge the last seconds, and measure what moved since the last picture."""
        reading = self._compare(frame, self._judge(frame, self._follow(frame), self._course), self._watch)

        def add() -> Reading:
            return replace(reading, motion=self._motion.measure(frame, reading.face))

        return self._beside("motion", frame, reading, add)

    def _judge(self, frame: Frame, reading: Reading, course: PainCourse | None) -> Reading:
        """Add what the models of pain say; a picture by itself has no course."""

        def add() -> Reading:
            temporal = course.see(frame.time, self._seen) if course else None
            probability = self._nets.pain.probability(self._seen) if self._seen else None
            return replace(reading, pain_probability=probability, pain_temporal=temporal)

        return self._beside("pain", frame, reading, add)

    def _compare(self, frame: Frame, reading: Reading, watch: AsymmetryWatch) -> Reading:
        """Add how the two sides of the face compare."""

        def add() -> Reading:
            found = watch.see(frame.time, self._sides)
            return replace(reading, asymmetry=found.probability, weaker=found.weaker) if found else reading

        return self._beside("asymmetry", frame, reading, add)

    def _beside(self, step: str, frame: Frame, reading: Reading, add: Callable[[], Reading]) -> Reading:
        """The reading with what a step adds to it, or as it was when the step fails."""
        self._lap = time.perf_counter()
        try:
            more = add()
        except Exception as error:  # noqa: BLE001 - a score must not be lost for want of a figure beside it
            self._log_once(frame, error)
            return reading
        self._done(step)
        return more

    def _follow(self, frame: Frame) -> Reading:
        """Follow the patient's mesh, or search for the patient when there is none."""
        self._seen = self._sides = None
        fit = self._track(frame)
        if fit is None and frame.time >= self._next_search:
            fit = self._search(frame)
        if fit is None:
            self._region = None
            return _no_score(frame, *self._counts, Reason.NO_FACE)
        if self._box is None or not continues(self._box, fit.box):
            self._course.reset()
            self._watch.reset()
        self._region, self._box = fit.following, fit.box
        self._roll = self._region.roll
        return self._score(frame, fit, *self._counts)

    def _track(self, frame: Frame) -> Fit | None:
        """Fit the mesh where the last picture's leads; None when it is lost or has slipped to another face."""
        if self._region is None or self._box is None:
            return None
        if frame.time >= self._next_count and not self._still_patient(frame, self._box, self._region):
            return None
        fit = self._nets.mesh.fit(frame.image, self._region)
        self._done("mesh")
        return fit if fit.presence >= MIN_PRESENCE and continues(self._box, fit.box) else None

    def _still_patient(self, frame: Frame, box: Box, region: Region) -> bool:
        """Count the faces in view; whether the one that is followed is still taken for the patient's."""
        seen = [(box, region)]
        for roll in (0.0,) if abs(region.roll) < UPRIGHT_DEG else (0.0, region.roll):
            seen += self._faces(frame.image, roll, seen)
        self._people = self._look(frame, seen)
        self._next_count = frame.time + self._seeing.people_s
        return self._people.patient_in_view is box

    def _search(self, frame: Frame) -> Fit | None:
        """Look for the patient at one roll angle, the next search at another; others found there are counted."""
        self._next_search = frame.time + self._seeing.search_s
        self._next_count = frame.time + self._seeing.people_s
        seen = self._faces(frame.image, next(self._rolls), ())
        self._people = self._look(frame, seen)
        regions = [region for box, region in seen if box is self._people.patient_in_view]
        if not regions:
            return None
        self._rolls = self._rolls_to_try()
        return self._refit(frame.image, regions[0])

    def _rolls_to_try(self) -> Iterator[float]:
        """Every angle that the detector needs, over and over; before each that of the last face, if there was one."""
        for roll in itertools.cycle(self._nets.detector.rolls):
            if self._roll is not None:
                yield self._roll
            yield roll

    def _look_once(self, frame: Frame) -> Reading:
        """Find the largest face at the first roll angle that shows any."""
        self._seen = self._sides = None
        seen: list[Seen] = []
        for roll in self._nets.detector.rolls:
            seen += self._faces(frame.image, roll, ())
            if seen:
                break
        bed = self._bed(frame.image)
        in_bed = sum(inside(box, bed) for box, _ in seen)
        _, region = max(seen, key=lambda face: face[0].width * face[0].height, default=(None, None))
        fit = self._refit(frame.image, region) if region else None
        if fit is None:
            return _no_score(frame, len(seen), in_bed, Reason.NO_FACE)
        reading = self._judge(frame, self._score(frame, fit, len(seen), in_bed), None)
        return self._compare(frame, reading, AsymmetryWatch(self._nets.asymmetry))

    def _faces(self, image: Image, roll: float, known: Sequence[Seen]) -> list[Seen]:
        """Faces rolled by about `roll` degrees that the mesh confirms, without those known already."""
        found = acquire(self._nets.detector, image, (roll,), known=[box for box, _ in known])
        self._done("detect")
        seen: list[Seen] = []
        for face in found:
            if any(overlap(face.box, box) > KNOWN_FACE for box, _ in seen):
                continue
            fit = self._nets.mesh.fit(image, Region.around(face.box, face.roll_degrees))
            if fit.presence >= MIN_PRESENCE:
                seen.append((fit.box, fit.following))
        self._done("mesh")
        return seen

    def _refit(self, image: Image, region: Region) -> Fit | None:
        """The mesh once more, from a region that the mesh itself has placed."""
        fit = self._nets.mesh.fit(image, region)
        self._done("mesh")
        return fit if fit.presence >= MIN_PRESENCE else None

    def _look(self, frame: Frame, seen: Sequence[Seen]) -> People:
        """Everybody known, after a look at these faces."""
        bed = self._bed(frame.image)
        known = self._people if self._people is not None and self._people.bed == bed else People(bed)
        return known.look([box for box, _ in seen], frame.time)

    def _bed(self, image: Image) -> Box:
        """The bed region in pixels of this picture."""
        height, width = image.shape[:2]
        x, y, w, h = self._seeing.bed_region
        return Box(x * width, y * height, w * width, h * height)

    def _score(self, frame: Frame, fit: Fit, people: int, in_bed: int) -> Reading:
        """Judge the face, and read its action units when it is seen well enough."""
        placement = place(fit.in_drawn)
        pose = head_pose(placement, fit.region.roll)
        self._done("pose")
        crop = align(fit.drawn, fit.in_drawn, placement)
        sharpness, exposure = sharpness_and_exposure(crop)
        measures = Measures(
            width=FACE_WIDTH * placement.size * fit.region.size / SIDE,
            sharpness=sharpness,
            exposure=exposure,
            outside=outside(fit.landmarks, frame.image.shape[:2]),
            occlusion=self._nets.occlusion.covered(crop),
        )
        quality, reasons = assess(measures, pose, self._seeing.quality)
        self._done("quality")
        if not reasons:
            mesh = normalise_landmarks(fit.in_drawn, placement)
            self._seen = self._nets.action_units.score(crop, mesh)
            self._sides = Sides(mesh, crop, pose)
        self._done("action_units")
        units = self._seen.units if self._seen else None
        return Reading(frame.sequence, frame.time, people, Face(fit.box, pose, quality), units, reasons, in_bed)


def _no_score(frame: Frame, people: int, in_bed: int, reason: Reason) -> Reading:
    return Reading(frame.sequence, frame.time, people, None, None, (reason,), in_bed)
