"""Light and sound at the bed: the patterns, the thread, and the lines, which alone are replaced."""

from __future__ import annotations

import logging
import math
import sys
import threading
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npng_edge import config
from npng_edge.indicate.gpio import Gpio
from npng_edge.indicate.output import OutputError
from npng_edge.indicate.patterns import SIGNS, Pattern
from npng_edge.indicate.player import HUNG_S, RETRY_S, TURN_S, Player
from npng_edge.indicate.sound import Aplay
from npng_edge.policy.alarm.local import Signal
from npng_edge.settings import GpioLines, LocalAlarm

WAIT_S = 10.0
PAGE = Path(__file__).parent.parent / "docs" / "local-alarm.md"
BUZZER, RED, YELLOW = 17, 27, 22
ON_GPIO = LocalAlarm(kind="gpio", gpio=GpioLines(buzzer=BUZZER, red=RED, yellow=YELLOW, active_low=(BUZZER,)))


# The patterns


def edges(pattern: Pattern, until: float) -> list[float]:
    """When it goes on, seconds."""
    found, time, before = [], 0.0, False
    while time < until:
        on, left = pattern.at(time)
        if on and not before:
            found.append(time)
        before = on
        time += left + 1e-9
    return found


@pytest.mark.parametrize(("signal", "pulses"), [("HIGH", 10), ("MEDIUM", 3), ("LOW", 1), ("TEST", 1), ("NONE", 0)])
def test_a_burst_has_as_many_pulses_as_on_a_bedside_monitor(signal: str, pulses: int) -> None:
    pattern = SIGNS[Signal[signal]].buzzer
    assert len(edges(pattern, pattern.every_s or 100.0)) == pulses
    if pattern.every_s is not None:
        assert len(edges(pattern, 5 * pattern.every_s)) == 5 * pulses
        assert pattern.length_s < pattern.every_s


def test_lamps_flash_at_the_rates_of_iec_60073() -> None:
    high, medium, low = SIGNS[Signal.HIGH], SIGNS[Signal.MEDIUM], SIGNS[Signal.LOW]
    assert 1.4 <= len(edges(high.red, 100.0)) / 100 <= 2.8
    assert 0.4 <= len(edges(medium.yellow, 100.0)) / 100 <= 0.8
    assert all(low.yellow.at(time)[0] for time in np.arange(0.0, 10.0, 0.01))
    for dark in (high.yellow, medium.red, low.red, SIGNS[Signal.NONE].red, SIGNS[Signal.NONE].yellow):
        assert edges(dark, 100.0) == []


def test_the_test_shows_each_lamp_once_and_ends() -> None:
    sign = SIGNS[Signal.TEST]
    assert [len(edges(pattern, 100.0)) for pattern in (sign.buzzer, sign.red, sign.yellow)] == [1, 1, 1]
    assert sign.round_s < 2.0
    assert [pattern.at(sign.round_s) for pattern in (sign.buzzer, sign.red, sign.yellow)] == [(False, math.inf)] * 3


@given(st.sampled_from(sorted(SIGNS)), st.floats(0, 1e5), st.floats(0, 1, exclude_max=True))
def test_a_level_stays_for_as_long_as_the_pattern_says(signal: Signal, time: float, part: float) -> None:
    sign = SIGNS[signal]
    for pattern in (sign.buzzer, sign.red, sign.yellow):
        on, left = pattern.at(time)
        assert left > 0
        inside = part * max(0.0, min(left, 1e3) - 1e-6)  # Sums of floating-point steps miss the end by less.
        assert pattern.at(time + inside)[0] is on


def test_the_page_shows_the_patterns_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for signal in (Signal.HIGH, Signal.MEDIUM, Signal.LOW):
        sign = SIGNS[signal]
        pulses = len(edges(sign.buzzer, sign.round_s))
        assert (
            f"| {signal.name.lower()} | {pulses} in {sign.buzzer.length_s:g} s, every {sign.buzzer.every_s:g} s |"
            in page
        )


