"""The live board in a terminal, fed by MQTT alone; plain lines where there is no terminal.

It only listens: it shows what any nurse station can know, and acknowledges nothing.
"""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions
from rich.console import Console
from rich.live import Live

from npng_edge.board_model import LOST_S, Board, on_message, status
from npng_edge.board_view import draw
from npng_edge.board_words import event_words, printable, score_words
from npng_edge.publish.client import read_password
from npng_edge.publish.tls import tls_context
from npng_edge.publish.topics import ROOT, Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paho.mqtt.reasoncodes import ReasonCode

    from npng_edge.settings import Broker, Place

REFRESH_S = 0.25
LINES_S = 1.0
"""Between two score lines of a bed where there is no terminal."""


class WatchError(Exception):
    """The board cannot begin; the message says why and what to do."""


def watch(
    broker: Broker,
    place: Place | None = None,
    *,
    console: Console | None = None,
    until: Callable[[Board], bool] = lambda _board: False,
) -> Board:
    """Show the beds, until interrupted from the keyboard.

    Args:
        broker: Where to listen; a broker that is away is waited for.
        place: The only bed to show; None: all.
        console: Where to draw; a terminal gets the live board, anything else plain lines.
        until: Asked a few times a second; the board ends when it says so.

    Returns:
        What the board knew at its end.

    Raises:
        WatchError: The broker's settings cannot be used, for instance a password file that is missing.
    """
    console = console or Console()
    ear = _Ear(broker, f"{ROOT}/+/+/+/#" if place is None else f"{Topics(place).bed}/#")
    ear.start()
    try:
        if console.is_terminal:
            _live(_rounds(ear, until), console, f"{broker.host}:{broker.port}")
        else:
            _plain(_rounds(ear, until), console)
    except KeyboardInterrupt:
        pass
    finally:
        known = ear.board
        ear.stop()
    return known


def _rounds(ear: _Ear, until: Callable[[Board], bool]) -> Iterator[Board]:
    """The board as it is, a few times a second, until somebody has seen enough."""
    while True:
        board = ear.board
        yield board
        if until(board):
            return
        time.sleep(REFRESH_S)


def _live(rounds: Iterator[Board], console: Console, address: str) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for board in rounds:
            live.update(draw(board, time.monotonic(), address, console.height), refresh=True)


def _plain(rounds: Iterator[Board], console: Console) -> None:
    """One line for each event, and one a second for each bed's score."""
    said, connection, bad = 0, "", 0
    scored: dict[str, float] = {}
    states: dict[str, str] = {}

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    for board in rounds:
        if board.connection != connection:
            connection = board.connection
            say(f"broker: {connection}")
        if board.bad != bad:
            bad = board.bad
            say(f"bad message {bad}: {printable(board.bad_last)}")
        new = board.logged - said
        said = board.logged
        if new > len(board.events):
            say(f"({new - len(board.events)} earlier events are not shown)")
        for event in board.events[max(0, len(board.events) - new) :]:
            say(event_words(event))
        now = time.monotonic()
        for name, bed in sorted(board.beds.items()):
            state = status(bed, now)
            if state == "lost" != states.get(name):
                say(f"{printable(name)} is lost: nothing heard for {LOST_S:.0f} s")
            states[name] = state
            if bed.scored is not None and bed.scored - scored.get(name, -LINES_S) >= LINES_S / 2:
                scored[name] = bed.scored
                say(score_words(bed, now))


class _Ear:
    """Listens to the broker in paho's own thread, and keeps the board."""

    def __init__(self, broker: Broker, topics: str) -> None:
        self._lock = threading.Lock()
        self._board = Board()
        self._topics = topics
        self._address = f"{broker.host}:{broker.port}"
        self._client = self._new_client(broker)

    @property
    def board(self) -> Board:
        """As it is now."""
        with self._lock:
            return self._board

    def start(self) -> None:
        """Begin to listen; returns at once, whether the broker is there or not."""
        self._client.loop_start()

    def stop(self) -> None:
        """Listen no more."""
        self._client.disconnect()
        self._client.loop_stop()

    def _new_client(self, broker: Broker) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        try:
            if broker.username is not None:
                client.username_pw_set(broker.username, read_password(broker.password_file))
            if broker.tls is not None:
                client.tls_set_context(tls_context(broker.tls))
        except (OSError, ssl.SSLError) as error:
            raise WatchError(f"credentials for {self._address} cannot be used: {error}") from error
        client.reconnect_delay_set(ceil(broker.reconnect_min_s), ceil(broker.reconnect_max_s))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect_async(broker.host, broker.port, broker.keepalive_s)
        return client

    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: paho.ConnectFlags, reason: ReasonCode, _props: Any
    ) -> None:
        if reason.is_failure:
            self._connection(f"refused: {reason}")
            return
        client.subscribe(self._topics, options=SubscribeOptions(qos=1))
        self._connection("connected")

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _props: Any
    ) -> None:
        if reasons[0].is_failure:
            self._connection(f"connected, but may not listen to {self._topics}: {reasons[0]}")

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        self._connection(f"not reached: {self._address} takes no connection; trying again")

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:
        if self.board.connection.startswith("connected"):
            self._connection(f"lost: {reason}; trying again")

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        with self._lock:
            self._board = on_message(self._board, message.topic, bytes(message.payload), time.monotonic())

    def _connection(self, words: str) -> None:
        with self._lock:
            self._board = replace(self._board, connection=words)
