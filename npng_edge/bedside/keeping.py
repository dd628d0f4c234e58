"""From decisions to what is kept and what waits to be sent: all of one event in one transaction."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarm_state import ranked
from npng_edge.policy.decisions import audit
from npng_edge.policy.stays.stay import Audit
from npng_edge.publish.stamp import stored
from npng_edge.record import codec
from npng_edge.record.clips import Deletion, Kept
from npng_edge.record.history import KEEP, NO_STAY, Changes, HistoryRow
from npng_edge.record.outbox import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from npng_edge.policy.decisions import Decisions
    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.state import State
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.policy.stays.summary import HourSummary
    from npng_edge.publish.messages import Alarm
    from npng_edge.publish.stamp import Stamp
    from npng_edge.publish.topics import Topics
    from npng_edge.record.history import Forgotten
    from npng_edge.record.outbox import Outbox
    from npng_edge.units import Moment

DAY_S = 86_400.0

logger = logging.getLogger(__name__)


class Keeper:
    """Writes what was decided.

    Args:
        outbox: Where to.
        topics: Of this bed.
        stamp: Makes the messages.
    """

    def __init__(self, outbox: Outbox, topics: Topics, stamp: Stamp) -> None:
        self._outbox = outbox
        self._topics = topics
        self._stamp = stamp
        self._audits = 0

    def restore(self) -> Profile | None:
        """The profile of the patient who was here when the run before ended; None: nobody, or it cannot be read."""
        body = self._outbox.history.profile()
        if body is None:
            return None
        try:
            return codec.PROFILE.decode(body)
        except codec.CodecError as error:
            logger.error("the patient's profile cannot be read and is set aside; assign the patient again: %s", error)  # noqa: TRY400 - the text says it all
            self._outbox.history.set_profile_aside(time.time())
            return None

    def ends(self, ends: Iterable[Alarm], going_on: Mapping[str, bytes]) -> None:
        """Keep the ends of alarms of an earlier run.

        Args:
            ends: To be sent.
            going_on: alarm_id -> body, as they were kept: still present if this run, too, is killed at once.
        """
        self._outbox.commit(self._rows(ends), going_on)

    def keep(self, before: State, after: State, decisions: Decisions) -> None:
        """Keep what follows from one event, if anything does.

        Args:
            before: The state in which the event came; what ends with a stay belongs to that stay.
            after: The state now.
            decisions: What was decided.
        """
        patient = before.patient or after.patient
        stay, pseudonym = (patient.profile.stay, patient.profile.patient) if patient else (NO_STAY, "")
        utc = self._stamp.wall()
        rows = [
            *(hour_row(stay, hour) for hour in decisions.hours),
            *(episode_row(stay, episode) for episode in decisions.episodes),
            *(self.audit_row(stay, audit(outcome, utc)) for outcome in decisions.outcomes),
        ]
        if decisions.ended is not None and before.profile is not None:
            rows.append(HistoryRow(stay, "profile", "profile", utc, codec.PROFILE.encode(before.profile)))
        messages = self._rows(map(self._stamp.alarm, decisions.transitions))
        for episode in decisions.episodes:
            told = self._stamp.episode(episode, pseudonym, stay)
            messages.append(Outgoing(told.id, "score", self._topics.episode, told.payload()))
        if not (messages or rows or decisions.keep):
            return
        kept = after.profile
        profile = None if kept is None else codec.PROFILE.encode(kept)
        ended = None if decisions.ended is None else (decisions.ended.stay, decisions.ended.utc)
        self._outbox.commit(
            messages,
            self._level(after) if decisions.transitions else None,
            Changes(profile if decisions.keep else KEEP, rows, ended),
        )

    def record(self, audits: Sequence[Audit], state: State) -> None:
        """Keep lines for the record of the stay that no decision of the policy made."""
        stay = NO_STAY if state.profile is None else state.profile.stay
        self._outbox.commit(changes=Changes(rows=[self.audit_row(stay, one) for one in audits]))

    def clips(self, proofs: Iterable[Kept | Deletion]) -> None:
        """Keep what was kept and deleted of clips in the record of their stay; of a deleted stay, beside all stays."""
        utc = self._stamp.wall()
        rows = [self.audit_row(*_of_clip(one, utc)) for one in proofs]
        if rows:
            self._outbox.commit(changes=Changes(rows=rows))

    def forget_old(self, state: State, before_utc: float) -> tuple[Forgotten, ...]:
        """Delete the stays that were over before a time, and keep a note of each."""
        going_on = None if state.profile is None else state.profile.stay
        return self._outbox.history.forget_stays(before_utc, going_on=going_on, note=self._forgotten)

    def audit_row(self, stay: str, line: Audit) -> HistoryRow:
        """A line of the record, as it is kept."""
        self._audits += 1
        return HistoryRow(stay, "audit", f"{self._stamp.boot_id}-{self._audits}", line.utc, codec.AUDIT.encode(line))

    def _forgotten(self, one: Forgotten) -> HistoryRow:
        detail = f"Stay {one.stay} deleted: {one.rows} rows, SHA-256 {one.sha256}."
        line = Audit(self._stamp.wall(), "retention", None, None, "done", None, detail)
        return self.audit_row(NO_STAY, line)

    def _rows(self, alarms: Iterable[Alarm]) -> list[Outgoing]:
        return [Outgoing(alarm.id, "alarm", self._topics.alarm, alarm.payload()) for alarm in alarms]

    def _level(self, state: State) -> dict[str, bytes]:
        return stored(map(self._stamp.alarm_part, ranked(state.alarms.alarms.values())))


def hour_row(stay: str, hour: HourSummary) -> HistoryRow:
    """An hour of a stay, as it is kept."""
    return HistoryRow(stay, "hour", f"{hour.begin_utc:.0f}", hour.begin_utc, codec.HOUR.encode(hour))


def episode_row(stay: str, episode: Episode) -> HistoryRow:
    """An episode of a stay, as it is kept."""
    return HistoryRow(stay, "episode", episode.id, episode.onset_utc, codec.EPISODE.encode(episode))


def _of_clip(proof: Kept | Deletion, utc: float) -> tuple[str, Audit]:
    """In which stay it is kept, and the line."""
    if isinstance(proof, Kept):
        detail = f"Clip of episode {proof.episode_id}: {proof.pictures} pictures, SHA-256 {proof.sha256}."
        return proof.stay, Audit(utc, "clip-kept", None, None, "done", None, detail)
    detail = f"Clip of episode {proof.episode_id} deleted ({proof.reason}), SHA-256 {proof.sha256}."
    stay = NO_STAY if proof.reason == "stay-deleted" else proof.stay
    return stay, Audit(proof.utc, "clip-deleted", None, None, "done", None, detail)


def kept_since(moment: Moment, began: Moment, days: float) -> float:
    """Before when what is over has been kept long enough; seconds since 1970, UTC.

    Where nobody vouches for the wall clock, a jump ahead does not make everything old.

    Args:
        moment: Now.
        began: The start of this run.
        days: How long things are kept.
    """
    utc = moment.utc
    if moment.synchronised is None:
        utc = min(utc, began.utc + moment.time - began.time)
    return utc - days * DAY_S
