"""Where log lines go: to the journal with fields to filter by, else readable on standard error.

Every line carries `NPNG_BED` and `NPNG_STAGE` without anybody's doing: `journalctl NPNG_STAGE=capture` finds all that
concerns the camera. A line that has more to say adds upper-case fields the usual way of `logging`:

    logger.warning("no frames for %.1f s", gap, extra={"NPNG_SOURCE": "v4l2:/dev/video0"})

Upper case is the rule of the journal: it ignores a field in lower case.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime, timezone
from typing import TextIO

from rich.console import Console
from rich.logging import RichHandler

_PACKAGE = "npng_edge"
_SYSLOG_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


def set_up(level: str, bed: str) -> None:
    """Send the log of the whole process to one place; called once, before any thread is started.

    Args:
        level: `debug`, `info`, `warning` or `error`: the least that is kept of our own lines. Libraries' lines are
            kept from `warning` on.
        bed: Goes into the field `NPNG_BED` of every line.
    """
    handler = _handler(sys.stderr)
    handler.addFilter(_Fields(bed))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_PACKAGE).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def stage(logger_name: str) -> str:
    """Which part of the device speaks: `npng_edge.capture.rtsp` is `capture`, a library is its own name."""
    package, _, rest = logger_name.partition(".")
    return (rest.partition(".")[0] if package == _PACKAGE else "") or package


def is_journal(stream: TextIO, environ_value: str | None) -> bool:
    """Whether a stream ends in the journal.

    The variable alone does not tell: a child inherits it, though its own standard error may be a file.

    Args:
        stream: Usually standard error.
        environ_value: `JOURNAL_STREAM`, "device:inode" of the stream that systemd connected to the journal.
    """
    if environ_value is None:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ_value == f"{status.st_dev}:{status.st_ino}"


class _Fields(logging.Filter):
    """Adds the fields that every line has."""

    def __init__(self, bed: str) -> None:
        super().__init__()
        self._bed = bed

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.setdefault("NPNG_BED", self._bed)
        record.__dict__.setdefault("NPNG_STAGE", stage(record.name))
        return True


class _Plain(logging.Formatter):
    """`2026-01-31T12:00:00.000Z warning capture: text`, in UTC."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(lowerlevel)s %(NPNG_STAGE)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.lowerlevel = record.levelname.lower()
        return super().format(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's
        return datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class _Prefixed(logging.Formatter):
    """`<4>capture: text`: the journal reads the priority and adds the time (sd-daemon(3)).

    For a device without systemd-python. Every line of a traceback is an entry of its own, so each gets the prefix.
    """

    def __init__(self) -> None:
        super().__init__("%(NPNG_STAGE)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{_SYSLOG_PRIORITY.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def _handler(stream: TextIO) -> logging.Handler:
    """The handler that suits the stream, with its formatter."""
    if is_journal(stream, os.environ.get("JOURNAL_STREAM")):
        try:
            from systemd.journal import JournalHandler  # noqa: PLC0415 - optional: the extra `systemd`
        except ImportError:
            return _formatted(logging.StreamHandler(stream), _Prefixed())
        return _formatted(JournalHandler(SYSLOG_IDENTIFIER="npng-edge"), logging.Formatter("%(message)s"))
    if stream.isatty():
        rich = RichHandler(console=Console(file=stream), show_path=False, log_time_format="%H:%M:%S")
        return _formatted(rich, logging.Formatter("%(NPNG_STAGE)s: %(message)s"))
    return _formatted(logging.StreamHandler(stream), _Plain())


def _formatted(handler: logging.Handler, formatter: logging.Formatter) -> logging.Handler:
    handler.setFormatter(formatter)
    return handler
