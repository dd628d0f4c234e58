"""The figures of a table: all models are judged by these, at a belief of one half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.datasets.metrics import auc, presence

if TYPE_CHECKING:
    from training.palsy.data import Flags, Floats

ORIGIN: dict[str, dict[str, float]] = {
    "MobileNetV2 transfer": {"accuracy": 0.840, "recall": 0.835, "f1": 0.882, "auc": 0.889},
    "VGG16-GRU": {"accuracy": 0.865, "recall": 0.867, "f1": 0.864, "auc": 0.865},
    "MobileNetV2-GRU": {"accuracy": 0.925, "recall": 0.886, "f1": 0.921, "auc": 0.924},
}
"""What the origin document prints, on photographs that nobody else has."""
HALF = 0.5


def judged(palsy: Flags, belief: Floats) -> dict[str, Any]:
    """One row of a table.

    Args:
        palsy: (n,) the truth.
        belief: (n,) 0..1.

    Returns:
        `faces`, `accuracy`, `recall`, `f1`, `auc` and `specificity`; what cannot be said is None.
    """
    said = belief >= HALF
    found = presence(palsy, said)
    sound = ~palsy
    return {
        "faces": len(palsy),
        **{name: found[name] for name in ("accuracy", "recall", "f1")},
        "auc": auc(palsy, belief.astype(float)),
        "specificity": float((~said[sound]).mean()) if sound.any() else None,
    }
