"""How well the device works: measured as it goes, told in `health`, and judged for the technical alarms."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from npng_edge import host
from npng_edge.measure import Durations, Rate
from npng_edge.publish.messages import CameraHealth, Health, OutboxHealth, Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from npng_edge.publish.delivery import DeliveryStatus
    from npng_edge.publish.stamp import Stamp
    from npng_edge.settings import Technical
    from npng_edge.units import CameraStatus

AGE = "frame-to-message"
CLOCK_STEP_S = 5.0
"""A wall clock that jumps by more against the monotonic one was set by hand or by a broken time server."""
TOLD_S = 60.0
"""A jump of the clock is told for so long."""
UNSET_S = 300.0
"""A clock that no time server sets is told after so long: after a start it takes a while."""
MADE_UTC = 1_767_225_600.0
"""2026-01-01, the year in which this software was made: a clock that stands before it was never set."""


class HealthMeter:
    """Counts and times what the stages do.

    Args:
        stamp: Fills the envelope.
        counts: Gives the good frames delivered and the frames dropped unread, since the start.
        directory: Where the outbox is.
        now: Monotonic seconds.
        wall: Seconds since 1970, UTC.
    """

    def __init__(
        self, stamp: Stamp, counts: Callable[[], tuple[int, int]], directory: Path, now: float, wall: float
    ) -> None:
        self._stamp = stamp
        self._counts = counts
        self._directory = directory
        self._durations: defaultdict[str, Durations] = defaultdict(Durations)
        self._captured, self._read = Rate(now), Rate(now)
        self._frames = 0
        self._fps: tuple[float, float] | None = None
        self._offset = wall - now
        self._stepped: tuple[float, float] | None = None
        self._unset_since: float | None = None
        self.lost_events = 0
        """Events inside the device that found a full inbox."""

    def add(self, timings: Mapping[str, float], age: float) -> None:
        """Take in one reading: seconds per step, and the age of its frame."""
        self._read.add()
        for step, seconds in timings.items():
            self._durations[step].add(seconds)
        self._durations[AGE].add(age)

    def faults(self, technical: Technical, now: float, wall: float, *, watching: bool) -> dict[str, str | None]:
        """What the device finds wrong with itself: condition -> cause, None where all is well.

        Args:
            technical: The limits.
            now: Monotonic seconds.
            wall: Seconds since 1970, UTC.
            watching: Whether the camera delivers and the models are open, so that slowness has no other cause.
        """
        return {
            "slow": self._slow(technical) if watching else None,
            "clock": self._clock(now, wall),
            "temperature": _hot(technical),
        }

    def _slow(self, technical: Technical) -> str | None:
        if self._fps is not None:
            captured, read = self._fps
            if read < technical.min_fps <= captured:
                return f"Only {read:.1f} of {captured:.1f} pictures a second are read."
        age = self._durations[AGE].percentiles()
        if age is not None and age.p50 > technical.max_age_s:
            return f"Pictures are {age.p50:.1f} s old when they are read."
        return None

    def _clock(self, now: float, wall: float) -> str | None:
        offset = wall - now
        if abs(offset - self._offset) > CLOCK_STEP_S:
            self._stepped = (now, offset - self._offset)
        self._offset = offset
        if self._stepped is not None and now - self._stepped[0] < TOLD_S:
            return f"The clock jumped by {self._stepped[1]:+.0f} s."
        if wall < MADE_UTC:
            return "The clock was never set: it stands before this software was made."
        if host.clock_synchronised() is not False:
            self._unset_since = None
        elif self._unset_since is None:
            self._unset_since = now
        elif now - self._unset_since >= UNSET_S:
            return "The clock is not set by a time server."
        return None

    @property
    def reading_fps(self) -> float | None:
        """Pictures read per second, by the last `health` message; None: not known yet."""
        return None if self._fps is None else self._fps[1]

    def message(  # noqa: PLR0913 - one thing each
        self,
        delivery: DeliveryStatus,
        camera: CameraStatus,
        alarms: Iterable[str],
        checks: int,
        now: float,
        *,
        certificate_ends: datetime | None,
    ) -> Health:
        """The `health` message; sets a new mark for the rates, so call it about every ten seconds."""
        outbox = delivery.outbox
        delivered, dropped = self._counts()
        self._captured.add(delivered - self._frames)
        self._frames = delivered
        self._fps = self._captured.per_second(now), self._read.per_second(now)
        spreads = {step: durations.percentiles() for step, durations in self._durations.items()}
        return Health(
            **self._stamp.envelope("health"),
            capture_fps=round(self._fps[0], 2),
            inference_fps=round(self._fps[1], 2),
            dropped_frames=dropped,
            dropped_events=self.lost_events,
            latency_ms={
                step: Spread(p50=round(spread.p50 * 1000, 2), p95=round(spread.p95 * 1000, 2))
                for step, spread in spreads.items()
                if spread is not None
            },
            temperature_c=host.temperature_c(),
            disk_free_mb=host.disk_free_mb(self._directory),
            memory_mb=host.memory_mb(),
            outbox=OutboxHealth(
                depth=outbox.depth,
                oldest_s=outbox.oldest_s,
                bytes=outbox.bytes,
                thinned=outbox.thinned,
                alarms=outbox.alarms,
                alarms_lost=outbox.alarms_lost,
            ),
            camera=CameraHealth(
                source=camera.source, fault=camera.fault, detail=camera.detail, reopened=camera.reopened
            ),
            alarms_present=tuple(alarms),
            self_check=self._stamp.self_check(checks),
            receipt_age_s=None if delivery.heard is None else round(now - delivery.heard, 1),
            certificate_ends=certificate_ends,
        )


def _hot(technical: Technical) -> str | None:
    found = host.temperature_c()
    if found is None or found <= technical.max_temperature_c:
        return None
    return f"The processor is at more than {technical.max_temperature_c:.0f} degrees Celsius."
