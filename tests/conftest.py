from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from broker import MosquittoBroker, Station
from daemon_process import DaemonProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., MosquittoBroker]]:
    """Makes brokers that are not yet started (see `MosquittoBroker` for the arguments) and cleans them up."""
    made: list[MosquittoBroker] = []

    def make(**arguments: Any) -> MosquittoBroker:
        folder = tmp_path / f"broker-{len(made)}"
        folder.mkdir()
        made.append(MosquittoBroker(folder, **arguments))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def broker(make_broker: Callable[..., MosquittoBroker]) -> MosquittoBroker:
    """A running broker that lets everybody in."""
    running = make_broker()
    running.start()
    return running


@pytest.fixture
def make_daemon(tmp_path: Path, broker: MosquittoBroker) -> Iterator[Callable[..., DaemonProcess]]:
    made: list[DaemonProcess] = []

    def make(**settings: Any) -> DaemonProcess:
        made.append(DaemonProcess(tmp_path, broker.port, settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
def station(broker: MosquittoBroker) -> Iterator[Station]:
    listening = Station(broker, "npng/#")
    yield listening
    listening.close()
