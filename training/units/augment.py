"""What cameras, light and things in the way do to a crop, at random: so that the net reads faces, not our renderer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from npng_edge.infer.align import CROP


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything; the numbers are standard deviations or most, where nothing else is said."""

    shift: float = 0.03
    """Of the crop's side."""
    turn: float = 0.05
    """Radians."""
    scale: float = 0.05
    blurred: float = 0.5
    """Share of the faces that are seen from far away or out of focus."""
    blur: float = 2.2
    """Most, pixels of the crop: a face 48 pixels wide, enlarged, is blurred by about 1."""
    noise: float = 7.0
    """Most, grey levels."""
    texture: float = 10.0
    """Most, grey levels, of blotches a few pixels wide: hair, shadows and skin that nobody rendered."""
    gamma: float = 0.35
    slope: float = 0.25
    """Of the light across the face, by side, in powers of e."""
    covered: float = 0.5
    """Share of the faces with something in the way."""
    cover: float = 0.4
    """Largest side of it, as a share of the crop's."""


USUAL = Amounts()
BLOTCHES = ((12, 12), (24, 24), (40, 20), (20, 40))
"""How many there are down and across the crop."""


def augmented(crops: torch.Tensor, generator: torch.Generator, amounts: Amounts = USUAL) -> torch.Tensor:
    """Other pictures of the same faces.

    Args:
        crops: (n, 112, 112) grey levels 0..255, float32.
        generator: of everything random.
        amounts: how much of it.

    Returns:
        The same shape, grey levels about 0..255.
    """
    count = len(crops)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(count, *size, generator=generator)

    def uniform(*size: int) -> torch.Tensor:
        return torch.rand(count, *size, generator=generator)

    x = _moved(crops, normal(4), amounts)
    towards = torch.linspace(-1.0, 1.0, CROP)
    tilt = normal(2, 1, 1) * amounts.slope
    lit = torch.exp(tilt[:, 0] * towards) * torch.exp(tilt[:, 1] * towards[:, None])
    curve = torch.exp(normal(1, 1) * amounts.gamma)
    x = (x * lit / 255.0).clamp(1e-3, 1.0) ** curve * (255.0 * (0.4 + 0.9 * uniform(1, 1)))
    x = torch.where(uniform(1, 1) < amounts.covered, _covered(x, uniform(6), amounts), x)
    blotches = normal(1, *BLOTCHES[int(torch.randint(len(BLOTCHES), (1,), generator=generator))])
    blotches = functional.interpolate(blotches, (CROP, CROP), mode="bilinear", align_corners=False)[:, 0]
    x = x + blotches * (amounts.texture * uniform(1, 1) ** 2)
    x = x + torch.randn(x.shape, generator=generator) * (amounts.noise * uniform(1, 1) ** 2)
    sigma = torch.where(uniform() < amounts.blurred, 0.3 + (amounts.blur - 0.3) * uniform() ** 1.5, 0.3)
    smooth = _bells(sigma)
    return smooth @ x @ smooth.transpose(1, 2)


def _moved(crops: torch.Tensor, amount: torch.Tensor, amounts: Amounts) -> torch.Tensor:
    """Shifted, turned and scaled a little, as a mesh that is a little off would draw it."""
    angle, scale = amount[:, 0] * amounts.turn * 0.5, torch.exp(amount[:, 1] * amounts.scale * 0.5)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    x, y = (amount[:, 2:] * amounts.shift).unbind(1)
    matrix = torch.stack([torch.stack([cos, -sin, x], 1), torch.stack([sin, cos, y], 1)], 1)
    grid = functional.affine_grid(matrix, [len(crops), 1, CROP, CROP], align_corners=False)
    moved = functional.grid_sample(crops[:, None], grid, padding_mode="border", align_corners=False)
    return moved[:, 0]


def _covered(x: torch.Tensor, amount: torch.Tensor, amounts: Amounts) -> torch.Tensor:
    """A rectangle of one shade over each face."""
    place = torch.arange(CROP) / CROP
    left, top, width, height, shade, grain = amount.unbind(1)
    width, height = (0.05 + (amounts.cover - 0.05) * side**1.5 for side in (width, height))
    across = (place >= (left - width / 2)[:, None]) & (place < (left + width / 2)[:, None])
    down = (place >= (top - height / 2)[:, None]) & (place < (top + height / 2)[:, None])
    inside = (down[:, :, None] & across[:, None, :]).to(x.dtype)
    # Every other thing lets the face shine through, as hair and glass do.
    dense = torch.where(grain < 0.5, 1.0, grain)[:, None, None]
    return x + (255.0 * shade[:, None, None] - x) * inside * dense


def _bells(sigma: torch.Tensor) -> torch.Tensor:
    """(n, 112, 112) matrices that blur a column by so many pixels."""
    place = torch.arange(CROP, dtype=torch.float32)
    bells = torch.exp(-0.5 * ((place[:, None] - place) / sigma[:, None, None]) ** 2)
    return bells / bells.sum(dim=2, keepdim=True)
