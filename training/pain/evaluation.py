"""Both heads on rendered people that nothing was fitted to, at several rates, and what they cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.pain import STEPS, TemporalPainModel
from npng_edge.infer.pipeline import ACTION_UNITS, MESH, PAIN, PAIN_TEMPORAL
from npng_edge.infer.runtime import Format, load
from training.judge.speed import example, median_us, processor
from training.pain import baseline, graph
from training.pain.acts import KINDS, LOOK_ALIKE_NUMBERS, LOOK_ALIKES
from training.pain.judged import judge, summary
from training.pain.readings import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from npng_edge.infer.runtime import Model
    from training.pain.readings import Readings

SLOW = (2.0, 5.0)
"""Rates that the usual films are shown at."""
QUICK = (2.0, 5.0, 10.0, 15.0)
"""Rates that the films with more pictures a second are shown at; 2 and 5 again, because these are fewer people."""
BASELINE = "pain-baseline"


def counts(readings: Readings) -> dict[str, Any]:
    """How much there was to learn from, and of what."""
    films = readings.each()
    return {
        "pictures": len(readings),
        "without_face": int((~readings.seen).sum()),
        "films": len(films),
        "people": len(np.unique(readings.people)),
        "parts": {
            name: {"films": len(part.each()), "people": len(np.unique(part.people))}
            for name in PARTS
            for part in [readings.part(name)]
        },
        "kinds": {name: sum(int(film.kinds[0]) == number for film in films) for number, name in enumerate(KINDS)},
    }


def rendered(usual: Readings, fast: Readings, models: Path) -> dict[str, Any]:
    """Tables of both heads.

    Args:
        usual: Films of people that nothing was fitted to.
        fast: A few of them with more pictures a second.
        models: Folder with the manifest.
    """
    manifest = Manifest.load(models / FILE_NAME)
    temporal = TemporalPainModel(open_model(manifest, PAIN_TEMPORAL))
    return {
        "still": {name: _still(usual, open_model(manifest, name)) for name in (PAIN, BASELINE)},
        "temporal": [{"rate": rate, **summary(judge(usual.each(), temporal, rate))} for rate in SLOW],
        "temporal_fast": [{"rate": rate, **summary(judge(fast.each(), temporal, rate))} for rate in QUICK],
        "fast": {"films": len(fast.each()), "people": len(np.unique(fast.people))},
    }


def _still(films: Readings, model: Model) -> dict[str, Any]:
    """Figures of one picture at a time, by kind and by strength."""
    clear = films.rows(films.clear)
    said, pain = _said(model, clear), clear.pain
    alike = ~pain & np.isin(clear.shown, LOOK_ALIKE_NUMBERS)
    kinds = list(KINDS)
    return {
        "pictures": len(clear),
        **baseline.figures(pain, said),
        "auc_look_alikes": baseline.figures(pain[pain | alike], said[pain | alike])["auc"],
        "brier": float(np.mean((said - pain) ** 2)),
        "look_alikes": [
            {"kind": name, "pictures": int(which.sum()), "likely": float((said[which] >= 0.5).mean()),
             "auc": baseline.figures(pain[pain | which], said[pain | which])["auc"]}
            for name in LOOK_ALIKES
            for which in [alike & (clear.shown == kinds.index(name))]
            if which.any()
        ],
    }  # fmt: skip


def _said(model: Model, readings: Readings) -> npt.NDArray[np.float32]:
    rows = zip(readings.features[:, None], readings.units[:, None], strict=True)
    return np.array([model(features, units)[0].item() for features, units in rows], np.float32)


def speed(films: Readings, models: Path) -> dict[str, Any]:
    """Microseconds per call on one thread, bytes and what 8 bits would change.

    Args:
        films: Of people that nothing was fitted to.
        models: Folder with the manifest.
    """
    manifest = Manifest.load(models / FILE_NAME)
    seen = films.rows(films.seen)
    faces = [
        {"features": seen.features[row][None], "units": seen.units[row][None]}
        for row in range(0, len(seen), max(len(seen) // 256, 1))
    ]
    pieces = [
        {"features": film.features[None, :STEPS], "units": film.units[None, :STEPS],
         "seen": film.seen[None, :STEPS, None].astype(np.float32)}
        for film in films.each()
    ]  # fmt: skip
    rows = {}
    for name, feeds in ((PAIN, faces), (BASELINE, faces), (PAIN_TEMPORAL, pieces)):
        large = manifest.path(manifest.entry(name)).read_bytes()
        small = graph.quantise(large, feeds)
        before, after = (load(content, Format.ONNX) for content in (large, small))
        change = [abs((before(*feed.values())[0] - after(*feed.values())[0]).item()) for feed in feeds]
        rows[name] = {
            "bytes": len(large), "bytes_8_bits": len(small), "change_8_bits": float(np.mean(change)),
            "largest_change_8_bits": max(change),
            "us": median_us(partial(before, *feeds[0].values())),
            "us_8_bits": median_us(partial(after, *feeds[0].values())),
        }  # fmt: skip
    others = {name: open_model(manifest, name) for name in (MESH, ACTION_UNITS)}
    return {
        "processor": processor(),
        "models": rows,
        "others_us": {name: median_us(partial(model, *example(model))) for name, model in others.items()},
    }
