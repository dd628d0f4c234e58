"""The episodes of a stay: the highest drawn, all of them in a table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from npng_edge.report import page, plot, times
from npng_edge.report.charts import Axis, Band, Curve, chart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from npng_edge.policy.happening.episode import Effect, Episode, Response, Trigger

MOST_DRAWN = 6
MOST_LISTED = 20
_TRIGGERS = {"movement": "movement", "handling": "handling", "rest": "at rest"}
_MISSING = {
    "not-seen": "not seen",
    "not-yet": "not over yet",
    "not-kept": "not kept",
    "no-motion": "movement not measured",
}
_SPEEDS = ("AU4", "AU7", "AU10")
_SIGNS = {"heart_rate": "HR", "respiratory_rate": "RR", "spo2": "SpO2"}


def highest(episodes: Sequence[Episode]) -> list[Episode]:
    """Those that are drawn and numbered: the highest peaks, in the order of time."""
    ranked = sorted((one for one in episodes if one.peak_pspi is not None), key=_peak, reverse=True)
    return sorted(ranked[:MOST_DRAWN], key=lambda one: one.onset_utc)


def section(episodes: Sequence[Episode], zone: tzinfo, threshold: float | None) -> str:
    """The section of the report; says so when there were none."""
    if not episodes:
        return (
            '<section><h2>Episodes of pain</h2><p class="soft">None was recorded. That is no proof that there was no '
            "pain: see how much of the stay was seen.</p></section>"
        )
    drawn = highest(episodes)
    top = plot.ceiling(max((_peak(one) for one in drawn), default=0.0), 8.0)
    figures = "".join(_figure(one, number, zone, threshold, top) for number, one in enumerate(drawn, start=1))
    listed = sorted(sorted(episodes, key=_peak, reverse=True)[:MOST_LISTED], key=lambda one: one.onset_utc)
    numbers = {one.id: number for number, one in enumerate(drawn, start=1)}
    rows = [_row(one, numbers.get(one.id), zone) for one in listed]
    more = len(episodes) - len(listed)
    rest = f'<p class="soft small">{more} lower episodes are in the tables of the stay.</p>' if more else ""
    heads = (
        "", "onset", "lasted>", "peak>", "most likely trigger", "vital signs", "change of PSPI after analgesics"
    )  # fmt: skip
    return (
        "<section><h2>Episodes of pain</h2>"
        '<p class="soft small">Drawn are the highest, from a minute before the onset on. The dashed line is the '
        "threshold last in force; gaps were not seen. A trigger's per cent say how sure the rule is, not how likely it "
        "is; vital signs are before and during.</p>"
        f'<div class="episodes">{figures}</div>{page.table(heads, rows)}{rest}{_moved(drawn)}</section>'
    )


def _figure(episode: Episode, number: int, zone: tzinfo, threshold: float | None, top: float) -> str:
    points = episode.series
    axis = Axis(min([-episode.before_s, *(one.time for one in points)]), max(episode.duration_s, 1.0), 420.0)
    values = [one.above if episode.above_baseline else one.pspi for one in points]
    drawing = chart(
        axis,
        [Curve([one.time for one in points], values, "pspi")],
        height=120,
        top=top,
        title=f"PSPI in episode {number}, from a minute before its onset",
        bands=[Band(0.0, episode.duration_s, "alarm")],
        threshold=threshold,
        ticks=[0.0, top / 2, top],
        seconds=True,
    ).replace('class="time"', 'class="small"')
    return (
        f'<figure>{drawing}<figcaption><span class="number">{number}</span><b>{times.at(episode.onset_utc, zone)}</b> '
        f"{_trigger(episode.trigger)}</figcaption></figure>"
    )


def _row(episode: Episode, number: int | None, zone: tzinfo) -> list[str | tuple[str, str]]:
    mark = f'<span class="number">{number}</span>' if number else ""
    peak = "not seen" if episode.peak_pspi is None else f"{episode.peak_pspi:.1f}"
    if not episode.above_baseline and episode.peak_pspi is not None:
        peak += " <small>as seen</small>"
    lasted = times.span(episode.duration_s) + (" <small>and on</small>" if episode.closing.value == "too-long" else "")
    with_it = _trigger(episode.trigger)
    if episode.attended_s >= 1:
        with_it += f", somebody there {times.span(episode.attended_s)}"
    responses = "<br>".join(_response(response, episode.onset_utc) for response in episode.responses)
    onset = f"{times.local(episode.onset_utc, zone):%a %H:%M:%S}"
    return [mark, (onset, "tight"), lasted, peak, with_it, (_vitals(episode), "tight"), responses]


def _moved(drawn: Sequence[Episode]) -> str:
    """How the face moved in the drawn episodes, for research; nothing where that was not measured."""
    rows = []
    for number, episode in enumerate(drawn, start=1):
        if episode.dynamics is None:
            continue
        units = {one.unit: one for one in episode.dynamics.units}
        speeds = [f"{_rounded(units[name].onset_speed)} / {_rounded(units[name].offset_speed)}" for name in _SPEEDS]
        mouth, overlaps = units["mouth"], episode.dynamics.overlaps
        together = f"{sum(one.share for one in overlaps) / len(overlaps):.0%}" if overlaps else "not known"
        regular = f"{mouth.events}, {_rounded(mouth.interval_cv)}"
        rows.append((f'<span class="number">{number}</span>', *speeds, regular, together))
    if not rows:
        return ""
    heads = ("", *(f"{name} rise / fall>" for name in _SPEEDS), "mouth: openings, irregularity>", "parts together>")
    return (
        "<details><summary>How the face moved: for research only, never validated</summary>"
        '<p class="soft small">Speeds are intensity per second; irregularity is the coefficient of variation of the '
        "times between openings, 0 for a clock; together is the share of time that parts of the pain face overlap. "
        "Bartlett and others (2014) told genuine from faked pain by such dynamics in one laboratory. No verdict is "
        f"given here.</p>{page.table(heads, rows)}</details>"
    )


def _rounded(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f}"


def _trigger(trigger: Trigger) -> str:
    if trigger.kind is None:
        return f"not known: {_MISSING[trigger.missing.value] if trigger.missing else 'no reason given'}"
    where = f" ({escape(trigger.region)})" if trigger.region else ""
    return f"{_TRIGGERS[trigger.kind.value]}{where} <small>{trigger.confidence:.0%}</small>"


def _vitals(episode: Episode) -> str:
    shown = [
        f"{_SIGNS[change.sign]} {change.before:.0f} → {change.during:.0f}"
        for change in episode.vitals
        if change.before is not None and change.during is not None
    ]
    return ", ".join(shown)


def _response(response: Response, onset: float) -> str:
    after = times.span(max(0.0, response.utc - onset))
    effects = ", ".join(f"{effect.minutes} min {_change(effect)}" for effect in response.effects)
    others = f", {response.other_doses} more doses within the hour" if response.other_doses else ""
    return f"{escape(response.drug)} {response.mg:g} mg after {after}: {effects}{others}"


def _change(effect: Effect) -> str:
    if effect.change is not None:
        return page.signed(effect.change)
    return _MISSING[effect.missing.value] if effect.missing else "not known"


def _peak(episode: Episode) -> float:
    return -1.0 if episode.peak_pspi is None else episode.peak_pspi
