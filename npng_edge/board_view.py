"""How the board looks: a panel for each bed, or a row where there are too many, and the log below."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from npng_edge.board_model import CURVE_S, raised, score, status, urgency
from npng_edge.units import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from npng_edge.board_model import Bed, Board, Event, Point
    from npng_edge.publish.messages import AlarmPart, Pain

UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU12")
COLOURS = {"high": "red", "medium": "yellow", "low": "cyan"}
"""Of the alarm priorities, as on patient monitors."""
MARKS = {"high": "!!!", "medium": "!!", "low": "!"}
"""The same without colour."""
STATES = {"online": "green", "stopped": "bright_black", "offline": "red", "lost": "red", "unknown": "yellow"}
PSPI_TOP = 12.0
"""Scores above are drawn as high as this: almost all pain lies below."""
CURVE_ROWS = 6
PANEL_ROWS = CURVE_ROWS + 5
LOG_ROWS = 8
HOLD_S = 1.3
"""A score is drawn until the next one, expected a second later."""
BLOCKS = " ▁▂▃▄▅▆▇█"


def draw(board: Board, now: float, broker: str, height: int) -> RenderableType:
    """The whole board.

    Args:
        board: What is known.
        now: Seconds on the monotonic clock.
        broker: Its address, for the head line.
        height: Lines of the terminal.
    """
    beds = sorted(board.beds.values(), key=lambda bed: bed.name)
    room = height - LOG_ROWS - 3
    parts: list[RenderableType] = [_head(board, beds, broker)]
    if not beds:
        parts.append(Panel(Text("No bed has said anything yet.", style="bright_black"), border_style="bright_black"))
    elif len(beds) * PANEL_ROWS <= room:
        parts += [_panel(bed, now) for bed in beds]
    else:
        fit = max(1, room - 4)
        shown = (
            beds
            if len(beds) <= fit
            else sorted(beds, key=lambda bed: (urgency(bed), score(bed, now) is not None))[:fit]
        )
        parts.append(_rows(shown, now, len(beds)))
    parts.append(_log(board))
    return Group(*parts)


def event_words(event: Event) -> str:
    """One line for one event: when, where, what."""
    head = f"{_local(event.at)} {printable(event.bed)}"
    if event.alarm is None:
        return f"{head} is {event.state}"
    part, phase = event.alarm.alarm, event.alarm.phase
    verb = {Phase.START: "ALARM", Phase.UPDATE: "still", Phase.END: "ended"}[phase]
    return f"{head} {verb} {MARKS[part.priority.value]} {printable(part.condition)}: {printable(part.cause)}"


def score_words(bed: Bed, now: float) -> str:
    """One line for the present score of a bed."""
    pain, state = score(bed, now), status(bed, now)
    alarms = ", ".join(printable(part.condition) for part in bed.alarms)
    tail = f"; alarms: {alarms}" if alarms else ""
    head = f"{_local(datetime.now(timezone.utc))} {printable(bed.name)}"
    if pain is None or pain.pspi is None:
        return f"{head} PSPI unknown ({_why(pain, state)}){tail}"
    above = "" if pain.pspi_above_baseline is None else f", {pain.pspi_above_baseline:.1f} above baseline"
    return f"{head} PSPI {pain.pspi:.1f}{above}{_alike(pain)}{tail}"


def printable(text: str) -> str:
    """The text without anything that could steer the terminal: it comes from the network."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class Curve:
    """PSPI over the last minute, as wide as there is room; unknown is a dot on the ground, never a low score."""

    def __init__(self, bed: Bed, now: float, rows: int) -> None:
        self._bed, self._now, self._rows = bed, now, rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw into the width given."""
        columns = _columns(self._bed, self._now, options.max_width)
        for row in range(self._rows, 0, -1):
            line = Text()
            for point in columns:
                if point is None or point.pspi is None:
                    line.append("·" if point is not None and row == 1 else " ", "magenta")
                else:
                    eighths = round(min(point.pspi, PSPI_TOP) / PSPI_TOP * self._rows * 8) - (row - 1) * 8
                    # A score of 0 is a thin line: it was seen, and it was 0.
                    block = BLOCKS[max(1 if row == 1 else 0, min(8, eighths))]
                    line.append(block, "bold yellow" if point.raised else "blue")
            yield line


def _columns(bed: Bed, now: float, width: int) -> list[Point | None]:
    """What was heard in each column's time, the newest at the right; the highest score where there are several."""
    step = CURVE_S / width
    columns: list[Point | None] = [None] * width
    for point in bed.curve:
        first = width - 1 - int((now - point.heard) / step)
        # A score holds until the next one comes; after that nothing is known.
        for place in range(max(0, first), min(width, first + int(HOLD_S / step) + 1)):
            known = columns[place]
            if place > first or known is None or (known.pspi or 0.0) < (point.pspi or 0.0):
                columns[place] = point
    return columns


def _head(board: Board, beds: Sequence[Bed], broker: str) -> Text:
    colour = "green" if board.connection == "connected" else "red"
    head = Text.assemble(
        (" npng-edge watch ", "reverse bold"),
        f"  broker {printable(broker)} ",
        (f"● {board.connection}", colour),
        f"   {len(beds)} bed{'' if len(beds) == 1 else 's'}",
        no_wrap=True,
        overflow="ellipsis",
    )
    present = [part.condition for bed in beds for part in bed.alarms]
    if present:
        head.append(f"   {len(present)} alarm{'' if len(present) == 1 else 's'} present", "bold yellow")
    if board.bad:
        head.append(
            f"   {board.bad} bad message{'' if board.bad == 1 else 's'}, last {printable(board.bad_last)}", "red"
        )
    return head


