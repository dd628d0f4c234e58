"""The synthetic patient through pipeline and policy: one alarm for pain, none for anything that looks like it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from npng_edge.analyze import follow
from npng_edge.capture.frames import frames
from npng_edge.infer.pipeline import Pipeline
from npng_edge.settings import Camera, Policy, Seeing
from npng_edge.units import Change

CLIPS = Path(__file__).parent.parent / "clips"
EVERY = 3
"""Of the frames, five a second are read."""


@pytest.mark.parametrize(
    ("clip", "alarms", "people"),
    [
        ("rest", [], 1),
        ("pain", ["pain", "pain-severe"], 1),
        ("smile-talk", [], 1),
        ("sleep", [], 1),
        ("turned-away", [], 1),
        ("hand", [], 1),
        ("second-person", [], 2),
        ("patient", ["pain", "pain-severe"], 1),
    ],
)
def test_the_clip_gives_the_alarms_that_its_truth_asks_for(clip: str, alarms: list[str], people: int) -> None:
    with (CLIPS / f"{clip}.csv").open(newline="") as lines:
        truth = list(csv.DictReader(lines))
    settings = Policy()
    read = [frame for frame in frames(Camera(), str(CLIPS / f"{clip}.mp4")) if frame.sequence % EVERY == 0]
    raised: dict[str, float] = {}
    ended: dict[str, float] = {}
    most, hidden, scored_hidden, scored_seen = 0, 0, 0, 0
    for step in follow(read, Pipeline(Seeing()), settings):
        for made in step.transitions:
            if made.change is Change.RAISED and made.alarm.condition in ("pain", "pain-severe"):
                assert made.alarm.condition not in raised
                raised[made.alarm.condition] = made.time
            elif made.change in (Change.ENDED, Change.LATCHED):
                ended[made.alarm.condition] = made.time
        most = max(most, step.reading.people)
        is_hidden = truth[step.frame.sequence]["face_visible"] == "0"
        hidden += is_hidden
        if step.assessment.pspi is not None:
            scored_hidden += is_hidden
            scored_seen += not is_hidden
    assert sorted(raised) == alarms
    assert most == people
    assert scored_seen >= 0.85 * (len(read) - hidden)
    assert scored_hidden <= 0.15 * hidden

    for condition, limit in (("pain", 4.0), ("pain-severe", 7.0)):
        true = [float(row["time"]) for row in truth if float(row["pspi_true"]) >= limit]
        assert bool(true) is (condition in raised)
        if true:
            assert (
                true[0] + settings.pain.on_delay_s - 0.5
                <= raised[condition]
                <= true[0] + settings.pain.on_delay_s + 1.5
            )
            assert true[-1] < ended[condition] <= true[-1] + settings.pain.off_delay_s + 1.5
