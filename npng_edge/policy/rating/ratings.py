"""A rating meets the face: scores of the last half hour are kept, and a rating is paired with those around it.

What goes with a rating is the upper quartile of its window: pain shows in grimaces with rest between, which the median
of a minute misses, and the alarm listens to grimaces, too. A passing look-alike does not reach it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from statistics import quantiles
from typing import TYPE_CHECKING, TypeAlias

from npng_edge.policy.stays.profile import Rating
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.requests import Rate
    from npng_edge.settings import Sensitivity
    from npng_edge.units import Moment

    Score: TypeAlias = tuple[float, float]
    """Frame clock seconds, PSPI above baseline."""

SAMPLE_S = 1.0
"""One score a second is kept: a window does not gain from more."""
OLDEST_S = 1800.0
"""A rating may be entered so long after it was given."""
AHEAD_S = 2.0
"""Two clocks that agree may still differ by so much."""
ENOUGH = 0.25
"""Share of the seconds around a rating in which the face must have been scored."""
FEWEST = 3
"""Scores below which there are no quartiles."""
MOST_PENDING = 16
"""Ratings that may wait at the same time."""
BLOCK = 60
"""Scores in one block: adding a score copies one block, never the history."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A rating that waits until the time after it has been seen as well."""

    request: Rate
    time: float
    """Frame clock seconds at which it was given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rating that was accepted."""

    request: Rate
    result: Rating | Refusal
    """`no-score` when the face was hardly seen around it."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Scores of the last half hour and ratings that wait.

    At most one score a second for `OLDEST_S` and a window, in blocks (about 2,500 at the widest window), and
    `MOST_PENDING` ratings.
    """

    blocks: tuple[tuple[Score, ...], ...] = ()
    """Full blocks, oldest first."""
    newest: tuple[Score, ...] = ()
    """The block that fills; empty only before the first score."""
    pending: tuple[Pending, ...] = ()


def add(state: Ratings, now: float, score: float | None, settings: Sensitivity) -> Ratings:
    """Take the score of one reading.

    Args:
        state: As it was.
        now: Frame clock seconds; must not go back.
        score: PSPI above baseline, 0..16. None without a score, without a baseline, and while a look-alike explains
            the face: who tells a number talks.
        settings: The window.
    """
    if score is None or (state.newest and now - state.newest[-1][0] < SAMPLE_S):
        return state
    if len(state.newest) < BLOCK:
        return replace(state, newest=(*state.newest, (now, score)))
    oldest = now - OLDEST_S - AHEAD_S - settings.window_s
    blocks = tuple(block for block in (*state.blocks, state.newest) if block[-1][0] >= oldest)
    return replace(state, blocks=blocks, newest=((now, score),))


def rate(state: Ratings, request: Rate, moment: Moment, settings: Sensitivity) -> tuple[Ratings, Pending] | Refusal:
    """Accept a rating. Its outcome comes from `due`, once the window around it has passed.

    Returns:
        The new state and the waiting rating, or why it is refused: `out-of-time`, `no-score` (the window has passed
        and holds too few scores), `busy`.
    """
    ago = moment.utc - request.at.timestamp()
    if ago < -AHEAD_S:
        return Refusal(RefusalReason.OUT_OF_TIME, f"the rating is dated {-ago:.0f} s ahead; check the clocks")
    if ago > OLDEST_S:
        return Refusal(RefusalReason.OUT_OF_TIME, f"the rating is {ago / 60:.0f} minutes old; 30 is the most")
    if len(state.pending) >= MOST_PENDING:
        return Refusal(RefusalReason.BUSY, f"{MOST_PENDING} ratings wait for their window; try again in a minute")
    waiting = Pending(request, moment.time - ago)
    if waiting.time + settings.window_s <= moment.time:
        paired = _pair(state, waiting, settings)
        if isinstance(paired, Refusal):
            return paired
    return replace(state, pending=(*state.pending, waiting)), waiting


def due(state: Ratings, moment: Moment, settings: Sensitivity) -> tuple[Ratings, tuple[Outcome, ...]]:
    """Pair the ratings whose window has passed with what the face showed; call it at every tick."""
    ready = tuple(waiting for waiting in state.pending if waiting.time + settings.window_s <= moment.time)
    if not ready:
        return state, ()
    outcomes = tuple(Outcome(waiting.request, _pair(state, waiting, settings)) for waiting in ready)
    return replace(state, pending=tuple(waiting for waiting in state.pending if waiting not in ready)), outcomes


def shown(state: Ratings, now: float, settings: Sensitivity) -> float | None:
    """What the face showed of late, as a rating would be paired with it: the right score for a VAS estimate.

    Sorts a window of scores: meant for once a second, not for every reading.

    Returns:
        PSPI above baseline, 0..16; None when the face was hardly scored.
    """
    quartiles = _quartiles(_between(state, now - 2 * settings.window_s, now), settings)
    return None if quartiles is None else quartiles[1]


def _pair(state: Ratings, waiting: Pending, settings: Sensitivity) -> Rating | Refusal:
    scores = _between(state, waiting.time - settings.window_s, waiting.time + settings.window_s)
    quartiles = _quartiles(scores, settings)
    if quartiles is None:
        seen = f"the face was scored in {len(scores)} of the {2 * settings.window_s:.0f} s around the rating"
        return Refusal(RefusalReason.NO_SCORE, f"{seen}; rate again while it is seen and a baseline is known")
    low, high = quartiles
    request = waiting.request
    return Rating(
        utc=request.at.timestamp(),
        vas=request.vas,
        rater=request.rater,
        who=request.who,
        pspi=high,
        spread=high - low,
        samples=len(scores),
    )


def _between(state: Ratings, first: float, last: float) -> list[float]:
    return [
        score
        for block in (*state.blocks, state.newest)
        if block and block[-1][0] >= first and block[0][0] <= last
        for time, score in block
        if first <= time <= last
    ]


def _quartiles(scores: list[float], settings: Sensitivity) -> tuple[float, float] | None:
    """The lower and the upper one; None when the face was scored in too little of the window."""
    if len(scores) < max(FEWEST, ceil(ENOUGH * 2 * settings.window_s / SAMPLE_S)):
        return None
    low, _, high = quantiles(scores, n=4, method="inclusive")
    return low, high
