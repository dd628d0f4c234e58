"""The analgesic ledger: what was given, or may have been given, and how long ago it was at the least.

Limits can only be trusted as far as the clock they are counted by. The ledger has its own, built so that it never runs
faster than true time, whatever happens:

* It advances with the frame clock only, never with the wall clock, which may be set at any time.
* Of each second of the frame clock, `COUNTED` counts: the frame clock may be made to run fast by the time service.
* While the software is down it stands still. It goes on from what was last kept, which is earlier at the most.

So the age of a dose by this clock is never more than its true age, and whoever waits for an hour by it waits for a true
hour or longer. For the same reason a dose stands at the *latest* time at which it may have been given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.policy.stays.profile import Dose, Profile

COUNTED = 0.9
"""Of each second. Linux lets a time service drive its clocks, the monotonic one included, up to 10 % too fast
(adjtimex(2): a tick of 1,100,000/HZ microseconds) and 0.05 % more; 1 / 1.1005 is above this."""
HOUR_S = 3600.0
FOUR_HOURS_S = 4 * HOUR_S
KEPT_S = 12 * HOUR_S
"""A dose is forgotten when it is older by the ledger's clock: no limit reaches further, and no answer comes later."""
MOST_DOSES = 1000
"""The ledger holds no more; one bolus a minute, the shortest lockout there is, for `KEPT_S` is 720."""
SAVE_S = 60.0
"""While doses or an order are held the clock is kept so often; a loss of power adds this to what is waited for."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the ledger's clock stood at one time of this run."""

    time: float
    """Frame clock seconds."""
    elapsed: float
    """The ledger's clock then, seconds. Always what the profile says: else it is the clock of another profile."""


def read(clock: Clock | None, profile: Profile, now: float) -> float:
    """What the ledger's clock shows, seconds.

    Args:
        clock: Of this run; None before the first `follow`.
        profile: Holds the ledger.
        now: Frame clock seconds.
    """
    if clock is None or clock.elapsed != profile.ledger_elapsed:
        return profile.ledger_elapsed
    return clock.elapsed + COUNTED * max(0.0, now - clock.time)


def follow(clock: Clock | None, profile: Profile, now: float) -> tuple[Clock, Profile]:
    """Let the clock run on. The profile changes, and must be kept, about every `SAVE_S` and when an answer is overdue.

    Args:
        clock: As it was; None at the first call of a run.
        profile: Holds the ledger.
        now: Frame clock seconds.
    """
    if clock is None or clock.elapsed != profile.ledger_elapsed:
        return Clock(now, profile.ledger_elapsed), profile
    elapsed = read(clock, profile, now)
    in_use = bool(profile.ledger) or profile.prescription is not None
    saving = in_use and elapsed - clock.elapsed >= SAVE_S
    if not saving and not any(dose.state == "asked" and elapsed >= dose.elapsed for dose in profile.ledger):
        return clock, profile
    return Clock(now, elapsed), keep(profile, profile.ledger, elapsed)


def keep(profile: Profile, ledger: tuple[Dose, ...], elapsed: float) -> Profile:
    """The profile with this ledger, in order, without what is too old, at this time of the ledger's clock."""
    return replace(profile, ledger=tuple(sorted(_current(ledger, elapsed), key=_when)), ledger_elapsed=elapsed)


def spent(profile: Profile, drug: str, elapsed: float, window_s: float) -> float:
    """Milligrams of the drug that may have been given within the window before `elapsed`."""
    return sum(dose.mg for dose in profile.ledger if same_drug(dose.drug, drug) and elapsed - dose.elapsed < window_s)


def same_drug(one: str, other: str) -> bool:
    """Whether two names are the same but for capitals and spaces."""
    return one.casefold().split() == other.casefold().split()


def _current(ledger: tuple[Dose, ...], elapsed: float) -> Iterator[Dose]:
    for dose in ledger:
        if dose.state == "asked" and elapsed >= dose.elapsed:
            yield replace(dose, state="unanswered")
        elif elapsed - dose.elapsed < KEPT_S:
            yield dose


def _when(dose: Dose) -> float:
    return dose.elapsed
