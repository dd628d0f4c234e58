"""`npng-edge demo`: a broker, the daemon and the board on one machine, started and ended together.

The daemon and the broker are processes of their own, as on a ward; the board sees only what a nurse station would.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from npng_edge import config
from npng_edge.ask import AskError, ask, make_request
from npng_edge.requests import RefusalReason
from npng_edge.settings import Broker, Settings
from npng_edge.station import board
from npng_edge.station.journal import Journal, JournalError
from npng_edge.station.receiver import Receiver
from npng_edge.station.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

DEMO_PATIENT = "demo-patient"
DEFAULT_CONFIG = Path("npng-edge.yaml")
_USUAL_PORT = 1883
_LOOPBACK = "127.0.0.1"
DAEMON = (sys.executable, "-m", "npng_edge", "run", "--config")
_START_S = 10.0
_ASSIGN_S = 60.0
"""A small computer may take a while to start the daemon."""
_STOP_DAEMON_S = 2.0
_STOP_BROKER_S = 0.5
_LAST_LINES = 12


class DemoError(Exception):
    """The demonstration cannot start or go on; the message says why and what to do."""


def run(path: Path | None, seconds: float | None, console: Console, daemon: Sequence[str] = DAEMON) -> None:
    """Show the bed on a live board until Ctrl-C, SIGTERM or the time is over.

    Args:
        path: Configuration; None: `npng-edge.yaml` of the working folder, else every setting has its default. Without
            a section `broker` a broker is started on this machine's loopback address.
        seconds: End by itself after so long; None: never.
        console: Where progress is told and the board is drawn.
        daemon: The command that runs the daemon; the path of its configuration is appended.

    Raises:
        ConfigError: The configuration is wrong.
        DemoError: No broker could be had, or a process ended before its time.
    """
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    settings = config.load(path) if path else Settings()
    folder = settings.storage.directory
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"storage.directory {folder} cannot be made: {error.strerror}") from None
    with ExitStack() as running, _stop_on_signals() as stop:
        broker = settings.broker
        if broker is None:
            broker = Broker(port=_free_port())
            program = find_mosquitto(console)
            running.enter_context(_mosquitto(program, broker.port, folder, stop))
            console.print(f"Broker: {program} on {broker.host}:{broker.port}, log in {folder / 'demo-broker.log'}")
        file = folder / "demo.yaml"
        camera = settings.camera
        if camera.source == "auto":
            camera = camera.model_copy(update={"source": "demo"})
        shown = settings.model_copy(update={"broker": broker, "camera": camera})
        file.write_text(config.dump(shown), encoding="utf-8")
        log = folder / "demo.log"
        running.enter_context(_process("daemon", [*daemon, str(file)], log, _STOP_DAEMON_S, stop))
        console.print(f"Daemon: {settings.place.bed}, log in {log}. Ctrl-C ends it.")
        assigning = _assign(broker, settings)
        if seconds is not None:
            timer = threading.Timer(seconds, stop.set)
            running.callback(timer.cancel)
            timer.start()
        try:
            receiver = Receiver("npng-edge demo", Journal(folder / "demo-station.sqlite3"))
            running.callback(receiver.close)
            board.watch(broker, settings.place, console=console, receiver=receiver, until=lambda _board: stop.is_set())
        except (board.WatchError, JournalError) as error:
            raise DemoError(str(error)) from None
        for line in assigning:
            console.print(printable(line), markup=False)


def _assign(broker: Broker, settings: Settings) -> list[str]:
    """Assign a made-up patient, as a nurse station would; one who is there already stays.

    Returns:
        What went wrong, in words, added when it is known: the board has the screen meanwhile.
    """
    request = make_request("assign", [f"patient={DEMO_PATIENT}"], who="npng-edge demo", why=None, patience_s=_ASSIGN_S)
    wrong: list[str] = []

    def ask_bed() -> None:
        try:
            *_, answer = ask(broker, settings.place, "assign", request, _ASSIGN_S)
            if answer.reason not in (None, RefusalReason.OCCUPIED):
                wrong.append(f"No patient was assigned: {answer.detail}")
        except AskError as error:
            wrong.append(f"No patient was assigned: {error}")

    threading.Thread(target=ask_bed, name="assign", daemon=True).start()
    return wrong


def find_mosquitto(console: Console, path: str | None = None) -> Path:
    """The broker's program, installed as a Debian package when it is missing and this user may do so.

    Args:
        console: Where an installation is announced.
        path: Folders to look in, as in PATH; None: PATH and the folders of system programs.

    Raises:
        DemoError: It is missing and cannot be installed.
    """
    if path is None:
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=path)
    if found is None:
        _apt_install("mosquitto", path, console)
        found = shutil.which("mosquitto", path=path)
    if found is None:
        raise DemoError("mosquitto was installed but is not found; start `mosquitto` by hand to see why")
    return Path(found)


def _apt_install(package: str, path: str, console: Console) -> None:
    advice = f"run `sudo apt install {package}`, or name a broker in the section `broker` of {DEFAULT_CONFIG}"
    apt = shutil.which("apt-get", path=path)
    if apt is None:
        raise DemoError(f"there is no MQTT broker on this machine: {advice}")
    sudo = shutil.which("sudo", path=path)
    if os.geteuid() == 0:
        as_root = []
    elif sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        as_root = [sudo, "-n"]
    else:
        raise DemoError(f"there is no MQTT broker on this machine: {advice}")
    console.print(f"There is no MQTT broker on this machine: installing Debian's package {package} with apt-get.")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", package]):
        if subprocess.run([*as_root, apt, *arguments], env=environ, check=False).returncode:  # noqa: S603
            raise DemoError(f"apt-get could not install {package} (see above): {advice}")


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _mosquitto(program: Path, port: int, folder: Path, stop: threading.Event) -> Iterator[None]:
    """A broker that keeps nothing and that no other machine can reach."""
    file = folder / "demo-broker.conf"
    file.write_text(
        f"listener {port} {_LOOPBACK}\nallow_anonymous true\npersistence false\n"
        "log_dest stdout\nmax_queued_messages 0\nset_tcp_nodelay true\n"
    )
    log = folder / "demo-broker.log"
    with _process("broker", [str(program), "-c", str(file)], log, _STOP_BROKER_S, stop):
        deadline = time.monotonic() + _START_S
        while not stop.is_set() and not _answers(port):
            if time.monotonic() > deadline:
                raise DemoError(f"the broker does not answer on {_LOOPBACK}:{port}; its log is {log}")
            stop.wait(0.02)
        yield


@contextmanager
def _process(name: str, command: Sequence[str], log: Path, stop_s: float, stop: threading.Event) -> Iterator[None]:
    """A child that sets `stop` when it ends, and is ended on the way out.

    Raises:
        DemoError: It ended by itself.
    """
    with log.open("wb") as output:
        # Its own session: Ctrl-C reaches this process alone, which ends the children in order.
        child = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait() -> None:
        child.wait()
        stop.set()

    threading.Thread(target=wait, name=f"wait-{name}", daemon=True).start()
    try:
        yield
    finally:
        status = child.poll()
        child.terminate()
        try:
            child.wait(stop_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if status is not None:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise DemoError(f"the {name} ended by itself with status {status}; the end of {log}:\n" + "\n".join(lines))


def _free_port() -> int:
    """The usual port of MQTT when nobody has it, else any free one."""
    for port in (_USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError(f"no free TCP port on {_LOOPBACK}")


def _answers(port: int) -> bool:
    try:
        socket.create_connection((_LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False
    return True
