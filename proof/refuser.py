"""Stands between a bed and its broker and says no in the broker's name, with any MQTT 5 reason code.

Mosquitto cannot be made to send every code (0x97, for instance), and others only in ways that disturb more than the
one topic. What is refused here the broker never sees, as if it had refused it itself. Plain TCP, no TLS.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from proof.mosquitto import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

CALL_S = 10.0
CONNECT, PUBLISH = 1, 3
"""MQTT packet types, MQTT 5 section 2.1.2."""
_CONNACK, _PUBACK, _DISCONNECT = 0x20, 0x40, 0xE0

_T = TypeVar("_T")


class Refuser:
    """Passes everything on, but for what it is told to refuse. Its methods may be called from any thread.

    Args:
        broker_port: Of the broker, on the loopback address.
    """

    def __init__(self, broker_port: int) -> None:
        self.host = HOST
        self._broker_port = broker_port
        self.topics: Mapping[str, int] = {}
        """Last level of a topic -> reason code: such a message (QoS 1) is answered with it and goes no further."""
        self.connect: int | None = None
        """Each CONNECT is answered with this reason code; None: passed on."""
        self.said: Counter[tuple[str, int]] = Counter()
        """How often which was refused: last level of the topic, `connect` or `disconnect`, and the code."""
        self._clients: set[asyncio.StreamWriter] = set()  # those that the broker has accepted
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="refuser", daemon=True)
        self._thread.start()
        self._server = self._call(self._begin)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def disconnect(self, code: int) -> int:
        """End every connection that the broker has accepted with a DISCONNECT that gives this reason.

        Returns:
            How many connections that were.
        """

        async def ended() -> int:
            count = len(self._clients)
            for client in self._clients:
                client.write(bytes((_DISCONNECT, 2, code, 0)))
                client.close()
            self._clients.clear()
            self.said["disconnect", code] += count
            return count

        return self._call(ended)

    def close(self) -> None:
        """End everything."""

        async def ended() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._call(ended)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def _call(self, work: Callable[[], Coroutine[None, None, _T]]) -> _T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(CALL_S)

    async def _begin(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, self.host, 0)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        except OSError:
            to_client.close()
            return
        try:
            done, left = await asyncio.wait(
                (
                    asyncio.ensure_future(self._up(client, to_broker, to_client)),
                    asyncio.ensure_future(self._down(broker, to_client)),
                ),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in left:
                task.cancel()
            await asyncio.gather(*done, *left, return_exceptions=True)
        finally:
            self._clients.discard(to_client)
            to_broker.close()
            to_client.close()

    async def _up(
        self, client: asyncio.StreamReader, to_broker: asyncio.StreamWriter, to_client: asyncio.StreamWriter
    ) -> None:
        """From the bed: each packet is passed on, or answered here."""
        while True:
            packet, body = await _packet(client)
            kind = packet[0] >> 4
            if kind == CONNECT and self.connect is not None:
                to_client.write(bytes((_CONNACK, 3, 0, self.connect, 0)))
                self.said["connect", self.connect] += 1
                await to_client.drain()
                return
            if kind == PUBLISH and packet[0] & 0b0110:
                end = body + 2 + int.from_bytes(packet[body : body + 2], "big")
                level = packet[body + 2 : end].decode().rpartition("/")[2]
                code = self.topics.get(level)
                if code is not None:
                    to_client.write(bytes((_PUBACK, 3, *packet[end : end + 2], code)))
                    self.said[level, code] += 1
                    continue
            to_broker.write(packet)
            await to_broker.drain()

    async def _down(self, broker: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """From the broker: whole packets, so that what is said here never falls into the middle of one."""
        while True:
            packet, _ = await _packet(broker)
            to_client.write(packet)
            await to_client.drain()
            if packet[0] == _CONNACK:
                self._clients.add(to_client)


async def _packet(stream: asyncio.StreamReader) -> tuple[bytes, int]:
    """The next packet, and where its variable header begins.

    Raises:
        asyncio.IncompleteReadError: The stream has ended.
        OSError: The connection is broken.
    """
    head = bytearray(await stream.readexactly(2))
    while head[-1] & 0x80:
        head += await stream.readexactly(1)
    length = sum((byte & 0x7F) << 7 * n for n, byte in enumerate(head[1:]))
    return bytes(head) + await stream.readexactly(length), len(head)
