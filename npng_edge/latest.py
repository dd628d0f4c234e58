"""A slot for the newest value only: the writer never waits, the reader never works on what is old."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest value from one thread to another and counts what was overwritten unread."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._changed = threading.Condition()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Values that were overwritten before anybody took them."""
        return self._dropped

    def put(self, value: T) -> None:
        """Store the value, in place of one not yet taken."""
        with self._changed:
            if self._value is not None:
                self._dropped += 1
            self._value = value
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """Take the newest value, waiting for one up to `timeout` seconds; None when none came."""
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None, timeout)
            value, self._value = self._value, None
            return value
