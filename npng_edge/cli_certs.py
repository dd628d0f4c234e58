"""The commands for certificates: a test authority, and certificates for a broker, beds, stations and gateways."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from npng_edge.cli_common import errors, fail
from npng_edge.settings import Place

if TYPE_CHECKING:
    from npng_edge.certificates import Pair

app = typer.Typer(
    no_args_is_help=True,
    help="Make certificates for trying out a ward, or look at one. For tests only: a hospital has its own authority.",
)
console = Console(soft_wrap=True)

Folder = Annotated[Path, typer.Argument(help="Of the authority.")]
Days = Annotated[int, typer.Option(min=1, max=36500, help="How long it is valid.")]


@app.command("ca")
def make_ca(folder: Folder, days: Days = 1825) -> None:
    """Make a TEST authority: ca.pem, ca.key, and crl.pem, the list of revoked certificates."""
    from npng_edge.certificates import CertificateError, make_authority

    try:
        _say(make_authority(folder, days))
    except CertificateError as error:
        fail(error)


@app.command("broker")
def make_broker(
    folder: Folder,
    host: Annotated[list[str], typer.Option(help="Name or address that clients connect to; may be repeated.")],
    days: Days = 365,
) -> None:
    """Make the broker's certificate."""
    from npng_edge.certificates import CertificateError
    from npng_edge.certificates import make_broker as make

    try:
        _say(make(folder, host, days))
    except CertificateError as error:
        fail(error)


@app.command("device")
def make_device(
    folder: Folder,
    place: Annotated[str, typer.Option(help="facility/unit/bed, as in the device's configuration.")],
    days: Days = 365,
) -> None:
    """Make the certificate of a bedside device; its name is the place, which the broker's ACL goes by."""
    from npng_edge.certificates import CertificateError
    from npng_edge.certificates import make_device as make

    try:
        facility, unit, bed = place.split("/")
        where = Place(facility=facility, unit=unit, bed=bed)
    except ValueError:
        fail(f"--place {place}: give facility/unit/bed: letters, digits, dots, dashes, underscores", 2)
    try:
        _say(make(folder, where, days))
    except CertificateError as error:
        fail(error)


@app.command("station")
def make_station(
    folder: Folder,
    name: Annotated[str, typer.Option(help="MQTT user name; the broker's ACL must list it.")],
    days: Days = 365,
) -> None:
    """Make the certificate of a nurse station, or of another program that watches and asks."""
    _client(folder, "station", name, days)


@app.command("gateway")
def make_gateway(
    folder: Folder,
    name: Annotated[str, typer.Option(help="MQTT user name; the broker's ACL must list it.")],
    days: Days = 365,
) -> None:
    """Make the certificate of a gateway to monitors or pumps."""
    _client(folder, "gateway", name, days)


@app.command()
def revoke(folder: Folder, file: Annotated[Path, typer.Argument(help="The certificate to be refused.")]) -> None:
    """Put a certificate on crl.pem; the broker refuses it at the next connection, after reading the list again."""
    from npng_edge.certificates import CertificateError
    from npng_edge.certificates import revoke as put_on_list

    try:
        console.print(f"written: {put_on_list(folder, file)}", markup=False, highlight=False)
    except CertificateError as error:
        fail(error)


@app.command()
def show(file: Annotated[Path, typer.Argument(help="A certificate, PEM.")]) -> None:
    """Show what a certificate says: name, hosts, use, and until when."""
    from npng_edge.certificates import CertificateError, describe

    try:
        for key, value in describe(file):
            console.print(f"{key + ':':16}{value}", markup=False, highlight=False)
    except CertificateError as error:
        fail(error)


def _client(folder: Path, kind: str, name: str, days: int) -> None:
    from npng_edge.certificates import CertificateError, make_client

    try:
        _say(make_client(folder, kind, name, days))
    except CertificateError as error:
        fail(error)


def _say(pair: Pair) -> None:
    for path in (pair.certificate, pair.key):
        console.print(f"written: {path}", markup=False, highlight=False)
    errors.print("For tests only. A hospital's own authority signs what is used with patients.", style="bold")
