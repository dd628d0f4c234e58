from __future__ import annotations

import threading
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from npng_edge import host
from npng_edge.infer.runtime import ModelError
from npng_edge.infer.stage import InferenceStage
from npng_edge.latest import Latest
from npng_edge.measure import Durations, Rate
from npng_edge.stage import Stage
from npng_edge.units import Frame, Reading

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0
TIMINGS = MappingProxyType({"total": 0.001})


def test_the_slot_keeps_only_the_newest_and_counts_the_rest() -> None:
    slot: Latest[int] = Latest()
    assert slot.take(0.0) is None
    for value in range(5):
        slot.put(value)
    assert slot.take(0.0) == 4
    assert slot.take(0.0) is None
    assert slot.dropped == 4


def test_a_waiting_reader_is_woken() -> None:
    slot: Latest[str] = Latest()
    taken: list[str | None] = []
    reader = threading.Thread(target=lambda: taken.append(slot.take(WAIT_S)))
    reader.start()
    slot.put("frame")
    reader.join(WAIT_S)
    assert taken == ["frame"]


class Turning(Stage):
    def __init__(self, turns: int, died: list[str], done: threading.Event) -> None:
        def on_death(name: str, error: BaseException) -> None:
            died.append(f"{name}: {error}")
            done.set()

        super().__init__("turning", on_death)
        self.left = turns
        self.reached = threading.Event()

    def turn(self) -> None:
        if self.left == 0:
            raise ValueError("out of turns")
        self.left -= 1
        self.reached.set()
        self._stopping.wait(0.001)


def test_a_stage_beats_until_it_is_stopped() -> None:
    died: list[str] = []
    stage = Turning(-1, died, threading.Event())
    before = stage.beat
    stage.start()
    assert stage.reached.wait(WAIT_S)
    assert stage.stop(WAIT_S)
    assert stage.beat > before
    assert died == []


def test_a_stage_that_dies_says_who_and_why() -> None:
    died: list[str] = []
    done = threading.Event()
    Turning(3, died, done).start()
    assert done.wait(WAIT_S)
    assert died == ["turning: out of turns"]


class Eye:
    timings = TIMINGS

    def read(self, frame: Frame) -> Reading:
        return Reading(frame.sequence, frame.time, 0, None, None)


def test_inference_retries_a_missing_model_and_takes_the_newest_frame() -> None:
    frames: Latest[Frame] = Latest()
    readings: list[Reading] = []
    faults: list[str | None] = []
    events = {"fault": threading.Event(), "reading": threading.Event()}

    def missing() -> Eye:
        raise ModelError("models/x.onnx is missing")

    def on_fault(cause: str | None) -> None:
        faults.append(cause)
        events["fault"].set()

    def on_reading(reading: Reading, timings: object) -> None:
        assert timings is TIMINGS
        readings.append(reading)
        events["reading"].set()

    stage = InferenceStage(
        frames, on_reading=on_reading, on_fault=on_fault, on_death=lambda name, error: pytest.fail(f"{name} {error}")
    )
    stage.use(missing, 100.0)
    stage.start()
    assert events["fault"].wait(WAIT_S)
    assert faults == ["models/x.onnx is missing"]
    picture = np.zeros((4, 4, 3), np.uint8)
    for number in range(3):
        frames.put(Frame(number, float(number), picture))
    assert readings == []
    stage.use(Eye, 100.0)
    assert events["reading"].wait(WAIT_S)
    assert stage.stop(WAIT_S)
    assert faults[-1] is None
    assert [reading.sequence for reading in readings] == [2]


def test_percentiles_are_of_the_newest_samples() -> None:
    durations = Durations()
    assert durations.percentiles() is None
    for value in range(1, 301):
        durations.add(float(value))
    assert durations.percentiles() == (251.0, 296.0)


def test_a_rate_forgets_what_is_older_than_its_span() -> None:
    rate = Rate(0.0)
    assert rate.per_second(0.0) == 0.0
    for second in range(1, 31):
        for _ in range(10 if second <= 15 else 4):
            rate.add()
        seen = rate.per_second(float(second))
        if second == 10:
            assert seen == pytest.approx(10.0)
    assert seen == pytest.approx(4.0)


def test_the_host_tells_what_it_knows(tmp_path: Path) -> None:
    free = host.disk_free_mb(tmp_path)
    assert free is not None
    assert free > 0
    assert host.disk_free_mb(tmp_path / "absent") is None
    memory = host.memory_mb()
    assert memory is not None
    assert 1 < memory < 10_000
    temperature = host.temperature_c()
    assert temperature is None or -50 < temperature < 150
    assert host.clock_synchronised() in (True, False, None)
