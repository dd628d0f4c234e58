"""JSON Schema 2020-12 of one message, from its model.

What a bed sends and what it takes are described with one difference. A bed sends every field always, and a reader must
ignore fields that it does not know. A bed refuses fields that it does not know, and fields with a default may be left
out.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from npng_edge.units import ACTION_UNITS, MOTION_REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import Enum

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

    from contract.catalogue import Entry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
UTC = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
"""How a bed writes times; it takes every time of RFC 3339."""
LISTS = {"ACTION_UNITS": ACTION_UNITS, "MOTION_REGIONS": MOTION_REGIONS}
"""What descriptions name and a reader must have in full."""
_MEANINGS = "x-meanings"


class _Generator(GenerateJsonSchema):
    """Pydantic's own, without a title for every field and with the meaning of every value of an enumeration."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - as pydantic calls it
        return False

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        # Pydantic 2.12 leaves the docstring out.
        return {"description": schema["cls"].__doc__ or ""} | super().dataclass_schema(schema)

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        # Pydantic sets the description afterwards: the meanings join it in `_tidy`.
        return super().enum_schema(schema) | {_MEANINGS: member_texts(schema["cls"])}


def member_texts(kind: type[Enum]) -> dict[str, str]:
    """The docstrings under the members of an enumeration, by value; members without one are left out."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    lines = body.body if isinstance(body, ast.ClassDef) else []
    found = {}
    for member, text in pairwise(lines):
        match member, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(words))):
                found[str(kind[name].value)] = words
    return found


def json_schema(entry: Entry) -> dict[str, Any]:
    """The schema of one message."""
    made = entry.model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    for node in nodes(made):
        _tidy(node, outgoing=entry.outgoing)
    if not entry.outgoing:
        # A payload must say which message it is, though its model has a default.
        made["required"] = ["schema", *(name for name in made["required"] if name != "schema")]
    text = json.dumps(made)
    lists = [f"`{name}`, in this order: {', '.join(LISTS[name])}." for name in LISTS if f"`{name}`" in text]
    head = {
        "$schema": DIALECT,
        "$id": f"urn:{entry.schema.replace('/', ':')}",
        "title": entry.schema,
        "description": "\n\n".join([made["description"], *lists]),
    }
    order = ("type", "properties", "required", "additionalProperties", "$defs")
    return head | {key: made[key] for key in order if key in made}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and every schema within it; a field's name is never mistaken for a keyword."""
    yield schema
    for key in ("properties", "$defs"):
        for inner in schema.get(key, {}).values():
            yield from nodes(inner)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(key, ()):
            yield from nodes(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from nodes(schema[key])


def _tidy(node: dict[str, Any], *, outgoing: bool) -> None:
    known = node.pop(_MEANINGS, {})
    meanings = [f"`{value}`: {known[value]}" for value in node.get("enum", ()) if value in known]
    if "description" in node:
        node["description"] = _plain("\n\n".join([node["description"], *meanings]))
    if outgoing:
        node.pop("default", None)
        if "properties" in node:
            node["required"] = list(node["properties"])
            node.pop("additionalProperties", None)
        if node.get("format") == "date-time":
            node["pattern"] = UTC


def _plain(text: str) -> str:
    """A docstring as a text of JSON: a line per paragraph, and null by its name there."""
    paragraphs = (re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", text))
    return re.sub(r"\bNone\b", "null", "\n\n".join(paragraphs))
