"""How well the last seconds tell pain from its look-alikes: rendered films of people that nothing was fitted to.

Every figure is of the device's own class, fed with the pictures one by one, at the rate that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from npng_edge.infer.action_units import Expression
from npng_edge.infer.pain import LIDS, PainCourse
from npng_edge.units import ACTION_UNITS, ActionUnits, EyeClosure
from training.datasets.metrics import auc, mean
from training.pain.acts import KINDS, LOOK_ALIKE_NUMBERS, LOOK_ALIKES, PAIN_NUMBERS, PAINS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from npng_edge.infer.pain import TemporalPainModel
    from training.pain.readings import Readings

    Floats: TypeAlias = npt.NDArray[np.float32]
    Flags: TypeAlias = npt.NDArray[np.bool_]

LIMIT = 0.5
"""From this probability on pain is taken for likely."""
AFTER_S = 0.6
"""Pain is judged from so long after its onset on, and nothing for so long after its end."""
APART_S = 3.0
"""A false alarm sooner after the end of another is the same one."""
STRENGTHS = ((1.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 16.1))
"""Of pain, true PSPI: from, to."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What was said picture by picture, with the truth; n pictures of films, in order."""

    said: Floats
    """(n,) probability; NaN: nothing was said."""
    times: npt.NDArray[np.float64]
    shown: npt.NDArray[np.int64]
    pspi: Floats
    films: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    pain: Flags
    """(n,) pain has been shown for some time, PSPI 1 at least."""
    calm: Flags
    """(n,) no pain is shown, nor was shortly before."""

    @property
    def known(self) -> Flags:
        """(n,) where something was said."""
        return np.asarray(~np.isnan(self.said))


def expression(features: Floats, units: Floats) -> Expression:
    """A reading as the device has it."""
    values = [float(value) for value in units]
    read = ActionUnits(dict(zip(ACTION_UNITS, values[:-LIDS], strict=True)), EyeClosure(*values[-LIDS:]))
    return Expression(read, np.stack([units[:-LIDS]] * 2), features)


def judge(films: Iterable[Readings], model: TemporalPainModel, rate: float | None = None) -> Judged:
    """Show films to the device.

    Args:
        films: One by one.
        model: Of the last seconds.
        rate: Pictures a second; None: all there are. Of the pictures that are there the latest are taken, so that the
            time between them varies when the rates do not fit.
    """
    said: list[float] = []
    kept: list[Readings] = []
    for film in films:
        wanted = film.times if rate is None else np.arange(film.times[0], film.times[-1], 1.0 / rate)
        rows = np.unique(np.searchsorted(film.times, wanted + 1e-6, side="right") - 1)
        shown, course = film.rows(rows), PainCourse(model)
        for time, seen, features, units in zip(shown.times, shown.seen, shown.features, shown.units, strict=True):
            value = course.see(float(time), expression(features, units) if seen else None)
            said.append(np.nan if value is None else value)
        kept.append(shown)
    return _judged(np.array(said, np.float32), kept)


def _judged(said: Floats, films: Sequence[Readings]) -> Judged:
    pain, calm = [], []
    for film in films:
        marks = film.pain & (film.pspi >= 1.0)
        # Whether pain was there at every, and at any, moment of the time before each picture.
        before = (film.times[None] <= film.times[:, None]) & (film.times[None] >= film.times[:, None] - AFTER_S)
        long = (film.times[None] <= film.times[:, None]) & (film.times[None] >= film.times[:, None] - 2.5 * AFTER_S)
        pain.append((marks[None] | ~before).all(axis=1))
        calm.append(~(film.pain[None] & long).any(axis=1))
    columns = {
        name: np.concatenate([getattr(film, name) for film in films])
        for name in ("times", "shown", "pspi", "films", "kinds")
    }
    return Judged(said=said, pain=np.concatenate(pain), calm=np.concatenate(calm), **columns)


