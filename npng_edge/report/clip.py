"""The report of a clip: the PSPI curve with its alarms, what the camera could see, key frames, action units."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from npng_edge.policy.rating.threshold import configured
from npng_edge.report import page
from npng_edge.report.charts import LEFT, MAX_POINTS, RIGHT, Axis, Band, Curve, Mark, chart, clock, strip
from npng_edge.report.keyframes import Picture, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.lines import ClipLine, Line
    from npng_edge.report.page import About
    from npng_edge.settings import Policy
    from npng_edge.units import AlarmKind, Priority

PSPI_TOP = 16.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One alarm of a clip, times in seconds."""

    condition: str
    kind: AlarmKind
    priority: Priority
    since: float
    """When the condition began."""
    raised: float
    """When the alarm began, the on-delay later."""
    end: float | None
    """None when it is present to the end of the clip."""
    peak: float | None
    """Highest PSPI between since and end; None for a technical alarm."""
    peak_time: float | None
    cause: str


@dataclass(frozen=True, slots=True)
class Clip:
    """All that is known of one analysed clip."""

    name: str
    lines: Sequence[ClipLine]
    findings: Sequence[Finding]
    look_alikes: Sequence[tuple[float, float, str]]
    """Stretches in which the score is put down to something else: start, end, name."""
    pictures: Sequence[Picture] | None
    """None when pictures were not wanted."""
    problem: str | None
    """What went wrong with the file."""


def clip_report(clip: Clip, policy: Policy, about: About) -> str:
    """The report of a clip, as the text of an HTML file."""
    lines = clip.lines
    times = [line["time"] for line in lines]
    axis = Axis(times[0] if times else 0.0, times[-1] if times else 1.0)
    scored = sum(line["pspi"] is not None for line in lines)
    parts = [
        f"<h1>Pain-related facial movement in {escape(clip.name)}</h1>",
        f'<p class="soft">{len(lines)} frames, {clock(axis.end - axis.start) if times else "0 s"}. '
        f"{page.privacy(pictures=clip.pictures is not None)}</p>",
        page.problem(clip.problem),
        _verdict(clip),
        _clip_tiles(clip, scored),
    ]
    if times:
        pictures = _numbered(clip.pictures or ())
        parts += [
            _pspi_section(clip, axis, times, policy, pictures),
            _picture_section(pictures),
            _unit_section(clip, axis, times),
            _alarm_section(clip.findings),
        ]
    parts.append(_how_section(lines, policy))
    return page.render(f"npng-edge: {clip.name}", parts, about, _hover(axis, lines))


def _verdict(clip: Clip) -> str:
    pains = [finding for finding in clip.findings if finding.condition == "pain"]
    if not any(line["pspi"] is not None for line in clip.lines):
        return '<p class="verdict">Nothing could be scored: this says nothing about pain.</p>'
    if not pains:
        return '<p class="verdict calm">No pain alarm.</p>'
    spans = "; ".join(_span(pain) + ("" if pain.peak is None else f", PSPI up to {pain.peak:.1f}") for pain in pains)
    noun = "pain alarm" if len(pains) == 1 else "pain alarms"
    severe = "; ".join(_span(finding) for finding in clip.findings if finding.condition == "pain-severe")
    more = f" Severe: {severe}." if severe else ""
    return f'<p class="verdict pain"><strong>{len(pains)} {noun}</strong>: {spans}.{more}</p>'


def _span(finding: Finding) -> str:
    return f"{clock(finding.since)} to {'the end' if finding.end is None else clock(finding.end)}"


def _clip_tiles(clip: Clip, scored: int) -> str:
    best = max((line for line in clip.lines if line["pspi"] is not None), key=_pspi, default=None)
    tiles = [("highest PSPI", f"{_pspi(best):.1f} <small>at {clock(best['time'])}</small>" if best else "unknown")]
    tiles.append(("frames scored", f"{scored / len(clip.lines):.0%}" if clip.lines else "none"))
    missing = [page.state_of(line) for line in clip.lines if line["pspi"] is None]
    commonest = Counter(missing).most_common(3)
    tiles += [(f"not scored: {page.words(reason)[0]}", f"{count / len(clip.lines):.0%}") for reason, count in commonest]
    for alike, name in page.LOOK_ALIKES.items():
        spans = [end - start for start, end, found in clip.look_alikes if found == alike]
        tiles += [(f"put down to {name}", f"{sum(spans):.1f} s")] if spans else []
    return page.tiles(tiles)


