"""What each part of the rendered world brings on real faces.

Small worlds are rendered with the same seeds, one whole and the others with one part left out; a linear learner is
taught on each and reads real faces. It takes a minute where a net takes an hour.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from sklearn.kernel_ridge import KernelRidge

from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model
from npng_edge.infer.mesh import FaceMesh
from npng_edge.infer.pipeline import MESH
from training.datasets.metrics import auc
from training.datasets.reading import EYES
from training.datasets.table import table
from training.units import export
from training.units.features import OUTPUTS, Examples, gather
from training.world import face_model, samples
from training.world.ingredients import PARTS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    import numpy.typing as npt

    from training.judge.sights import Question, Sight

    Doubles: TypeAlias = npt.NDArray[np.float64]
    Floats: TypeAlias = npt.NDArray[np.float32]
    Indices: TypeAlias = npt.NDArray[np.int64]

TEMPLATE = Path(__file__).with_name("ablation.template.md")
ALL = "everything"
ARMS = (ALL, *PARTS)
PER_SHARD = 500
"""Pictures."""
PENALTY = 10.0
"""Of both ridge regressions: as if each feature carried noise of so many times its variance."""
DRAWS = 30
"""How often rendered people and real faces are drawn anew for an interval."""


def place(arm: str, start: int, work: Path) -> Path:
    """Where `make` leaves a shard."""
    return work / arm / f"{start:06d}.npz"


def make(arm: str, start: int, work: Path, models: Path, face: Path) -> None:
    """Render a shard of a small world and keep what a learner needs of it; what is there stays.

    Args:
        arm: one of `ARMS`.
        start: first seed.
        work: where it goes, see `place`.
        models: folder with the manifest.
        face: the packed face model.
    """
    target = place(arm, start, work)
    if target.exists():
        return
    cv2.setNumThreads(1)
    target.parent.mkdir(parents=True, exist_ok=True)
    world = WHOLE if arm == ALL else WHOLE.without(arm)
    with TemporaryDirectory() as folder:
        shard = Path(folder) / target.name
        samples.write_shards(shard.parent, range(start, start + PER_SHARD), PER_SHARD, path=face, world=world)
        mesh = FaceMesh(open_model(Manifest.load(models / FILE_NAME), MESH))
        gather(shard, mesh, face_model.load(face).names).save(target)


class Learner:
    """The linear learner: the sum of a ridge regression on the gradients and of one on the mesh."""

    def __init__(self, features: Floats, targets: Floats) -> None:
        """Compare all faces with each other, once for all draws.

        Args:
            features: (n, d) as of `export.features`.
            targets: (n, outputs)
        """
        mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
        parts = export.face_columns(), export.mesh_columns()
        self._parts = [
            (part, mean[part], scale[part], (features[:, part] - mean[part]) / scale[part]) for part in parts
        ]
        self._alike = [faces @ faces.T for *_, faces in self._parts]
        self._targets = targets - targets.mean(axis=0)

    def learn(self, weights: Doubles) -> list[Doubles]:
        """Lines through these faces, each as often as its weight (n,) says."""
        lines = []
        for (*_, faces), alike in zip(self._parts, self._alike, strict=True):
            ridge = KernelRidge(alpha=PENALTY * len(faces), kernel="precomputed")
            lines.append(faces.T @ ridge.fit(alike, self._targets, sample_weight=weights).dual_coef_)
        return lines

    def score(self, lines: Sequence[Doubles], seen: Floats) -> Doubles:
        """(m, outputs) of other faces, (m, d); only their order means something."""
        scores = [
            (seen[:, part] - mean) / scale @ line
            for (part, mean, scale, _), line in zip(self._parts, lines, strict=True)
        ]
        return np.asarray(sum(scores), np.float64)


def judge(work: Path, count: int, seen: Mapping[str, Sight], tell: Callable[[str], None]) -> dict[str, Any]:
    """Teach every world and let it read real faces; then again with people and faces drawn anew.

    Both sides of a comparison meet the same draws, so an interval is one of the difference itself.

    Args:
        work: with a folder of each arm.
        count: pictures of each; more may be there.
        seen: the real faces by size, as of `sights.sights`.
        tell: called with the arm that is next.

    Returns:
        What was rendered, and per size one row a question, the last their mean.
    """
    found: dict[str, list[list[list[float]]]] = {size: [] for size in seen}
    for arm in ARMS:
        tell(arm)
        starts = range(0, count, PER_SHARD)
        examples = Examples.load(*(place(arm, start, work) for start in starts))
        learner = Learner(export.features(examples), examples.targets)
        of_arm: dict[str, list[list[float]]] = {size: [] for size in seen}
        for draw in range(DRAWS + 1):
            lines = learner.learn(_people(examples.people, draw))
            for size, sight in seen.items():
                read = learner.score(lines, sight.features)
                of_arm[size].append([_auc(question, read, draw) for question in sight.questions])
        for size, aucs in of_arm.items():
            found[size].append(aucs)
    return {
        "pictures": len(np.unique(examples.seeds)),
        "people": len(np.unique(examples.people)),
        "draws": DRAWS,
        "sizes": {size: _answers(sight, np.array(found[size])) for size, sight in seen.items()},
    }


def _answers(sight: Sight, aucs: Doubles) -> list[dict[str, Any]]:
    """Rows of one size, from AUC of (arms, draws, questions)."""
    rows: list[dict[str, Any]] = [
        {"unit": question.unit, "about": question.about, "present": int(question.present.sum()),
         "absent": int((~question.present).sum())}
        for question in sight.questions
    ]  # fmt: skip
    rows.append({"unit": "mean", "about": "all of them"})
    aucs = np.concatenate([aucs, aucs.mean(axis=2, keepdims=True)], axis=2)
    for row, of_row in zip(rows, np.moveaxis(aucs, 2, 0), strict=True):
        gains = of_row[0] - of_row[1:]
        ends = np.quantile(gains[:, 1:], [0.025, 0.975], axis=1).T
        row["auc"] = float(of_row[0, 0])
        row["brings"] = {
            part: {"gain": float(gain), "low": float(low), "high": float(high)}
            for part, gain, (low, high) in zip(PARTS, gains[:, 0], ends, strict=True)
        }
    return rows


def _people(people: Indices, draw: int) -> Doubles:
    """How often each face counts when people are drawn with replacement; in draw 0 everybody counts once."""
    count = int(people.max()) + 1
    chosen = np.random.default_rng([43, draw]).integers(count, size=count) if draw else np.arange(count)
    return np.bincount(chosen, minlength=count)[people].astype(np.float64)


def _auc(question: Question, scores: Doubles, draw: int) -> float:
    """Of the faces asked about, or of as many drawn with replacement from those with the unit and those without."""
    seen = scores[question.rows]
    score = seen[:, -2:].min(axis=1) if question.unit == EYES else seen[:, OUTPUTS.index(question.unit)]
    sides = [np.flatnonzero(question.present), np.flatnonzero(~question.present)]
    if draw:
        rng = np.random.default_rng([47, draw])
        sides = [rng.choice(side, len(side)) for side in sides]
    rows = np.concatenate(sides)
    found = auc(question.present[rows], score[rows])
    assert found is not None, f"{question.unit} is present or absent in all faces"
    return found


def page(results: Mapping[str, Any]) -> str:
    """The results as Markdown."""
    tables = [f"## Faces {size}\n\n" + _table(rows) for size, rows in results["sizes"].items()]
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.format(**{name: results[name] for name in ("pictures", "people", "draws")}, tables="\n\n".join(tables))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows:
        faces = f"{row['present']} / {row['absent']}" if "present" in row else ""
        gains = (_gain(row["brings"][part]) for part in PARTS)
        lines.append((f"{row['unit']}, {row['about']}", faces, f"{row['auc']:.3f}", *gains))
    names = (part.replace("_", " ") for part in PARTS)
    return table(("unit", "with / without it", ALL, *names), lines)


def _gain(one: Mapping[str, float]) -> str:
    """Hundredths of AUC, bold where the interval leaves out 0."""
    gain, low, high = (round(100.0 * one[name]) for name in ("gain", "low", "high"))
    sure = one["low"] > 0.0 or one["high"] < 0.0
    words = f"{gain:+d} ({low:+d} to {high:+d})"
    return f"**{words}**" if sure else words
