"""What the ward broker's persistence costs: `python -m bench.broker_persistence`.

A real Mosquitto holds one retained message of 2 kB for each of 1,000 beds, then takes 1,000 more with QoS 1. Printed:
the time until all are acknowledged and what the broker wrote, for each way to save the database. (2.1's SQLite plugin
is another thing and is not measured here.)
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

BEDS = 1000
PAYLOAD = b"x" * 2000
WAYS = {
    "every 60 s (deploy/mosquitto/ward.conf)": ["autosave_interval 60"],
    "at every change": ["autosave_on_changes true", "autosave_interval 1"],
}


def main() -> None:
    """Measure both ways and print a line for each."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed: apt install mosquitto")
    for name, lines in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            seconds, written = measure(program, Path(folder), lines)
        print(f"{name}: {BEDS} messages in {seconds:.2f} s, {written / 1e6:.1f} MB written")


def measure(program: str, folder: Path, lines: list[str]) -> tuple[float, int]:
    """Seconds for the second thousand messages, and bytes the broker wrote in its whole life."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    own = ["user root", f"listener {port} 127.0.0.1", "allow_anonymous true", "log_type error", "persistence true"]
    config.write_text("\n".join([*own, f"persistence_location {folder}/", *lines]) + "\n")
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as broker:
        try:
            client = paho.Client(CallbackAPIVersion.VERSION2, "beds", protocol=paho.MQTTv5)
            client.reconnect_delay_set(1, 1)
            client.connect_async("127.0.0.1", port)
            client.loop_start()
            publish(client)
            begun = time.monotonic()
            publish(client)
            seconds = time.monotonic() - begun
            counted = Path(f"/proc/{broker.pid}/io").read_text()
            client.disconnect()
            client.loop_stop()
        finally:
            broker.terminate()
    return seconds, next(int(line.split()[1]) for line in counted.splitlines() if line.startswith("wchar"))


def publish(client: paho.Client) -> None:
    """One retained message for each bed; returns when all are acknowledged."""
    while not client.is_connected():
        time.sleep(0.01)
    for message in [client.publish(f"npng/v1/h/w/{bed}/alarms", PAYLOAD, 1, retain=True) for bed in range(BEDS)]:
        message.wait_for_publish()


if __name__ == "__main__":
    main()
