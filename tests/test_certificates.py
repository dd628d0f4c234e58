from __future__ import annotations

import ssl
import stat
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from npng_edge.certificates import CertificateError, describe, make_authority, make_broker, make_client, make_device
from npng_edge.cli_certs import app
from npng_edge.publish.tls import ends, fingerprint, in_words, tls_context
from npng_edge.settings import Place, Tls

if TYPE_CHECKING:
    from pathlib import Path

PLACE = Place(facility="demo", unit="ward-1", bed="bed-01")
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def run(*arguments: object) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An authority."""
    make_authority(tmp_path / "pki")
    return tmp_path / "pki"


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> dict[str, object]:
    """A whole handshake in memory, then one byte each way; returns the client's certificate as the server sees it."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends_of_it = [
        server.wrap_bio(there, back, server_side=True),
        client.wrap_bio(back, there, server_hostname=host),
    ]
    left = list(ends_of_it)
    for _ in range(10):
        for one in list(left):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                continue
            left.remove(one)
    assert not left
    for writer, reader in (ends_of_it, ends_of_it[::-1]):
        writer.write(b"x")
        assert reader.read(1) == b"x"
    seen = ends_of_it[0].getpeercert()
    assert seen is not None
    return dict(seen)


def strict_server(folder: Path) -> ssl.SSLContext:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    server.load_cert_chain(folder / "broker.pem", folder / "broker.key")
    server.load_verify_locations(folder / "crl.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return server


def test_both_sides_agree_under_the_strict_rules_of_python_3_13(folder: Path) -> None:
    make_broker(folder, ["broker.ward.example", "10.20.30.40", "::1"])
    bed = make_device(folder, PLACE)
    client = tls_context(Tls(ca=folder / "ca.pem", certificate=bed.certificate, key=bed.key))
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    for host in ("broker.ward.example", "10.20.30.40", "::1"):
        seen = shake_hands(strict_server(folder), client, host)
        assert (("commonName", "demo/ward-1/bed-01"),) in seen["subject"]  # type: ignore[operator]
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake_hands(strict_server(folder), client, "other.ward.example")
    assert "set broker.host to a name that stands in it" in in_words(str(caught.value))


def test_a_brokers_certificate_is_none_for_a_client_and_the_other_way_round(folder: Path) -> None:
    make_broker(folder, ["localhost"])
    bed = make_device(folder, PLACE)
    as_client = tls_context(Tls(ca=folder / "ca.pem", certificate=folder / "broker.pem", key=folder / "broker.key"))
    with pytest.raises(ssl.SSLError, match="unsuitable certificate purpose"):
        shake_hands(strict_server(folder), as_client, "localhost")
    server = strict_server(folder)
    server.load_cert_chain(bed.certificate, bed.key)
    with pytest.raises(ssl.SSLError, match="unsuitable certificate purpose"):
        shake_hands(server, tls_context(Tls(ca=folder / "ca.pem")), "localhost")


def test_the_commands_make_everything_once_and_keys_are_closed(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    commands = [
        ("ca", folder),
        ("broker", folder, "--host", "localhost", "--host", "127.0.0.1"),
        ("device", folder, "--place", "demo/ward-1/bed-01"),
        ("station", folder, "--name", "station-1"),
        ("gateway", folder, "--name", "vitals-1"),
    ]
    for command in commands:
        status, said = run(*command)
        assert status == 0, said
        assert "For tests only" in said
    stems = ["ca", "broker", "bed/demo/ward-1/bed-01", "station/station-1", "gateway/vitals-1"]
    for stem in stems:
        assert stat.S_IMODE((folder / f"{stem}.key").stat().st_mode) == 0o600
        organisation = x509.load_pem_x509_certificate((folder / f"{stem}.pem").read_bytes()).subject
        assert "not for hospital use" in str(organisation.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for command in commands:
        status, said = run(*command)
        assert status == 1
        assert "nothing is overwritten" in said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_key_left_alone_is_not_overwritten_either(folder: Path) -> None:
    pair = make_device(folder, PLACE)
    pair.certificate.unlink()
    secret = pair.key.read_bytes()
    with pytest.raises(CertificateError, match=r"bed-01\.key exists"):
        make_device(folder, PLACE)
    assert pair.key.read_bytes() == secret
    assert not pair.certificate.exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("device", "--place", "demo/ward-1"), "give facility/unit/bed"),
        (("device", "--place", "demo/ward-1/#"), "give facility/unit/bed"),
        (("device", "--place", f"demo/{'w' * 51}/bed-0001"), "64 (RFC 5280)"),
        (("device", "--place", "demo/ward-1/bed-01", "--days", "2000"), "fewer --days"),
        (("station", "--name", "demo/ward-1/bed-01"), "a slash is for beds alone"),
        (("gateway", "--name", "+"), "give a name of letters"),
        (("broker", "--host", "mqtt://broker:8883"), "no port, no wildcard"),
        (("broker", "--host", "*.ward.example"), "no port, no wildcard"),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(folder: Path, command: tuple[str, ...], words: str) -> None:
    before = sorted(folder.rglob("*"))
    status, said = run(command[0], folder, *command[1:])
    assert status in (1, 2)
    assert words in said
    assert sorted(folder.rglob("*")) == before


def test_without_an_authority_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    status, said = run("station", tmp_path, "--name", "s")
    assert status == 1
    assert f"npng-edge certs ca {tmp_path}" in said
    (tmp_path / "ca.key").write_text("nonsense")
    assert "cannot be used" in run("station", tmp_path, "--name", "s")[1]


def test_days_are_counted_from_now_and_an_hour_back_for_slow_clocks(tmp_path: Path) -> None:
    make_authority(tmp_path, 100, NOW)
    pair = make_client(tmp_path, "station", "s", 10, NOW)
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=10)
    assert ends(Tls(certificate=pair.certificate, key=pair.key)) == NOW + timedelta(days=10)
    assert ends(Tls()) is None
    said = dict(describe(pair.certificate, NOW))
    assert said["valid until"] == "2030-01-12 03:04 UTC, 10.0 days left"
    assert dict(describe(pair.certificate, NOW + timedelta(days=11)))["valid until"].endswith("EXPIRED")


def test_show_says_who_for_what_and_until_when(folder: Path) -> None:
    make_broker(folder, ["localhost", "127.0.0.1"])
    bed = make_device(folder, PLACE)
    assert "MQTT user name: demo/ward-1/bed-01" in run("show", bed.certificate)[1]
    said = run("show", folder / "broker.pem")[1]
    assert "localhost, 127.0.0.1" in said
    assert "none: not for a client" in said
    assert "authority: signs other certificates" in run("show", folder / "ca.pem")[1]
    status, said = run("show", bed.key)
    assert status == 1
    assert "private key" in said
    assert "BEGIN" not in said
    assert "No such file" in run("show", folder / "none.pem")[1]
    assert "no certificate" in run("show", folder / "crl.pem")[1]


def test_a_revoked_certificate_stands_on_the_signed_list_once(folder: Path, tmp_path: Path) -> None:
    beds = [make_device(folder, Place(facility="demo", unit="w", bed=f"bed-{n}")) for n in range(3)]
    serials = [x509.load_pem_x509_certificate(bed.certificate.read_bytes()).serial_number for bed in beds]
    for bed in beds[:2]:
        assert run("revoke", folder, bed.certificate)[0] == 0
    status, said = run("revoke", folder, beds[0].certificate)
    assert status == 1
    assert "revoked already" in said
    revoked = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    assert [entry.serial_number for entry in revoked] == serials[:2]
    assert revoked.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    assert revoked.next_update_utc == authority.not_valid_after_utc
    make_authority(tmp_path / "other")
    status, said = run("revoke", tmp_path / "other", beds[2].certificate)
    assert status == 1
    assert "not signed by the authority" in said


def test_other_content_is_another_fingerprint_whatever_the_times(folder: Path) -> None:
    bed = make_device(folder, PLACE)
    tls = Tls(ca=folder / "ca.pem", certificate=bed.certificate, key=bed.key)
    before = fingerprint(tls)
    bed.certificate.touch()
    assert fingerprint(tls) == before
    bed.certificate.write_bytes(bed.certificate.read_bytes() + b"\n")
    assert fingerprint(tls) != before
    assert fingerprint(Tls(ca=folder / "ca.pem")) != before


def test_an_error_that_is_not_known_is_passed_on() -> None:
    assert in_words("[SSL: NEW_THING] new thing") == "TLS: [SSL: NEW_THING] new thing"
