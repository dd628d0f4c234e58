"""The local alarm of the daemon as a process: it sounds while no station can, and is quiet when one listens again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon_process import ALARM_S, assign, clip, transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from broker import MosquittoBroker, Station
    from daemon_process import DaemonProcess


def test_the_bed_sounds_while_the_broker_is_away_and_no_longer(
    make_daemon: Callable[..., DaemonProcess], broker: MosquittoBroker, station: Station
) -> None:
    daemon = make_daemon(camera=clip("pain.mp4"), local_alarm={"kind": "simulated"}).start()
    assign(broker)
    station.wait_for(transition("pain-severe", "start"), ALARM_S)
    assert "local alarm" not in daemon.log.read_text()
    broker.kill()
    daemon.wait_logged("local alarm (simulated): high", ALARM_S)
    broker.start()
    station.wait_subscribed()
    station.wait_for(transition("broker", "end"), ALARM_S)
    daemon.wait_logged("local alarm (simulated): none", ALARM_S)


def test_a_local_alarm_that_cannot_sound_is_an_alarm(
    make_daemon: Callable[..., DaemonProcess], station: Station
) -> None:
    lines = {"kind": "gpio", "gpio": {"chip": "/dev/gpiochip99", "buzzer": 17}}
    make_daemon(camera=clip("pain.mp4"), local_alarm=lines).start()
    raised = transition("local-alarm", "start")
    station.wait_for(lambda message: raised(message) and b"Local alarm: " in message.payload, ALARM_S)
