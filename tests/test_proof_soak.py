"""The soak's judgement on planted leaks, and a short soak of the real daemon."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from npng_edge.record.store import FILE_NAME
from proof.flat import Rule, Sample, judge, robust_slope
from proof.soak import LOG, Station, soak
from proof.soak_verdict import RULES, Soaked, problems
from proof.usage import usage

if TYPE_CHECKING:
    from pathlib import Path

    from proof.checker import Heard

BED = [rule for rule in RULES if rule.figure.startswith("bed_")]
TURNS = 40
SECONDS = 16.0
"""The clip's pain begins at 10 s."""
LEAKS = {
    "nothing": ("pass", set[str]()),
    "memory": ("kept.append(bytearray(2**20))", {"bed_memory_mb"}),
    "descriptors": ("kept.append(open('/dev/null'))", {"bed_descriptors"}),
    "threads": ("threading.Thread(target=threading.Event().wait, daemon=True).start()", {"bed_threads"}),
}


def observed(statement: str) -> list[Sample]:
    """Figures of a process that does something once between two samples."""
    program = f"import threading\nkept = []\nwhile input():\n    {statement}\n    print('done', flush=True)"
    command = [sys.executable, "-c", program]
    samples = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for turn in range(TURNS):
            process.stdin.write(b"again\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"done\n"
            taken = usage(process.pid)
            figures = {
                "bed_memory_mb": taken.memory_mb,
                "bed_descriptors": taken.descriptors,
                "bed_threads": taken.threads,
            }
            samples.append(Sample(90.0 * turn, figures))
        process.kill()
    return samples


@pytest.mark.parametrize("leak", LEAKS)
def test_a_process_that_leaks_is_caught_and_one_that_does_not_is_flat(leak: str) -> None:
    statement, caught = LEAKS[leak]
    findings = judge(observed(statement), BED)
    assert {finding.rule.figure for finding in findings if not finding.flat} == caught


def series(*values: float) -> list[Sample]:
    return [Sample(60.0 * number, {"one": value}) for number, value in enumerate(values)]


def test_outliers_and_warm_up_do_not_count_and_a_bound_does() -> None:
    values = [*(float(step) for step in range(20)), *[20.0] * 20]
    values[25] = 90.0
    rule = Rule("one", "MB", 1.0)
    assert judge(series(*values), [rule])[0].flat
    assert not judge(series(*values), [Rule("one", "MB", 1.0, most=50.0)])[0].flat
    rising = judge(series(*(0.1 * step for step in range(41))), [rule])[0]
    assert not rising.flat
    assert rising.rise == pytest.approx(2.0)
    assert rising.per_hour == pytest.approx(6.0)
    assert robust_slope([(float(x), 3.0 * x) for x in range(1000)]) == pytest.approx(3.0)


def test_too_few_samples_are_no_verdict() -> None:
    with pytest.raises(ValueError, match="at least 8 are needed"):
        judge(series(*range(10)), [Rule("one", "", 1.0)])


def test_a_short_soak_of_the_real_daemon_finds_nothing_wrong_and_a_lost_alarm_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Heard] = []
    heard = Station.heard

    def listened(self: Station) -> list[Heard]:
        kept[:] = heard(self)
        return list(kept)

    monkeypatch.setattr(Station, "heard", listened)
    soaked, samples = soak(tmp_path, SECONDS, 15.0, 0.5, minute_s=5.0)
    assert_sound(soaked)
    assert (tmp_path / "samples.csv").read_text().count("\n") == len(samples) + 1
    assert len(kept) >= 2
    found = problems(samples, 0.0, kept[1:], tmp_path / "state" / FILE_NAME, {"rate: no answer": 2}, "Traceback")
    assert found == [
        "rate: no answer: 2 times",
        "the daemon's log holds a traceback",
        f"alarms lost: [{kept[0].sequence}]",
    ]
    assert "alarm pain start" in (tmp_path / LOG).read_text()


def assert_sound(soaked: Soaked) -> None:
    """All is well, but for what only time shows: memory while warming up, and frames, which are told every 10 s."""
    assert [one for one in soaked.problems if "frames" not in one] == []
    assert soaked.answers["assign: done"] == 1
    assert {finding.rule.figure for finding in soaked.findings if not finding.flat} <= {"bed_memory_mb", "bed_threads"}
