"""Wrong input in the small, and that each kind of fault would be found."""

from __future__ import annotations

import gc
import json
import logging
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import planted
import pytest
from pydantic import ValidationError

from contract.catalogue import INCOMING
from npng_edge import config
from npng_edge.publish.messages import State
from npng_edge.station.model import Board
from npng_edge.station.receiver import RECEIPT, Publication, Receiver
from npng_edge.vitals import Vitals
from npng_edge.wire import MOST_VALUES
from proof import fuzz
from proof.fuzzing import guided, others
from proof.fuzzing.inbound import Inbound
from proof.fuzzing.inputs import GOLDEN, sources
from proof.fuzzing.judge import BrokenRuleError, Input, Judge, Tally, load
from proof.fuzzing.others import PLACE, Configuration, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npng_edge.settings import Settings
    from proof.fuzzing.bed import HandDrivenBed
    from proof.fuzzing.judge import Target

SOURCES = {source.name: source for source in sources()}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Each refusal is a warning."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module", autouse=True)
def own_garbage() -> Iterator[None]:
    """What other tests left in memory is not looked through while the processor time of an input is taken."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def folder() -> Iterator[Path]:
    with fuzz.working_folder() as made:
        yield made


def test_every_topic_and_the_configuration_are_tried() -> None:
    assert {*INCOMING, "state", "other topics", "configuration", "station: alarm"} <= SOURCES.keys()


def test_wrong_input_changes_nothing_and_crashes_nothing(folder: Path, tmp_path: Path) -> None:
    tallies = fuzz.run(folder, 2000, 7, tmp_path, guide=False)
    assert {name: one.failures for name, one in tallies.items() if one.failures} == {}
    assert sum(one.inputs for one in tallies.values()) >= 2000
    # Not all of it is so wrong that nothing is reached; most of it is.
    valid = sum(one.valid for one in tallies.values())
    assert 100 < valid < 1000


def found(source: str, target: Target, folder: Path, count: int = 300) -> str:
    """What a fault does, as it is kept."""
    tally = fuzz.generated(SOURCES[source], target, count, 1, folder)
    assert tally.failures == 1
    (file,) = folder.glob("*.json")
    name, given = load(file)
    assert name == SOURCES[source].target
    with pytest.raises(Exception, match=r".*"):  # The kept input does it again.
        target.take(given)
    target.close()
    return "\n".join(json.loads(file.read_text())["words"])


@pytest.mark.parametrize(
    ("bed", "words"),
    [
        (planted.Raises, "Unicode"),
        (planted.ChangesState, "refused, yet the policy's state changed"),
        (planted.ChangesInPlace, "refused, yet the policy's state changed"),
        (planted.WritesHistory, "refused, yet these tables changed: history"),
        (planted.SaysNoReason, "refused without a reason"),
        (planted.SaysNothing, "refused with 0 answers"),
        (planted.GoesAstray, "published on"),
    ],
)
def test_a_planted_fault_of_a_bed_is_found(bed: type[HandDrivenBed], words: str, folder: Path, tmp_path: Path) -> None:
    assert words in found("request/rate", Inbound(folder / "beds", bed=bed), tmp_path)


def test_an_input_that_takes_too_long_is_found(folder: Path) -> None:
    with closing(Inbound(folder / "beds", bed=planted.Hangs)) as target:
        judge = Judge(target)
        judge(Input(b"{}", "@bed@/request/rate"))
        with pytest.raises(BrokenRuleError, match="of processor time"):
            judge(Input(b"null", "@bed@/request/rate"))


def test_what_is_taken_against_the_contract_is_found(folder: Path) -> None:
    example = json.loads((GOLDEN / "vitals.json").read_bytes())
    given = Input(json.dumps({**example, "at": "@now@"}).encode(), "@bed@/vitals")
    with closing(Inbound(folder / "beds")) as right, closing(Inbound(folder / "more", {"vitals": State})) as held:
        assert right.take(given).valid
        with pytest.raises(BrokenRuleError, match="yet"):
            held.take(given)


def test_planted_faults_of_configuration_and_station_are_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_config = config.load

    def careless(path: Path) -> Settings:
        if "~" in path.read_text("utf-8", "ignore"):
            raise KeyError("~")
        return load_config(path)

    monkeypatch.setattr(config, "load", careless)
    assert "KeyError" in found("configuration", Configuration(folder / "files"), tmp_path, 1000)


def test_a_station_that_is_led_astray_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Input(b"{}", f"npng/v1/{PLACE}/alarms")
    with closing(Reader(folder / "station")) as reader:
        assert reader.take(given).refused
        with monkeypatch.context() as patched:
            patched.setattr(others, "on_message", lambda board, *_: Board(bad=board.bad + 1, bad_last="x", logged=1))
            with pytest.raises(BrokenRuleError, match="the board changed"):
                reader.take(given)
        monkeypatch.setattr(Receiver, "due", lambda *_: [Publication("x/receipt", b"", RECEIPT)])
        with pytest.raises(BrokenRuleError, match="yet 1 receipts"):
            reader.take(given)


def test_a_text_or_a_truth_is_no_number_and_a_million_values_are_not_read() -> None:
    example = json.loads((GOLDEN / "vitals.json").read_bytes())
    for wrong in (True, "96"):
        with pytest.raises(ValidationError, match="valid number"):
            Vitals.parse(json.dumps({**example, "heart_rate": wrong}).encode())
    many = ",".join(f'"k{number}":1' for number in range(MOST_VALUES)).encode()
    with pytest.raises(ValidationError, match="More than 20000 values"):
        Vitals.parse(b"{" + many + b',"x":1}')


def test_the_command_says_no_when_something_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.tell({"a (generated)": Tally(inputs=10, valid=1, refused=9)}, 10, 1, tmp_path) == 0
    assert json.loads((tmp_path / "fuzz.json").read_text())["figures"]["inputs"] == 10
    assert fuzz.tell({"a (generated)": Tally(inputs=10, failures=1)}, 10, 1, tmp_path) == 1
    assert fuzz.tell({"a (generated)": Tally(inputs=9)}, 10, 1, tmp_path) == 1
    assert "failures" in capsys.readouterr().out


@pytest.mark.skipif(not guided.is_there(), reason="atheris is not installed (extra `fuzz`)")
def test_guided_bytes_find_what_chance_does_not(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    tally = guided.run("configuration", 100_000, 1, folder / "guided", tmp_path, "planted")
    assert tally.failures == 1
    (file,) = tmp_path.glob("*.json")
    assert load(file)[1].payload.startswith(b"PSP")


@pytest.mark.skipif(not guided.is_there(), reason="atheris is not installed (extra `fuzz`)")
def test_guided_bytes_reach_a_bed(folder: Path, tmp_path: Path) -> None:
    tally = guided.run("bed", 100, 1, folder / "guided", tmp_path)
    assert (tally.inputs, tally.failures) == (100, 0)
    assert tally.refused > tally.valid > 0
