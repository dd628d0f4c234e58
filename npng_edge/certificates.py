"""Certificates for trying out a ward: a test authority, and what it signs for a broker, beds, stations and gateways.

Everything here is for tests and says so in its names. A hospital has an authority of its own, with keys in hardware;
the shape of the certificates (names, extensions) is what it should copy. Keys are elliptic (P-256); extensions are
those that RFC 5280 demands and Python 3.13 insists on. A key is written for its owner alone, and nothing is ever
overwritten, but for the list of revoked certificates, which is replaced as a whole.

The common name of a client's certificate is its MQTT user name: `facility/unit/bed` for a bed, a name without a slash
for everybody else, so that no station can be taken for a bed.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from npng_edge.settings import Place

AUTHORITY = "ca"
"""`ca.pem` and `ca.key` in the authority's folder."""
REVOKED = "crl.pem"
"""The list of revoked certificates, from the start, so that a broker can be told to read it."""
MARK = "TEST ONLY - not for hospital use"
"""Stands in every certificate as its organisation."""
AUTHORITY_DAYS = 1825
DAYS = 365
_BACK = timedelta(hours=1)
"""Certificates are valid from so long ago: a device's clock may be a little slow."""
_LONGEST_NAME = 64
"""RFC 5280, ub-common-name."""
_CLIENT = "client of a broker"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class CertificateError(Exception):
    """A certificate cannot be made or read. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate."""

    certificate: Path
    key: Path


