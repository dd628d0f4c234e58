"""TLS to the broker: the context from files, whether they have changed, when they end, and its errors in plain words.

An error of TLS is made for programmers, and half of them come from the other side as a bare code. The person at the
bedside needs to know whose certificate it is about and what to do.
"""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from npng_edge.settings import Tls

_WORDS = (
    # What the broker says of our certificate (alerts of RFC 8446, section 6).
    ("ALERT CERTIFICATE REQUIRED", "the broker asks for a certificate: set broker.tls.certificate and broker.tls.key"),
    (
        "ALERT CERTIFICATE EXPIRED",
        "the broker says that this device's certificate has expired: install a new one. If it has not, the broker's "
        "clock is wrong or its list of revoked certificates has expired",
    ),
    ("ALERT CERTIFICATE REVOKED", "this device's certificate has been revoked: install a new one"),
    (
        "ALERT UNKNOWN CA",
        "the broker does not know the authority that signed this device's certificate: install one of the broker's",
    ),
    (
        "ALERT BAD CERTIFICATE",
        "the broker does not accept this device's certificate: it is not valid yet by the broker's clock, or damaged",
    ),
    (
        "ALERT UNSUPPORTED CERTIFICATE",
        "this device's certificate is not made for a client of a broker: install one that is",
    ),
    (
        "ALERT HANDSHAKE FAILURE",
        "the broker asks for a certificate, or shares no cipher: set broker.tls.certificate and broker.tls.key",
    ),
    ("PROTOCOL VERSION", "the broker speaks no TLS 1.2 or later: let it"),
    ("UNSUPPORTED PROTOCOL", "the broker speaks no TLS 1.2 or later: let it"),
    # What we say of the broker's certificate.
    (
        "MISMATCH, CERTIFICATE IS NOT VALID FOR",
        "the broker's certificate is for another name: set broker.host to a name that stands in it",
    ),
    (
        "CERTIFICATE HAS EXPIRED",
        "the broker's certificate has expired: give the broker a new one. If it has not, this device's clock is wrong",
    ),
    (
        "CERTIFICATE IS NOT YET VALID",
        "the broker's certificate is not valid yet: this device's clock is wrong, or the broker's certificate is",
    ),
    (
        "GET LOCAL ISSUER",
        "the broker's certificate is not signed by an authority in broker.tls.ca: put the right authority there",
    ),
    (
        "SIGNED CERTIFICATE",
        "the broker's certificate is not signed by an authority in broker.tls.ca: put the right authority there",
    ),
    (
        "CERTIFICATE SIGNATURE FAILURE",
        "the broker's certificate is not signed by an authority in broker.tls.ca: put the right authority there",
    ),
    ("KEY VALUES MISMATCH", "broker.tls.certificate and broker.tls.key do not belong together: install both anew"),
    ("WRONG VERSION NUMBER", "there is no TLS on this port: correct broker.port, or leave out broker.tls"),
)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Read the files anew, so that a renewed certificate is used at the next connect.

    Raises:
        OSError: A file cannot be read, or is no certificate or key.
    """
    for file in (tls.ca, tls.certificate, tls.key):
        if file is not None:
            file.open("rb").close()  # ssl's own error does not name the file.
    context = ssl.create_default_context(cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def fingerprint(tls: Tls) -> bytes:
    """SHA-256 over what the files hold; another one means that they were renewed.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    for file in (tls.ca, tls.certificate, tls.key):
        content = b"" if file is None else file.read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.digest()


def ends(tls: Tls) -> datetime | None:
    """When our own certificate ends (UTC); None without one.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no certificate.
    """
    if tls.certificate is None:
        return None
    from cryptography import x509  # noqa: PLC0415 - slow, and needed with TLS only

    return x509.load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc


def in_words(trouble: str) -> str:
    """What an error of TLS means and what to do, and the error itself; that alone if it is not known.

    Args:
        trouble: Text of the error, as Python or OpenSSL wrote it.
    """
    text = trouble.upper().replace("_", " ")
    return next((f"{words} ({trouble})" for sign, words in _WORDS if sign in text), f"TLS: {trouble}")
