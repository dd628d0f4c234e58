"""The unit is what the documents promise, by systemd's own judgement."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SYSTEMD = ROOT / "deploy" / "systemd"
UNIT = SYSTEMD / "npng-edge.service"
WORST_EXPOSURE = 1.5

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt install systemd)"
)


def settings(unit: Path) -> dict[str, list[str]]:
    """Every value of every key, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found[key].append(value)
    return found


def on_this_machine(folder: Path) -> Path:
    """The unit as it would be installed, but with a program that exists here: `verify` looks for it."""
    unit = folder / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/npng-edge/bin/npng-edge", "/bin/true"))
    return unit


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environ,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "10"),
        ("Restart", "always"),
        ("RestartSec", "2"),
        ("StartLimitIntervalSec", "0"),
        ("TimeoutStopSec", "5"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("User", "npng"),
        ("SupplementaryGroups", "video"),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("StateDirectory", "npng-edge"),
        ("DevicePolicy", "closed"),
        ("IPAddressDeny", "any"),
    ],
)
def test_a_promised_key_stands_once(key: str, value: str) -> None:
    assert settings(UNIT)[key] == [value]


def test_the_camera_stays_reachable() -> None:
    assert {"char-video4linux rw", "char-media rw", "char-dma_heap rw"} <= set(settings(UNIT)["DeviceAllow"])


def test_the_memory_limit_leaves_room_above_the_goal() -> None:
    """A limit near the real need becomes a silent crash loop; the goal of `make bench` is 250 MB."""
    (limit,) = settings(UNIT)["MemoryMax"]
    assert int(re.fullmatch(r"(\d+)M", limit)[1]) >= 2 * 250  # type: ignore[index]


def test_the_account_of_the_unit_is_created() -> None:
    (user,) = settings(UNIT)["User"]
    lines = (SYSTEMD / "npng-edge.sysusers.conf").read_text().splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith("#")] == [["u", user]]


@needs_systemd
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", on_this_machine(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_accepts_the_unit_with_the_sites_changes(tmp_path: Path) -> None:
    unit = on_this_machine(tmp_path)
    drop_ins = tmp_path / f"{unit.name}.d"
    drop_ins.mkdir()
    shutil.copy(SYSTEMD / "site.conf.example", drop_ins / "site.conf")
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_exposure_is_low(tmp_path: Path) -> None:
    done = analyze("security", "--offline=true", on_this_machine(tmp_path))
    score = re.search(r"Overall exposure level for npng-edge\.service: (\d+\.\d)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) <= WORST_EXPOSURE


def test_every_installed_part_stands_among_the_licences() -> None:
    page = (ROOT / "docs" / "licences.md").read_text().lower()
    versions: dict[str, set[str]] = defaultdict(set)
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        pin = re.match(r"([a-z0-9.-]+)==(\S+)", line)
        if pin is not None and "win32" not in line:
            versions[pin[1]].add(pin[2])
    missing = [name for name, pinned in versions.items() if name not in page or not any(v in page for v in pinned)]
    assert versions
    assert not missing
