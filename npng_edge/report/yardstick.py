"""How much this patient shows, and this stay against an earlier one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from npng_edge.policy.rating.sensitivity import pspi_at
from npng_edge.policy.stays.compare import Comparison
from npng_edge.policy.stays.stay import ratings
from npng_edge.report import page, plot, times
from npng_edge.report.plot import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from npng_edge.policy.rating.sensitivity import SensitivityEstimate
    from npng_edge.policy.stays.profile import Rating
    from npng_edge.policy.stays.stay import Stay
    from npng_edge.requests import Refusal
    from npng_edge.units import Estimate

_CLASSES = {
    "sensitive": "shows much of the pain",
    "medium": "shows as much of the pain as most",
    "insensitive": "shows little of the pain",
}
_CAVEATS = {
    "too-few-ratings": "too few ratings for a class",
    "uncertain": "the ratings do not settle on a class",
    "not-expressive": "the face tells hardly anything: the camera's alarm for pain is unreliable for this patient",
}
_MEASURES = {
    "median-pspi": ("PSPI, half of the time below", ""),
    "p95-pspi": ("PSPI, exceeded in a twentieth of the time", ""),
    "mean-pspi": ("PSPI, mean", ""),
    "median-vas": ("estimated rating, half of the time below", "of 10"),
    "p95-vas": ("estimated rating, exceeded in a twentieth of the time", "of 10"),
    "pain-minutes": ("above the common threshold", "min in an hour"),
    "episodes": ("pain alarms, at the thresholds of then", "in 24 h"),
}


def sensitivity(stay: Stay, estimate: SensitivityEstimate | None) -> str:
    """How much this patient shows, with the ratings it rests on; nothing without an estimate."""
    if estimate is None:
        return ""
    known = ratings(stay)
    if not known:
        words = "Nobody has rated the pain of this patient: PSPI cannot be turned into a rating of their own."
        return f'<section><h2>How much this patient shows</h2><p class="soft">{words}</p></section>'
    shown = _CLASSES.get(estimate.sensitivity or "", "")
    caveat = _CAVEATS.get(estimate.reason or "", "")
    figures = [
        (
            "PSPI per step of the rating",
            f"{estimate.slope:.2f} <small>{estimate.low:.2f} to {estimate.high:.2f} in 80 of 100 cases</small>",
        ),
        ("ratings that count", f"{estimate.pairs} <small>of {len(known)}</small>"),
    ]
    if estimate.sensitivity:
        figures.insert(0, ("class", f"{estimate.sensitivity} <small>{shown}</small>"))
    if estimate.drift is not None:
        value, low, high = (
            page.signed(one, 2) for one in (estimate.drift.value, estimate.drift.low, estimate.drift.high)
        )
        figures.append(("change of it a day", f"{value} <small>{low} to {high}</small>"))
    note = f'<p class="problem">{caveat[0].upper()}{caveat[1:]}.</p>' if caveat else ""
    keys = [("rating", "rating by the patient"), ("staff", "by staff"), ("mean", "this patient's line")]
    return (
        '<section><h2>How much this patient shows</h2><div class="beside"><div>'
        f"{page.tiles(figures)}{note}</div>"
        f"<figure>{_scatter(known, estimate)}{page.legend(keys)}</figure></div></section>"
    )


def _scatter(known: Sequence[Rating], estimate: SensitivityEstimate) -> str:
    """PSPI around each rating, and the line."""
    top = plot.ceiling(max(one.pspi for one in known), 6.0)
    drawing = Plot(0.0, 10.0, top, width=400.0, height=232.0, head=26.0)
    ends = [min(10.0, max(0.0, (pspi - estimate.intercept) / estimate.slope)) for pspi in (0.0, top)]
    parts = [
        drawing.grid((0.0, top / 2, top)),
        drawing.names([(vas, str(vas)) for vas in range(0, 11, 2)]),
        f'<text class="scale" x="{drawing.left:.0f}" y="13">PSPI above baseline, by rating</text>',
        drawing.curve([(vas, pspi_at(vas, estimate)) for vas in ends], "mean", 10.0),
        *(plot.rating(drawing.x(one.vas), drawing.y(one.pspi), one.rater) for one in known),
    ]
    return drawing.svg(parts, "PSPI around each rating, and the line through them")


def comparison(made: Comparison | Refusal | None, zone: tzinfo) -> str:
    """This stay against an earlier one; nothing when none was given."""
    if made is None:
        return ""
    if not isinstance(made, Comparison):
        return (
            '<section><h2>Against an earlier stay</h2><p class="problem"><strong>Not compared.</strong> '
            f"{escape(made.detail)}</p></section>"
        )
    rows: list[tuple[str | tuple[str, str], ...]] = []
    for measure in made.measures:
        words, unit = _MEASURES[measure.name]
        sides = measure.here, measure.earlier
        top = max(side.high for side in sides) * 1.05 or 1.0
        difference = measure.difference
        clear = "" if difference.low <= 0.0 <= difference.high else ("calmer" if difference.value < 0 else "worse")
        interval = f"<small>{page.signed(difference.low)} to {page.signed(difference.high)}</small>"
        rows.append(
            (
                f'{words} <span class="soft">{unit}</span>',
                f"{measure.here.value:.1f}",
                f"{measure.earlier.value:.1f}",
                (_whiskers(measure.here, measure.earlier, top), "whiskers"),
                (f"{page.signed(difference.value)} {interval}", clear),
            )
        )
    since = times.date_at(made.earlier_since_utc, zone)
    return (
        "<section><h2>Against an earlier stay</h2>"
        f'<p class="soft small">The stay that began on {since}: {made.hours_earlier} hours with scores, here '
        f"{made.hours_here}. Both above the baseline of their own time, both on this patient's own line "
        f"({made.line.slope:.2f} PSPI per step of the rating), both counted at PSPI {made.threshold:.1f}, whatever was "
        "in force then. The bars hold the figure in 80 of 100 cases if hours were independent; they are not quite.</p>"
        f"{page.table(('', 'this stay>', 'earlier>', '', 'difference>'), rows)}"
        f"{page.legend([('here', 'this stay'), ('earlier', 'the earlier one')])}</section>"
    )


def _whiskers(here: Estimate, earlier: Estimate, top: float) -> str:
    parts = []
    for y, style, side in ((8.0, "here", here), (19.0, "earlier", earlier)):
        low, value, high = (4 + 232 * bound / top for bound in (side.low, side.value, side.high))
        parts.append(
            f'<path class="whisker {style}" d="M{low:.1f} {y}H{high:.1f}"/><circle class="whisker {style}" '
            f'cx="{value:.1f}" cy="{y}" r="4"/>'
        )
    return f'<svg viewBox="0 0 240 27" aria-hidden="true">{"".join(parts)}</svg>'
