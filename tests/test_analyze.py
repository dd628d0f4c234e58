"""Recordings through capture and policy into files and reports.

Most tests read flat coloured pictures: green is the brow's depth, red the smile, black a covered lens. So what must
come out is known exactly, and only the models are left out; one test runs them on a real clip.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from npng_edge.analyze import AnalyzeError, Summary, analyze
from npng_edge.infer.pipeline import Pipeline
from npng_edge.infer.runtime import ModelError
from npng_edge.settings import Camera, Settings
from npng_edge.units import ACTION_UNITS, ActionUnits, Box, EyeClosure, Face, Frame, Pose, Reading, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from npng_edge.units import Image

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
FPS = 20.0
REST, PAIN, SMILE, HIDDEN = (60, 60, 60), (60, 240, 60), (60, 160, 240), (0, 0, 0)


class ColourReader:
    """Reads a face from a flat colour."""

    def __init__(self) -> None:
        self.resets = 0
        self.frames = 0

    def reset(self) -> None:
        self.resets += 1

    def read(self, frame: Frame) -> Reading:
        self.frames += 1
        blue, green, red = (float(channel) for channel in frame.image.reshape(-1, 3).mean(axis=0))
        face = Face(Box(40, 20, 60, 80), Pose(0, 0, 0), 0.9)
        if blue < 30:
            return Reading(frame.sequence, frame.time, 1, face, None, (Reason.OCCLUDED,))
        smile = max(0.0, (red - 60) / 45)
        raised = max(0.0, (green - 60) / 45)
        au = dict.fromkeys(ACTION_UNITS, 0.0) | {"AU12": smile, "AU6": raised, "AU4": 0.0 if smile > 1.5 else raised}
        units = ActionUnits(MappingProxyType(au), EyeClosure(0.1, 0.1))
        return Reading(frame.sequence, frame.time, 1, face, units)

    read_still = read


def pictures(*parts: tuple[tuple[int, int, int], float]) -> Iterator[Image]:
    """Colours for seconds."""
    for colour, seconds in parts:
        for _ in range(round(seconds * FPS)):
            yield np.full((120, 160, 3), colour, np.uint8)


def write(path: Path, images: Iterable[Image], codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (160, 120))
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Warm-up and rest, pain with a second of covered lens in it, rest, then a smile with the same PSPI."""
    story = pictures((REST, 4), (PAIN, 3), (HIDDEN, 1), (PAIN, 1), (REST, 7), (SMILE, 3))
    return write(tmp_path / "clip.mp4", story)


def run(sources: Sequence[Path], output: Path, settings: Settings | None = None, **options: Any) -> Summary:
    return analyze(sources, output, settings or Settings(), ColourReader(), **options)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "readings.jsonl").read_text().splitlines()]


