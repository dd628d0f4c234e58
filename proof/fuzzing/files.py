"""Configuration files as they must not be."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from npng_edge import config
from proof.fuzzing.trees import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn

_SCALARS = (
    "", "~", "null", "yes", "on", "0", "-1", "1", "0.5", "1e308", "1e999", ".nan", "-.inf", "0x" + "f" * 5000, "0o17",
    "9" * 5000, "1:59:59", "1_000", "2026-01-01", "2026-99-99", "2026-01-01T25:61:61Z", "'x'", '"\\ud800"', '"\\x00"',
    '"\\uZZZZ"', "@x", "`x`", "%x", "*nowhere", "&a x", "&a [*a]", "&a {b: *a}", "!!int x", "!!float x", "!!bool maybe",
    "!!binary '*'", "!!timestamp x", "!!set {a}", "!!omap [a: 1]", "!!python/object/apply:os.system ['true']", "!x y",
    "!!null x", "!!str", "[]", "{}", "[[[[[[[[1]]]]]]]]", "{a: {b: {c: 1}}}", "[1, 2, [3, 4]]", "? x", "| \n  x", "> x",
    "- 1", "'", '"', "[", "{", "a: b: c", "# x", "x # y", "한국어", "\ufeff", "\u2028", "\x07", "\t", "true", "info",
    "demo", "[[0.1, 0.1], [0.2, 0.2], [0.3, 0.1]]", "/x/y", "..", "file:" + "x" * 300, "1" * 20, "10",
)  # fmt: skip
_DOCUMENTS = (
    "", "\n", "---\n", "--- ---\n", "a: 1\n---\nb: 2\n", "[]", "- place", "x", "null", "? [a, b]\n: c\n",
    "? {a: b}\n: c\n",
    "<<: {place: {}}\n", "<<: x\n", "place: &p {bed: b}\ncamera: *p\n", "&a : *a\n", "&a [*a]", "place: &a {bed: *a}\n",
    "%YAML 9.9\n---\na: 1\n", "%TAG ! x\n", "!!map {}\n", "!!python/name:os.system\n", "1: 2\n", "true: 2\n", "~: 2\n",
    "2026-01-01: 2\n", "{}", "{place}", "place: [bed: x]\n", "[" * 3000, "{a: " * 2000, "- " * 5000 + "x",
    "a:\n" * 6600,
    "? " * 2000, "!!int " * 500, "&a " * 500, "a: |\n" + " " * 5000 + "x\n", "".join(f"k{n}: 1\n" for n in range(3000)),
    "place:\n" + "".join(f"  k{n}: 1\n" for n in range(2000)),
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "camera: {masks: &m [" + "[0.1, 0.1], " * 3000 + "]}\n", "log_level: " + "x" * 100_000 + "\n", "#" * 300_000,
    "x: '" + "y" * 200_000, " " * 200_000, "\n" * 100_000, "a: " + "'" * 99_999,
)  # fmt: skip
"""Files that are wrong as a whole."""


@cache
def sections() -> tuple[str, ...]:
    """The complete configuration without its comments, a section each; of `policy` a subsection each."""
    lines = [line for line in config.example().splitlines() if not line.lstrip().startswith("#")]
    found: list[str] = []
    for section in re.split(r"\n(?=\w)", "\n".join(lines)):
        name, *inner = re.split(r"\n(?=  \w+:\n)", section) if section.startswith("policy") else [section]
        found += [f"{name}\n{one}" for one in inner] or [name]
    return tuple(found)


def special() -> Iterator[bytes]:
    """Files that are wrong as a whole, or large."""
    yield from (one.encode("utf-8", "surrogatepass") for one in _DOCUMENTS)
    whole = config.example()
    yield from (whole.encode(one) for one in ("utf-8", "utf-8-sig", "utf-16", "utf-32"))
    yield whole.encode() + b"\xff"
    yield from (whole.encode() * times for times in (2, 200))
    yield b"\x00" * 1000
    yield from (one * 2**20 for one in (b"a: 1\n", b"[", b"- ", b"xxxxxxxxx"))


@st.composite
def spoilt_file(draw: DrawFn) -> bytes:
    """One or two sections with some mistakes."""
    known = sections()
    chosen = draw(_NUMBERS)
    lines = known[chosen % len(known)].splitlines()
    lines += known[chosen // len(known) % len(known)].splitlines() if chosen % 2 else []
    for _ in range(draw(_FEW)):
        at = draw(_NUMBERS)
        lines = _changed(lines, at % len(lines), at // 100 % _WAYS, draw(_NEW)) or [""]
    return encoded(draw, ("\n", "\n", "\n", "\r\n")[chosen % 4].join(lines))


def _changed(lines: list[str], at: int, how: int, new: str) -> list[str]:
    key, colon, value = lines[at].partition(":")
    here = (
        [f"{key}: {new}"],
        [],
        [lines[at], lines[at]],
        [f"{key}s{colon}{value}"],
        [lines[at], new],
        [f"{new}:{value}"],
        [f" {lines[at]}"],
        [f"{key}{colon} &x{value}", f"{key}_: *x"],
    )[how]
    return [*lines[:at], *here, *lines[at + 1 :]]


_WAYS = 8
_FEW, _NUMBERS = st.integers(0, 3), st.integers(0, 2**16)
_NEW = st.sampled_from(_SCALARS) | st.text(max_size=12)
