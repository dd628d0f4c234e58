from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from npng_edge.record.outbox import Outbox, OutboxStatus
from npng_edge.settings import Place
from proof.checker import Verdict
from proof.faults import outage
from proof.faults.outage import Came, Drained, Scenario
from proof.filling import Filled, fill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATUS = OutboxStatus(depth=4, alarms=2, bytes=1000, oldest_s=1.0, thinned=0, alarms_lost=0)
ALARMS = (Came(10.1, "alarm", 1), Came(10.2, "alarm", 2))
SCORES = (Came(10.3, "pain", 7), Came(10.4, "pain", 8))
GOOD = Drained(
    scenario=Scenario(72.0, 2, 64, 1),
    filled=Filled("run", 2, 2, 0, STATUS),
    verdict=Verdict(kept=2, heard=2, duplicates=0),
    connect_s=0.1,
    came=ALARMS + SCORES,
    connected_at=10.0,
    left=0,
    fresh=(0.01,),
    deaths=(),
)


@pytest.mark.parametrize(
    ("seen", "broken"),
    [
        (GOOD, []),
        (replace(GOOD, verdict=replace(GOOD.verdict, lost=("x",))), ["lost"]),
        (replace(GOOD, deaths=("bed-1: [1]",)), ["bed-1: [1]"]),
        (replace(GOOD, left=1), ["not everything came"]),
        (replace(GOOD, came=(*ALARMS[:1], *SCORES[:1], *ALARMS[1:])), ["a score came before the last alarm"]),
        (replace(GOOD, came=ALARMS + SCORES[::-1]), ["out of order"]),
        (replace(GOOD, came=(*ALARMS, Came(611.0, "pain", 9))), ["slower than 10 minutes"]),
    ],
)
def test_what_is_broken_is_found(seen: Drained, broken: list[str]) -> None:
    assert seen.broken == broken


def test_the_outbox_is_filled_and_thinned_as_a_bed_does_it(tmp_path: Path) -> None:
    def opened(run: str, monotonic: Callable[[], float], wall: Callable[[], float]) -> Outbox:
        return Outbox(tmp_path, boot_id=run, max_bytes=400_000, monotonic=monotonic, wall=wall)

    filled = fill(Place(), opened, hours=0.25, alarms=40)
    assert filled.alarms > 40
    assert filled.scores > 800
    assert filled.status.alarms == filled.alarms  # Alarms are never thinned.
    assert filled.status.thinned > 400
    assert filled.status.depth == filled.alarms + filled.scores + filled.episodes - filled.status.thinned
    assert filled.status.bytes <= 400_000
    assert filled.status.oldest_s == pytest.approx(900, abs=30)


def test_a_short_outage_is_drained_alarms_first(tmp_path: Path) -> None:
    assert outage.main(["--hours", "0.05", "--scenario", "20:64", "--results", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "faults-outage.json").read_text())["figures"]
    assert figures["1. alarms decided in the outage"] > 20
    assert figures["1. lost"] == figures["1. messages that did not come"] == 0
    assert figures["1. rules broken"] == "none"
