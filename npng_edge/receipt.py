"""What a station says when it has an alarm: on the topic `receipt`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from npng_edge.requests import Identifier, Name
from npng_edge.wire import Message

MOST_IDS = 200
"""In one receipt."""


class Receipt(Message):
    """The station has these messages of this bed.

    The id of an `alarm` means that the station has stored it where it survives the station's own restart: only then
    the bed forgets it. The id of an `alarms` message means that the station shows this level; a bed that hears of
    neither for ten seconds takes it that no station is listening. An id that the bed does not know is passed over.
    """

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["npng/receipt/1"] = Field(default="npng/receipt/1", alias="schema")
    """Name and version of the message."""
    station: Name
    """Who has them."""
    ids: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=MOST_IDS)]
    """Of `alarm` and `alarms` messages."""
