"""The board in words: each thing that it shows as one plain line."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from npng_edge.policy.happening.episode import TriggerKind
from npng_edge.station.model import episode, fusion, score, status
from npng_edge.units import Activation, Change, PainLevel, Presence

if TYPE_CHECKING:
    from npng_edge.publish.messages import AlarmPart, Episode, Fusion, Pain
    from npng_edge.station.model import Bed, Event

MARKS = {"high": "!!!", "medium": "!!", "low": "!"}
"""Of the alarm priorities, where there is no colour."""
LEVELS = {
    PainLevel.NONE: "no sign of pain",
    PainLevel.RAISED: "raised",
    PainLevel.PAIN: "pain",
    PainLevel.SEVERE: "severe pain",
}
NO_PATIENT = "no patient assigned"
_CHANGES = {
    Change.RAISED: "ALARM",
    Change.ENDED: "ended",
    Change.LATCHED: "over, not seen to",
    Change.CAUSE: "changed",
    Change.ESCALATED: "ESCALATED",
    Change.REMINDED: "STILL",
    Change.ACKNOWLEDGED: "acknowledged",
    Change.ACKNOWLEDGEMENT_EXPIRED: "STILL, acknowledgement over",
    Change.PAUSED: "paused",
    Change.PAUSE_EXPIRED: "STILL, pause over",
    Change.RESUMED: "resumed",
}
"""In capitals what calls for somebody."""
_TRIGGERS = {
    TriggerKind.MOVEMENT: "the patient moved",
    TriggerKind.HANDLING: "somebody was with the patient",
    TriggerKind.REST: "at rest",
}


def printable(text: str) -> str:
    """The text without anything that could steer the terminal: it comes from the network."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def local(moment: datetime) -> str:
    """Time of day here."""
    return f"{moment.astimezone():%H:%M:%S}"


def lasting(since: datetime) -> str:
    """How long ago that was, e.g. `1:05` or `3 h 07 min`."""
    seconds = max(0, int((datetime.now(timezone.utc) - since).total_seconds()))
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def event_words(event: Event) -> str:
    """One event: when, where, what, and what to do when somebody is called."""
    head = f"{local(event.at)} {printable(event.bed)}"
    if event.alarm is None:
        return f"{head} is {event.state}"
    part, change = event.alarm.alarm, _CHANGES[event.alarm.change]
    silenced = "" if part.until is None else f" until {local(part.until)} by {printable(part.by or 'nobody')}"
    tail = f" {printable(part.action)}" if change.isupper() or change.startswith("STILL") else ""
    return (
        f"{head} {change} {MARKS[part.priority.value]} {printable(part.condition)}{silenced}: "
        f"{printable(part.cause)}{tail}"
    )


def score_words(bed: Bed, now: float) -> str:
    """The present score of a bed with what belongs to it."""
    pain, known = score(bed, now), fusion(bed, now)
    said = [_score(pain, bed, now)]
    if pain is not None and pain.pspi is not None:
        said += [judged(pain), *filter(None, [vas(pain), alike(pain)])]
    if bed.patient is not None:
        said.insert(1, f"patient {printable(bed.patient)}")
    if known is not None:
        said.append(f"ward priority {known.priority}")
    silent = [name for name in bed.paused if name not in {part.condition for part in bed.alarms}]
    said += [f"{printable(name)} paused until {local(bed.paused[name])}" for name in silent]
    alarms = ", ".join(f"{printable(part.condition)}{_manner(part)}" for part in bed.alarms)
    tail = f"; alarms: {alarms}" if alarms else ""
    return f"{local(datetime.now(timezone.utc))} {printable(bed.name)} {'; '.join(said)}{tail}"


def figures(pain: Pain) -> str:
    """The score against this patient's own face and threshold."""
    above = "no baseline yet" if pain.pspi_above_baseline is None else f"{pain.pspi_above_baseline:.1f} above baseline"
    error = "" if pain.pspi_error is None else f" ± {pain.pspi_error:.1f}"
    return f"PSPI {pain.pspi:.1f}{error}, {above}"


