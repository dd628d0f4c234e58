"""The configuration file: YAML in, `Settings` out, every mistake with file, line, key and value."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from npng_edge.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]


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
        ConfigError: With every mistake in the file, not only the first.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError((Problem(path, 0, "", f"cannot be read ({reason}); check the path"),)) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError((Problem(path, line, "", f"is not YAML: {error.problem}"),)) from None
    except yaml.YAMLError as error:
        raise ConfigError((Problem(path, 0, "", f"is not YAML: {error}"),)) from None
    if root is None:
        return Settings()
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError((Problem(path, root.start_mark.line + 1, "", "must be a mapping of sections"),))
    lines: dict[Location, int] = {}
    problems = [Problem(path, line, _dotted(key), "is given twice; keep one") for key, line in _index(root, (), lines)]
    try:
        settings = Settings.model_validate_json(json.dumps(_plain(root)))
    except ValidationError as error:
        problems += [_problem(path, detail, lines) for detail in error.errors(include_url=False)]
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


def _index(node: yaml.Node, at: Location, lines: dict[Location, int]) -> Iterator[tuple[Location, int]]:
    """Fill in the line of every key; yields the keys that stand twice."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            location = (*at, str(key.value))
            if location in seen:
                yield location, key.start_mark.line + 1
            seen.add(location)
            lines[location] = key.start_mark.line + 1
            yield from _index(value, location, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _index(value, (*at, position), lines)


def _plain(node: yaml.Node) -> Any:
    """The node's value in JSON's types; a date stays the text it was written as."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value) for value in node.value]
    value = yaml.SafeLoader("").construct_object(node)
    return value if isinstance(value, str | int | float | bool | None) else node.value


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
    value = "" if isinstance(detail["input"], dict) else f"{json.dumps(detail['input'], default=str)} is refused: "
    return Problem(path, line, _dotted(known or location), value + message)


def _section_at(location: Location) -> tuple[str, ...]:
    """The names of the settings in the section at this place."""
    node: Any = Settings.model_json_schema()
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