def _pspi_section(
    clip: Clip, axis: Axis, times: Sequence[float], policy: Policy, pictures: Sequence[tuple[int, Picture]]
) -> str:
    above = [line["pspi_above_baseline"] for line in clip.lines]
    relative = any(value is not None for value in above)
    curves = [Curve(times, [line["pspi"] for line in clip.lines], "pspi")]
    if relative:
        curves.append(Curve(times, above, "above"))
    bands = [*_alarm_bands(clip, axis), *_smile_bands(clip)]
    highest = max((line["pspi"] or 0.0 for line in clip.lines), default=0.0)
    top = min(PSPI_TOP, max(8.0, 2.0 * -(-highest // 2.0)))
    drawing = chart(
        axis,
        curves,
        height=270,
        top=top,
        title="PSPI over time, alarms shaded",
        bands=bands,
        threshold=configured(policy).pain,
        marks=[Mark(shown.time, shown.score, str(number)) for number, shown in pictures if shown.score is not None],
        ticks=[2.0 * step for step in range(int(top // 2) + 1)],
        seconds=True,
    )
    keys = [("pspi", "PSPI of the face as seen")]
    if relative:
        keys.append(("above", "above this person's own baseline"))
    keys += [("threshold", f"alarm threshold {configured(policy).pain:g}"), ("alarm", "pain alarm, from its onset")]
    if clip.look_alikes:
        found = {alike for _, _, alike in clip.look_alikes}
        words = ", ".join(name for alike, name in page.LOOK_ALIKES.items() if alike in found)
        keys.append(("smile", f"score put down to {words}"))
    states = [page.state_of(line) for line in clip.lines]
    seen = [("scored", "scored")] + [page.words(state)[::-1] for state in page.REASONS if state in states]
    unseen = [Mark(shown.time, 0.0, str(number)) for number, shown in pictures if shown.score is None]
    title = "When the face was scored, and why not"
    sight = strip(axis, _state_bands(clip, axis), title=title, marks=unseen)
    return (
        "<section><h2>Pain intensity from the face (PSPI)</h2>"
        '<p class="soft small">0 is a neutral face; 16 is the most the scale can say. A gap means that the face could '
        "not be read, never that there is no pain.</p>"
        f'<div class="charts">{drawing}{page.legend(keys)}'
        f'<h2 style="margin-top:14px">What the camera could see</h2>{sight}'
        f'{page.legend(seen)}</div><p class="readout" id="readout">Point at a moment to see its figures.</p></section>'
    )


def _alarm_bands(clip: Clip, axis: Axis) -> list[Band]:
    pains = [finding for finding in clip.findings if finding.condition == "pain"]
    return [Band(pain.since, axis.end if pain.end is None else pain.end, "alarm") for pain in pains]


def _smile_bands(clip: Clip) -> list[Band]:
    return [Band(start, end, "smile") for start, end, _ in clip.look_alikes]


def _state_bands(clip: Clip, axis: Axis) -> list[Band]:
    """Stretches of equal state; each reaches to the start of the next."""
    groups = [(state, next(group)["time"]) for state, group in groupby(clip.lines, key=page.state_of)]
    ends = [start for _, start in groups[1:]] + [axis.end]
    bands = []
    for (state, start), end in zip(groups, ends, strict=True):
        label, style = page.words(state)
        bands.append(Band(start, end, style, label))
    return bands


def _unit_section(clip: Clip, axis: Axis, times: Sequence[float]) -> str:
    small = Axis(axis.start, axis.end, width=340.0)
    bands = _alarm_bands(clip, axis)
    figures = []
    for name, meaning in page.SHOWN_UNITS.items():
        values = [page.unit(line, name) for line in clip.lines]
        top = 1.0 if name == "AU43" else 5.0
        drawing = chart(
            small,
            [Curve(times, values, "smile" if name == "AU12" else "unit")],
            height=112,
            top=top,
            title=f"{name}, {meaning}",
            bands=bands,
            ticks=(0.0, top) if top == 1.0 else (0.0, 1.0, 3.0, 5.0),
            seconds=True,
        )
        figures.append(f"<figure><figcaption><b>{name}</b> {meaning}</figcaption>{drawing}</figure>")
    return (
        '<section><h2>Action units</h2><p class="soft small">0 absent, 1 to 5 = FACS A to E. '
        "PSPI = AU4 + the larger of AU6 and AU7 + the larger of AU9 and AU10 + AU43 (1 when both eyes are closed). "
        "AU12 is not part of it: with AU4 absent it tells a smile from pain.</p>"
        f'<div class="units">{"".join(figures)}</div></section>'
    )


def _numbered(pictures: Sequence[Picture]) -> list[tuple[int, Picture]]:
    return list(enumerate(pictures, start=1))


def _picture_section(pictures: Sequence[tuple[int, Picture]]) -> str:
    figures = "".join(
        f'<figure>{page.image(picture.jpeg, picture.role.value)}<figcaption><span class="number">{number}</span>'
        f"<b>{_role(picture)}</b> at {clock(picture.time)}, "
        f"{'not scored' if picture.score is None else f'PSPI {picture.score:.1f}'}</figcaption></figure>"
        for number, picture in pictures
    )
    return f'<section><h2>Key frames</h2><div class="pictures">{figures}</div></section>' if figures else ""


def _role(picture: Picture) -> str:
    if picture.role is Role.UNSEEN:
        return f"not scored: {page.words(picture.note)[0]}"
    return f"put down to {page.LOOK_ALIKES[picture.note]}" if picture.role is Role.LOOK_ALIKE else picture.role.value


def _alarm_section(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rows = "".join(
        f'<tr><td><span class="priority {finding.priority.value}"></span>{escape(finding.condition)}</td>'
        f"<td>{finding.kind.value}, {finding.priority.value}</td>"
        f'<td class="figure">{clock(finding.since)}</td><td class="figure">{clock(finding.raised)}</td>'
        f'<td class="figure">{"present at the end" if finding.end is None else clock(finding.end)}</td>'
        f'<td class="figure">{_peak(finding)}</td><td>{escape(finding.cause)}</td></tr>'
        for finding in findings
    )
    heads = (
        '<th>condition</th><th>kind, priority</th><th class="figure">onset</th><th class="figure">raised</th>'
        '<th class="figure">ended</th><th class="figure">peak PSPI</th><th>what was seen</th>'
    )
    return (
        '<section><h2>Alarms</h2><div class="scroll"><table><thead><tr>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _peak(finding: Finding) -> str:
    if finding.peak is None or finding.peak_time is None:
        return ""
    return f"{finding.peak:.1f} at {clock(finding.peak_time)}"


def _how_section(lines: Sequence[ClipLine], policy: Policy) -> str:
    pain, rest, limits = policy.pain, policy.baseline, configured(policy)
    learnt = next((line["time"] for line in lines if line["pspi_above_baseline"] is not None), None)
    if learnt is not None:
        baseline = f"This person's own neutral face was learnt by {clock(learnt)} and taken away from then on."
    elif rest.learn:
        baseline = (
            f"No baseline was learnt: that takes {rest.learn_s:g} quiet seconds. The scores are of the face as seen, "
            "and a low brow or deep-set eyes read as action units too."
        )
    else:
        baseline = "No baseline: learning is switched off in the configuration."
    return (
        "<section><h2>How the alarm decides</h2>"
        f"<p>The alarm is raised when PSPI is {limits.pain:g} or more for {pain.on_delay_s:g} s, and ends when it "
        f"is below {limits.pain - pain.hysteresis:g} for {pain.off_delay_s:g} s; from {limits.severe:g} on the pain is "
        "severe, which is an alarm of its own. Time in which the face could not be read counts neither way. "
        f"A smile (AU12 of {pain.smile_au12:g} or more with AU4 "
        f"below {pain.smile_au4:g}), talk, a yawn or sleep explains the action units that it moves; what it leaves "
        f"unexplained, the brow (AU4) above all, still counts. {baseline}</p></section>" + page.caveat()
    )


def _hover(axis: Axis, lines: Sequence[ClipLine]) -> dict[str, object]:
    """What the page's script needs: the axis, and for at most `MAX_POINTS` moments their figures in words."""
    step = max(1, -(-len(lines) // MAX_POINTS))
    rows = [[line["time"], _in_words(line)] for line in lines[::step]]
    return {"start": axis.start, "end": axis.end, "left": LEFT, "right": RIGHT, "rows": rows}


def _in_words(line: ClipLine) -> str:
    moment = f"{line['time']:.2f} s: "
    if line["pspi"] is None:
        return moment + f"not scored ({', '.join(page.words(reason)[0] for reason in line['reasons'])})"
    units = ", ".join(f"{name} {page.unit(line, name) or 0.0:.1f}" for name in page.SHOWN_UNITS)
    error, above = line["pspi_error"], line["pspi_above_baseline"]
    score = f"PSPI {line['pspi']:.1f}{'' if error is None else f' ± {error:.1f}'}"
    return f"{moment}{score}{'' if above is None else f' ({above:.1f} above baseline)'} · {units}"


def _pspi(line: Line) -> float:
    return line["pspi"] or 0.0