# GPIO: the lines are replaced, where there are any


class Value(Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(Enum):
    OUTPUT = 3


@dataclass(frozen=True)
class LineSettings:
    direction: Direction
    output_value: Value
    active_low: bool


@dataclass
class Chip:
    """Stands for libgpiod and what hangs on its lines."""

    error: Exception | None = None
    """Raised when lines are requested."""
    broken: Exception | None = None
    """Raised when a line is switched."""
    switched: list[tuple[int, bool]] = field(default_factory=list)
    config: dict[int, LineSettings] = field(default_factory=dict)
    held: bool = False
    requested: threading.Event = field(default_factory=threading.Event)
    event: threading.Event = field(default_factory=threading.Event)

    def request_lines(self, path: str, *, consumer: str, config: dict[int, LineSettings]) -> Chip:
        assert (path, consumer) == ("/dev/gpiochip0", "npng-edge")
        if self.error is not None:
            raise self.error
        assert not self.held, "the kernel lends a line once"
        self.held, self.config = True, config
        self.requested.set()
        return self

    def set_value(self, line: int, value: Value) -> None:
        assert self.held
        if self.broken is not None:
            raise self.broken
        self.switched.append((line, value is Value.ACTIVE))
        self.event.set()

    def release(self) -> None:
        self.held = False

    def take(self) -> list[tuple[int, bool]]:
        """What was switched since the last time."""
        switched, self.switched = self.switched, []
        return switched


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Chip:
    made = Chip()
    module, line = ModuleType("gpiod"), ModuleType("gpiod.line")
    vars(module).update(request_lines=made.request_lines, LineSettings=LineSettings)
    vars(line).update(Direction=Direction, Value=Value)
    monkeypatch.setitem(sys.modules, "gpiod", module)
    monkeypatch.setitem(sys.modules, "gpiod.line", line)
    return made


def player(settings: LocalAlarm = ON_GPIO) -> Player:
    return Player(settings, on_death=lambda name, error: pytest.fail(f"{name} {error}"))


def run(play: Player, begin: float, end: float) -> None:
    """Let the time pass, as the stage does: from each change to the next."""
    now = begin
    while now < end:
        now += min(TURN_S, play.step(now)) + 1e-6


def test_lines_are_requested_as_outputs_that_are_off(chip: Chip) -> None:
    play = player()
    play.step(0.0)
    assert chip.config == {
        BUZZER: LineSettings(Direction.OUTPUT, Value.INACTIVE, active_low=True),
        RED: LineSettings(Direction.OUTPUT, Value.INACTIVE, active_low=False),
        YELLOW: LineSettings(Direction.OUTPUT, Value.INACTIVE, active_low=False),
    }
    assert (chip.take(), play.fault) == ([], None)


def test_high_is_ten_pulses_and_a_flashing_red_lamp(chip: Chip) -> None:
    play = player()
    play.show(Signal.HIGH)
    run(play, 0.0, 7.4)
    switched = chip.take()
    assert switched.count((BUZZER, True)) == 10
    assert switched.count((RED, True)) == 15
    assert not any(line == YELLOW for line, _ in switched)


def test_only_connected_lines_are_switched(chip: Chip) -> None:
    play = player(LocalAlarm(kind="gpio", gpio=GpioLines(yellow=YELLOW)))
    play.show(Signal.HIGH)
    run(play, 0.0, 5.0)
    assert chip.take() == []
    play.show(Signal.LOW)
    run(play, 5.0, 6.0)
    assert chip.take() == [(YELLOW, True)]


def test_a_short_alarm_is_heard_for_a_whole_round(chip: Chip) -> None:
    play = player()
    play.show(Signal.MEDIUM)
    run(play, 0.0, 0.1)
    play.show(Signal.NONE)
    run(play, 0.1, 1.9)
    assert chip.take().count((BUZZER, True)) == 3
    run(play, 1.9, 20.0)
    assert chip.take() == []


def test_a_more_urgent_alarm_does_not_wait(chip: Chip) -> None:
    play = player()
    play.show(Signal.MEDIUM)
    run(play, 0.0, 0.1)
    assert chip.take() == [(BUZZER, True), (YELLOW, True)]
    play.show(Signal.HIGH)
    play.step(0.1)
    assert chip.take() == [(RED, True), (YELLOW, False)]


def test_the_self_test_beeps_and_flashes_once_and_the_signal_goes_on(chip: Chip) -> None:
    play = player()
    play.step(0.0)
    play.test()
    run(play, 1.0, 2.1)
    assert chip.take() == [(BUZZER, True), (RED, True), (BUZZER, False), (RED, False), (YELLOW, True)]
    run(play, 2.1, 30.0)
    assert chip.take() == [(YELLOW, False)]
    play.show(Signal.LOW)
    run(play, 30.0, 31.0)
    chip.take()
    play.test()
    run(play, 31.0, 33.0)
    assert chip.take()[-3:] == [(YELLOW, True), (BUZZER, True), (BUZZER, False)]


@pytest.mark.parametrize("signal", [Signal.MEDIUM, Signal.HIGH])
def test_the_self_test_hides_no_alarm(chip: Chip, signal: Signal) -> None:
    """An alarm goes on as if nobody had asked for a test, and one that comes in a test does not wait for its end."""
    seen = []
    for tested in (False, True):
        play = player()
        play.show(signal)
        run(play, 0.0, 4.0)
        if tested:
            play.test()
        run(play, 4.0, 20.0)
        play.close()
        seen.append(chip.take())
    assert seen[0] == seen[1]
    play = player()
    play.test()
    play.step(0.0)
    assert chip.take() == [(BUZZER, True), (RED, True)]
    play.show(signal)
    play.step(0.1)
    assert chip.take() == ([] if signal is Signal.HIGH else [(RED, False), (YELLOW, True)])


def test_when_the_stage_stops_everything_is_off_and_given_back(chip: Chip) -> None:
    play = player()
    play.start()
    play.show(Signal.HIGH)
    assert chip.event.wait(WAIT_S)
    assert play.stop(WAIT_S)
    assert not chip.held
    last = dict(chip.take())
    assert last == {BUZZER: False, RED: False, YELLOW: False}


def test_a_thread_that_sleeps_is_woken(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due for a minute; neither an alarm nor the end waits for it."""
    monkeypatch.setattr("npng_edge.indicate.player.TURN_S", 60.0)
    for signal in (Signal.MEDIUM, Signal.NONE):
        play = player()
        chip.requested.clear()
        play.start()
        assert chip.requested.wait(WAIT_S)
        play.show(signal)
        assert signal is Signal.NONE or chip.event.wait(WAIT_S)
        assert play.stop(WAIT_S)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory"), "gpiodetect lists the chips"),
        (PermissionError(13, "Permission denied"), "let the service use it"),
        (PermissionError(1, "Operation not permitted"), "let the service use it"),
        (OSError(16, "Device or resource busy"), "another program holds a line"),
        (OSError(22, "Invalid argument"), "check the lines"),
        (ValueError("line offset of out range"), "check the lines"),
    ],
)
def test_lines_that_cannot_be_had_are_a_fault_that_says_what_to_do(chip: Chip, error: Exception, told: str) -> None:
    chip.error = error
    play = player()
    play.show(Signal.HIGH)
    play.step(0.0)
    assert play.fault is not None
    assert play.fault.startswith("Local alarm: /dev/gpiochip0: ")
    assert told in play.fault
    chip.error = None
    play.step(RETRY_S - 0.1)
    assert not chip.held
    play.step(RETRY_S + 0.1)
    assert (play.fault, chip.take()) == (None, [(BUZZER, True), (RED, True)])


@pytest.mark.parametrize("found", [None, ModuleType("gpiod")], ids=["absent", "version 1"])
def test_a_missing_or_old_library_is_a_fault(monkeypatch: pytest.MonkeyPatch, found: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", found)
    monkeypatch.setitem(sys.modules, "gpiod.line", None)
    play = player()
    play.step(0.0)
    assert play.fault == "Local alarm: gpiod, version 2, is not installed: pip install 'npng-edge[gpio]'."


@pytest.mark.parametrize("broken", [OSError(5, "Input/output error"), RuntimeError("released")])
def test_whatever_a_line_raises_is_a_fault_and_tried_again(chip: Chip, broken: Exception) -> None:
    play = player()
    play.step(0.0)
    chip.broken = broken
    play.show(Signal.LOW)
    play.step(1.0)
    assert play.fault is not None
    assert str(broken) in play.fault
    assert not chip.held
    chip.broken = None
    play.step(1.0 + RETRY_S)
    assert (play.fault, chip.take()) == (None, [(BUZZER, True), (YELLOW, True)])


def test_a_driver_that_hangs_is_a_fault(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    play = player()
    assert chip is not None
    monkeypatch.setattr(play._thread, "is_alive", lambda: True)
    assert play.fault is None
    play.beat -= HUNG_S + 1
    assert play.fault == "Local alarm: gpio has not answered for 5 s."


def test_the_real_library_has_what_is_used(tmp_path: Path) -> None:
    gpiod = pytest.importorskip("gpiod", reason="gpiod is not installed (extra `gpio`)")
    assert gpiod.LineRequest.set_value
    assert gpiod.LineRequest.release
    for path, told in ((tmp_path / "gpiochip0", "No such file"), (Path("/dev/null"), "No such device")):
        output = Gpio(GpioLines(chip=path, buzzer=BUZZER, active_low=(BUZZER,)))
        with pytest.raises(OutputError, match=f"{path}: {told}.*gpiodetect"):
            output.open()


# The others, and the settings


def test_simulated_writes_a_line_at_each_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "npng_edge.indicate")
    play = player(LocalAlarm(kind="simulated"))
    run(play, 0.0, 1.0)
    play.show(Signal.HIGH)
    run(play, 1.0, 20.0)
    play.show(Signal.HIGH)
    run(play, 20.0, 40.0)
    play.show(Signal.NONE)
    run(play, 40.0, 60.0)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("WARNING", "local alarm (simulated): high"), ("INFO", "local alarm (simulated): none")]
    assert play.fault is None


def test_without_an_output_nothing_is_done_and_nothing_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    play = player(LocalAlarm())
    play.show(Signal.HIGH)
    play.test()
    assert play.step(0.0) == TURN_S
    play.close()
    assert (play.fault, caplog.records) == (None, [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: gpio", "local_alarm: kind gpio needs a line"),
        ("kind: gpio\n  gpio: {buzzer: 4, red: 4}", "must be different lines"),
        ("kind: gpio\n  gpio: {buzzer: 4, active_low: [5]}", "active_low names a line that is none of"),
        ("kind: beeper", '"beeper" is refused'),
        ("kind: sound\n  sound: {volume: 0}", "local_alarm.sound.volume: 0 is refused"),
    ],
)
def test_a_local_alarm_that_cannot_work_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"local_alarm:\n  {text}\n")
    with pytest.raises(config.ConfigError, match=told):
        config.load(file)


def test_the_outputs_are_told_apart() -> None:
    kinds: dict[str, Any] = {
        "none": type(None),
        "gpio": Gpio,
        "sound": Aplay,
    }
    for kind, expected in kinds.items():
        settings = LocalAlarm.model_validate({"kind": kind, "gpio": {"buzzer": 1}})
        assert type(player(settings)._output) is expected
