"""What a bed says of itself, of the face and of its alarms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from contract.examples.bed import BOOT, FRAME_CLOCK, NURSE, PATIENT, at
from npng_edge.publish.messages import Health, Pain, State
from npng_edge.units import (
    ACTION_UNITS,
    Activation,
    Alarm,
    AlarmKind,
    Change,
    Phase,
    Presence,
    Priority,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.publish.stamp import Stamp
    from npng_edge.wire import Message

_MODEL = "9f2b6c1d" * 8


def device(stamp: Stamp) -> Iterator[tuple[str, Message]]:
    """`state` and `health`."""
    for value in ("online", "stopped", "offline"):
        yield (
            f"state.{value}",
            State(
                **stamp.envelope("state"),
                value=value,
                since=at(-4000),
                software="0.2.0",
                models={"action-units": _MODEL, "face": _MODEL},
                patient=PATIENT if value == "online" else None,
            ),
        )
    common: dict[str, Any] = {
        "dropped_frames": 12,
        "dropped_events": 0,
        "temperature_c": 61.5,
        "disk_free_mb": 20480.0,
        "memory_mb": 310.5,
        "self_check": stamp.self_check(20000),
    }
    yield (
        "health",
        Health(
            **stamp.envelope("health"),
            **common,
            capture_fps=15.0,
            inference_fps=9.8,
            latency_ms={
                "detect": {"p50": 21.4, "p95": 30.2},
                "frame-to-message": {"p50": 96.5, "p95": 140.1},
            },
            outbox={"depth": 0, "oldest_s": None, "bytes": 0, "thinned": 0, "alarms": 0, "alarms_lost": 0},
            camera={"source": "v4l2:/dev/video0", "fault": None, "detail": "", "reopened": 0},
            alarms_present=("pain",),
            receipt_age_s=1.2,
            certificate_ends=at(86400 * 200),
        ),
    )
    yield (
        "health.camera-lost",
        Health(
            **stamp.envelope("health"),
            **common | {"temperature_c": None},
            capture_fps=None,
            inference_fps=None,
            latency_ms={},
            outbox={"depth": 3, "oldest_s": 4.2, "bytes": 2710, "thinned": 0, "alarms": 3, "alarms_lost": 0},
            camera={
                "source": "v4l2:/dev/video0",
                "fault": "lost",
                "detail": "The camera was unplugged; plug it in again.",
                "reopened": 2,
            },
            alarms_present=("camera",),
        ),
    )


def pain(stamp: Stamp) -> Iterator[tuple[str, Message]]:
    """`pain`, with and without a score."""
    threshold: dict[str, Any] = {
        "threshold": 4.0,
        "threshold_severe": 7.0,
        "threshold_vas": 4.0,
        "threshold_origin": "configured",
    }
    yield (
        "pain",
        Pain(
            **stamp.envelope("pain"),
            **threshold,
            patient=PATIENT,
            pspi=6.4,
            pspi_error=0.8,
            pspi_above_baseline=5.9,
            baseline={"origin": "learnt", "at": at(-1800), "age_s": 1800.0, "quality": 0.82},
            pain=True,
            level="pain",
            trend="rising",
            confidence=0.76,
            level_since=at(-12),
            minutes_above=3.5,
            action_units=dict.fromkeys(ACTION_UNITS, 0.1) | {"AU4": 2.8, "AU6": 2.2, "AU7": 2.1, "AU9": 1.1},
            action_unit_errors=dict.fromkeys(ACTION_UNITS, 0.2) | {"AU4": 0.5, "AU6": 0.5, "AU9": 0.4},
            eyes_closed={"left": 0.35, "right": 0.3},
            pain_probability=None,
            pain_temporal=None,
            vas_estimate={"value": 5.2, "low": 3.6, "high": 6.8},
            sensitivity="medium",
            sensitivity_reason=None,
            asymmetry=None,
            look_alike=None,
            quality=0.91,
            reasons=(),
            people=1,
            pose={"yaw": -8.5, "pitch": 4.0, "roll": 2.5},
            box={"x": 412.0, "y": 180.5, "width": 190.0, "height": 226.0},
        ),
    )
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "pspi",
            "pspi_error",
            "pspi_above_baseline",
            "level",
            "trend",
            "confidence",
            "level_since",
            "action_units",
            "action_unit_errors",
            "eyes_closed",
            "pain_probability",
            "pain_temporal",
            "vas_estimate",
            "sensitivity",
            "sensitivity_reason",
            "asymmetry",
            "look_alike",
            "quality",
            "pose",
            "box",
        )
    )
    yield (
        "pain.no-face",
        Pain(
            **stamp.envelope("pain"),
            **threshold,
            **nothing | {"sensitivity_reason": "too-few-ratings"},
            patient=PATIENT,
            baseline={"origin": "none", "at": None, "age_s": None, "quality": None},
            pain=False,
            minutes_above=0.0,
            reasons=("no-face",),
            people=0,
        ),
    )
    yield (
        "pain.no-patient",
        Pain(
            **stamp.envelope("pain"),
            **threshold,
            **nothing,
            patient=None,
            baseline={"origin": "none", "at": None, "age_s": None, "quality": None},
            pain=False,
            minutes_above=0.0,
            reasons=("no-patient",),
            people=1,
        ),
    )


def alarms(stamp: Stamp) -> Iterator[tuple[str, Message]]:
    """One alarm and its life, `alarm` by `alarm`, and the level."""
    pain = Alarm(
        f"{BOOT}-7", "pain", AlarmKind.PHYSIOLOGICAL, Priority.MEDIUM, Presence.ON, FRAME_CLOCK - 12.0,
        "PSPI 5.9 above baseline for 2 s.",
    )  # fmt: skip
    seen = replace(pain, presence=Presence.ACKNOWLEDGED, until=FRAME_CLOCK + 120.0, by=NURSE)
    gone = replace(pain, presence=Presence.OFF)
    camera = Alarm(
        f"{BOOT}-8", "camera", AlarmKind.TECHNICAL, Priority.MEDIUM, Presence.ON, FRAME_CLOCK - 4.0,
        "v4l2:/dev/video0: lost: the camera was unplugged.",
    )  # fmt: skip
    paused = replace(camera, activation=Activation.PAUSED, until=FRAME_CLOCK + 60.0, by=NURSE)
    yield "alarm", stamp.alarm(Transition(Phase.START, Change.RAISED, pain, FRAME_CLOCK - 10.0))
    yield "alarm.acknowledged", stamp.alarm(Transition(Phase.UPDATE, Change.ACKNOWLEDGED, seen, FRAME_CLOCK - 2.0))
    yield "alarm.ended", stamp.alarm(Transition(Phase.END, Change.ENDED, gone, FRAME_CLOCK))
    yield "alarms", stamp.alarms((pain, paused), {"camera": FRAME_CLOCK + 60.0}, 20000)
    yield "alarms.none", stamp.alarms((), {}, 20000)
