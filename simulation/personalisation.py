"""What ratings buy: one threshold for all against this patient's own, on made-up patients of all three classes.

Pairing, estimate, threshold and delays are the device's own code. The patients are made up, and so is every figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.progress import track

from npng_edge.policy.alarm.sustained import RESTING, step
from npng_edge.policy.face.look_alike import NOTHING
from npng_edge.policy.face.pain_state import evidence
from npng_edge.policy.rating.sensitivity import SensitivityEstimate, estimate, vas, vas_at
from npng_edge.policy.rating.threshold import HIGHEST, LOWEST, effective
from npng_edge.settings import Policy
from npng_edge.units import Estimate
from simulation import personalisation_tables
from simulation.rated_patients import (
    ASSUMPTIONS,
    BEGIN,
    KINDS,
    RATE_HZ,
    Patient,
    course,
    face,
    look_alikes,
    patient,
    rating,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from npng_edge.policy.stays.profile import Rating
    from simulation.rated_patients import Array

COUNTS = (0, 1, 2, 3, 5, 8, 12, 20)
"""Ratings learnt from."""
CURVES = (3, 8, 20)
"""... in the trade-off curves."""
HELD_OUT = 12
"""Further ratings by each patient, to compare the VAS estimate with."""
BAND = 1.0
"""Pain that is so close to the ordered VAS counts neither as missed nor as false."""
CLEAR_S = 15.0
FACTORS = (0.5, 0.6, 0.75, 0.9, 1.0, 1.2, 1.5, 2.0, 2.6)
"""Of all thresholds, for the trade-off curves."""
NOISE_FLOOR = 1.0
"""PSPI below which noise alone alarms: no threshold is lowered further."""
ALL = "all"
ONE = "one for all"
KNOWN = "slope known"
SETTINGS = Policy()
CALL = SETTINGS.pain.threshold_vas
MARK = "<!-- below: written by `python -m simulation personalisation --output docs` -->"
UTC = BEGIN.timestamp()

RULES = (
    f"Staff want to be called at VAS {CALL:g}. *Missed*: pain above VAS {CALL + BAND:g} for {CLEAR_S:g} s or more, and "
    f"no alarm. *False*: an alarm with no pain above VAS {CALL - BAND:g} in the {CLEAR_S:g} s before it; more of them "
    f"within {SETTINGS.alarms.acknowledge_s:g} s count as one, for staff acknowledge the first. Pain between the two "
    "counts neither way.",
    "The VAS estimate is compared with what the patient would say, which has that patient's own noise.",
)


class Case(NamedTuple):
    """A patient with ratings, and with hours in which alarms are counted."""

    patient: Patient
    learnt: tuple[Rating, ...]
    held_out: tuple[Rating, ...]
    pain: Array
    score: Array


class Row(NamedTuple):
    """What one way of setting the threshold did for one patient; rows can be added up."""

    hours: float = 0.0
    clear: int = 0
    """Episodes that must not be missed."""
    missed: int = 0
    false: int = 0
    patients: int = 0
    asked: int = 0
    """VAS estimates asked for."""
    given: int = 0
    error: float = 0.0
    """Sum of the errors of those given, VAS."""
    held: int = 0
    """Intervals of those given that hold the rating."""
    classified: int = 0
    right: int = 0
    """Classes that are the true one."""
    unexpressive: int = 0
    slope: float = 0.0
    """Estimated minus true."""
    width: float = 0.0
    """Of the interval of the slope."""
    slope_held: int = 0
    """Intervals that hold the true slope."""

    def missed_share(self) -> float:
        """Clear episodes without an alarm, 0..1."""
        return self.missed / max(1, self.clear)

    def false_rate(self) -> float:
        """False alarms per bed-hour."""
        return self.false / self.hours


def total(rows: Iterable[Row]) -> Row:
    """The sum of rows."""
    return Row(*(sum(column) for column in zip(*rows, strict=True)))


def make_case(rng: np.random.Generator, kind: str, hours: float) -> Case:
    """A patient of one class, rated and watched."""
    who = patient(rng, kind)
    learnt = (rating(rng, who, who.rater) for _ in range(max(COUNTS)))
    held_out = (rating(rng, who, "patient") for _ in range(HELD_OUT))
    pain = course(rng, hours)
    score = face(rng, who, who.slope, pain, look_alikes(rng, hours))
    return Case(who, tuple(filter(None, learnt)), tuple(filter(None, held_out)), pain, score)


def alarms(score: Array, threshold: float) -> list[tuple[int, int]]:
    """First and last index of each alarm, by the policy's own evidence and delays.

    While nothing is gathered, `step` changes nothing until evidence for the opposite comes: that stretch is skipped.
    """
    pain = SETTINGS.pain
    low = threshold - min(pain.hysteresis, threshold / 4)
    opposite = {False: np.flatnonzero(score >= threshold), True: np.flatnonzero(score < low)}
    found: list[tuple[int, int]] = []
    index, begin, state = 0, 0, RESTING
    while True:
        if state.touched is None:
            later = opposite[state.on]
            position = int(np.searchsorted(later, index))
            index = int(later[position]) if position < len(later) else len(score)
        if index >= len(score):
            return [*found, (begin, len(score))] if state.on else found
        speaks = evidence(float(score[index]), threshold, NOTHING, None, None, pain)
        was, now = state.on, index / RATE_HZ
        state = step(state, now, evidence=speaks, on_delay=pain.on_delay_s, off_delay=pain.off_delay_s)
        if state.on and not was:
            begin = index
        elif was and not state.on:
            found.append((begin, index))
        index += 1


def watch(case: Case, threshold: float) -> Row:
    """Count the alarms of one patient."""
    made = alarms(case.score, threshold)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], case.pain >= CALL + BAND, [0]])))
    back = int(CLEAR_S * RATE_HZ)
    clear = [(begin, end) for begin, end in edges.reshape(-1, 2).tolist() if end - begin >= back]
    false, seen_to = 0, -1.0
    for first, _ in made:
        if first >= seen_to and case.pain[max(0, first - back) : first + 1].max() < CALL - BAND:
            false, seen_to = false + 1, first + SETTINGS.alarms.acknowledge_s * RATE_HZ
    return Row(
        hours=len(case.pain) / RATE_HZ / 3600,
        clear=len(clear),
        missed=sum(not any(first < end and last >= begin for first, last in made) for begin, end in clear),
        false=false,
    )


def judge(case: Case, found: SensitivityEstimate) -> Row:
    """Compare an estimate with the truth; without ratings the population's line gives the VAS."""
    estimates = [vas(each.pspi, found) for each in case.held_out]
    if found.pairs == 0:
        estimates = [Estimate(vas_at(each.pspi, found), 0.0, 10.0) for each in case.held_out]
    given = [(each.vas, made) for each, made in zip(case.held_out, estimates, strict=True) if made is not None]
    return Row(
        patients=1,
        asked=len(estimates),
        given=len(given),
        error=sum(abs(said - made.value) for said, made in given),
        held=sum(made.low <= said <= made.high for said, made in given),
        classified=found.sensitivity is not None,
        right=found.sensitivity == case.patient.kind,
        unexpressive=not found.expressive,
        slope=found.slope - case.patient.slope,
        width=found.high - found.low,
        slope_held=found.low <= case.patient.slope <= found.high,
    )


