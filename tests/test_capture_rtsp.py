from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from capture_material import Watched, fault_of, picture, write_clip

from npng_edge.capture.camera import SourceError
from npng_edge.capture.rtsp import RtspCamera
from npng_edge.settings import Camera
from npng_edge.units import CameraFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: apt install ffmpeg")
LOGIN = "Basic " + base64.b64encode(b"nurse:secret").decode()


class NetworkCamera(socketserver.ThreadingTCPServer):
    """A small RTSP server: forwards the RTP packets of an ffmpeg child over TCP, until told to be silent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, clip: Path, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.silent = threading.Event()
        self.closed = threading.Event()
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(0.1)
        sdp = folder / "stream.sdp"
        target = f"rtp://127.0.0.1:{self.rtp.getsockname()[1]}?pkt_size=1200"
        self.child = subprocess.Popen(
            [
                "ffmpeg",
                "-v",
                "error",
                "-re",
                "-stream_loop",
                "-1",
                "-i",
                clip,
                "-c",
                "copy",
                "-f",
                "rtp",
                "-sdp_file",
                sdp,
                target,
            ]
        )
        while not (sdp.exists() and sdp.read_text().endswith("\n")):
            assert self.child.poll() is None
            time.sleep(0.02)
        self.sdp = sdp.read_text().replace("\r\n", "\n").replace("\n", "\r\n")
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.closed.set()
        self.child.kill()
        self.child.wait()
        self.shutdown()
        self.server_close()
        self.rtp.close()


class _Session(socketserver.StreamRequestHandler):
    server: NetworkCamera

    def handle(self) -> None:
        while request := self._request():
            method, headers = request
            if method == "OPTIONS":
                self._answer(headers, "200 OK", "Public: DESCRIBE, SETUP, PLAY\r\n")
            elif headers.get("authorization") != LOGIN:
                self._answer(headers, "401 Unauthorized", 'WWW-Authenticate: Basic realm="cam"\r\n')
            elif method == "DESCRIBE":
                self._answer(headers, "200 OK", "Content-Type: application/sdp\r\n", self.server.sdp)
            elif method == "SETUP":
                self._answer(headers, "200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n")
            elif method == "PLAY":
                self._answer(headers, "200 OK", "Session: 1\r\n")
                return self._play()
        return None

    def _request(self) -> tuple[str, dict[str, str]] | None:
        first = self.rfile.readline().decode()
        headers = {}
        while line := self.rfile.readline().decode().strip():
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        return (first.split()[0], headers) if first.strip() else None

    def _answer(self, headers: dict[str, str], status: str, more: str, body: str = "") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{more}{length}\r\n{body}".encode())

    def _play(self) -> None:
        with contextlib.suppress(OSError):
            while not self.server.closed.is_set():
                try:
                    packet = self.server.rtp.recv(2000)
                except TimeoutError:
                    continue
                if not self.server.silent.is_set():
                    self.wfile.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)


@pytest.fixture
def network_camera(tmp_path: Path) -> Iterator[NetworkCamera]:
    server = NetworkCamera(write_clip(tmp_path / "clip.mp4", map(picture, range(40))), tmp_path)
    yield server
    server.stop()


def address(server: NetworkCamera, login: str = "nurse:secret") -> str:
    return f"rtsp://{login}@127.0.0.1:{server.server_address[1]}/live"


def test_pictures_arrive_a_silence_is_a_hang_and_it_recovers(
    network_camera: NetworkCamera, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Watched(address(network_camera), stall_s=1.5) as watched:
        assert watched.wait_for(None, timeout=15.0).fault is None
        network_camera.silent.set()
        began = time.monotonic()
        hung = watched.wait_for(CameraFault.HUNG)
        assert time.monotonic() - began < 10.0
        network_camera.silent.clear()
        watched.wait_for(None, timeout=15.0)
    assert hung.source == f"rtsp://127.0.0.1:{network_camera.server_address[1]}/live"
    captured = capfd.readouterr()
    assert "secret" not in caplog.text + captured.out + captured.err


def test_a_closed_connection_is_a_loss(network_camera: NetworkCamera) -> None:
    camera = RtspCamera(address(network_camera), Camera())
    camera.read()
    network_camera.closed.set()
    assert fault_of(camera) is CameraFault.LOST
    camera.close()


def test_a_wrong_password_is_told_without_it(network_camera: NetworkCamera) -> None:
    with pytest.raises(SourceError, match="user name and password") as caught:
        RtspCamera(address(network_camera, "nurse:wrong"), Camera())
    assert caught.value.fault is CameraFault.MISSING
    assert "wrong" not in str(caught.value)
