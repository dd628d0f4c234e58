"""A plot of anything against anything: a frame with grid lines, figures and curves, as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Plot:
    """Where figures lie on a drawing of `width` by `height`; the lower edge is 0, the upper `top`."""

    begin: float
    """Figure at the left edge."""
    end: float
    top: float
    width: float
    height: float
    left: float = 40.0
    right: float = 10.0
    head: float = 12.0
    foot: float = 28.0

    def x(self, value: float) -> float:
        """Across."""
        return self.left + (value - self.begin) / (self.end - self.begin) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Down; a figure beyond an edge lies on it."""
        low = self.height - self.foot
        return low - min(max(value, 0.0), self.top) / self.top * (low - self.head)

    def grid(self, ticks: Iterable[float]) -> str:
        """Lines across, with their figures."""
        return "".join(
            f'<path class="grid" d="M{self.left:.1f} {self.y(tick):.1f}H{self.width - self.right:.1f}"/>'
            f'<text class="scale" x="{self.left - 7:.1f}" y="{self.y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
            for tick in ticks
        )

    def names(self, ticks: Iterable[tuple[float, str]]) -> str:
        """Figures under the lower edge."""
        y = self.height - self.foot + 17
        return "".join(
            f'<text class="scale" x="{self.x(value):.1f}" y="{y:.1f}" text-anchor="middle">{escape(name)}</text>'
            for value, name in ticks
        )

    def curve(self, points: Sequence[tuple[float, float]], style: str, gap: float) -> str:
        """A line through points, broken where two are farther apart than `gap`."""
        path, last = [], None
        for value, height in points:
            pen = "L" if last is not None and value - last <= gap else "M"
            path.append(f"{pen}{self.x(value):.1f} {self.y(height):.1f}")
            last = value
        return f'<path class="curve {style}" d="{"".join(path)}"/>'

    def svg(self, parts: Iterable[str], title: str) -> str:
        """The whole drawing; `title` is said by screen readers."""
        return (
            f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" aria-label="{escape(title)}">'
            f"{''.join(parts)}</svg>"
        )


def rating(x: float, y: float, rater: str, title: str = "") -> str:
    """The mark of a rating: a disc for the patient's own, a lozenge for one by staff."""
    words = f"<title>{escape(title)}</title>" if title else ""
    if rater == "patient":
        return f'<circle class="rating" cx="{x:.1f}" cy="{y:.1f}" r="4.2">{words}</circle>'
    return f'<path class="rating staff" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z">{words}</path>'


def ceiling(value: float, least: float) -> float:
    """An even figure above a value, for the upper edge."""
    return max(least, 2.0 * (value // 2.0 + 1))
