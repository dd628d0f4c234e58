"""Small real disks that can be made to fail: a tmpfs that fills up, and an ext4 on a loop device that can be cut off.

Only root may mount. A bed is given `folder`, a link to the mounted file system, so that the disk can be gone for a
moment without a bed finding an empty mount point and beginning a database there.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE_MB = 64
UNMOUNT_S = 60.0
_EXT4_IOC_SHUTDOWN = 0x8004587D
"""_IOR('X', 125, __u32), Linux fs/ext4/ext4.h."""
_NO_LOG_FLUSH = struct.pack("I", 2)
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on the device now never will be. ext4's own tests cut the power so."""


class SmallDisk:
    """A file system of some megabytes, mounted.

    Args:
        place: A new folder for it.
        kind: `tmpfs` keeps nothing when it is unmounted; `ext4` is real, on a file through a loop device.

    Raises:
        OSError: It cannot be made here; with the reason.
    """

    def __init__(self, place: Path, kind: Literal["tmpfs", "ext4"]) -> None:
        self.kind = kind
        self.folder = place / "disk"
        self._mounted = place / "mounted"
        self._mounted.mkdir(parents=True)
        self._image = place / "image"
        if kind == "ext4":
            with self._image.open("wb") as image:
                image.truncate(SIZE_MB * 2**20)
            _run("mkfs.ext4", "-q", str(self._image))
        self._mount()

    def fill(self) -> None:
        """Leave no space."""
        with (self._mounted / "hog").open("wb", buffering=0) as hog, suppress(OSError):
            for size in (2**16, 4096, 512):
                with suppress(OSError):
                    while True:
                        hog.write(b"x" * size)

    def free(self) -> None:
        """Give the space back."""
        (self._mounted / "hog").unlink(missing_ok=True)

    def read_only(self) -> None:
        """Mounted read-only; the kernel refuses it while a file is open for writing.

        Raises:
            OSError: One is.
        """
        _run("mount", "-o", "remount,ro", str(self._mounted))

    def writable(self) -> None:
        """No longer read-only."""
        _run("mount", "-o", "remount,rw", str(self._mounted))

    def abort(self) -> None:
        """What ext4 does when its device fails: it gives up its journal and is read-only, files open or not."""
        _run("mount", "-o", "remount,abort", str(self._mounted))

    def shut_down(self) -> None:
        """As if the device were gone: every access fails with EIO, and nothing more reaches the device."""
        handle = os.open(self._mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _EXT4_IOC_SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(handle)

    @contextmanager
    def away(self) -> Iterator[None]:
        """The folder is missing for the time of the body; what is on it stays."""
        self._lead("nowhere")
        try:
            yield
        finally:
            self._lead(self._mounted.name)

    def again(self) -> None:
        """Mount it anew, as after a restart of the device: ext4 reads its journal. Waits until nobody uses it.

        Raises:
            OSError: Somebody still uses it.
        """
        with self.away():
            self._unmount()
            self._mount()

    def close(self) -> None:
        """Unmount."""
        self._unmount()

    def _mount(self) -> None:
        if self.kind == "tmpfs":
            _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(self._mounted))
        else:
            _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self._mounted))
        self._lead(self._mounted.name)

    def _unmount(self) -> None:
        deadline = time.monotonic() + UNMOUNT_S
        while not self._let_go():
            if time.monotonic() > deadline:
                raise OSError(f"{self._mounted} is in use")
            time.sleep(0.05)

    def _let_go(self) -> bool:
        try:
            _run("umount", str(self._mounted))
        except OSError:
            return False
        return True

    def _lead(self, name: str) -> None:
        """Let `folder` be a link to a neighbour."""
        new = self.folder.with_name("link")
        new.symlink_to(name)
        new.replace(self.folder)


def why_not() -> str | None:
    """Why no disk can be mounted here; None: it can."""
    return None if os.geteuid() == 0 else "mounting a small disk needs root"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
