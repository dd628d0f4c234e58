"""The whole stay on one time axis, lane under lane: score, ratings, doses, NEWS2, and what the camera could see."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from npng_edge.policy.stays.figures import HOUR_S, by_span
from npng_edge.policy.stays.stay import doses, ratings
from npng_edge.report import page, plot, times
from npng_edge.report.charts import LEFT, RIGHT, WIDTH, Axis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.stays.figures import Minute, Summary
    from npng_edge.policy.stays.stay import Stay

MOST_COLUMNS = 400
LEAST_SHARE = 1 / 12
"""Of a column that must have scores above baseline (five minutes of an hour); else it counts as not seen."""
NIGHT_H = (22, 6)
_SCORE, _RATE, _DOSE, _NEWS, _SEEN = (46.0, 232.0), (262.0, 332.0), (360.0, 384.0), (408.0, 426.0), (450.0, 474.0)
"""Upper and lower edges of the lanes."""
_HEIGHT = 502.0


@dataclass(frozen=True, slots=True)
class Span:
    """What is drawn: a stretch of time, cut into columns."""

    begin: float
    end: float
    column_s: float
    columns: Sequence[Summary]
    zone: tzinfo

    @property
    def axis(self) -> Axis:
        """The common time axis."""
        return Axis(self.begin, self.end)

    def edges(self, column: Summary) -> tuple[float, float]:
        """Where a column begins and ends on the clock, cut to the span."""
        offset = times.offset_s(self.begin, self.zone)
        begin = (column.begin_utc + offset) // self.column_s * self.column_s - offset
        return max(begin, self.begin), min(begin + self.column_s, self.end)


def span_of(stay: Stay, zone: tzinfo) -> Span:
    """The stretch of time of a stay: hours, or longer columns where there are too many of them."""
    begin = min([stay.profile.since_utc, *(hour.begin_utc for hour in stay.hours)])
    end = max([begin + HOUR_S, stay.ended_utc or 0.0, *(hour.end_utc for hour in stay.hours)])
    column_s = next(
        (size * HOUR_S for size in (1, 3, 6, 12) if (end - begin) / HOUR_S / size <= MOST_COLUMNS), 24 * HOUR_S
    )
    return Span(begin, end, column_s, by_span(stay.hours, column_s, times.offset_s(begin, zone)), zone)


def is_seen(column: Summary) -> bool:
    """Whether the column has enough scores above baseline to say something."""
    return column.compared_s >= LEAST_SHARE * HOUR_S


def draw(stay: Stay, span: Span, numbered: Sequence[Episode]) -> str:
    """The timeline, an `<svg>` element; `numbered` are the episodes that are marked 1, 2, 3 ..."""
    parts = [
        '<defs><pattern id="unseen" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="unseen-ground" width="6" height="6"/><path class="unseen-line" d="M0 0V6"/></pattern></defs>',
        *_days(span),
        *_score(stay, span, numbered),
        *_rated(stay, span),
        *_dosed(stay, span),
        *_news2(span),
        *_sight(span),
        *_hours(span),
        f'<path class="cross" d="M0 {_SCORE[0]:.0f}V{_SEEN[1]:.0f}" visibility="hidden"/>',
    ]
    title = "The stay over time: pain score, ratings, doses, NEWS2 and what the camera could see"
    return (
        f'<svg class="time stay" viewBox="0 0 {span.axis.width:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-label="{title}">' + "".join(parts) + "</svg>"
    )


def hover(span: Span) -> dict[str, object]:
    """What the page's script needs: the axis, and each column in words, by its middle."""
    rows = [[sum(span.edges(column)) / 2, _in_words(column, span)] for column in span.columns]
    return {"start": span.begin, "end": span.end, "left": LEFT, "right": RIGHT, "rows": rows}


def _in_words(column: Summary, span: Span) -> str:
    begin, end = span.edges(column)
    words = [f"{times.at(begin, span.zone)} to {times.local(end, span.zone):%H:%M}"]
    if is_seen(column):
        words.append(f"PSPI {column.median_pspi:.1f} in the middle, {column.p95_pspi:.1f} in a twentieth of the time")
        words.append(f"{column.pain_s / 60:.1f} min above the threshold")
    words.append(f"scored {column.scored_s / max(1.0, end - begin):.0%}")
    if column.worst_news2 is not None:
        words.append(f"NEWS2 up to {column.worst_news2}")
    return " · ".join(words)


def _rect(style: str, across: tuple[float, float], down: tuple[float, float], title: str = "") -> str:
    (left, right), (top, low) = across, down
    text = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0.8):.1f}" '
        f'height="{low - top:.1f}">{text}</rect>'
    )


def _name(text: str, lane: tuple[float, float]) -> str:
    return f'<text class="lane" x="{LEFT:.0f}" y="{lane[0] - 7:.0f}">{text}</text>'


