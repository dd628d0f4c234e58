"""The configuration and what a station reads, as targets."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from npng_edge import config
from npng_edge.publish.topics import ROOT
from npng_edge.station.journal import Journal
from npng_edge.station.model import Board, on_message
from npng_edge.station.receiver import Receiver
from npng_edge.station.view import draw
from npng_edge.station.words import event_words
from proof.fuzzing.judge import BrokenRuleError, Verdict, timed

if TYPE_CHECKING:
    from pathlib import Path

    from proof.fuzzing.judge import Input

FRESH = 400
"""After so many messages the board begins anew."""
SHOWN = 5
"""Every so many messages that were taken the board is drawn."""
PLACE = "st-mary/icu/7"
"""The bed of the contract's examples."""


class Configuration:
    """A configuration file is read to settings, or refused with file, line, key and what is wrong.

    Args:
        folder: For the file; on a memory disk it is quicker.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "config.yaml"

    def take(self, given: Input) -> Verdict:
        """See `judge.Target`."""
        self._file.write_bytes(given.payload)
        spent: list[float] = []
        try:
            with timed(spent.append):
                settings = config.load(self._file)
        except config.ConfigError as error:
            lines = len(given.payload.decode("utf-8", "replace").splitlines()) + 1
            if not error.problems:
                raise BrokenRuleError("refused without saying why") from error
            for problem in error.problems:
                if problem.file != self._file or not problem.message or not 0 <= problem.line <= lines:
                    raise BrokenRuleError(f"refused without saying where: {problem!r}") from error
                if problem.key and not problem.line:
                    raise BrokenRuleError(f"a key without its line: {problem!r}") from error
            return Verdict(valid=False, refused=True, seconds=spent[0])
        again = self._file.with_name("again.yaml")
        again.write_text(config.dump(settings), encoding="utf-8")
        if config.load(again) != settings:
            raise BrokenRuleError(f"the settings are not the same when written and read again: {settings!r}")
        return Verdict(valid=True, refused=False, seconds=spent[0])

    def close(self) -> None:
        """Nothing stays open."""


class Reader:
    """A station takes what a bed says into its journal, which makes receipts, and into its board, which can be drawn.

    What is wrong is only counted.

    Args:
        folder: For the journal; on a memory disk it is quicker.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = self._shown = 0
        self._board = Board()
        self._receiver = self._opened()

    def take(self, given: Input) -> Verdict:
        """See `judge.Target`."""
        self._taken += 1
        if self._taken % FRESH == 0:
            self.close()
            self._board, self._receiver = Board(), self._opened()
        before, now = self._board, float(self._taken)
        topic = given.topic.replace("@bed@", f"{ROOT}/{PLACE}")
        spent: list[float] = []
        with timed(spent.append):
            self._receiver.take(topic, given.payload, now)
            said = self._receiver.due(now)
            self._board = on_message(before, topic, given.payload, now)
        bad, after = self._board.bad - before.bad, self._board
        if bad and (
            bad != 1 or not after.bad_last or replace(after, bad=before.bad, bad_last=before.bad_last) != before
        ):
            raise BrokenRuleError("not read, yet the board changed")
        valid = not bad and after is not before
        receipts = [one for one in said if one.topic.endswith("/receipt")]
        if len(receipts) > (valid and topic.endswith(("/alarm", "/alarms"))):
            raise BrokenRuleError(f"{'read' if valid else 'not read'}, yet {len(receipts)} receipts: {receipts}")
        if valid:
            self._show(after)
        return Verdict(valid, bool(bad), spent[0])

    def close(self) -> None:
        """See `judge.Target`."""
        self._receiver.close()

    def _opened(self) -> Receiver:
        folder = self._folder / f"{self._taken}"
        folder.mkdir(parents=True)
        return Receiver("station", Journal(folder / "journal.sqlite3"))

    def _show(self, board: Board) -> None:
        self._shown += 1
        for event in board.events[-1:]:
            event_words(event)
        if self._shown % SHOWN == 0:
            Console(file=StringIO(), width=120, height=50).print(draw(board, float(self._taken), "broker", 50))
