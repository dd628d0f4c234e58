"""A bed in trouble with its broker: the fault, what the bed says of it, the repair, and that all arrives after it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npng_edge.publish.outage import BRIEF_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from proof.bed import Bed
    from proof.trial import Trial

SAID_S = 40.0
"""A bed that has not said so long after the fault what is wrong does not say it."""
HOLD_S = 2.0
"""The fault lasts so much longer than it takes the bed to say all."""
BACK_S = 90.0
"""A bed tries again after a minute at the latest."""
SETTLED_S = BRIEF_S + 2.0
"""After so long a connection is not taken for a part of the trouble before it, and what was raised has ended."""
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault, and what must be seen of it."""

    name: str
    """In few words, for the table."""
    begin: Callable[[], AbstractContextManager[None]]
    """Spoils something, and repairs it at the end of the body."""
    says: str | None = None
    """The bed's log must hold these words; None: it need not say anything."""
    alarm: str | None = None
    """The bed must raise this condition; None: it must raise neither `broker` nor `station-not-listening`."""
    blocks: bool = True
    """Whether no alarm may reach the station while the fault lasts."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of one fault."""

    kind: Kind
    said_s: float | None
    """From the fault to the words in the log."""
    alarm_s: float | None
    """From the fault to the alarm."""
    raised: tuple[str, ...]
    """`broker` or `station-not-listening`, as the log says."""
    waited: int
    """Alarms decided from the fault to the repair."""
    passed_through: int
    """Of these, heard by the station before the repair."""
    lost: int
    """Not heard after the repair, however long it was waited."""
    back_s: float
    """From the repair until the last of them was heard."""

    @property
    def wrong(self) -> str | None:
        """What was not as it must be; None: nothing."""
        kind = self.kind
        if self.lost:
            return f"{self.lost} alarms lost"
        if kind.says is not None and self.said_s is None:
            return f"the log does not say {kind.says!r}"
        if kind.alarm is not None and self.alarm_s is None:
            return f"no alarm {kind.alarm}"
        if kind.alarm is None and self.raised:
            return f"needless alarm {', '.join(self.raised)}"
        if kind.blocks and self.passed_through:
            return f"{self.passed_through} alarms passed through"
        return None

    def __str__(self) -> str:
        words = []
        if self.alarm_s is not None:
            words.append(f"{self.kind.alarm} after {self.alarm_s:.1f} s")
        if self.said_s is not None:
            words.append(f"log: {self.kind.says!r}")
        words.append(f"{self.waited} alarms meanwhile, all there {self.back_s:.1f} s after the repair")
        return "; ".join(words) + ("" if self.wrong is None else f"; WRONG: {self.wrong}")


def endure(trial: Trial, bed: Bed, kind: Kind) -> Found:
    """Let one bed go through one fault."""
    time.sleep(SETTLED_S)
    log = Log(bed)
    begun = time.time()
    with kind.begin():
        spoilt = time.time()
        said_s, alarm_s = log.wait_for(begun, kind.says, kind.alarm and f"alarm {kind.alarm} start")
        time.sleep(HOLD_S)
        still = time.time()
    repaired = time.time()
    decided = [one for one in bed.decided().alarms if one.kept]
    missing = trial.station.wait_for({one.id for one in decided}, BACK_S)
    back_s = time.time() - repaired
    waited = {one.id for one in decided if spoilt < one.at < still}
    heard = {one.id for one in trial.station.heard() if one.at < still} & waited
    raised = tuple(name for name in ("broker", "station-not-listening") if f"alarm {name} start" in log.text())
    return Found(kind, said_s, alarm_s, raised, len(waited), len(heard), len(missing), back_s)


class Log:
    """What a bed's log says from now on."""

    def __init__(self, bed: Bed) -> None:
        self._path = bed.folder / "bed.log"
        self._begin = self._path.stat().st_size

    def text(self) -> str:
        """All of it."""
        with self._path.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode(errors="replace")

    def wait_for(self, begun: float, *words: str | None) -> list[float | None]:
        """Seconds from `begun` (since 1970) until the log held each of these words; None: it does not say them."""
        found: list[float | None] = [None] * len(words)
        while time.time() - begun < SAID_S:
            text, now = self.text(), time.time() - begun
            for place, one in enumerate(words):
                if found[place] is None and one is not None and one in text:
                    found[place] = now
            if all(one is None or seen is not None for one, seen in zip(words, found, strict=True)):
                break
            time.sleep(POLL_S)
        return found
