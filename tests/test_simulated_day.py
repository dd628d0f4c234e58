from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from npng_edge.policy import events
from npng_edge.policy.face.pspi import pspi
from npng_edge.record.event_log import EventWriter, read_events
from npng_edge.settings import Pain, Policy
from npng_edge.units import Phase
from simulation import day, look_alikes
from simulation.patient import Act, person, see
from simulation.run import RUN, run
from simulation.stream import readings, stream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from npng_edge.policy.events import Event
    from npng_edge.units import Moment, Transition

SETTINGS = Pain()


def transitions(happening: Iterable[tuple[Moment, Event]]) -> list[Transition]:
    return [made for one in run(happening, Policy(), nurse_s=30.0) for made in one.decisions.transitions]


def short_stay(seed: int = 5) -> list[tuple[Moment, Event]]:
    """Twelve minutes with two pains of PSPI 7, the second while somebody is there."""
    rng = np.random.default_rng(seed)
    who = person(rng, "sim-test")
    acts = (Act("talk", 150, 40), Act("pain", 300, 20, 7.0), Act("care", 500, 90), Act("pain", 520, 30, 7.0))
    return list(stream(who, acts, see(who, acts, 720.0, 2.0, rng), rng))


def test_the_same_seed_is_the_same_day_and_another_seed_another() -> None:
    first, again, other = (list(day.events(seed, 0.2, 2.0, begin=9.0)[1]) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_events_come_in_order_and_all_kinds_are_there() -> None:
    stay = short_stay()
    times = [moment.time for moment, _ in stay]
    assert times == sorted(times)
    assert {event.kind for _, event in stay} == {"seen", "tick", "measured", "asked"}
    assert [event.name for _, event in stay if isinstance(event, events.Asked)][:2] == ["assign", "rate"]
    assert any(event.reading.people == 2 for _, event in stay if isinstance(event, events.Seen))


@pytest.mark.parametrize("strength", [3.0, 6.0, 10.0])
def test_a_pain_shows_the_pspi_it_is_told_to(strength: float) -> None:
    rng = np.random.default_rng(3)
    who = person(rng, "sim-test")
    acts = (Act("pain", 100.0, 60.0, strength),)
    shown = {
        reading.time: pspi(reading.action_units)
        for reading in readings(see(who, acts, 200.0, 5.0, rng), rng)
        if reading.action_units
    }
    rest = np.median([value for time, value in shown.items() if time < 90])
    apex = np.median([value for time, value in shown.items() if 105 < time < 155])
    assert apex - rest == pytest.approx(strength, abs=0.7)


def test_the_heart_answers_to_pain() -> None:
    beats = {
        moment.time: event.vitals.heart_rate
        for moment, event in short_stay()
        if isinstance(event, events.Measured) and event.vitals.heart_rate is not None
    }
    assert beats[360.0] > max(beats[180.0], beats[240.0]) + 5


def test_pains_are_alarmed_in_time_by_the_whole_policy_and_acknowledged() -> None:
    made = transitions(short_stay())
    starts = [one.time for one in made if one.alarm.condition == "pain" and one.phase is Phase.START]
    assert len(starts) == 2
    assert 300 < starts[0] < 306
    assert 520 < starts[1] < 526
    assert any(one.alarm.by == "nurse 1" for one in made)


def test_a_replay_of_the_log_gives_the_same_alarms(tmp_path: Path) -> None:
    stay = short_stay()
    writer = EventWriter(tmp_path / "events.jsonl", run=RUN, max_bytes=2**30)
    for moment, event in stay:
        writer.write(moment, event)
    writer.close()
    assert transitions(read_events(tmp_path / "events.jsonl")) == transitions(stay)


def test_hours_of_look_alikes_raise_nothing() -> None:
    scene = look_alikes.painless(2, 12.0, 2.0)
    waking = {act.kind for act in scene.acts}
    assert {"talk", "smile", "laugh", "yawn", "squint", "chew", "sleep", "down"} <= waking
    judged = look_alikes.judge(scene.seen, SETTINGS)
    assert int((judged.scores >= SETTINGS.threshold_vas).sum()) > 5  # They do look like pain.
    assert look_alikes.default_alarms(judged, SETTINGS) == []


def test_every_pain_of_pspi_6_for_10_s_is_alarmed_within_15_s_by_the_whole_policy() -> None:
    found = []
    for seed in (0, 1):
        scene = look_alikes.episodes(seed, (6.0, 10.0), 5, 2.0)
        raised = [at for at, condition in look_alikes.through_the_daemon(scene, seed) if condition == "pain"]
        assert raised == look_alikes.default_alarms(look_alikes.judge(scene.seen, SETTINGS), SETTINGS)
        found += look_alikes.delays(scene.acts, raised)
    assert len(found) == 10
    assert all(delay is not None and delay < 5.0 for delay in found)


def test_the_day_command_writes_a_log_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "day.jsonl"
    day.main(["--seed", "3", "--hours", "0.1", "--output", str(path)])
    assert "alarms: " in capsys.readouterr().out
    kinds = [event.kind for _, event in read_events(path)]
    assert kinds.count("seen") == 720
    assert "asked" in kinds
