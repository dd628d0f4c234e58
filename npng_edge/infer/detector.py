"""The face detectors by name; a new one is one more line in the table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from npng_edge.infer.blazeface import FULL, SHORT, BlazeFace
from npng_edge.infer.manifest import Manifest, open_model
from npng_edge.infer.mtcnn import Mtcnn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from npng_edge.infer.detection import Detector
    from npng_edge.infer.runtime import Model

    Opener: TypeAlias = Callable[[Manifest, str, int], Model]

DETECTORS: Mapping[str, Callable[[Callable[[str], Model]], Detector]] = MappingProxyType(
    {
        "blazeface-short": lambda net: BlazeFace(net("blazeface-short"), SHORT),
        "blazeface-full": lambda net: BlazeFace(net("blazeface-full"), FULL),
        "mtcnn": lambda net: Mtcnn(net("mtcnn-pnet"), net("mtcnn-rnet"), net("mtcnn-onet")),
    }
)
"""Each makes its detector, given what opens a net by its name in the manifest."""


def make_detector(name: str, models: Manifest, threads: int = 1, opener: Opener = open_model) -> Detector:
    """Open a detector with its verified models.

    Args:
        name: A key of `DETECTORS`, as in `settings.Seeing.detector`.
        models: Where its model files are.
        threads: Threads per model call, 1..16.
        opener: Opens a model of the manifest.

    Raises:
        ModelError: If a model file is missing, altered or unusable.
    """
    return DETECTORS[name](lambda net: opener(models, net, threads))
