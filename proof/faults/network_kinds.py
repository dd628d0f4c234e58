"""The faults of the network: each spoils the way between a client and the broker for a while."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from proof.faults.namespace import Namespace
    from proof.proxy import Proxy, Way

LATE_S = 2.0
SHORT_S = (0.5, 8.0)
LONG_S = (20.0, 20.0)
"""Longer than a bed may take to notice."""
PACKET_S = 30.0
"""Under a storm a packet comes many times a second; a level comes every five seconds."""
POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Reach:
    """How a client reaches the broker."""

    proxy: Proxy
    cable: Namespace | None = None
    """None: it shares this machine's network."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault."""

    name: str
    spoil: Callable[[Reach], AbstractContextManager[object]]
    """Spoils the way for the time of the body."""
    lasts: tuple[float, float] = SHORT_S
    """Shortest and longest time, seconds."""
    silent: bool = False
    """Whether it lasts so long that a bed must notice that nobody hears it."""
    cable: bool = False
    """Whether it needs a network namespace."""


@contextmanager
def cut(reach: Reach) -> Iterator[None]:
    """Both sides are closed in good order; the client may come back at once."""
    reach.proxy.cut()
    yield


@contextmanager
def refused(reach: Reach) -> Iterator[None]:
    """Closed, and nobody answers any more."""
    reach.proxy.refuse()
    reach.proxy.cut()
    with _healed(reach):
        yield


@contextmanager
def stalled(reach: Reach) -> Iterator[None]:
    """Nothing is passed on, and nobody is told."""
    reach.proxy.stall()
    with _healed(reach):
        yield


@contextmanager
def late(reach: Reach) -> Iterator[None]:
    """Everything comes two seconds later, each way."""
    reach.proxy.delay(LATE_S)
    with _healed(reach):
        yield


@contextmanager
def half_open(reach: Reach) -> Iterator[None]:
    """The broker's side is gone; the client's side stays open and is silent, until the client gives it up."""
    if not reach.proxy.half_open():
        raise RuntimeError("there was no connection to be half-open")
    yield


@contextmanager
def reset_inside(reach: Reach, way: Way) -> Iterator[None]:
    """Both sides get RST in the middle of a PUBLISH."""
    done, deadline = reach.proxy.resets + 1, time.monotonic() + PACKET_S
    reach.proxy.reset_inside(way)
    while reach.proxy.resets < done:
        if time.monotonic() > deadline:
            raise RuntimeError("there was no packet to reset the connection in")
        time.sleep(POLL_S)
    yield


def link_down(reach: Reach) -> AbstractContextManager[None]:
    """The cable is out."""
    assert reach.cable is not None
    return reach.cable.link_down()


def address_gone(reach: Reach) -> AbstractContextManager[None]:
    """The client has no address any more."""
    assert reach.cable is not None
    return reach.cable.address_gone()


def no_way_back(reach: Reach) -> AbstractContextManager[None]:
    """What the client sends arrives; the answers are thrown away."""
    assert reach.cable is not None
    return reach.cable.black_hole()


@contextmanager
def _healed(reach: Reach) -> Iterator[None]:
    try:
        yield
    finally:
        reach.proxy.heal()


AT_ONCE = (0.0, 1.0)
KINDS = (
    Kind("cut", cut, AT_ONCE),
    Kind("refused for up to 8 s", refused),
    Kind("stalled for up to 8 s", stalled),
    Kind("stalled for 20 s", stalled, LONG_S, silent=True),
    Kind("2 s late each way", late),
    Kind("half-open for 20 s", half_open, LONG_S, silent=True),
    Kind("reset inside a packet to the broker", partial(reset_inside, way="up"), AT_ONCE),
    Kind("reset inside a packet to the client", partial(reset_inside, way="down"), AT_ONCE),
    Kind("link down for up to 8 s", link_down, cable=True),
    Kind("link down for 20 s", link_down, LONG_S, silent=True, cable=True),
    Kind("address gone for up to 8 s", address_gone, cable=True),
    Kind("no way back for up to 8 s", no_way_back, cable=True),
    Kind("no way back for 20 s", no_way_back, LONG_S, silent=True, cable=True),
)
STATION_KINDS = (
    Kind("station: cut", cut, AT_ONCE),
    Kind("station: stalled for 20 s", stalled, LONG_S, silent=True),
    Kind("station: 2 s late each way", late),
    Kind("station: half-open for 20 s", half_open, LONG_S, silent=True),
    Kind("station: reset inside a packet", partial(reset_inside, way="down"), AT_ONCE),
)
