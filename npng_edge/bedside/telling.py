"""From decisions to the wire. What must arrive waits in the outbox already; the rest is only worth sending now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarm_state import ranked
from npng_edge.policy.face import baseline
from npng_edge.publish.stamp import PatientFacts
from npng_edge.record.outbox import Outgoing
from npng_edge.units import Phase

if TYPE_CHECKING:
    from npng_edge.bedside.commands import Answer
    from npng_edge.policy.decisions import Decisions
    from npng_edge.policy.state import State
    from npng_edge.publish.delivery import Delivery
    from npng_edge.publish.stamp import Stamp
    from npng_edge.publish.topics import Topics
    from npng_edge.record.outbox import Outbox
    from npng_edge.settings import Policy
    from npng_edge.units import Assessment, Reading, Transition

logger = logging.getLogger(__name__)


class Teller:
    """Tells the station what is decided.

    Args:
        stamp: Makes the messages.
        topics: Of this bed.
        delivery: The way out.
        outbox: Where a score waits that cannot be sent now.
    """

    def __init__(self, stamp: Stamp, topics: Topics, delivery: Delivery, outbox: Outbox) -> None:
        self._stamp = stamp
        self._topics = topics
        self._delivery = delivery
        self._outbox = outbox

    def decisions(self, decisions: Decisions, state: State, checks: int) -> None:
        """Tell what is only worth sending now; transitions and episodes are in the outbox already."""
        for made in decisions.transitions:
            _log(made)
        if decisions.transitions:
            self.level(state, checks)
        patient = state.patient
        if patient is None:
            return
        if decisions.fusion is not None:
            message = self._stamp.fusion(decisions.fusion, patient.profile.patient, patient.vetoes)
            self._delivery.send(self._topics.fusion, message.payload())
        if decisions.bolus is not None and self._outbox.fault is None:
            # The ledger that counts it is on the disk; else nobody is asked, and it counts all the same.
            bolus = self._stamp.bolus(decisions.bolus, patient.profile.patient)
            self._delivery.send(self._topics.bolus, bolus.payload())

    def score(self, reading: Reading, assessment: Assessment, state: State, policy: Policy) -> None:
        """Tell the score of one reading, later if need be."""
        message = self._stamp.pain(reading, assessment, self._facts(state, policy))
        payload = message.payload()
        if not self._delivery.send(self._topics.pain, payload):
            self._outbox.commit([Outgoing(message.id, "score", self._topics.pain, payload)])

    def level(self, state: State, checks: int) -> None:
        """Tell all alarms that are present."""
        levels = state.alarms
        paused = {name: silence.until for name, silence in levels.pauses.items()}
        message = self._stamp.alarms(ranked(levels.alarms.values()), paused, checks)
        self._delivery.level(message.id, message.payload())

    def answer(self, answer: Answer) -> None:
        """Answer a request."""
        topic = self._topics.response(answer.name, answer.asked_topic)
        self._delivery.send(topic, answer.response.payload(), answer.correlation)

    def _facts(self, state: State, policy: Policy) -> PatientFacts:
        patient = state.patient
        if patient is None:
            return PatientFacts(None, None, None, None, None)
        known, estimate = patient.profile.baseline, patient.estimate
        good = None if known is None else baseline.quality(known, self._stamp.wall(), policy.baseline)
        return PatientFacts(patient.profile.patient, known, good, estimate.sensitivity, estimate.reason)


def _log(made: Transition) -> None:
    level = logging.INFO if made.phase is Phase.END else logging.WARNING
    fields = {"NPNG_ALARM": made.alarm.condition, "NPNG_PHASE": made.phase.value}
    text = "alarm %s %s (%s): %s"
    logger.log(level, text, *fields.values(), made.change.value, made.alarm.cause, extra=fields)
