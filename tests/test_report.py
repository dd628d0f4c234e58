"""The reports: self-contained, honest about what is unknown, safe against names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import pytest

from npng_edge.lines import ClipLine, StillLine, clip_line, still_line
from npng_edge.report.charts import MAX_POINTS, Axis, Band, Curve, chart, clock, strip, thin
from npng_edge.report.clip import Clip, Finding, clip_report
from npng_edge.report.keyframes import SIZE, Picture, Role, thumbnail
from npng_edge.report.page import LOOK_ALIKES, REASONS, About
from npng_edge.report.stills import Still, stills_report
from npng_edge.settings import Policy
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    AlarmKind,
    Assessment,
    BaselineOrigin,
    Box,
    EyeClosure,
    Face,
    LookAlike,
    Pose,
    Priority,
    Reading,
    Reason,
    Threshold,
)

ABOUT = About(datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc), "npng-edge 1.2.3", {"action-units": "0123456789abcdef"})
FACE = Face(Box(1, 2, 30, 40), Pose(1.26, 2, 3), 0.8)
UNITS = ActionUnits(
    MappingProxyType(dict.fromkeys(ACTION_UNITS, 1.234)),
    EyeClosure(0.2, 0.9),
    MappingProxyType(dict.fromkeys(ACTION_UNITS, 0.351)),
)
PAIN = Finding("pain", AlarmKind.PHYSIOLOGICAL, Priority.MEDIUM, 1.0, 3.0, 7.5, 8.2, 4.0, "PSPI 6.1 (no baseline yet).")
HOSTILE = "<script>alert('x')</script>&\"ward\".mp4"


def judged(pspi: float | None, above: float | None = None, *reasons: Reason) -> Assessment:
    return Assessment(
        time=0.0,
        pspi=pspi,
        pspi_error=None if pspi is None else 0.62,
        pspi_above_baseline=above,
        reasons=reasons,
        baseline=BaselineOrigin.NONE,
        look_alike=None,
        pain=False,
        threshold=Threshold(4.0, 7.0, 4.0, "configured"),
        level=None,
        trend=None,
        confidence=None,
        since=None,
        minutes_above=0.0,
        vas=None,
        asymmetry=None,
    )


def scored(index: int, time: float, pspi: float) -> ClipLine:
    return clip_line(index, Reading(index, time, 1, FACE, UNITS), judged(pspi), None)


def unseen(index: int, time: float, reason: Reason = Reason.OCCLUDED) -> ClipLine:
    return clip_line(index, Reading(index, time, 1, FACE, None, (reason,)), judged(None, None, reason), None)


def clip(name: str = "clip.mp4", **changes: Any) -> Clip:
    lines = [scored(index, index / 10, 8.0 if 10 <= index <= 60 else 0.5) for index in range(100)]
    lines[70:80] = [unseen(index, index / 10) for index in range(70, 80)]
    whole = Clip(name, lines, (PAIN,), ((8.0, 9.0, "smile"),), (), None)
    return replace(whole, **changes)


def picture(role: Role, time: float, score: float | None, note: str = "") -> Picture:
    return Picture(time, role, note, score, thumbnail(np.full((120, 160, 3), 90, np.uint8), FACE.box))


def test_a_line_has_exactly_the_promised_keys_and_null_for_what_is_unknown() -> None:
    common = [
        "face", "people", "box", "quality", "reasons", "pose", "au", "au_error", "eyes_closed", "pspi", "pspi_error",
        "pspi_above_baseline", "pain_probability", "asymmetry", "alarm",
    ]  # fmt: skip
    reading = Reading(3, 0.12345, 1, FACE, UNITS, (), pain_probability=0.98765, asymmetry=0.1)
    known = clip_line(3, reading, judged(3.456, 1.2), "pain")
    assert list(known) == ["frame", "time", *common]
    assert known["time"] == 0.123
    assert known["box"] == [1.0, 2.0, 30.0, 40.0]
    assert known["pose"] == {"yaw": 1.3, "pitch": 2.0, "roll": 3.0}
    assert known["au"] == dict.fromkeys(ACTION_UNITS, 1.23)
    assert known["au_error"] == dict.fromkeys(ACTION_UNITS, 0.35)
    assert known["eyes_closed"] == {"left": 0.2, "right": 0.9}
    assert (known["pspi"], known["pspi_above_baseline"], known["pain_probability"]) == (3.46, 1.2, 0.988)
    assert known["pspi_error"] == 0.62
    assert (known["asymmetry"], known["alarm"], known["reasons"]) == (0.1, "pain", [])

    early = clip_line(0, Reading(0, 0.0, 1, FACE, UNITS), judged(None, None, Reason.WARMING_UP), None)
    assert (early["pspi"], early["reasons"]) == (None, ["warming-up"])

    nobody = still_line("a.png", Reading(0, 0.0, 0, None, None, (Reason.NO_FACE,)), None, None)
    assert list(nobody) == ["file", *common]
    assert nobody["face"] is False
    assert nobody["reasons"] == ["no-face"]
    unknown = set(common) - {"face", "people", "reasons"}
    assert {key for key, value in nobody.items() if value is None} == unknown


def test_every_reason_and_every_look_alike_has_words() -> None:
    assert set(REASONS) == {reason.value for reason in Reason}
    assert set(LOOK_ALIKES) == {alike.value for alike in LookAlike}


def test_a_report_needs_nothing_from_outside_itself() -> None:
    pictures = (picture(Role.REST, 0.5, 0.5), picture(Role.PEAK, 4.0, 8.2), picture(Role.UNSEEN, 7.0, None, "occluded"))
    html = clip_report(clip(pictures=pictures), Policy(), ABOUT)
    assert "default-src 'none'" in html
    assert not re.search(r"""(?:href|src)\s*=\s*["'](?!data:image/jpeg;base64,)""", html)
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("data:image/jpeg;base64,") == 3
    assert "npng-edge 1.2.3" in html
    assert "0123456789ab" in html


