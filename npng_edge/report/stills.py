"""The report of a folder of stills: a gallery, the highest PSPI first."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from npng_edge.policy.rating.threshold import configured
from npng_edge.report import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from npng_edge.lines import StillLine
    from npng_edge.report.page import About
    from npng_edge.settings import Policy


@dataclass(frozen=True, slots=True)
class Still:
    """One analysed still."""

    line: StillLine
    jpeg: bytes | None
    """None when pictures were not wanted."""


def stills_report(name: str, stills: Sequence[Still], problems: Sequence[str], policy: Policy, about: About) -> str:
    """The report of a folder of stills: a gallery, the highest PSPI first, those not scored last."""
    ranked = sorted(stills, key=lambda still: -1.0 if still.line["pspi"] is None else still.line["pspi"], reverse=True)
    scores = sorted(still.line["pspi"] for still in stills if still.line["pspi"] is not None)
    limit = configured(policy).pain
    tiles = [("stills", str(len(stills)))]
    if stills:
        tiles.append(("scored", f"{len(scores)} <small>{len(scores) / len(stills):.0%}</small>"))
    if scores:
        tiles += [
            ("median PSPI", f"{scores[len(scores) // 2]:.1f}"),
            ("highest PSPI", f"{scores[-1]:.1f}"),
            (f"at {limit:g} or more", str(sum(score >= limit for score in scores))),
        ]
    pictures = any(still.jpeg for still in stills)
    parts = [
        f"<h1>Pain-related facial movement in the stills of {escape(name)}</h1>",
        '<p class="soft">Each still is a person of its own: no tracking, no baseline, no alarms. '
        f"{page.privacy(pictures=pictures)}</p>",
        *(page.problem(problem) for problem in problems),
        page.tiles(tiles),
        "<section><h2>Highest PSPI first</h2>"
        '<p class="soft small">Without the person\'s own neutral face to compare with, a low brow or deep-set eyes '
        "read as action units too: compare stills of one person rather than people.</p>"
        f'<div class="stills">{"".join(_still(still) for still in ranked)}</div></section>',
        page.caveat(),
    ]
    return page.render(f"npng-edge: {name}", parts, about, {"rows": []})


def _still(still: Still) -> str:
    line = still.line
    image = page.image(still.jpeg, "") if still.jpeg else ""
    units = {name: page.unit(line, name) for name in page.SHOWN_UNITS}
    if line["pspi"] is None:
        detail = f'<div class="soft">Not scored: {", ".join(page.words(reason)[0] for reason in line["reasons"])}</div>'
        score = "unknown"
    else:
        score = f"PSPI {line['pspi']:.1f}"
        detail = '<div class="bars">' + "".join(_bar(name, value) for name, value in units.items()) + "</div>"
    name = f'<div class="name">{escape(line["file"])}</div>'
    return f'<figure class="still">{image}<figcaption><strong>{score}</strong>{name}{detail}</figcaption></figure>'


def _bar(name: str, value: float | None) -> str:
    share = 0.0 if value is None else min(1.0, value / (1.0 if name == "AU43" else 5.0))
    figure = "" if value is None else f"{value:.1f}"
    title = page.SHOWN_UNITS[name]
    return f'<span title="{title}">{name}</span><i><i style="width:{share:.0%}"></i></i><span>{figure}</span>'
