"""What the face showed before and after each dose of an analgesic."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from npng_edge.policy.stays.effect import AFTER_MIN, BEFORE_MIN, effects
from npng_edge.policy.stays.stay import doses
from npng_edge.report import page, plot, times
from npng_edge.report.plot import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from npng_edge.policy.stays.effect import DoseEffect, Window
    from npng_edge.policy.stays.figures import Minute
    from npng_edge.policy.stays.stay import Stay

MOST_LISTED = 24
BIN_MIN = 5
CALMER = 1.0
"""A mean that is lower by so much than before the dose is printed bold."""
_STATES = {
    "asked": "asked for",
    "delivered": "by pump",
    "given": "given",
    "unanswered": "not answered, counts as given",
}


def section(stay: Stay, zone: tzinfo) -> str:
    """The section of the report; nothing without doses."""
    minutes = sorted(minute for hour in stay.hours for minute in hour.minutes)
    found = effects(minutes, doses(stay))
    if not found:
        return ""
    listed = found[-MOST_LISTED:]
    windows = [f"{begin}-{end} min>" for begin, end in zip((0, *AFTER_MIN), AFTER_MIN, strict=False)]
    table = page.table(("dose", "", "the hour before>", *windows), [_row(effect, zone) for effect in listed])
    more = len(found) - len(listed)
    rest = f'<p class="soft small">{more} earlier doses are in the tables of the stay.</p>' if more else ""
    return (
        "<section><h2>Before and after analgesics</h2>"
        '<p class="soft small">The mean PSPI above baseline, and in brackets the minutes above the threshold in '
        "an hour with scores. A sequence in time, not a proof that the drug did it.</p>"
        f"{_course(minutes, found)}{table}{rest}</section>"
    )


def _row(effect: DoseEffect, zone: tzinfo) -> list[str | tuple[str, str]]:
    dose = effect.dose
    notes = [_STATES[dose.state]]
    if effect.other_doses:
        notes.append(f"{effect.other_doses} more within the hour")
    what = f"{times.at(dose.utc, zone)} <b>{escape(dose.drug)} {dose.mg:g} mg</b>"
    cells = [_cell(window, effect.before) for window in (effect.before, *effect.after)]
    return [(what, "tight"), (", ".join(notes), "soft"), *cells]


def _cell(window: Window, before: Window) -> tuple[str, str]:
    if window.mean_pspi is None:
        return "not seen", "soft"
    calmer = before.mean_pspi is not None and window.mean_pspi <= before.mean_pspi - CALMER
    return (f"{window.mean_pspi:.1f} <small>({window.pain_min_per_h or 0.0:.0f})</small>", "calmer" if calmer else "")


def _course(minutes: Sequence[Minute], found: Sequence[DoseEffect]) -> str:
    """The score around all doses, laid upon each other: each thin, their mean bold."""
    curves = [_around(minutes, effect.dose.utc) for effect in found]
    bins = range(-BEFORE_MIN // BIN_MIN, AFTER_MIN[-1] // BIN_MIN)
    means = {}
    for one in bins:
        known = [curve[one] for curve in curves if one in curve]
        if known and len(known) >= len(curves) / 3:
            means[one] = sum(known) / len(known)
    if not means:
        return ""
    drawing = Plot(
        begin=-BEFORE_MIN,
        end=AFTER_MIN[-1],
        top=plot.ceiling(max(max(curve.values(), default=0.0) for curve in curves), 4.0),
        width=1000.0,
        height=200.0,
        right=26.0,
    )
    ticks = [(float(minute), f"{page.signed(minute, 0)} min") for minute in (-60, -45, -30, -15, 15, 30, 45, 60)]
    zero = drawing.x(0.0)
    parts = [
        drawing.grid((0.0, drawing.top / 2, drawing.top)),
        drawing.names([*ticks, (0.0, "dose")]),
        f'<path class="day" d="M{zero:.1f} {drawing.y(drawing.top):.1f}V{drawing.y(0.0):.1f}"/>',
    ]
    for curve, style in [*((curve, "one-dose") for curve in curves), (means, "mean")]:
        points = [((one + 0.5) * BIN_MIN, curve[one]) for one in sorted(curve)]
        parts.append(drawing.curve(points, style, BIN_MIN))
    count = f"{len(found)} doses" if len(found) > 1 else "1 dose"
    keys = [("mean", f"mean of {count}, every {BIN_MIN} minutes"), ("one-dose", "around one dose")]
    return drawing.svg(parts, "Mean PSPI from an hour before to an hour after a dose") + page.legend(keys)


def _around(minutes: Sequence[Minute], utc: float) -> dict[int, float]:
    """Mean per bin around a moment; a bin with less than a minute of scores is left out."""
    sums: dict[int, tuple[float, float]] = {}
    for minute in minutes:
        apart = (minute.utc + 30.0 - utc) / 60.0
        if -BEFORE_MIN <= apart < AFTER_MIN[-1]:
            weighted, scored = sums.get(int(apart // BIN_MIN), (0.0, 0.0))
            sums[int(apart // BIN_MIN)] = weighted + minute.mean * minute.scored_s, scored + minute.scored_s
    return {one: weighted / scored for one, (weighted, scored) in sums.items() if scored >= 60.0}
