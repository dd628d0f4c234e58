"""Where wrong input comes from: right messages and files, spoilt a little or a lot, and some that are only large."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from contract.catalogue import INCOMING, catalogue
from npng_edge.publish.messages import State
from proof.fuzzing import files
from proof.fuzzing.judge import Input
from proof.fuzzing.trees import WORST, Pairs, changed, edges, places, spoilt, text, tree, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from npng_edge.wire import Message

GOLDEN = Path(__file__).parents[2] / "contract" / "golden"
LARGE = 9 * 2**20
"""The largest packet that a bed allows its broker, see `client.MAX_PACKET_BYTES`."""
MOST_PLACES = 60
"""In one example."""
_FILLED = {
    "id": "@id@",
    "expires": "@soon@",
    "at": "@now@",
    "until": "@soon@",
    "patient": "P-0001",
    "alarm_id": "@alarm@",
    "episode_id": "@episode@",
    "bundle": "@bundle@",
    "run": "@run@",
    "ids": ["@message@"],
}
"""What the examples say of their own time and bed becomes what holds for the bed that takes them."""


@dataclass(frozen=True, slots=True)
class Source:
    """Inputs of one kind."""

    name: str
    target: str
    """`bed`, `configuration` or `station`."""
    inputs: SearchStrategy[Input]
    special: Sequence[Callable[[], Input]]
    """Tried one by one, made when they are called for: all there is to a case, or too large to be drawn."""


def sources() -> tuple[Source, ...]:
    """All of them: each topic that a bed hears, what it should not hear, the configuration, what a station hears."""
    return (
        *(_inbound(topic, model) for topic, model in INCOMING.items()),
        _inbound("state", State),
        Source("other topics", "bed", _to_other_topics(), ()),
        Source(
            "configuration",
            "configuration",
            files.spoilt_file().map(Input),
            [partial(Input, one) for one in files.special()],
        ),
        *(_heard(entry.name, entry.model) for entry in catalogue() if entry.outgoing),
    )


def examples(name: str) -> list[Any]:
    """The golden payloads of a message, as trees."""
    known = sorted(GOLDEN.glob("*.json"))
    return [tree(json.loads(file.read_text("utf-8"))) for file in known if file.stem.partition(".")[0] == name]


def filled(example: Any) -> Any:
    """An example with what holds for the bed that takes it."""
    return Pairs([(key, tree(_FILLED[key]) if key in _FILLED else value) for key, value in example.items])


def special(right: Sequence[Any], topic: str) -> Iterator[Callable[[], Input]]:
    """Each of the worst values in each place of each example; no message at all; messages that are only large."""
    for example in right:
        for path, value in product(places(example, MOST_PLACES), WORST):
            yield partial(_wrong_at, example, path, value, topic)
    for small in (b"", b"null", b"{}", b"[]", b"0", b'""'):
        yield partial(Input, small, topic)
    for make in large(right[0]):
        yield partial(_made, make, topic)


def large(example: Any) -> tuple[Callable[[], bytes], ...]:
    """Messages of about `LARGE` bytes, each of one kind, made when they are called for."""
    begin = text(example).encode()[:-1]
    lists = [key.encode() for key, value in example.items if isinstance(value, list)]
    return (
        lambda: begin + b',"why":"' + b"x" * LARGE + b'"}',
        lambda: begin + b"," + b",".join(b'"k%d":1' % number for number in range(LARGE // 12)) + b"}",
        lambda: begin + b',"id":' + b"1" * LARGE + b"}",
        lambda: begin + b',"x":[' + b"[]," * (LARGE // 3) + b"[]]}",
        lambda: begin + b',"x":[' + b"0.1," * (LARGE // 4) + b"1]}",
        lambda: begin + b',"who":"a"' * (LARGE // 10) + b"}",
        lambda: begin + b',"bundle":"' + b"x" * LARGE + b'"}',
        lambda: begin + b',"x":"' + b"\\u0000" * (LARGE // 6) + b'"}',
        *(partial(_long_list, begin, key) for key in lists),
        lambda: b"[" * LARGE,
        lambda: b'{"a":' * (LARGE // 5),
        lambda: b" " * LARGE,
        lambda: b"\xff" * LARGE,
        lambda: b'"' + b"x" * LARGE + b'"',
    )


def _long_list(begin: bytes, key: bytes) -> bytes:
    return begin + b',"' + key + b'":[' + b'"a",' * (LARGE // 4) + b'"a"]}'


def _made(make: Callable[[], bytes], topic: str) -> Input:
    return Input(make(), topic)


def _wrong_at(example: Any, path: tuple[int, ...], value: Any, topic: str) -> Input:
    return Input(text(changed(example, path, 0, value)).encode("utf-8", "surrogatepass"), topic)


def _inbound(topic: str, model: type[Message]) -> Source:
    right = [filled(one) for one in examples(topic.replace("/", "-"))]
    here = f"@bed@/{topic}"
    inputs = _message(right, values(edges(model.model_json_schema(by_alias=True))), here)
    return Source(topic, "bed", inputs, tuple(special(right, here)))


@st.composite
def _message(draw: DrawFn, right: Sequence[Any], put_in: SearchStrategy[Any], topic: str) -> Input:
    """A message to a bed, mostly on its topic and with nothing but its payload wrong."""
    payload = draw(spoilt(right, put_in))
    manner = draw(_MANNER)
    asked = (None, *_ANSWERS)[manner // 8 % (len(_ANSWERS) + 1)]
    return Input(
        payload,
        topic,
        retained=manner % 64 == 1,
        response_topic=asked and asked.format(topic.rpartition("/")[2]),
        correlation=None if asked is None else bytes((manner % 256,)) * 8,
        assigned=manner % 2 == 0,
    )


@st.composite
def _to_other_topics(draw: DrawFn) -> Input:
    right = [filled(one) for name in ("request-assign", "vitals") for one in examples(name)]
    given = draw(_message(right, values(()), "x"))
    name = draw(_NAMES)
    place = ("@bed@/", "@bed@/", "@bed@", "npng/v1/demo/ward-1/bed-02/", "npng/v1/+/+/+/", "")[len(given.payload) % 6]
    return replace(given, topic=f"{place}{name}" if name not in INCOMING else "x")


def _heard(name: str, model: type[Message]) -> Source:
    right = examples(name)
    put_in = values(edges(model.model_json_schema(by_alias=True)))
    topics = st.sampled_from((*[f"@bed@/{name}"] * 12, f"npng/v1/a/b/c/{name}", f"npng/v1/a/b/{name}", "", "@bed@//x"))
    inputs = st.builds(Input, spoilt(right, put_in), topics)
    return Source(f"station: {name}", "station", inputs, tuple(special(right, f"@bed@/{name}")))


_MANNER = st.integers(0, 1023)
_ANSWERS = (
    "@bed@/response/{}/station-3",
    "@bed@/response/{}/",
    "@bed@/alarm",
    "@bed@/response/{}/../#",
    "+/#",
    "",
    "\0",
    "x" * 70_000,
)
"""Where the answer is to go."""
_NAMES = (
    st.sampled_from(
        ("request/", "request", "request/unknown", "request/ASSIGN", "request/assign/", "request/assign/x", "alarm",
         "request//assign", "request/a" + "a" * 40, "request/\ud55c", "request/$x", "request/\x7f", "request/assign\n",
         "request/ assign", "alarms", "response/assign", "vitals/", "receipt/x", "STATE", "", "/", "x" * 65_000)
    )
    | st.text(max_size=40).map("request/{}".format)
    | st.from_regex("request/[a-z][a-z-]{0,40}", fullmatch=True)
)  # fmt: skip
