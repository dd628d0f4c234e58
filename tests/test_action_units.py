"""The shipped action-unit model: what it is given, what it returns, what it refuses; and real faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from npng_edge.infer import align
from npng_edge.infer.action_units import INPUTS, OUTPUTS, UNITS, ActionUnitModel, prepare
from npng_edge.infer.manifest import FILE_NAME, Manifest, default_models_directory, open_model
from npng_edge.infer.pipeline import Pipeline
from npng_edge.infer.runtime import Model, ModelError, Tensor
from npng_edge.settings import Seeing
from npng_edge.units import ACTION_UNITS

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "real"


class Fixed:
    """Stands in for a model where the values must be chosen: returns the same whatever it is given."""

    inputs = tuple(Tensor(f"in{i}", dtype, shape) for i, (dtype, shape) in enumerate(INPUTS))
    outputs = tuple(Tensor(f"out{i}", "float32", shape) for i, shape in enumerate(OUTPUTS))

    def __init__(self, *values: float) -> None:
        """Take the values of all outputs, one after another; those that are not given are 1."""
        sizes = [int(np.prod(shape)) for shape in OUTPUTS]
        flat = np.ones(sum(sizes), np.float32)
        flat[: len(values)] = values
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        self._answer = tuple(part.reshape(shape) for part, shape in zip(parts, OUTPUTS, strict=True))

    def __call__(self, *arrays: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.float32], ...]:
        for array, (dtype, shape) in zip(arrays, INPUTS, strict=True):
            assert (array.dtype.name, array.shape) == (dtype, shape)
            assert array.flags.c_contiguous
        return self._answer


@pytest.fixture(scope="module")
def shipped() -> Model:
    return open_model(Manifest.load(default_models_directory() / FILE_NAME), "action-units")


def mesh(at: float = 100.0) -> npt.NDArray[np.float32]:
    points = np.random.default_rng(5).uniform(-0.7, 0.9, (468, 3))
    points[list(align.RIGID)] = align._MEAN_FACE
    return np.asarray(points * 60.0 + at, np.float32)


IMAGE = np.random.default_rng(6).integers(0, 255, (192, 192, 3), dtype=np.uint8)


def test_the_shipped_model_answers_within_the_scales_in_the_order_of_the_units(shipped: Model) -> None:
    expression = ActionUnitModel(shipped).read(IMAGE, mesh())
    read = expression.units
    assert read.deviation is not None
    for figures in (read.intensity, read.deviation):
        assert tuple(figures) == ACTION_UNITS
        assert all(0.0 <= value <= 5.0 for value in figures.values())
    assert min(read.deviation.values()) > 0.0
    assert (expression.sides.shape, expression.features.shape) == ((2, UNITS), (256,))
    assert 0.0 <= expression.sides.min() <= expression.sides.max() <= 5.0
    assert np.isfinite(expression.features).all()
    assert expression.features[:192].min() >= 0.0
    assert 0.0 <= read.eyes_closed.left <= 1.0
    assert 0.0 <= read.eyes_closed.right <= 1.0


def test_every_output_gets_its_own_name_and_is_kept_within_its_scale() -> None:
    errors = [-0.5, 0.12345, *[7.0] * UNITS]
    model = Fixed(-1.0, *range(1, UNITS), 1.5, -0.5, *range(2 * UNITS), *errors)
    expression = ActionUnitModel(model).read(IMAGE, mesh())
    read = expression.units
    assert [read.intensity[unit] for unit in ACTION_UNITS] == [0, 1, 2, 3, 4, *[5] * (UNITS - 5)]
    assert (read.eyes_closed.left, read.eyes_closed.right) == (1.0, 0.0)
    assert read.deviation is not None
    assert [read.deviation[unit] for unit in ACTION_UNITS] == [0.0, 0.123, *[5.0] * (UNITS - 2)]
    assert expression.sides.tolist() == [list(range(UNITS)), list(range(UNITS, 2 * UNITS))]
    assert expression.features.tolist() == [1.0] * 256


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, UNITS - 1, UNITS, UNITS + 1, UNITS + 2, 3 * UNITS + 2, 4 * UNITS + 4])
def test_a_value_that_is_not_a_number_is_refused(bad: float, where: int) -> None:
    with pytest.raises(ValueError, match="not a number"):
        ActionUnitModel(Fixed(*[1.0] * where, bad)).read(IMAGE, mesh())


def test_a_model_of_another_kind_is_refused() -> None:
    other = Fixed()
    other.inputs = (Tensor("image", "float32", (1, 3, 24, 24)),)
    with pytest.raises(ModelError, match="no action-unit model"):
        ActionUnitModel(other)


def test_a_mesh_of_nothing_is_refused(shipped: Model) -> None:
    with pytest.raises(ValueError, match="no face can be placed"):
        ActionUnitModel(shipped).read(IMAGE, np.zeros((468, 3), np.float32))


def test_a_placement_that_is_known_changes_nothing(shipped: Model) -> None:
    model = ActionUnitModel(shipped)
    assert model.read(IMAGE, mesh()).units == model.read(IMAGE, mesh(), align.place(mesh())).units
    crop, normal = prepare(IMAGE, mesh())
    assert (crop.shape, normal.shape) == ((112, 112), (468, 3))


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/real")
def test_real_smiles_are_told_from_real_neutral_faces() -> None:
    evaluation = pytest.importorskip("training.judge.evaluate_stills", reason="needs the extra `train`")
    found = evaluation.evaluate_frl(evaluation.read(Pipeline(Seeing()), DATA / "frl_london"))
    assert found["faces"] == 204
    assert found["auc"]["AU12"]["value"] >= 0.95
    assert found["neutral"]["shares"]["2"]["value"] >= 0.9


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/real")
def test_real_distress_and_laughter_differ_in_au4_and_au12() -> None:
    evaluation = pytest.importorskip("training.judge.evaluate_clip", reason="needs the extra `train`")
    parts = evaluation.evaluate_clip(Pipeline(Seeing()), DATA / "distress_then_smile.mp4")["parts"]
    _, distress, relief, laugh = parts
    assert distress["pspi"] > 4.0
    assert relief["pspi"] < 3.0
    assert distress["units"]["AU4"] > 0.6
    assert laugh["units"]["AU4"] < 0.3
    assert laugh["units"]["AU12"] >= 2.0
    assert distress["eyes_closed"] > 0.5 > relief["eyes_closed"]
