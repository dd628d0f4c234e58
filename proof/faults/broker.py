"""`python -m proof faults broker`: kill -9, stop, restart and freeze the broker, delete its database.

Storm beds and the station go on meanwhile. Half of the faults hit a broker that saves its sessions as
deploy/mosquitto/ward.conf says, half one that keeps nothing over a restart.
"""

from __future__ import annotations

import time
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from proof.faults.run import Tally, finish, folder, look, options, storm_beds, tell
from proof.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT_S = (0.0, 4.0)
LONG_S = (10.0, 20.0)
"""Longer than the beds' keepalive, and than it takes them to say that nobody listens."""
LONG_SHARE = 0.08
CALM_S = (0.2, 3.0)
"""From one fault to the next."""


def away(random: Random) -> float:
    """How long the broker is away, seconds: mostly short, sometimes long enough to be an alarm."""
    return random.uniform(*(LONG_S if random.random() < LONG_SHARE else SHORT_S))


def kill(trial: Trial, random: Random) -> None:
    """Kill -9, and back at once."""
    _ = random
    trial.broker.kill()
    trial.broker.start()


def kill_for_a_while(trial: Trial, random: Random) -> None:
    """Kill -9, away for a while."""
    trial.broker.kill()
    time.sleep(away(random))
    trial.broker.start()


def kill_and_forget(trial: Trial, random: Random) -> None:
    """Kill -9, and its database is deleted."""
    trial.broker.kill()
    trial.broker.delete_database()
    time.sleep(away(random) / 2)
    trial.broker.start()


def kill_with_station_frozen(trial: Trial, random: Random) -> None:
    """Kill -9 while it holds alarms that it has acknowledged, for a station that is frozen (SIGSTOP)."""
    with trial.station.paused():
        time.sleep(random.uniform(0.5, 4.0))
        trial.broker.kill()
        trial.broker.start()


def restart(trial: Trial, random: Random) -> None:
    """Restarted in good order."""
    _ = random
    trial.broker.restart()


def stop_for_a_while(trial: Trial, random: Random) -> None:
    """Stopped in good order, for a while."""
    trial.broker.stop()
    time.sleep(away(random))
    trial.broker.start()


def freeze(trial: Trial, random: Random) -> None:
    """Frozen (SIGSTOP) for a while: connections stay open and nothing is answered."""
    with trial.broker.paused():
        time.sleep(away(random))


FAULTS = MappingProxyType(
    {
        "kill -9": kill,
        "kill -9, away for a while": kill_for_a_while,
        "kill -9, database deleted": kill_and_forget,
        "kill -9 while the station is frozen": kill_with_station_frozen,
        "restart": restart,
        "stopped for a while": stop_for_a_while,
        "frozen (SIGSTOP) for a while": freeze,
    }
)
"""By name, as in the table of the result."""


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when anything was lost or any other rule was broken."""
    asked = options("broker", __doc__, arguments, count=200)
    tally = Tally()
    with folder(asked) as path:
        for persistent in (True, False):
            count = (asked.count + persistent) // 2
            if not count:
                continue
            random = Random(f"{asked.seed} {persistent}")
            # Each kind about as often as any other, in random order.
            kinds = (list(FAULTS) * (count // len(FAULTS) + 1))[:count]
            random.shuffle(kinds)
            trial = Trial(path / ("saving" if persistent else "forgetful"), persistent=persistent)
            storm_beds(trial, asked)
            with trial.running():
                trial.begin()
                window = look(asked.count)
                for kind in kinds:
                    FAULTS[kind](trial, random)
                    tally.faults[kind] += 1
                    trial.station.collect()
                    time.sleep(random.uniform(*CALM_S))
                finish(trial, tally, asked, window)
    return tell("broker", "Kill, stop, restart and freeze the broker, delete its database", asked, tally)