def limits(pain: Pain) -> str:
    """From which scores this patient's pain alarms."""
    origin = "" if pain.threshold_origin == "configured" else f" ({pain.threshold_origin})"
    return f"alarm from {pain.threshold:.1f}{origin}, severe {pain.threshold_severe:.1f}"


def judged(pain: Pain) -> str:
    """Level, since when, whither and how sure."""
    if pain.level is None:
        return "level unknown"
    parts = [LEVELS[pain.level]]
    if pain.level_since is not None:
        parts[0] += f" since {local(pain.level_since)} ({lasting(pain.level_since)})"
    if pain.trend is not None:
        parts.append(pain.trend.value)
    if pain.confidence is not None:
        parts.append(f"confidence {pain.confidence:.0%}")
    return ", ".join(parts)


def vas(pain: Pain) -> str:
    """The estimate of the patient's own rating, or that the face tells too little for one; empty: none is made."""
    if pain.sensitivity_reason == "not-expressive":
        return "the face tells little of this patient: ask, or observe"
    made = pain.vas_estimate
    return "" if made is None else f"VAS about {made.value:.1f} ({made.low:.1f} to {made.high:.1f})"


def alike(pain: Pain) -> str:
    """What the score is put down to instead of pain; empty: nothing."""
    return "" if pain.look_alike is None else f"put down to {pain.look_alike.value}, not pain"


def why(pain: Pain | None, state: str) -> str:
    """Why there is no score."""
    if pain is None:
        words = {"online": "no score arrives", "unknown": "no score arrives", "lost": "nothing is heard"}
        return words.get(state, state)
    reasons = ", ".join(reason.value for reason in pain.reasons)
    return f"cannot see: {reasons}" if reasons else "not scored"


def presence(part: AlarmPart) -> str:
    """Whether the alarm calls for somebody, and if not, until when and by whose word."""
    until = "" if part.until is None else f" until {local(part.until)}"
    by = "" if part.by is None else f" by {printable(part.by)}"
    if part.activation is Activation.PAUSED:
        return f"paused{until}{by}"
    if part.presence is Presence.ACKNOWLEDGED:
        return f"acknowledged{until}{by}"
    return "over, but nobody has seen to it" if part.presence is Presence.LATCHED else part.presence.value


def priority(known: Fusion) -> str:
    """How urgent the bed is in the ward, and why."""
    points = ", ".join(f"{printable(name)} {number}" for name, number in known.points.items() if number)
    words = f"ward priority {known.priority}" + (f" ({points})" if points else "")
    if known.news2 is not None and known.news2.parameters:
        total = known.news2.total
        words += f"; NEWS2 {known.news2.at_least} or more" if total is None else f"; NEWS2 {total}"
    if known.support.level is not None:
        words += f"; vital signs go along {known.support.level:.0%}"
    return words


def last_episode(bed: Bed) -> str:
    """The assigned patient's last episode and what most likely started it; empty: none is known."""
    known = episode(bed)
    return "" if known is None else _episode(known)


def _episode(message: Episode) -> str:
    record, trigger = message.episode, message.episode.trigger
    peak = "" if record.peak_pspi is None else f", PSPI up to {record.peak_pspi:.1f}"
    onset = local(datetime.fromtimestamp(record.onset_utc, timezone.utc))
    if trigger.kind is None:
        started = "what started it is not known"
    else:
        region = "" if trigger.region is None else f" ({printable(trigger.region)})"
        started = f"before it {_TRIGGERS[trigger.kind]}{region}, {trigger.confidence:.0%} sure"
    return f"last episode {onset}, {record.duration_s:.0f} s{peak}; {started}"


def _score(pain: Pain | None, bed: Bed, now: float) -> str:
    if pain is not None and pain.pspi is not None:
        return f"{figures(pain)}, {limits(pain)}"
    state = status(bed, now)
    if bed.assigned is False and state in ("online", "unknown"):
        return f"{NO_PATIENT}, nothing is scored"
    return f"PSPI unknown ({why(pain, state)})"


def _manner(part: AlarmPart) -> str:
    words = presence(part)
    return "" if words == Presence.ON.value else f" ({words})"
