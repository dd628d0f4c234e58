"""Looks for pictures in what left a device or stayed on it: file formats, runs of pixels, room for a picture at all.

It looks into base64, hexadecimal and zlib or gzip as well, one in the other. What it cannot see: anything encrypted,
and pixels that were changed before they were copied, for instance resampled, scaled to floats or compressed by
something else than the formats listed; `room` bounds what could hold those.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Picture: TypeAlias = npt.NDArray[np.uint8]

RUN = 24
"""So many bytes in a row, as they are in a picture, are a trace of it."""
VARIED = 6
"""Different values in such a run; plain areas and fillings have fewer."""
MOST_BYTES = 2**24
"""Of what one compressed piece is unpacked to."""
DEPTH = 3
_WORD, _STRIDE = 8, 16  # A run of 24 holds a word of 8 bytes that begins at a multiple of 16 in the picture.
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SIZES = (1.0, 0.5, 0.25)
"""A picture is also looked for at these scales."""
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\/|\\?\r?\n){32,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){24,}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_FORMATS = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WebP, AVI": re.compile(rb"RIFF.{4}(WEBP|AVI )", re.DOTALL),
    "BMP": re.compile(rb"BM.{4}\0\0\0\0.{2}\0\0[\x0c\x28\x38\x40\x6c\x7c]\0\0\0", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0[\x08-\xff].{0,2}\0|MM\0\*\0{2}", re.DOTALL),
    "HEIF, AVIF, MP4": re.compile(rb"ftyp(heic|heix|hevc|mif1|msf1|avif|avis|isom|iso[2-6]|mp4[12]|avc1|M4V |qt  )"),
    "JPEG 2000": re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n"),
    "Matroska": re.compile(rb"\x1a\x45\xdf\xa3.{1,40}(matroska|webm)", re.DOTALL),
    "H.264": re.compile(rb"\0\0\x01[\x27\x47\x67][\x42\x4d\x58\x64\x6e\x7a\xf4][\0-\xff][\x0a-\x3e]"),
    "NumPy": re.compile(rb"\x93NUMPY[\x01-\x03]"),
    "portable pixmap": re.compile(rb"P[56][\s]+\d{2,5}[\s]+\d{2,5}[\s]+\d{2,5}[\s]"),
}
_JPEG = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")


def traces(found: Mapping[str, bytes], pictures: Iterable[Picture]) -> list[str]:
    """Every trace of pictures, in words; empty: none.

    Args:
        found: What left or stayed, by a name for people.
        pictures: That the device saw: (height, width, 3) BGR.
    """
    layers = [one for name, content in found.items() for one in unpacked(name, content)]
    told = [f"{name}: {kind}" for name, data in layers for kind in formats(data)]
    return told + list(pixels(layers, pictures))


def unpacked(name: str, data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """The data, and what is in it by base64, hexadecimal or zlib."""
    yield name, data
    if depth == 0:
        return
    for found in _PACKED.finditer(data):
        with suppress(zlib.error):
            inner = zlib.decompressobj(wbits=47).decompress(data[found.start() :], MOST_BYTES)
            if len(inner) >= RUN:
                yield from unpacked(f"{name}, packed at {found.start()}", inner, depth - 1)
    for found in _HEX.finditer(data):
        yield from unpacked(f"{name}, hexadecimal at {found.start()}", bytes.fromhex(found[0].decode()), depth - 1)
    for found in _BASE64.finditer(data):
        digits = re.sub(rb"[\\\r\n]", b"", found[0]).translate(bytes.maketrans(b"-_", b"+/"))
        for skipped in range(4):
            part = digits[skipped:]
            with suppress(binascii.Error):
                inner = base64.b64decode(part[: len(part) // 4 * 4])
                yield from unpacked(f"{name}, base64 at {found.start()}", inner, depth - 1)


def formats(data: bytes) -> list[str]:
    """Names of the picture and film formats that begin in the data."""
    names = [name for name, pattern in _FORMATS.items() if pattern.search(data)]
    return names + ["JPEG"] * any(_is_jpeg(data, found.start()) for found in _JPEG.finditer(data))


def _is_jpeg(data: bytes, at: int) -> bool:
    """Whether a second segment follows the first: three bytes alone turn up by chance."""
    length = int.from_bytes(data[at + 4 : at + 6], "big")
    following = data[at + 4 + length : at + 5 + length]
    return length >= 2 and following in (b"\xff", b"")


def pixels(layers: Sequence[tuple[str, bytes]], pictures: Iterable[Picture]) -> Iterator[str]:
    """Where at least `RUN` bytes are as in a picture: BGR, RGB, grey or planes of YUV, at the scales `_SIZES`."""
    joined = b"".join(data + bytes(_WORD) for _, data in layers)
    words, places = _words(joined)
    bits = len(words).bit_length() + 5  # A word of a picture is looked up for nothing once in thirty times or less.
    shift, table = np.uint64(64 - bits), np.zeros(2**bits, np.bool_)
    table[words * _FACTOR >> shift] = True
    for number, picture in enumerate(pictures):
        for kind, plane in _planes(picture):
            flat = plane.tobytes()
            wanted = np.frombuffer(flat[: len(flat) // _STRIDE * _STRIDE], np.uint64)[:: _STRIDE // _WORD]
            possible = np.flatnonzero(table[wanted * _FACTOR >> shift])
            firsts = np.searchsorted(words, wanted[possible], "left")
            lasts = np.searchsorted(words, wanted[possible], "right")
            for one, first, last in zip(possible.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
                if first == last:
                    continue
                runs = ((_run(joined, int(place), flat, one * _STRIDE), int(place)) for place in places[first:last])
                run, place = max(runs, key=lambda found: len(found[0]))
                if len(run) >= RUN and len(set(run)) >= VARIED:
                    yield f"{_name_of(layers, place)}: {len(run)} bytes of picture {number}, {kind}"
                    break


def room(data: bytes, longest_text: int, longest_list: int) -> list[str]:
    """Where a JSON message has room for a picture in whatever form: texts and lists that are longer than these."""
    told: list[str] = []

    def look(node: Any, at: str) -> None:
        if isinstance(node, str) and len(node) > longest_text:
            told.append(f"{at}: a text of {len(node)} characters")
        inner = node if isinstance(node, dict) else dict(enumerate(node)) if isinstance(node, list) else {}
        if len(inner) > longest_list:
            told.append(f"{at}: {len(inner)} values")
        for key, value in inner.items():
            look(value, f"{at}.{key}")

    look(json.loads(data), "message")
    return told


def _planes(picture: Picture) -> Iterator[tuple[str, Picture]]:
    for size in _SIZES:
        small = picture if size == 1.0 else cv2.resize(picture, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
        yield f"BGR x {size:g}", np.asarray(small, np.uint8)
        yield f"RGB x {size:g}", np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
        yield f"grey x {size:g}", np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        yield f"YUV x {size:g}", np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _words(data: bytes) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Every word of the data that is not of few values, sorted, and its places."""
    if len(data) < _WORD:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), _WORD)
    places = np.flatnonzero((np.diff(np.sort(windows, axis=1), axis=1) != 0).sum(axis=1) >= 2)
    words = np.ascontiguousarray(windows[places]).view(np.uint64).reshape(-1)
    order = np.argsort(words, kind="stable")
    return words[order], places[order]


def _run(data: bytes, at: int, picture: bytes, there: int) -> bytes:
    """The longest common run around two places."""
    begin = 0
    while begin < min(at, there) and data[at - begin - 1] == picture[there - begin - 1]:
        begin += 1
    end = 0
    while at + end < len(data) and there + end < len(picture) and data[at + end] == picture[there + end]:
        end += 1
    return data[at - begin : at + end]


def _name_of(layers: Iterable[tuple[str, bytes]], at: int) -> str:
    for name, data in layers:
        at -= len(data) + _WORD
        if at < 0:
            return name
    return "nowhere"
