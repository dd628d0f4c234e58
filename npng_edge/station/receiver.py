"""What a station owes the beds: it stores every alarm, sends receipts, and asks for what is missing.

This is the reference for a nurse-station system: store first, then send the receipt; remove duplicates by `id`; see a
gap by `sequence`, wait a moment, and ask for a replay.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pydantic import ValidationError

from npng_edge.publish.messages import Alarm, Alarms
from npng_edge.publish.topics import ROOT, Manner
from npng_edge.receipt import MOST_IDS, Receipt
from npng_edge.requests import LONGEST_REPLAY, Replay
from npng_edge.station.journal import Heard, JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.station.journal import Journal

RECEIPT = Manner(qos=0, retain=False, expiry_s=60)
"""One that is lost is no loss, for the bed asks again; and no window of acknowledgements holds up a whole ward's."""
REPLAY = Manner(qos=1, retain=False, expiry_s=30)
LONGEST_ID = 64
"""A receipt holds no longer ones."""
MOST_COUNTED = 2**63
"""The journal holds no larger numbers."""
GAP_S = 10.0
"""A gap that is not filled by itself for so long is asked for: the bed sends what has no receipt again after five."""
ASK_AGAIN_S = 60.0
MOST_ASKED = 5
"""A gap that is still there after so many requests cannot be filled: the bed does not have these alarms any more."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publication:
    """Something to be published."""

    topic: str
    payload: bytes
    manner: Manner


class Receiver:
    """Takes the messages of all beds; `due` gives what must be answered.

    Args:
        name: Of the station, as in its receipts.
        journal: Where alarms are stored.
        utc_now: The wall clock, for the expiry of requests.
    """

    def __init__(
        self, name: str, journal: Journal, utc_now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    ) -> None:
        self.name = name
        """Of the station."""
        self._journal = journal
        self._utc_now = utc_now
        self._heard: list[Heard] = []
        self._seen: dict[str, str] = {}  # bed -> id of its newest level
        self._ends: dict[tuple[str, str], int] = {}  # (bed, run) -> highest number heard
        self._gaps: dict[tuple[str, str], tuple[float, int]] = {}  # (bed, run) -> when to look, and how often asked
        self.fault: str | None = None
        """Why alarms cannot be stored, for people; None: they are."""

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """Take one message; what is no alarm and no level is passed over.

        Args:
            topic: `npng/v1/{facility}/{unit}/{bed}/{name}`.
            payload: JSON.
            now: Monotonic seconds.
        """
        bed, _, name = topic.removeprefix(f"{ROOT}/").rpartition("/")
        try:
            if name == "alarm":
                alarm = Alarm.parse(payload)
                if alarm.bed == bed and 0 < len(alarm.id) <= LONGEST_ID and alarm.sequence < MOST_COUNTED:
                    self._heard.append(Heard(alarm.id, bed, alarm.boot_id, alarm.sequence, payload))
                    self._look_for_gap((bed, alarm.boot_id), alarm.sequence, now)
            elif name == "alarms":
                level = Alarms.parse(payload)
                if level.bed == bed and 0 < len(level.id) <= LONGEST_ID:
                    self._seen[bed] = level.id
        except ValidationError:
            logger.warning("%s: a message that cannot be read gets no receipt", topic)

    def due(self, now: float) -> list[Publication]:
        """Store what came, then say so; ask for what is missing.

        Args:
            now: Monotonic seconds.
        """
        heard, seen = self._heard, self._seen
        self._heard, self._seen = [], {}
        try:
            if heard:
                self._journal.store(heard)
            asked = [self._replay(*run, now) for run, (at, _) in list(self._gaps.items()) if now >= at]
        except JournalError as error:
            # No receipt, not even for the level: the beds must notice that this station is of no use.
            if self.fault is None:
                logger.error("alarms cannot be stored, no receipts are sent: %s", error)  # noqa: TRY400 - the text says it all
            self.fault = str(error)
            return []
        if heard:
            self.fault = None
        if self.fault is not None:
            return []
        ids = defaultdict(list)
        for one in heard:
            ids[one.bed].append(one.id)
        for bed, level in seen.items():
            ids[bed].append(level)
        receipts = [
            self._receipt(bed, some[first : first + MOST_IDS])
            for bed, some in ids.items()
            for first in range(0, len(some), MOST_IDS)
        ]
        return receipts + [request for request in asked if request is not None]

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _receipt(self, bed: str, ids: list[str]) -> Publication:
        receipt = Receipt(station=self.name, ids=tuple(ids))
        return Publication(f"{ROOT}/{bed}/receipt", receipt.payload(), RECEIPT)

    def _look_for_gap(self, run: tuple[str, str], sequence: int, now: float) -> None:
        end = self._ends.get(run)
        if end is not None and sequence > end + 1:
            logger.info("%s: alarms %d to %d are missing", run[0], end + 1, sequence - 1)
        if end is None or sequence > end + 1:
            self._gaps.setdefault(run, (now + GAP_S, 0))
        if end is None or sequence > end:
            # Of a bed only the newest run can have gaps that matter; this also bounds what is remembered.
            for other in [key for key in self._ends if key[0] == run[0] and key != run]:
                del self._ends[other]
            self._ends[run] = sequence

    def _replay(self, bed: str, boot_id: str, now: float) -> Publication | None:
        asked = self._gaps.pop((bed, boot_id))[1]
        gap = self._journal.missing(bed, boot_id)
        if gap is None:
            return None
        if asked == MOST_ASKED:
            logger.error("%s: alarms %d to %d of run %s cannot be had any more", bed, *gap, boot_id)
            return None
        self._gaps[bed, boot_id] = now + ASK_AGAIN_S, asked + 1
        first, last = gap[0], min(gap[1], gap[0] + LONGEST_REPLAY - 1)
        expires = self._utc_now() + timedelta(seconds=30)
        request = Replay(
            id=uuid.uuid4().hex, who=self.name, why="gap", expires=expires, run=boot_id, first=first, last=last
        )
        return Publication(f"{ROOT}/{bed}/request/replay", request.payload(), REPLAY)
