from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from npng_edge.policy import monitor
from proof.faults import clock
from proof.faults.clock import SETTINGS, Found
from proof.faults.clock_judged import clock_alarm_after, differing
from proof.report import Spread

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.units import Moment

QUICK = Spread(0.01, 0.02, 0.03, 100)
GOOD = Found(SETTINGS[0], QUICK, 3600.0, "expired", "expired", 300.0)


def test_alarms_are_decided_alike_whatever_the_wall_clock_does() -> None:
    decided, different = differing(6, 3600.0)
    assert decided > 10
    assert different == 0


def test_a_policy_that_counts_on_the_wall_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    step = monitor.step

    def planted(state: Any, event: Any, moment: Moment, settings: Any) -> Any:
        return step(state, event, replace(moment, time=moment.utc), settings)

    monkeypatch.setattr(monitor, "step", planted)
    assert differing(6, 3600.0)[1] > 0


@pytest.mark.parametrize(("jump_s", "synchronised"), [(3600.0, None), (-3600.0, None), (-86_400.0, True), (0.0, False)])
def test_a_clock_that_jumps_or_is_not_set_is_an_alarm(
    tmp_path: Path, *, jump_s: float, synchronised: bool | None
) -> None:
    raised = clock_alarm_after(tmp_path, jump_s, synchronised=synchronised)
    assert raised is not None
    assert raised <= 300.0


def test_a_clock_that_was_never_set_is_an_alarm_from_the_start(tmp_path: Path) -> None:
    assert clock_alarm_after(tmp_path, 0.0, synchronised=None, begun_s=-54 * 365.25 * 86_400) == 0.0
    assert clock_alarm_after(tmp_path, 0.0, synchronised=None, begun_s=-86_400.0) is None


@pytest.mark.parametrize("synchronised", [None, True])
def test_a_clock_that_is_right_is_none(tmp_path: Path, *, synchronised: bool | None) -> None:
    assert clock_alarm_after(tmp_path, 0.0, synchronised=synchronised) is None


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (GOOD, []),
        (replace(GOOD, latency=Spread(0.01, 2.0, 3.0, 100)), ["alarms are late"]),
        (replace(GOOD, latency=None), ["alarms are late"]),
        (replace(GOOD, shown_s=0.0), ["the clock was off by 0 s"]),
        (replace(GOOD, answer="done"), ["a valid request was answered done"]),
        (replace(GOOD, alarm_s=None), ["no alarm clock"]),
    ],
)
def test_what_is_wrong_is_found(seen: Found, wrong: list[str]) -> None:
    assert seen.wrong == wrong


def test_a_small_run_loses_nothing_and_a_valid_request_is_refused_in_words(tmp_path: Path) -> None:
    clock.main(["--settings", "1", "--hold", "3", "--minutes", "2", "--results", str(tmp_path)])
    result = json.loads((tmp_path / "faults-clock.json").read_text())
    assert result["figures"]["lost"] == 0
    assert result["figures"]["other rules broken"] == "none"
    assert "valid request: expired" in result["figures"]["forward 1 h"]
    assert result["passed"]
