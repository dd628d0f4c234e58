"""The self-test: does everything work that an alarm needs, from the camera to the station's receipt?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from npng_edge.publish.messages import CheckPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.publish.delivery import DeliveryStatus
    from npng_edge.units import CameraStatus

NOT_YET = "Not known yet: ask again in a while."


def checks(  # noqa: PLR0913 - one thing each
    *,
    faults: Mapping[str, str],
    camera: CameraStatus,
    models: Mapping[str, str],
    reading_fps: float | None,
    storage: str | None,
    delivery: DeliveryStatus,
    local: str,
    now: float,
) -> tuple[CheckPart, ...]:
    """Say of each part whether it works.

    Args:
        faults: What the device has found wrong with itself: condition -> cause.
        camera: The newest state of the picture source.
        models: SHA-256 of each model in use, by name; empty while none is open.
        reading_fps: Pictures read per second lately; None: not known yet.
        storage: Why the disk could not be written just now; None: it was written.
        delivery: How the connection is.
        local: What signals at the bed while no station can; `none`: nothing does.
        now: Monotonic seconds.
    """
    age, fps = (None if delivery.heard is None else now - delivery.heard), reading_fps or 0.0
    unheard = None if delivery.connected else delivery.last_error or "Not connected."
    station, none_yet = f"The last receipt came {age or 0.0:.0f} s ago.", None if models else NOT_YET
    silent = "Nothing is set up to sound at the bed (local_alarm.kind)." if local == "none" else None
    return (
        _check("camera", faults.get("camera"), f"{camera.source} delivers pictures."),
        _check("models", faults.get("model"), f"{len(models)} models are open, as in the manifest.", none_yet),
        _check("reading", faults.get("slow"), f"{fps:.1f} pictures a second are read.", None if fps else NOT_YET),
        _check("storage", storage, "The disk was written and synchronised."),
        _check("broker", unheard, "Connected."),
        _check("station", delivery.deaf, station, None if age is not None else NOT_YET),
        _check("clock", faults.get("clock"), "The clock is set, or nobody says that it is not."),
        _check("temperature", faults.get("temperature"), "Below the limit, or there is no sensor."),
        _check("local-alarm", faults.get("local-alarm"), f"It was tried just now: {local}.", silent),
    )


def _check(name: str, fault: str | None, good: str, unknown: str | None = None) -> CheckPart:
    """Failed with a fault; not known with a reason; else it works."""
    passed = False if fault is not None else True if unknown is None else None
    return CheckPart.model_validate({"name": name, "passed": passed, "detail": fault or unknown or good})
