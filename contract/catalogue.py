"""Every message there is: its model, its topic, its direction, and how it is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from npng_edge.publish import messages
from npng_edge.publish.messages import Envelope
from npng_edge.publish.topics import LATER, MANNERS, Manner
from npng_edge.receipt import Receipt
from npng_edge.requests import REQUESTS
from npng_edge.vitals import Vitals

if TYPE_CHECKING:
    from npng_edge.wire import Message

BED = "npng/v1/{facility}/{unit}/{bed}"
"""What stands before every topic."""
INCOMING: dict[str, type[Message]] = {
    "vitals": Vitals,
    "receipt": Receipt,
    **{f"request/{name}": model for name, model in REQUESTS.items()},
}
"""By topic under the bed."""
ASKED = Manner(qos=1, retain=False, expiry_s=None)
"""How a bed wants to be told things; it subscribes at QoS 1."""
WAITED = {"pain": LATER}
"""Messages that also come in a second manner, after they waited in the outbox."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on one topic."""

    name: str
    """As in its `schema`, e.g. `pain` or `request-assign`; names its files."""
    schema: str
    """E.g. `npng/pain/1`."""
    model: type[Message]
    topic: str
    """Under the bed; may hold a parameter."""
    outgoing: bool
    """From the bed."""
    manner: Manner
    later: Manner | None = None
    """How it is published when it waited in the outbox; None: it never waits, or it makes no difference."""

    @property
    def address(self) -> str:
        """The whole topic, with parameters."""
        return f"{BED}/{self.topic}"

    @property
    def answered(self) -> bool:
        """Whether there are responses to it: to a request always, to `vitals` and `receipt` when they are refused."""
        return self.topic in ("vitals", "receipt") or self.topic.startswith("request/")

    @property
    def summary(self) -> str:
        """What the message is, in a sentence or two, without the topic that it is on."""
        text = " ".join((self.model.__doc__ or "").partition("\n\n")[0].split())
        text = text.removeprefix(f"To `{self.topic}`: ")
        return text[:1].upper() + text[1:]


def schema_name(model: type[Message]) -> str:
    """Name and version of a message, e.g. `npng/pain/1`."""
    name: str = model.model_fields["schema_"].default
    return name


def catalogue() -> tuple[Entry, ...]:
    """All messages: what the bed says first, in the order of `MANNERS`, then what it takes."""
    sent = {
        schema_name(model).split("/")[1]: model
        for model in vars(messages).values()
        if isinstance(model, type) and issubclass(model, Envelope) and "schema_" in model.model_fields
    }
    return (
        *(
            Entry(
                name=name,
                schema=schema_name(sent[name]),
                model=sent[name],
                topic="response/{request}" if name == "response" else name,
                outgoing=True,
                manner=MANNERS[name],
                later=WAITED.get(name),
            )
            for name in sorted(sent, key=list(MANNERS).index)
        ),
        *(
            Entry(schema_name(model).split("/")[1], schema_name(model), model, topic, outgoing=False, manner=ASKED)
            for topic, model in INCOMING.items()
        ),
    )
