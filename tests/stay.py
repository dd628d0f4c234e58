"""A made-up stay: events at ten readings a second through the whole policy, time passed in."""

from __future__ import annotations

from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from npng_edge.policy import monitor
from npng_edge.policy.events import Asked, Fault, Measured, Seen, Tick
from npng_edge.requests import REQUESTS
from npng_edge.settings import Policy
from npng_edge.units import (
    ACTION_UNITS,
    ActionUnits,
    Assessment,
    Box,
    EyeClosure,
    Face,
    Moment,
    Pose,
    Reading,
    Reason,
    Transition,
)
from npng_edge.vitals import Vitals

if TYPE_CHECKING:
    from npng_edge.policy.decisions import Decisions, Outcome
    from npng_edge.policy.events import Event

FACE = Face(Box(10, 10, 100, 100), Pose(0, 0, 0), 0.9)
PAIN = {"AU4": 2.0, "AU6": 2.0, "AU7": 2.5, "AU9": 1.0, "AU10": 1.5}
SEVERE = {"AU4": 4.0, "AU6": 3.0, "AU7": 3.5, "AU9": 2.0, "AU10": 2.5}
LAUGH = {"AU6": 3.5, "AU7": 2.0, "AU9": 1.0, "AU10": 3.0, "AU12": 4.0, "AU25": 3.0}
EPOCH = datetime(2026, 3, 1, 8, 0, tzinfo=timezone.utc).timestamp()
PATIENT = "P-0001"


def units(values: dict[str, float] | None = None, closed: float = 0.0) -> ActionUnits:
    intensity = dict.fromkeys(ACTION_UNITS, 0.0) | (values or {})
    return ActionUnits(MappingProxyType(intensity), EyeClosure(closed, closed))


def reading(time: float, face: ActionUnits | None, *reasons: Reason, people: int = 1, in_bed: int = 1) -> Reading:
    seen = None if Reason.NO_FACE in reasons else FACE
    return Reading(int(time * 10), time, people, seen, face, reasons, in_bed)


class Bed:
    """Runs the policy over a made-up stay; a patient is assigned, and warm, unless `assigned` is false."""

    def __init__(self, settings: Policy | None = None, *, assigned: bool = True, run: str = "run") -> None:
        self.settings = settings or Policy()
        self.state = monitor.begin(run)
        self.now = 0.0
        self.synchronised: bool | None = True
        self.set_s = 0.0
        self.asked = 0
        self.events: list[tuple[Moment, Event]] = []
        self.decisions: list[Decisions] = []
        if assigned:
            self.ask("assign", patient=PATIENT)
            self.now = self.settings.pain.warm_up_s

    @property
    def moment(self) -> Moment:
        return Moment(self.now, EPOCH + self.set_s + self.now, self.synchronised)

    def take(self, event: Event) -> Bed:
        self.events.append((self.moment, event))
        self.state, decisions = monitor.step(self.state, event, self.moment, self.settings)
        self.decisions.append(decisions)
        return self

    def see(self, seconds: float, face: ActionUnits | None, *reasons: Reason, people: int = 1, in_bed: int = 1) -> Bed:
        for number in range(round(seconds * 10)):
            self.now = round(self.now + 0.1, 6)
            self.take(Seen(reading(self.now, face, *reasons, people=people, in_bed=in_bed)))
            if number % 3 == 2:
                self.take(Tick())
        return self

    def fault(self, condition: str, cause: str | None) -> Bed:
        return self.take(Fault(condition, cause))

    def wait(self, seconds: float) -> Bed:
        for _ in range(round(seconds)):
            self.now += 1.0
            self.take(Tick())
        return self

    def ask(self, name: str, **fields: Any) -> Bed:
        """Ask; times are given in seconds on the bed's clock."""
        self.asked += 1
        times = {key: self.utc(value) for key, value in fields.items() if key in ("at", "until") and value is not None}
        common = {"id": f"r{self.asked}", "who": "nurse Kim", "expires": self.utc(self.now + 60)}
        return self.take(Asked(name, REQUESTS[name].model_validate({**common, **fields, **times})))

    def measure(self, **signs: Any) -> Bed:
        self.asked += 1
        return self.take(Measured(Vitals(id=f"v{self.asked}", source="monitor", at=self.utc(self.now), **signs)))

    def utc(self, time: float) -> datetime:
        return datetime.fromtimestamp(EPOCH + self.set_s + time, timezone.utc)

    @property
    def transitions(self) -> list[Transition]:
        return [made for decisions in self.decisions for made in decisions.transitions]

    @property
    def story(self) -> list[str]:
        return [f"{made.alarm.condition} {made.change.value}" for made in self.transitions]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for decisions in self.decisions for outcome in decisions.outcomes]

    @property
    def last(self) -> Outcome:
        return self.outcomes[-1]

    @property
    def assessment(self) -> Assessment:
        assert self.state.assessment is not None
        return self.state.assessment
