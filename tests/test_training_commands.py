"""What the commands of training share: options, results, rows in files, and errors that are one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer

from npng_edge.infer.runtime import ModelError
from training.columns import Columns
from training.commands import keep, kept, rendered, run
from training.judge.figures import figure, percent

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Pairs(Columns):
    numbers: npt.NDArray[np.int64]
    flags: npt.NDArray[np.bool_]


def test_rows_survive_files_and_are_chosen_and_joined(tmp_path: Path) -> None:
    one = Pairs(np.arange(6), np.arange(6) % 2 == 0)
    odd = one.rows(~one.flags)
    assert (len(one), odd.numbers.tolist(), odd.flags.any()) == (6, [1, 3, 5], False)

    one.save(tmp_path / "000000.npz")
    odd.save(tmp_path / "000006.npz")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["000000.npz", "000006.npz"]
    both = Pairs.load(*rendered(tmp_path, "training render"))
    assert both.numbers.tolist() == Pairs.join([one, odd]).numbers.tolist() == [*range(6), 1, 3, 5]
    assert both.flags.dtype == np.bool_


def test_a_folder_without_faces_names_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"is empty: run `python -m training render` first"):
        rendered(tmp_path, "training render")


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    keep(tmp_path / "a.json", {"auc": 0.5, "rows": [None]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8").endswith("\n}\n")
    assert kept(tmp_path / "a.json") == {"auc": 0.5, "rows": [None]}


def test_an_error_of_a_model_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise ModelError("models/x.onnx: [1, 2] is missing")

    monkeypatch.setattr("sys.argv", ["fail"])
    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 1
    assert capsys.readouterr().out == "models/x.onnx: [1, 2] is missing\n"


def test_what_is_not_known_is_a_dash() -> None:
    assert (figure(0.126), figure(0.126, 1), figure(None)) == ("0.13", "0.1", "-")
    assert (percent(0.126), percent(0.126, 0), percent(None)) == ("12.6%", "13%", "-")
