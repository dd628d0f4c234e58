"""A patient's stay as one sealed text, for another bed or for a report: encrypted, and refused when anything changed.

    base64( magic | id | created | nonce | AES-256-GCM( zlib( JSON of `Bundle` ) ) )

Magic, id and time can be read by everybody and are authenticated with the rest; the patient's pseudonym, the bed and
all figures are inside. The key of each bundle is derived from the hospital's key and the bundle's id (HKDF-SHA256, RFC
5869), so that no two bundles, and nothing else that uses the hospital's key, are ever encrypted with the same one.
A file `*.npngstay` holds the same text.
"""

from __future__ import annotations

import base64
import binascii
import logging
import secrets
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from npng_edge.record.codec import NAMES, Codec, CodecError
from npng_edge.record.keys import KEY_BYTES
from npng_edge.requests import Refusal, RefusalReason

if TYPE_CHECKING:
    from npng_edge.policy.stays.stay import Stay

SUFFIX = ".npngstay"
MOST_CHARACTERS = 8_000_000
"""Of the text; as `requests.Import.bundle` allows."""
MOST_BYTES = 64 * 2**20
"""Of the JSON inside: more is no stay."""
MOST_SAMPLES = 60_000
"""Of all episodes' series together, some 30 MB of that JSON; the newest episodes keep theirs."""
OLDEST_S = 7 * 86_400.0
"""An older bundle is not imported: the face and the orders of a week ago are not today's."""
NEWEST_S = 3_600.0
"""A bundle may come from so far in the future, for clocks of two beds differ."""
_MAGIC = b"NPNGSTAY1"
_HEADER = struct.Struct(f">{len(_MAGIC)}s16sd")
_NONCE_BYTES = 12
_LEVEL = 3  # a tenth larger than with 6, in a third of the time

logger = logging.getLogger(__name__)


class BundleError(Exception):
    """A bundle cannot be used."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail)
        """For the response to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds."""

    id: str
    """Unique for ever, 32 hexadecimal digits."""
    bed: str
    """facility/unit/bed where it was sealed."""
    created_utc: float
    """Seconds since 1970, by that bed's wall clock."""
    stay: Stay
    shortened: int = 0
    """Oldest episodes that had to leave their series behind."""
    left_out: int = 0
    """Oldest episodes, hours and audits that had no room."""


def seal(stay: Stay, key: bytes, *, bed: str, utc: float) -> str:
    """Encrypt a stay.

    The oldest episodes go without their series where those would be too many. When it is still too large for one
    request, the oldest rows are left out, half of the episodes at a time and then half of all; the profile never is.

    Args:
        stay: What is sealed.
        key: The hospital's, 32 bytes; see `keys.read_key`.
        bed: facility/unit/bed of this device.
        utc: Now, seconds since 1970.

    Returns:
        ASCII text of at the most `MOST_CHARACTERS`.

    Raises:
        BundleError: Even the profile alone is too large.
        CodecError: A figure in the stay is not a number.
    """
    name = secrets.token_bytes(16)
    bundle = _shortened(Bundle(name.hex(), bed, utc, stay))
    while (text := _seal(bundle, name, key)) is None:
        bundle = _smaller(bundle)
        logger.warning("Bundle %s is too large: %d oldest rows are left out", bundle.id, bundle.left_out)
    return text


def open_bundle(text: str, key: bytes, *, utc: float | None) -> Bundle:
    """Decrypt a bundle.

    Args:
        text: As sealed; white space is ignored.
        key: The hospital's, 32 bytes.
        utc: Now, seconds since 1970; None: its age does not matter, as for a report.

    Raises:
        BundleError: It is no bundle, was changed, is of another hospital, or of another time.
    """
    try:
        sealed = base64.b64decode("".join(text[: 2 * MOST_CHARACTERS].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BundleError(RefusalReason.MALFORMED, f"This is no bundle: no base64 ({error}).") from error
    header, nonce = sealed[: _HEADER.size], sealed[_HEADER.size : _HEADER.size + _NONCE_BYTES]
    if len(nonce) != _NONCE_BYTES or not header.startswith(_MAGIC):
        raise BundleError(RefusalReason.MALFORMED, "This is no bundle, or one of another version; seal it again.")
    _, name, created_utc = _HEADER.unpack(header)
    try:
        packed = _cipher(key, name).decrypt(nonce, sealed[len(header) + _NONCE_BYTES :], header)
    except InvalidTag as error:
        raise BundleError(
            RefusalReason.NOT_AUTHENTIC, "The bundle was changed, or sealed with another hospital's key."
        ) from error
    if utc is not None and not -NEWEST_S <= utc - created_utc <= OLDEST_S:
        hours = (utc - created_utc) / 3600
        raise BundleError(
            RefusalReason.OUT_OF_TIME,
            f"The bundle is {hours:.1f} h old; it must be at the most {OLDEST_S / 86_400:g} days old and not come from "
            "the future. Seal it again, and check the clocks of both beds.",
        )
    try:
        bundle = _CODEC.decode(_unpack(packed))
    except (CodecError, zlib.error) as error:
        raise BundleError(
            RefusalReason.MALFORMED, f"The bundle is authentic but cannot be read: {error}. Are both beds up to date?"
        ) from error
    if (bundle.id, bundle.created_utc) != (name.hex(), created_utc):
        raise BundleError(RefusalReason.MALFORMED, "The bundle's header and content differ.")
    return bundle


def _seal(bundle: Bundle, name: bytes, key: bytes) -> str | None:
    """The text; None when it is too large."""
    content = _CODEC.encode(bundle)
    if len(content) > MOST_BYTES:
        return None
    header, nonce = _HEADER.pack(_MAGIC, name, bundle.created_utc), secrets.token_bytes(_NONCE_BYTES)
    sealed = _cipher(key, name).encrypt(nonce, zlib.compress(content, _LEVEL), header)
    text = base64.b64encode(header + nonce + sealed).decode()
    return text if len(text) <= MOST_CHARACTERS else None


def _shortened(bundle: Bundle) -> Bundle:
    episodes, left, count = [], MOST_SAMPLES, 0
    for episode in reversed(bundle.stay.episodes):
        left -= len(episode.series)
        if left < 0 and episode.series:
            episodes.append(replace(episode, series=()))
            count += 1
        else:
            episodes.append(episode)
    return replace(bundle, stay=replace(bundle.stay, episodes=tuple(episodes[::-1])), shortened=count)


def _smaller(bundle: Bundle) -> Bundle:
    stay = bundle.stay
    if not _rows(stay):
        raise BundleError(RefusalReason.TOO_LONG, "The profile alone is larger than a bundle may be.")
    if stay.episodes:
        less = replace(stay, episodes=stay.episodes[(len(stay.episodes) + 1) // 2 :])
    else:
        less = replace(
            stay, hours=stay.hours[(len(stay.hours) + 1) // 2 :], audit=stay.audit[(len(stay.audit) + 1) // 2 :]
        )
    return replace(bundle, stay=less, left_out=bundle.left_out + _rows(stay) - _rows(less))


def _rows(stay: Stay) -> int:
    return len(stay.hours) + len(stay.episodes) + len(stay.audit)


def _unpack(packed: bytes) -> bytes:
    stream = zlib.decompressobj()
    content = stream.decompress(packed, MOST_BYTES)
    if not stream.eof:
        raise zlib.error("it is cut short, or larger than any stay")
    return content


def _cipher(key: bytes, name: bytes) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=name, info=b"npng-edge stay 1").derive(key)
    return AESGCM(derived)


_CODEC = Codec(Bundle, NAMES)
