"""The made-up bed of all examples."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime, timedelta, timezone

from npng_edge.publish.stamp import EnvelopeFields, Stamp

NOW = datetime(2026, 3, 1, 8, 30, 0, 123000, tzinfo=timezone.utc)
FRAME_CLOCK = 5000.0
"""Of the made-up run, at `NOW`."""
BED = "st-mary/icu/7"
BOOT = "0b5c4f1e9a7d4c52b1f6a0e3d8c79241"
PATIENT = "P-0001"
STAY = f"{BOOT}-s1"
NURSE = "nurse Kim"
BUNDLE = base64.b64encode(b"not a real bundle").decode()


class FixedStamp(Stamp):
    """Stamps as in a real run, at one moment and with ids that follow from topic and number."""

    def __init__(self) -> None:
        super().__init__(BED, BOOT, clock_synchronised=lambda: True, monotonic=lambda: FRAME_CLOCK, wall=NOW.timestamp)

    def envelope(self, topic: str) -> EnvelopeFields:
        """See `Stamp.envelope`."""
        made = super().envelope(topic)
        made["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"npng:{topic}:{made['sequence']}"))
        return made


def at(seconds: float) -> datetime:
    """So many seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)
