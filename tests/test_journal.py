"""Log lines in a process of their own, because logging is set up once for the whole process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from npng_edge import journal

if TYPE_CHECKING:
    from pathlib import Path

SPEAKER = """
import logging, warnings
from npng_edge import journal
journal.set_up("info", "demo/ward-1/bed-07")
logging.getLogger("npng_edge.capture.rtsp").warning("no frames for %.1f s", 3.0, extra={"NPNG_SOURCE": "rtsp://x"})
logging.getLogger("npng_edge.daemon").debug("not kept")
logging.getLogger("paho.mqtt").info("a library's chatter is not kept")
warnings.warn("an old call")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("npng_edge.infer").exception("failed")
"""


def speak(stderr: Path, *, under_systemd: bool) -> list[str]:
    """What a process writes whose standard error is this file; under systemd the file stands for the journal."""
    with stderr.open("w") as stream:
        status = os.fstat(stream.fileno())
        environ = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
        if under_systemd:
            environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
            environ["PYTHONPATH"] = os.pathsep.join([str(without_systemd_python(stderr.parent)), *sys.path])
        subprocess.run([sys.executable, "-c", SPEAKER], stderr=stream, env=environ, check=True, timeout=30)
    return stderr.read_text().splitlines()


def without_systemd_python(folder: Path) -> Path:
    """A folder whose `systemd` hides an installed systemd-python, which would write to the machine's own journal."""
    (folder / "systemd.py").touch()
    return folder


def test_plain_lines_name_time_level_and_stage(tmp_path: Path) -> None:
    lines = speak(tmp_path / "stderr", under_systemd=False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning capture: no frames for 3\.0 s", lines[0])
    assert " warning py: " in lines[1]
    assert any("ZeroDivisionError" in line for line in lines)
    assert not any("not kept" in line for line in lines)


def test_under_systemd_without_systemd_python_every_line_has_its_priority(tmp_path: Path) -> None:
    lines = speak(tmp_path / "stderr", under_systemd=True)
    assert lines[0] == "<4>capture: no frames for 3.0 s"
    assert lines[-1] == "<3>ZeroDivisionError: division by zero"
    assert all(re.match(r"<[34]>", line) for line in lines)


def test_the_journal_gets_fields(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("systemd.journal", reason="systemd-python is not installed")
    program = SPEAKER.replace(
        "logging.getLogger", "logging.root.handlers[0].send = lambda text, **f: print(text, f)\nlogging.getLogger", 1
    )
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=stream, text=True, check=True, timeout=30
        )
    first = done.stdout.splitlines()[0]
    assert first.startswith("no frames for 3.0 s {")
    for field in ("'PRIORITY': '4'", "'NPNG_BED': 'demo/ward-1/bed-07'", "'NPNG_STAGE': 'capture'", "'NPNG_SOURCE'"):
        assert field in first
    assert "'CODE_FUNC': '<module>'" in first


def test_a_journal_stream_inherited_from_a_parent_is_not_ours(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        assert not journal.is_journal(log, "1:1")
        assert not journal.is_journal(log, None)


@pytest.mark.parametrize(
    ("logger", "expected"),
    [
        ("npng_edge.capture.rtsp", "capture"),
        ("npng_edge.daemon", "daemon"),
        ("npng_edge", "npng_edge"),
        ("paho.mqtt", "paho"),
    ],
)
def test_the_stage_follows_from_the_module(logger: str, expected: str) -> None:
    assert journal.stage(logger) == expected
