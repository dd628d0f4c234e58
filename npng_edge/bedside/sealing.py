"""The patient on the way to another bed: what is kept of a stay becomes a sealed bundle, and a bundle a profile."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from npng_edge.bedside.keeping import episode_row, hour_row
from npng_edge.policy import asked
from npng_edge.policy.analgesia import interlock
from npng_edge.policy.stays import life_cycle
from npng_edge.policy.stays.stay import Stay
from npng_edge.record import codec
from npng_edge.record.bundle import BundleError, open_bundle, seal
from npng_edge.record.history import HistoryRow
from npng_edge.record.keys import KeyFileError, read_key
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from npng_edge.policy.happening.episode import Episode
    from npng_edge.policy.state import State
    from npng_edge.policy.stays.profile import Profile
    from npng_edge.record.history import History, Kind
    from npng_edge.requests import Export, FetchEpisode
    from npng_edge.settings import Policy
    from npng_edge.units import Moment


T = TypeVar("T")

logger = logging.getLogger(__name__)


def export_stay(  # noqa: PLR0913 - what is sealed, and what with
    history: History,
    state: State,
    request: Export,
    moment: Moment,
    settings: Policy,
    *,
    key_file: Path | None,
    bed: str,
) -> str | Refusal:
    """Seal the present stay, what is still open of it included, or the newest that ended here and is still kept.

    Args:
        history: Where it is kept.
        state: Of the policy.
        request: Names the patient. One who has left can be sealed again: a bundle may be lost on its way.
        moment: Now.
        settings: Of the policy.
        key_file: Of the hospital's key; None: not configured.
        bed: facility/unit/bed.
    """
    key = _key(key_file)
    if isinstance(key, Refusal):
        return key
    patient = state.patient
    wrong = life_cycle.named(state.profile, request)
    if patient is None or wrong is not None:
        past = next((one for one in past_stays(history) if one[0].patient == request.patient), None)
        if past is None:
            return wrong or life_cycle.no_patient()
        stay = kept_stay(history, *past)
    else:
        kept, left = kept_stay(history, patient.profile), asked.leave(state, moment, settings)
        stay = replace(kept, hours=kept.hours + left.hours, episodes=kept.episodes + left.episodes)
    try:
        return seal(stay, key, bed=bed, utc=moment.utc)
    except BundleError as error:
        return error.refusal


def import_stay(
    text: str, key_file: Path | None, present: Profile | None, moment: Moment
) -> tuple[Stay, Profile] | Refusal:
    """Open a bundle; the profile is the one to go on with here."""
    key = _key(key_file)
    if isinstance(key, Refusal):
        return key
    try:
        bundle = open_bundle(text, key, utc=moment.utc)
    except BundleError as error:
        return error.refusal
    profile = life_cycle.accept(present, bundle.stay.profile, bundle.created_utc, moment)
    if isinstance(profile, Refusal):
        return profile
    return bundle.stay, interlock.moved(profile)


def past_stays(history: History) -> Iterator[tuple[Profile, float]]:
    """The profiles of stays that ended here and are still kept, and when they ended; the newest first."""
    ended = [(one.ended_utc, one.stay) for one in history.stays() if one.ended_utc is not None]
    for utc, stay in sorted(ended, reverse=True):
        row = history.row(stay, "profile", "profile")
        for profile in _read(codec.PROFILE, "profile", [] if row is None else [row]):
            yield profile, utc


def kept_stay(history: History, profile: Profile, ended_utc: float | None = None) -> Stay:
    """What is kept of a stay; a row that cannot be read is left out and logged."""
    rows = history.stay_rows(profile.stay)
    return Stay(
        profile,
        ended_utc,
        tuple(_read(codec.HOUR, "hour", rows)),
        tuple(_read(codec.EPISODE, "episode", rows)),
        tuple(_read(codec.AUDIT, "audit", rows)),
    )


def kept_episode(history: History, profile: Profile | None, request: FetchEpisode) -> Episode | Refusal:
    """An episode of the assigned patient."""
    if profile is None:
        return life_cycle.no_patient()
    row = history.row(profile.stay, "episode", request.episode_id)
    found = None if row is None else next(_read(codec.EPISODE, "episode", [row]), None)
    return found or Refusal(RefusalReason.UNKNOWN_ID, "No such episode of the assigned patient is kept.")


def rows_of(stay: Stay) -> list[HistoryRow]:
    """A stay from another bed, as it is kept here."""
    name = stay.profile.stay
    return [
        *(hour_row(name, hour) for hour in stay.hours),
        *(episode_row(name, episode) for episode in stay.episodes),
        *(
            HistoryRow(name, "audit", f"imported-{number}", one.utc, codec.AUDIT.encode(one))
            for number, one in enumerate(stay.audit)
        ),
    ]


def _read(kind: codec.Codec[T], name: Kind, rows: Iterable[HistoryRow]) -> Iterator[T]:
    for row in rows:
        if row.kind != name:
            continue
        try:
            yield kind.decode(row.body)
        except codec.CodecError as error:
            logger.error("%s %s of stay %s cannot be read: %s", name, row.id, row.stay, error)  # noqa: TRY400 - the text says it all


def _key(key_file: Path | None) -> bytes | Refusal:
    if key_file is None:
        return Refusal(RefusalReason.NO_KEY, "No key is configured: set storage.transfer_key_file.")
    try:
        return read_key(key_file)
    except KeyFileError as error:
        return Refusal(RefusalReason.NO_KEY, str(error))
