from __future__ import annotations

import importlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from broker import MosquittoBroker, Station
from daemon_process import BED, DaemonProcess
from jsonschema import Draft202012Validator

from npng_edge.publish.topics import MANNERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

with suppress(ImportError):
    # It brings an LLVM, as the software rasteriser does: the process dies if that one came first.
    importlib.import_module("torch._dynamo")


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
    """Hears everything and sends receipts; at the end all that the bed said is held against the contract."""
    listening = Station(broker, "npng/#")
    yield listening
    listening.close()
    for message in listening.messages:
        level = message.topic.removeprefix(f"{BED}/").split("/")[0]
        if message.topic.startswith(f"{BED}/") and level in MANNERS and message.payload:
            contract_schema(level).validate(json.loads(message.payload))


@cache
def contract_schema(name: str) -> Draft202012Validator:
    """The schema of a message, as it is published in the contract."""
    file = Path(__file__).parent.parent / "contract" / "schemas" / f"{name}.json"
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))
