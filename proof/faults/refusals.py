"""The broker says no: the MQTT 5 reason codes that a bed may meet, through `refuser.Refuser`."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from proof.faults.scene import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proof.refuser import Refuser

DEAF = "station-not-listening"
HAPPENS_S = 30.0
PUBACKS = (0x10, 0x80, 0x83, 0x87, 0x90, 0x97, 0x99)
CONNACKS = (0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x97, 0x9F)
DISCONNECTS = (0x81, 0x82, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x93, 0x95, 0x97, 0x98, 0x9C)
"""MQTT 5, section 2.4."""
GOODBYE = 0x8B
LEVELS = ("alarm", "alarms", "state")


def kinds(refuser: Refuser) -> list[Kind]:
    """Each code as a fault of its own."""
    found = []
    for code in PUBACKS:
        words = _name(PacketTypes.PUBACK, code)
        for topics in (LEVELS[:1], LEVELS):
            name = f"PUBACK {code:#04x} ({words}) on `{'`, `'.join(topics)}`"
            found.append(Kind(name, partial(_refused, refuser, topics, code), f"/alarm: {words}", DEAF))
    for code in CONNACKS:
        words = _name(PacketTypes.CONNACK, code)
        begin = partial(_shut_out, refuser, code)
        found.append(Kind(f"CONNACK {code:#04x} ({words})", begin, f": {words}", "broker"))
    for code in DISCONNECTS:
        words = _name(PacketTypes.DISCONNECT, code)
        begin = partial(_thrown_out, refuser, code)
        found.append(Kind(f"DISCONNECT {code:#04x} ({words})", begin, blocks=False))
    return found


@contextmanager
def _refused(refuser: Refuser, topics: Sequence[str], code: int) -> Iterator[None]:
    before = refuser.said.total()
    refuser.topics = dict.fromkeys(topics, code)
    try:
        _wait(lambda: refuser.said.total() > before)
        yield
    finally:
        refuser.topics = {}


@contextmanager
def _shut_out(refuser: Refuser, code: int) -> Iterator[None]:
    refuser.connect = code
    try:
        refuser.disconnect(GOODBYE)
        yield
    finally:
        refuser.connect = None


@contextmanager
def _thrown_out(refuser: Refuser, code: int) -> Iterator[None]:
    _wait(lambda: refuser.disconnect(code) > 0)
    yield


def _wait(done: Callable[[], bool]) -> None:
    """Wait until the fault has happened, else it is none.

    Raises:
        RuntimeError: It does not.
    """
    deadline = time.monotonic() + HAPPENS_S
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("the bed gave no occasion for the fault")
        time.sleep(0.05)


def _name(packet: int, code: int) -> str:
    return str(ReasonCode(packet, identifier=code))