def test_a_clip_becomes_one_line_a_frame_and_a_report(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run([clip], out)
    read = lines(out)
    assert summary == Summary((out / "report.html",), len(read), 1, ())
    assert [line["frame"] for line in read] == list(range(380))
    assert [line["time"] for line in read] == pytest.approx([index / FPS for index in range(380)], abs=2e-3)

    at = {seconds: read[round(seconds * FPS)] for seconds in (1.0, 3.0, 6.5, 7.5, 15.0, 18.0)}
    assert at[1.0]["pspi"] == pytest.approx(0.0, abs=0.2)  # The person was there before: no warm-up.
    assert at[3.0]["pspi"] == pytest.approx(0.0, abs=0.2)
    assert at[3.0]["reasons"] == []
    assert at[6.5]["pspi"] == pytest.approx(8.0, abs=0.3)
    assert at[7.5]["pspi"] is None
    assert at[7.5]["reasons"] == ["occluded"]
    assert at[7.5]["au"] is None
    assert [at[seconds]["alarm"] for seconds in at] == [None, None, "pain", "pain", None, None]

    pain = Settings().policy.pain
    present = [line["time"] for line in read if line["alarm"]]
    assert present[0] == pytest.approx(4.0 + pain.on_delay_s, abs=0.11)
    assert present[-1] == pytest.approx(9.0 + pain.off_delay_s, abs=0.11)


def test_the_report_shows_the_story(clip: Path, tmp_path: Path) -> None:
    run([clip], tmp_path / "out", models={"action-units": "feedbeef" * 8})
    html = (tmp_path / "out" / "report.html").read_text()
    span = r"4 s to [\d.]+ s"
    assert re.search(rf"<strong>1 pain alarm</strong>: {span}, PSPI up to \d\.\d\. Severe: {span}\.", html)
    assert "present at the end" not in html
    for told in (
        "at rest",
        "onset",
        "alarm raised",
        "peak",
        "alarm ended",
        "put down to a smile",
        "not scored: covered",
    ):
        assert f"<b>{told}</b>" in html
    assert "put down to a smile</dt><dd>" in html
    assert "feedbeeffeed" in html


def test_the_peak_of_an_alarm_may_lie_before_it_is_raised(tmp_path: Path) -> None:
    story = pictures((REST, 4), (PAIN, 1), ((60, 170, 60), 3), (REST, 5))
    run([write(tmp_path / "early.mp4", story)], tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text()
    (row,) = re.findall(r"<td class=\"figure\">(\S+) at (\S+) s</td>", html)
    (pictured,) = re.findall(r"<b>peak</b> at (\S+) s, PSPI (\S+)</figcaption>", html)
    assert row == pictured[::-1]
    assert 4.0 <= float(row[1]) <= 5.0
    (tile,) = re.findall(r"<dd>(\S+) <small>at (\S+) s</small>", html)
    assert tile == row


def test_pictures_can_be_left_out(clip: Path, tmp_path: Path) -> None:
    run([clip], tmp_path / "out", pictures=False)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "data:image" not in html
    assert "This file contains no pictures." in html


def test_progress_is_told_to_the_end(clip: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    run([clip], tmp_path / "out", progress=lambda *step: told.append(step))
    assert told[0] == ("clip.mp4", 1, 380)
    assert told[-1] == ("clip.mp4", 380, 380)


def test_several_clips_get_a_folder_each_and_begin_anew(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = write(tmp_path / "other" / "clip.avi", pictures((PAIN, 1)), "MJPG")
    reader = ColourReader()
    summary = analyze([clip, twin], tmp_path / "out", Settings(), reader)
    assert summary.reports == (tmp_path / "out/clip/report.html", tmp_path / "out/clip-2/report.html")
    assert reader.resets == 2
    assert lines(tmp_path / "out" / "clip-2")[0]["frame"] == 0
    assert all(line["alarm"] is None for line in lines(tmp_path / "out" / "clip-2"))


def test_of_a_truncated_clip_what_was_read_is_kept(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.avi", pictures((REST, 2), (PAIN, 4)), "MJPG").read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole[: len(whole) // 2])
    summary = run([cut], tmp_path / "out")
    assert 20 < summary.frames < 100
    assert len(lines(tmp_path / "out")) == summary.frames
    (problem,) = summary.problems
    assert "cut.avi is damaged or cut off" in problem
    assert problem in (tmp_path / "out" / "report.html").read_text()


def test_a_file_that_is_no_video_is_said_and_the_others_are_done(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video")
    summary = run([text, clip], tmp_path / "out")
    assert summary.frames == 380
    (problem,) = summary.problems
    assert "notes.mp4" in problem
    assert problem in (tmp_path / "out" / "notes" / "report.html").read_text()


@pytest.mark.parametrize("stills", [False, True])
def test_a_missing_source_is_said_before_any_work(clip: Path, tmp_path: Path, stills: bool) -> None:  # noqa: FBT001
    with pytest.raises(AnalyzeError, match=r"absent\.mp4 does not exist"):
        run([clip, tmp_path / "absent.mp4"], tmp_path / "out", stills=stills)
    assert not (tmp_path / "out").exists()


def test_a_folder_needs_stills_and_stills_need_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnalyzeError, match="empty is a folder; give --stills"):
        run([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(AnalyzeError, match="empty holds no picture"):
        run([tmp_path / "empty"], tmp_path / "out", stills=True)


def test_an_output_that_cannot_be_written_is_said(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(AnalyzeError, match="out: cannot write the results"):
        run([clip], tmp_path / "out")


def test_stills_are_people_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    for name, colour in (("b.png", PAIN), ("a.png", REST), ("c.png", HIDDEN)):
        cv2.imwrite(str(folder / name), np.full((120, 160, 3), colour, np.uint8))
    (folder / "broken.jpg").write_text("no picture")
    summary = run([folder], tmp_path / "out", stills=True)
    read = lines(tmp_path / "out")
    assert [line["file"] for line in read] == ["a.png", "b.png", "c.png"]
    assert [line["pspi"] for line in read] == [0.0, 8.0, None]
    assert not any("frame" in line or "time" in line for line in read)
    assert all(line["alarm"] is None and line["pspi_above_baseline"] is None for line in read)
    assert (summary.frames, summary.pain_alarms) == (3, 0)
    assert "broken.jpg is no picture that can be read" in summary.problems[0]
    html = (tmp_path / "out" / "report.html").read_text()
    assert html.index("b.png") < html.index("a.png") < html.index("c.png")


def test_the_camera_s_masks_and_rotation_are_applied(clip: Path, tmp_path: Path) -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    settings = Settings(camera=Camera(masks=(everything,), rotation=90))
    run([clip], tmp_path / "out", settings)
    assert all(line["reasons"][0] == "occluded" for line in lines(tmp_path / "out"))


@pytest.mark.shared
def test_real_distress_alarms_and_real_laughter_does_not(tmp_path: Path) -> None:
    source = SHARED / "distress_then_smile.mp4"
    if not source.exists():
        pytest.skip(f"needs {source.name} of the shared material")
    settings = Settings()
    try:
        pipeline = Pipeline(settings.seeing)
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")
    summary = analyze([source], tmp_path / "out", settings, pipeline)
    read = lines(tmp_path / "out")
    assert summary.problems == ()
    assert summary.pain_alarms == 1
    assert len(read) == 472
    raised = [line["time"] for line in read if line["alarm"]]
    assert raised
    assert 1.0 < raised[0] < 5.5
    laughter = [line["alarm"] for line in read if line["time"] > 13.0]
    assert not any(laughter)
