"""JSON as it must not be: trees that may hold a key twice or text that is no JSON, and how they are spoilt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

Path: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that is put in as it is."""

    text: str


@dataclass(slots=True)
class Pairs:
    """An object; a key may stand in it twice."""

    items: list[tuple[str, Any]]


HOSTILE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    -(2**63) - 1,
    10**25,
    1.5,
    -0.0,
    1e308,
    5e-324,
    "",
    " ",
    "0",
    "1",
    "4.0",
    "true",
    "null",
    "NaN",
    "P-0001",
    "P-0002",
    "patient",
    "pain",
    "a\x00b",
    "a\nb\rc\x1b[2J",
    "\ufeff",
    "\u202eevil",
    "한국어",
    "😀" * 40,
    "\ud800",
    "'; DROP TABLE outbox; --",
    "[bold]x[/]",
    "{0.__class__}%s%n",
    "a" * 65,
    "a" * 201,
    "a" * 5000,
    "@now@",
    "@past@",
    "@soon@",
    "@id@",
    "@alarm@",
    "@run@",
    "9999-12-31T23:59:59.999999+00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "2026-11-22T02:00:00",
    "2026-11-22",
    1763776800,
    1e20,
    Raw("NaN"),
    Raw("Infinity"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("-1e-999"),
    Raw("0x10"),
    Raw("01"),
    Raw("1" * 400),
    Raw("9" * 5000),
    Raw("1" * 4300),
    Raw("0." + "1" * 5000),
    Raw('"\\ud800"'),
    Raw('"\\u0000"'),
    Raw("'x'"),
    Raw(""),
    Raw("{"),
    Raw("]"),
    Raw("[" * 150 + "]" * 150),
    Raw("[" * 5000 + "]" * 5000),
    Raw('{"a":' * 300 + "1" + "}" * 300),
    Raw("/**/1"),
    [],
    [None],
    ["pain"] * 33,
    ["pain", "pain", 1],
    [[]],
    Pairs([]),
    Pairs([("schema", "npng/alarm/1")]),
)
"""Values that have broken programs before, and some that this one knows."""
WORST: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**53 + 1,
    2**63,
    10**25,
    1e308,
    Raw("NaN"),
    Raw("1e999"),
    Raw("1" * 4300),
    "",
    "a" * 65,
    "a" * 5000,
    "a\x00b",
    "\ud800",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    [],
    Pairs([]),
    Raw("[" * 150 + "]" * 150),
)
"""Of these each is tried in each place."""


def tree(value: Any) -> Any:
    """A JSON value as a tree; numbers are kept as they are."""
    if isinstance(value, dict):
        return Pairs([(key, tree(one)) for key, one in value.items()])
    return [tree(one) for one in value] if isinstance(value, list) else value


def text(node: Any) -> str:
    """A tree as text; strings in it may hold what UTF-8 cannot."""
    if isinstance(node, Raw):
        return node.text
    if isinstance(node, Pairs):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{text(one)}" for key, one in node.items) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(text, node)) + "]"
    return json.dumps(node, ensure_ascii=False)


def edges(schema: Mapping[str, Any]) -> list[Any]:
    """Values at the edges of what a schema allows, wherever in it they are."""
    found: list[Any] = []
    for node in _nodes(schema):
        found += node.get("enum", [])
        found += [node["const"]] if "const" in node else []
        for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            if name in node:
                limit = node[name]
                found += [limit, limit - 1e-9, limit + 1e-9, limit - 1, limit + 1, -limit]
        for name in ("minLength", "maxLength"):
            if node.get(name, 10**9) < 10**5:
                found += ["x" * (node[name] + more) for more in (-1, 0, 1)]
        for name in ("minItems", "maxItems"):
            if name in node:
                found += [["pain"] * (node[name] + more) for more in (-1, 0, 1)]
    return found


