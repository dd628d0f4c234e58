"""The settings of the device around the policy: place, camera, seeing, broker, storage, local alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from npng_edge.settings.policy import Policy
from npng_edge.settings.section import Fraction, Section

TopicLevel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""One level of an MQTT topic: no slash, no wildcard, so that a name can never widen a topic."""
Point = tuple[Fraction, Fraction]
"""x, y as fractions of the picture's width and height, after rotation and mirroring."""
Polygon = Annotated[tuple[Point, ...], Field(min_length=3)]


class Place(Section):
    """Where the device stands; the MQTT topics are `npng/v1/{facility}/{unit}/{bed}/...`."""

    facility: TopicLevel = Field(default="demo", description="Hospital, one topic level.")
    unit: TopicLevel = Field(default="ward-1", description="Ward or unit, one topic level.")
    bed: TopicLevel = Field(default="bed-01", description="Bed, one topic level, unique in the unit.")


class Camera(Section):
    """Where the pictures come from and what is done to them before anything else sees them."""

    source: str = Field(
        default="auto",
        description="auto (first camera found), demo (the same, else the bundled synthetic patient), picamera2[:N], "
        "v4l2:/dev/videoN, nvargus[:N] (Jetson), gstreamer:PIPELINE, rtsp://..., file:PATH, images:FOLDER.",
    )
    width: int = Field(default=1280, ge=160, le=4096, description="Requested width, pixels.")
    height: int = Field(default=720, ge=120, le=4096, description="Requested height, pixels.")
    fps: float = Field(default=15.0, gt=0, le=120, description="Requested frames per second; also paces stills.")
    rotation: Literal[0, 90, 180, 270] = Field(default=0, description="Degrees clockwise, applied to the picture.")
    mirror: bool = Field(default=False, description="Swap left and right, after the rotation.")
    masks: tuple[Polygon, ...] = Field(
        default=(), description="Privacy masks: polygons in fractions of the rotated picture, blackened at once."
    )
    loop: bool = Field(default=False, description="Start a file or folder again at its end.")
    stall_s: float = Field(default=3.0, gt=0, le=4.0, description="No frame for so long means the source hangs.")
    still_s: float = Field(
        default=4.0, gt=0, le=4.5, description="Black or bit-identical frames for so long are a fault, in seconds."
    )
    reopen_min_s: float = Field(default=0.5, gt=0, le=60, description="First wait before the source is opened again.")
    reopen_max_s: float = Field(default=15.0, gt=0, le=300, description="Longest wait; waits double up to it.")


class Quality(Section):
    """The gate: a face below any of these is marked with the reason, not scored."""

    min_face_px: float = Field(default=40.0, ge=16, le=1000, description="Face width in pixels.")
    min_sharpness: float = Field(default=0.15, ge=0, le=1, description="0 blurred, 1 crisp.")
    min_exposure: float = Field(default=0.12, ge=0, le=1, description="Mean luminance of the face, 0..1.")
    max_exposure: float = Field(default=0.92, ge=0, le=1, description="Mean luminance of the face, 0..1.")
    max_yaw_deg: float = Field(default=45.0, gt=0, le=90, description="Turned to a side, degrees.")
    max_pitch_deg: float = Field(default=35.0, gt=0, le=90, description="Turned up or down, degrees.")
    max_occlusion: float = Field(default=0.4, ge=0, le=1, description="0 free .. 1 covered.")


class Seeing(Section):
    """Finding and following the patient's face, and the models that read it."""

    detector: Literal["blazeface-short", "blazeface-full", "mtcnn"] = Field(
        default="blazeface-short", description="Used to acquire the face; afterwards it is tracked by its landmarks."
    )
    bed_region: tuple[Fraction, Fraction, Fraction, Fraction] = Field(
        default=(0.0, 0.0, 1.0, 1.0),
        description="x, y, width, height (fractions of the picture) where the patient's face may be.",
    )
    search_s: float = Field(default=0.5, gt=0, le=10, description="Time between searches for a lost face, seconds.")
    people_s: float = Field(default=2.0, gt=0, le=60, description="Time between counts of the people in view, seconds.")
    max_fps: float = Field(default=10.0, gt=0, le=120, description="Frames read per second at the most.")
    quality: Quality = Quality()
    models: Path | None = Field(default=None, description="Folder with manifest.yaml; default: the one installed.")
    threads: int = Field(default=1, ge=1, le=16, description="Threads per model call.")


class Tls(Section):
    """Encryption to the broker; without `ca` the system's authorities are trusted."""

    ca: Path | None = Field(default=None, description="CA certificate file, PEM.")
    certificate: Path | None = Field(default=None, description="Client certificate file, PEM.")
    key: Path | None = Field(default=None, description="Client key file, PEM.")

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or neither")
        return self


