"""What a bed is told and asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.catalogue import INCOMING
from contract.examples.bed import BOOT, BUNDLE, NURSE, PATIENT, at
from npng_edge.publish.messages import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.publish.stamp import Stamp
    from npng_edge.wire import Message


def responses(stamp: Stamp) -> Iterator[tuple[str, Message]]:
    """Every outcome."""
    cases: dict[str, dict[str, Any]] = {
        "started": {"request": "baseline", "outcome": "started", "detail": "Capturing for 10 s."},
        "done": {"request": "baseline", "outcome": "done", "detail": "Captured."},
        "refused": {
            "request": "baseline",
            "outcome": "refused",
            "reason": "no-face",
            "detail": "No face was seen; turn the camera to the patient.",
        },
        "unreadable": {
            "request": "rate",
            "request_id": None,
            "outcome": "refused",
            "reason": "malformed",
            "detail": "vas: Input should be less than or equal to 10 (got 11)",
        },
        "export": {"request": "export", "outcome": "done", "detail": "Sealed.", "bundle": BUNDLE},
        "self-test": {
            "request": "self-test",
            "outcome": "done",
            "detail": "Failed: station.",
            "checks": [
                {"name": "camera", "passed": True, "detail": "v4l2:/dev/video0 delivers pictures."},
                {"name": "station", "passed": False, "detail": "No station has sent a receipt for 10 s."},
            ],
        },
    }
    common = {"request_id": "0f1d2c3b", "reason": None}
    for case, fields in cases.items():
        envelope = stamp.envelope(f"response/{fields['request']}")
        yield f"response.{case}", Response.model_validate({**envelope, **common, **fields})


def incoming() -> Iterator[tuple[str, Message]]:
    """`vitals`, `receipt` and every request."""
    cases: dict[str, dict[str, Any]] = {
        "vitals": {
            "source": "monitor-7",
            "at": at(-2),
            "heart_rate": 96.0,
            "respiratory_rate": 18.0,
            "spo2": 95.0,
            "systolic": 128.0,
            "diastolic": 74.0,
        },
        "vitals.nurse": {
            "source": NURSE,
            "at": at(-30),
            "oxygen": False,
            "temperature": 36.8,
            "consciousness": "alert",
            "sedation": "1",
        },
        "receipt": {"station": "icu-station", "ids": ("4fd814a3-5606-4429-a87d-16dcd1511cce",)},
        "request/assign": {"patient": PATIENT, "clips": True},
        "request/discharge": {"patient": PATIENT, "why": "Home."},
        "request/export": {"patient": PATIENT, "transfer": True},
        "request/import": {"bundle": BUNDLE},
        "request/baseline": {"action": "capture"},
        "request/rate": {"vas": 6.0, "rater": "patient", "at": at(-20)},
        "request/acknowledge": {"alarm_id": f"{BOOT}-7"},
        "request/pause": {"conditions": ("pain",), "seconds": 120.0, "why": "Washing."},
        "request/resume": {"conditions": ("pain",)},
        "request/threshold": {"vas": 3.0},
        "request/threshold.configured": {"vas": None},
        "request/override": {"pspi": 6.0, "until": at(86400), "why": "A grimace of long standing."},
        "request/override.end": {"pspi": None},
        "request/update": {"patient": PATIENT, "spo2_scale": 2},
        "request/analgesic": {"drug": "morphine", "dose_mg": 2.0, "at": at(-300)},
        "request/order": {
            "patient": PATIENT,
            "drug": "morphine",
            "bolus_mg": 1.0,
            "lockout_s": 600.0,
            "limit_1h_mg": 4.0,
            "limit_4h_mg": 12.0,
            "until": at(86400),
        },
        "request/stop-order": {"patient": PATIENT},
        "request/bolus-answer": {"bolus_id": f"{BOOT}-b1", "outcome": "delivered", "delivered_mg": 1.0},
        "request/episode": {"episode_id": f"{BOOT}-e3"},
        "request/replay": {"run": BOOT, "first": 12, "last": 14},
        "request/self-test": {},
    }
    asked = {"who": NURSE, "expires": at(30)}
    for number, (case, fields) in enumerate(cases.items(), 1):
        topic = case.partition(".")[0]
        common: dict[str, Any] = {} if topic == "receipt" else {"id": f"m{number:04d}"}
        common |= asked if topic.startswith("request/") else {}
        yield case.replace("/", "-"), INCOMING[topic].model_validate({**common, **fields})
