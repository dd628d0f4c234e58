"""NEWS2, the national early warning score of adults, exactly by its table.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017, chart 1.

The chart knows whole numbers, and tenths of a degree. A value between two of its columns is rounded to the chart's
resolution first, and a half goes to the side that scores higher: a respiratory rate of 11.5 is scored as 11, one of
20.5 as 21, a temperature of 36.05 as 36.0. So each limit below stands half a step from the chart's figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from npng_edge.units import Priority
from npng_edge.vitals import Consciousness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.policy.vital.vital_signs import Signs
    from npng_edge.settings import Vitals as VitalsSettings


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the chart: what scores below the normal column, and what scores above it."""

    low: tuple[tuple[float, int], ...]
    """(limit, points), rising: a value up to the limit has these points."""
    high: tuple[tuple[float, int], ...] = ()
    """(limit, points), falling: a value from the limit on has these points."""

    def points(self, value: float) -> int:
        for limit, points in self.low:
            if value <= limit:
                return points
        for limit, points in self.high:
            if value >= limit:
                return points
        return 0


_RESPIRATION = _Row(((8.5, 3), (11.5, 1)), ((24.5, 3), (20.5, 2)))
_SPO2_1 = _Row(((91.5, 3), (93.5, 2), (95.5, 1)))
_SPO2_2_AIR = _Row(((83.5, 3), (85.5, 2), (87.5, 1)))
_SPO2_2_OXYGEN = _Row(_SPO2_2_AIR.low, ((96.5, 3), (94.5, 2), (92.5, 1)))
_SYSTOLIC = _Row(((90.5, 3), (100.5, 2), (110.5, 1)), ((219.5, 3),))
_PULSE = _Row(((40.5, 3), (50.5, 1)), ((130.5, 3), (110.5, 2), (90.5, 1)))
_TEMPERATURE = _Row(((35.05, 3), (36.05, 1)), ((39.05, 2), (38.05, 1)))
_OXYGEN = 2
_NOT_ALERT = 3

PARAMETERS = ("respiratory_rate", "spo2", "oxygen", "systolic", "heart_rate", "consciousness", "temperature")
"""The seven of the chart, in its order."""
_NAMES = MappingProxyType(
    {"respiratory_rate": "respiration", "spo2": "SpO2", "systolic": "systolic pressure", "heart_rate": "pulse"}
)


@dataclass(frozen=True, slots=True)
class News2:
    """The score of one moment."""

    total: int | None
    """0..20; None when a parameter is missing."""
    parameters: Mapping[str, int]
    """Points, 0..3, of each parameter that could be scored."""
    red: bool
    """Whether one parameter alone has 3 points."""
    missing: tuple[str, ...]
    """Parameters that were never measured or are too old."""
    partial: int
    """Sum of what could be scored: the score is not below this."""


def score(signs: Signs, spo2_scale: Literal[1, 2]) -> News2:
    """Score the vital signs; a sign that is not known is missing, and never counts as normal.

    Args:
        signs: As they are known now.
        spo2_scale: 2 for patients with a target of 88-92 %, by decision of their physician; else 1. On scale 2 a
            saturation above 92 % cannot be scored while it is not known whether oxygen is given.
    """
    missing = tuple(name for name in PARAMETERS if getattr(signs, name) is None)
    points: dict[str, int] = {}
    for name, row in (
        ("respiratory_rate", _RESPIRATION),
        ("systolic", _SYSTOLIC),
        ("heart_rate", _PULSE),
        ("temperature", _TEMPERATURE),
    ):
        if name not in missing:
            points[name] = row.points(getattr(signs, name))
    if signs.spo2 is not None:
        spo2 = _spo2(signs.spo2, spo2_scale, oxygen=signs.oxygen)
        if spo2 is not None:
            points["spo2"] = spo2
    if signs.oxygen is not None:
        points["oxygen"] = _OXYGEN if signs.oxygen else 0
    if signs.consciousness is not None:
        points["consciousness"] = 0 if signs.consciousness is Consciousness.ALERT else _NOT_ALERT
    partial = sum(points.values())
    return News2(
        total=None if missing else partial,
        parameters=MappingProxyType(points),
        red=3 in points.values(),
        missing=missing,
        partial=partial,
    )


def _spo2(spo2: float, scale: Literal[1, 2], *, oxygen: bool | None) -> int | None:
    if scale == 1:
        return _SPO2_1.points(spo2)
    on_air, on_oxygen = _SPO2_2_AIR.points(spo2), _SPO2_2_OXYGEN.points(spo2)
    if oxygen is None:
        return on_air if on_air == on_oxygen else None
    return on_oxygen if oxygen else on_air


def evidence(news2: News2, settings: VitalsSettings) -> tuple[bool | None, Priority | None, str]:
    """Evidence for the alarm condition `vitals`, its priority and its cause.

    A sum of what is known is enough to alarm, for the score is not below it; only a full score is enough not to. A
    single parameter with 3 points is treated as a score of 5 or 6, as the chart demands.

    Returns:
        True with a priority and a cause; False, None and no cause; or None twice and what is missing.
    """
    if not settings.news2:
        return False, None, ""
    if news2.partial >= settings.high_news2:
        return True, Priority.HIGH, _cause(news2)
    if news2.partial >= settings.medium_news2 or news2.red:
        return True, Priority.MEDIUM, _cause(news2)
    if news2.total is None:
        return None, None, f"NEWS2 is not known without {_list(news2.missing)}."
    return False, None, ""


def _cause(news2: News2) -> str:
    total = f"NEWS2 {news2.partial}" if news2.total is not None else f"NEWS2 at least {news2.partial}"
    parts = sorted(((points, name) for name, points in news2.parameters.items() if points), reverse=True)
    scored = ", ".join(f"{points} for {_NAMES.get(name, name)}" for points, name in parts)
    unknown = f" Not known: {_list(news2.missing)}." if news2.missing else ""
    return f"{total}: {scored}.{unknown}"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(_NAMES.get(name, name) for name in names)
