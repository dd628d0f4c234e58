"""How much of a face is covered by a hand, a mask, a blanket.

A small net marks the covered cells of the aligned crop; it learnt them on rendered faces with things painted over them
(`training.occlusion`). Glasses, beards, strands of hair and shadows were painted too, as things that do not cover.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from npng_edge.infer.align import CROP
from npng_edge.infer.runtime import checked

if TYPE_CHECKING:
    import numpy.typing as npt

    from npng_edge.infer.runtime import Model


class OcclusionModel:
    """Tells how much of a face is covered."""

    def __init__(self, model: Model) -> None:
        """Take a loaded model.

        Raises:
            ModelError: If its input or output is not that of an occlusion model.
        """
        self._model = checked(model, "occlusion model", [("uint8", (1, CROP, CROP))], [(1,)])

    def covered(self, crop: npt.NDArray[np.uint8]) -> float:
        """The part of the face that is covered, 0..1.

        Args:
            crop: (112, 112) uint8 grey, as `align` draws it.

        Raises:
            ValueError: When the model returns what is not a number.
        """
        (part,) = self._model(crop[np.newaxis])
        value = float(part.item())
        if not math.isfinite(value):
            raise ValueError("the occlusion model returned a value that is not a number")
        return value
