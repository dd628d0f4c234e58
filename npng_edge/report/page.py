"""What the reports of clips and of stills share: the page around them, and how things are called and coloured."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from npng_edge.lines import Line

SHOWN_UNITS = {
    "AU4": "brows lowered",
    "AU6": "cheeks raised",
    "AU7": "lids tightened",
    "AU9": "nose wrinkled",
    "AU10": "upper lip raised",
    "AU43": "eyes closed",
    "AU12": "lip corners pulled",
}
"""The units of PSPI, then the smile's."""

REASONS = {
    "no-face": ("no face", "noface"),
    "occluded": ("covered", "hidden"),
    "out-of-frame": ("cut off by the edge", "hidden"),
    "turned-away": ("turned away", "turned"),
    "too-small": ("too small", "picture"),
    "blurred": ("blurred", "picture"),
    "dark": ("too dark", "picture"),
    "overexposed": ("too bright", "picture"),
    "model-failed": ("model failed", "failed"),
    "no-patient": ("no patient assigned", "noface"),
    "warming-up": ("warming up", "picture"),
}
"""In words and as a colour: nobody there, something before it, head, picture, machine."""

LOOK_ALIKES = {"smile": "a smile", "talk": "talk", "yawn": "a yawn", "sleep": "sleep"}
"""What a score is put down to, in words."""


@dataclass(frozen=True, slots=True)
class About:
    """What every report says of its making."""

    made: datetime
    software: str
    """Name and version."""
    models: Mapping[str, str]
    """SHA-256 of each model used, by name."""


def render(title: str, parts: Sequence[str], about: About, data: object, style: str = "") -> str:
    """The whole page. `parts` are HTML; `data` is what the page's script reads; `style` joins the style sheet."""
    template = Template(resources.files("npng_edge.report").joinpath("page.html.template").read_text(encoding="utf-8"))
    models = ", ".join(f"{escape(name)} <code>{escape(digest[:12])}</code>" for name, digest in about.models.items())
    made = f"Made {about.made:%Y-%m-%d %H:%M} UTC by {escape(about.software)}, on this computer alone."
    return template.substitute(
        title=escape(title),
        style=style,
        body="\n".join(part for part in parts if part),
        footer=f"{made} Models: {models}." if models else made,
        # A closing tag inside the data would end the script element.
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    )


def privacy(*, pictures: bool) -> str:
    """Whether somebody can be recognised in the file."""
    if pictures:
        return "<strong>This file contains pictures of the people in it: handle it as patient data.</strong>"
    return "This file contains no pictures."


def problem(text: str | None) -> str:
    """What went wrong, for people; nothing when nothing did."""
    return f'<p class="problem"><strong>Incomplete.</strong> {escape(text)}</p>' if text else ""


def tiles(pairs: Sequence[tuple[str, str]]) -> str:
    """Figures at a glance: name and HTML value."""
    return (
        '<dl class="tiles">' + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs) + "</dl>"
    )


def image(jpeg: bytes, alt: str) -> str:
    """A picture that travels inside the page."""
    return f'<img alt="{escape(alt)}" loading="lazy" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What the colours mean: style class and words."""
    items = "".join(f'<li><i class="{style}"></i>{words}</li>' for style, words in dict.fromkeys(entries))
    return f'<ul class="keys">{items}</ul>'


def state_of(line: Line) -> str:
    """`scored`, or the first reason why not."""
    if line["pspi"] is not None:
        return "scored"
    return line["reasons"][0] if line["reasons"] else "unknown"


def words(state: str) -> tuple[str, str]:
    """A state in words, and its colour."""
    return REASONS.get(state, (state, "scored" if state == "scored" else "failed"))


def unit(line: Line, name: str) -> float | None:
    """An action unit's intensity; for AU43 the closure 0..1 of the less closed eye."""
    if name == "AU43":
        eyes = line["eyes_closed"]
        return None if eyes is None else min(eyes["left"], eyes["right"])
    return None if line["au"] is None else line["au"].get(name)


def caveat() -> str:
    """What a report of this kind cannot say."""
    return (
        '<section><h2>What this is not</h2><p class="soft">PSPI (Prkachin and Solomon 2008) describes what a face '
        "does, not what a person feels: some people show little of their pain, and effort, disgust or crying look "
        "like it. This report supports an assessment and replaces none.</p></section>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str | tuple[str, str]]]) -> str:
    """A table of HTML cells; a pair is a cell and its style class. A head that ends with `>` is right-aligned."""
    styles = ["figure" if head.endswith(">") else "" for head in heads]
    names = "".join(f"<th{_style(style)}>{head.rstrip('>')}</th>" for head, style in zip(heads, styles, strict=True))
    body = []
    for row in rows:
        cells = (
            (cell, style) if isinstance(cell, str) else (cell[0], f"{style} {cell[1]}".strip())
            for cell, style in zip(row, styles, strict=True)
        )
        body.append("<tr>" + "".join(f"<td{_style(style)}>{cell}</td>" for cell, style in cells) + "</tr>")
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _style(style: str) -> str:
    return f' class="{style}"' if style else ""


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, in typographer's dashes."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
