"""One message and more of every kind, as a made-up bed would send and take them: always the same, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.examples.asked import incoming, responses
from contract.examples.bed import FixedStamp
from contract.examples.care import care
from contract.examples.watching import alarms, device, pain

if TYPE_CHECKING:
    from npng_edge.wire import Message


def examples() -> dict[str, Message]:
    """By the name of its file: the message's name, and a case where there are several, e.g. `pain.no-face`."""
    stamp = FixedStamp()
    return dict((*device(stamp), *pain(stamp), *alarms(stamp), *care(stamp), *responses(stamp), *incoming()))
