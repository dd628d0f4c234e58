"""YAML with plain values only, read with the line of every key, whatever the file holds.

Aliases and tags are mistakes here: nine lines of aliases can stand for more than any memory holds, and a tag can ask
for any object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_CHARACTERS = 20_000
"""A complete configuration with its explanations has 9,000. PyYAML may need half a second for so many."""
MOST_LEVELS = 12
_CORE = "tag:yaml.org,2002:"
_TEXTS = frozenset(_CORE + name for name in ("str", "timestamp", "merge", "value"))
_FIGURES = frozenset(_CORE + name for name in ("null", "bool", "int", "float"))
_MOST_BITS = 64
_MOST_BRACKETS = 50
"""Open at a time. PyYAML's time grows with their square and more."""
_UNPRINTABLE = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")

Location = tuple[str | int, ...]


class PlainYamlError(Exception):
    """A text is no YAML at all. The message says why.

    Attributes:
        line: 1-based; 0 when the text as a whole is meant.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Document:
    """What a text says."""

    value: Any = None
    """In JSON's types; a date stays the text it was written as, and a mistake is null."""
    lines: dict[Location, int] = field(default_factory=dict)
    """Of every key and list, 1-based."""
    mistakes: list[tuple[Location, str]] = field(default_factory=list)
    """Where, and what is wrong."""
    _seen: set[int] = field(default_factory=set)

    def take(self, node: yaml.Node, at: Location) -> Any:
        """The plain value of a node."""
        self.lines.setdefault(at, node.start_mark.line + 1)
        if id(node) in self._seen:
            return self._wrong(at, "is an alias; write the value out")
        self._seen.add(id(node))
        if len(at) > MOST_LEVELS:
            return self._wrong(at[:-1], f"is nested too deeply: {MOST_LEVELS} levels at the most")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode):
            return [self.take(one, (*at, position)) for position, one in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or _UNPRINTABLE.search(key.value):
                here = (*at, "?")
                self.lines[here] = line
                self._wrong(here, "is no name for a setting")
                continue
            here = (*at, key.value)
            self.lines[here] = line
            if key.value in found:
                self.mistakes.append((here, "is given twice; keep one"))
            found[key.value] = self.take(value, here)
        return found

    def _scalar(self, node: yaml.ScalarNode, at: Location) -> Any:
        text: str = node.value
        if node.tag in _TEXTS:
            if _UNPRINTABLE.search(text):
                return self._wrong(at, f"{text[:40]!a} is refused: it holds a character that cannot be printed")
            return text
        if node.tag not in _FIGURES:
            return self._wrong(at, f"has the tag {node.tag[:60]!r}; leave it away")
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (ValueError, KeyError, IndexError):  # For instance `!!int x`, or too many digits.
            return self._wrong(at, f"{text[:40]!r} is refused: it cannot be read as {node.tag.removeprefix(_CORE)}")
        # No setting is so large, and as text it is refused with what was written.
        return text if isinstance(value, int) and value.bit_length() > _MOST_BITS else value

    def _wrong(self, at: Location, words: str) -> None:
        self.mistakes.append((at, words))


def read(text: str) -> Document:
    """Read a text.

    Raises:
        PlainYamlError: It is no YAML, or too large.
    """
    if len(text) > MOST_CHARACTERS:
        raise PlainYamlError(f"is too large: more than {MOST_CHARACTERS} characters")
    if _brackets(text) > _MOST_BRACKETS:
        raise PlainYamlError("is nested too deeply")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise PlainYamlError(f"is not YAML: {error.problem}", line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PlainYamlError(f"is not YAML: {error.reason}", line) from None
    except RecursionError:
        raise PlainYamlError("is nested too deeply") from None
    document = Document()
    if root is not None:
        document.value = document.take(root, ())
    return document


def _brackets(text: str) -> int:
    """How many brackets are open at a time, at the most; those in quotes count too."""
    most = depth = 0
    for found in re.finditer(r"[][{}]", text):
        depth = depth + 1 if found[0] in "[{" else max(depth - 1, 0)
        most = max(most, depth)
    return most
