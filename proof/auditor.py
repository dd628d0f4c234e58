"""A second station that sees all that the broker passes on: counts it by number, and knows the broker's own counts.

It is Mosquitto's own `mosquitto_sub`, which costs little, writing to a file that is read when somebody asks.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from npng_edge.publish.topics import ROOT
from proof.mosquitto import program

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.settings import Broker

NAME = "auditor"
COUNTED = ("pain", "health", "alarm")
"""Topics on which every message made goes out: nothing newer takes its place on the way."""
SESSION_S = 3600
_SYS = "$SYS/broker/publish/messages/"


class Auditor:
    """Listens from its start on; used from one thread.

    Args:
        broker: The way in, with TLS.
        folder: For its file.
    """

    def __init__(self, broker: Broker, folder: Path) -> None:
        assert broker.tls is not None
        self._numbers: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        self._counts: dict[str, int] = {}
        self._begun = b""
        self._levels: dict[str, bytes | None] = {}
        self._delays: list[tuple[float, float]] = []
        self._path = folder / f"{NAME}.txt"
        topics = [*(f"{ROOT}/+/+/+/{name}" for name in (*COUNTED, "alarms")), f"{_SYS}#"]
        tls = {"--cafile": broker.tls.ca, "--cert": broker.tls.certificate, "--key": broker.tls.key}
        address = ["-h", broker.host, "-p", str(broker.port), "-V", "5", "-i", NAME, "-q", "1"]
        self._command = [
            # Else lines wait until a buffer is full.
            *("stdbuf", "-oL", program("mosquitto_sub"), *address, "-c", "-x", str(SESSION_S), "-F", "%U %t %p"),
            *(str(word) for option in tls.items() for word in option),
            *(word for topic in topics for word in ("-t", topic)),
        ]
        self._process = self._listen()
        self._file = self._path.open("rb")

    @property
    def heard(self) -> Counter[str]:
        """Different messages, by the name of their topic."""
        self._collect()
        return Counter({name: len(self._numbers[name]) for name in COUNTED})

    @property
    def levels(self) -> dict[str, bytes | None]:
        """Of each bed the newest `alarms` message."""
        self._collect()
        return self._levels

    @property
    def delays(self) -> list[tuple[float, float]]:
        """Of each `pain` message: when it was made, seconds since 1970, and how long it took to get here."""
        self._collect()
        return self._delays

    def count(self, name: str) -> int | None:
        """What the broker counts, e.g. `dropped`, since its start, at most a second ago; None: it has not said."""
        self._collect()
        return self._counts.get(name)

    def close(self) -> None:
        """Listen no more."""
        self._process.kill()
        self._process.wait()
        self._file.close()

    def _listen(self) -> subprocess.Popen[bytes]:
        with self._path.open("ab") as file:
            return subprocess.Popen(self._command, stdout=file, stderr=subprocess.DEVNULL)

    def _collect(self) -> None:
        """Read what has come since; begin anew where the end of a broker ended mosquitto_sub, as it does with TLS."""
        if self._process.poll() is not None:
            self._process = self._listen()
        *lines, self._begun = (self._begun + self._file.read()).split(b"\n")
        for line in lines:
            at, topic, payload = line.split(b" ", 2)
            self._take(float(at), topic.decode(), payload)

    def _take(self, at: float, topic: str, payload: bytes) -> None:
        if topic.startswith(_SYS):
            self._counts[topic.removeprefix(_SYS)] = int(payload)
            return
        bed, _, name = topic.removeprefix(f"{ROOT}/").rpartition("/")
        if name == "alarms":
            self._levels[bed] = payload
            return
        body = json.loads(payload)
        self._numbers[name].add((body["boot_id"], body["sequence"]))
        if name == "pain":
            made = datetime.fromisoformat(body["time"].replace("Z", "+00:00")).timestamp()
            self._delays.append((made, at - made))
