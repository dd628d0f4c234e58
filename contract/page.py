"""The contract as a page for people: one HTML file without anything from outside."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from contract.catalogue import BED
from contract.rules import CAVEAT, RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contract.catalogue import Entry
    from npng_edge.publish.topics import Manner

TEMPLATE = Path(__file__).with_name("page.html.template")
_RANGES = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}


def page(
    entries: Sequence[Entry], schemas: Mapping[str, Mapping[str, Any]], examples: Mapping[str, Mapping[str, Any]]
) -> str:
    """The whole page.

    Args:
        entries: All messages.
        schemas: By message.
        examples: Payloads by the name of their file.
    """
    sent, taken = ([one for one in entries if one.outgoing is way] for way in (True, False))
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        bed=escape(BED),
        caveat=escape(CAVEAT),
        links_sent=_links(sent),
        links_taken=_links(taken),
        topics_sent=_topics(sent),
        topics_taken=_topics(taken),
        count=len(entries),
        rules="\n".join(f"<li>{_coded(rule)}</li>" for rule in RULES),
        messages="\n".join(
            _message(one, schemas[one.name], {n: e for n, e in examples.items() if n.partition(".")[0] == one.name})
            for one in entries
        ),
    )


def _links(entries: Iterable[Entry]) -> str:
    return "".join(f'<a href="#{one.name}">{escape(one.topic)}</a>' for one in entries)


def _topics(entries: Iterable[Entry]) -> str:
    rows = []
    for one in entries:
        cells = [_manner(one.manner)] + ([_manner(one.later)] if one.later else [])
        ways = "<br><small>after it waited: </small>".join(cells)
        rows.append(
            f'<tr><td><a href="#{one.name}"><code>{escape(one.topic)}</code></a></td>'
            f"<td>{ways}</td><td>{_prose(one.summary)}</td></tr>"
        )
    return "\n".join(rows)


def _manner(manner: Manner) -> str:
    retained = "retained" if manner.retain else "not retained"
    expiry = "" if manner.expiry_s is None else f", {manner.expiry_s} s"
    return f"QoS {manner.qos}, {retained}{expiry}"


def _message(entry: Entry, schema: Mapping[str, Any], examples: Mapping[str, Mapping[str, Any]]) -> str:
    way = "from the bed" if entry.outgoing else "to the bed"
    later = f" · after it waited: {_manner(entry.later)}" if entry.later else ""
    parts = "".join(_part(name, inner) for name, inner in schema.get("$defs", {}).items())
    payloads = "".join(
        f"<details><summary>{escape(name)}.json</summary><pre>{escape(_indented(content))}</pre></details>"
        for name, content in examples.items()
    )
    return (
        f'<section id="{entry.name}"><h2>{escape(entry.topic)}</h2>'
        f'<p class="soft">{way} · <code>{escape(entry.schema)}</code> · {_manner(entry.manner)}{later}</p>'
        f"{_prose(schema['description'])}{_fields(schema)}{parts}<h4>Examples</h4>{payloads}</section>"
    )


def _part(name: str, schema: Mapping[str, Any]) -> str:
    values = f'<p class="soft">One of {_values(schema["enum"])}.</p>' if "enum" in schema else ""
    return f"<h4>{escape(name)}</h4>{_prose(schema.get('description', ''))}{values}{_fields(schema)}"


def _fields(schema: Mapping[str, Any]) -> str:
    if "properties" not in schema:
        return ""
    needed = schema.get("required", ())
    rows = "\n".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_kind(field)}"
        f"{'' if name in needed else ' <small>may be left out</small>'}</td>"
        f"<td>{_prose(field.get('description', ''))}</td></tr>"
        for name, field in schema["properties"].items()
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _kind(schema: Mapping[str, Any]) -> str:
    """The type and range of a field in a few words."""
    if "$ref" in schema:
        return escape(str(schema["$ref"]).rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return _values(schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        kind = f"list of {_kind(schema['items'])}"
    elif isinstance(schema.get("additionalProperties"), dict):
        kind = f"name → {_kind(schema['additionalProperties'])}"
    else:
        kind = "time" if schema.get("format") == "date-time" else escape(schema["type"])
    return ", ".join([kind, *_ranges(schema)])


def _ranges(schema: Mapping[str, Any]) -> Iterator[str]:
    for key, words in _RANGES.items():
        if key in schema:
            yield escape(words.format(schema[key]))
    if "pattern" in schema and "format" not in schema:
        yield f"<code>{escape(schema['pattern'])}</code>"


def _values(values: Iterable[Any]) -> str:
    return " ".join(f"<code>{escape(str(value))}</code>" for value in values)


def _prose(text: str) -> str:
    """A text of the schemas; what stands between backticks is code."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    return "".join(f"<p>{_coded(part)}</p>" for part in paragraphs)


def _coded(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _indented(content: Mapping[str, Any]) -> str:
    """JSON with short lists on one line."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)
