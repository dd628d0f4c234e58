"""All that the policy remembers: of the device, and of the patient who lies here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarm_state import AlarmState
from npng_edge.policy.face import pain_state
from npng_edge.policy.face.baseline import BaselineState
from npng_edge.policy.face.look_alike import LookAlikeState
from npng_edge.policy.rating import ratings
from npng_edge.policy.stays import summary
from npng_edge.policy.vital import autonomic, vital_signs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.policy.analgesia import interlock
    from npng_edge.policy.analgesia.vetoes import Veto
    from npng_edge.policy.happening import happenings
    from npng_edge.policy.rating.sensitivity import SensitivityEstimate
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.policy.vital.fusion import Fusion
    from npng_edge.policy.vital.news2 import News2
    from npng_edge.requests import Request
    from npng_edge.units import Assessment, Estimate, Threshold


MOST_LEFT = 16


@dataclass(frozen=True, slots=True)
class Face:
    """What is remembered of the face between readings."""

    baseline: BaselineState = field(default_factory=BaselineState)
    look_alike: LookAlikeState = field(default_factory=LookAlikeState)
    pain: pain_state.PainState = field(default_factory=pain_state.PainState)
    ratings: ratings.Ratings = field(default_factory=ratings.Ratings)
    """Scores of the last half hour, and ratings that wait for their window."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Of the patient who lies here: the profile, which is kept, and working memory, which a restart forgets."""

    profile: Profile
    since: float
    """When the patient was assigned, or this run took the patient over; frame clock seconds."""
    estimate: SensitivityEstimate
    """From the profile's ratings."""
    estimated_utc: float
    threshold: Threshold
    """In force now."""
    interlock: interlock.State
    happenings: happenings.HappeningState
    face: Face = field(default_factory=Face)
    capture: Request | None = None
    """The request whose capture is under way."""
    vitals: vital_signs.VitalState = field(default_factory=vital_signs.VitalState)
    signs: vital_signs.Signs = field(default_factory=vital_signs.Signs)
    """The vital signs as of the last second."""
    news2: News2 | None = None
    """Of these; None: not used, or not yet looked at."""
    autonomic: autonomic.AutonomicState = field(default_factory=autonomic.AutonomicState)
    summary: summary.HourState = field(default_factory=summary.HourState)
    vas: Estimate | None = None
    """Estimate of the rating from the face of the last minute."""
    vetoes: tuple[Veto, ...] = ()
    """What forbids a bolus request that is due."""
    kept: float = float("-inf")
    """When the hour under way was kept last, frame clock seconds."""
    attended: float | None = None
    """When somebody else was last in view, frame clock seconds."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the policy remembers."""

    alarms: AlarmState
    patient: Patient | None = None
    """None: nobody is assigned, and nothing is scored."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Faults other stages reported and have not taken back: condition -> cause."""
    last_reading: float | None = None
    """When the newest reading was made, or the camera began to deliver pictures."""
    assessment: Assessment | None = None
    """The newest."""
    fusion: Fusion | None = None
    """The newest."""
    stays: int = 0
    """Stays begun in this run."""
    left: tuple[Profile, ...] = ()
    """Of patients who left in this run, the newest last, `MOST_LEFT` at the most: their ledgers, should they return."""
    episodes: int = 0
    """Episodes opened in this run by patients who have left."""
    slow_due: float = float("-inf")
    """When what need not be looked at often is looked at next, frame clock seconds."""

    @property
    def profile(self) -> Profile | None:
        """Of the assigned patient."""
        return None if self.patient is None else self.patient.profile


def begin(run: str) -> State:
    """The state of a run that begins.

    Args:
        run: Names this run of the software, unique for ever.
    """
    return State(AlarmState(run))
