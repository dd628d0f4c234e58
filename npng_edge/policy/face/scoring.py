"""One reading of the assigned patient: scored, compared with this patient's own rest, and judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.alarms import Finding
from npng_edge.policy.face import baseline as baselines
from npng_edge.policy.face import look_alike, pain_state
from npng_edge.policy.face.pspi import pspi, pspi_error
from npng_edge.policy.rating import ratings
from npng_edge.policy.state import Face
from npng_edge.units import Assessment, BaselineOrigin, Reason

if TYPE_CHECKING:
    from npng_edge.policy.state import Patient
    from npng_edge.policy.stays.profile import Baseline, Profile
    from npng_edge.settings import Policy
    from npng_edge.units import Moment, Reading

SAME = 0.8
"""An asymmetry below so much of its limit is gone."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of one reading."""

    face: Face
    profile: Profile
    """The same object unless the baseline changed."""
    assessment: Assessment
    findings: tuple[Finding, ...]
    """About the patient's face."""
    capture: baselines.CaptureResult | None
    """How the capture that was under way ended."""


def score(patient: Patient, reading: Reading, moment: Moment, settings: Policy, *, in_pain: bool) -> Scored:
    """Judge one reading.

    Args:
        patient: Who lies here.
        reading: Of one frame.
        moment: Now.
        settings: Of the policy.
        in_pain: Whether a condition of pain is present: such a face teaches nothing about rest.
    """
    profile, units, reasons = patient.profile, reading.action_units, reading.reasons
    if moment.time - patient.since < settings.pain.warm_up_s:
        units, reasons = None, (*reasons, Reason.WARMING_UP)
    rest = profile.baseline
    if rest is not None and not baselines.usable(rest, moment.utc, settings.baseline):
        rest = None
    raw = above = None
    verdict, alike = look_alike.NOTHING, patient.face.look_alike
    if units is not None:
        raw = pspi(units)
        face = units if rest is None else baselines.subtract(units, rest)
        above = None if rest is None else pspi(face)
        alike, verdict = look_alike.step(alike, face, units, moment.time, settings.pain)
    value = raw if above is None else above

    learning, new, capture = baselines.on_units(
        patient.face.baseline,
        profile.baseline,
        units,
        moment,
        settings.baseline,
        quiet=not in_pain and verdict.look_alike is None,
        asymmetry=reading.asymmetry,
    )
    if new is not None:
        profile = replace(profile, baseline=new)
    trust = None if rest is None else baselines.quality(rest, moment.utc, settings.baseline)
    pain, view = pain_state.step(patient.face.pain, reading, value, patient.threshold, verdict, trust, settings.pain)
    told = above if verdict.look_alike is None else None
    window = ratings.add(patient.face.ratings, moment.time, told, settings.sensitivity)
    assessment = Assessment(
        time=reading.time,
        pspi=raw,
        pspi_error=None if units is None else pspi_error(units),
        pspi_above_baseline=above,
        reasons=reasons,
        baseline=BaselineOrigin.NONE if rest is None else rest.origin,
        look_alike=verdict.look_alike,
        pain=in_pain,
        threshold=patient.threshold,
        level=view.level,
        trend=view.trend,
        confidence=view.confidence,
        since=view.since,
        minutes_above=view.minutes_above,
        vas=None if above is None else patient.vas,
        asymmetry=_asymmetry(reading, rest),
    )
    findings = (
        *_pain(patient, reading, assessment, verdict, settings),
        _baseline(assessment),
        _asymmetric(assessment, reading, settings),
    )
    return Scored(Face(learning, alike, pain, window), profile, assessment, findings, capture)


def _pain(
    patient: Patient, reading: Reading, made: Assessment, verdict: look_alike.Verdict, settings: Policy
) -> tuple[Finding, Finding]:
    above = made.pspi_above_baseline
    value = made.pspi if above is None else above
    limits = patient.threshold
    marks = reading.pain_probability, reading.pain_temporal
    pain, severe = (
        pain_state.evidence(value, limit, verdict, *marks, settings.pain) for limit in (limits.pain, limits.severe)
    )
    cause = ""
    if pain and value is not None:
        cause = f"PSPI {value:.1f} {'(no baseline yet)' if above is None else 'above baseline'}, alarm at "
        return (
            Finding("pain", pain, f"{cause}{limits.pain:.1f}."),
            Finding("pain-severe", severe, f"{cause}{limits.severe:.1f}."),
        )
    return Finding("pain", pain, cause), Finding("pain-severe", severe, cause)


def _baseline(made: Assessment) -> Finding:
    evidence = None if made.pspi is None else made.pspi_above_baseline is None
    return Finding("no-baseline", evidence, "This patient's face at rest is not known: PSPI is not above baseline.")


def _asymmetry(reading: Reading, rest: Baseline | None) -> float | None:
    if reading.asymmetry is None or rest is None or rest.asymmetry is None:
        return None
    return max(0.0, reading.asymmetry - rest.asymmetry)


def _asymmetric(made: Assessment, reading: Reading, settings: Policy) -> Finding:
    limit, found = settings.alarms.asymmetry, made.asymmetry
    evidence = None
    if found is not None and not SAME * limit <= found < limit:
        evidence = found >= limit
    where = f"; weaker: {reading.weaker}" if reading.weaker else ""
    cause = f"The face is less symmetric than this patient's own, by {found:.2f}{where}." if evidence else ""
    return Finding("facial-asymmetry", evidence, cause)
