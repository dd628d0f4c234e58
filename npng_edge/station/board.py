"""The live board in a terminal, fed by MQTT alone; plain lines where there is no terminal.

It shows what any nurse station can know. With a journal it is one: it stores every alarm and sends receipts.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from npng_edge.publish.client import read_password
from npng_edge.publish.tls import tls_context
from npng_edge.publish.topics import ROOT, Topics
from npng_edge.station.ear import Ear
from npng_edge.station.model import HEARD, LOST_S, SCORES, Board, on_message, status
from npng_edge.station.view import draw
from npng_edge.station.words import event_words, printable, score_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npng_edge.settings import Broker, Place
    from npng_edge.station.receiver import Receiver

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
    receiver: Receiver | None = None,
    until: Callable[[Board], bool] = lambda _board: False,
) -> Board:
    """Show the beds, until interrupted from the keyboard.

    Args:
        broker: Where to listen; a broker that is away is waited for.
        place: The only bed to show; None: all.
        console: Where to draw; a terminal gets the live board, anything else plain lines.
        receiver: With one, the board is a station: it stores every alarm and sends receipts.
        until: Asked a few times a second; the board ends when it says so.

    Returns:
        What the board knew at its end.

    Raises:
        WatchError: The broker's settings cannot be used, for instance a password file that is missing.
    """
    console = console or Console()
    _check(broker)
    known = _Known()
    bed = f"{ROOT}/+/+/+" if place is None else Topics(place).bed
    # A ward's scores are too many for a log, and a station that shows them to nobody does not ask for them.
    scores = console.is_terminal or receiver is None or place is not None
    topics = [f"{bed}/{one}" for one in HEARD if scores or one not in SCORES]
    ear = Ear(broker, topics, take=known.take, say=known.say, receiver=receiver)
    ear.start()
    try:
        if console.is_terminal:
            _live(_rounds(known, until), console, f"{broker.host}:{broker.port}")
        else:
            _plain(_rounds(known, until), console)
    except KeyboardInterrupt:
        pass
    finally:
        ear.stop()
    return known.board


def _rounds(known: _Known, until: Callable[[Board], bool]) -> Iterator[Board]:
    """The board as it is, a few times a second, until somebody has seen enough."""
    while True:
        board = known.board
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
        # Not by rich, which takes longer for a line than a station has for a message.
        console.file.write(f"{line}\n")
        console.file.flush()

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


class _Known:
    """The board, kept by the ear's thread and read by the one that draws."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._board = Board()

    @property
    def board(self) -> Board:
        """As it is now."""
        with self._lock:
            return self._board

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """Take one message."""
        with self._lock:
            self._board = on_message(self._board, topic, payload, now)

    def say(self, words: str) -> None:
        """Take what is to be said of the connection."""
        with self._lock:
            self._board = replace(self._board, connection=words)


def _check(broker: Broker) -> None:
    """Whether the credentials can be used at all."""
    try:
        read_password(broker.password_file)
        if broker.tls is not None:
            tls_context(broker.tls)
    except (OSError, UnicodeError) as error:
        raise WatchError(f"credentials for {broker.host}:{broker.port} cannot be used: {error}") from error
