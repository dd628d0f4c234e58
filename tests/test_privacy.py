"""No picture leaves the device and none stays on it, with clips off: all traffic and all files of the real daemon."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from daemon_process import ALARM_S, BED, CLIPS, DaemonProcess, assign, clip, on, transition
from recorder import Recorder

from proof.pictures import room, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    from broker import MosquittoBroker, Station

NAME = "pain.mp4"
FPS = 15.0
TRACED = "open,openat,openat2,creat,memfd_create,rename,renameat,renameat2,link,linkat,connect,bind"
SHM = Path("/dev/shm")  # noqa: S108 - only looked at
LONGEST_TEXT, LONGEST_LIST = 300, 240
"""In anything told or kept: far too little for the face, 12,544 bytes as the models see it."""
LARGEST_BYTES = 100_000
"""Of one message: an episode with its series."""


def pictures(first: int, last: int) -> list[npt.NDArray[np.uint8]]:
    film = cv2.VideoCapture(str(CLIPS / NAME))
    try:
        read = [film.read()[1] for _ in range(last)]
    finally:
        film.release()
    return [np.asarray(picture, np.uint8) for picture in read[first:]]


class WatchedDaemon(DaemonProcess):
    """The daemon in a place of its own, where everything it could write to is known, and every file it opens."""

    def start(self) -> WatchedDaemon:
        self.home = self.config.parent / "home"
        self.trace = self.config.parent / "trace"
        self.home.mkdir()
        strace = shutil.which("strace")
        watch = [strace, "-f", "-D", "-qq", "--seccomp-bpf", "-e", f"trace={TRACED}", "-o", str(self.trace)]
        usable = strace and subprocess.run([strace, "-qq", "-e", "trace=none", "true"], check=False).returncode == 0
        places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")
        private = dict.fromkeys(places, str(self.home))
        # What a library would report home it must not report here either, and not only because this is a test.
        usual = {name: value for name, value in os.environ.items() if not re.match("ORT_|CI$|GITHUB_|TF_BUILD", name)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*(watch if usable else ()), sys.executable, "-m", "npng_edge", "run", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={**usual, **private, "NOTIFY_SOCKET": str(self._path), "WATCHDOG_USEC": "10000000"},
            )
        self.wait_notified(b"READY=1")
        return self

    def files(self) -> dict[str, bytes]:
        """Everything in its place, and every file that it holds open for writing, deleted ones too."""
        assert self.process is not None
        found = files(self.config.parent)
        for handle in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # Closed meanwhile.
                if handle.is_file() and _is_writable(handle):
                    found[f"open: {handle.readlink()}"] = handle.read_bytes()
        return found

    def strange_files(self) -> list[str]:
        """Files outside of its folder that it ever opened for writing or made under another name, by strace."""
        text = self._traced()
        opened = re.findall(r'(?:open|openat|openat2|creat)\([^"\n]*"([^"]*)"([^\n]*)', text)
        writing = [path for path, rest in opened if re.search("O_(WRONLY|RDWR|CREAT)", rest) and "= -1" not in rest]
        moved = re.findall(r'(?:rename|link)\w*\([^\n]*"([^"]*)"[^"\n]*= 0', text)
        memory = re.findall(r'memfd_create\("([^"]*)"', text)
        own = (str(self.config.parent / "state"), "/dev/null")
        return [path for path in (*writing, *moved, *memory) if not path.startswith(own)]

    def strange_connections(self) -> list[str]:
        """Addresses that it ever turned to, but for the broker's, systemd's and its own, by strace."""
        addresses = re.findall(r"connect\(\d+, \{([^}]*)\}", self._traced())
        # The broker, and paho's socket to itself, are on the loopback address; a resolver may be as well.
        return [
            one for one in addresses if str(self._path) not in one and ("127.0.0.1" not in one or "htons(53)" in one)
        ]

    def _traced(self) -> str:
        """What strace wrote; empty where it cannot be used."""
        return self.trace.read_text(errors="replace") if self.trace.exists() else ""


def files(root: Path, pattern: str = "**/*") -> dict[str, bytes]:
    found = {}
    for file in root.glob(pattern):
        with suppress(OSError):  # Of somebody else in shared memory, or gone meanwhile.
            if file.is_file():
                found[str(file.relative_to(root))] = file.read_bytes()
    return found


def _is_writable(handle: Path) -> bool:
    flags = re.search(r"flags:\s*(\d+)", (handle.parents[1] / "fdinfo" / handle.name).read_text())
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY


@pytest.fixture
def recorder(broker: MosquittoBroker) -> Iterator[Recorder]:
    between = Recorder(broker.port)
    yield between
    between.close()


@pytest.fixture
def daemon(tmp_path: Path, recorder: Recorder) -> Iterator[WatchedDaemon]:
    root = tmp_path / "device"
    root.mkdir()
    storage = {"directory": str(root / "state"), "record_events": True}
    made = WatchedDaemon(root, recorder.port, {"camera": clip(NAME), "storage": storage})
    yield made
    made.close()


def test_no_picture_leaves_or_stays(
    daemon: WatchedDaemon, recorder: Recorder, broker: MosquittoBroker, station: Station
) -> None:
    shared = files(SHM, "*").keys()
    began = time.monotonic()
    daemon.start()
    assign(broker)
    station.wait_for(transition("pain", "start"), ALARM_S)
    running = daemon.files()
    daemon.send(signal.SIGTERM)
    assert daemon.wait_ended() == 0
    station.wait_for(on("state", lambda body: body["value"] == "stopped"))
    seen = pictures(0, min(375, round((time.monotonic() - began) * FPS)))
    left = files(daemon.config.parent)
    new = {f"shared memory: {name}": data for name, data in files(SHM, "*").items() if name not in shared}
    traffic = {f"connection {number}": bytes(sent) for number, sent in enumerate(recorder.sent)}

    # The daemon was at work, and all of it was caught.
    told: dict[str, list[bytes]] = {
        message.topic: [] for message in station.messages if not re.search("/(request/|receipt$)", message.topic)
    }
    for message in station.messages:
        if message.topic in told:
            told[message.topic].append(message.payload)
    payloads = [payload for several in told.values() for payload in several]
    assert [payload for payload in payloads if not any(payload in sent for sent in traffic.values())] == []
    assert len(told[f"{BED}/pain"]) >= 3
    assert b'"condition":"pain"' in running["state/outbox.sqlite3"] + running.get("state/outbox.sqlite3-wal", b"")
    assert running["state/events.jsonl"]

    at_the_end = {f"at the end: {name}": data for name, data in left.items()}
    assert traces({**traffic, **running, **at_the_end, **new}, seen) == []
    # Nor is there room for one in another form.
    lines = left["state/events.jsonl"].splitlines()
    rows = list(cells(daemon.config.parent / "state" / "outbox.sqlite3"))
    assert len(rows) > 20
    assert [found for one in (*payloads, *lines, *rows) for found in room(one, LONGEST_TEXT, LONGEST_LIST)] == []
    assert max(map(len, payloads)) < LARGEST_BYTES
    # Nor did anything go to a place that was not looked at.
    known = {"config.yaml", "daemon.log", "trace", "state/outbox.sqlite3", "state/events.jsonl"}
    assert left.keys() - known == set()
    assert daemon.strange_files() == []
    assert daemon.strange_connections() == []

    # The same look finds what is put beside the same messages.
    middle = len(seen) // 2
    for name, leak in leaks(seen[middle]).items():
        found = traces({"message": payloads[-1], "planted": leak}, seen[middle - 2 : middle + 3])
        assert any(one.startswith("planted") for one in found), name


def cells(database: Path) -> Iterator[bytes]:
    """Every text and every body in every table, as JSON."""
    with closing(sqlite3.connect(database)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a name of the file itself
                for cell in row:
                    data = cell.encode() if isinstance(cell, str) else cell
                    if isinstance(data, bytes):
                        yield data if data.startswith(b"{") else json.dumps(data.decode()).encode()


def leaks(picture: npt.NDArray[np.uint8]) -> dict[str, bytes]:
    """One picture, let out in many ways."""

    def encoded(kind: str, scale: float = 1.0) -> bytes:
        small = cv2.resize(picture, None, fx=scale, fy=scale)
        done, data = cv2.imencode(kind, small)
        assert done
        return data.tobytes()

    thumbnail = base64.b64encode(encoded(".jpg", 0.1))
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    face = np.ascontiguousarray(grey[100:212, 260:372])
    return {
        "a thumbnail in a message": json.dumps({"pspi": 3, "thumbnail": thumbnail.decode()}).encode(),
        "the same, a bit later in the text": b'{"x":"data:image/jpeg;base64,' + thumbnail + b'"}',
        "the same, in hexadecimal": json.dumps({"x": encoded(".jpg", 0.1).hex()}).encode(),
        "a thumbnail in base64 in base64": base64.b64encode(b'{"x":"' + thumbnail + b'"}'),
        "PNG": b"x" * 100 + encoded(".png"),
        "WebP": encoded(".webp"),
        "BMP": encoded(".bmp"),
        "TIFF": encoded(".tiff"),
        "raw pixels": b"junk" * 10 + picture[100:140].tobytes(),
        "less than nine pixels in a crash dump": os.urandom(5000) + picture[180, 300:308].tobytes() + os.urandom(5000),
        "the face in grey": face.tobytes(),
        "the face, packed": b"SQLite" + zlib.compress(face.tobytes()),
        "a row of the face in base64": b'{"row":"' + base64.b64encode(face[60]) + b'"}',
        "RGB": cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).tobytes()[300_000:300_100],
        "a plane of YUV": cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes()[120_000:120_060],
        "a small picture": cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).tobytes()[9000:9100],
        "NumPy": b"\x93NUMPY\x01\x00v\x00{'descr': '|u1'}",
    }


def test_room_for_a_picture_is_found() -> None:
    told: dict[str, Any] = {"pspi": 3.0, "texts": ["x" * LONGEST_TEXT], "list": [0] * LONGEST_LIST}
    assert room(json.dumps(told).encode(), LONGEST_TEXT, LONGEST_LIST) == []
    wrong = {**told, "deep": [{"crop": "x" * (LONGEST_TEXT + 1)}], "pixels": [[0] * (LONGEST_LIST + 1)]}
    assert room(json.dumps(wrong).encode(), LONGEST_TEXT, LONGEST_LIST) == [
        "message.deep.0.crop: a text of 301 characters",
        "message.pixels.0: 241 values",
    ]