def summary(judged: Judged) -> dict[str, Any]:
    """All figures of one rate.

    Returns:
        `auc` of pictures in pain against all others, and `auc_look_alikes` against those that show a look-alike;
        `auc_films` by the highest value of each film; `brier`; `look_alikes` per kind; `strengths` per strength of
        pain; `alarms`; `delay`.
    """
    known, calm = judged.known, judged.calm & judged.known
    pain = judged.pain & known
    alike = calm & np.isin(judged.shown, LOOK_ALIKE_NUMBERS)
    names = list(KINDS)
    return {
        "pictures": int(known.sum()),
        "auc": _auc(judged.said, pain, calm),
        "auc_look_alikes": _auc(judged.said, pain, alike),
        "auc_films": _auc_films(judged),
        "brier": float(np.mean((judged.said[pain | calm] - pain[pain | calm]) ** 2)),
        "look_alikes": [
            {"kind": name, "pictures": int(which.sum()), "auc": _auc(judged.said, pain, which),
             "likely": mean(judged.said[which] >= LIMIT)}
            for name in LOOK_ALIKES
            for which in [calm & (judged.shown == names.index(name))]
        ],
        "pains": [
            {"kind": name, "pictures": int(which.sum()), "auc": _auc(judged.said, which, alike),
             "likely": mean(judged.said[which] >= LIMIT)}
            for name in PAINS
            for which in [pain & (judged.shown == names.index(name))]
        ],
        "strengths": [
            {"from": low, "to": high, "pictures": int(which.sum()), "auc": _auc(judged.said, which, alike),
             "likely": mean(judged.said[which] >= LIMIT)}
            for low, high in STRENGTHS
            for which in [pain & (judged.pspi >= low) & (judged.pspi < high)]
        ],
        "alarms": alarms(judged),
        "delay": delays(judged),
    }  # fmt: skip


def alarms(judged: Judged) -> dict[str, Any]:
    """How often the limit is crossed in films without any pain; crossings soon after another count once."""
    count, seconds = 0, 0.0
    for film in np.unique(judged.films):
        rows = judged.films == film
        if judged.kinds[rows][0] in PAIN_NUMBERS:
            continue
        times, said = judged.times[rows], np.nan_to_num(judged.said[rows], nan=0.0)
        seconds += float(times[-1] - times[0])
        last = -np.inf
        for time, value in zip(times, said, strict=True):
            if value >= LIMIT:
                count += time - last > APART_S
                last = time
    return {"count": int(count), "seconds": seconds, "per_hour": 3600.0 * count / seconds if seconds else None}


def delays(judged: Judged) -> dict[str, Any]:
    """Of each first pain in a film that begins while it is watched: seconds until pain is taken for likely."""
    found: list[float | None] = []
    for film in np.unique(judged.films):
        rows = judged.films == film
        pain = np.isin(judged.shown[rows], PAIN_NUMBERS) & (judged.pspi[rows] >= 1.0)
        times, said = judged.times[rows], judged.said[rows]
        if not pain.any() or pain[times < times[0] + 1.0].any():
            continue
        begin = times[pain][0]
        late = times[(times >= begin) & (np.nan_to_num(said, nan=0.0) >= LIMIT)]
        found.append(float(late[0] - begin) if len(late) else None)
    noticed = [one for one in found if one is not None]
    return {
        "pains": len(found),
        "noticed": len(noticed),
        "median_s": float(np.median(noticed)) if noticed else None,
        "nine_of_ten_s": float(np.quantile(noticed, 0.9)) if noticed else None,
    }


def _auc_films(judged: Judged) -> float | None:
    highest, pain = [], []
    for film in np.unique(judged.films):
        rows = (judged.films == film) & judged.known
        if rows.any():
            highest.append(float(judged.said[rows].max()))
            pain.append(bool(judged.kinds[rows][0] in PAIN_NUMBERS))
    return auc(np.array(pain), np.array(highest))


def _auc(said: Floats, present: Flags, absent: Flags) -> float | None:
    chosen = present | absent
    return auc(present[chosen], said[chosen].astype(np.float64))
