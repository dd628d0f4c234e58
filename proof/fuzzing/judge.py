"""What must be true of every input, whatever takes it: no crash, no hang. Counts, times and keeps failures."""

from __future__ import annotations

import base64
import json
import resource
import signal
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_S = 1.0
"""Processor time that one input may take."""
MOST_MIB = 300
"""By which one input may raise the most memory that the process ever had; the largest message has 9 MiB."""
HANGS_S = 20.0
"""Processor time after which an input is given up; what waits in a library is given up when it comes back."""


class BrokenRuleError(AssertionError):
    """An input did what no input may do."""


@dataclass(frozen=True, slots=True)
class Input:
    """One piece of input. `@now@` and the like in it are filled in by the target that takes it."""

    payload: bytes
    topic: str = ""
    """With `@bed@` for the topics of the bed; empty where there is none."""
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    assigned: bool = True
    """Whether it comes to a bed with a patient."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input that broke no rule."""

    valid: bool
    """Whether it is what it should be: by the message's model, or as a configuration."""
    refused: bool
    seconds: float
    """Processor time of the product alone."""


class Target(Protocol):
    """What takes inputs."""

    def take(self, given: Input) -> Verdict:
        """Take one.

        Raises:
            BrokenRuleError: It did what no input may do. Anything else that is raised is a crash of the product.
        """

    def close(self) -> None:
        """Close its files."""


@dataclass(slots=True)
class Tally:
    """Of one target and one way to make inputs."""

    inputs: int = 0
    valid: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    failures: int = 0
    seconds: float = field(default=0.0)
    """Of the whole run of this target, processor time, making the inputs included."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.inputs + other.inputs,
            self.valid + other.valid,
            self.refused + other.refused,
            max(self.slowest_s, other.slowest_s),
            self.failures + other.failures,
            self.seconds + other.seconds,
        )


@dataclass(slots=True)
class Judge:
    """Hands inputs to a target and sees to it that the rules hold.

    Args:
        target: Takes them.
        most_s: Processor time that one may take.
    """

    target: Target
    most_s: float = MOST_S
    tally: Tally = field(default_factory=Tally)
    failed: Input | None = None
    """The smallest input that broke a rule."""
    words: str = ""
    """What it did."""

    def __call__(self, given: Input) -> None:
        """Try one input.

        Raises:
            Exception: It broke a rule, or the product crashed; noted in `failed` as well.
        """
        self.tally.inputs += 1
        memory = _most_mib()
        try:
            with _given_up(HANGS_S):
                verdict = self.target.take(given)
            self._check_cost(verdict.seconds, _most_mib() - memory)
        except Exception as error:
            if self.failed is None or len(given.payload) <= len(self.failed.payload):
                self.failed, self.words = given, "".join(traceback.format_exception(error))
            self.tally.failures = 1
            raise
        self.tally.valid += verdict.valid
        self.tally.refused += verdict.refused

    def _check_cost(self, seconds: float, mib: float) -> None:
        self.tally.slowest_s = max(self.tally.slowest_s, seconds)
        if mib > MOST_MIB:
            raise BrokenRuleError(f"it took {mib:.0f} MiB of memory, more than {MOST_MIB}")
        if seconds > self.most_s:
            raise BrokenRuleError(f"it took {seconds:.2f} s of processor time, more than {self.most_s:g} s")


def _most_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _given_up(seconds: float) -> Iterator[None]:
    """Raise when the body takes more processor time than this."""

    def hangs(*_: object) -> None:
        raise BrokenRuleError(f"it hangs: given up after {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def timed(note: Callable[[float], None]) -> Iterator[None]:
    """Tell the processor time of the body, even when it raises."""
    began = time.process_time()
    try:
        yield
    finally:
        note(time.process_time() - began)


def save(file: Path, name: str, given: Input, words: str) -> None:
    """Keep a failing input, to be tried again with `--again`.

    Args:
        file: JSON.
        name: Of the target.
        given: The input.
        words: What it did.
    """
    fields = asdict(given) | {
        key: None if value is None else base64.b64encode(value).decode()
        for key, value in (("payload", given.payload), ("correlation", given.correlation))
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"target": name, "words": words.splitlines(), **fields}, indent=1), encoding="utf-8")


def load(file: Path) -> tuple[str, Input]:
    """The target and the input of a saved failure."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    name, _ = kept.pop("target"), kept.pop("words")
    for key in ("payload", "correlation"):
        kept[key] = None if kept[key] is None else base64.b64decode(kept[key])
    return name, Input(**kept)
