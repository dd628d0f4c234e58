"""Recordings through the same pipeline and policy as the daemon: `readings.jsonl` and a report for each.

Time is the clip's own, so delays and the baseline behave as they would at the bed, however fast the clip is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import cv2

import npng_edge
from npng_edge.capture import images
from npng_edge.capture.camera import SourceError
from npng_edge.capture.ffmpeg import open_video
from npng_edge.capture.frames import frames
from npng_edge.capture.orient import Orientation
from npng_edge.lines import clip_line, rounded, still_line
from npng_edge.policy import monitor
from npng_edge.policy.alarm.conditions import PAINS
from npng_edge.policy.alarm.sustained import RESTING
from npng_edge.policy.events import Arrived, Seen, Tick
from npng_edge.policy.face.pspi import pspi, pspi_error
from npng_edge.policy.stays.profile import Profile
from npng_edge.report.clip import Clip, Finding, clip_report
from npng_edge.report.keyframes import Album, thumbnail
from npng_edge.report.page import About
from npng_edge.report.stills import Still, stills_report
from npng_edge.units import Change, Frame, Moment, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from npng_edge.lines import ClipLine, StillLine
    from npng_edge.settings import Policy, Settings
    from npng_edge.units import Assessment, Reading, Transition

    Progress = Callable[[str, int, int | None], None]
    """Called with a source's name, the frames done and the frames there are (None: unknown)."""

READINGS, REPORT = "readings.jsonl", "report.html"


class AnalyzeError(Exception):
    """Nothing could be analysed at all; the message says why and what to do."""


class Reader(Protocol):
    """What is needed of a pipeline."""

    def read(self, frame: Frame) -> Reading:
        """Everything inferred from one frame of a clip; the face is followed from frame to frame."""
        ...

    def reset(self) -> None:
        """Forget the face that was followed."""
        ...

    def read_still(self, frame: Frame) -> Reading:
        """The same for a still that has nothing to do with the one before."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What an analysis came to."""

    reports: tuple[Path, ...]
    frames: int
    pain_alarms: int
    problems: tuple[str, ...]
    """Clips and stills that could not be read, or not to their end; one sentence each. Not empty: exit non-zero."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What is the same for every source."""

    settings: Settings
    about: About
    pictures: bool
    progress: Progress


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of a clip and what was made of it."""

    frame: Frame
    reading: Reading
    assessment: Assessment
    transitions: tuple[Transition, ...]
    onset: float | None
    """Since when the score is raised; None while it is not."""


def analyze(  # noqa: PLR0913 - the choices of one command
    sources: Sequence[Path],
    output: Path,
    settings: Settings,
    reader: Reader,
    *,
    models: Mapping[str, str] = MappingProxyType({}),
    stills: bool = False,
    pictures: bool = True,
    progress: Progress = lambda _name, _done, _total: None,
) -> Summary:
    """Analyse clips, or folders of stills, and write `readings.jsonl` and `report.html`.

    Args:
        sources: Video files; with `stills` folders of pictures or single pictures.
        output: Folder for the two files; with several sources each gets a folder of its own in it.
        settings: Orientation and masks of the camera, quality gate and policy.
        reader: The pipeline; it is reset before every source.
        models: SHA-256 of each model used, by name, for the report.
        stills: Each picture is a person of its own: no tracking, no baseline, no alarms.
        pictures: Whether thumbnails go into the report.
        progress: Told how far it is.

    Raises:
        AnalyzeError: A source is missing or of the wrong kind, or the output cannot be written.
    """
    _check(sources, stills=stills)
    about = About(datetime.now(timezone.utc), f"npng-edge {npng_edge.__version__}", models)
    task = _Task(settings, about, pictures, progress)
    one = _analyze_stills if stills else _analyze_clip
    total = Summary((), 0, 0, ())
    for source, folder in _folders(sources, output):
        reader.reset()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made = one(source, folder, reader, task)
        except OSError as error:
            raise AnalyzeError(f"{folder}: cannot write the results: {error.strerror or error}") from error
        total = Summary(
            (*total.reports, *made.reports),
            total.frames + made.frames,
            total.pain_alarms + made.pain_alarms,
            (*total.problems, *made.problems),
        )
    return total


def follow(frames: Iterable[Frame], reader: Reader, policy: Policy) -> Iterator[Step]:
    """Read and judge the frames of one clip in turn, as the daemon does with an assigned patient."""
    state = monitor.begin("clip")
    assigned = False
    for frame in frames:
        moment = Moment(frame.time, frame.time, None)
        if not assigned:
            # The person was there before the clip begins: no warm-up.
            before = Moment(frame.time - policy.pain.warm_up_s, frame.time, None)
            state, _ = monitor.step(state, Arrived(Profile("clip", "clip", frame.time)), before, policy)
            assigned = True
        reading = reader.read(frame)
        state, decisions = monitor.step(state, Seen(reading), moment, policy)
        state, timed = monitor.step(state, Tick(), moment, policy)
        pain = state.alarms.sustained.get("pain", RESTING).onset
        assert decisions.assessment is not None
        yield Step(frame, reading, decisions.assessment, decisions.transitions + timed.transitions, pain)


class Findings:
    """The alarms of a clip as they come and go."""

    def __init__(self) -> None:
        self._all: list[Finding] = []
        self._open: dict[str, int] = {}
        """Alarm id -> its place, while its condition is there."""
        self._peak: tuple[float, float] | None = None

    def see(self, step: Step) -> None:
        """Take one step of the clip."""
        for transition in step.transitions:
            self._follow(transition)
        self._follow_peak(step)

    def __iter__(self) -> Iterator[Finding]:
        """In the order in which they were raised."""
        return iter(self._all)

    def _follow(self, made: Transition) -> None:
        alarm, place = made.alarm, self._open.get(made.alarm.id)
        if made.change is Change.RAISED:
            self._open[alarm.id] = len(self._all)
            self._all.append(
                Finding(
                    alarm.condition, alarm.kind, alarm.priority, alarm.since, made.time, None, None, None, alarm.cause
                )
            )
        elif place is not None and (made.phase is Phase.END or made.change is Change.LATCHED):
            # Nobody acknowledges anything in a recording: what is latched is over.
            self._all[place] = replace(self._all[place], end=made.time)
            del self._open[alarm.id]
        elif place is not None:
            self._all[place] = replace(self._all[place], priority=alarm.priority, cause=alarm.cause)

    def _follow_peak(self, step: Step) -> None:
        """The highest score since the onset, look-alikes left out."""
        score, here = rounded(step.assessment.pspi, 2), step.assessment
        if step.onset is None and not here.pain:
            self._peak = None
            return
        if score is not None and here.look_alike is None and (self._peak is None or score > self._peak[0]):
            self._peak = (score, step.frame.time)
        for place in self._open.values():
            if self._all[place].condition in PAINS and self._peak is not None:
                self._all[place] = replace(self._all[place], peak=self._peak[0], peak_time=self._peak[1])


def _check(sources: Sequence[Path], *, stills: bool) -> None:
    for source in sources:
        if not source.exists():
            raise AnalyzeError(f"{source} does not exist; check the path")
        if source.is_dir() and not stills:
            raise AnalyzeError(f"{source} is a folder; give --stills for a folder of stills, or name the clips in it")
        if stills:
            try:
                _list(source)
            except SourceError as error:
                raise AnalyzeError(str(error)) from None


def _folders(sources: Sequence[Path], output: Path) -> Iterator[tuple[Path, Path]]:
    """Where each source's results go: a name that is taken gets a number."""
    if len(sources) == 1:
        yield sources[0], output
        return
    taken: set[str] = set()
    for source in sources:
        stem = source.stem or "source"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        yield source, output / name


