"""Encrypted clips at the bedside: who may be filmed, when an episode begins and ends, and the work on the disk.

The policy's states say all of it. Writing and deleting wait for the disk, and so have a thread of their own. That
thread may hang with a bad disk: it is reported, and the watchdog does not look at it, for clips must not cost alarms.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from npng_edge.record.clips import Clips
from npng_edge.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from npng_edge.policy.happening.account import Running
    from npng_edge.policy.state import Patient
    from npng_edge.record.clips import Deletion, Kept, Reason
    from npng_edge.record.history import Forgotten
    from npng_edge.settings import Storage
    from npng_edge.units import Frame, Moment

TURN_S = 0.5
HUNG_S = 30.0
"""A turn that lasts longer is a fault: a clip of 32 MiB takes seconds on a slow card."""


class Filming(Stage):
    """Keeps clips where the configuration and the patient allow it, and deletes them in time, even when switched off.

    `follow`, `forget`, `proofs` and `fault` belong to the bedside thread and never wait for the disk.
    """

    def __init__(self, settings: Storage, *, on_death: Callable[[str, BaseException], None]) -> None:
        """Set up; nothing is read or written before `start`.

        Args:
            settings: Where clips are kept, and how.
            on_death: Called when the stage dies of an unexpected error.
        """
        super().__init__("clips", on_death)
        self._clips = Clips(settings.directory, settings.clips)
        self._unwanted: dict[str, Reason] = {}  # by stay, so that no more can wait than there were stays
        self._proofs: deque[Kept | Deletion] = deque()
        self.on_frame: Callable[[Frame], None] | None = self._clips.add if settings.clips.enabled else None
        """To be called with each frame, by the inference thread; None while clips are switched off."""
        self._clock_right = False

    @property
    def fault(self) -> str | None:
        """What is wrong, for people; None while all is well."""
        if self._thread.is_alive() and time.monotonic() - self.beat > HUNG_S:
            return f"Clips: the disk has not answered for {HUNG_S:.0f} s."
        found = self._clips.fault
        return None if found is None else f"Clips: {found}"

    def follow(self, before: Patient | None, after: Patient | None, moment: Moment) -> None:
        """Do what follows for clips from one step of the policy."""
        if _consent(before) != _consent(after):
            self._clips.allow(after.profile if after else None)
            if after is not None and not after.profile.clips:
                # Also at the start: the run before may have ended between the withdrawal and the deletion.
                self._unwanted[after.profile.stay] = "withdrawn"
        ended, begun = _episode(before), _episode(after)
        if (ended.id if ended else None) != (begun.id if begun else None):
            if ended is not None:
                self._clips.end(moment)
            if begun is not None:
                self._clips.begin(begun.id, begun.onset)

    def forget(self, stays: Iterable[Forgotten]) -> None:
        """Delete the clips of stays that were deleted."""
        self._unwanted.update((one.stay, "stay-deleted") for one in stays)

    def proofs(self, *, clock_right: bool) -> list[Kept | Deletion]:
        """What was kept and deleted since the last call, for the record of the stay; call it about every second.

        Args:
            clock_right: Whether the wall clock may decide from now on that a clip is too old.
        """
        self._clock_right = clock_right
        return [self._proofs.popleft() for _ in range(len(self._proofs))]

    def turn(self) -> None:
        """Delete what is not wanted any more, write what waits."""
        while self._unwanted:
            stay, reason = self._unwanted.popitem()
            self._proofs.extend(self._clips.delete(stay, time.time(), reason))
        self._proofs.extend(self._clips.tend(time.time(), sure=self._clock_right))
        self._stopping.wait(TURN_S)


def _consent(patient: Patient | None) -> tuple[str, bool] | None:
    return None if patient is None else (patient.profile.stay, patient.profile.clips)


def _episode(patient: Patient | None) -> Running | None:
    return None if patient is None else patient.happenings.running
