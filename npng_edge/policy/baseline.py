"""This patient's own neutral face: learnt from quiet seconds or captured on request, then taken away.

A neutral face differs between people by more than mild pain does (deep-set brows read as AU4), so scores are compared
with the person's own rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median, quantiles
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from npng_edge.policy.pspi import eyes_closed, pspi
from npng_edge.units import ACTION_UNITS, ActionUnits, BaselineOrigin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.settings import Baseline as BaselineSettings

SAMPLE_S = 0.5
"""Two samples a second describe a face at rest; more would only repeat them."""
CAPTURE_PATIENCE = 3.0
"""A deliberate capture gives up after this many times its length."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Offsets to take away, per action unit, 0..5."""

    offsets: Mapping[str, float]
    origin: BaselineOrigin


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """How a deliberate capture ended."""

    refusal: Literal["no-face", "not-quiet"] | None
    """None when the new baseline is in force."""
    detail: str
    """One sentence with what to do; empty when accepted."""


@dataclass(frozen=True, slots=True)
class BaselineState:
    """The baseline in force, and the samples gathered towards a new one."""

    baseline: Baseline | None = None
    samples: tuple[ActionUnits, ...] = ()
    sampled_at: float | None = None
    capture_since: float | None = None
    """When a deliberate capture began; None while none is under way."""


def subtract(units: ActionUnits, baseline: Baseline) -> ActionUnits:
    """The intensities above this patient's own rest, never below 0; closed eyes are taken as they are."""
    above = {name: max(0.0, value - baseline.offsets[name]) for name, value in units.intensity.items()}
    return ActionUnits(MappingProxyType(above), units.eyes_closed)


def begin_capture(state: BaselineState, now: float) -> BaselineState:
    """Start a deliberate capture; one under way starts again."""
    return replace(state, samples=(), sampled_at=None, capture_since=now)


def forget(state: BaselineState) -> BaselineState:
    """Drop the baseline, for instance because another patient lies in the bed."""
    return replace(state, baseline=None, samples=(), sampled_at=None, capture_since=None)


def on_units(
    state: BaselineState, units: ActionUnits | None, now: float, settings: BaselineSettings
) -> tuple[BaselineState, CaptureResult | None]:
    """Take the units of one reading (None: not scored) and, when enough rest was seen, set the baseline."""
    if state.capture_since is not None:
        return _capture(state, units, now, settings)
    if not settings.learn or state.baseline is not None or units is None or pspi(units) > settings.quiet_pspi:
        return state, None
    state = _sample(state, units, now)
    if len(state.samples) * SAMPLE_S < settings.learn_s:
        return state, None
    if _spread(state.samples)[1] > settings.quiet_spread:
        # Not one quiet period: keep the newer half and wait for more.
        return replace(state, samples=state.samples[len(state.samples) // 2 :]), None
    return BaselineState(_baseline(state.samples, BaselineOrigin.LEARNT)), None


def _capture(
    state: BaselineState, units: ActionUnits | None, now: float, settings: BaselineSettings
) -> tuple[BaselineState, CaptureResult | None]:
    if units is not None:
        state = _sample(state, units, now)
    if len(state.samples) * SAMPLE_S >= settings.capture_s:
        name, spread = _spread(state.samples)
        if spread > settings.quiet_spread:
            detail = f"the face was not at rest ({name} moved by {spread:.1f}); capture again when it is"
            return _abandon(state), CaptureResult("not-quiet", detail)
        baseline = _baseline(state.samples, BaselineOrigin.CAPTURED)
        return BaselineState(baseline), CaptureResult(None, "")
    if state.capture_since is not None and now - state.capture_since > CAPTURE_PATIENCE * settings.capture_s:
        seen = len(state.samples) * SAMPLE_S
        detail = f"the face was seen with open eyes for only {seen:.1f} of {settings.capture_s:.1f} s; check the view"
        return _abandon(state), CaptureResult("no-face", detail)
    return state, None


def _abandon(state: BaselineState) -> BaselineState:
    return BaselineState(state.baseline)


def _sample(state: BaselineState, units: ActionUnits, now: float) -> BaselineState:
    """Add one sample when it is due; closed eyes (a blink, sleep) do not show the waking neutral face."""
    due = state.sampled_at is None or now - state.sampled_at >= SAMPLE_S
    if not due or eyes_closed(units.eyes_closed):
        return state
    return replace(state, samples=(*state.samples, units), sampled_at=now)


def _baseline(samples: tuple[ActionUnits, ...], origin: BaselineOrigin) -> Baseline:
    offsets = {name: median(sample.intensity[name] for sample in samples) for name in ACTION_UNITS}
    return Baseline(MappingProxyType(offsets), origin)


def _spread(samples: tuple[ActionUnits, ...]) -> tuple[str, float]:
    """The unit that moved most and the range of the middle half of its values: a passing smile does not count."""
    spreads = {}
    for name in ACTION_UNITS:
        low, _, high = quantiles((sample.intensity[name] for sample in samples), n=4, method="inclusive")
        spreads[name] = high - low
    worst = max(spreads, key=spreads.__getitem__)
    return worst, spreads[worst]