def _analyze_clip(source: Path, folder: Path, reader: Reader, task: _Task) -> Summary:
    lines: list[ClipLine] = []
    findings, album, alikes = Findings(), Album() if task.pictures else None, list[tuple[float, str | None]]()
    total, problem = _count(source), None
    with (folder / READINGS).open("w", encoding="utf-8") as readings:
        try:
            for step in follow(frames(task.settings.camera, f"file:{source}"), reader, task.settings.policy):
                made = step.assessment
                alarm = "pain" if made.pain else None
                line = clip_line(len(lines), step.reading, made, alarm)
                readings.write(json.dumps(line, allow_nan=False) + "\n")
                lines.append(line)
                findings.see(step)
                alikes.append((step.frame.time, made.look_alike and made.look_alike.value))
                if album is not None:
                    album.see(step.frame, step.reading, made, step.transitions, step.onset)
                task.progress(source.name, len(lines), total)
        except SourceError as error:
            problem = str(error)
    kept = None if album is None else album.pictures()
    clip = Clip(source.name, lines, tuple(findings), _stretches(alikes), kept, problem)
    report = folder / REPORT
    report.write_text(clip_report(clip, task.settings.policy, task.about), encoding="utf-8")
    pains = sum(finding.condition == "pain" for finding in findings)
    return Summary((report,), len(lines), pains, () if problem is None else (problem,))


def _count(source: Path) -> int | None:
    """Frames the file announces; None when it does not say."""
    video = open_video(str(source), [])
    announced = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    return announced if announced > 0 else None


def _stretches(marks: Sequence[tuple[float, str | None]]) -> list[tuple[float, float, str]]:
    """Runs of the same name: start, end (the next run's start), name."""
    runs = [(name, next(run)[0]) for name, run in groupby(marks, key=lambda mark: mark[1])]
    ends = [start for _, start in runs[1:]] + [mark[0] for mark in marks[-1:]]
    return [(start, end, name) for (name, start), end in zip(runs, ends, strict=True) if name is not None]


def _analyze_stills(source: Path, folder: Path, reader: Reader, task: _Task) -> Summary:
    paths = _list(source)
    made: list[Still] = []
    problems: list[str] = []
    upright = Orientation(task.settings.camera)
    with (folder / READINGS).open("w", encoding="utf-8") as readings:
        for number, path in enumerate(paths):
            image = images.read_still(path)
            if image is None:
                problems.append(f"{path} is no picture that can be read; it is left out")
            else:
                frame = Frame(number, 0.0, upright(image))
                reading = reader.read_still(frame)
                units, face = reading.action_units, reading.face
                scores = (None, None) if units is None else (pspi(units), pspi_error(units))
                line: StillLine = still_line(path.name, reading, *scores)
                readings.write(json.dumps(line, allow_nan=False) + "\n")
                made.append(Still(line, thumbnail(frame.image, face.box if face else None) if task.pictures else None))
            task.progress(source.name, number + 1, len(paths))
    report = folder / REPORT
    report.write_text(stills_report(source.name, made, problems, task.settings.policy, task.about), encoding="utf-8")
    return Summary((report,), len(made), 0, tuple(problems))


def _list(source: Path) -> list[Path]:
    return images.list_stills(source) if source.is_dir() else [source]
