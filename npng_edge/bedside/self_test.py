"""The self-test: does everything work that an alarm needs, from the camera to the station's receipt?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from npng_edge.publish.messages import CheckPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from npng_edge.publish.delivery import DeliveryStatus
    from npng_edge.units import CameraStatus


def checks(  # noqa: PLR0913 - one thing each
    *,
    faults: Mapping[str, str],
    camera: CameraStatus,
    models: Mapping[str, str],
    reading_fps: float | None,
    storage: str | None,
    delivery: DeliveryStatus,
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
        now: Monotonic seconds.
    """
    age, fps = (None if delivery.heard is None else now - delivery.heard), reading_fps or 0.0
    unheard = None if delivery.connected else delivery.last_error or "Not connected."
    return (
        _check("camera", faults.get("camera"), f"{camera.source} delivers pictures."),
        _check(
            "models", faults.get("model"), f"{len(models)} models are open, as in the manifest.", known=bool(models)
        ),
        _check("reading", faults.get("slow"), f"{fps:.1f} pictures a second are read.", known=fps > 0),
        _check("storage", storage, "The disk was written and synchronised."),
        _check("broker", unheard, "Connected."),
        _check("station", delivery.deaf, f"The last receipt came {age or 0.0:.0f} s ago.", known=age is not None),
        _check("clock", faults.get("clock"), "The clock is set, or nobody says that it is not."),
        _check("temperature", faults.get("temperature"), "Below the limit, or there is no sensor."),
    )


def _check(name: str, fault: str | None, good: str, *, known: bool = True) -> CheckPart:
    if fault is not None:
        return CheckPart.model_validate({"name": name, "passed": False, "detail": fault})
    if not known:
        return CheckPart.model_validate(
            {"name": name, "passed": None, "detail": "Not known yet: ask again in a while."}
        )
    return CheckPart.model_validate({"name": name, "passed": True, "detail": good})
