"""Requests that concern what the device has kept, and that the policy does not see: send this again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from npng_edge.bedside.sealing import kept_episode
from npng_edge.policy.decisions import Outcome
from npng_edge.record.outbox import Outgoing
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.publish.stamp import Stamp
    from npng_edge.publish.topics import Topics
    from npng_edge.record.outbox import Outbox
    from npng_edge.requests import FetchEpisode, Replay


def fetch_episode(  # noqa: PLR0913 - where from, where to, and what
    outbox: Outbox, stamp: Stamp, topics: Topics, profile: Profile | None, name: str, request: FetchEpisode
) -> Outcome:
    """Send a kept episode of the assigned patient again."""
    found = kept_episode(outbox.history, profile, request)
    if profile is None or isinstance(found, Refusal):
        return Outcome(name, request, "refused", found if isinstance(found, Refusal) else None)
    message = stamp.episode(found, profile.patient, profile.stay)
    outbox.commit([Outgoing(message.id, "score", topics.episode, message.payload())])
    return Outcome(name, request, "done", None, "It comes on the topic episode.")


def replay(outbox: Outbox, name: str, request: Replay) -> Outcome:
    """Send delivered alarms again; those that have no receipt yet come anyway."""
    wanted = range(request.first, request.last + 1)
    found = outbox.again(request.run, lambda payload: json.loads(payload)["sequence"] in wanted)
    if found == 0:
        detail = "None of these messages is kept. Those that have no receipt yet are sent anyway."
        return Outcome(name, request, "refused", Refusal(RefusalReason.UNKNOWN_ID, detail))
    detail = f"{found} of {len(wanted)} messages come again on the topic alarm."
    return Outcome(name, request, "done", None, detail)
