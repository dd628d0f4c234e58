"""This patient's own neutral face: captured on request or learnt from quiet periods, then taken away.

A neutral face differs between people by more than mild pain does (deep-set brows read as AU4), so scores are compared
with the person's own rest. A baseline in force is followed when the face at rest changes (swelling, a tube, the light),
but so slowly that a pain of hours cannot become the new normal; the limits are our own choice, see docs/baseline.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median, quantiles
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.policy.face.pspi import eyes_closed, pspi
from npng_edge.policy.stays.profile import Baseline
from npng_edge.requests import Refusal, RefusalReason
from npng_edge.units import ACTION_UNITS, ActionUnits, BaselineOrigin, EyeClosure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from npng_edge.settings import Baseline as BaselineSettings
    from npng_edge.units import Moment

SAMPLE_S = 0.5
"""Two samples a second describe a face at rest; more would only repeat them."""
PERIOD_PATIENCE = 2.0
"""Samples older than so many times the period are dropped: at least half of a quiet period is quiet."""
CAPTURE_PATIENCE = 3.0
"""A deliberate capture gives up after this many times its length."""
CAPTURE_SLACK = 2.0
"""A captured face may show so many times the PSPI of one that is learnt unasked: a person vouches for it."""
CAPTURE_AU12 = 2.0
"""A captured face with its lip corners pulled from here on smiles."""
CAPTURE_SHARE = 0.75
"""So much of a capture must be with open eyes, or with closed ones: a blink is no sleep."""
NOISE_PSPI = 1.0
"""A single reading may lie so far above what the median of a quiet period may: readings flicker."""
STILL = 0.05
"""A unit that differs by less from the baseline has not changed: a period's median is no surer than that."""
FALL = 4.0
"""The baseline falls so many times as fast as it rises: too high a baseline hides pain, too low a one only calls."""
CREDIT_S = 3600.0
"""One quiet period moves the baseline by the allowance of so long at the most, however long ago the last one was."""
DAY_S = 86_400.0
HOUR_S = 3600.0
UNREST = tuple(name for name in ACTION_UNITS if name not in {"AU11", "AU14", "AU16", "AU23", "AU24", "AU27"})
"""Units whose movement means that a face is not at rest. The others are small, no rule reads them, and they would only
add their noise."""

_SPEECH = "see that nobody speaks with the patient"
_SMILE = "wait until the smile is gone"
_PAIN = "see first whether the patient is in pain"
_HINTS = {
    "AU4": _PAIN, "AU6": _PAIN, "AU7": _PAIN, "AU9": _PAIN, "AU10": _PAIN,
    "AU12": _SMILE,
    "AU17": _SPEECH, "AU20": _SPEECH, "AU25": _SPEECH, "AU26": _SPEECH,
}  # fmt: skip


class Sample(NamedTuple):
    """One look at a face that may be at rest."""

    time: float
    """Frame clock, seconds."""
    units: ActionUnits
    asymmetry: float | None


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """How a deliberate capture ended."""

    refusal: Refusal | None
    """None when the new baseline is in force."""


@dataclass(frozen=True, slots=True)
class BaselineState:
    """The samples gathered towards the next quiet period or capture: working memory, not kept."""

    samples: tuple[Sample, ...] = ()
    """Oldest first; at the most two a second for twice a period, or for the patience of a capture."""
    capture_since: float | None = None
    """When a deliberate capture began, on the frame clock; None while none is under way."""
    moved_at: float | None = None
    """From when the next step of the baseline is allowed for, on the frame clock; None before the first sample."""


def begin_capture(state: BaselineState, now: float) -> BaselineState:
    """Start a deliberate capture; one under way starts again."""
    return replace(state, samples=(), capture_since=now)


def subtract(units: ActionUnits, baseline: Baseline) -> ActionUnits:
    """The intensities above this patient's own rest, never below 0; closed eyes are taken as they are.

    From a unit whose rest is not known (see `_follow`) nothing is taken away.
    """
    rest = baseline.offsets
    above = {name: max(0.0, value - rest.get(name, 0.0)) for name, value in units.intensity.items()}
    return ActionUnits(MappingProxyType(above), units.eyes_closed, units.deviation)


def usable(baseline: Baseline, utc: float, settings: BaselineSettings) -> bool:
    """Whether the baseline was captured or confirmed within `stale_h`."""
    return utc - baseline.utc <= settings.stale_h * HOUR_S


