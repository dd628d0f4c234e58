"""A TCP proxy that spoils connections on purpose: cut, stalled, slow, half-open, reset inside a packet, refused.

It stands between a bed (or a station) and the broker and runs in a thread of its own; its methods may be called from
any thread and return when the fault is in place. It counts what it did, so that a fault that could not happen, for
instance for want of a packet, is not taken for one that did.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

HOST = "127.0.0.1"
CALL_S = 10.0
PIECE = 65_536
CONNACK, PUBLISH = 2, 3
"""MQTT packet types, MQTT 5 section 2.1.2."""
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST instead of FIN

Way = Literal["up", "down"]
"""`up`: from the client to the broker."""
_T = TypeVar("_T")


class Start(NamedTuple):
    """Where an MQTT packet begins."""

    offset: int
    """In the piece; below 0 when its first bytes came in an earlier one."""
    kind: int
    """Packet type, 1..15."""
    length: int
    """Of the whole packet, bytes."""


class Packets:
    """Follows an MQTT stream that comes in pieces, and finds where packets begin."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0

    def starts(self, piece: bytes) -> list[Start]:
        """The packets whose fixed header ends in this piece."""
        found: list[Start] = []
        at = 0
        while at < len(piece):
            if self._left:
                step = min(self._left, len(piece) - at)
                self._left -= step
                at += step
                continue
            self._head.append(piece[at])
            at += 1
            if len(self._head) > 1 and not self._head[-1] & 0x80:
                self._left = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(self._head[1:]))
                found.append(Start(at - len(self._head), self._head[0] >> 4, len(self._head) + self._left))
                self._head.clear()
        return found


class Proxy:
    """Passes every connection to its port on to the broker, as well as it is allowed to.

    Args:
        broker_port: Of the broker, on the loopback address.
        host: Address to listen on.
        port: To listen on; 0: a free one.
        seed: Of the places inside packets where connections are reset.
    """

    def __init__(self, broker_port: int, *, host: str = HOST, port: int = 0, seed: int = 0) -> None:
        self.host, self.port = host, port
        self._broker_port = broker_port
        self._random = random.Random(seed)
        self.flow = asyncio.Event()
        """Set while anything is passed on."""
        self.delay_s = 0.0
        self.reset_way: Way | None = None
        self.resets = 0
        """Connections that were reset inside a packet."""
        self.accepted_at: list[float] = []
        """When the broker's CONNACK was passed on; seconds since 1970, UTC."""
        self._lines: set[_Line] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._call(self._begin())

    @property
    def connections(self) -> int:
        """Connections of clients that now stand."""
        return len(self._lines)

    def cut(self) -> None:
        """Close both sides of every connection in good order (FIN)."""

        def end_all() -> None:
            for line in self._lines:
                line.end()

        self._do(end_all)

    def stall(self) -> None:
        """Pass nothing on from now on; connections stay, and new ones get no answer."""
        self._do(self.flow.clear)

    def delay(self, seconds: float) -> None:
        """Pass everything on later by so much, each way."""
        self._do(lambda: setattr(self, "delay_s", seconds))

    def half_open(self) -> int:
        """Take the broker's side from every connection; the client's side stays open and silent.

        Returns:
            How many connections that were.
        """
        return self._do(lambda: sum(line.forget_broker() for line in self._lines))

    def reset_inside(self, way: Way) -> None:
        """Send RST to both sides in the middle of the next PUBLISH that goes this way; `resets` counts it."""
        self._do(lambda: setattr(self, "reset_way", way))

    def refuse(self) -> None:
        """Refuse new connections; those that stand go on."""
        self._call(self._close_server())

    def heal(self) -> None:
        """Be an honest proxy again. What is half-open stays so: only its client can end it."""

        async def healed() -> None:
            self.delay_s, self.reset_way = 0.0, None
            self.flow.set()
            if self._server is None:
                await self._begin()

        self._call(healed())

    def close(self) -> None:
        """End everything."""

        async def ended() -> None:
            await self._close_server()
            for line in list(self._lines):
                line.end()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # The transports say goodbye in the next turns of the loop.

        self._call(ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def where_to_reset(self, way: Way, piece: bytes, starts: list[Start]) -> int | None:
        """After how many bytes of a piece its connection must be reset; None: not now. For the connections."""
        if self.reset_way != way:
            return None
        for start in starts:
            end = min(start.offset + start.length, len(piece))
            if start.kind == PUBLISH and start.offset >= 0 and end - start.offset > 1:
                self.reset_way = None
                self.resets += 1
                return self._random.randrange(start.offset + 1, end)
        return None

    def _call(self, work: Coroutine[None, None, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    def _do(self, work: Callable[[], _T]) -> _T:
        async def done() -> _T:
            return work()

        return self._call(done())

    async def _begin(self) -> None:
        self.flow.set()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        asked_in_a_stall = not self.flow.is_set()
        try:
            await self.flow.wait()
            if asked_in_a_stall:  # Through a stalled network no connection is made: whoever asked must ask again.
                return
            broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
            line = _Line(self, (client, to_client), (broker, to_broker))
            self._lines.add(line)
            try:
                await line.run()
            finally:
                self._lines.discard(line)
                to_broker.close()
        except OSError:
            return  # The broker is not there.
        finally:
            to_client.close()


class _Line:
    """One connection: each way is read by one task and written by another, so that a delay costs no speed."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client, self._broker = client, broker
        self._silent = False
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Pass on until a side ends."""
        up: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        down: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._read(self._client[0], up, ends_it=lambda: True),
                self._read(self._broker[0], down, ends_it=lambda: not self._silent),
                self._write("up", up, self._broker[1]),
                self._write("down", down, self._client[1]),
            )
        ]
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self) -> None:
        """End both sides."""
        self._over.set()

    def forget_broker(self) -> bool:
        """Close the broker's side; whether it was there."""
        was_there, self._silent = not self._silent, True
        self._broker[1].close()
        return was_there

    def _reset(self) -> None:
        for writer in (self._client[1], self._broker[1]):
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        self._over.set()

    async def _read(
        self, reader: asyncio.StreamReader, pieces: asyncio.Queue[tuple[float, bytes]], *, ends_it: Callable[[], bool]
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if not self._silent:
                    pieces.put_nowait((time.monotonic() + self._proxy.delay_s, piece))
                await self._proxy.flow.wait()
        if ends_it():
            self._over.set()

    async def _write(self, way: Way, pieces: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        packets = Packets()
        while not self._silent:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._proxy.flow.wait()
            starts = packets.starts(piece)
            keep = self._proxy.where_to_reset(way, piece, starts)
            try:
                writer.write(piece[:keep])
                await writer.drain()
            except OSError:
                self._over.set()
                return
            if keep is not None:
                self._reset()
                return
            if way == "down" and any(start.kind == CONNACK for start in starts):
                self._proxy.accepted_at.append(time.time())
