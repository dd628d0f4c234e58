"""The checked-in contract is what the models say, its examples hold, and a break of it is caught."""

from __future__ import annotations

import copy
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from contract import files as contract_files
from contract.__main__ import main
from contract.catalogue import BED, catalogue
from contract.compatibility import Contract, breaking_changes, load
from contract.examples import examples
from contract.files import FOLDER, MADE, PAGE, files, last_release
from contract.schema import json_schema, member_texts, nodes
from npng_edge.publish.topics import MANNERS, Topics
from npng_edge.requests import REQUESTS, RefusalReason
from npng_edge.settings import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENTRIES = {entry.name: entry for entry in catalogue()}
EXAMPLES = sorted((FOLDER / "golden").glob("*.json"))
SCHEMAS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (FOLDER / "schemas").glob("*.json")}
ASYNCAPI = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))


def test_the_checked_in_files_are_what_the_models_give() -> None:
    made = files()
    there = {PAGE, FOLDER / "asyncapi.yaml", *(file for name in MADE for file in (FOLDER / name).iterdir())}
    assert {path.name for path in there ^ set(made)} == set(), "run `make contract`"
    changed = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert changed == [], "run `make contract` and look at the difference"


def test_every_topic_is_in_the_contract_and_every_message_has_an_example() -> None:
    outgoing = {entry.topic.partition("/")[0] for entry in ENTRIES.values() if entry.outgoing}
    assert outgoing == set(MANNERS)
    place = Place(facility="st-mary", unit="icu", bed="7")
    addresses = {
        entry.address.format(facility="st-mary", unit="icu", bed="7", request="rate"): entry
        for entry in ENTRIES.values()
    }
    topics = Topics(place)
    assert {topics.alarm, topics.vitals, topics.response("rate", None), *map(topics.request, REQUESTS)} <= set(
        addresses
    )
    assert {file.stem.partition(".")[0] for file in EXAMPLES} == set(ENTRIES) == set(SCHEMAS)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_valid_and_is_read_back_to_the_same_bytes(file: Path) -> None:
    name = file.stem.partition(".")[0]
    content = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator(SCHEMAS[name]).validate(content)
    payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    assert ENTRIES[name].model.parse(payload).payload() == payload


@pytest.mark.parametrize("name", ENTRIES)
def test_a_schema_is_one_and_explains_every_field(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == schema["properties"]["schema"]["const"] == ENTRIES[name].schema
    bare = {
        field
        for node in nodes(schema)
        for field, inner in node.get("properties", {}).items()
        if "description" not in inner and "$ref" not in inner
    }
    if name != "episode":  # A record of the policy; some of its fields say enough by their names.
        assert bare == set()
    assert all(schema["$defs"][ref.rpartition("/")[2]] for ref in re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)))


