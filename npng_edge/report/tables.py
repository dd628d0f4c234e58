"""The figures of a stay as columns, for statistics programs: CSV, and Parquet where pyarrow is installed.

Unknown is an empty cell, never 0. Times are UTC; durations are seconds unless the column says otherwise.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from npng_edge.policy.stays.effect import AFTER_MIN, effects
from npng_edge.policy.stays.stay import doses, ratings
from npng_edge.units import LookAlike, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.stays.figures import Summary
    from npng_edge.policy.stays.stay import Stay

Value: TypeAlias = "str | float | int | datetime | None"
Kind: TypeAlias = "type[str | float | int | datetime]"

_SIGNS = ("heart_rate", "respiratory_rate", "spo2")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be computed by a spreadsheet."""


class ParquetMissingError(Exception):
    """Parquet was asked for, and pyarrow is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow: pip install 'npng-edge[parquet]', or ask for CSV only.")


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of one kind each, and rows."""

    name: str
    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[Value]]


def write_tables(stay: Stay, folder: Path, *, parquet: bool = False) -> list[Path]:
    """Write hours, minutes, episodes, ratings, doses and audit into a folder that exists.

    Returns:
        The files written.

    Raises:
        ParquetMissingError: pyarrow is not installed; nothing is written.
        OSError: A file cannot be written.
    """
    if parquet:
        _pyarrow("pyarrow")
    written = []
    for table in tables(stay):
        written.append(_write_csv(table, folder))
        if parquet:
            written.append(_write_parquet(table, folder))
    return written


def tables(stay: Stay) -> list[Table]:
    """The tables of a stay. Columns are the same for all stays."""
    return [_hours(stay), _minutes(stay), _episodes(stay), _ratings(stay), _doses(stay), _audit(stay)]


def _hours(stay: Stay) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("begin", datetime),
        ("end", datetime),
        ("watched_s", float),
        ("scored_s", float),
        ("above_baseline_s", float),
        ("unread_s", float),
        *((f"unscored_{_name(reason)}_s", float) for reason in Reason),
        *((f"look_alike_{_name(alike)}_s", float) for alike in LookAlike),
        ("pain_s", float),
        ("severe_s", float),
        ("threshold_pspi", float),
        ("mean_pspi", float),
        ("median_pspi", float),
        ("p95_pspi", float),
        ("median_vas_estimate", float),
        ("pain_alarms", int),
        ("other_alarms", int),
        ("worst_news2", int),
        ("ratings", int),
        ("doses", int),
    ]
    return Table("hours", columns, [_hour(hour) for hour in stay.hours])


def _hour(hour: Summary) -> list[Value]:
    return [
        _time(hour.begin_utc),
        _time(hour.end_utc),
        hour.seconds,
        hour.scored_s,
        hour.compared_s,
        hour.unread_s,
        *(hour.unscored_s.get(reason.value, 0.0) for reason in Reason),
        *(hour.look_alike_s.get(alike.value, 0.0) for alike in LookAlike),
        hour.pain_s,
        hour.severe_s,
        hour.threshold,
        hour.mean_pspi,
        hour.median_pspi,
        hour.p95_pspi,
        hour.median_vas,
        hour.pain_alarms,
        sum(hour.alarms.values()) - hour.pain_alarms,
        hour.worst_news2,
        len(hour.ratings),
        len(hour.doses),
    ]


def _minutes(stay: Stay) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("begin", datetime),
        ("mean_pspi", float),
        ("above_baseline_s", float),
        ("pain_s", float),
    ]
    minutes = sorted(minute for hour in stay.hours for minute in hour.minutes)
    return Table("minutes", columns, [(_time(one.utc), one.mean, one.scored_s, one.pain_s) for one in minutes])


