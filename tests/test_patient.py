"""The synthetic patient through pipeline and policy: one alarm for pain, none for anything that looks like it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from npng_edge.capture.frames import frames
from npng_edge.infer.pipeline import Pipeline
from npng_edge.policy import monitor
from npng_edge.settings import Camera, Policy, Seeing
from npng_edge.units import Phase

CLIPS = Path(__file__).parent.parent / "clips"
EVERY = 3
"""Of the frames, five a second are read."""


@pytest.mark.parametrize(
    ("clip", "alarms", "people"),
    [
        ("rest", 0, 1),
        ("pain", 1, 1),
        ("smile-talk", 0, 1),
        ("sleep", 0, 1),
        ("turned-away", 0, 1),
        ("hand", 0, 1),
        ("second-person", 0, 2),
    ],
)
def test_the_clip_gives_the_alarms_that_its_truth_asks_for(clip: str, alarms: int, people: int) -> None:
    with (CLIPS / f"{clip}.csv").open(newline="") as lines:
        truth = list(csv.DictReader(lines))
    pipeline, state, settings = Pipeline(Seeing()), monitor.State(), Policy()
    started, most, hidden, scored_hidden, scored_seen = 0, 0, 0, 0, 0
    read = [frame for frame in frames(Camera(), str(CLIPS / f"{clip}.mp4")) if frame.sequence % EVERY == 0]
    for frame in read:
        reading = pipeline.read(frame)
        state, _, decisions = monitor.on_reading(state, reading, settings)
        started += sum(made.phase is Phase.START and made.alarm.condition == "pain" for made in decisions.transitions)
        most = max(most, reading.people)
        is_hidden = truth[frame.sequence]["face_visible"] == "0"
        hidden += is_hidden
        if reading.action_units is not None:
            scored_hidden += is_hidden
            scored_seen += not is_hidden
    assert started == alarms
    assert most == people
    assert scored_seen >= 0.85 * (len(read) - hidden)
    assert scored_hidden <= 0.15 * hidden
