"""What raises PSPI and is not pain: smiling, talking, yawning, sleeping, from the units and their last seconds.

Each of them explains some of the units that PSPI adds up, and no others; what it leaves unexplained still counts:

* a smile or laugh (AU12) explains cheeks, lids, nose and lip, for it raises them as pain does; it does not lower the
  brows;
* a mouth that keeps opening and closing talks or chews; that explains the raised upper lip (AU10) and nothing else;
* a mouth that stands wide open yawns, for some seconds; that explains cheeks, lids, lip and closed eyes, not AU9;
* eyes that have been closed for long are asleep; that explains the one point of AU43, so that a face at rest does not
  come near a low threshold by sleeping, and a grimace in sleep counts like any other.

The brow decides (AU4), for pain lowers it and these do not: a smile with a clearly lowered brow is none, nor is sleep,
and a wide mouth below strongly lowered brows cries. AU4 itself is never explained but by a smile that hardly has any.
Smile and sleep speak against pain when they are certain; talk, a yawn and a smile in doubt only do not speak for it, so
they can keep an alarm from being raised for as long as they last, and never end one.

The rules and their constants are our own, not published ones; docs/pain-state.md shows what they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from npng_edge.policy.face.pspi import eyes_closed
from npng_edge.units import LookAlike

if TYPE_CHECKING:
    from npng_edge.settings import Pain
    from npng_edge.units import ActionUnits

GAP_S = 3.0
"""After so long without a scored face everything begins anew."""
ASLEEP_S = 20.0
"""Eyes closed for so long sleep, or rest."""
EYES_OPEN_S = 1.5
"""Eyes that seem open for less have not been opened."""
WIDE = 2.0
"""A jaw (AU26) and lips (AU25) as open as this are wide open. The mouth of speech and of pain is seldom so wide."""
YAWN_S = 8.0
"""No yawn lasts longer."""
YAWN_APART_S = 15.0
"""A mouth that opens wide again sooner does not yawn a second time: this bounds how long a cry can be mistaken."""
NO_YAWN = 1.0
"""A nose wrinkled (AU9) or lips stretched (AU20) as much as this do not yawn: they cry."""
NO_YAWN_AU4 = 1.5
"""Brows lowered as much as this do not yawn either. Some people frown a little when they yawn."""
TURN = 1.0
"""A change of AU25 + AU26 as great as this is a movement of the mouth, not noise. AU17 and AU20 also move in speech,
but today's model reads them too badly (see its card)."""
TURNS = 3
"""Changes of direction within `TALK_S` that are talk; a mouth that opens in pain and closes again makes two."""
TALK_S = 3.0
"""Two to six syllables a second are too fast to be followed at a few readings a second; that the mouth keeps changing
its direction is seen at any rate."""
QUIET_PSPI = 2.0
"""A face that shows less, and does not smile, shows how its brows are at rest now."""
BROW_S = 60.0
"""Time constant of what is learnt of the brows at rest."""
MOST_BROW = 0.8
"""So much of AU4 at the most is put down to how the head lies: a brow that was as low before a smile is not lowered by
it, nor by sleep. Baselines follow too slowly for that."""


class Span(NamedTuple):
    """From when to when something was seen, short breaks included."""

    since: float
    last: float


class Mouth(NamedTuple):
    """The mouth's opening and closing."""

    opening: bool
    """Which way it goes."""
    extreme: float
    """AU25 + AU26 at the farthest it went that way."""
    turns: tuple[float, ...]
    """When it last changed its direction, at the most `TURNS` times."""


SHUT = Mouth(opening=True, extreme=0.0, turns=())


@dataclass(frozen=True, slots=True)
class LookAlikeState:
    """What is remembered of the last seconds."""

    seen: float = float("-inf")
    """When the face was last scored."""
    closed: Span | None = None
    """Both eyes."""
    wide: Span | None = None
    """The mouth."""
    mouth: Mouth = SHUT
    brow: float = 0.0
    """AU4 above the baseline while the face is quiet, slowly followed, 0 to `MOST_BROW`."""


