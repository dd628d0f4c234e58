from __future__ import annotations

import json
import math
import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npng_edge.policy.events import Arrived, Asked, Event, Fault, Left, Measured, Seen, Tick
from npng_edge.policy.stays.profile import Baseline, Dose, Profile
from npng_edge.record import event_log, event_rows
from npng_edge.record.event_log import EventLogError, EventWriter, Header, read_events, read_header
from npng_edge.requests import REQUESTS
from npng_edge.units import (
    ACTION_UNITS,
    MOTION_REGIONS,
    ActionUnits,
    Alarm,
    AlarmKind,
    BaselineOrigin,
    Box,
    EyeClosure,
    Face,
    Moment,
    Pose,
    Presence,
    Priority,
    Reading,
    Reason,
)
from npng_edge.vitals import Consciousness, Sedation, Vitals

if TYPE_CHECKING:
    from pathlib import Path

figures = st.floats(allow_nan=False)
fractions = st.floats(0, 1)
counts = st.integers(0, 10**6)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda text: text.strip())
times = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=9)), timezone(timedelta(hours=-3, minutes=-30))]),
)
moments = st.builds(Moment, figures, figures, st.sampled_from([True, False, None]))


def mappings(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, float]]:
    whole = st.tuples(*[figures] * len(names)).map(lambda values: dict(zip(names, values, strict=True)))
    return st.one_of(whole, st.dictionaries(st.sampled_from((*names, "AU99")), figures))


faces = st.builds(
    Face,
    st.builds(Box, figures, figures, figures, figures),
    st.builds(Pose, figures, figures, figures),
    fractions,
)
readings = st.builds(
    Reading,
    sequence=st.integers(0, 2**53),
    time=figures,
    people=counts,
    in_bed=counts,
    face=st.none() | faces,
    action_units=st.none()
    | st.builds(
        ActionUnits,
        mappings(ACTION_UNITS),
        st.builds(EyeClosure, fractions, fractions),
        st.none() | mappings(ACTION_UNITS),
    ),
    reasons=st.lists(st.sampled_from(Reason), max_size=3).map(tuple),
    pain_probability=st.none() | fractions,
    pain_temporal=st.none() | fractions,
    asymmetry=st.none() | fractions,
    weaker=st.none() | texts,
    motion=st.none() | mappings(MOTION_REGIONS),
)
vitals = st.builds(
    Vitals,
    id=texts,
    source=texts,
    at=times,
    heart_rate=st.none() | st.floats(15, 300),
    respiratory_rate=st.none() | st.floats(0, 100),
    spo2=st.none() | st.floats(40, 100),
    oxygen=st.none() | st.booleans(),
    systolic=st.none() | st.floats(251, 300),
    diastolic=st.none() | st.floats(10, 250),
    temperature=st.none() | st.floats(25, 45),
    consciousness=st.none() | st.sampled_from(Consciousness),
    sedation=st.none() | st.sampled_from(Sedation),
)
PARTICULARS: dict[str, dict[str, Any]] = {
    "assign": {"patient": "patient-1", "spo2_scale": 2, "clips": True},
    "discharge": {"patient": "patient-1"},
    "export": {"patient": "patient-1", "transfer": True},
    "import": {"bundle": "QUJD"},
    "baseline": {"action": "capture"},
    "rate": {"vas": 0.1 + 0.2, "rater": "patient", "at": "2026-01-02T03:04:05.678901Z"},
    "acknowledge": {"alarm_id": "run-1"},
    "pause": {"conditions": ["pain", "no-face"], "seconds": 60.5},
    "resume": {"conditions": ["pain"]},
    "threshold": {"vas": None},
    "override": {"pspi": 3.3, "until": "2026-01-02T03:04:05.678901+09:00"},
    "update": {"patient": "patient-1", "clips": False},
    "analgesic": {"drug": "모르핀", "dose_mg": 2.5, "at": "2026-01-02T03:04:05Z"},
    "order": {
        "patient": "patient-1",
        "drug": "morphine",
        "bolus_mg": 1,
        "lockout_s": 600,
        "limit_1h_mg": 5,
        "limit_4h_mg": 15,
        "until": "2026-01-02T03:04:05Z",
    },
    "stop-order": {"patient": "patient-1"},
    "bolus-answer": {"bolus_id": "b", "outcome": "refused", "delivered_mg": 0},
    "episode": {"episode_id": "run-e1"},
    "replay": {"run": "run", "first": 1, "last": 2},
    "self-test": {},
}


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    name = draw(st.sampled_from(sorted(PARTICULARS)))
    common = {"id": draw(texts), "who": draw(texts), "why": draw(st.none() | texts), "expires": draw(times)}
    return Asked(name, REQUESTS[name](**common, **PARTICULARS[name]))


