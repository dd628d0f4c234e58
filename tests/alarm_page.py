"""The tables of docs/alarms.md, from the table in code. `python tests/alarm_page.py` writes them into the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from npng_edge.policy.alarm.conditions import CONDITIONS
from npng_edge.settings import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npng_edge.policy.alarm.condition import Condition

PAGE = Path(__file__).parent.parent / "docs" / "alarms.md"
BEGIN, END = "<!-- the table in code begins -->", "<!-- the table in code ends -->"


def tables(settings: Policy) -> str:
    """Three tables in Markdown: when, how, and what to do."""
    rows = CONDITIONS.values()
    when = [
        (f"`{row.name}`", row.when, f"{row.on_delay(settings):g} s", f"{row.off_delay(settings):g} s") for row in rows
    ]
    how = [
        (
            f"`{row.name}`",
            row.kind.value,
            row.priority.value,
            _escalation(row),
            f"{row.remind_s:g} s",
            f"{row.acknowledged_s(settings):g} s" if row.acknowledgeable else "no",
            _yes(row.pausable),
            _yes(row.latching),
            _yes(row.blinding),
        )
        for row in rows
    ]
    what = [(f"`{row.name}`", row.why, row.action, row.action_ko) for row in rows]
    return "\n\n".join(
        (
            _table(("condition", "evidence", "on after", "off after"), when),
            _table(
                (
                    "condition",
                    "kind",
                    "priority",
                    "escalates",
                    "reminds every",
                    "acknowledged for",
                    "pausable",
                    "latches",
                    "blind",
                ),
                how,
            ),
            _table(("condition", "why this priority", "what staff do", "in Korean"), what),
        )
    )


def written() -> str:
    """What the page shows."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()


def _escalation(row: Condition) -> str:
    return "" if row.escalation is None else f"{row.escalation.to.value} after {row.escalation.after_s:g} s"


def _yes(answer: object) -> str:
    return "yes" if answer else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables(Policy())}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