def make_authority(folder: Path, days: int = AUTHORITY_DAYS, now: datetime | None = None) -> Pair:
    """Make a test authority, and an empty list of revoked certificates.

    Args:
        folder: Made if need be, closed to others.
        days: How long it and the list are valid from now, at least 1.
        now: The present, with a time zone; None: the clock's.

    Raises:
        CertificateError: There is one already, or the folder cannot be written.
    """
    begin, end = _period(days, now)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("npng-edge test authority")
    certificate = (
        _begun(name, name, key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    pair = _write(folder / AUTHORITY, certificate, key)
    _write_revoked(folder, certificate, key, [], begin)
    return pair


def make_broker(folder: Path, hosts: Sequence[str], days: int = DAYS, now: datetime | None = None) -> Pair:
    """Sign a certificate for a broker.

    Args:
        folder: Of the authority; the files are `broker.pem` and `broker.key`.
        hosts: Every name and address by which clients connect; the first is the common name too.
        days: How long it is valid from now.
        now: The present, with a time zone; None: the clock's.

    Raises:
        CertificateError: A name is none, there is one already, or the authority cannot be used.
    """
    if not hosts:
        raise CertificateError("a broker needs at least one --host: the name or address that clients connect to")
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    return _issue(folder, "broker", hosts[0], _period(days, now), names)


def make_device(folder: Path, place: Place, days: int = DAYS, now: datetime | None = None) -> Pair:
    """Sign a certificate for the device at a bed: files `bed/{facility}/{unit}/{bed}.pem` and `.key`.

    Raises:
        CertificateError: The name is too long, there is one already, or the authority cannot be used.
    """
    name = f"{place.facility}/{place.unit}/{place.bed}"
    return _issue(folder, f"bed/{name}", name, _period(days, now))


def make_client(folder: Path, kind: str, name: str, days: int = DAYS, now: datetime | None = None) -> Pair:
    """Sign a certificate for a station or a gateway: files `{kind}/{name}.pem` and `.key`.

    Args:
        folder: Of the authority.
        kind: `station` or `gateway`; what a name may do stands in the broker's ACL, not in the certificate.
        name: The MQTT user name: letters, digits, dot, dash, underscore; no slash.
        days: How long it is valid from now.
        now: The present, with a time zone; None: the clock's.

    Raises:
        CertificateError: The name cannot be used, there is one already, or the authority cannot be used.
    """
    if _PLAIN.fullmatch(name) is None:
        raise CertificateError(f"{name!r}: give a name of letters, digits, dots, dashes; a slash is for beds alone")
    return _issue(folder, f"{kind}/{name}", name, _period(days, now))


def revoke(folder: Path, file: Path, now: datetime | None = None) -> Path:
    """Put a certificate on the authority's list of revoked ones.

    Returns:
        The list; the broker must read it again.

    Raises:
        CertificateError: It is not this authority's, or stands on the list already.
    """
    authority, key = _authority(folder)
    certificate = read_certificate(file)
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError(f"{file}: not signed by the authority in {folder}, so it cannot revoke it") from error
    path = folder / REVOKED
    try:
        before = list(x509.load_pem_x509_crl(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: the list of revoked certificates cannot be read: {error}") from error
    if any(entry.serial_number == certificate.serial_number for entry in before):
        raise CertificateError(f"{file}: revoked already")
    begin = now or datetime.now(timezone.utc)
    entry = x509.RevokedCertificateBuilder(certificate.serial_number, begin).build()
    return _write_revoked(folder, authority, key, [*before, entry], begin)


def read_certificate(file: Path) -> x509.Certificate:
    """Read a certificate; the first, if the file holds more.

    Raises:
        CertificateError: It cannot be read or is something else.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}") from error
    if b"PRIVATE KEY" in content:
        raise CertificateError(f"{file}: this is a private key; keep it closed, and name the certificate (.pem)")
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise CertificateError(f"{file}: this is no certificate (PEM)") from error


def describe(file: Path, now: datetime | None = None) -> list[tuple[str, str]]:
    """What a certificate says, as pairs of words for people.

    Raises:
        CertificateError: It cannot be read or is something else.
    """
    certificate = read_certificate(file)
    end = certificate.not_valid_after_utc
    left = (end - (now or datetime.now(timezone.utc))) / timedelta(days=1)
    use = _use(certificate)
    return [
        ("subject", certificate.subject.rfc4514_string()),
        ("MQTT user name", _common_name(certificate.subject) if use == _CLIENT else "none: not for a client"),
        ("signed by", certificate.issuer.rfc4514_string()),
        ("hosts", ", ".join(_hosts(certificate)) or "none: not for a broker"),
        ("use", use),
        ("valid from", f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"),
        ("valid until", f"{end:%Y-%m-%d %H:%M} UTC, " + (f"{left:.1f} days left" if left > 0 else "EXPIRED")),
        ("serial", f"{certificate.serial_number:x}"),
        ("SHA-256", certificate.fingerprint(SHA256()).hex()),
    ]


def _issue(
    folder: Path,
    stem: str,
    name: str,
    period: tuple[datetime, datetime],
    names: x509.SubjectAlternativeName | None = None,
) -> Pair:
    """Sign with the authority of a folder: for a broker with `names`, else for a client."""
    authority, authority_key = _authority(folder)
    if period[1] > authority.not_valid_after_utc:
        raise CertificateError(
            f"the authority itself ends on {authority.not_valid_after_utc:%Y-%m-%d}: give fewer --days, "
            "or make a new one in another folder"
        )
    use = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _begun(_name(name), authority.subject, key.public_key(), *period)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return _write(folder / stem, builder.sign(authority_key, SHA256()), key)


def _period(days: int, now: datetime | None) -> tuple[datetime, datetime]:
    begin = now or datetime.now(timezone.utc)
    return begin, begin + timedelta(days=days)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BACK)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    if len(common) > _LONGEST_NAME:
        raise CertificateError(
            f"{common}: {len(common)} characters; a certificate's name has at most {_LONGEST_NAME} (RFC 5280)"
        )
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        if _HOST.fullmatch(text) is None:
            raise CertificateError(f"--host {text}: neither a host name nor an address; no port, no wildcard") from None
        return x509.DNSName(text)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path = folder / f"{AUTHORITY}.key"
    if not path.exists():
        raise CertificateError(f"{folder} holds no authority; make one: npng-edge certs ca {folder}")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"{path}: the authority's key cannot be used: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path}: not a key that `npng-edge certs ca` made")
    return read_certificate(folder / f"{AUTHORITY}.pem"), key


def _write(stem: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    """Write both files, the key for its owner alone; never over others."""
    pair = Pair(stem.with_name(f"{stem.name}.pem"), stem.with_name(f"{stem.name}.key"))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (pair.certificate, pair.key):
            if path.exists():
                raise CertificateError(f"{path} exists, and nothing is overwritten; move it away first")
        for path, content, mode in (
            (pair.key, secret, 0o600),
            (pair.certificate, certificate.public_bytes(Encoding.PEM), 0o644),
        ):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
    except OSError as error:
        raise CertificateError(f"{error.filename or stem}: {error.strerror}") from error
    return pair


def _write_revoked(
    folder: Path,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    entries: Sequence[x509.RevokedCertificate],
    now: datetime,
) -> Path:
    """Replace the list in one step. It is valid as long as the authority: one that ends would shut everybody out."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _BACK)
        .next_update(authority.not_valid_after_utc)
        .add_extension(x509.CRLNumber(len(entries)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
            critical=False,
        )
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    path = folder / REVOKED
    new = path.with_suffix(".new")
    try:
        new.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
        new.replace(path)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    return path


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "none"


def _hosts(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _use(certificate: x509.Certificate) -> str:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return "authority: signs other certificates"
    words = {ExtendedKeyUsageOID.SERVER_AUTH: "broker", ExtendedKeyUsageOID.CLIENT_AUTH: _CLIENT}
    return ", ".join(words.get(use, use.dotted_string) for use in uses)
