"""Whether what was written against the last release still works: what may be added, and what may not be changed.

| | from the bed | to the bed |
|---|---|---|
| a message, a topic | may come, may not go or move | the same |
| QoS, retained, expiry | may not change | the same |
| a field | may come, may not go | may come if it may be left out, may not go |
| a value of an enumeration | may come, may not go | the same |
| type, range, length, pattern | may not change | may only become wider |
| what holds for a field left out | | may not change |

A renamed field or value is one that went and one that came. Texts are not compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_ELSEWHERE = frozenset(
    ("type", "$ref", "anyOf", "enum", "const", "properties", "required", "items", "additionalProperties", "default")
)
"""Looked at on their own below."""
_WORDS = frozenset(("title", "description", "$schema", "$id", "$defs"))


@dataclass(frozen=True, slots=True)
class Contract:
    """What two sides agree on."""

    asyncapi: Mapping[str, Any]
    schemas: Mapping[str, Mapping[str, Any]]
    """By message."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """An old and a new schema of the same thing, each with the document that its references point into."""

    where: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    roots: tuple[Mapping[str, Any], Mapping[str, Any]]
    outgoing: bool

    def inner(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Pair:
        return _Pair(where, old, new, self.roots, self.outgoing)


def load(folder: Path) -> Contract:
    """The contract that a folder holds.

    Raises:
        OSError: There is none.
    """
    return Contract(
        yaml.safe_load((folder / "asyncapi.yaml").read_text(encoding="utf-8")),
        {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (folder / "schemas").glob("*.json")},
    )


def breaking_changes(old: Contract, new: Contract) -> list[str]:
    """What a station written against `old` would stumble over in `new`, one sentence each; empty: nothing."""
    found = []
    outgoing = set()
    for name, before in old.asyncapi["operations"].items():
        after = new.asyncapi["operations"].get(name)
        if after is None:
            found.append(f"{name}: the operation is gone")
            continue
        ways = [_way(contract.asyncapi, one) for contract, one in ((old, before), (new, after))]
        found += [
            f"{name}: {key} was {ways[0][key]}, is {ways[1][key]}" for key in ways[0] if ways[0][key] != ways[1][key]
        ]
        if before["action"] == "send":
            outgoing |= {reference["$ref"].rpartition("/")[2] for reference in before["messages"]}
    for name, schema in old.schemas.items():
        if name not in new.schemas:
            found.append(f"{name}: the message is gone")
            continue
        found += _changes(_Pair(name, schema, new.schemas[name], (schema, new.schemas[name]), name in outgoing))
    return found


def _way(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """What a message's way over MQTT depends on."""
    channel = document["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
    mqtt = operation["bindings"]["mqtt"]
    return {
        "the direction": operation["action"],
        "the topic": channel["address"],
        "the QoS": mqtt["qos"],
        "retained": mqtt.get("retain"),
        "the expiry": mqtt.get("messageExpiryInterval"),
    }


def _changes(pair: _Pair) -> Iterator[str]:
    """Compare two schemas: each alternative of the old one with the same kind of the new one."""
    old, new = (_kinds(schema, root) for schema, root in zip((pair.old, pair.new), pair.roots, strict=True))
    for kind, before in old.items():
        after = new.get(kind)
        if after is None and kind == "integer" and not pair.outgoing:
            after = new.get("number")
        if after is None:
            yield f"{pair.where}: may no longer be {kind}"
        else:
            yield from _same_kind(pair.inner(pair.where, before, after))
    if pair.outgoing:
        yield from (f"{pair.where}: may now be {kind}" for kind in new if kind not in old)


def _kinds(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The alternatives of a schema by their type.

    Raises:
        ValueError: Two are of one type, which the models do not have and this comparison does not know.
    """
    if "$ref" in schema:
        return _kinds(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        found = [pair for each in schema["anyOf"] for pair in _kinds(each, root).items()]
        if len(dict(found)) < len(found):
            raise ValueError(f"alternatives of one type cannot be compared: {schema}")
        return dict(found)
    return {schema.get("type", "anything"): schema}


def _same_kind(pair: _Pair) -> Iterator[str]:
    yield from _values(pair)
    yield from _limits(pair)
    if "properties" in pair.old or "properties" in pair.new:
        yield from _fields(pair)
    for key in ("items", "additionalProperties"):
        before, after = pair.old.get(key), pair.new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(pair.inner(f"{pair.where}[]", before, after))
        elif before != after and (pair.outgoing or after is not None):
            yield f"{pair.where}: {key} was {before}, is {after}"


def _values(pair: _Pair) -> Iterator[str]:
    before, after = (
        schema.get("enum", [schema["const"]] if "const" in schema else None) for schema in (pair.old, pair.new)
    )
    if before is None and after is not None:
        yield f"{pair.where}: only some values are left: {after}"
    elif before is not None and after is None and pair.outgoing:
        yield f"{pair.where}: was one of {before}, may now be anything"
    elif before is not None and after is not None:
        yield from (f"{pair.where}: the value {value!r} is gone" for value in before if value not in after)


def _limits(pair: _Pair) -> Iterator[str]:
    """Ranges and lengths, which have a wider and a narrower side, and all else, e.g. a pattern, which has not."""
    for key in sorted((set(pair.old) | set(pair.new)) - _ELSEWHERE - _WORDS):
        before, after = pair.old.get(key), pair.new.get(key)
        wider = after is None or (
            before is not None and ((key in _LOWER and after < before) or (key in _UPPER and after > before))
        )
        if before != after and (pair.outgoing or not wider):
            yield f"{pair.where}: {key} was {before}, is {after}"


def _fields(pair: _Pair) -> Iterator[str]:
    old, new = pair.old.get("properties", {}), pair.new.get("properties", {})
    for name, before in old.items():
        if name not in new:
            yield f"{pair.where}: the field {name} is gone"
            continue
        after = new[name]
        yield from _changes(pair.inner(f"{pair.where}.{name}", before, after))
        if "default" in before and "default" in after and before["default"] != after["default"]:
            yield f"{pair.where}.{name}: left out, it was {before['default']}, is {after['default']}"
    needed = [set(schema.get("required", ())) for schema in (pair.old, pair.new)]
    if pair.outgoing:
        yield from (f"{pair.where}: {name} may now be missing" for name in sorted((needed[0] - needed[1]) & set(new)))
    else:
        yield from (f"{pair.where}: {name} must now be given" for name in sorted(needed[1] - needed[0]))