class Broker(Section):
    """The MQTT broker of the ward."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Host name or address.")
    port: int = Field(default=1883, ge=1, le=65535, description="TCP port; 8883 is usual with TLS.")
    username: str | None = Field(default=None, description="User name, if the broker asks for one.")
    password_file: Path | None = Field(default=None, description="File that holds the password alone.")
    tls: Tls | None = Field(default=None, description="Present: encrypt. Absent: plain TCP.")
    keepalive_s: int = Field(default=10, ge=2, le=300, description="Silence after which the broker sends the will.")
    reconnect_min_s: float = Field(default=0.5, gt=0, le=60, description="First wait before connecting again.")
    reconnect_max_s: float = Field(default=15.0, gt=0, le=300, description="Longest wait; waits double, with jitter.")


class Clips(Section):
    """Encrypted low-rate clips of episodes. Off by default; the patient's consent is needed as well."""

    enabled: bool = Field(default=False, description="Whether clips may be kept at all.")
    key_file: Path | None = Field(default=None, description="File with the hospital's 32-byte key, base64.")
    fps: float = Field(default=2.0, gt=0, le=10, description="Pictures per second.")
    width: int = Field(default=320, ge=64, le=1280, description="Width of the pictures, pixels.")
    before_s: float = Field(default=20.0, ge=0, le=60, description="Kept from before the onset, seconds.")
    longest_s: float = Field(default=120.0, ge=5, le=600, description="A clip is no longer than this, seconds.")
    retention_h: float = Field(default=72.0, gt=0, le=8760, description="Deleted after so many hours.")

    @model_validator(mode="after")
    def _key(self) -> Clips:
        if self.enabled and self.key_file is None:
            raise ValueError("clips need a key: give key_file, or set enabled to false")
        return self


class Storage(Section):
    """What is kept on the device. Numbers only, unless `clips` is switched on."""

    directory: Path = Field(default=Path("state"), description="Folder of the outbox; relative to the working folder.")
    max_mb: int = Field(default=64, ge=1, le=4096, description="Space for scores; alarms are never thinned.")
    transfer_key_file: Path | None = Field(
        default=None, description="File with the hospital's 32-byte key (base64) that seals a patient's profile."
    )
    retention_days: float = Field(default=30.0, gt=0, le=3650, description="A closed stay is deleted after so long.")
    record_events: bool = Field(
        default=False, description="Keep the stream of readings, vitals and requests, to be replayed; numbers only."
    )
    clips: Clips = Clips()


class GpioLines(Section):
    """Buzzer and lamps on GPIO lines; only with `kind: gpio`."""

    chip: Path = Field(default=Path("/dev/gpiochip0"), description="The GPIO chip; `gpiodetect` lists them.")
    buzzer: int | None = Field(default=None, ge=0, le=1023, description="Line of a buzzer; `gpioinfo` lists the lines.")
    red: int | None = Field(default=None, ge=0, le=1023, description="Line of the red lamp.")
    yellow: int | None = Field(default=None, ge=0, le=1023, description="Line of the yellow lamp.")
    active_low: tuple[int, ...] = Field(default=(), description="Those of these lines that are on at low level.")

    @model_validator(mode="after")
    def _distinct(self) -> GpioLines:
        used = self.used
        if len(set(used)) < len(used):
            raise ValueError("buzzer, red and yellow must be different lines")
        if not set(self.active_low) <= set(used):
            raise ValueError("active_low names a line that is none of buzzer, red and yellow")
        return self

    @property
    def used(self) -> tuple[int, ...]:
        """The lines that are connected."""
        return tuple(line for line in (self.buzzer, self.red, self.yellow) if line is not None)


class Sound(Section):
    """Tones through ALSA's `aplay`; only with `kind: sound`."""

    device: str = Field(default="default", min_length=1, description="ALSA device; `aplay -L` lists them.")
    volume: float = Field(default=0.8, gt=0, le=1, description="Of full scale, before the mixer of the device.")


class LocalAlarm(Section):
    """What signals at the bed itself while no nurse station can be reached."""

    kind: Literal["none", "gpio", "sound", "simulated"] = Field(
        default="none", description="none, gpio (buzzer and lamps), sound, simulated (only a line in the journal)."
    )
    gpio: GpioLines = GpioLines()
    sound: Sound = Sound()

    @model_validator(mode="after")
    def _connected(self) -> LocalAlarm:
        if self.kind == "gpio" and not self.gpio.used:
            raise ValueError("kind gpio needs a line: give gpio.buzzer, gpio.red or gpio.yellow")
        return self


class Settings(Section):
    """The whole configuration of one bedside device."""

    version: Literal[1] = Field(default=1, description="Of this file's layout.")
    place: Place = Place()
    camera: Camera = Camera()
    seeing: Seeing = Seeing()
    policy: Policy = Policy()
    broker: Broker | None = Field(default=None, description="Absent: 127.0.0.1:1883.")
    storage: Storage = Storage()
    local_alarm: LocalAlarm = LocalAlarm()
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Of the journal.")
