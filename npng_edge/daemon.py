"""The daemon: builds the stages from the configuration, runs them, stops them. The only place that knows them all.

    camera thread -> newest frame -> inference thread -> bedside thread (policy, outbox) <-> MQTT thread
                                                              clips thread (only writes and deletes clips)

A stage that dies ends the process with a non-zero status, and systemd starts it again. The systemd watchdog is fed
only while every stage advances. A camera that is gone, a model that is altered, a broker or a disk that is away are
alarms, not ends: the daemon stays up and says so.
"""

from __future__ import annotations

import logging
import queue
import signal
import time
from typing import TYPE_CHECKING

import cv2

from npng_edge import config
from npng_edge.bedside.events import ModelsOpened, PolicyChanged, ReadingMade
from npng_edge.bedside.filming import Filming
from npng_edge.bedside.stage import Bedside
from npng_edge.capture.stage import CaptureStage
from npng_edge.indicate.player import Player
from npng_edge.infer.pipeline import Pipeline
from npng_edge.infer.stage import InferenceStage
from npng_edge.latest import Latest
from npng_edge.policy.events import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from npng_edge.notify import Notifier
    from npng_edge.settings import Camera, Seeing, Settings
    from npng_edge.units import Frame

logger = logging.getLogger(__name__)

STALE_S = 5.0
"""A stage whose heart has not beaten for so long is stuck; the watchdog is not fed any more."""
CHECK_S = 1.0
EXIT_OK, EXIT_STAGE_DIED = 0, 70
NEEDS_RESTART = ("place", "broker", "storage", "local_alarm", "log_level")
"""Sections that are read at the start only."""


class Daemon:
    """One bedside device."""

    def __init__(self, settings: Settings, path: Path | None, notifier: Notifier) -> None:
        """Build the stages; nothing runs before `run`.

        Args:
            settings: The configuration.
            path: Where it was read from, to be read again on SIGHUP; None when there is no file.
            notifier: The line to systemd.
        """
        self._settings = settings
        self._path = path
        self._notifier = notifier
        self._wishes: queue.SimpleQueue[signal.Signals | str] = queue.SimpleQueue()
        self._frames: Latest[Frame] = Latest()
        self._delivered_before = 0
        self._filming = Filming(settings.storage, on_death=self._on_death)
        self._local = Player(settings.local_alarm, on_death=self._on_death)
        self._bedside = Bedside(
            settings, counts=self._counts, filming=self._filming, local=self._local, on_death=self._on_death
        )
        self._inference = InferenceStage(
            self._frames,
            on_reading=lambda reading, timings: self._bedside.tell(ReadingMade(reading, timings)),
            on_fault=lambda cause: self._bedside.tell(Fault("model", cause)),
            on_death=self._on_death,
            on_frame=self._filming.on_frame,
        )
        self._capture = self._new_capture(settings.camera)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until a stage dies.

        Returns:
            The exit status: 0 after a signal, 70 after the death of a stage.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _frame: self._wishes.put(signal.Signals(received)))
        self._use(self._settings.seeing)
        self._bedside.start()
        self._filming.start()
        self._local.start()
        self._inference.start()
        self._capture.start()
        place = self._settings.place
        self._notifier.ready(f"Watching {place.facility}/{place.unit}/{place.bed}.")
        logger.info("watching %s/%s/%s", place.facility, place.unit, place.bed)
        status = self._attend()
        self._notifier.stopping()
        # The eyes first, so that nothing new is decided while the last words are said.
        self._capture.stop(0.5)
        self._inference.stop(0.5)
        self._filming.stop(0.5)
        self._bedside.stop(0.5)
        self._local.stop(0.5)
        logger.info("stopped")
        return status

    def _attend(self) -> int:
        """Wait for signals and deaths, feed the watchdog while all hearts beat."""
        stuck: set[str] = set()
        while True:
            try:
                wish = self._wishes.get(timeout=CHECK_S)
            except queue.Empty:
                wish = None
            if wish is signal.SIGHUP:
                self._reload()
            elif isinstance(wish, signal.Signals):
                logger.info("%s: stopping", wish.name)
                return EXIT_OK
            elif wish is not None:
                logger.error("the process ends because stage %s died; the service manager starts it again", wish)
                return EXIT_STAGE_DIED
            stale = self._stale(time.monotonic())
            for name in sorted(stale - stuck):
                logger.error("stage %s is stuck: no turn for %.0f s", name, STALE_S)
            stuck = stale
            if not stale:
                self._notifier.watchdog()

    def _stale(self, now: float) -> set[str]:
        """The stages that do not advance."""
        return {stage.name for stage in (self._capture, self._inference, self._bedside) if now - stage.beat > STALE_S}

    def _reload(self) -> None:
        """Take the configuration file's new content if it is right, else keep the old settings."""
        if self._path is None:
            logger.warning("SIGHUP: there is no configuration file to read again")
            return
        self._notifier.reloading()
        try:
            new = config.load(self._path)
        except config.ConfigError as error:
            for problem in error.problems:
                logger.error("%s", problem)  # noqa: TRY400 - the problem says it all
            logger.error("the configuration is not changed: %s is wrong", self._path)  # noqa: TRY400
            self._notifier.ready("The new configuration is wrong; the old one stays in force.")
            return
        old = self._settings
        later = [name for name in NEEDS_RESTART if getattr(new, name) != getattr(old, name)]
        self._settings = new.model_copy(update={name: getattr(old, name) for name in NEEDS_RESTART})
        if new.policy != old.policy:
            self._bedside.tell(PolicyChanged(new.policy))
        if new.seeing != old.seeing:
            self._use(new.seeing)
        if new.camera != old.camera:
            self._replace_camera(new.camera)
        changed = [name for name in ("policy", "seeing", "camera") if getattr(new, name) != getattr(old, name)]
        logger.info("configuration loaded again; changed: %s", ", ".join(changed) or "nothing")
        if later:
            logger.warning("restart the service to apply: %s", ", ".join(later))
        self._notifier.ready("Configuration loaded again.")

    def _use(self, seeing: Seeing) -> None:
        def opened() -> Pipeline:
            # OpenCV's own threads cost more than they bring on pictures of a face, and delay everybody else's.
            cv2.setNumThreads(seeing.threads)
            pipeline = Pipeline(seeing)
            self._bedside.tell(ModelsOpened(pipeline.models))
            return pipeline

        self._inference.use(opened, seeing.max_fps)

    def _replace_camera(self, camera: Camera) -> None:
        self._capture.stop(1.0)
        self._delivered_before += self._capture.delivered
        self._capture = self._new_capture(camera)
        self._capture.start()

    def _new_capture(self, camera: Camera) -> CaptureStage:
        return CaptureStage(camera, self._frames, on_status=self._bedside.tell, on_death=self._on_death)

    def _counts(self) -> tuple[int, int]:
        return self._delivered_before + self._capture.delivered, self._frames.dropped

    def _on_death(self, name: str, _error: BaseException) -> None:
        self._wishes.put(name)
