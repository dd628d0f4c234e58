"""What is around the synthetic patient: wall, bed, pillow, blanket, a visitor's clothes, a hand. Painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from npng_edge.units import Image
    from training.world.face_model import Floats
    from training.world.paint import Doubles

WIDTH, HEIGHT = 640, 360


def bed(head: tuple[float, float]) -> Image:
    """(360, 640, 3) wall, headboard and pillow behind a head whose middle is at these pixels."""
    rng = np.random.default_rng(5)
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = np.linspace((196, 205, 198), (176, 188, 184), HEIGHT)[:, None]
    cv2.rectangle(image, (0, 96), (WIDTH, 112), (150, 162, 168), -1, cv2.LINE_AA)
    cv2.rectangle(image, (70, 60), (WIDTH - 30, HEIGHT), (128, 152, 176), -1, cv2.LINE_AA)
    cv2.rectangle(image, (70, 60), (WIDTH - 30, 74), (108, 134, 160), -1, cv2.LINE_AA)
    cv2.rectangle(image, (20, 16), (110, 84), (70, 66, 62), -1, cv2.LINE_AA)
    wall = cv2.GaussianBlur(image, (0, 0), 2.0)
    x, y = np.meshgrid(np.arange(WIDTH) - head[0], np.arange(HEIGHT) - head[1])
    pillow = np.clip(14 * (1.0 - (np.abs(x / 225.0) ** 3 + np.abs((y - 10) / 150.0) ** 3)), 0, 1).astype(np.float32)
    folds = _soft_noise(rng, 9) * 9 + _soft_noise(rng, 22) * 4
    dent = 1.0 - 0.28 * np.exp(-((x / 105.0) ** 2) - ((y - 15) / 135.0) ** 2)
    linen = (np.array([232, 236, 234]) + folds[..., None]) * (dent * (1.0 - 0.12 * np.abs(x / 225.0) ** 3))[..., None]
    return np.asarray(np.clip(wall + (linen - wall) * pillow[..., None], 0, 255), dtype=np.uint8)


def blanket(head_x: float) -> Floats:
    """(360, 640, 4) colour and cover 0..1 of a blanket over a body below a head at this pixel column."""
    rng = np.random.default_rng(6)
    x, y = np.meshgrid(np.arange(WIDTH) - head_x, np.arange(HEIGHT))
    below = y - (268 + 52 * (np.abs(x) / 230.0) ** 2.2)
    wool = np.array([178, 150, 112]) + 10 * _soft_noise(rng, 14)[..., None]
    sheet = np.array([228, 232, 230]) + 5 * _soft_noise(rng, 20)[..., None]
    hem = sheet * (0.82 + 0.18 * np.sin(np.clip(below / 26.0, 0, 1) * np.pi))[..., None]
    cloth = np.where((below < 26)[..., None], hem, wool) * (1.0 - 0.25 * (np.abs(x) / 400.0))[..., None]
    return np.concatenate([cloth, np.clip(below, 0, 1)[..., None]], axis=2).astype(np.float32)


def lay(image: Floats, layer: Floats, lift: float) -> None:
    """Put a (360, 640, 4) layer over a picture, moved up by `lift` pixels."""
    shift = np.array([[1, 0, 0], [0, 1, -lift]], np.float32)
    moved = cv2.warpAffine(layer, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    image += (moved[..., :3] - image) * moved[..., 3:]


def clothes(image: Floats, x: float, y: float) -> None:
    """A visitor's body below the neck, which is at these pixels."""
    body = np.array([(-22, 0), (-80, 14), (-118, 46), (-124, 400), (124, 400), (118, 46), (80, 14), (22, 0), (0, 26)])
    outline = (body + np.array([x, y])).round().astype(np.int32)
    layer = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(layer, [outline], (1.0,), cv2.LINE_AA)
    shade = 0.8 + 0.2 * np.exp(-(((np.arange(WIDTH) - x + 20) / 60.0) ** 2))
    colour = np.array([150, 120, 52]) * shade[None, :, None]
    image[:] = image + (colour - image) * layer[..., None]


def hand(image: Floats, x: float, y: float, skin: Doubles) -> None:
    """A hand that comes from below, its palm at these pixels; `skin` is sRGB 0..1."""
    layer = np.zeros((HEIGHT, WIDTH), np.float32)
    palm = np.array([x, y])

    def limb(start: tuple[float, float], end: tuple[float, float], width: int) -> None:
        first, second = (
            (palm + np.array(point) * _HAND_SCALE).round().astype(np.int32).tolist() for point in (start, end)
        )
        cv2.line(layer, first, second, (1.0,), round(width * _HAND_SCALE), cv2.LINE_AA)

    limb((26, 300), (4, 40), 58)
    limb((-14, -4), (14, -2), 66)
    limb((-8, 26), (10, 26), 66)
    for start, end in (
        ((-32, -20), (-44, -84)),
        ((-12, -26), (-15, -106)),
        ((10, -26), (14, -104)),
        ((30, -18), (42, -82)),
    ):
        limb(start, end, 21)
    limb((-34, 18), (-76, -22), 22)
    inside = (layer > 0.5).astype(np.uint8)
    depth = np.minimum(cv2.distanceTransform(inside, cv2.DIST_L2, 3), 12.0) / 12.0
    shade = cv2.GaussianBlur(0.55 + 0.45 * np.sqrt(depth), (0, 0), 1.5)
    colour = 255.0 * skin[::-1] * shade[..., None]
    image[:] = image + (colour - image) * cv2.GaussianBlur(layer, (0, 0), 0.8)[..., None]


_HAND_SCALE = 1.12


def _soft_noise(rng: np.random.Generator, cells: int) -> Floats:
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
