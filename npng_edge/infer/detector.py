"""The face detectors by name; a new one is one more line in the table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from npng_edge.infer.blazeface import FULL, SHORT, BlazeFace
from npng_edge.infer.manifest import Manifest, open_model
from npng_edge.infer.mtcnn import Mtcnn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from npng_edge.infer.detection import Detector

DETECTORS: Mapping[str, Callable[[Manifest, int], Detector]] = MappingProxyType(
    {
        "blazeface-short": lambda models, threads: BlazeFace(open_model(models, "blazeface-short", threads), SHORT),
        "blazeface-full": lambda models, threads: BlazeFace(open_model(models, "blazeface-full", threads), FULL),
        "mtcnn": lambda models, threads: Mtcnn(
            *(open_model(models, f"mtcnn-{net}", threads) for net in ("pnet", "rnet", "onet"))
        ),
    }
)


def make_detector(name: str, models: Manifest, threads: int = 1) -> Detector:
    """Open a detector with its verified models.

    Args:
        name: A key of `DETECTORS`, as in `settings.Seeing.detector`.
        models: Where its model files are.
        threads: Threads per model call, 1..16.

    Raises:
        ModelError: If a model file is missing, altered or unusable.
    """
    return DETECTORS[name](models, threads)
