"""Targets with faults put in on purpose, to show that fuzzing finds them; also for the process that atheris drives."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from npng_edge.publish.messages import Response
from npng_edge.record.history import Changes, HistoryRow
from proof.fuzzing.bed import HandDrivenBed
from proof.fuzzing.judge import MOST_S, Input, Target, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.bedside.commands import Answer
    from npng_edge.publish.events import Received


class Raises(HandDrivenBed):
    """Falls over a value that is not ASCII."""

    def _take_request(self, event: Received, now: float) -> None:
        event.payload.decode().encode("ascii")
        super()._take_request(event, now)


class ChangesState(HandDrivenBed):
    """Changes its state before it looks whether it may."""

    def _take_request(self, event: Received, now: float) -> None:
        self._state = replace(self._state, stays=self._state.stays + 1)
        super()._take_request(event, now)


class ChangesInPlace(HandDrivenBed):
    """Changes an object that the state shares with the state before."""

    def _take_request(self, event: Received, now: float) -> None:
        faults: Any = self._state.faults
        object.__setattr__(self._state, "faults", {**faults, "slow": str(now)})
        super()._take_request(event, now)


class WritesHistory(HandDrivenBed):
    """Notes what it refuses in the patient's history."""

    def _respond(self, answer: Answer) -> None:
        row = HistoryRow("stay", "hour", answer.response.id, 0.0, b"{}")
        self._outbox.commit(changes=Changes(rows=[row]))
        super()._respond(answer)


class SaysNoReason(HandDrivenBed):
    """Refuses without a reason."""

    def _respond(self, answer: Answer) -> None:
        wordless = Response.model_validate({**answer.response.model_dump(by_alias=True), "reason": None})
        super()._respond(replace(answer, response=wordless))


class SaysNothing(HandDrivenBed):
    """Does not answer what it cannot read."""

    def _respond(self, answer: Answer) -> None:
        if answer.response.reason != "malformed":
            super()._respond(answer)


class Hangs(HandDrivenBed):
    """Needs too long for some."""

    def _take_request(self, event: Received, now: float) -> None:
        end = time.process_time() + (1.1 * MOST_S if b"null" in event.payload else 0.0)
        while time.process_time() < end:
            pass
        super()._take_request(event, now)


class GoesAstray(HandDrivenBed):
    """Answers wherever it is told to."""

    def _respond(self, answer: Answer) -> None:
        if answer.asked_topic == self._topics.alarm:
            self._delivery.send(answer.asked_topic, answer.response.payload())
        super()._respond(answer)


class Picky:
    """Fails where three steps in a row must be right."""

    def take(self, given: Input) -> Verdict:
        data = given.payload
        if len(data) > 3 and data[0] == ord("P") and data[1] == ord("S"):
            assert data[2] != ord("P")
        return Verdict(valid=True, refused=False, seconds=0.0)

    def close(self) -> None:
        pass


def targets(_: Path) -> dict[str, Target]:
    return {"configuration": Picky()}