def _panel(bed: Bed, now: float) -> Panel:
    state = status(bed, now)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(width=28)
    grid.add_column(ratio=1)
    grid.add_column(width=23)
    grid.add_row(_figures(bed, now, state), Curve(bed, now, CURVE_ROWS), _bars(score(bed, now)))
    urgent = COLOURS[bed.alarms[0].priority.value] if bed.alarms else "bright_black"
    title = Text.assemble((f" {printable(bed.name)} ", "bold"), (f"● {state} ", STATES[state]))
    lines = [_alarm(part) for part in bed.alarms[:3]] or [Text("no alarm", style="bright_black")]
    return Panel(Group(grid, *lines), title=title, title_align="left", border_style=urgent)


def _figures(bed: Bed, now: float, state: str) -> Group:
    pain = score(bed, now)
    if pain is None or pain.pspi is None:
        lines = [Text("PSPI unknown", style="bold"), Text(_why(pain, state), style="magenta")]
    else:
        above = (
            "no baseline yet" if pain.pspi_above_baseline is None else f"{pain.pspi_above_baseline:.1f} above baseline"
        )
        lines = [
            Text(f"PSPI {pain.pspi:.1f}", style="bold yellow" if raised(pain) else "bold"),
            Text(f"{above}{_alike(pain)}"),
        ]
    if pain is not None:
        quality = "-" if pain.quality is None else f"{pain.quality:.0%}"
        lines.append(Text(f"alarm from {pain.threshold:g}", style="bright_black"))
        lines.append(Text(f"view {quality}, {pain.people} in view", style="bright_black"))
        lines.append(_probability(pain))
    return Group(*lines)


def _probability(pain: Pain) -> Text:
    known = pain.pain_probability
    return Text("" if known is None else f"pain probability {known:.0%}", style="bright_black")


def _bars(pain: Pain | None) -> Group:
    units = None if pain is None else pain.action_units
    lines = []
    for name in UNITS:
        value = None if units is None else units.get(name)
        if value is None:
            lines.append(Text(f"{name:<5}" + "-", style="bright_black"))
            continue
        eighths = round(value / 5.0 * 12 * 8)
        bar = "█" * (eighths // 8) + "▏▎▍▌▋▊▉"[eighths % 8 - 1] * (eighths % 8 > 0)
        lines.append(Text.assemble(f"{name:<5}", (f"{bar:<13}", "blue"), f"{value:.1f}"))
    return Group(*lines)


def _rows(beds: Sequence[Bed], now: float, total: int) -> Table:
    table = Table(expand=True, border_style="bright_black", header_style="bright_black", pad_edge=False)
    wards = {bed.name.rpartition("/")[0] for bed in beds}
    ward = f"{wards.pop()}/" if len(wards) == 1 else ""
    heads = (("bed", None), ("state", None), ("PSPI", None), ("last minute", 3), ("why unknown", 3), ("alarms", 3))
    for name, ratio in heads:
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for bed in beds:
        pain, state = score(bed, now), status(bed, now)
        known = pain is not None and pain.pspi is not None
        alarms = Text(", ").join(_short(part) for part in bed.alarms)
        table.add_row(
            Text(printable(bed.name.removeprefix(ward))),
            Text(state, style=STATES[state]),
            f"{pain.pspi:.1f}" if pain is not None and pain.pspi is not None else "-",
            Curve(bed, now, 1),
            Text("" if known else _why(pain, state), style="magenta"),
            alarms,
        )
    if len(beds) < total:
        table.caption = f"the most urgent; and {total - len(beds)} more: name a bed, or make the window higher"
    return table


def _why(pain: Pain | None, state: str) -> str:
    """Why there is no score, in words."""
    if pain is None:
        return {"online": "no score arrives", "unknown": "no score arrives", "lost": "nothing is heard"}.get(
            state, state
        )
    reasons = ", ".join(reason.value for reason in pain.reasons)
    return f"cannot see: {reasons}" if reasons else "not scored"


def _alike(pain: Pain) -> str:
    return "" if pain.look_alike is None else f", {printable(pain.look_alike)}"


def _alarm(part: AlarmPart) -> Text:
    lasts = max(0, int((datetime.now(timezone.utc) - part.since).total_seconds()))
    return Text.assemble(
        _short(part),
        f"  since {_local(part.since)} ({lasts // 60}:{lasts % 60:02d})  {printable(part.cause)} ",
        (printable(part.action), "italic"),
        no_wrap=True,
        overflow="ellipsis",
    )


def _short(part: AlarmPart) -> Text:
    colour = COLOURS[part.priority.value]
    presence = "" if part.presence.value == "on" else f" {part.presence.value}"
    return Text(
        f" {MARKS[part.priority.value]} {printable(part.condition)}{presence} ", style=f"bold black on {colour}"
    )


def _log(board: Board) -> Panel:
    newest = board.events[-(LOG_ROWS - 2) :][::-1]
    lines = [Text(event_words(event), no_wrap=True, overflow="ellipsis", style=_event_style(event)) for event in newest]
    lines += [Text("")] * (LOG_ROWS - 2 - len(lines))
    return Panel(Group(*lines), title="log, newest first", title_align="left", border_style="bright_black")


def _event_style(event: Event) -> str:
    if event.alarm is None:
        return STATES.get(event.state or "", "")
    return COLOURS[event.alarm.alarm.priority.value] if event.alarm.phase is Phase.START else ""


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
