"""Events that make a bed decide many alarms a second: faults that come and go, pain that comes and goes, busy staff.

The policy is the product's own; only its delays are settings, and here they are zero.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from npng_edge.ask import make_request
from npng_edge.bedside.events import ReadingMade
from npng_edge.policy.events import Fault
from npng_edge.publish.events import Received
from npng_edge.units import ACTION_UNITS, ActionUnits, Box, EyeClosure, Face, Pose, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from npng_edge.bedside.events import Event
    from npng_edge.publish.topics import Topics

AT_ONCE: dict[str, Any] = {
    "baseline": {"learn": False},
    "pain": {"on_delay_s": 0, "off_delay_s": 0, "warm_up_s": 0},
    "technical": {"clear_s": 0, "no_face_s": 1, "poor_view_s": 1, "no_baseline_s": 10},
}
"""The section `policy` of the configuration: as little delay as it allows."""
CAUSE = "storm "
"""A fault's cause begins so and goes on with the time at which it was told: there its way to the station begins."""
PATIENT = "P-STORM"
PAUSE_S = 30
REST = ActionUnits(dict.fromkeys(ACTION_UNITS, 0.0), EyeClosure(0.0, 0.0))
PAIN = ActionUnits({**REST.intensity, "AU4": 4.0, "AU6": 4.0, "AU9": 4.0}, EyeClosure(1.0, 1.0))
"""PSPI 13: severe."""
VIEW = Face(Box(220.0, 120.0, 160.0, 200.0), Pose(0.0, 0.0, 0.0), 0.9)


class Storm:
    """What happens around one bed.

    Args:
        tell: The bedside's inbox.
        topics: Of the bed.
        random: The only source of chance.
    """

    def __init__(self, tell: Callable[[Event], None], topics: Topics, random: Random) -> None:
        self._tell = tell
        self._topics = topics
        self._random = random
        self._broken: set[str] = set()
        self._hurts = False
        self._readings = 0
        self._present: tuple[str, ...] = ()

    def on_level(self, present: Mapping[str, bytes]) -> None:
        """Take note of the alarms present, alarm_id -> body; from the bedside's thread."""
        self._present = tuple(present)

    def assign(self) -> None:
        """A patient lies here; refused, and that is well, when one was kept from the run before."""
        self._ask("assign", f"patient={PATIENT}")

    def next(self) -> None:
        """Let one thing happen, mostly with one or two alarm transitions."""
        (kind,) = self._random.choices((self._fault, self._face, self._acknowledge, self._pause), (60, 25, 10, 5))
        kind()

    def _fault(self) -> None:
        condition = self._random.choice(("camera", "model"))
        self._broken ^= {condition}
        self._tell(Fault(condition, f"{CAUSE}{time.time():.6f}" if condition in self._broken else None))

    def _face(self) -> None:
        self._hurts = not self._hurts
        self._readings += 1
        units = PAIN if self._hurts else REST
        self._tell(ReadingMade(Reading(self._readings, time.monotonic(), 1, VIEW, units, in_bed=1), {}))

    def _acknowledge(self) -> None:
        if self._present:
            self._ask("acknowledge", f"alarm_id={self._random.choice(self._present)}")

    def _pause(self) -> None:
        if self._random.random() < 0.5:
            self._ask("pause", "conditions=[pain, pain-severe]", f"seconds={PAUSE_S}")
        else:
            self._ask("resume", "conditions=[pain, pain-severe]")

    def _ask(self, name: str, *fields: str) -> None:
        payload = make_request(name, fields, who="proof", why=None, patience_s=60.0).payload()
        self._tell(Received(self._topics.request(name), payload, retained=False, response_topic=None, correlation=None))
