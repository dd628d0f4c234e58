"""What is done to a ward full of beds: nothing for a time, and a storm of reconnections."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proof.auditor import COUNTED
from proof.checker import Verdict, check
from proof.loaded_ward import POLL_S, wait
from proof.report import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proof.auditor import Auditor
    from proof.loaded_ward import LoadedWard
    from proof.usage import Usage

CONNECT_S = 180.0
QUIET_S = 30.0
LONGEST_STORM_S = 300.0
AGREEMENT_S = 10.0
"""The level goes out every five seconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """So many beds for a time, undisturbed."""

    beds: int
    pace: float
    """Scores that each bed made a second; 1.0, unless the machine is too slow to simulate so many."""
    connected_s: float
    """From the start of the beds until all were connected."""
    made: Counter[str]
    """Messages, by the name of their topic."""
    missing: Counter[str]
    """Of those, how many the auditor did not hear."""
    dropped: int | None
    """By the broker's own count."""
    alarms: Spread | None
    """From condition to the station's disk."""
    scores: Spread | None
    """From the making of a `pain` message to the auditor."""
    share: Mapping[str, float]
    """`broker`, `station`, `beds` -> share of one core."""
    memory_mb: Mapping[str, float]
    bed_kb: Mapping[str, float]
    """Memory that `broker`, `station` and `beds` took more than without beds, for each bed."""


@dataclass(frozen=True, slots=True)
class Storm:
    """All beds lose the broker at once, decide an alarm each, and come back."""

    name: str
    back_s: float | None
    """From when the broker listens again until all beds are connected; None: not in time."""
    settled_s: float | None
    """... until every alarm that waited has its receipt."""
    processor_s: Mapping[str, float]
    """`broker`, `station`, `beds` -> processor time until then."""
    attempts: Counter[str]
    """What became of attempts to connect."""


def connect(ward: LoadedWard) -> float:
    """Wait until all beds are connected; seconds.

    Raises:
        RuntimeError: They do not connect.
    """
    waited = wait(lambda: ward.ask("status").connected == ward.beds, CONNECT_S)
    if waited is None:
        raise RuntimeError(f"the beds do not connect: {ward.ask('status')}")
    return waited


def measure(ward: LoadedWard, auditor: Auditor, seconds: float, connected_s: float) -> Step:
    """Let the beds be busy for a time; then all is quiet, so that what was made can be compared with what was heard.

    Args:
        ward: All beds are connected.
        auditor: Listens since before the first bed.
        seconds: How long.
        connected_s: How long the beds took to connect.
    """
    _settle(ward)
    known = {one.id for one in ward.decided()}
    told = ward.ask("busy").told["pain"]
    before, begun, at = ward.usage(), time.monotonic(), time.time()
    time.sleep(seconds)
    after, lasted = ward.usage(), time.monotonic() - begun
    made = ward.ask("quiet").told
    wait(lambda: not missing(made, auditor) and ward.ask("status").owed == 0, QUIET_S)
    dropped = auditor.count("dropped")
    arrived = {one.id: one.at for one in ward.station.heard()}
    new = [one for one in ward.decided() if one.id not in known]
    return Step(
        beds=ward.beds,
        pace=(made["pain"] - told) / lasted / ward.beds,
        connected_s=connected_s,
        made=made,
        missing=missing(made, auditor),
        dropped=dropped,
        alarms=Spread.of([arrived[one.id] - one.at for one in new if one.id in arrived]),
        scores=Spread.of([delay for made_at, delay in auditor.delays if at <= made_at < at + lasted]),
        share={name: value / lasted for name, value in _spent(before, after).items()},
        memory_mb={name: taken.memory_mb for name, taken in after.items()},
        bed_kb={
            name: 1024 * (taken.memory_mb - ward.empty[name].memory_mb) / ward.beds for name, taken in after.items()
        },
    )


def storm(ward: LoadedWard, how: Literal["SIGTERM", "kill -9"], down_s: float) -> Storm:
    """End the broker, let every bed decide an alarm, and start the broker again.

    Args:
        ward: All beds are connected.
        how: The broker is ended.
        down_s: Seconds until it is started again.
    """
    _settle(ward)
    (ward.broker.stop if how == "SIGTERM" else ward.broker.kill)()
    before = ward.ask("alarm").connects
    time.sleep(down_s)
    ward.broker.start()
    begun, spent = time.monotonic(), ward.usage()
    back_s = settled_s = None
    while settled_s is None and time.monotonic() - begun < LONGEST_STORM_S:
        status, now = ward.ask("status"), time.monotonic() - begun
        if back_s is None and status.connected == ward.beds:
            back_s = now
        if back_s is not None and status.owed == 0:
            settled_s = now
        time.sleep(POLL_S)
    return Storm(
        name=f"{how}, {down_s:g} s away",
        back_s=back_s,
        settled_s=settled_s,
        processor_s=_spent(spent, ward.usage()),
        attempts=status.connects - before,
    )


def judge(ward: LoadedWard, auditor: Auditor) -> Verdict:
    """Compare what was decided with what arrived; a level that is on its way gets the time to come."""
    decided, heard = ward.decided(), ward.station.heard()
    wait(lambda: not check(decided, heard, auditor.levels).broken, AGREEMENT_S)
    return check(decided, heard, auditor.levels)


def missing(made: Counter[str], auditor: Auditor) -> Counter[str]:
    """How many of the messages made the auditor has not heard, by the name of their topic."""
    return Counter({name: made[name] for name in COUNTED}) - auditor.heard


def _settle(ward: LoadedWard) -> None:
    """End all alarms at random, and wait until none is without a receipt.

    Raises:
        RuntimeError: They do not come.
    """
    ward.ask("calm")
    if wait(lambda: ward.ask("status").owed == 0, CONNECT_S) is None:
        raise RuntimeError(f"alarms without a receipt: {ward.ask('status')}")


def _spent(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """Processor seconds."""
    return {name: after[name].processor_s - before[name].processor_s for name in after}
