"""The daemon as a process, against a real broker, a real outbox and the rendered clips."""

from __future__ import annotations

import json
import shutil
import signal
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from daemon_process import ALARM_S, BED, answers, assign, body, clip, on, transition

from npng_edge.ask import AskError, ask, make_request
from npng_edge.infer.manifest import default_models_directory
from npng_edge.record.keys import new_key
from npng_edge.replay import replay
from npng_edge.settings import Broker, Place, Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from broker import MosquittoBroker, Station
    from daemon_process import DaemonProcess

REAL = Path(__file__).parent.parent / "../shared/data/real/distress_then_smile.mp4"


def test_the_synthetic_patients_pain_is_raised_and_ended_at_the_station(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    daemon = make_daemon(camera=clip("pain.mp4")).start()
    station.wait_for(on("pain", lambda score: score["reasons"] == ["no-patient"] and score["pspi"] is None))
    assign(broker)
    state = body(station.wait_for(on("state", lambda found: "action-units" in found["models"])))
    assert state["value"] == "online"
    start = body(station.wait_for(transition("pain", "start"), ALARM_S))
    end = body(station.wait_for(transition("pain", "end"), ALARM_S))
    assert start["alarm"]["alarm_id"] == end["alarm"]["alarm_id"]
    assert (start["alarm"]["kind"], start["alarm"]["presence"], end["alarm"]["presence"]) == (
        "physiological",
        "on",
        "off",
    )
    levels = [body(message) for message in station.messages if message.topic == f"{BED}/alarms"]
    assert "pain" in [alarm["condition"] for level in levels for alarm in level["present"]]
    scores = [body(message) for message in station.messages if message.topic == f"{BED}/pain"]
    assert max(score["pspi"] for score in scores if score["pspi"] is not None) >= 4.0
    assert all(score["pspi"] is not None or score["reasons"] for score in scores)

    daemon.wait_notified(b"WATCHDOG=1")
    daemon.send(signal.SIGTERM)
    asked = time.monotonic()
    assert daemon.wait_ended() == 0
    assert time.monotonic() - asked < 10.0
    assert body(station.wait_for(on("state")))["value"] == "stopped"
    daemon.wait_notified(b"STOPPING=1")
    assert "Traceback" not in daemon.log.read_text()


@pytest.mark.shared
@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared, the real clip, which a clone does not have")
def test_real_distress_is_alarmed_and_the_laugh_after_it_is_not(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    # The patient is assigned before the clip begins, and the device warm.
    daemon = make_daemon(camera={"source": "v4l2:/dev/video98"}, policy={"pain": {"warm_up_s": 0}}).start()
    assign(broker)
    daemon.configure({"camera": {"source": f"file:{REAL}", "reopen_min_s": 60, "reopen_max_s": 60}})
    daemon.send(signal.SIGHUP)
    station.wait_for(transition("camera", "end"))
    station.wait_for(transition("camera", "start"), ALARM_S)  # The clip is at its end.
    seen = [body(message) for message in station.messages]
    alarms = [
        made
        for made in seen
        if made["schema"] == "npng/alarm/1" and made["alarm"]["condition"] in ("pain", "pain-severe")
    ]
    scores = [made for made in seen if made["schema"] == "npng/pain/1"]
    first = next(score for score in scores if score["pspi"] is not None or score["reasons"] == ["occluded"])
    raised = [seconds(made["at"], first["time"]) for made in alarms if made["change"] == "raised"]
    ended = [
        seconds(made["at"], first["time"])
        for made in alarms
        if made["change"] == "ended" and made["alarm"]["condition"] == "pain"
    ]
    # How long the alarm lasts depends on how many pictures a busy machine reads; that the laugh raises none does not.
    assert raised
    assert all(0.0 < at < 8.0 for at in raised)
    assert ended
    assert any("occluded" in score["reasons"] and score["pspi"] is None for score in scores)
    laughs = [score for score in scores if score["look_alike"] == "smile" and score["pspi"] >= score["threshold"]]
    assert len(laughs) >= 2
    assert not any(score["pain"] for score in laughs if seconds(score["time"], first["time"]) > ended[-1] + 0.5)


def seconds(later: str, earlier: str) -> float:
    times = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (later, earlier))
    return next(times).timestamp() - next(times).timestamp()


def test_alarms_raised_while_the_broker_is_away_arrive_after_it_comes(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    broker.kill()
    make_daemon(camera={"source": "v4l2:/dev/video99"}).start()
    broker.start()
    station.wait_subscribed()
    start = body(station.wait_for(transition("camera", "start"), ALARM_S))
    assert "v4l2:/dev/video99" in start["alarm"]["cause"]
    levels = [body(message) for message in station.messages if message.topic == f"{BED}/alarms"]
    assert "camera" in [alarm["condition"] for alarm in levels[-1]["present"]]


def test_a_killed_daemon_leaves_its_will_and_ends_its_alarms_when_it_is_back(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(camera={"source": "v4l2:/dev/video99"}).start()
    first = body(station.wait_for(transition("camera", "start")))
    daemon.send(signal.SIGKILL)
    daemon.wait_ended()
    assert body(station.wait_for(on("state")))["value"] == "offline"
    daemon.start()
    end = body(station.wait_for(transition("camera", "end")))
    assert end["alarm"]["alarm_id"] == first["alarm"]["alarm_id"]
    second = body(station.wait_for(transition("camera", "start")))
    assert second["alarm"]["alarm_id"] != first["alarm"]["alarm_id"]


def test_an_altered_model_is_refused_alarmed_and_taken_up_once_it_is_right(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    models = tmp_path / "models"
    shutil.copytree(default_models_directory(), models)
    file = models / "action_units.onnx"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    daemon = make_daemon(camera=clip("rest.mp4"), seeing={"models": str(models)}).start()
    start = body(station.wait_for(transition("model", "start")))
    assert "action_units.onnx" in start["alarm"]["cause"]
    file.write_bytes(content)
    station.wait_for(transition("model", "end"), ALARM_S)
    assert "Traceback" not in daemon.log.read_text()


def test_a_wrong_configuration_changes_nothing_and_a_right_one_is_taken(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    daemon = make_daemon(camera=clip("rest.mp4")).start()
    assert body(station.wait_for(on("pain")))["threshold"] == 4.0
    daemon.configure({"policy": {"pain": {"threshold_vas": 99}}})
    daemon.send(signal.SIGHUP)
    daemon.wait_notified(b"RELOADING=1")
    assert b"wrong" in daemon.wait_notified(b"READY=1")
    assert "policy.pain.threshold_vas: 99 is refused" in daemon.log.read_text()
    assert body(station.wait_for(on("pain")))["threshold"] == 4.0
    daemon.configure({"policy": {"pain": {"threshold_vas": 5.5}}, "camera": {"source": "v4l2:/dev/video98"}})
    daemon.send(signal.SIGHUP)
    daemon.wait_notified(b"READY=1")
    station.wait_for(transition("camera", "start"))


def test_a_full_or_unwritable_disk_is_an_alarm_that_still_arrives(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    (tmp_path / "file").touch()
    make_daemon(camera=clip("rest.mp4"), storage={"directory": str(tmp_path / "file" / "state")}).start()
    start = body(station.wait_for(transition("storage", "start")))
    assert str(tmp_path / "file" / "state") in start["alarm"]["cause"]


def test_the_baseline_is_captured_and_forgotten_on_request(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    make_daemon(
        camera=clip("rest.mp4"), policy={"baseline": {"learn": False, "capture_s": 1.0, "quiet_spread": 2.0}}
    ).start()
    assert answers(broker, "baseline", "action=capture") == ["no-patient"]
    assign(broker)
    station.wait_for(on("pain", lambda score: score["baseline"]["origin"] == "none" and score["pspi"] is not None))
    assert answers(broker, "baseline", "action=capture") == ["started", "done"]
    score = body(station.wait_for(on("pain", lambda found: found["baseline"]["origin"] == "captured")))
    assert score["pspi_above_baseline"] is not None
    assert score["baseline"]["quality"] > 0
    assert answers(broker, "baseline", "action=forget") == ["done"]
    score = body(station.wait_for(on("pain", lambda found: found["baseline"]["origin"] == "none")))
    assert score["pspi_above_baseline"] is None
    station.publish(f"{BED}/request/baseline", b"{}")
    refused = body(station.wait_for(on("response/baseline", lambda found: found["outcome"] == "refused")))
    assert refused["reason"] in ("malformed", "no-patient")
    station.publish(f"{BED}/request/sing", b"{}")
    assert body(station.wait_for(on("response/sing")))["reason"] == "unknown-request"


def test_the_patient_and_the_ratings_survive_a_kill(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    daemon = make_daemon(camera=clip("rest.mp4")).start()
    assign(broker)
    assert answers(broker, "threshold", "vas=6.5") == ["done"]
    assert answers(broker, "assign", "patient=P-0002") == ["occupied"]
    daemon.send(signal.SIGKILL)
    daemon.wait_ended()
    daemon.start()
    score = body(station.wait_for(on("pain", lambda found: found["patient"] == "P-0001" and found["pspi"] is not None)))
    assert (score["threshold_vas"], score["threshold_origin"]) == (6.5, "ordered")
    assert answers(broker, "discharge", "patient=P-0001") == ["done"]
    assert body(station.wait_for(on("state", lambda found: found["patient"] is None)))["value"] == "online"


def test_a_patient_moves_to_another_bed_with_a_sealed_profile(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(new_key())
    storage = {"directory": str(tmp_path / "state"), "transfer_key_file": str(key)}
    daemon = make_daemon(camera=clip("rest.mp4"), storage=storage).start()
    assign(broker)
    assert answers(broker, "threshold", "vas=6.5") == ["done"]
    request = make_request("export", ["patient=P-0001", "transfer=true"], who="nurse Kim", why=None, patience_s=20)
    place = Place(facility="test", unit="ward", bed="bed-7")
    (sealed,) = ask(Broker(port=broker.port), place, "export", request)
    assert sealed.bundle is not None
    assert "P-0001" not in sealed.bundle
    bundle = tmp_path / "patient.npngstay"
    bundle.write_text(sealed.bundle)
    station.wait_for(on("state", lambda found: found["patient"] is None))
    again = make_request("export", ["patient=P-0001", "transfer=true"], who="nurse Kim", why=None, patience_s=20)
    (second,) = ask(Broker(port=broker.port), place, "export", again)
    assert second.bundle is not None  # What is lost on its way can be had again.

    daemon.send(signal.SIGTERM)
    daemon.wait_ended()
    daemon.configure({"storage": {**storage, "directory": str(tmp_path / "other-bed")}})
    daemon.start()
    assert answers(broker, "import", "bundle=AAAA") == ["malformed"]
    assert answers(broker, "import", f"bundle=@{bundle}") == ["done"]
    score = body(station.wait_for(on("pain", lambda found: found["patient"] == "P-0001")))
    assert score["threshold_vas"] == 6.5


def test_vitals_join_the_fusion_and_impossible_ones_are_refused(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    make_daemon(camera=clip("rest.mp4")).start()
    assign(broker)
    vitals = {
        "schema": "npng/vitals/1",
        "id": "v1",
        "source": "monitor",
        "at": datetime.now(timezone.utc).isoformat(),
        "heart_rate": 80,
        "respiratory_rate": 26,
        "spo2": 90,
        "oxygen": True,
        "systolic": 120,
        "temperature": 37.0,
        "consciousness": "alert",
    }
    station.publish(f"{BED}/vitals", json.dumps({**vitals, "spo2": 300}).encode())
    refused = body(station.wait_for(on("response/vitals")))
    assert refused["reason"] == "malformed"
    assert "spo2" in refused["detail"]
    station.publish(f"{BED}/vitals", json.dumps(vitals).encode())
    fusion = body(station.wait_for(on("fusion", lambda found: found["news2"]["total"] is not None)))
    assert fusion["news2"]["total"] == 3 + 3 + 2
    assert body(station.wait_for(transition("vitals", "start")))["alarm"]["priority"] == "high"


def test_a_recorded_stream_replays_to_the_same_alarms(
    tmp_path: Path, make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    state = tmp_path / "state"
    daemon = make_daemon(
        camera=clip("pain.mp4"), storage={"directory": str(state), "record_events": True}, policy={"pain": {}}
    ).start()
    assert answers(broker, "assign", "patient=P-0001", "clips=true") == ["done"]
    station.wait_for(transition("pain", "end"), ALARM_S)
    daemon.send(signal.SIGTERM)
    assert daemon.wait_ended() == 0
    assert not (state / "clips").exists()  # No pictures by default, whatever the patient agreed to.
    told = [body(message) for message in station.messages if message.topic == f"{BED}/alarm"]
    summary = replay(state / "events.jsonl", tmp_path / "replay", Policy(), bed="test/ward/bed-7")
    lines = [json.loads(line) for line in summary.alarm_log.read_text().splitlines()]
    assert [(line["alarm_id"], line["change"], line["cause"]) for line in lines][: len(told)] == [
        (made["alarm"]["alarm_id"], made["change"], made["alarm"]["cause"]) for made in told
    ]
    again = replay(state / "events.jsonl", tmp_path / "again", Policy(), bed="test/ward/bed-7")
    assert again.alarm_log.read_bytes() == summary.alarm_log.read_bytes()
    assert "P-0001" in summary.reports[0].read_text()


def test_a_station_that_stops_sending_receipts_is_noticed_and_told_everything_when_it_is_back(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    make_daemon(camera=clip("pain.mp4")).start()
    station.wait_for(on("health", lambda health: health["receipt_age_s"] is not None))
    station.receipts = False
    silent = time.monotonic()
    start = body(station.wait_for(transition("station-not-listening", "start"), ALARM_S))
    assert time.monotonic() - silent < 15.0
    assert start["alarm"]["cause"] == "No station has sent a receipt for 10 s."
    again = body(station.wait_for(transition("station-not-listening", "start"), ALARM_S))
    assert again["id"] == start["id"]  # Nobody has confirmed it: it comes again.
    station.receipts = True
    station.wait_for(transition("station-not-listening", "end"), ALARM_S)
    station.wait_for(on("health", lambda health: health["outbox"]["alarms"] == 0), ALARM_S)


def test_confirmed_alarms_come_again_on_request_and_the_self_test_tells_what_works(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    make_daemon(camera=clip("pain.mp4")).start()
    assign(broker)
    first = body(station.wait_for(on("alarm"), ALARM_S))
    station.wait_for(on("health", lambda health: health["outbox"]["alarms"] == 0), ALARM_S)
    run, number = first["boot_id"], first["sequence"]
    assert answers(broker, "replay", f"run={run}", f"first={number}", f"last={number}") == ["done"]
    assert body(station.wait_for(on("alarm", lambda told: told["sequence"] == number))) == first
    assert answers(broker, "replay", "run=another", "first=1", "last=2") == ["unknown-id"]
    request = make_request("self-test", [], who="technician", why=None, patience_s=20.0)
    place = Place(facility="test", unit="ward", bed="bed-7")
    (answer,) = ask(Broker(port=broker.port), place, "self-test", request, 20.0)
    assert answer.checks is not None
    found = {check.name: check.passed for check in answer.checks}
    works = ("camera", "models", "storage", "broker", "station")
    assert {name: found[name] for name in works} == dict.fromkeys(works, True)


def test_a_receipt_that_cannot_be_read_is_refused_aloud(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    make_daemon(camera=clip("pain.mp4")).start()
    station.wait_for(on("health"))
    station.publish(f"{BED}/receipt", b'{"schema":"npng/receipt/1","station":"s","ids":[]}')
    refused = body(station.wait_for(on("response/receipt")))
    assert (refused["outcome"], refused["reason"]) == ("refused", "malformed")


def test_a_bed_that_is_not_there_does_not_answer(broker: MosquittoBroker) -> None:
    with pytest.raises(AskError, match="did not answer"):
        answers(broker, "baseline", "action=capture", bed="nobody", patience_s=1.0)


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("sing", [], "there is no request sing"),
        ("assign", ["patient=Kim Minji"], "patient"),
        ("rate", ["vas=11", "rater=patient"], "less than or equal to 10"),
        ("pause", ["conditions"], "field=value"),
        ("order", ["patient=P-0001"], "limit_1h_mg"),
    ],
)
def test_a_request_that_cannot_be_made_is_said_before_anything_is_sent(name: str, fields: list[str], said: str) -> None:
    with pytest.raises(AskError, match=said):
        make_request(name, fields, who="nurse Kim", why=None, patience_s=5)
