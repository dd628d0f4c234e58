"""The families of faults on beds and brokers, for real and in small; planted defects are found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from proof import page
from proof.__main__ import COMMANDS
from proof.bed import Bed
from proof.commands import USAGE, dispatch
from proof.faults import KINDS, broker, daemon
from proof.mosquitto import MosquittoBroker, free_port
from proof.report import KEPT, LOST, Result, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

    from proof.trial import Trial

SMALL = ("--beds", "1", "--rate", "20", "--patience", "15")
DEADLINE_S = 20.0


def figures(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())["figures"]
    return found


def test_killed_beds_lose_nothing(tmp_path: Path) -> None:
    assert daemon.main([*SMALL, "--count", "5", "--results", str(tmp_path)]) == 0
    found = figures(tmp_path, "faults-daemon")
    assert (found["faults"], found["... kill -9 of the whole daemon, any moment"], found["lost"]) == (5, 1, 0)
    assert found["alarms at the station"] >= found["alarms kept in an outbox"] > 0


def test_a_broker_that_fails_loses_nothing(tmp_path: Path) -> None:
    assert broker.main([*SMALL, "--count", "2", "--results", str(tmp_path)]) == 0
    found = figures(tmp_path, "faults-broker")
    assert (found["faults"], found["lost"]) == (2, 0)
    assert found["alarms kept in an outbox"] > 0


def kill_with_much_in_its_queue(trial: Trial, _: Random) -> None:
    """More than the 20 messages that Mosquitto may have sent to a station that is frozen, and that its kernel keeps."""
    with trial.station.paused():
        begun, deadline = len(trial.decisions()[0].alarms), time.monotonic() + DEADLINE_S
        while len(trial.decisions()[0].alarms) < begun + 60:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        trial.broker.kill()
        trial.broker.start()


@pytest.mark.parametrize(("plant", "rule"), [("puback", "lost"), ("invention", "invented"), ("disorder", "late")])
def test_a_planted_defect_ends_the_run_with_status_1_and_is_named(
    plant: str, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(broker, "FAULTS", {"planted": kill_with_much_in_its_queue})
    arguments = ["--count", "1", "--beds", "1", "--rate", "20", "--patience", "5"]
    assert broker.main([*arguments, "--results", str(tmp_path), "--plant", plant]) == 1
    assert f"{rule}: " in capsys.readouterr().err
    assert not list(tmp_path.iterdir()), "a planted defect is no result"


def test_a_bed_that_ends_by_itself_is_noted(tmp_path: Path) -> None:
    bed = Bed(tmp_path, "bed", port=free_port(), setup=partial(os._exit, 3))
    bed.start()
    assert bed.ended(DEADLINE_S)
    bed.kill()
    assert bed.deaths == [3]


def test_a_killed_bed_goes_on_with_what_it_had_decided(tmp_path: Path) -> None:
    bed = Bed(tmp_path, "bed", port=free_port())
    try:
        for life in (1, 2):
            bed.start()
            deadline = time.monotonic() + DEADLINE_S
            while len({one.run for one in bed.decided().alarms}) < life:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            bed.kill()
    finally:
        bed.close()
    first, second = dict.fromkeys(one.run for one in bed.decided().alarms)
    assert first != second
    assert bed.deaths == []


def test_no_bed_outlives_a_harness_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom proof.bed import Bed\n"
        "bed = Bed(Path(sys.argv[1]), 'bed', port=1)\nbed.start()\nprint(bed.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        bed = int(harness.stdout.readline())
        os.kill(bed, 0)
        harness.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            os.kill(bed, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_mosquitto_forgets_only_a_database_that_was_deleted(tmp_path: Path) -> None:
    server = MosquittoBroker(tmp_path, persistent=True)
    server.start()
    try:
        server.restart()
        assert list(tmp_path.glob("mosquitto.db*"))
        server.kill()
        server.delete_database()
        assert not list(tmp_path.glob("mosquitto.db*"))
    finally:
        server.close()


def test_every_command_of_the_tables_is_there() -> None:
    for command in (*COMMANDS.values(), *KINDS.values()):
        assert find_spec(command.module) is not None, command.module


@pytest.mark.parametrize(("arguments", "status"), [((), USAGE), (("nothing",), USAGE), (("--help",), 0)])
def test_a_wrong_command_names_the_right_ones(
    arguments: Sequence[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch("proof", COMMANDS, arguments) == status
    said = capsys.readouterr()
    assert "faults" in (said.out if status == 0 else said.err)


def test_the_page_shows_the_results_between_its_marks_and_nothing_else_changes() -> None:
    result = Result("x", "Title", "python -m x", passed=True, figures={"lost": 0, "alarms": 100_000, "latency": None})
    text = f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n"
    filled = page.filled(text, [result])
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert "old" not in filled
    assert "| alarms | 100,000 |" in filled
    assert "| latency | not measured |" in filled
    assert page.filled(filled, [result]) == filled


def test_the_page_adds_up_what_was_kept_and_lost() -> None:
    runs = [Result("x", "X", "x", passed=not lost, figures={KEPT: 70_000, LOST: lost}) for lost in (0, 2)]
    lines = page.summary([*runs, Result("y", "Y", "y", passed=True, figures={"other": 1})]).splitlines()
    assert lines[2:5] == [
        "| X |  | 70,000 | 0 |  | yes |",
        "| X |  | 70,000 | 2 |  | no |",
        "| in all |  | 140,000 | 2 |  |  |",
    ]


def test_a_spread_of_nothing_is_none() -> None:
    assert Spread.of([]) is None
    assert str(Spread.of([1.0, 1.0, 4.0])) == "1.000 / 3.940 / 4.000 s"
