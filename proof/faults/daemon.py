"""`python -m proof faults daemon`: kill -9 the bed at any moment of its life, and beside its first commits.

One kill in five hits the whole daemon (camera, models, everything `npng-edge run` runs), the others the part of it that
decides and delivers, under a storm of alarms. Each life goes on with the storage that the killed one left.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from proof.bed import Bed
from proof.death import at_transaction
from proof.faults.run import Tally, finish, folder, look, options, storm_beds, tell
from proof.plants import PLANTS
from proof.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WHOLE_SHARE = 5
"""One kill in so many hits the whole daemon."""
LIFE_S = 5.0
"""A life lasts at the most so long."""
BESIDE_SHARE = 0.4
"""Of the lives; they end just before or right after one of their commits."""
FIRST = 10
"""... one of so many at the start: taking over from the killed life is what is hardest to get right."""


def main(arguments: Sequence[str]) -> int:
    """Run the family; 1 when anything was lost or any other rule was broken."""
    asked = options("daemon", __doc__, arguments, count=1000)
    tally = Tally()
    with folder(asked) as path:
        trial = Trial(path / "trial")
        storms = storm_beds(trial, asked)
        whole = Bed(
            path / "trial" / "whole-1", "whole-1", port=trial.broker.port, kind="whole", setup=PLANTS.get(asked.plant)
        )
        trial.beds.append(whole)
        shares = dict.fromkeys(trial.beds, 0)
        for number in range(asked.count):
            shares[whole if number % WHOLE_SHARE == 0 else storms[number % len(storms)]] += 1
        with trial.running():
            trial.begin()
            window = look(asked.count)
            with ThreadPoolExecutor(len(shares)) as pool:
                ends = [pool.submit(kill_often, bed, count, asked.seed) for bed, count in shares.items()]
                while not all(end.done() for end in ends):
                    trial.station.collect()
                    time.sleep(1.0)
                for end in ends:
                    tally.faults += end.result()
            finish(trial, tally, asked, window)
    return tell("daemon", "Kill -9 the bed", asked, tally)


def kill_often(bed: Bed, count: int, seed: int) -> Counter[str]:
    """Kill a bed that lives so many times, and start it again at once; how often in which way."""
    random = Random(f"{seed} {bed.place}")
    who = "the whole daemon" if bed.kind == "whole" else "a bed under a storm of alarms"
    killed: Counter[str] = Counter()
    death: Callable[[], None] | None = None
    for number in range(count):
        if death is None:
            time.sleep(random.uniform(0.0, LIFE_S))
        else:
            bed.ended(LIFE_S)
        bed.kill()
        killed[f"kill -9 of {who}, {'any moment' if death is None else 'beside a commit'}"] += 1
        death = None
        if number < count - 1 and random.random() < BESIDE_SHARE:
            death = partial(at_transaction, random.randint(1, FIRST), before=random.random() < 0.5)
        bed.start(death)
    return killed