def values(known: Sequence[Any]) -> SearchStrategy[Any]:
    """Values to put in.

    Args:
        known: Those of this message that are worth trying: the edges of its schema.
    """
    return st.sampled_from((*HOSTILE, *known)) | st.text(max_size=20) | st.floats() | st.integers()


@st.composite
def spoilt(draw: DrawFn, examples: Sequence[Any], put_in: SearchStrategy[Any]) -> bytes:
    """An example with some mistakes, as bytes.

    Args:
        draw: Hypothesis's.
        examples: Right messages, as trees.
        put_in: What is put in where it does not belong.
    """
    example = examples[draw(_NUMBERS) % len(examples)]
    for _ in range(draw(_FEW)):
        paths = list(_paths(example))
        way, place = divmod(draw(_NUMBERS), len(paths))
        example = changed(example, paths[place], _WAYS[way % len(_WAYS)], draw(put_in))
    return encoded(draw, text(example))


def encoded(draw: DrawFn, words: str) -> bytes:
    """Text as bytes, now and then not quite."""
    how = draw(_HOW)
    if how == 1:
        return words.encode("utf-16", "surrogatepass")
    data = words.encode("utf-8", "surrogatepass")
    if how == 2:
        return data[: draw(_NUMBERS) % (len(data) + 1)]
    if how == 3:
        at = draw(_NUMBERS) % (len(data) + 1)
        return data[:at] + draw(_BYTES) + data[at + draw(_FEW) :]
    if how == 4:
        return draw(_BEGINNINGS) + data
    if how == 5:
        return data + (draw(_ENDS) or data)
    return draw(_BYTES) if how == 6 else data


_WAYS = (0, 0, 0, 0, 0, 1, 2, 3, 4, 5)
"""See `changed`; mostly a value takes the place of another."""
_FEW, _HOW, _NUMBERS = st.integers(0, 3), st.integers(0, 24), st.integers(0, 2**16)
_BYTES = st.binary(min_size=1, max_size=8)
_BEGINNINGS = st.sampled_from((b"\xef\xbb\xbf", b" \n\t", b"\x00"))
_ENDS = st.sampled_from((b"\x00", b"{}", b",", b"\n", b""))


def places(example: Any, most: int) -> list[Path]:
    """Where the values of a tree are, but for itself, the outer ones first."""
    return sorted(_paths(example), key=len)[1 : most + 1]


def changed(node: Any, path: Path, how: int, value: Any) -> Any:
    """The tree with a mistake at a path: 0 another value, 1 none, 2 twice, 3 another name, 4 one more, 5 in a list."""
    if not path:
        return (value, [node], Pairs([("a", node)]), node, node, node)[how]
    at, *rest = path
    if rest:
        if isinstance(node, Pairs):
            key, inner = node.items[at]
            return Pairs([*node.items[:at], (key, changed(inner, tuple(rest), how, value)), *node.items[at + 1 :]])
        return [*node[:at], changed(node[at], tuple(rest), how, value), *node[at + 1 :]]
    if isinstance(node, Pairs):
        return Pairs(_changed_items(node.items, at, how, value))
    return [
        *node[:at],
        *((value,), (), (node[at], node[at]), ([node[at]],), (node[at], value), (None,))[how],
        *node[at + 1 :],
    ]


def _changed_items(items: list[tuple[str, Any]], at: int, how: int, value: Any) -> list[tuple[str, Any]]:
    key, old = items[at]
    here = (
        [(key, value)],
        [],
        [(key, old), (key, value)],
        [(f"{key}_", old)],
        [(key, old), (value if isinstance(value, str) else "more", value)],
        [(key, [old])],
    )[how]
    return [*items[:at], *here, *items[at + 1 :]]


def _paths(node: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    inner = [one for _, one in node.items] if isinstance(node, Pairs) else node if isinstance(node, list) else ()
    for number, one in enumerate(inner):
        yield from _paths(one, (*at, number))


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from _nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _nodes(value)
