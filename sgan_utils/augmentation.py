"""Augmentation: random affine transforms of images, and noise on D's input.

Random numbers are sampled first and applied second, so that several processes can use the same ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.config import IMAGE_SIZE

ROTATION, SHEAR, ZOOM, SHIFT = (
    math.radians(15),
    0.2,
    0.1,
    2.0,
)  # at strength 1: at most, either way; the shift in pixels


def random_affine(count: int, strength: float, random: torch.Generator, size: int = IMAGE_SIZE) -> Tensor:
    r"""A small random rotation, shear, zoom and shift for each of ``count`` images, all uniform.

    .. math:: \begin{pmatrix} x' \\ y' \end{pmatrix} =
        \begin{pmatrix} \cos\alpha & -\sin\alpha \\ \sin\alpha & \cos\alpha \end{pmatrix}
        \begin{pmatrix} 1 & s \\ 0 & 1 \end{pmatrix}
        \begin{pmatrix} z_x & 0 \\ 0 & z_y \end{pmatrix}
        \begin{pmatrix} x \\ y \end{pmatrix} + t

    Args:
        count: how many.
        strength: 1 allows rotations of 15 degrees, shears of 0.2, zooms of 10 % and shifts of 2 pixels either way;
            0 changes nothing.
        random: the source of the random numbers, on its device.
        size: pixels of the images' longer side.

    Returns:
        (count, 2, 3): for each pixel of the new image, where it comes from, in coordinates from -1 to 1.
    """

    def up_to(limit: float) -> Tensor:
        return (2 * torch.rand(count, generator=random, device=random.device) - 1) * limit * strength

    angle, shear, zoom_x, zoom_y = up_to(ROTATION), up_to(SHEAR), 1 + up_to(ZOOM), 1 + up_to(ZOOM)
    shift_x, shift_y = (up_to(SHIFT * 2 / size) for _ in range(2))
    cos, sin = angle.cos(), angle.sin()
    x_from = torch.stack([zoom_x * cos, zoom_y * (shear * cos - sin), shift_x], dim=1)
    y_from = torch.stack([zoom_x * sin, zoom_y * (shear * sin + cos), shift_y], dim=1)
    return torch.stack([x_from, y_from], dim=1)


def warp(images: Tensor, affine: Tensor) -> Tensor:
    """Apply to each image its own affine transform; what comes in from outside is paper.

    Args:
        images: (batch, 1, 28, 28), from -1 (paper) to 1 (ink).
        affine: (batch, 2, 3), from :func:`random_affine`.

    Returns:
        (batch, 1, 28, 28). Pixels are interpolated, so they stay in the same range.
    """
    places = F.affine_grid(affine, list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, places, padding_mode="zeros", align_corners=False) - 1


def sample_noise(
    count: int, std: float, random: torch.Generator, shape: tuple[int, ...] = (1, IMAGE_SIZE, IMAGE_SIZE)
) -> Tensor:
    """Normal noise to be added to images before D sees them (Arjovsky and Bottou 2017, sec. 3).

    It keeps D from recognising images by a few pixels.

    Args:
        count: how many images.
        std: standard deviation; paper to ink is 2.
        random: the source of the random numbers, on its device.
        shape: of an image, (channels, height, width).

    Returns:
        (count, channels, height, width); if ``std`` is 0, a 0 for each image, (count, 1, 1, 1), to be added as well.
    """
    if not std:
        return torch.zeros(count, 1, 1, 1, device=random.device)
    return std * torch.randn(count, *shape, generator=random, device=random.device)