profiles = st.builds(
    Profile,
    patient=texts,
    stay=texts,
    since_utc=figures,
    baseline=st.none()
    | st.builds(
        Baseline, mappings(ACTION_UNITS), st.sampled_from(BaselineOrigin), figures, counts, figures, st.none() | figures
    ),
    ledger=st.lists(
        st.builds(Dose, figures, figures, texts, figures, st.sampled_from(["asked", "given"]), st.none() | texts),
        max_size=2,
    ).map(tuple),
    ledger_elapsed=figures,
)
LATCHED = Alarm(
    "run-1", "pain-severe", AlarmKind.PHYSIOLOGICAL, Priority.HIGH, Presence.LATCHED, -3.25, "PSPI 8.1.", until=None
)
finite = profiles.filter(lambda one: "inf" not in repr(one))
events = st.one_of(
    st.builds(Seen, readings),
    st.builds(Measured, vitals),
    requests(),
    st.builds(Arrived, finite, st.lists(st.just(LATCHED), max_size=2).map(tuple)),
    st.builds(Left, st.lists(finite, max_size=2).map(tuple)),
    st.builds(Fault, texts, st.none() | texts),
    st.just(Tick()),
)


def reading(number: int) -> Reading:
    units = ActionUnits({name: i / 7 for i, name in enumerate(ACTION_UNITS)}, EyeClosure(0.1, 0.2))
    return Reading(number, number / 10, 1, None, units, (), 1)


def moment(number: float) -> Moment:
    return Moment(number, 1_700_000_000 + number, synchronised=True)


def write(path: Path, listed: list[tuple[Moment, Event]], *, run: str = "run", max_bytes: int = 2**20) -> None:
    writer = EventWriter(path, run=run, max_bytes=max_bytes)
    for at, event in listed:
        writer.write(at, event)
        writer.flush()
    assert writer.fault is None
    writer.close()


def test_every_request_is_among_the_examples() -> None:
    assert PARTICULARS.keys() == REQUESTS.keys()


@settings(max_examples=400, deadline=None)
@given(at=moments, event=events)
def test_every_event_comes_back_exactly(at: Moment, event: Event) -> None:
    line = event_rows.encode(at, event)
    assert line.count(b"\n") == 1
    assert event_rows.decode(line) == (at, event)
    assert event_rows.encode(*event_rows.decode(line)) == line
    json.loads(line)


def test_a_figure_that_is_none_is_kept_as_it_is() -> None:
    odd = Reading(1, math.nan, 0, None, None, (Reason.MODEL_FAILED,), pain_probability=math.inf)
    _, event = event_rows.decode(event_rows.encode(moment(0), Seen(odd)))
    assert isinstance(event, Seen)
    assert math.isnan(event.reading.time)
    assert event.reading.pain_probability == math.inf
    assert event.reading.asymmetry is None


def test_a_text_that_is_no_unicode_does_not_stop_the_log() -> None:
    _, event = event_rows.decode(event_rows.encode(moment(0), Fault("camera", "v4l2:/dev/\udc80")))
    assert event == Fault("camera", "v4l2:/dev/?")


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    listed: list[tuple[Moment, Event]] = [(moment(n), Seen(reading(n))) for n in range(300)]
    listed[7] = (moment(7), Fault("camera", "gone"))
    path = tmp_path / "made" / "events.jsonl"
    write(path, listed)
    assert list(read_events(path)) == listed
    assert read_header(path) == Header("run", 0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"a" not in path.read_bytes().splitlines()[1].replace(b"seen", b"").replace(b"true", b"")  # Numbers only.


def test_files_are_rotated_and_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events.jsonl"
    listed: list[tuple[Moment, Event]] = [(moment(n), Seen(reading(n))) for n in range(100)]
    write(path, listed[:50], run="first", max_bytes=4_000)
    assert list(read_events(path)) == listed[:50]
    assert not caplog.messages
    write(path, listed, run="second", max_bytes=4_000)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["events.jsonl", *(f"events.jsonl.{n}" for n in range(1, 8))]
    assert all(file.stat().st_size <= 4_000 for file in files)
    kept = list(read_events(path))
    assert kept == listed[100 - len(kept) :]
    assert 50 < len(kept) < 100
    assert "the beginning of this run is not kept any more" in caplog.text
    assert {read_header(file).run for file in files} == {"second"}
    assert len(list(read_events(tmp_path / "events.jsonl.3"))) < 20


def test_a_run_begins_a_new_file_and_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [(moment(1), Tick())], run="first")
    write(path, [(moment(2), Tick())], run="second")
    assert list(read_events(path)) == [(moment(2), Tick())]
    assert list(read_events(tmp_path / "events.jsonl.1")) == [(moment(1), Tick())]


