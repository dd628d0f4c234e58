"""How the board looks: a panel for each bed, or a row where there are too many, and the log below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from npng_edge.station import words
from npng_edge.station.model import CURVE_S, fusion, raised, rank, score, status
from npng_edge.station.words import LEVELS, MARKS, NO_PATIENT, lasting, local, printable
from npng_edge.units import Activation, PainLevel, Phase, Presence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from npng_edge.publish.messages import AlarmPart, Pain
    from npng_edge.station.model import Bed, Board, Event, Point

UNITS = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU12")
COLOURS = {"high": "red", "medium": "yellow", "low": "cyan"}
"""Of the alarm priorities, as on patient monitors."""
LEVEL_STYLES = {
    None: "magenta",
    PainLevel.NONE: "green",
    PainLevel.RAISED: "bold",
    PainLevel.PAIN: "bold yellow",
    PainLevel.SEVERE: "bold red",
}
STATES = {"online": "green", "stopped": "bright_black", "offline": "red", "lost": "red", "unknown": "yellow"}
PSPI_TOP = 12.0
"""Scores above are drawn as high as this: almost all pain lies below."""
CURVE_ROWS = 7
PANEL_ROWS = CURVE_ROWS + 5
"""Of a bed without its alarms: border, figures, priority, last episode, pauses."""
ALARM_ROWS = 2
MOST_ALARMS = 4
"""Shown in a panel; the border says how many more there are."""
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
    beds = sorted(board.beds.values(), key=lambda bed: rank(bed, now))
    room = height - LOG_ROWS - 2
    parts: list[RenderableType] = [_head(board, beds, broker)]
    if not beds:
        parts.append(Panel(Text("No bed has said anything yet.", style="bright_black"), border_style="bright_black"))
    elif room // len(beds) >= PANEL_ROWS + ALARM_ROWS:
        alarms = min(MOST_ALARMS, (room // len(beds) - PANEL_ROWS) // ALARM_ROWS)
        parts += [_panel(bed, now, alarms) for bed in beds]
    else:
        parts.append(_rows(beds[: max(1, room - 5)], now, len(beds)))
    parts.append(_log(board))
    return Group(*parts)


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


def _panel(bed: Bed, now: float, most: int) -> Panel:
    state = status(bed, now)
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(width=40)
    grid.add_column(ratio=1)
    grid.add_column(width=22)
    grid.add_row(_figures(bed, now, state), Curve(bed, now, CURVE_ROWS), _bars(score(bed, now)))
    title = Text.assemble((f"{printable(bed.name)} ", "bold"), (f"● {state} ", STATES[state]), _patient(bed))
    known, happened = fusion(bed, now), words.last_episode(bed)
    lines = [_line("no ward priority" if known is None else words.priority(known), "" if known else "bright_black")]
    if happened:
        lines.append(_line(happened))
    if bed.paused:
        pauses = ", ".join(f"{printable(name)} until {local(until)}" for name, until in bed.paused.items())
        lines.append(_line(f"paused: {pauses}", "bold cyan"))
    for part in bed.alarms[:most]:
        lines += [_alarm(part), _line(f"     {printable(part.action)}", "italic")]
    if not bed.alarms:
        lines.append(_line("no alarm", "bright_black"))
    more = len(bed.alarms) - most
    return Panel(
        Group(grid, *lines),
        title=title,
        title_align="left",
        subtitle=f" and {more} more alarm{'' if more == 1 else 's'} " if more > 0 else None,
        subtitle_align="left",
        border_style=COLOURS[bed.alarms[0].priority.value] if bed.alarms else "bright_black",
        # The same whatever is in it: nothing on the screen jumps when an alarm comes.
        height=PANEL_ROWS + ALARM_ROWS * most,
    )


def _patient(bed: Bed) -> Text:
    if bed.assigned is None:
        return Text("")
    return Text(f" {NO_PATIENT} ", "bold magenta") if bed.patient is None else Text(f" {printable(bed.patient)} ")


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _figures(bed: Bed, now: float, state: str) -> Group:
    """At the most `CURVE_ROWS` lines."""
    pain = score(bed, now)
    if pain is None or pain.pspi is None:
        nobody = bed.assigned is False and state in ("online", "unknown")
        lines = [_line("nothing is scored" if nobody else "PSPI unknown", "bold")]
        lines.append(_line(NO_PATIENT if nobody else words.why(pain, state), "magenta"))
    else:
        lines = _level(pain)
        lines.append(_line(words.figures(pain), "bold yellow" if raised(pain) else "bold"))
        lines += [_line(text) for text in (words.vas(pain), words.alike(pain)) if text]
    if pain is not None:
        quality = "-" if pain.quality is None else f"{pain.quality:.0%}"
        lines.append(_line(words.limits(pain), "bright_black"))
        likely = "" if pain.pain_probability is None else f", learnt model {pain.pain_probability:.0%}"
        lines.append(_line(f"view {quality}, {pain.people} in view{likely}", "bright_black"))
    return Group(*lines)


def _level(pain: Pain) -> list[Text]:
    if pain.level is None:
        return [_line("level unknown", LEVEL_STYLES[None])]
    since = "" if pain.level_since is None else f" for {lasting(pain.level_since)}"
    how = [] if pain.trend is None else [pain.trend.value]
    how += [] if pain.confidence is None else [f"confidence {pain.confidence:.0%}"]
    return [_line(f"{LEVELS[pain.level]}{since}", LEVEL_STYLES[pain.level]), _line(", ".join(how))]


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
    heads = (("bed", None), ("patient", 2), ("ward", None), ("level", 3), ("PSPI/limit", None))
    for name, ratio in (*heads, ("last minute", 2), ("alarms", 4)):
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for bed in beds:
        pain, state, known = score(bed, now), status(bed, now), fusion(bed, now)
        table.add_row(
            Text(printable(bed.name.removeprefix(ward)), style=STATES[state]),
            printable(bed.patient) if bed.patient else Text("none" if bed.assigned is False else "", style="magenta"),
            "-" if known is None else f"{known.priority}",
            _short_level(bed, pain, state),
            _against(pain),
            Curve(bed, now, 1),
            Text(" ").join(_short(part) for part in bed.alarms),
        )
    if len(beds) < total:
        table.caption = f"the most urgent; and {total - len(beds)} more: name a bed, or make the window higher"
    return table


def _short_level(bed: Bed, pain: Pain | None, state: str) -> Text:
    if bed.assigned is False and state in ("online", "unknown"):
        return Text(NO_PATIENT, style="magenta")
    if pain is None or pain.pspi is None or pain.level is None:
        return Text(words.why(pain, state), style="magenta")
    trend = "" if pain.trend is None else f", {pain.trend.value}"
    return Text(f"{LEVELS[pain.level]}{trend}", style=LEVEL_STYLES[pain.level])


def _against(pain: Pain | None) -> str:
    """The score that is judged, and from which one on this patient's pain alarms."""
    if pain is None or pain.pspi is None:
        return "-"
    judged = pain.pspi if pain.pspi_above_baseline is None else pain.pspi_above_baseline
    return f"{judged:.1f}/{pain.threshold:.1f}"