def _episodes(stay: Stay) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("id", str),
        ("onset", datetime),
        ("raised", datetime),
        ("peak", datetime),
        ("end", datetime),
        ("closing", str),
        ("continues", str),
        ("duration_s", float),
        ("seen_s", float),
        ("above_baseline", int),
        ("peak_pspi", float),
        ("mean_pspi", float),
        ("trigger", str),
        ("trigger_region", str),
        ("trigger_confidence", float),
        ("most_people", int),
        ("attended_s", float),
        *((f"{sign}_{when}", float) for sign in _SIGNS for when in ("before", "during", "extreme")),
        ("doses", int),
    ]
    return Table("episodes", columns, [_episode(one) for one in stay.episodes])


def _episode(one: Episode) -> list[Value]:
    changes = {change.sign: change for change in one.vitals}
    signs = [changes.get(sign) for sign in _SIGNS]
    return [
        one.id,
        _time(one.onset_utc),
        _time(one.raised_utc),
        None if one.peak_utc is None else _time(one.peak_utc),
        _time(one.end_utc),
        one.closing.value,
        one.continues,
        one.duration_s,
        one.seen_s,
        int(one.above_baseline),
        one.peak_pspi,
        one.mean_pspi,
        None if one.trigger.kind is None else one.trigger.kind.value,
        one.trigger.region,
        one.trigger.confidence,
        one.most_people,
        one.attended_s,
        *(value for sign in signs for value in ((sign.before, sign.during, sign.extreme) if sign else (None,) * 3)),
        len(one.responses),
    ]


def _ratings(stay: Stay) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("time", datetime),
        ("vas", float),
        ("rater", str),
        ("who", str),
        ("pspi", float),
        ("pspi_spread", float),
        ("scores", int),
    ]
    rows = [(_time(one.utc), one.vas, one.rater, one.who, one.pspi, one.spread, one.samples) for one in ratings(stay)]
    return Table("ratings", columns, rows)


def _doses(stay: Stay) -> Table:
    windows = ("before_60", *(f"after_{minutes}" for minutes in AFTER_MIN))
    columns: list[tuple[str, Kind]] = [
        ("time", datetime),
        ("drug", str),
        ("mg", float),
        ("state", str),
        ("bolus_id", str),
        ("other_doses", int),
        *(
            (f"{window}_{figure}", float)
            for window in windows
            for figure in ("scored_s", "mean_pspi", "pain_min_per_h")
        ),
    ]
    minutes = sorted(minute for hour in stay.hours for minute in hour.minutes)
    rows = [
        [
            _time(one.dose.utc),
            one.dose.drug,
            one.dose.mg,
            one.dose.state,
            one.dose.bolus_id,
            one.other_doses,
            *(
                value
                for window in (one.before, *one.after)
                for value in (window.scored_s, window.mean_pspi, window.pain_min_per_h)
            ),
        ]
        for one in effects(minutes, doses(stay))
    ]
    return Table("doses", columns, rows)


def _audit(stay: Stay) -> Table:
    columns: list[tuple[str, Kind]] = [
        ("time", datetime),
        *((name, str) for name in ("request", "who", "why", "outcome", "reason", "detail")),
    ]
    rows = [(_time(one.utc), one.name, one.who, one.why, one.outcome, one.reason, one.detail) for one in stay.audit]
    return Table("audit", columns, rows)


def _write_csv(table: Table, folder: Path) -> Path:
    path = folder / f"{table.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(name for name, _ in table.columns)
        writer.writerows([_cell(value) for value in row] for row in table.rows)
    return path


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int) else text


def _write_parquet(table: Table, folder: Path) -> Path:
    pa = _pyarrow("pyarrow")
    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), datetime: pa.timestamp("ms", tz="UTC")}
    schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns])
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    path = folder / f"{table.name}.parquet"
    _pyarrow("pyarrow.parquet").write_table(pa.table([list(column) for column in columns], schema=schema), path)
    return path


def _pyarrow(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ParquetMissingError from error


def _time(utc: float) -> datetime:
    return datetime.fromtimestamp(utc, timezone.utc)


def _name(member: Reason | LookAlike) -> str:
    return str(member.value).replace("-", "_")