def test_a_report_says_what_was_found() -> None:
    html = clip_report(clip(), Policy(), ABOUT)
    assert "<strong>1 pain alarm</strong>: 1 s to 7.5 s, PSPI up to 8.2." in html
    assert 'rect class="alarm"' in html
    assert 'rect class="smile"' in html
    assert 'class="threshold"' in html
    assert "not scored: covered" in html
    assert "8.2 at 4 s" in html
    assert "No baseline was learnt" in html


def test_a_report_names_severe_pain_and_each_look_alike_by_its_own_name() -> None:
    severe = replace(PAIN, condition="pain-severe", priority=Priority.HIGH, since=2.0, raised=3.5, end=6.0)
    alikes = ((8.0, 9.0, "smile"), (9.0, 9.5, "talk"), (9.5, 9.75, "smile"))
    html = clip_report(clip(findings=(PAIN, severe), look_alikes=alikes), Policy(), ABOUT)
    assert "PSPI up to 8.2. Severe: 2 s to 6 s.</p>" in html
    assert "<dt>put down to a smile</dt><dd>1.2 s</dd>" in html
    assert "<dt>put down to talk</dt><dd>0.5 s</dd>" in html
    assert "score put down to a smile, talk" in html


def test_a_report_without_anything_scored_says_nothing_about_pain() -> None:
    blind = [unseen(index, index / 10, Reason.NO_FACE) for index in range(20)]
    html = clip_report(clip(lines=blind, findings=(), look_alikes=()), Policy(), ABOUT)
    assert "Nothing could be scored: this says nothing about pain." in html
    assert "No pain alarm" not in html
    assert re.search(r"<dt>highest PSPI</dt><dd>unknown</dd>", html)


def test_a_report_without_frames_names_the_problem() -> None:
    html = clip_report(clip(lines=(), findings=(), look_alikes=(), problem="x.mp4 is no video"), Policy(), ABOUT)
    assert "<strong>Incomplete.</strong> x.mp4 is no video" in html


