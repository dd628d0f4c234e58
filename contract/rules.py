"""What holds for all messages, in words: for the AsyncAPI document and for the page."""

from __future__ import annotations

from npng_edge.publish.topics import MANNERS

_RETAINED = ", ".join(f"`{name}`" for name, manner in MANNERS.items() if manner.retain)
RULES = (
    "Payloads are JSON in UTF-8. An unknown value is null and another field says why; it is never 0.",
    "A bed sends every field always. Ignore fields that you do not know, and take a value of an enumeration that you "
    "do not know as not known: both may come with any release.",
    "A bed refuses a message with a field that it does not know, so that a misspelt limit can never be taken for none.",
    "Times from a bed are UTC with milliseconds and Z. Times to a bed are RFC 3339 with a time zone.",
    "Messages are idempotent by `id`. `sequence` counts per topic within one `boot_id`.",
    "A station sends a `receipt` for each `alarm`, when it has stored it, and for each `alarms`, when it shows it. "
    "Without the first a bed sends the alarm again; without any for ten seconds it takes it that nobody is listening.",
    f"A station that comes late finds the truth retained: {_RETAINED}. `alarm` tells each change of `alarms`.",
    "Answers carry the request's MQTT 5 correlation data. They go to its response topic if that begins with "
    "`response/{request}/` under the same bed, else to `response/{request}`.",
    "A number of seconds after the quality of service is the MQTT 5 message expiry. Alarms have none.",
    "Never retain a message to a bed, and give it an expiry.",
    "`who` in a request is what the requester says. The broker's access rules decide who may ask at all.",
)
CAVEAT = "This is not a medical device, nor an alarm system in the meaning of IEC 60601-1-8."
