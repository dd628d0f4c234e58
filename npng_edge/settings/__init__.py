"""The settings of every stage: typed, bounded, frozen, documented. `config.py` fills them from YAML.

A default here is what a device does when its configuration says nothing. Unknown keys are refused.
"""

from npng_edge.settings.device import (
    Broker,
    Camera,
    Clips,
    GpioLines,
    LocalAlarm,
    Place,
    Point,
    Polygon,
    Quality,
    Seeing,
    Settings,
    Sound,
    Storage,
    Tls,
    TopicLevel,
)
from npng_edge.settings.policy import (
    Alarms,
    Baseline,
    Episodes,
    Interlock,
    Pain,
    Policy,
    Sensitivity,
    Technical,
    Vitals,
)
from npng_edge.settings.section import Fraction, Section

__all__ = [
    "Alarms",
    "Baseline",
    "Broker",
    "Camera",
    "Clips",
    "Episodes",
    "Fraction",
    "GpioLines",
    "Interlock",
    "LocalAlarm",
    "Pain",
    "Place",
    "Point",
    "Policy",
    "Polygon",
    "Quality",
    "Section",
    "Seeing",
    "Sensitivity",
    "Settings",
    "Sound",
    "Storage",
    "Technical",
    "Tls",
    "TopicLevel",
    "Vitals",
]
