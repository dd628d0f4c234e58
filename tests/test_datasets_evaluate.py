"""Licensed sets from the folder to the table: tiny trees of the synthetic patient through the device's own pipeline."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_datasets import make_biovid, make_ck_plus, make_disfa, make_disfa_plus, make_unbc, picture, some, write

pytest.importorskip("sklearn")

from typer.testing import CliRunner

from npng_edge.infer.pipeline import Pipeline
from npng_edge.settings import Seeing
from training.datasets import __main__ as command
from training.datasets import evaluate as evaluation
from training.datasets.labelled import DataSetError, Labelled
from training.datasets.reading import Score, SequenceReading, read_sequence
from training.datasets.sets import SETS
from training.datasets.store import Readings

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(command.app, [str(one) for one in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def results(output: Path, name: str, calibrate: str = "none") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / f"{name}-{calibrate}.json").read_text(encoding="utf-8"))
    return found | {"by": {one["name"]: one for one in found["targets"]}}


def test_unbc_prints_the_table_and_counts_what_it_could_not_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, output = make_unbc(tmp_path / "unbc"), tmp_path / "out"
    name = "042-ll042/ll042t1aaaff/ll042t1aaaff"
    (root / "Images" / f"{name}001.png").unlink()
    write(root / "Images" / f"{name}002.png", "no picture")
    write(root / "Frame_Labels" / "PSPI" / f"{name}005_facs.txt", "7\n")
    picture(root / "Images" / f"{name}025.png", np.zeros((120, 160, 3), np.uint8))
    for kind in ("PSPI", "FACS"):
        (root / "Frame_Labels" / kind / f"{name}004_facs.txt").unlink()
    for scale in ("VAS", "OPR", "SEN", "AFF"):
        (root / "Sequence_Labels" / scale / "043-jh043" / "jh043t1aeaff.txt").unlink()
    page = run("evaluate", "unbc", root, "--output", output)
    found = results(output, "unbc")
    counts = found["counts"]
    assert (counts["frames"], counts["sequences"]) == (40, 2)
    assert counts["frames without action units"] == 1
    assert counts["frames without a score: missing"] == counts["frames without a score: unreadable"] == 1
    assert counts["frames without a score: no-face"] >= 1
    without = sum(n for what, n in counts.items() if what.startswith("frames without a score: "))
    assert counts["frames scored"] == counts["frames"] - without
    assert counts["sequences without VAS"] == 1
    assert counts["frames whose PSPI is not that of their action units"] == 1
    pspi = found["by"]["PSPI"]
    assert pspi["random"]["count"] < pspi["loso"]["count"] == pspi["count"] == counts["frames scored"] - 1
    assert pspi["loso"]["auc"] > 0.8
    assert pspi["loso"]["pcc"] > 0.6
    assert sum(map(sum, pspi["loso"]["levels"]["confusion"])) == pspi["count"]
    assert found["by"]["VAS"]["random"] is None
    assert found["look_alikes"]["sequences"] == 1
    assert found["look_alikes"]["alarms"] == 0
    for words in ("random frames", "one person left out", "always the majority", "ICC(3,1)", "said strong", "too few"):
        assert words in page
    assert (output / "unbc-none.md").read_text(encoding="utf-8") in page

    def fail(*_: object) -> SequenceReading:
        raise AssertionError("read again")

    monkeypatch.setattr(evaluation, "read_sequence", fail)
    run("evaluate", "unbc", root, "--output", output, "--calibrate", "linear")
    lined = results(output, "unbc", "linear")
    assert lined["counts"] == counts
    assert lined["by"]["PSPI"]["loso"]["count"] == pspi["loso"]["count"]
    with pytest.raises(DataSetError, match=r"readings.jsonl:1: is about"):
        run("evaluate", "unbc", root, "--output", output, "--every", "2")


def test_biovid_tells_the_strongest_heat_from_none(tmp_path: Path) -> None:
    run("evaluate", "biovid", make_biovid(tmp_path / "set"), "--output", tmp_path / "out", "--every", "15")
    found = results(tmp_path / "out", "biovid")
    contrast = found["by"]["stimulus 4 against 0"]["loso"]
    assert (contrast["count"], contrast["balance"], contrast["auc"]) == (4, 0.5, 1.0)
    assert "mae" not in contrast
    assert found["look_alikes"]["sequences"] == 2
    assert found["counts"]["frames"] == 2 * (15 + 25)


def test_disfa_counts_an_alarm_without_pain(tmp_path: Path) -> None:
    """The clip of pain, coded as one of the set's films: whatever alarms in those is false."""
    root = make_disfa(tmp_path / "set", {"SN001": "pain", "SN002": "rest"})
    (root / "Videos_LeftCamera" / "LeftVideoSN002_comp.avi").write_bytes(b"no video")
    run("evaluate", "disfa", root, "--output", tmp_path / "out", "--every", "3")
    found = results(tmp_path / "out", "disfa")
    assert found["counts"]["frames without a score: unreadable"] == 75
    calm = found["look_alikes"]
    assert (calm["sequences"], calm["alarms"]) == (2, 1)
    assert calm["seconds"] == pytest.approx(25.0, abs=0.3)
    assert calm["alarms_per_hour"] == pytest.approx(3600 / calm["seconds"])
    assert calm["share_above"] > 0.0
    assert found["by"]["AU4"]["loso"] is None
    assert found["by"]["AU4"]["random"]["auc"] > 0.9