def _alarm(part: AlarmPart) -> Text:
    lasts = f"since {local(part.since)} ({lasting(part.since)})"
    said = f" {words.presence(part)}, {lasts}  {printable(part.cause)}"
    return Text.assemble(_short(part), said, no_wrap=True, overflow="ellipsis")


def _short(part: AlarmPart) -> Text:
    """Filled while it calls for somebody; only coloured, and in brackets, while it is acknowledged or paused."""
    colour, name = COLOURS[part.priority.value], f"{MARKS[part.priority.value]} {printable(part.condition)}"
    if part.presence is Presence.ACKNOWLEDGED or part.activation is Activation.PAUSED:
        return Text(f"({name})", style=f"bold {colour}")
    return Text(f" {name} ", style=f"bold black on {colour}")


def _log(board: Board) -> Panel:
    newest = board.events[-(LOG_ROWS - 2) :][::-1]
    lines = [_line(words.event_words(event), _event_style(event)) for event in newest]
    lines += [Text("")] * (LOG_ROWS - 2 - len(lines))
    return Panel(Group(*lines), title="log, newest first", title_align="left", border_style="bright_black")


def _event_style(event: Event) -> str:
    if event.alarm is None:
        return STATES.get(event.state or "", "")
    return COLOURS[event.alarm.alarm.priority.value] if event.alarm.phase is Phase.START else ""