def example(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def test_a_reader_takes_fields_that_come_later_and_a_bed_takes_none() -> None:
    pain, rate = example("pain"), example("request-rate")
    assert Draft202012Validator(SCHEMAS["pain"]).is_valid({**pain, "later": 1})
    assert not Draft202012Validator(SCHEMAS["request-rate"]).is_valid({**rate, "later": 1})
    for field in pain:
        assert not Draft202012Validator(SCHEMAS["pain"]).is_valid({key: pain[key] for key in pain if key != field})
    rate.pop("why")
    assert Draft202012Validator(SCHEMAS["request-rate"]).is_valid(rate)
    rate.pop("schema")
    assert not Draft202012Validator(SCHEMAS["request-rate"]).is_valid(rate)


def test_the_values_of_an_enumeration_are_explained() -> None:
    assert member_texts(RefusalReason)["no-key"] == "No key file is configured."
    assert "`no-key`: No key file is configured." in SCHEMAS["response"]["$defs"]["RefusalReason"]["description"]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return (
            [value["$ref"]]
            if isinstance(value.get("$ref"), str)
            else [r for v in value.values() for r in references(v)]
        )
    return [r for v in value for r in references(v)] if isinstance(value, list) else []


def test_the_asyncapi_document_hangs_together() -> None:
    for reference in references(ASYNCAPI):
        if reference.startswith("#/"):
            found = ASYNCAPI
            for part in reference[2:].split("/"):
                found = found[part]
        else:
            assert (FOLDER / reference).is_file()
    for channel in ASYNCAPI["channels"].values():
        named = re.findall(r"{(\w+)}", channel["address"] or "")
        assert named == list(channel.get("parameters", {}))
    for name, operation in ASYNCAPI["operations"].items():
        assert all(one["$ref"].startswith(f"{operation['channel']['$ref']}/messages/") for one in operation["messages"])
        assert operation["bindings"]["mqtt"]["qos"] in (0, 1)
        asked = operation["action"] == "receive" and name != "receive-state"
        assert ("reply" in operation) is asked


def test_the_asyncapi_document_tells_how_each_message_is_published() -> None:
    def manner(name: str) -> tuple[int, bool, int | None]:
        mqtt = ASYNCAPI["operations"][name]["bindings"]["mqtt"]
        return mqtt["qos"], mqtt["retain"], mqtt.get("messageExpiryInterval")

    for name, wanted in MANNERS.items():
        assert manner(f"send-{name}") == (wanted.qos, wanted.retain, wanted.expiry_s)
    assert manner("send-pain-later") == (1, False, None)
    assert manner("send-alarm")[2] is manner("send-alarms")[2] is None
    reply = ASYNCAPI["operations"]["receive-request-rate"]["reply"]
    assert reply["address"]["location"] == "$message.header#/responseTopic"
    assert f"{BED}/response/rate" in reply["address"]["description"]
    will = ASYNCAPI["servers"]["ward"]["bindings"]["mqtt"]["lastWill"]
    assert (will["topic"], will["qos"], will["retain"]) == (f"{BED}/state", 1, True)


def test_the_page_needs_nothing_from_outside() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#)|url\(|<script|@import', text)
    assert "default-src 'none'" in text
    assert all(f'<section id="{name}">' in text for name in ENTRIES)


def test_the_interop_tables_name_fields_that_there_are() -> None:
    text = (PAGE.parent / "interop.md").read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{'|'.join(ENTRIES)})\.[a-z0-9_.]+)`", text)
    assert len(named) > 30
    for path in named:
        message, *steps = path.split(".")
        schema: Any = SCHEMAS[message]
        for step in steps:
            schema = schema["properties"][step]
            schema = SCHEMAS[message]["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    changes = SCHEMAS["alarm"]["$defs"]["Change"]["enum"]
    assert all(f"`{change}`" in text for change in changes)


# What was released holds.


def test_the_last_release_still_holds() -> None:
    last = last_release()
    assert last is not None
    assert breaking_changes(load(last), load(FOLDER)) == []


def as_now() -> Contract:
    return Contract(ASYNCAPI, SCHEMAS)


def fields(contract: Contract, name: str, part: str | None = None) -> dict[str, Any]:
    schema: Any = contract.schemas[name]
    return (schema["$defs"][part] if part else schema)["properties"]


def operation(contract: Contract, name: str) -> dict[str, Any]:
    found: dict[str, Any] = contract.asyncapi["operations"][name]
    return found


BREAKS: dict[str, tuple[Callable[[Contract], Any], str]] = {
    "message removed": (lambda new: new.schemas.pop("fusion"), "fusion: the message is gone"),
    "operation removed": (
        lambda new: new.asyncapi["operations"].pop("send-bolus"),
        "send-bolus: the operation is gone",
    ),
    "topic moved": (
        lambda new: new.asyncapi["channels"]["alarm"].update(address=f"{BED}/alert"),
        f"send-alarm: the topic was {BED}/alarm, is {BED}/alert",
    ),
    "QoS lowered": (lambda new: operation(new, "send-alarm")["bindings"]["mqtt"].update(qos=0), "send-alarm: the QoS"),
    "no longer retained": (
        lambda new: operation(new, "send-alarms")["bindings"]["mqtt"].update(retain=False),
        "send-alarms: retained was True, is False",
    ),
    "expiry added": (
        lambda new: operation(new, "send-alarm")["bindings"]["mqtt"].update(messageExpiryInterval=5),
        "send-alarm: the expiry was None, is 5",
    ),
    "out: field removed": (lambda new: fields(new, "pain").pop("pspi"), "pain: the field pspi is gone"),
    "out: field within a part removed": (
        lambda new: fields(new, "alarm", "AlarmPart").pop("cause"),
        "alarm.alarm: the field cause is gone",
    ),
    "out: field within a list removed": (
        lambda new: fields(new, "alarms", "AlarmPart").pop("cause"),
        "alarms.present[]: the field cause is gone",
    ),
    "out: field renamed": (
        lambda new: fields(new, "pain").update(score=fields(new, "pain").pop("pspi")),
        "pain: the field pspi is gone",
    ),
    "out: field may be missing": (
        lambda new: new.schemas["pain"]["required"].remove("people"),
        "pain: people may now be missing",
    ),
    "out: type changed": (
        lambda new: fields(new, "pain")["people"].update(type="string"),
        "pain.people: may no longer be integer",
    ),
    "out: null added": (
        lambda new: fields(new, "pain").update(people={"anyOf": [fields(new, "pain")["people"], {"type": "null"}]}),
        "pain.people: may now be null",
    ),
    "out: range widened": (
        lambda new: fields(new, "pain")["threshold"].update(maximum=100),
        "pain.threshold: maximum was 16, is 100",
    ),
    "out: range narrowed": (
        lambda new: fields(new, "pain")["threshold"].update(maximum=1),
        "pain.threshold: maximum was 16, is 1",
    ),
    "out: range dropped": (
        lambda new: fields(new, "pain")["threshold"].pop("maximum"),
        "pain.threshold: maximum was 16, is None",
    ),
    "out: value removed": (
        lambda new: fields(new, "state")["value"]["enum"].remove("stopped"),
        "state.value: the value 'stopped' is gone",
    ),
    "out: value renamed": (
        lambda new: new.schemas["alarm"]["$defs"]["Priority"].update(enum=["urgent", "medium", "low"]),
        "alarm.alarm.priority: the value 'high' is gone",
    ),
    "out: values no longer listed": (lambda new: fields(new, "state")["value"].pop("enum"), "state.value: was one of"),
    "out: values now listed": (
        lambda new: fields(new, "pain")["patient"]["anyOf"][0].update(enum=["a"]),
        "only some values",
    ),
    "out: kind of the values of a map changed": (
        lambda new: fields(new, "alarms")["paused"]["additionalProperties"].update(format="date"),
        "alarms.paused[]: format was date-time, is date",
    ),
    "out: another version under the same name": (
        lambda new: fields(new, "pain")["schema"].update(const="npng/pain/2"),
        "pain.schema: the value 'npng/pain/1' is gone",
    ),
    "in: field removed": (lambda new: fields(new, "vitals").pop("sedation"), "vitals: the field sedation is gone"),
    "in: field must be given": (
        lambda new: new.schemas["request-rate"]["required"].append("why"),
        "request-rate: why must now be given",
    ),
    "in: new field must be given": (
        lambda new: (
            fields(new, "request-rate").update(scale={"type": "string"}),
            new.schemas["request-rate"]["required"].append("scale"),
        ),
        "request-rate: scale must now be given",
    ),
    "in: range narrowed": (
        lambda new: fields(new, "request-rate")["vas"].update(maximum=5),
        "request-rate.vas: maximum was 10, is 5",
    ),
    "in: range added": (
        lambda new: fields(new, "request-pause")["seconds"].update(maximum=60),
        "request-pause.seconds: maximum was None, is 60",
    ),
    "in: null refused": (
        lambda new: fields(new, "request-rate").update(why=fields(new, "request-rate")["why"]["anyOf"][0]),
        "request-rate.why: may no longer be null",
    ),
    "in: value refused": (
        lambda new: fields(new, "request-rate")["rater"]["enum"].remove("staff"),
        "request-rate.rater: the value 'staff' is gone",
    ),
    "in: pattern changed": (
        lambda new: fields(new, "request-assign")["patient"].update(pattern="^P-[0-9]{4}$"),
        "request-assign.patient: pattern was",
    ),
    "in: pattern added": (
        lambda new: fields(new, "request-rate")["who"].update(pattern="^nurse"),
        "request-rate.who: pattern was None",
    ),
    "in: another default": (
        lambda new: fields(new, "request-assign")["clips"].update(default=True),
        "request-assign.clips: left out, it was False, is True",
    ),
    "in: a keyword that the comparison does not know": (
        lambda new: fields(new, "request-pause")["seconds"].update(multipleOf=60),
        "request-pause.seconds: multipleOf was None, is 60",
    ),
    "in: items narrowed": (
        lambda new: fields(new, "request-pause")["conditions"]["items"].update(maxLength=3),
        "request-pause.conditions[]: maxLength was None, is 3",
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_break_is_caught(case: str) -> None:
    change, sentence = BREAKS[case]
    old, new = as_now(), copy.deepcopy(as_now())
    change(new)
    found = breaking_changes(old, new)
    assert len(found) == 1 or "removed" in case or "type" in case
    assert any(sentence in one for one in found), found


ADDITIONS: dict[str, Callable[[Contract], Any]] = {
    "message added": lambda new: new.schemas.update(new={"type": "object"}),
    "out: field added": lambda new: (
        fields(new, "pain").update(later={"type": "number"}),
        new.schemas["pain"]["required"].append("later"),
    ),
    "out: value added": lambda new: fields(new, "state")["value"]["enum"].append("asleep"),
    "in: field added": lambda new: fields(new, "vitals").update(
        etco2={"anyOf": [{"type": "number"}, {"type": "null"}]}
    ),
    "in: field may be left out": lambda new: new.schemas["request-rate"]["required"].remove("at"),
    "in: range widened": lambda new: fields(new, "request-rate")["vas"].update(maximum=100),
    "in: range dropped": lambda new: fields(new, "request-order")["lockout_s"].pop("maximum"),
    "in: pattern dropped": lambda new: fields(new, "request-assign")["patient"].pop("pattern"),
    "in: value added": lambda new: fields(new, "request-rate")["rater"]["enum"].append("family"),
    "in: values no longer listed": lambda new: fields(new, "request-rate")["rater"].pop("enum"),
    "in: whole number to number": lambda new: fields(new, "request-assign").update(spo2_scale={"type": "number"}),
    "in: null taken": lambda new: fields(new, "request-rate").update(
        vas={"anyOf": [fields(new, "request-rate")["vas"], {"type": "null"}]}
    ),
    "words changed": lambda new: fields(new, "pain")["pspi"].update(description="Else."),
}


@pytest.mark.parametrize("case", ADDITIONS)
def test_an_addition_is_fine(case: str) -> None:
    new = copy.deepcopy(as_now())
    ADDITIONS[case](new)
    assert breaking_changes(as_now(), new) == []


def test_what_cannot_be_compared_is_not_passed_over() -> None:
    new = copy.deepcopy(as_now())
    fields(new, "pain")["pspi"]["anyOf"].append({"type": "number"})
    with pytest.raises(ValueError, match="alternatives of one type"):
        breaking_changes(as_now(), new)


def test_writing_removes_what_is_no_longer_made_and_a_release_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "contract"
    for name in MADE:
        shutil.copytree(FOLDER / name, folder / name)
    stale = folder / "schemas" / "gone.json"
    stale.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(contract_files, "FOLDER", folder)
    monkeypatch.setattr("contract.__main__.FOLDER", folder)
    monkeypatch.setattr(contract_files, "RELEASED", folder / "released")
    monkeypatch.setattr(contract_files, "PAGE", tmp_path / "docs" / "contract.html")
    assert main(["else"]) == 2
    assert main([]) == 0
    assert not stale.exists()
    assert last_release() is None
    for number in (1, 2):
        assert main(["release"]) == 0
        assert last_release() == folder / "released" / str(number)
    assert "kept as contract/released/2" in capsys.readouterr().out
    assert breaking_changes(load(folder / "released" / "1"), as_now()) == []


def test_examples_and_schemas_are_always_the_same() -> None:
    assert [message.payload() for message in examples().values()] == [
        message.payload() for message in examples().values()
    ]
    assert json_schema(ENTRIES["episode"]) == json_schema(ENTRIES["episode"])
