"""What every payload from a device says about itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from npng_edge.wire import Message, Timestamp


class Envelope(Message):
    """What every payload from a device says about itself."""

    id: str
    """Unique for ever; a second message with the same id is the same message."""
    bed: str
    """facility/unit/bed."""
    time: Timestamp
    """When the message was made, by the device's clock."""
    clock_synchronised: bool | None
    """Whether that clock is set by a time server; null: not known."""
    boot_id: str
    """Identity of this run of the device's software; new at each start."""
    sequence: Annotated[int, Field(ge=1)]
    """Counts the messages made for this topic in this run, from 1. On `alarm` a gap is a message not yet arrived."""