def test_many_restarts_do_not_push_out_what_led_to_them(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for n in range(30):
        write(path, [(moment(n), Tick())], run=f"run-{n}", max_bytes=2_000)
    assert read_header(tmp_path / "events.jsonl.29") == Header("run-0", 0)
    for n in range(100):
        write(path, [(moment(n), Tick())], run=f"run-{n}", max_bytes=200_000)
    assert len(list(tmp_path.iterdir())) == 100


@pytest.mark.parametrize("tail", [b'["seen",1.0,17', b"\0\0\0", b'["tick",2'])
def test_a_line_cut_short_at_the_end_is_left_out(tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [(moment(1), Tick())])
    with path.open("ab") as file:
        file.write(tail)
    assert list(read_events(path)) == [(moment(1), Tick())]
    assert f"{path}:3: cut short" in caplog.text


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xfe\n",
        b"{}\n",
        b'["tick",1.0,2.0]\n',
        b'["tick","1.0",2.0,null]\n',
        b'["seen",1.0,2.0,true,[1,2]]\n',
        b'["seen",1.0,2.0,true,[1,1.0,1,1,null,[[1.0,2.0],0.0,0.0],[],null,null,null,null]]\n',
        b'["seen",1.0,2.0,true,[1,1.0,1,1,null,null,["no-such-reason"],null,null,null,null]]\n',
        b'["asked",1.0,2.0,true,"no-such-request",{}]\n',
        b'["asked",1.0,2.0,true,"rate",{"vas":11}]\n',
        b'["measured",1.0,2.0,true,{"spo2":300}]\n',
        b'["arrived",1.0,2.0,true,{"v":1,"value":{}}]\n',
        b'["unheard-of",1.0,2.0,true]\n',
    ],
)
def test_garbage_in_the_middle_is_named_with_file_and_line(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [(moment(1), Tick())])
    with path.open("ab") as file:
        file.write(garbage + b'["tick",2.0,2.0,null]\n')
    stream = read_events(path)
    assert next(stream) == (moment(1), Tick())
    with pytest.raises(EventLogError, match=r"events\.jsonl:3: not an event: "):
        next(stream)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for content, what in [
        (b"", "no event log"),
        (b"GIF89a", "no event log"),
        (b"[1]\n", "no event log of this version"),
        (b'{"schema":"npng/event-log/2","run":"r","part":0}\n', "no event log of this version"),
        (b'{"schema":"npng/event-log/1","run":"r","part":0,"action_units":["AU1"]}\n', "other action units"),
    ]:
        path.write_bytes(content)
        with pytest.raises(EventLogError, match=rf"events\.jsonl:1: .*{what}"):
            list(read_events(path))
    with pytest.raises(OSError, match="No such file"):
        list(read_events(tmp_path / "nothing"))


def test_a_failing_disk_is_reported_and_costs_nothing_while_memory_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_log, "MOST_BUFFERED", 3_000)
    path = tmp_path / "events.jsonl"
    write(path, [(moment(0), Tick())], run="earlier")
    listed: list[tuple[Moment, Event]] = [(moment(n), Seen(reading(n))) for n in range(100)]
    writer = EventWriter(path, run="run", max_bytes=2**20)
    for at, event in listed[:10]:
        writer.write(at, event)
    writer.flush()
    assert writer._file is not None
    writer._file.write(b'["seen",1.0,2')  # Half a line, and then the disk is full.
    monkeypatch.setattr(event_log, "_write_all", disk_full)
    for at, event in listed[10:15]:
        writer.write(at, event)
        writer.flush()
    assert writer.fault == f"{path}: events cannot be recorded: No space left on device."
    monkeypatch.undo()
    writer.write(*listed[15])
    writer.flush()
    assert writer.fault is None
    assert list(read_events(path)) == listed[:16]
    assert writer.lost == 0

    monkeypatch.setattr(event_log, "MOST_BUFFERED", 3_000)
    monkeypatch.setattr(event_log, "_write_all", disk_full)
    for at, event in listed[16:80]:
        writer.write(at, event)
        writer.flush()
    assert 20 < writer.lost < 64
    monkeypatch.undo()
    writer.flush()
    for at, event in listed[80:]:
        writer.write(at, event)
    writer.close()
    kept = list(read_events(path))
    assert kept == [*listed[: 80 - writer.lost], *listed[80:]]
    assert f'events were lost here: ["lost",{writer.lost}]' in caplog.text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.jsonl", "events.jsonl.1"]


def disk_full(_file: object, _data: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_trying_again_to_begin_a_file_moves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [(moment(0), Tick())], run="earlier")
    writer = EventWriter(path, run="run", max_bytes=2**20)
    monkeypatch.setattr(event_log, "_write_all", disk_full)
    writer.write(moment(1), Tick())
    for _ in range(5):
        writer.flush()
        assert writer.fault is not None
    monkeypatch.undo()
    writer.close()
    assert list(read_events(path)) == [(moment(1), Tick())]
    assert list(read_events(tmp_path / "events.jsonl.1")) == [(moment(0), Tick())]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = EventWriter(tmp_path / "file" / "events.jsonl", run="run", max_bytes=2**20)
    writer.write(moment(1), Tick())
    writer.flush()
    assert writer.fault is not None
    assert "cannot be recorded" in writer.fault
    writer.close()


def test_old_files_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, [(moment(1), Tick())], run="first")
    write(path, [(moment(2), Tick())], run="second")
    old = tmp_path / "events.jsonl.1"
    limit = old.stat().st_mtime + 1
    os.utime(path, (limit + 1, limit + 1))
    writer = EventWriter(path, run="third", max_bytes=10**6)
    assert writer.forget(limit) == 1
    writer.close()
    assert not old.exists()
    assert list(read_events(path)) == [(moment(2), Tick())]
