"""Buzzer and lamps on GPIO lines, through the kernel's character device and libgpiod.

The kernel takes the lines back when the process ends, however it ends; docs/local-alarm.md says what that means.
"""

from __future__ import annotations

import errno
import math
from typing import TYPE_CHECKING, Any

from npng_edge.indicate.output import OutputError
from npng_edge.indicate.patterns import SIGNS

if TYPE_CHECKING:
    from npng_edge.policy.alarm.local import Signal
    from npng_edge.settings import GpioLines

_ADVICE = {
    errno.ENOENT: "set local_alarm.gpio.chip; gpiodetect lists the chips",
    errno.ENODEV: "set local_alarm.gpio.chip; gpiodetect lists the chips",
    errno.EACCES: "let the service use it, see docs/local-alarm.md",
    errno.EPERM: "let the service use it, see docs/local-alarm.md",
    errno.EBUSY: "another program holds a line; gpioinfo names it",
}
_CHECK_LINES = "check the lines in local_alarm.gpio; gpioinfo lists them"


class Gpio:
    """Switches each connected line as the patterns say.

    Args:
        settings: The chip, and which line is what.
    """

    def __init__(self, settings: GpioLines) -> None:
        self._settings = settings
        self._request: Any = None
        self._values: tuple[Any, Any] = (None, None)
        self._on: dict[int, bool] = {}

    def open(self) -> None:
        """Request the lines as outputs, all off."""
        try:
            # Only where lines are connected. Debian 12's own gpiod is version 1 and has no such parts.
            from gpiod import LineSettings, request_lines  # noqa: PLC0415
            from gpiod.line import Direction, Value  # noqa: PLC0415
        except ImportError:
            raise OutputError("gpiod, version 2, is not installed: pip install 'npng-edge[gpio]'.") from None
        lines = {
            line: LineSettings(
                direction=Direction.OUTPUT,
                output_value=Value.INACTIVE,
                active_low=line in self._settings.active_low,
            )
            for line in self._settings.used
        }
        path = str(self._settings.chip)
        try:
            self._request = request_lines(path, consumer="npng-edge", config=lines)
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, _CHECK_LINES)
            raise OutputError(f"{path}: {error.strerror}: {advice}.") from None
        except ValueError as error:
            raise OutputError(f"{path}: {error}: {_CHECK_LINES}.") from None
        self._values = (Value.INACTIVE, Value.ACTIVE)
        self._on = dict.fromkeys(lines, False)

    def give(self, signal: Signal, time: float) -> float:
        """Switch the lines that change now; seconds until the next change."""
        sign, settings = SIGNS[signal], self._settings
        wait = math.inf
        for line, pattern in (
            (settings.buzzer, sign.buzzer),
            (settings.red, sign.red),
            (settings.yellow, sign.yellow),
        ):
            if line is not None:
                on, seconds = pattern.at(time)
                self._switch(line, on=on)
                wait = min(wait, seconds)
        return wait

    def close(self) -> None:
        """Switch all lines off and give them back."""
        request, self._request = self._request, None
        if request is None:
            return
        try:
            for line in self._on:
                request.set_value(line, self._values[False])
        finally:
            request.release()

    def _switch(self, line: int, *, on: bool) -> None:
        if self._on[line] is not on:
            self._request.set_value(line, self._values[on])
            self._on[line] = on
