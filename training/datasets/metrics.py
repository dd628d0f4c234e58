"""The figures that papers print. What cannot be said, for want of a class or of any spread, is None."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


def icc_3_1(ratings: Floats) -> float | None:
    """Consistency of fixed judges, one rating each: ICC(3,1) = (BMS - EMS) / (BMS + (k - 1) EMS).

    BMS is the mean square between targets, EMS the residual one of a two-way analysis of variance, k the number of
    judges. Source: Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability", Psychological
    Bulletin 86 (1979) 420-428. A judge who rates everything higher by the same amount is as good as one who does not.

    Args:
        ratings: (targets, judges), two or more of each.

    Returns:
        -1..1; None with fewer than two targets or when nothing varies.
    """
    targets, judges = ratings.shape
    if targets < 2:
        return None
    rest = ratings - ratings.mean(axis=1, keepdims=True) - ratings.mean(axis=0) + ratings.mean()
    between = judges * ratings.mean(axis=1).var(ddof=1)
    residual = (rest**2).sum() / ((targets - 1) * (judges - 1))
    whole = between + (judges - 1) * residual
    return float((between - residual) / whole) if whole > 0.0 else None


def strength(truth: Floats, score: Floats) -> dict[str, float | None]:
    """Agreement on a scale.

    Args:
        truth: (n,), n >= 1.
        score: (n,) on the same scale.

    Returns:
        `mae`, `pcc` (Pearson), `icc` (3,1), and `mae_constant`, the error of saying the most frequent value always.
    """
    values, counts = np.unique(truth, return_counts=True)
    varies = len(truth) > 1 and np.ptp(truth) > 0.0 and np.ptp(score) > 0.0
    return {
        "mae": float(np.abs(score - truth).mean()),
        "mae_constant": float(np.abs(values[counts.argmax()] - truth).mean()),
        "pcc": float(pearsonr(truth, score).statistic) if varies else None,
        "icc": icc_3_1(np.stack([truth, score], axis=1)) if np.ptp(truth) > 0.0 else None,
    }


def mean(values: npt.ArrayLike) -> float | None:
    """Of (n,) numbers, or the share that is true; None of nothing."""
    known = np.asarray(values)
    return float(known.mean()) if len(known) else None


def balance(present: Flags) -> dict[str, float]:
    """Class balance.

    Args:
        present: (n,) truth, n >= 1.

    Returns:
        `balance`, the share present, and `majority`, the accuracy of always saying the more frequent class.
    """
    share = float(present.mean())
    return {"balance": share, "majority": max(share, 1.0 - share)}


def presence(present: Flags, said: Flags) -> dict[str, Any]:
    """Present or absent.

    Args:
        present: (n,) truth, n >= 1.
        said: (n,) decided.

    Returns:
        As of `balance`; `accuracy`; `precision`, `recall` and `f1` of present; and `confusion`: rows true absent,
        present, columns said absent, present.
    """
    precision, recall, f1, _ = precision_recall_fscore_support(
        present, said, average="binary", pos_label=True, zero_division=math.nan
    )
    return balance(present) | {
        "accuracy": float(accuracy_score(present, said)),
        "precision": _known(precision),
        "recall": _known(recall),
        "f1": _known(f1),
        "confusion": confusion_matrix(present, said, labels=[False, True]).tolist(),
    }


def auc(present: Flags, score: Floats) -> float | None:
    """Chance that what is present scores above what is absent; ties count half. None when one of the two is missing."""
    return float(roc_auc_score(present, score)) if 0 < present.sum() < len(present) else None


def classes(truth: npt.NDArray[np.int64], said: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
    """Several classes.

    Args:
        truth: (n,) places in `names`, n >= 1.
        said: (n,) likewise.
        names: Of the classes.

    Returns:
        As of `presence`, with a list for each class instead of one figure where there is one for each.
    """
    labels = list(range(len(names)))
    precision, recall, f1, support = precision_recall_fscore_support(truth, said, labels=labels, zero_division=math.nan)
    return {
        "names": list(names),
        "balance": (support / len(truth)).tolist(),
        "majority": float(support.max() / len(truth)),
        "accuracy": float(accuracy_score(truth, said)),
        "precision": [_known(value) for value in precision],
        "recall": [_known(value) for value in recall],
        "f1": [_known(value) for value in f1],
        "confusion": confusion_matrix(truth, said, labels=labels).tolist(),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