def test_ck_plus_judges_the_apex_and_joins_jaw_drop_and_mouth_stretch(tmp_path: Path) -> None:
    root = make_ck_plus(tmp_path / "set")
    dataset = SETS["ck-plus"]
    found = list(evaluation.sequences(dataset, root, 2))
    assert [shown.frames[-1].units is not None for shown in found] == [True, True]
    gathered = evaluation.Gathered(dataset)
    for frames, painless in found:
        score = Score(1.0, {"AU4": 0.2, "AU6": 1.0, "AU12": 3.0, "AU26": 2.5, "AU43": 0.1})
        reading = SequenceReading((score,) * len(frames), 1.0, 0, 0)
        gathered.add(frames, reading, painless=painless)
    targets = {target.name: target for target in gathered.targets()}
    assert set(targets) == {"AU4", "AU6", "AU12", "AU26", "AU43"}
    assert targets["AU26"].truth.tolist() == [2.0, 2.0]
    assert np.isnan(targets["AU6"].truth).all()
    assert targets["AU6"].present.all()
    assert not targets["AU43"].present.any()


def test_disfa_plus_through_the_command(tmp_path: Path) -> None:
    output = run("evaluate", "disfa-plus", make_disfa_plus(tmp_path / "set"), "--output", tmp_path / "out")
    assert "DISFA+" in output
    assert results(tmp_path / "out", "disfa-plus")["counts"]["frames"] == 18


def test_check_reads_labels_alone(tmp_path: Path) -> None:
    root = make_ck_plus(tmp_path)
    frames = len(list(SETS["ck-plus"].load(root)))
    next((root / "cohn-kanade-images" / "S010" / "001").glob("*.png")).unlink()
    write(root / "FACS" / "S011" / "001" / "S011_001_00000009_facs.txt", "4 2\n")
    output = run("check", "ck-plus", root)
    assert f"frames: {frames}\n" in output
    assert "frames whose picture is missing: 1\n" in output
    assert f"frames without action units: {frames - 3}\n" in output


def test_a_clip_read_frame_by_frame_has_a_score_or_a_reason_for_each(tmp_path: Path) -> None:
    labelled = []
    for number, (image, _) in enumerate(some("turned-away", 15)):
        path = picture(tmp_path / f"{number:03d}.png", image)
        labelled.append(Labelled("a", "b", number, path))
    reading = read_sequence(labelled, 1.0, Pipeline(Seeing()))
    assert len(reading.scores) == len(labelled)
    why = Counter(one for one in reading.scores if isinstance(one, str))
    assert {"turned-away", "no-face"} & set(why)
    assert reading.seconds == pytest.approx(len(labelled))


def test_nothing_goes_into_the_repository(tmp_path: Path) -> None:
    inside = command.REPOSITORY / "work" / "datasets"
    with pytest.raises(DataSetError, match=r"is in the repository"):
        run("evaluate", "unbc", tmp_path, "--output", inside)
    assert not inside.exists()


def test_a_candidate_is_written_beside_the_results_and_can_be_judged(tmp_path: Path) -> None:
    root = make_disfa(tmp_path / "set", dict.fromkeys(("SN001", "SN002", "SN003", "SN004", "SN005"), "pain"))
    adapt = ("finetune", "disfa", root, "--output", tmp_path / "out", "--every", "25", "--signed-by", "Dr Lee")
    run(*adapt)
    candidate = tmp_path / "out" / "candidate"
    card = (candidate / "action_units.md").read_text(encoding="utf-8")
    assert re.search(r"\| AU6 \| (line|new weights) \| yes \|", card)
    assert "| signed by | Dr Lee, 20" in card
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "out" / "faces").glob("*.npz")}
    assert len(kept) == 5
    shutil.rmtree(candidate)
    run(*adapt)  # no picture is read again
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    run("evaluate", "disfa", root, "--output", tmp_path / "out", "--every", "25")
    run("evaluate", "disfa", root, "--output", tmp_path / "judged", "--every", "25", "--models", candidate)
    before, after = (results(tmp_path / at, "disfa")["by"]["AU6"]["loso"] for at in ("out", "judged"))
    assert after["mae"] < before["mae"]
    assert after["pcc"] > before["pcc"] - 0.02


def test_a_folder_without_frames_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    with pytest.raises(DataSetError, match=r"holds no frame of BioVid"):
        list(evaluation.sequences(SETS["biovid"], tmp_path, 1))


def test_a_line_cut_off_is_read_again_and_a_changed_sequence_is_a_mistake(tmp_path: Path) -> None:
    path, about = tmp_path / "readings.jsonl", {"set": "unbc"}
    reading = SequenceReading((Score(2.5, {"AU4": 2.5}), "no-face"), 2.0, 1, 1)
    kept = Readings(path, about)
    kept.add("a", "1", reading)
    kept.add("a", "2", reading)
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    again = Readings(path, about)
    assert again.get("a", "1", 2) == reading
    assert again.get("a", "2", 2) is None
    again.add("a", "2", reading)
    assert Readings(path, about).get("a", "2", 2) == reading
    with pytest.raises(DataSetError, match=r"a/1 had 2 frames, now 3"):
        again.get("a", "1", 3)


def test_a_mistake_ends_the_command_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["datasets", "check", "unbc", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{tmp_path}/Images: is no folder; expected there: one folder a patient, e.g. 042-ll042"