def test_names_cannot_become_markup() -> None:
    html = clip_report(clip(HOSTILE, problem=HOSTILE), Policy(), ABOUT)
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") >= 3
    still = Still(still_line(HOSTILE, Reading(0, 0.0, 1, FACE, UNITS), 2.0, 0.62), None)
    assert "<script>alert" not in stills_report(HOSTILE, [still], [HOSTILE], Policy(), ABOUT)


def test_the_page_says_whether_it_holds_pictures() -> None:
    assert "handle it as patient data" in clip_report(clip(), Policy(), ABOUT)
    without = clip_report(clip(pictures=None), Policy(), ABOUT)
    assert "This file contains no pictures." in without
    assert "data:image" not in without


def test_the_script_gets_every_moment_in_words() -> None:
    html = clip_report(clip(), Policy(), ABOUT)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    assert found
    rows = json.loads(found[1])["rows"]
    assert len(rows) == 100
    assert rows[75] == [7.5, "7.50 s: not scored (covered)"]
    assert rows[20][1].startswith("2.00 s: PSPI 8.0 ± 0.6 · AU4 1.2, ")


def test_a_curve_has_a_gap_where_nothing_is_known() -> None:
    drawing = chart(
        Axis(0.0, 4.0),
        [Curve([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, None, 2.0, 1.0], "pspi")],
        height=100,
        top=8.0,
        title="t",
    )
    path = re.search(r'class="curve pspi" d="([^"]*)"', drawing)
    assert path
    assert path[1].count("M") == 2


def test_thinning_keeps_every_peak_and_gap() -> None:
    times = [index / 25 for index in range(90_000)]
    values: list[float | None] = [1.0] * 90_000
    values[40_001], values[70_003] = 14.0, None
    points = thin(times, values)
    assert len(points) <= MAX_POINTS * 1.1
    assert (times[40_001], 14.0) in points
    assert any(value is None for _, value in points)
    assert points == sorted(points, key=lambda point: point[0])


def test_a_strip_labels_only_where_there_is_room() -> None:
    drawing = strip(
        Axis(0.0, 100.0), [Band(0.0, 90.0, "scored", "scored"), Band(90.0, 91.0, "hidden", "covered")], title="t"
    )
    assert 'text-anchor="middle">scored</text>' in drawing
    assert "<title>covered</title>" in drawing
    assert ">covered</text>" not in drawing


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0 s"), (4.2, "4.2 s"), (4.248, "4.2 s"), (60.0, "1:00"), (3725.0, "1:02:05")]
)
def test_moments_in_words(seconds: float, words: str) -> None:
    assert clock(seconds) == words


def test_stills_are_ranked_and_the_unseen_come_last() -> None:
    def still(name: str, pspi: float | None) -> Still:
        reading = Reading(0, 0.0, 1, FACE, UNITS if pspi is not None else None, () if pspi else (Reason.DARK,))
        line: StillLine = still_line(name, reading, pspi, None)
        return Still(line, thumbnail(np.zeros((60, 80, 3), np.uint8), None))

    html = stills_report(
        "folder", [still("b.png", 1.0), still("dark.png", None), still("a.png", 9.0)], (), Policy(), ABOUT
    )
    assert html.index("a.png") < html.index("b.png") < html.index("dark.png")
    assert "Not scored: too dark" in html
    assert html.count("data:image/jpeg") == 3


@pytest.mark.parametrize(
    "box", [None, Box(-20, -30, 60, 80), Box(600, 300, 200, 200), Box(300, 150, 4, 5), Box(0, 0, 2000, 2000)]
)
def test_a_thumbnail_has_its_size_wherever_the_face_is(box: Box | None) -> None:
    jpeg = thumbnail(np.full((360, 640, 3), 120, np.uint8), box)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert (image.shape[1], image.shape[0]) == SIZE