def _scale(lane: tuple[float, float], ticks: Iterable[float], top: float) -> list[str]:
    parts = []
    for tick in ticks:
        y = _y(tick, lane, top)
        parts.append(f'<path class="grid" d="M{LEFT:.0f} {y:.1f}H{WIDTH - RIGHT:.0f}"/>')
        parts.append(f'<text class="scale" x="{LEFT - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _y(value: float, lane: tuple[float, float], top: float) -> float:
    return lane[1] - min(max(value, 0.0), top) / top * (lane[1] - lane[0])


def _days(span: Span) -> list[str]:
    """Nights shaded, days named."""
    axis, parts = span.axis, []
    evening, morning = NIGHT_H
    for midnight in times.midnights(span.begin - 86_400, span.end, span.zone):
        begin, end = midnight + evening * HOUR_S, midnight + (24 + morning) * HOUR_S
        if end > span.begin and begin < span.end:
            edges = axis.x(max(begin, span.begin)), axis.x(min(end, span.end))
            parts.append(_rect("night", edges, (_SCORE[0], _SEEN[1])))
    for midnight in times.midnights(span.begin, span.end, span.zone):
        x = axis.x(max(midnight, span.begin))
        if midnight > span.begin:
            parts.append(f'<path class="day" d="M{x:.1f} 4V{_SEEN[1]:.0f}"/>')
        if axis.x(min(midnight + 86_400, span.end)) - x > 96:
            parts.append(f'<text class="date" x="{x + 5:.1f}" y="14">{times.day(midnight, span.zone)}</text>')
    return parts


def _score(stay: Stay, span: Span, numbered: Sequence[Episode]) -> list[str]:
    """Columns up to the 95th percentile, the mean as a line, the threshold, episodes, and what was not seen."""
    axis, lane = span.axis, _SCORE
    seen = [column for column in span.columns if is_seen(column)]
    thresholds = [column.threshold for column in seen if column.threshold is not None]
    peaks = [episode.peak_pspi for episode in stay.episodes if episode.peak_pspi is not None]
    highest = max([0.0, *(column.p95_pspi or 0.0 for column in seen), *thresholds, *peaks])
    top = min(16.0, plot.ceiling(highest, 8.0))
    parts = _unseen(span)
    parts += _scale(lane, [2.0 * step for step in range(int(top // 2) + 1)], top)
    parts.append(_name("PSPI above this patient's baseline", lane))
    for column in seen:
        left, right = (axis.x(edge) for edge in span.edges(column))
        parts.append(_rect("p95", (left + 0.5, right - 0.5), (_y(column.p95_pspi or 0.0, lane, top), lane[1])))
    for episode in stay.episodes:
        left, right = axis.x(episode.onset_utc), axis.x(episode.end_utc)
        parts.append(_rect("episode", (left, max(right, left + 1.6)), lane))
    parts.append(f'<path class="curve mean" d="{_means(stay, span, top)}"/>')
    parts.append(f'<path class="threshold" d="{_steps(span, seen, top)}"/>')
    marks = {episode.id: str(number) for number, episode in enumerate(numbered, start=1)}
    placed: list[tuple[float, float]] = []
    for episode in sorted(stay.episodes, key=lambda one: one.id in marks):
        if episode.peak_pspi is None or episode.peak_utc is None:
            continue
        x, y = axis.x(episode.peak_utc), _y(episode.peak_pspi, lane, top)
        if episode.id not in marks:
            parts.append(f'<circle class="peak" cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>')
            continue
        y = max(y, lane[0] + 9)
        while any(abs(x - other) < 17 and abs(y - height) < 17 for other, height in placed):
            y += 17
        placed.append((x, y))
        parts.append(
            f'<g class="mark"><circle cx="{x:.1f}" cy="{y:.1f}" r="8.5"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{marks[episode.id]}</text></g>'
        )
    return parts


def _unseen(span: Span) -> list[str]:
    """Hatched where nothing is known: between the columns, and columns with too few scores."""
    axis, parts, reached = span.axis, [], span.begin
    for edge in [*(span.edges(column) for column in span.columns if is_seen(column)), (span.end, span.end)]:
        if edge[0] > reached + 1.0:
            title = f"not known, {times.at(reached, span.zone)} to {times.at(edge[0], span.zone)}"
            parts.append(_rect("unseen", (axis.x(reached), axis.x(edge[0])), _SCORE, title))
        reached = max(reached, edge[1])
    return parts


def _means(stay: Stay, span: Span, top: float) -> str:
    """The mean of ten minutes, or of as many as the width has room for."""
    width = max(600.0, -(-(span.end - span.begin) / 800 // 600) * 600)
    bins: dict[float, list[Minute]] = {}
    for hour in stay.hours:
        for minute in hour.minutes:
            bins.setdefault(minute.utc // width * width, []).append(minute)
    path, last = [], None
    for begin in sorted(bins):
        scored = sum(minute.scored_s for minute in bins[begin])
        if scored < 60.0:
            continue
        mean = sum(minute.mean * minute.scored_s for minute in bins[begin]) / scored
        pen = "L" if last is not None and begin - last <= width else "M"
        path.append(f"{pen}{span.axis.x(begin + width / 2):.1f} {_y(mean, _SCORE, top):.1f}")
        last = begin
    return "".join(path)


def _steps(span: Span, seen: Sequence[Summary], top: float) -> str:
    path = []
    for column in seen:
        if column.threshold is not None:
            left, right = (span.axis.x(edge) for edge in span.edges(column))
            path.append(f"M{left:.1f} {_y(column.threshold, _SCORE, top):.1f}H{right:.1f}")
    return "".join(path)


def _rated(stay: Stay, span: Span) -> list[str]:
    """Ratings as they were given, and the median of the estimate as a line."""
    axis, lane = span.axis, _RATE
    parts = [*_scale(lane, (0.0, 5.0, 10.0), 10.0), _name("Ratings of pain, 0 to 10, and their estimate", lane)]
    estimated = [column for column in span.columns if column.median_vas is not None and is_seen(column)]
    path = "".join(
        f"M{axis.x(span.edges(one)[0]):.1f} {_y(one.median_vas or 0.0, lane, 10):.1f}H{axis.x(span.edges(one)[1]):.1f}"
        for one in estimated
    )
    parts.append(f'<path class="curve estimate" d="{path}"/>')
    for rating in ratings(stay):
        x, y = axis.x(rating.utc), _y(rating.vas, lane, 10)
        title = f"{times.at(rating.utc, span.zone)}: {rating.vas:g} by {rating.rater}"
        parts.append(plot.rating(x, y, rating.rater, title))
    return parts


def _dosed(stay: Stay, span: Span) -> list[str]:
    axis, lane = span.axis, _DOSE
    parts, free = [_name("Analgesics", lane)], -1.0
    for dose in doses(stay):
        x = axis.x(dose.utc)
        title = f"<title>{times.at(dose.utc, span.zone)}: {escape(dose.drug)} {dose.mg:g} mg ({dose.state})</title>"
        style = "dose" if dose.state in ("given", "delivered") else "dose doubtful"
        parts.append(f'<path class="{style}" d="M{x:.1f} {lane[0]:.1f}l5 10h-10z">{title}</path>')
        if x > free:
            parts.append(
                f'<text class="scale" x="{x:.1f}" y="{lane[1]:.1f}" text-anchor="middle">{dose.mg:g} mg</text>'
            )
            free = x + 44.0
    return parts


def _news2(span: Span) -> list[str]:
    axis, parts = span.axis, [_name("NEWS2, the worst", _NEWS)]
    for column in span.columns:
        score = column.worst_news2
        if score is None:
            continue
        left, right = (axis.x(edge) for edge in span.edges(column))
        style = "high" if score >= 7 else "medium" if score >= 5 else "low"
        parts.append(_rect(f"news2 {style}", (left + 0.5, right - 0.5), _NEWS, f"NEWS2 {score}"))
        if right - left >= 12:
            parts.append(
                f'<text class="on news2-{style}" x="{(left + right) / 2:.1f}" y="{_NEWS[1] - 5:.1f}" '
                f'text-anchor="middle">{score}</text>'
            )
    return parts


def _sight(span: Span) -> list[str]:
    """Of each column, the share with a score and the shares without one, by reason."""
    axis, (top, low) = span.axis, _SEEN
    parts = [_name("What the camera could see", _SEEN)]
    parts.append(_rect("unseen", (axis.x(span.begin), axis.x(span.end)), _SEEN))
    for column in span.columns:
        begin, end = span.edges(column)
        left, right, whole = axis.x(begin) + 0.5, axis.x(end) - 0.5, max(end - begin, 1.0)
        y = low
        shares = [("scored", "scored", column.scored_s)]
        shares += [(page.words(reason)[1], reason, seconds) for reason, seconds in sorted(column.unscored_s.items())]
        for style, name, seconds in shares:
            height = min(y - top, seconds / whole * (low - top))
            if height > 0.2:
                parts.append(
                    _rect(style, (left, right), (y - height, y), f"{page.words(name)[0]} {seconds / whole:.0%}")
                )
                y -= height
    return parts


def _hours(span: Span) -> list[str]:
    """The clock under the lanes."""
    axis, low = span.axis, _SEEN[1]
    hours = (span.end - span.begin) / HOUR_S
    step = next((size for size in (1, 2, 3, 6, 12) if hours / size * 44 <= axis.width), 24)
    parts = [f'<path class="axis" d="M{LEFT:.0f} {low:.1f}H{axis.width - RIGHT:.0f}"/>']
    for midnight in times.midnights(span.begin, span.end, span.zone):
        for hour in range(0, 24, step):
            moment = midnight + hour * HOUR_S
            if span.begin <= moment <= span.end:
                x = axis.x(moment)
                parts.append(f'<path class="axis" d="M{x:.1f} {low:.1f}v4"/>')
                parts.append(
                    f'<text class="scale" x="{x:.1f}" y="{low + 18:.1f}" text-anchor="middle">{hour:02d}:00</text>'
                )
    return parts