class Points(NamedTuple):
    """PSPI, taken apart."""

    brow: float
    """AU4."""
    lids: float
    """AU6 or AU7."""
    nose: float
    """AU9."""
    lip: float
    """What AU10 has beyond AU9."""
    eyes: float
    """AU43."""


class Verdict(NamedTuple):
    """What a face is put down to."""

    look_alike: LookAlike | None
    certain: bool
    """Whether it speaks against pain; else it only does not speak for it. False without a look-alike."""
    explained: float
    """Points of PSPI that the look-alike explains; the rest counts."""


NOTHING = Verdict(None, certain=False, explained=0.0)


def step(
    state: LookAlikeState, scored: ActionUnits, raw: ActionUnits, now: float, settings: Pain
) -> tuple[LookAlikeState, Verdict]:
    """Judge one scored face.

    Args:
        state: As it was.
        scored: The units that PSPI is made of: above this patient's baseline where there is one.
        raw: The units as seen; how open a mouth is does not depend on a baseline.
        now: Seconds on the frame clock; must not go back.
        settings: What a smile is, and which AU4 wins.
    """
    if now - state.seen > GAP_S:
        state = LookAlikeState(seen=now, brow=state.brow)
    au = scored.intensity
    lips, jaw = raw.intensity["AU25"], raw.intensity["AU26"]
    nose = au["AU9"]
    points = Points(
        brow=au["AU4"],
        lids=max(au["AU6"], au["AU7"]),
        nose=nose,
        lip=max(0.0, au["AU10"] - nose),
        eyes=float(eyes_closed(raw.eyes_closed)),
    )
    smiling = au["AU12"] >= settings.smile_au12
    quiet = not smiling and points.brow + points.lids + points.nose + points.lip < QUIET_PSPI
    gap = now - state.seen
    state = LookAlikeState(
        seen=now,
        closed=_span(state.closed, now, EYES_OPEN_S, present=points.eyes > 0),
        wide=_span(state.wide, now, YAWN_APART_S, present=jaw >= WIDE and lips >= WIDE),
        mouth=_follow(state.mouth, lips + jaw, now),
        brow=min(state.brow + (points.brow - state.brow) * gap / (gap + BROW_S), MOST_BROW) if quiet else state.brow,
    )
    if smiling and points.brow - state.brow < settings.pain_au4:
        certain = points.brow - state.brow < settings.smile_au4
        return state, Verdict(LookAlike.SMILE, certain, sum(points))
    return state, _other(state, points, au["AU20"], now, settings)


def _other(state: LookAlikeState, points: Points, stretched: float, now: float, settings: Pain) -> Verdict:
    brow, lids, nose, lip, eyes = points
    turns = state.mouth.turns
    if len(turns) == TURNS and now - turns[0] <= TALK_S:
        return Verdict(LookAlike.TALK, certain=False, explained=lip)
    wide, crying = state.wide, brow >= NO_YAWN_AU4 or max(nose, stretched) >= NO_YAWN
    if wide and wide.last == now and now - wide.since <= YAWN_S and not crying:
        return Verdict(LookAlike.YAWN, certain=False, explained=lids + lip + eyes)
    if eyes and state.closed and now - state.closed.since >= ASLEEP_S and brow - state.brow < settings.pain_au4:
        return Verdict(LookAlike.SLEEP, certain=True, explained=eyes)
    return NOTHING


def _span(span: Span | None, now: float, patience: float, *, present: bool) -> Span | None:
    if present:
        return Span(span.since if span else now, now)
    return span if span and now - span.last <= patience else None


def _follow(mouth: Mouth, opening: float, now: float) -> Mouth:
    """Note the turning points of the mouth's opening."""
    forward = opening - mouth.extreme if mouth.opening else mouth.extreme - opening
    if forward >= 0.0:
        return Mouth(mouth.opening, opening, mouth.turns)
    if -forward < TURN:
        return mouth
    return Mouth(not mouth.opening, opening, (*mouth.turns, now)[-TURNS:])
