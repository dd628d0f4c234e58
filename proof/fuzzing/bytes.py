"""Plain bytes as inputs, for a fuzzer that knows nothing of messages: the first two choose the topic and the bed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from contract.catalogue import INCOMING, catalogue
from npng_edge.settings import Settings
from proof.fuzzing.files import sections
from proof.fuzzing.inputs import examples, filled
from proof.fuzzing.judge import Input
from proof.fuzzing.trees import HOSTILE, Pairs, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_EMPTY, _RETAINED = 0x80, 0x0F
"""In the second byte: the bed without a patient; a retained message, when all of these bits are set."""


def from_bytes(kind: str, data: bytes) -> Input:
    """The input that bytes stand for."""
    if kind == "configuration":
        return Input(data)
    place, flags, payload = data[:1] or b"\0", data[1:2] or b"\0", data[2:]
    known = _topics(kind)
    return Input(
        payload,
        f"@bed@/{known[place[0] % len(known)]}",
        retained=flags[0] & _RETAINED == _RETAINED,
        assigned=not flags[0] & _EMPTY,
    )


def seeds(kind: str) -> Iterator[bytes]:
    """Right inputs to begin with."""
    if kind == "configuration":
        yield from (one.encode() for one in sections())
        return
    for number, topic in enumerate(_topics(kind)):
        for example in examples(topic.replace("/", "-")):
            right = filled(example) if kind == "bed" else example
            for flags in (0, _EMPTY) if kind == "bed" else (0,):
                yield bytes((number, flags)) + text(right).encode()


def words(kind: str) -> Iterator[str]:
    """What is worth putting in, as libFuzzer's dictionary."""
    names = _names(Settings.model_json_schema()) if kind == "configuration" else set[str]()
    for topic in () if kind == "configuration" else _topics(kind):
        for example in examples(topic.replace("/", "-")):
            names.update(f'"{key}":' for key in _keys(example))
    values = (text(one) for one in HOSTILE if not isinstance(one, str) or one.isascii())
    for word in sorted(names) + [one for one in values if one.isascii() and 0 < len(one) <= 40]:
        yield '"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"'


@cache
def _topics(kind: str) -> tuple[str, ...]:
    if kind == "bed":
        return (*INCOMING, "state", "request/unknown")
    return tuple(entry.name for entry in catalogue() if entry.outgoing)


def _keys(node: Any) -> Iterator[str]:
    for key, inner in node.items if isinstance(node, Pairs) else ():
        yield key
        yield from _keys(inner)


def _names(schema: Any) -> set[str]:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    found = {f"{name}: " for name in schema.get("properties", {})} if isinstance(schema, dict) else set()
    return found.union(*map(_names, inner))
