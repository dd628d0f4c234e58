"""A TCP proxy that keeps every byte, each way."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Recorder:
    """Stands in front of a port on the loopback address.

    Args:
        port: Of the real server.
    """

    def __init__(self, port: int) -> None:
        self._real = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.sent: list[bytearray] = []
        """What each client has sent, in order."""
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                real = socket.create_connection(("127.0.0.1", self._real))
                self._sockets += [client, real]
                self.sent.append(bytearray())
                for pair, kept in (((client, real), self.sent[-1]), ((real, client), bytearray())):
                    self._threads.append(threading.Thread(target=_pass_on, args=(*pair, kept), daemon=True))
                    self._threads[-1].start()

    def close(self) -> None:
        """End everything."""
        for one in (self._server, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10.0)


def _pass_on(source: socket.socket, drain: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            kept += piece
            drain.sendall(piece)
        drain.shutdown(socket.SHUT_WR)
