"""Recorded events through the policy again: the same decisions, byte for byte, and a report of each stay."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import npng_edge
from npng_edge.policy import monitor
from npng_edge.policy.decisions import audit
from npng_edge.policy.rating.sensitivity import estimate
from npng_edge.policy.stays.compare import compare
from npng_edge.policy.stays.stay import Stay
from npng_edge.record.bundle import BundleError, open_bundle
from npng_edge.record.event_log import EventLogError, read_events, read_header
from npng_edge.record.keys import KeyFileError, read_key
from npng_edge.report.page import About
from npng_edge.report.stay import View, stay_report
from npng_edge.report.tables import ParquetMissingError, write_tables
from npng_edge.units import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from npng_edge.policy.decisions import Decisions
    from npng_edge.policy.events import Event
    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.state import State
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.policy.stays.stay import Audit
    from npng_edge.policy.stays.summary import HourSummary
    from npng_edge.settings import Policy
    from npng_edge.units import Moment, Transition

ALARMS, REPORT = "alarms.jsonl", "report.html"


class ReplayError(Exception):
    """Nothing could be replayed or reported; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay came to."""

    events: int
    alarms: int
    """Alarms raised."""
    alarm_log: Path
    reports: tuple[Path, ...]


@dataclass(slots=True)
class _Record:
    """What is gathered of one stay."""

    profile: Profile
    ended_utc: float | None = None
    hours: dict[float, HourSummary] = field(default_factory=dict)
    episodes: dict[str, Episode] = field(default_factory=dict)
    audit: list[Audit] = field(default_factory=list)

    def stay(self) -> Stay:
        return Stay(
            self.profile,
            self.ended_utc,
            tuple(self.hours.values()),
            tuple(self.episodes.values()),
            tuple(self.audit),
        )


class Stays:
    """Gathers the stays of a run from its decisions, as the device keeps them."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def see(self, before: State, after: State, decisions: Decisions, moment: Moment) -> None:
        """Take what followed from one event."""
        patient = before.patient or after.patient
        if patient is None:
            return
        record = self._records.setdefault(patient.profile.stay, _Record(patient.profile))
        if after.patient is not None:
            record.profile = after.patient.profile
        for hour in decisions.hours:
            record.hours[hour.begin_utc] = hour
        for episode in decisions.episodes:
            record.episodes[episode.id] = episode
        record.audit += [audit(outcome, moment.utc) for outcome in decisions.outcomes]
        if decisions.ended is not None:
            record.ended_utc = decisions.ended.utc

    def __iter__(self) -> Iterator[Stay]:
        """In the order in which they began."""
        return (record.stay() for record in self._records.values())


def run(
    events: Iterable[tuple[Moment, Event]], name: str, policy: Policy
) -> Iterator[tuple[State, State, Decisions, Moment]]:
    """Put events through the policy: state before and after each, and what was decided.

    Args:
        events: In their order.
        name: Of the run.
        policy: Settings.
    """
    state = monitor.begin(name)
    for moment, event in events:
        before = state
        state, decisions = monitor.step(state, event, moment, policy)
        yield before, state, decisions, moment


def replay(log: Path, output: Path, policy: Policy, *, bed: str, parquet: bool = False) -> Summary:
    """Replay an event log; write each transition to `alarms.jsonl`, and report and tables of each stay.

    Args:
        log: Of the newest part, `events.jsonl`; the parts before it are found beside it.
        output: Folder; each stay after the first gets a folder of its own in it.
        policy: Settings; those of the device, if its alarms are to come out.
        bed: facility/unit/bed, for the report.
        parquet: Whether the tables are written as Parquet too.

    Raises:
        ReplayError: The log cannot be read, or the results cannot be written.
    """
    count = alarms = 0
    stays = Stays()
    file = output / ALARMS
    try:
        output.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8") as lines:
            for before, after, decisions, moment in run(read_events(log), read_header(log).run, policy):
                count += 1
                stays.see(before, after, decisions, moment)
                for made in decisions.transitions:
                    alarms += made.change is Change.RAISED
                    lines.write(json.dumps(transition_line(made, moment), ensure_ascii=False) + "\n")
        reports = [
            _write(stay, None, output if number == 0 else output / f"stay-{number + 1}", policy, bed, parquet=parquet)
            for number, stay in enumerate(stays)
        ]
    except (EventLogError, ParquetMissingError) as error:
        raise ReplayError(str(error)) from None
    except OSError as error:
        raise ReplayError(f"{error.filename or output}: {error.strerror or error}") from None
    return Summary(count, alarms, file, tuple(reports))


def report_bundle(  # noqa: PLR0913 - the choices of one command
    bundle: Path, earlier: Path | None, key_file: Path, output: Path, policy: Policy, *, parquet: bool = False
) -> Path:
    """Write report and tables of a sealed stay.

    Args:
        bundle: The sealed stay.
        earlier: An earlier stay of the same patient, to be compared with; None: none.
        key_file: Of the hospital's key.
        output: Folder.
        policy: Settings.
        parquet: Whether the tables are written as Parquet too.

    Raises:
        ReplayError: Something cannot be read, opened or written.
    """
    try:
        key = read_key(key_file)
        opened = open_bundle(bundle.read_text(encoding="ascii"), key, utc=None)
        before = open_bundle(earlier.read_text(encoding="ascii"), key, utc=None).stay if earlier else None
        return _write(opened.stay, before, output, policy, opened.bed, parquet=parquet)
    except (KeyFileError, BundleError, ParquetMissingError) as error:
        raise ReplayError(str(error)) from None
    except UnicodeDecodeError:
        raise ReplayError(f"{bundle} is no sealed stay") from None
    except OSError as error:
        raise ReplayError(f"{error.filename or output}: {error.strerror or error}") from None


def transition_line(made: Transition, moment: Moment) -> dict[str, Any]:
    """One change of one alarm, as plain data; the same transition always gives the same text."""
    alarm = made.alarm
    return {
        "time": round(made.time, 3),
        "utc": round(moment.utc, 3),
        "phase": made.phase.value,
        "change": made.change.value,
        "alarm_id": alarm.id,
        "condition": alarm.condition,
        "kind": alarm.kind.value,
        "priority": alarm.priority.value,
        "presence": alarm.presence.value,
        "activation": alarm.activation.value,
        "since": round(alarm.since, 3),
        "until": None if alarm.until is None else round(alarm.until, 3),
        "by": alarm.by,
        "reminders": alarm.reminders,
        "cause": alarm.cause,
    }


def _write(  # noqa: PLR0913 - one stay and where it goes
    stay: Stay, earlier: Stay | None, folder: Path, policy: Policy, bed: str, *, parquet: bool
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_tables(stay, folder, parquet=parquet)
    file = folder / REPORT
    last = stay.ended_utc if stay.ended_utc is not None else max((hour.end_utc for hour in stay.hours), default=0.0)
    view = View(
        bed,
        estimate(stay.profile.ratings, policy.sensitivity, last),
        None if earlier is None else compare(stay, earlier, policy),
    )
    about = About(datetime.now(timezone.utc), f"npng-edge {npng_edge.__version__}", {})
    file.write_text(stay_report(stay, about, view), encoding="utf-8")
    return file
