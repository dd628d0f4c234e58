"""What a bed says of the patient as a whole: `fusion`, `episode`, `bolus`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.examples.bed import BOOT, NOW, PATIENT, STAY, at
from npng_edge.publish.messages import Bolus, Episode, Fusion
from npng_edge.units import ACTION_UNITS, MOTION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.publish.stamp import Stamp
    from npng_edge.wire import Message


def care(stamp: Stamp) -> Iterator[tuple[str, Message]]:
    """Each with all that can be known; `fusion` also with nothing known."""
    yield (
        "fusion",
        Fusion(
            **stamp.envelope("fusion"),
            patient=PATIENT,
            level="pain",
            level_since=at(-12),
            pspi_above_baseline=5.9,
            vas_estimate={"value": 5.2, "low": 3.6, "high": 6.8},
            minutes_above=3.5,
            unseen=(),
            support={"level": 0.42, "changes": {"heart_rate": 1.9, "respiratory_rate": 1.4}, "reason": None},
            news2={
                "total": 2,
                "at_least": 2,
                "red": False,
                "parameters": {
                    "respiratory_rate": 0,
                    "spo2": 1,
                    "oxygen": 0,
                    "systolic": 0,
                    "heart_rate": 1,
                    "consciousness": 0,
                    "temperature": 0,
                },
                "missing": (),
            },
            unattended_s=10.0,
            priority=29,
            points={"pain": 18, "support": 3, "news2": 2, "alarms": 6, "unattended": 0},
            bolus_vetoes=({"reason": "lockout", "detail": "The lockout ends in 3.0 min."},),
        ),
    )
    yield (
        "fusion.unknown",
        Fusion(
            **stamp.envelope("fusion"),
            patient=PATIENT,
            level=None,
            level_since=None,
            pspi_above_baseline=None,
            vas_estimate=None,
            minutes_above=None,
            unseen=("no-face",),
            support={"level": None, "changes": {}, "reason": "no-vitals"},
            news2=None,
            unattended_s=0.0,
            priority=6,
            points={"pain": 6, "support": 0, "news2": 0, "alarms": 0, "unattended": 0},
            bolus_vetoes=(),
        ),
    )
    yield (
        "episode",
        Episode(**stamp.envelope("episode"), patient=PATIENT, stay=STAY, episode=_episode()),
    )
    yield (
        "bolus",
        Bolus(
            **stamp.envelope("bolus"),
            patient=PATIENT,
            bolus_id=f"{BOOT}-b1",
            drug="morphine",
            dose_mg=1.0,
            expires=at(5),
            reason="Pain for 5 minutes and nobody came.",
        ),
    )


def _episode() -> Any:
    """The record of an episode as its fields; the model makes the record of it."""
    end = NOW.timestamp() - 3700
    units = [0.1] * len(ACTION_UNITS)
    return {
        "id": f"{BOOT}-e3",
        "revision": 1,
        "continues": None,
        "closing": "over",
        "onset_utc": end - 90,
        "raised_utc": end - 88,
        "peak_utc": end - 60,
        "end_utc": end,
        "duration_s": 90.0,
        "before_s": 60.0,
        "seen_s": 88.5,
        "above_baseline": True,
        "peak_pspi": 7.5,
        "mean_pspi": 5.1,
        "peak_units": dict.fromkeys(ACTION_UNITS, 0.1) | {"AU4": 3.4, "AU43": 0.6},
        "trigger": {"kind": "movement", "confidence": 0.7, "region": MOTION_REGIONS[0], "missing": None},
        "most_people": 2,
        "attended_s": 25.0,
        "vitals": ({"sign": "heart_rate", "before": 78.0, "during": 92.0, "extreme": 101.0},),
        "dynamics": {
            "seconds": 90.0,
            "seen": 0.98,
            "units": (
                {
                    "unit": "AU4",
                    "events": 3,
                    "peak": 3.3,
                    "onset_speed": 2.1,
                    "offset_speed": 1.2,
                    "duration_s": 6.5,
                    "interval_cv": 0.4,
                    "duration_cv": 0.3,
                    "histogram": (0, 1, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0),
                },
            ),
            "overlaps": ({"one": "AU4", "other": "AU43", "share": 0.62},),
            "eye_symmetry": 0.95,
        },
        "series": (
            {
                "time": -0.25,
                "pspi": 0.8,
                "above": 0.3,
                "intensity": units,
                "eyes": {"left": 0.1, "right": 0.1},
                "pose": {"yaw": -8.5, "pitch": 4.0, "roll": 2.5},
                "motion": [0.01] * len(MOTION_REGIONS),
                "people": 1,
                "in_bed": 1,
                "heart_rate": 78.0,
                "respiratory_rate": 16.0,
                "spo2": 97.0,
                "look_alike": None,
                "pspi_error": 0.4,
            },
            {"time": 0.25},
        ),
        "responses": (
            {
                "utc": end - 30,
                "drug": "morphine",
                "mg": 1.0,
                "before": 5.5,
                "effects": (
                    {"minutes": 5, "change": -1.5, "missing": None},
                    {"minutes": 15, "change": None, "missing": "not-seen"},
                ),
                "other_doses": 0,
            },
        ),
        "units": ACTION_UNITS,
    }
