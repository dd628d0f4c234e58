"""What the pages say can be done: configurations load, requests are valid, links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from npng_edge import config
from npng_edge.ask import make_request
from npng_edge.cli import app
from npng_edge.requests import REQUESTS
from npng_edge.vitals import Vitals

if TYPE_CHECKING:
    from npng_edge.wire import Message

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MODELS: dict[str, type[Message]] = {
    "npng/vitals/1": Vitals,
    **{model.model_fields["schema_"].default: model for model in REQUESTS.values()},
}
"""Of what comes in, by schema."""
SHOWN_IN_MQTT = {"assign", "rate", "acknowledge", "pause", "order"}
OPTIONS = {"--who", "--why", "--save", "--broker", "--bed", "--wait", "-c", "--config", "-b"}
"""Of `npng-edge ask`; each takes a value."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"npng-edge ask ([^`#|\n]+)")


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, text)
        for page in PAGES
        for found, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def asks() -> list[tuple[str, list[str]]]:
    """Every `npng-edge ask` that is more than a name or a sketch with an ellipsis: page, words."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        found += [(page.name, shlex.split(words)) for words in _COMMAND.findall(text) if "..." not in words]
    return [(page, words) for page, words in found if any("=" in word for word in words)]


def test_there_is_something_to_check() -> None:
    assert len(blocks("yaml")) >= 3
    assert {words[0] for _, words in asks()} >= SHOWN_IN_MQTT


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_a_configuration_on_a_page_loads(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"{page}.yaml"
    file.write_text(text, encoding="utf-8")
    config.load(file)


@pytest.mark.parametrize(("page", "words"), asks(), ids=lambda value: value if isinstance(value, str) else value[0])
def test_a_request_on_a_page_can_be_made(page: str, words: list[str]) -> None:
    name, *rest = words
    fields, options = [], {}
    while rest:
        word = rest.pop(0)
        if word in OPTIONS:
            options[word] = rest.pop(0)
        elif word.split("=", 1)[1].startswith("@"):
            fields.append(f"{word.split('=', 1)[0]}=QUJD")
        else:
            fields.append(word)
    assert options.get("--who"), f"{page}: who asks?"
    make_request(name, fields, who=options["--who"], why=options.get("--why"), patience_s=60)


def test_every_message_shown_that_comes_in_can_be_read() -> None:
    read = []
    for page, text in blocks("json"):
        schema = json.loads(text)["schema"]
        if schema in MODELS:
            read.append(MODELS[schema].parse(text.encode()))
        else:
            assert not schema.startswith("npng/request-"), f"{page}: {schema}"
    assert {MODELS[f"npng/request-{name}/1"] for name in SHOWN_IN_MQTT} | {Vitals} <= set(map(type, read))


def test_every_request_has_a_row_with_its_fields() -> None:
    page = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*)$", page.partition("## Requests")[2], re.MULTILINE))
    common = {"schema_", "id", "who", "why", "expires"}
    for name, model in REQUESTS.items():
        missing = [field for field in model.model_fields if field not in common and f"`{field}`" not in rows[name]]
        assert not missing, f"{name}: {missing}"


def test_every_link_leads_to_a_file() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("#")
        if not (page.parent / target.partition("#")[0]).exists()
    ]
    assert not broken


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
    }
    assert not [page.name for page in PAGES[1:] if page.resolve() not in linked]


def test_every_command_on_a_page_exists() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    names |= {str(group.name) for group in app.registered_groups}
    used = {
        (page.name, word)
        for page in PAGES
        for word in re.findall(r"npng-edge ((?!for\b)[a-z]+)\b", "\n".join(code(page)))
    }
    assert not [(page, word) for page, word in used if word not in names]


def code(page: Path) -> list[str]:
    """What stands in shell blocks and between backticks."""
    text = page.read_text(encoding="utf-8")
    shell = [found for language, found in _BLOCK.findall(text) if language in ("", "sh")]
    return shell + re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
