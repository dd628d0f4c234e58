"""Episodes: opened when the condition `pain` becomes present, told when it ends, and told again with what doses did.

Called for every reading and tick. The memory is bounded by `before_s`, `longest_s`, `MOST_WAITING` and the bounds of
`ring` and `responses`. It lasts as long as the process: after a loss of power a present `pain` opens a new episode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from npng_edge.policy.happening import responses
from npng_edge.policy.happening import ring as rings
from npng_edge.policy.happening.account import Running, account
from npng_edge.policy.happening.episode import Closing, Episode
from npng_edge.policy.happening.responses import Given, Minutes
from npng_edge.policy.happening.ring import Ring

if TYPE_CHECKING:
    from npng_edge.policy.happening.episode import Sample
    from npng_edge.settings.policy import Episodes
    from npng_edge.units import Moment

LATE_S = 60.0
"""An onset may lie so long before the condition became present, and all of `before_s` is still there."""
MOST_WAITING = 8
"""Ended episodes to which the responses of doses are still added."""
MOST_RESPONSES = 12
"""Responses told per episode; later doses show in their `other_doses`."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An episode that has ended, and may be told again."""

    episode: Episode
    """As last told."""
    onset: float
    """Frame clock seconds; so is `end`."""
    end: float
    complete: int = 0
    """Doses whose responses were complete when it was last told."""


@dataclass(frozen=True, slots=True)
class HappeningState:
    """What is remembered of this patient's last minutes, episodes and doses."""

    run: str = ""
    """Names this run of the software for ever; begins the ids."""
    number: int = 0
    """Episodes opened in this run; not reset when a patient leaves."""
    ring: Ring = field(default_factory=Ring)
    minutes: Minutes = field(default_factory=Minutes)
    doses: tuple[Given, ...] = ()
    """Oldest first, at the most `responses.MOST_DOSES`."""
    running: Running | None = None
    waiting: tuple[Waiting, ...] = ()
    """Oldest first, at the most `MOST_WAITING`."""
    due: float = math.inf
    """Frame clock seconds at which the next response will be complete."""


def step(
    state: HappeningState, reading: Sample | None, moment: Moment, settings: Episodes, *, pain_since: float | None
) -> tuple[HappeningState, tuple[Episode, ...]]:
    """Take one reading in, or only let time pass.

    Args:
        state: As it was.
        reading: Made by `ring.sample`; None on a tick.
        moment: Now.
        settings: How much is kept.
        pain_since: Onset of the condition `pain` while it is present, frame clock seconds; None while it is not.

    Returns:
        The state, and the episodes that ended or of which more is known now.
    """
    now = moment.time
    told: tuple[Episode, ...] = ()
    running = state.running
    if reading is not None:
        onset = now - LATE_S if running is None else running.onset
        ring, done = rings.add(state.ring, reading, onset - settings.before_s)
        minutes = state.minutes if done is None else responses.add(state.minutes, done)
        # As `replace` does, but several times as quickly: this runs for every reading.
        state = HappeningState(state.run, state.number, ring, minutes, state.doses, running, state.waiting, state.due)
    if running is None:
        if pain_since is not None:
            state = _open(state, pain_since, now, None)
    elif pain_since is None:
        state, told = _close(state, running, moment, settings, Closing.OVER)
    elif now - running.onset >= settings.longest_s:
        state, told = _close(state, running, moment, settings, Closing.TOO_LONG)
        state = _open(state, now, now, running.id)
    if now >= state.due:
        state, again = _tell_again(state, now)
        told = (*told, *again)
    return state, told


def dose(state: HappeningState, moment: Moment, utc: float, drug: str, mg: float) -> HappeningState:
    """Note that an analgesic was given.

    Args:
        state: As it was.
        moment: Now.
        utc: When it was given; at the most `responses.KEPT_S` ago.
        drug: As ordered.
        mg: Milligrams.
    """
    given = Given(moment.time - (moment.utc - utc), utc, drug, mg)
    kept = [one for one in state.doses if one.time >= moment.time - responses.KEPT_S]
    doses = tuple(sorted((*kept, given), key=lambda one: one.time))[-responses.MOST_DOSES :]
    return _with_due(replace(state, doses=doses), moment.time)


def forget(state: HappeningState, moment: Moment, settings: Episodes) -> tuple[HappeningState, tuple[Episode, ...]]:
    """The patient leaves: tell what is known of all that is open, and forget everything but run and number."""
    told: list[Episode] = []
    if state.running is not None:
        state, closed = _close(state, state.running, moment, settings, Closing.PATIENT_LEFT)
        told += closed
    for waiting in state.waiting:
        last = _updated(state, waiting, moment.time, last=True)
        if last.episode.responses != waiting.episode.responses:
            told.append(_revised(last).episode)
    return HappeningState(state.run, state.number), tuple(told)


def _open(state: HappeningState, onset: float, raised: float, continues: str | None) -> HappeningState:
    number = state.number + 1
    return replace(state, number=number, running=Running(f"{state.run}-e{number}", continues, onset, raised))


def _close(
    state: HappeningState, running: Running, moment: Moment, settings: Episodes, closing: Closing
) -> tuple[HappeningState, tuple[Episode, ...]]:
    samples = rings.between(state.ring, running.onset - settings.before_s, moment.time)
    ended = Waiting(account(running, samples, moment, closing), running.onset, moment.time)
    ended = _updated(state, ended, moment.time)
    state = replace(state, running=None, waiting=(*state.waiting, ended)[-MOST_WAITING:])
    return _with_due(state, moment.time), (ended.episode,)


def _tell_again(state: HappeningState, now: float) -> tuple[HappeningState, tuple[Episode, ...]]:
    """Tell each ended episode again for which a response was completed."""
    waiting, told = [], []
    for before in state.waiting:
        after = _updated(state, before, now)
        if after.complete > before.complete:
            after = _revised(after)
            told.append(after.episode)
        waiting.append(after)
    return _with_due(replace(state, waiting=tuple(waiting)), now), tuple(told)


def _updated(state: HappeningState, waiting: Waiting, now: float, *, last: bool = False) -> Waiting:
    """The episode with what is known now of the responses, its revision as it was."""
    doses = _doses_of(state, waiting)
    told = tuple(responses.response(one, state.doses, state.minutes, now, last=last) for one in doses)
    complete = sum(responses.complete_at(one) <= now for one in doses)
    return replace(waiting, episode=replace(waiting.episode, responses=told), complete=complete)


def _revised(waiting: Waiting) -> Waiting:
    return replace(waiting, episode=replace(waiting.episode, revision=waiting.episode.revision + 1))


def _doses_of(state: HappeningState, waiting: Waiting) -> tuple[Given, ...]:
    """The doses whose responses belong to an episode: from its onset to an hour after its end."""
    last = waiting.end + responses.FOLLOWED_S
    return tuple(one for one in state.doses if waiting.onset <= one.time <= last)[:MOST_RESPONSES]


def _with_due(state: HappeningState, now: float) -> HappeningState:
    """Work out when the next response will be complete; one that is complete and not told is due now."""
    due = math.inf
    for waiting in state.waiting:
        times = [responses.complete_at(one) for one in _doses_of(state, waiting)]
        if sum(time <= now for time in times) > waiting.complete:
            due = now
        due = min([due, *(time for time in times if time > now)])
    return replace(state, due=due)
