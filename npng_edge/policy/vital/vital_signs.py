"""The newest value of each vital sign, and how old it is: an old value is no value.

Ages are counted on the frame clock, from the age a measurement had when it arrived, so that a wall clock that is set
later makes nothing younger or older. A clock that is wrong on arrival can only make a value unknown: what seems to
come from the future, or from too long ago, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from npng_edge.requests import Refusal, RefusalReason
from npng_edge.vitals import SIGNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.settings import Vitals as VitalsSettings
    from npng_edge.units import Moment
    from npng_edge.vitals import Consciousness, Sedation, Vitals

CONTINUOUS = ("heart_rate", "respiratory_rate", "spo2")
"""What a monitor sends all the time."""
PRESSURE = ("systolic", "diastolic")
"""What a cuff measures now and then."""
FUTURE_S = 5.0
"""A measurement may seem to come from so far ahead: clocks that are set by a time server differ by less."""
IDS = 64
"""So many message ids are remembered; an older copy holds nothing that is still the newest."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one sign."""

    value: Any
    """As in `npng_edge.vitals.Vitals`, never None."""
    at: float
    """When it was measured, seconds since 1970, by the clock of who measured it: this decides which value is newer."""
    taken: float
    """The same on the frame clock: this decides how old it is."""


@dataclass(frozen=True, slots=True)
class VitalState:
    """The newest measurement per sign. Bounded: nine signs and `IDS` ids."""

    newest: Mapping[str, Measurement] = field(default_factory=dict)
    """By name in `npng_edge.vitals.SIGNS`."""
    ids: tuple[str, ...] = ()
    """Of the newest messages, oldest first."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The vital signs as they are known now. None: never measured, or too old; then the sign stands in `stale`."""

    heart_rate: float | None = None
    """Beats per minute."""
    respiratory_rate: float | None = None
    """Breaths per minute."""
    spo2: float | None = None
    """Per cent."""
    oxygen: bool | None = None
    """Whether supplemental oxygen is given."""
    systolic: float | None = None
    """mmHg."""
    diastolic: float | None = None
    """mmHg."""
    temperature: float | None = None
    """Degrees Celsius."""
    consciousness: Consciousness | None = None
    sedation: Sedation | None = None
    stale: tuple[str, ...] = ()
    """Signs that were measured once and are too old now."""
    age_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds since the newest measurement, per sign that was ever measured, the stale ones included."""


def stale_after(sign: str, settings: VitalsSettings) -> float:
    """Seconds after which a measurement of this sign is too old."""
    if sign in CONTINUOUS:
        return settings.stale_s
    return settings.stale_pressure_s if sign in PRESSURE else settings.stale_slow_s


def take(state: VitalState, vitals: Vitals, moment: Moment, settings: VitalsSettings) -> VitalState | Refusal:
    """Take what came in; per sign, an older measurement never replaces a newer one that is still fresh.

    A message that was taken before, and one in which nothing was measured, change nothing.

    Returns:
        The new state, or a refusal with `OUT_OF_TIME` when the message is dated more than `FUTURE_S` ahead, or when
        everything in it is too old already.
    """
    values = {sign: value for sign in SIGNS if (value := getattr(vitals, sign)) is not None}
    if not values or vitals.id in state.ids:
        return state
    at = vitals.at.timestamp()
    age = moment.utc - at
    if age < -FUTURE_S:
        detail = f"The vital signs are dated {-age:.0f} s ahead: check the clocks of the monitor and of this device."
        return Refusal(RefusalReason.OUT_OF_TIME, detail)
    if all(age > stale_after(sign, settings) for sign in values):
        return Refusal(
            RefusalReason.OUT_OF_TIME,
            f"The vital signs are {age:.0f} s old, too old to use: check the gateway, and the clocks on both sides.",
        )
    measured = {
        sign: Measurement(value, at, moment.time - max(0.0, age))
        for sign, value in values.items()
        if _is_newer(at, state.newest.get(sign), moment, stale_after(sign, settings))
    }
    return replace(
        state,
        newest=MappingProxyType({**state.newest, **measured}),
        ids=(*state.ids, vitals.id)[-IDS:],
    )


def _is_newer(at: float, held: Measurement | None, moment: Moment, limit: float) -> bool:
    """Whether a measurement replaces the one that is held.

    One that is too old gives way to any: else a monitor whose clock once ran ahead would not be heard for as long.
    """
    return held is None or at > held.at or moment.time - held.taken > limit


def current(state: VitalState, moment: Moment, settings: VitalsSettings) -> Signs:
    """The vital signs as they are known at this moment."""
    ages = {sign: max(0.0, moment.time - held.taken) for sign, held in state.newest.items()}
    stale = tuple(sign for sign, age in ages.items() if age > stale_after(sign, settings))
    fresh = {sign: held.value for sign, held in state.newest.items() if sign not in stale}
    return Signs(**fresh, stale=stale, age_s=MappingProxyType(ages))


def stale_evidence(signs: Signs, settings: VitalsSettings) -> tuple[bool, str]:
    """Evidence for `vitals-stale`: a monitor is expected, and what it measures has stopped or never came.

    Signs that a person enters (temperature, consciousness, sedation, oxygen) do not count: their absence is named where
    they are missed, in NEWS2.

    Returns:
        The evidence, and its cause, empty without.
    """
    if not settings.expected:
        return False, ""
    late = [sign for sign in (*CONTINUOUS, *PRESSURE) if sign in signs.stale]
    if late:
        return True, f"No new value of: {', '.join(sign.replace('_', ' ') for sign in late)}."
    if not any(sign in signs.age_s for sign in CONTINUOUS):
        return True, "No vital signs have come from the monitor."
    return False, ""
