"""The report of a stay: one page about one patient, from what the device kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from npng_edge.policy.stays.figures import HOUR_S, Summary, by_span, merge
from npng_edge.policy.stays.stay import doses, ratings
from npng_edge.report import analgesia, episodes, page, timeline, times, yardstick

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from npng_edge.policy.rating.sensitivity import SensitivityEstimate
    from npng_edge.policy.stays.compare import Comparison
    from npng_edge.policy.stays.stay import Audit, Stay
    from npng_edge.report.page import About
    from npng_edge.requests import Refusal

MOST_AUDITS = 60
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class View:
    """What is told of a stay beside the stay itself."""

    bed: str | None = None
    """Where the patient lies, or lay last."""
    estimate: SensitivityEstimate | None = None
    """Of this patient."""
    comparison: Comparison | Refusal | None = None
    """With an earlier stay, or why there is none; None: not asked for."""
    zone: tzinfo = timezone.utc
    """Of the clock on the ward."""


def stay_report(stay: Stay, about: About, view: View) -> str:
    """The report of a stay, as the text of an HTML file."""
    zone = view.zone
    span = timeline.span_of(stay, zone)
    whole = merge(stay.hours) or Summary(span.begin, span.end)
    numbered = episodes.highest(stay.episodes)
    parts = [
        _head(stay, view, span),
        _lead(whole, span),
        _tiles(stay, whole, span),
        _timeline(stay, span, timeline.draw(stay, span, numbered)),
        _days(stay, zone),
        episodes.section(stay.episodes, zone, whole.threshold),
        analgesia.section(stay, zone),
        yardstick.sensitivity(stay, view.estimate),
        yardstick.comparison(view.comparison, zone),
        _alarms(whole),
        _audit(stay.audit, zone),
        _limits(),
    ]
    style = resources.files("npng_edge.report").joinpath("stay.css").read_text(encoding="utf-8")
    title = f"npng-edge: stay of {stay.profile.patient}"
    return page.render(title, parts, about, timeline.hover(span), style)


def _head(stay: Stay, view: View, span: timeline.Span) -> str:
    profile, zone = stay.profile, view.zone
    end = "now" if stay.ended_utc is None else times.date_at(stay.ended_utc, zone)
    where = f" · bed {escape(view.bed)}" if view.bed else ""
    clock = escape(times.local(span.begin, zone).tzname() or "local time")
    return (
        f"<h1>Stay of {escape(profile.patient)}</h1>"
        f'<p class="soft">{times.date_at(span.begin, zone)} to {end} ({times.span(span.end - span.begin)}){where} · '
        f"times in {clock} · {page.privacy(pictures=False)}</p>"
    )


def _lead(whole: Summary, span: timeline.Span) -> str:
    """The stay in two or three sentences."""
    if not whole.scored_s:
        return '<p class="verdict">Nothing could be scored: this says nothing about pain.</p>'
    seen = whole.scored_s / (span.end - span.begin)
    words = [
        f"The face was scored in {times.span(whole.scored_s)} of {times.span(span.end - span.begin)}. In that time it "
        f"was above this patient's threshold for <strong>{whole.pain_minutes_per_hour or 0.0:.1f} minutes an hour"
        f"</strong>, and pain was alarmed <strong>{_times(whole.pain_alarms)}</strong>."
    ]
    columns = [column for column in span.columns if timeline.is_seen(column)]
    worst = max(columns, key=lambda column: column.pain_minutes_per_hour or 0.0, default=None)
    if worst is not None and worst.pain_s >= 60:
        begin, end = span.edges(worst)
        words.append(
            f"The hardest time was {times.at(begin, span.zone)} to {times.local(end, span.zone):%H:%M}, with "
            f"{worst.pain_s / 60:.0f} minutes above it."
        )
    if seen < 0.5:
        words.append("<strong>Less than half of the stay was seen</strong>; of the rest nothing is known.")
    if not whole.compared_s:
        words.append("Without a baseline, nothing below is above this patient's own rest.")
    return f'<p class="lead">{" ".join(words)}</p>'


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _tiles(stay: Stay, whole: Summary, span: timeline.Span) -> str:
    tiles = [("scored", f"{whole.scored_s / (span.end - span.begin):.0%} <small>of the stay</small>")]
    if whole.p95_pspi is not None:
        tiles.append(
            ("PSPI above baseline", f"{whole.median_pspi:.1f} <small>median, 95 % below {whole.p95_pspi:.1f}</small>")
        )
    if whole.pain_minutes_per_hour is not None:
        tiles.append(("above threshold", f"{whole.pain_minutes_per_hour:.1f} <small>min an hour</small>"))
    tiles.append(("pain alarms", f"{whole.pain_alarms}"))
    given = doses(stay)
    if given:
        total: dict[str, float] = {}
        for dose in given:
            total[dose.drug] = total.get(dose.drug, 0.0) + dose.mg
        drugs = ", ".join(f"{escape(drug)} {mg:g} mg" for drug, mg in sorted(total.items()))
        tiles.append(("analgesics", f"{len(given)} <small>{drugs}</small>"))
    if whole.worst_news2 is not None:
        tiles.append(("worst NEWS2", f"{whole.worst_news2}"))
    return page.tiles(tiles)


def _timeline(stay: Stay, span: timeline.Span, drawing: str) -> str:
    names = {1: "hour", 24: "day"}
    column = names.get(round(span.column_s / HOUR_S), f"{span.column_s / HOUR_S:.0f} hours")
    keys = [
        ("mean", "PSPI, mean of some minutes"),
        ("p95", f"exceeded in a twentieth of the {column}"),
        ("threshold", "threshold then in force"),
    ]
    if stay.episodes:
        keys.append(("episode", "episode of pain; a disc is its peak, numbers are drawn below"))
    raters = {rating.rater for rating in ratings(stay)}
    keys += [(style, words) for rater, style, words in _RATERS if rater in raters]
    if any(one.median_vas is not None for one in span.columns):
        keys.append(("estimate", "rating as estimated from the face, never a self-report"))
    if doses(stay):
        keys.append(("dose", "analgesic; an outline was not answered for"))
    if any(one.worst_news2 is not None for one in span.columns):
        keys.append(("news2", "NEWS2 0 to 4, 5 or 6, 7 and more"))
    keys.append(("scored", "scored"))
    reasons = {reason for one in span.columns for reason in one.unscored_s}
    keys += sorted(page.words(reason)[::-1] for reason in reasons)
    keys.append(("unseen", "not known: never to be read as calm"))
    return (
        '<section><h2>The stay</h2><p class="readout" id="readout">Point at a time to see its figures.</p>'
        f'<div class="charts">{drawing}</div>{page.legend(keys)}</section>'
    )


_RATERS = (("patient", "rating", "rating by the patient"), ("staff", "staff", "by staff"))


def _days(stay: Stay, zone: tzinfo) -> str:
    """A row a day."""
    rows: list[list[str | tuple[str, str]]] = []
    offset = times.offset_s(stay.profile.since_utc, zone)
    for one in by_span(stay.hours, DAY_S, offset):
        begin = (one.begin_utc + offset) // DAY_S * DAY_S - offset
        rated = [rating.vas for rating in ratings(stay) if begin <= rating.utc < begin + DAY_S]
        given = [dose.mg for dose in doses(stay) if begin <= dose.utc < begin + DAY_S]
        share = one.scored_s / max(one.end_utc - one.begin_utc, 1.0)
        cells = [
            f'<span class="share"><i style="width:{min(1.0, share):.0%}"></i></span>{min(1.0, share):.0%}',
            _figure(one.median_pspi),
            _figure(one.p95_pspi),
            _figure(one.pain_minutes_per_hour),
            str(one.pain_alarms),
            _figure(one.median_vas),
            f"{sum(rated) / len(rated):.1f} <small>({len(rated)})</small>" if rated else "",
            f"{len(given)} <small>({sum(given):g} mg)</small>" if given else "",
            "" if one.worst_news2 is None else str(one.worst_news2),
        ]
        rows.append([(times.day(begin, zone), "tight"), *cells])
    if not rows:
        return ""
    heads = (
        "", "scored>", "PSPI median>", "95 % below>", "min above, an hour>", "pain alarms>",
        "estimated rating>", "mean rating>", "analgesics>", "worst NEWS2>",
    )  # fmt: skip
    return f"<section><h2>Day by day</h2>{page.table(heads, rows)}</section>"


def _figure(value: float | None) -> str:
    return '<span class="soft">not known</span>' if value is None else f"{value:.1f}"


def _alarms(whole: Summary) -> str:
    if not whole.alarms:
        return ""
    ranked = sorted(whole.alarms.items(), key=lambda item: -item[1])
    hours = max(whole.seconds, 1.0) / HOUR_S
    rows = [(escape(name), str(count), f"{24 * count / hours:.1f}") for name, count in ranked]
    table = page.table(("condition", "times>", "in 24 h of watching>"), rows)
    return f'<section class="narrow"><h2>Alarms raised</h2>{table}</section>'


def _audit(audit: Sequence[Audit], zone: tzinfo) -> str:
    """What was asked of the device, the newest last."""
    if not audit:
        return ""
    shown = audit[-MOST_AUDITS:]
    rows: list[list[str | tuple[str, str]]] = []
    for one in shown:
        style = "refused" if one.outcome == "refused" else ""
        texts = (one.name, one.who or "unknown")
        rows.append(
            [
                (times.at(one.utc, zone), "tight"),
                *((escape(text), f"{style} tight") for text in texts),
                *((escape(text), style) for text in (one.why or "", _outcome(one))),
            ]
        )
    refused = sum(one.outcome == "refused" for one in audit)
    more = f", the last {len(shown)} shown" if len(shown) < len(audit) else ""
    head = f"What was asked of the device ({len(audit)} requests, {refused} refused{more})"
    table = page.table(("when", "request", "who", "why", "outcome"), rows)
    return f"<section><details open><summary>{head}</summary>{table}</details></section>"


def _outcome(one: Audit) -> str:
    reason = f" ({one.reason})" if one.reason else ""
    return f"{one.outcome}{reason}{': ' if one.detail else ''}{one.detail}"


def _limits() -> str:
    return (
        '<section><h2>What this is, and what it is not</h2><p class="soft">A camera\'s estimate of pain-related facial '
        "movement (PSPI, Prkachin and Solomon 2008), above this patient's own rest. It is no self-report, it is not "
        "validated in patients, and it supports an assessment and replaces none: some people show little of their "
        "pain, and effort, disgust or crying look like it. Smiles, talk and yawns are left out of all figures of PSPI; "
        "closed eyes count 1 by its formula, so sleep is not 0. What is hatched or left blank was not seen, and "
        "nothing is said of it.</p></section>"
    )