def compare(cases: Sequence[Case]) -> dict[tuple[str, int], Row]:
    """Per class (and all) and number of ratings: alarms at the defaults, and the quality of the estimates."""
    rows: dict[tuple[str, int], list[Row]] = {(kind, n): [] for kind in (*KINDS, ALL) for n in COUNTS}
    for case in track(cases, "comparing", transient=True):
        for number in COUNTS:
            found = estimate(case.learnt[:number], SETTINGS.sensitivity, UTC)
            row = total((watch(case, effective(None, found, SETTINGS, UTC).pain), judge(case, found)))
            rows[case.patient.kind, number].append(row)
            rows[ALL, number].append(row)
    return {key: total(each) for key, each in rows.items()}


def trade_off(cases: Sequence[Case]) -> dict[str, list[Row]]:
    """Per way of setting the threshold: a row for each of `FACTORS`, by which all thresholds are multiplied."""
    lines: dict[str, list[Row]] = {}
    for name, thresholds in _ways(cases).items():
        lines[name] = [
            total(watch(case, max(NOISE_FLOOR, each * factor)) for case, each in zip(cases, thresholds, strict=True))
            for factor in track(FACTORS, name, transient=True)
        ]
    return lines


def _ways(cases: Sequence[Case]) -> dict[str, list[float]]:
    """Thresholds, one per case, for every line of the trade-off."""
    ways = {ONE: [effective(None, estimate((), SETTINGS.sensitivity, UTC), SETTINGS, UTC).pain] * len(cases)}
    for number in CURVES:
        ways[f"after {number} ratings"] = [
            effective(None, estimate(case.learnt[:number], SETTINGS.sensitivity, UTC), SETTINGS, UTC).pain
            for case in cases
        ]
    ways[KNOWN] = [min(HIGHEST, max(LOWEST, case.patient.slope * CALL)) for case in cases]
    return ways


def main(argv: Sequence[str]) -> None:
    """Run the study, print its tables and, where asked, write them and the plots into the docs."""
    parser = argparse.ArgumentParser(prog="python -m simulation personalisation", description=__doc__)
    parser.add_argument("--patients", type=int, default=600, help="a third of each class")
    parser.add_argument("--hours", type=float, default=4.0, help="watched per patient")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="folder of sensitivity.md, for tables and plots")
    asked = parser.parse_args(argv)
    rng = np.random.default_rng(asked.seed)
    kinds = list(KINDS) * (asked.patients // len(KINDS))
    cases = [make_case(rng, kind, asked.hours) for kind in track(kinds, "making patients", transient=True)]
    rows, lines = compare(cases), trade_off(cases[: len(cases) // 3])
    run = f"{len(cases)} made-up patients, {asked.hours:g} hours each, seed {asked.seed}"
    text = f"{run}; equal false alarms on a third of them.\n\n{personalisation_tables.write(rows, lines)}"
    assumed = "\n".join(fill(each, 118, initial_indent="* ", subsequent_indent="  ") for each in (*ASSUMPTIONS, *RULES))
    print(f"{assumed}\n\n{text}")
    if asked.output is not None:
        from simulation import personalisation_plots  # noqa: PLC0415 - a run without plots needs no matplotlib

        page = asked.output / "sensitivity.md"
        words, _, _ = page.read_text(encoding="utf-8").partition(MARK)
        made = f"{MARK}\n\n## What was assumed\n\n{assumed}\n\n## Results\n\n{text}\n"
        page.write_text(words + made, encoding="utf-8")
        personalisation_plots.draw(asked.output, cases, rows, lines)
