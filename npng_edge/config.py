"""The configuration file: YAML in, `Settings` out, every mistake with file, line, key and value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from npng_edge import plain_yaml
from npng_edge.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from npng_edge.plain_yaml import Location

MOST_PROBLEMS = 50
"""Of a kind, told at once."""
_SHOWN = 80
"""Characters of a value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file."""

    file: Path
    line: int
    """1-based; 0 when the file as a whole is meant."""
    key: str
    """Dotted path, e.g. `camera.fps`; empty when the file as a whole is meant."""
    message: str
    """What is wrong, with the value, and what to do."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds every mistake found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load(path: Path) -> Settings:
    """Read and check a configuration file.

    Raises:
        ConfigError: With every mistake in the file, not only the first; when there are very many, with some.
    """
    try:
        with path.open(encoding="utf-8") as file:
            document = plain_yaml.read(file.read(plain_yaml.MOST_CHARACTERS + 1))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError((Problem(path, 0, "", f"cannot be read ({reason}); check the path"),)) from None
    except plain_yaml.PlainYamlError as error:
        raise ConfigError((Problem(path, error.line, "", str(error)),)) from None
    lines = document.lines
    if not lines:
        return Settings()
    if not isinstance(document.value, dict):
        raise ConfigError((Problem(path, lines[()], "", "must be a mapping of sections"),))
    problems = [Problem(path, lines[at], _dotted(at), words) for at, words in document.mistakes[:MOST_PROBLEMS]]
    told = {at for at, _ in document.mistakes}
    try:
        settings = Settings.model_validate_json(json.dumps(document.value))
    except ValidationError as error:
        wrong = [one for one in error.errors(include_url=False) if tuple(one["loc"]) not in told]
        problems += [_problem(path, detail, lines) for detail in wrong[:MOST_PROBLEMS]]
    if problems:
        raise ConfigError(tuple(sorted(problems, key=lambda problem: problem.line)))
    return settings


def dump(settings: Settings) -> str:
    """The settings as YAML that `load` reads back to the same settings."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    return text


def example() -> str:
    """A complete configuration with every default and what it means, as commented YAML."""
    head = "# npng-edge configuration. Every value below is the default; delete what you do not change.\n"
    return head + "\n".join(_example(Settings(), 0)) + "\n"


def schema() -> str:
    """The JSON Schema (2020-12) of a configuration file."""
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}, indent=2
    )


def _example(section: BaseModel, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if info.description:
            yield f"{indent}# {info.description}"
        if isinstance(value, BaseModel):
            yield f"{indent}# {(type(value).__doc__ or '').splitlines()[0]}"
            yield f"{indent}{name}:"
            yield from _example(value, depth + 1)
        else:
            plain = section.model_dump(mode="json")[name]
            yield f"{indent}{name}: {json.dumps(plain) if not isinstance(plain, str) else plain}"


def _problem(path: Path, detail: ErrorDetails, lines: dict[Location, int]) -> Problem:
    location: Location = tuple(detail["loc"])
    known = location
    while known and known not in lines:
        known = known[:-1]
    line = lines.get(known, 0) if known else 0
    if detail["type"] == "extra_forbidden":
        names = list(_section_at(location[:-1]))
        close = get_close_matches(str(location[-1]), names, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(names)}"
        return Problem(path, line, _dotted(location), f"is not a setting{hint}")
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    value = "" if isinstance(detail["input"], dict) else f"{_shown(detail['input'])} is refused: "
    return Problem(path, line, _dotted(known or location), value + message)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@cache
def _schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def _section_at(location: Location) -> tuple[str, ...]:
    """The names of the settings in the section at this place."""
    node: Any = _schema()
    definitions = node["$defs"]
    for key in location:
        node = node.get("properties", {}).get(str(key), {})
        references = [node, *node.get("anyOf", [])]
        node = next((definitions[ref["$ref"].split("/")[-1]] for ref in references if "$ref" in ref), node)
    return tuple(node.get("properties", {}))


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