def quality(baseline: Baseline, utc: float, settings: BaselineSettings) -> float:
    """How far the baseline can be relied on, 0..1: the worst of its evidence, its stillness and its age.

    Evidence is the time at rest it stands on against a capture's, up to 1. Stillness falls from 1 for a face that did
    not move to 0.5 for one that moved as much as is allowed. Age falls from 1 to 0 at `stale_h`. The rule is our own.
    """
    evidence = baseline.samples * SAMPLE_S / settings.capture_s
    stillness = 1.0 - 0.5 * baseline.spread / settings.quiet_spread
    age = 1.0 - (utc - baseline.utc) / (settings.stale_h * HOUR_S)
    return max(0.0, min(1.0, evidence, stillness, age))


def on_units(  # noqa: PLR0913 - what one reading says, named at the call
    state: BaselineState,
    baseline: Baseline | None,
    units: ActionUnits | None,
    moment: Moment,
    settings: BaselineSettings,
    *,
    quiet: bool,
    asymmetry: float | None,
) -> tuple[BaselineState, Baseline | None, CaptureResult | None]:
    """Take one reading towards the baseline.

    Args:
        state: As it was.
        baseline: In force, whatever its age.
        units: As seen, nothing taken away; None: not scored, or no reading at all (time still passes).
        moment: Of the reading.
        settings: Of the baseline.
        quiet: False while anything is known that moves the face: pain, talk, a yawn, a smile, sleep, warm-up. Says
            nothing during a deliberate capture, because the very reason for one may be a face that looks like pain.
        asymmetry: Of this reading, 0..1.

    Returns:
        The state, the baseline if it is new or was moved or confirmed (else None), and how a capture ended (else None).
    """
    if state.capture_since is not None:
        return _capture(state, state.capture_since, units, asymmetry, moment, settings)
    if not quiet or units is None or not settings.learn or not _due(state, moment.time) or _closed(units):
        return state, None, None
    present = baseline if baseline is not None and usable(baseline, moment.utc, settings) else None
    near = settings.quiet_pspi if present is None else _pspi(present.offsets) + settings.near_pspi
    if pspi(units) > (near if present is None else near + NOISE_PSPI):
        return state, None, None
    oldest = moment.time - PERIOD_PATIENCE * settings.learn_s
    first = next((i for i, sample in enumerate(state.samples) if sample.time >= oldest), len(state.samples))
    samples = (*state.samples[first:], Sample(moment.time, units, asymmetry))
    moved_at = moment.time if state.moved_at is None else state.moved_at
    if len(samples) * SAMPLE_S < settings.learn_s:
        return replace(state, samples=samples, moved_at=moved_at), None, None
    seen = _rest(samples, BaselineOrigin.LEARNT, moment.utc)
    if seen.spread > settings.quiet_spread or _pspi(seen.offsets) > near:
        # Not one quiet period: keep the newer half and wait for more.
        return replace(state, samples=samples[len(samples) // 2 :], moved_at=moved_at), None, None
    if present is not None:
        seen = _follow(present, seen, moment.time - moved_at, settings)
    return BaselineState(moved_at=moment.time), seen, None


def _follow(present: Baseline, seen: Baseline, elapsed: float, settings: BaselineSettings) -> Baseline:
    """The present baseline moved towards what was seen at rest, by no more than the time since the last step allows.

    Each unit rises by at most `rise_per_day` and falls by at most `FALL` times that; then the whole step is shortened
    until PSPI of the face at rest rises by at most `rise_per_day` too. Shortening keeps that bound because PSPI is a
    sum of maxima, thus convex. The asymmetry is never moved: a new one is a sign, not a habit.

    A baseline that an earlier version kept lacks the units that it did not read, none of them PSPI's: their rest is
    what is seen now.
    """
    allowed = settings.rise_per_day * min(max(elapsed, 0.0), CREDIT_S) / DAY_S
    rest = {**seen.offsets, **present.offsets}
    apart = {name: seen.offsets[name] - rest[name] for name in ACTION_UNITS}
    step = {
        name: max(-FALL * allowed, min(allowed, change)) if abs(change) > STILL else 0.0
        for name, change in apart.items()
    }
    rise = _pspi({name: rest[name] + step[name] for name in ACTION_UNITS}) - _pspi(rest)
    share = min(1.0, allowed / rise) if rise > 0.0 else 1.0
    return replace(
        present,
        offsets=MappingProxyType({name: rest[name] + share * step[name] for name in ACTION_UNITS}),
        utc=seen.utc,
        samples=present.samples + seen.samples,
        spread=seen.spread,
        asymmetry=seen.asymmetry if present.asymmetry is None else present.asymmetry,
    )


def _capture(  # noqa: PLR0913 - as `on_units`
    state: BaselineState,
    since: float,
    units: ActionUnits | None,
    asymmetry: float | None,
    moment: Moment,
    settings: BaselineSettings,
) -> tuple[BaselineState, Baseline | None, CaptureResult | None]:
    samples = state.samples
    if units is not None and _due(state, moment.time):
        samples = (*samples, Sample(moment.time, units, asymmetry))
        # Eyes open, or eyes closed as with a sedated patient, but no mixture of both.
        alike = tuple(sample for sample in samples if _closed(sample.units) == _closed(units))
        if len(alike) * SAMPLE_S >= settings.capture_s:
            seen = _rest(alike, BaselineOrigin.CAPTURED, moment.utc)
            refusal = _unfit(alike, seen, len(alike) / len(samples), settings)
            return BaselineState(moved_at=moment.time), None if refusal else seen, CaptureResult(refusal)
        state = replace(state, samples=samples)
    if moment.time - since <= CAPTURE_PATIENCE * settings.capture_s:
        return state, None, None
    detail = (
        f"The face was seen well enough for only {len(samples) * SAMPLE_S:.0f} s, and {settings.capture_s:.0f} s are "
        "needed: see that the camera has a free view of the face, then capture again."
    )
    refusal = Refusal(RefusalReason.NO_FACE, detail)
    return BaselineState(moved_at=state.moved_at), None, CaptureResult(refusal)


def _unfit(samples: Sequence[Sample], seen: Baseline, share: float, settings: BaselineSettings) -> Refusal | None:
    """Why a captured face is no face at rest; None when it is one. `share` of it was with the eyes as in `samples`."""
    name, moved = _spread(samples)
    score = _pspi(seen.offsets)
    if moved > settings.quiet_spread:
        hint = _HINTS.get(name, "wait until the face is still")
        what = f"{name} moved by {moved:.1f}, at the most {settings.quiet_spread:g} is allowed"
    elif score > CAPTURE_SLACK * settings.quiet_pspi:
        hint = _PAIN
        what = f"it showed PSPI {score:.1f}, at the most {CAPTURE_SLACK * settings.quiet_pspi:g} is allowed"
    elif seen.offsets["AU12"] >= CAPTURE_AU12:
        hint = _SMILE
        what = f"it smiled, AU12 at {seen.offsets['AU12']:.1f}"
    elif share < CAPTURE_SHARE:
        hint = "wait until the patient is awake, or sleeps"
        what = "the eyes were neither open nor closed for most of the time"
    else:
        return None
    return Refusal(RefusalReason.NOT_QUIET, f"The face was not at rest ({what}): {hint}, then capture again.")


def _rest(samples: Sequence[Sample], origin: BaselineOrigin, utc: float) -> Baseline:
    offsets = {name: median(sample.units.intensity[name] for sample in samples) for name in ACTION_UNITS}
    sides = [sample.asymmetry for sample in samples if sample.asymmetry is not None]
    return Baseline(
        offsets=MappingProxyType(offsets),
        origin=origin,
        utc=utc,
        samples=len(samples),
        spread=_spread(samples)[1],
        asymmetry=median(sides) if sides else None,
    )


def _spread(samples: Sequence[Sample]) -> tuple[str, float]:
    """The unit that moved most and the range of the middle half of its values: a passing smile does not count."""
    spreads = {}
    for name in UNREST:
        low, _, high = quantiles((sample.units.intensity[name] for sample in samples), n=4, method="inclusive")
        spreads[name] = high - low
    worst = max(spreads, key=spreads.__getitem__)
    return worst, spreads[worst]


def _due(state: BaselineState, now: float) -> bool:
    # Sums of floating-point steps fall short of the interval by parts of a microsecond.
    return not state.samples or now - state.samples[-1].time + 1e-6 >= SAMPLE_S


def _closed(units: ActionUnits) -> bool:
    return eyes_closed(units.eyes_closed)


def _pspi(offsets: Mapping[str, float]) -> float:
    """PSPI of the face at rest, eyes open."""
    return pspi(ActionUnits(offsets, EyeClosure(0.0, 0.0)))
