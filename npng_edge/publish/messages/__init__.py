"""The contract: one frozen model per message. What is unknown is null, never 0.

`Envelope` is on every payload that leaves the device; `stamp.Stamp` fills it. `payload()` gives the JSON to publish,
`Model.parse(payload)` reads one and raises pydantic's ValidationError. What comes in is in `npng_edge.requests` and
`npng_edge.vitals`.
"""

from npng_edge.publish.messages.alarm import Alarm, AlarmPart, Alarms
from npng_edge.publish.messages.care import Bolus, Episode, Fusion, News2Part, SupportPart, VetoPart
from npng_edge.publish.messages.device import CameraHealth, Health, OutboxHealth, SelfCheck, Spread, State
from npng_edge.publish.messages.envelope import Envelope
from npng_edge.publish.messages.pain import BaselinePart, BoxPart, EstimatePart, EyesPart, Pain, PosePart
from npng_edge.publish.messages.response import CheckPart, Response

__all__ = [
    "Alarm",
    "AlarmPart",
    "Alarms",
    "BaselinePart",
    "Bolus",
    "BoxPart",
    "CameraHealth",
    "CheckPart",
    "Envelope",
    "Episode",
    "EstimatePart",
    "EyesPart",
    "Fusion",
    "Health",
    "News2Part",
    "OutboxHealth",
    "Pain",
    "PosePart",
    "Response",
    "SelfCheck",
    "Spread",
    "State",
    "SupportPart",
    "VetoPart",
]
