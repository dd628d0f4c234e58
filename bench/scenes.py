"""Pictures with known faces for the comparison of detectors: real faces, pasted into made-up rooms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from npng_edge.infer.acquire import acquire
from npng_edge.infer.mesh import FaceMesh, Region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from npng_edge.infer.detection import Detector, Keypoints
    from npng_edge.units import Image

    Points = npt.NDArray[np.float64]
    """(4, 2) right eye, left eye, nose, mouth, pixels."""

WIDTH, HEIGHT = 1280, 720
"""Of a picture of a room."""
NEAR_ENOUGH = 0.25
"""A face is found when the middle of its points lies this close to the truth, in face widths."""
_CHEEKS = (234, 454)
_PARTS = ((33, 133), (362, 263), (4,), (61, 291))
"""Mesh points whose means are the right eye, the left eye, the nose and the mouth."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and the one face in it."""

    image: Image
    points: Points
    width: float
    """Of the face, pixels."""


def real_faces(folder: Path, detector: Detector, mesh: FaceMesh, every: int) -> Iterator[Scene]:
    """Every n-th still of a folder whose face the mesh accepts; the mesh's points are the truth."""
    for path in sorted(folder.glob("*.jpg"))[::every]:
        scene = _with_truth(cast("Image", cv2.imread(str(path))), detector, mesh)
        if scene is not None:
            yield scene


def frames(path: Path, every: int) -> Iterator[Image]:
    """Every n-th frame of a clip."""
    clip = cv2.VideoCapture(str(path))
    number = 0
    while clip.grab():
        if number % every == 0:
            yield cast("Image", clip.retrieve()[1])
        number += 1
    clip.release()


def room(random: np.random.Generator) -> Image:
    """A picture without a face: soft light, a few blurred rectangles and bars, noise."""
    # Walls and bedding are mostly grey, a little coloured.
    light = random.uniform(40, 210, (4, 6, 1)) + random.uniform(-25, 25, (4, 6, 3))
    image: npt.NDArray[Any] = cv2.resize(light.astype(np.float32), (WIDTH, HEIGHT))
    for _ in range(12):
        x, y = (int(random.integers(0, end)) for end in (WIDTH, HEIGHT))
        width, height = (int(random.integers(10, end)) for end in (400, 300))
        colour = (random.uniform(20, 230) + random.uniform(-40, 40, 3)).tolist()
        cv2.rectangle(image, (x, y), (x + width, y + height), colour, -1 if random.random() < 0.7 else 4)
    image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.7, 4.0)))
    image = image + random.normal(0, random.uniform(1, 6), image.shape)
    return image.clip(0, 255).astype(np.uint8)


def empty_patch(scene: Scene, random: np.random.Generator) -> Image:
    """A part of a real picture that does not reach the face, enlarged to the size of a room."""
    height = scene.image.shape[0]
    top = min(int(scene.points[:, 1].max() + 0.75 * scene.width), height - 24)
    below = scene.image[top : height - int(random.integers(0, 8)), :]
    return cast("Image", cv2.resize(below, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))


def paste(face: Scene, share: float, roll: float, random: np.random.Generator) -> Scene:
    """The head of a real picture in a room, its face as wide as a share of the picture, rolled by degrees clockwise."""
    background = room(random)
    scale, angle = share * WIDTH / face.width, math.radians(roll)
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    reach = np.minimum(0.75 * share * WIDTH, [WIDTH / 2 - 1, HEIGHT / 2 - 1])
    goal = random.uniform(reach, [WIDTH, HEIGHT] - reach)
    middle = face.points.mean(axis=0)
    shrunk, source = face.image, 1.0
    if scale < 0.5:
        source = 2 * scale
        shrunk = cast("Image", cv2.resize(face.image, None, fx=source, fy=source, interpolation=cv2.INTER_AREA))
    matrix = np.column_stack([turn, goal - turn @ middle])
    to_room = np.column_stack([turn / source, goal - turn @ middle])
    mask: npt.NDArray[Any] = np.zeros(face.image.shape[:2], np.float32)
    centre: list[int] = (middle - [0, 0.15 * face.width]).astype(int).tolist()
    axes = (int(0.75 * face.width), int(0.95 * face.width))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (1.0,), -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.05 * face.width)
    drawn = cv2.warpAffine(shrunk, to_room, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(mask, matrix, (WIDTH, HEIGHT))[..., None]
    image = (alpha * drawn + (1 - alpha) * background).astype(np.uint8)
    return Scene(image, face.points @ turn.T + matrix[:, 2], share * WIDTH)


def four(keypoints: Keypoints) -> Points:
    """Right eye, left eye, nose and mouth as an array."""
    return np.array(keypoints[:4], np.float64)


def _with_truth(image: Image, detector: Detector, mesh: FaceMesh) -> Scene | None:
    found = acquire(detector, image)
    if not found:
        return None
    region = Region.around(found[0].box, found[0].roll_degrees)
    for _ in range(3):
        fit = mesh.fit(image, region)
        region, landmarks = Region.of(fit.landmarks), fit.landmarks[:, :2]
    points = np.array([landmarks[list(part)].mean(axis=0) for part in _PARTS], np.float64)
    width = float(np.linalg.norm(landmarks[_CHEEKS[0]] - landmarks[_CHEEKS[1]]))
    return Scene(image, points, width) if fit.presence > 0.5 else None
