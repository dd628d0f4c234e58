"""Adapting the shipped model to a set: what is learnt, what is kept, and that nothing shipped changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

import onnx
from typer.testing import CliRunner

from npng_edge.infer.action_units import OUTPUTS, ActionUnitModel
from npng_edge.infer.manifest import FILE_NAME, Manifest, State, default_models_directory, open_model, verify
from npng_edge.infer.runtime import Format, load
from npng_edge.units import ACTION_UNITS
from training.datasets import backbone, finetune
from training.datasets.__main__ import app
from training.datasets.adapt import Change
from training.datasets.faces import Faces
from training.datasets.graph import ActionUnitGraph, dequantised
from training.datasets.labelled import DataSetError
from training.datasets.sets import SETS
from training.units import fit

if TYPE_CHECKING:
    from pathlib import Path

MODELS = default_models_directory()
SMILE, FROWN = ACTION_UNITS.index("AU12"), ACTION_UNITS.index("AU4")
NOWHERE = dict.fromkeys(("mae", "icc", "pcc", "auc"), 0.5)


def shipped() -> bytes:
    return (MODELS / Manifest.load(MODELS / FILE_NAME).entry(finetune.NAME).file).read_bytes()


def faces(people: int, each: int = 30) -> Faces:
    """AU12 moves the mesh in one direction, which the shipped model does not know; AU4 is noise, AU1 never there."""
    rng = np.random.default_rng(0)
    count = people * each
    smile, frown = rng.integers(0, 6, count), rng.integers(0, 2, count)
    directions = rng.normal(0.0, 0.02, (8, 468, 3))
    amounts = np.column_stack([smile, rng.normal(0.0, 1.0, (count, 7))])
    truth = np.full((count, len(ACTION_UNITS)), np.nan, np.float32)
    truth[:, ACTION_UNITS.index("AU1")], truth[:, FROWN], truth[:, SMILE] = 0.0, frown, smile
    return Faces(
        crops=rng.integers(0, 256, (count, 112, 112), dtype=np.uint8),
        landmarks=np.tensordot(amounts, directions, 1).astype(np.float32),
        truth=truth,
        present=truth >= 2.0,
        subjects=np.repeat([f"SN{person:03d}" for person in range(people)], each),
    )


@pytest.fixture(scope="module")
def set_of_six() -> Faces:
    return faces(6)


@pytest.fixture(scope="module")
def adapted(set_of_six: Faces) -> finetune.Candidate:
    return finetune.learn(shipped(), set_of_six)


def test_the_model_as_floats_says_what_its_8_bits_say(set_of_six: Faces) -> None:
    small, large = load(shipped(), Format.ONNX), load(ActionUnitGraph(shipped()).model.SerializeToString(), Format.ONNX)
    assert (small.inputs, small.outputs) == (large.inputs, large.outputs)
    kinds = {node.op_type for node in dequantised(onnx.load_from_string(shipped())).graph.node}
    assert not kinds & {"QuantizeLinear", "DequantizeLinear"}
    some = set_of_six.rows(np.arange(12))
    apart = [np.abs(small(*feed.values())[0] - large(*feed.values())[0]) for feed in some.feeds()]
    assert np.mean(apart) < 0.05


def test_new_weights_are_kept_only_where_people_left_out_are_read_better(adapted: finetune.Candidate) -> None:
    changes = {change.unit: change for change in adapted.adapted.changes}
    smile, frown = changes["AU12"], changes["AU4"]
    assert smile.kind == "head"
    assert smile.better
    assert (smile.shipped["mae"] or 0.0) > 1.0 > (smile.figures["head"]["mae"] or 9.0)
    assert frown.kind == "none"
    assert not frown.better
    assert "AU1" not in changes


def test_the_candidate_says_what_was_learnt_and_nothing_else_changes(
    adapted: finetune.Candidate, set_of_six: Faces
) -> None:
    before, after = load(shipped(), Format.ONNX), load(adapted.small, Format.ONNX)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    others = [place for place in range(len(ACTION_UNITS)) if place != SMILE]
    some = set_of_six.rows(np.arange(0, len(set_of_six), 5))
    said = []
    for feed in some.feeds():
        (intensity, *rest), (old, *old_rest) = after(*feed.values()), before(*feed.values())
        said.append(intensity[0, SMILE])
        np.testing.assert_allclose(intensity[0, others], old[0, others], atol=1e-5)
        np.testing.assert_array_equal(rest[0], old_rest[0])  # the eyes
        np.testing.assert_array_equal(rest[1], old_rest[1])  # the sides
        np.testing.assert_array_equal(rest[3], old_rest[3])  # the net's numbers
    assert np.abs(np.array(said) - some.truth[:, SMILE]).mean() < 0.6


def test_expected_errors_are_those_of_people_left_out(adapted: finetune.Candidate, set_of_six: Faces) -> None:
    model = load(adapted.small, Format.ONNX)
    some = set_of_six.rows(np.arange(0, len(set_of_six), 3))
    doubts = np.array([model(*feed.values())[3][0, FROWN] for feed in some.feeds()])
    (frown,) = [change for change in adapted.adapted.changes if change.unit == "AU4"]
    assert doubts.mean() == pytest.approx(frown.figures["none"]["mae"] or 0.0, rel=0.3)


def test_a_line_goes_behind_the_intensities() -> None:
    line = Change("AU12", "line", 2.0, -0.5, NOWHERE, {})
    rng = np.random.default_rng(1)
    feed = rng.integers(0, 256, (1, 112, 112), dtype=np.uint8), rng.normal(0.0, 1.0, (1, 468, 3)).astype(np.float32)
    before = load(shipped(), Format.ONNX)(*feed)
    after = load(finetune.with_lines(onnx.load_from_string(shipped()), [line]), Format.ONNX)(*feed)
    before[0][0, SMILE] = before[0][0, SMILE] * 2.0 - 0.5
    np.testing.assert_allclose(after[0], np.clip(before[0], 0.0, 5.0), atol=1e-5)
    for one, other in zip(after[1:], before[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_few_people_are_a_mistake() -> None:
    with pytest.raises(DataSetError, match=r"4 people; at least 5 are needed"):
        finetune.learn(shipped(), faces(4, each=3))


def test_a_model_of_another_build_is_a_mistake() -> None:
    other = (MODELS / Manifest.load(MODELS / FILE_NAME).entry("occlusion").file).read_bytes()
    with pytest.raises(DataSetError, match="not built as"):
        ActionUnitGraph(other)


def test_the_net_of_the_file_is_the_one_that_is_taught(set_of_six: Faces) -> None:
    graph = ActionUnitGraph(shipped())
    some = set_of_six.rows(np.arange(8))
    numbers = graph.numbers(some)
    net = backbone.net_of(graph)
    seen = fit.seen(net, some.crops)
    np.testing.assert_allclose(seen, numbers.parts[0], atol=1e-3)
    same = ActionUnitGraph(backbone.with_net(graph, net).SerializeToString())
    np.testing.assert_allclose(same.numbers(some).read, numbers.read, atol=1e-4)


def test_the_net_is_taught_further_only_when_asked_for_and_stays_near(set_of_six: Faces) -> None:
    few = set_of_six.rows(np.arange(0, len(set_of_six), 15))
    once = finetune.learn(shipped(), few, steps=1)
    assert 0.0 < once.moved < 0.5
    model = load(once.small, Format.ONNX)
    assert tuple(output.shape for output in model.outputs) == OUTPUTS
    lost = finetune.quantisation(once, few)
    assert max(lost.values()) < 0.5


def test_the_net_is_the_same_from_the_same_seed(set_of_six: Faces) -> None:
    graph, few = ActionUnitGraph(shipped()), set_of_six.rows(np.arange(16))
    numbers = graph.numbers(few)
    nets = [backbone.teach(graph, few, numbers, np.arange(16), 1) for _ in range(2)]
    once, again = (backbone.with_net(graph, net).SerializeToString() for net in nets)
    assert once == again != graph.model.SerializeToString()


def test_a_candidate_is_a_folder_that_a_device_can_open_and_nothing_shipped_changes(
    adapted: finetune.Candidate, set_of_six: Faces, tmp_path: Path
) -> None:
    def hashes() -> dict[str, str]:
        return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in MODELS.rglob("*") if one.is_file()}

    before = hashes()
    made = SETS["disfa"], set_of_six, adapted
    folder = finetune.write(MODELS, tmp_path, *made, signed_by="Dr Lee")
    assert hashes() == before
    manifest = Manifest.load(folder / FILE_NAME)
    assert {check.state for check in verify(manifest)} == {State.OK}
    entry = manifest.entry(finetune.NAME)
    assert entry.sha256 != Manifest.load(MODELS / FILE_NAME).entry(finetune.NAME).sha256
    assert entry.origin.trained is not None
    assert entry.origin.trained.by == "python -m training.datasets finetune disfa"
    ActionUnitModel(open_model(manifest, finetune.NAME))
    load((folder / finetune.FLOAT).read_bytes(), Format.ONNX)
    card = (folder / entry.origin.trained.card).read_text(encoding="utf-8")
    for words in (entry.sha256, "nobody has released it", "Dr Lee, 20", "| AU12 | new weights | yes |", "6 people"):
        assert words in card
    assert "| AU4 | as shipped | no |" in card
    results = json.loads((folder / "action_units.json").read_text(encoding="utf-8"))
    assert (results["signed_by"], len(results["subjects"]), len(results["splits"])) == ("Dr Lee", 6, 5)
    assert sorted(one for fold in results["splits"] for one in fold) == results["subjects"]
    assert results["float"]["sha256"] == hashlib.sha256(adapted.large).hexdigest()
    with pytest.raises(DataSetError, match=r"is there already"):
        finetune.write(MODELS, tmp_path, *made, signed_by=None)


def test_without_a_unit_that_is_read_better_there_is_no_candidate(
    adapted: finetune.Candidate, set_of_six: Faces, tmp_path: Path
) -> None:
    worse = [change for change in adapted.adapted.changes if not change.better]
    nothing = replace(adapted, adapted=replace(adapted.adapted, changes=tuple(worse)))
    with pytest.raises(DataSetError, match=r"nothing to write"):
        finetune.write(MODELS, tmp_path, SETS["disfa"], set_of_six, nothing, signed_by=None)
    assert not (tmp_path / "candidate").exists()


@pytest.mark.parametrize("where", ["", "wheel", "../models/candidate"])
def test_nothing_is_written_among_the_models(where: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["finetune", "disfa", str(tmp_path), "--output", str(MODELS / where)])
    assert isinstance(result.exception, DataSetError)
    assert "give another folder" in str(result.exception)
