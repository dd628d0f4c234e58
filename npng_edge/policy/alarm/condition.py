"""What a row of the table of alarm conditions says."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.sustained import HOLD_S
from npng_edge.units import AlarmKind, Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from npng_edge.settings import Policy

URGENCY = MappingProxyType({Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2})
"""For comparing priorities."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens when nobody acts."""

    after_s: float
    """Seconds for which it is signalled and nobody acknowledges it."""
    to: Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the hazard is, how it is signalled, and what staff should do about it."""

    name: str
    kind: AlarmKind
    priority: Priority
    """At the start, unless the evidence names one."""
    on_delay: Callable[[Policy], float]
    """Seconds of evidence before it is present."""
    off_delay: Callable[[Policy], float]
    """Seconds of evidence against it before it is gone."""
    remind_s: float
    """It is signalled again after so long without an acknowledgement."""
    when: str
    """The evidence for it, and its hysteresis where there is one."""
    why: str
    """Rationale of the priority, one sentence."""
    action: str
    """One sentence for the person who comes."""
    action_ko: str
    """The same in Korean."""
    hold_s: float = HOLD_S
    """Evidence is not forgotten over so many seconds of unknown."""
    escalation: Escalation | None = None
    latching: bool = False
    """When it ends by itself, it is signalled until somebody acknowledges it."""
    acknowledgeable: bool = True
    covers: tuple[str, ...] = ()
    """Milder forms of the same hazard: where they are on, its acknowledgement is theirs as well."""
    pausable: bool = False
    blinding: bool = False
    """While present, pain cannot be seen; such a condition is never pausable."""
    of_patient: bool = False
    """It is about this patient or the view of them, and ends when they leave."""
    telling: bool = False
    """Its cause is a stable sentence, so that a new one is news; a cause with the figures of a reading is none."""

    def acknowledged_s(self, settings: Policy) -> float:
        """For how long an acknowledgement holds, seconds.

        Engineering needs longer than the ward, unless the patient is not watched meanwhile.
        """
        bedside = self.blinding or self.kind is AlarmKind.PHYSIOLOGICAL
        return settings.alarms.acknowledge_s if bedside else settings.alarms.acknowledge_technical_s
