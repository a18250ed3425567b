"""What a step starts from: images from -1 to 1, augmented by random affine transforms and noise, and latents.

Random numbers are sampled first and applied second, so that several processes can use the same ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.config import IMAGE_SIZE, SGANConfig
from sgan_utils.data import to_model_range
from sgan_utils.models import sample_latent

# At strength 1: at most, either way; the shift in pixels.
ROTATION, SHEAR, ZOOM, SHIFT = math.radians(15), 0.2, 0.1, 2.0


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
    """Apply to each image its own affine transform; pixels from outside the image become -1.

    Args:
        images: (batch, channels, height, width), from -1 (MNIST's paper, but black on a photograph) to 1.
        affine: (batch, 2, 3), from :func:`random_affine`.

    Returns:
        The same shape. Pixels are interpolated, so they stay in the same range.
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


def noise_scale(progress: float, decay: float) -> float:
    """The factor of the noise: falls evenly from 1 to 0 over the first ``decay`` of the run; always 1 if that is 0."""
    return max(0.0, 1.0 - progress / decay) if decay else 1.0


class Inputs(NamedTuple):
    """What one step starts from. What the configuration has no use for is empty."""

    images: Tensor  # labelled real, (labelled batch, channels, height, width), from -1 to 1 and then with noise
    labels: Tensor  # (labelled batch,), int64
    unlabelled: Tensor  # (batch, channels, height, width)
    augmented: Tensor  # the same images, augmented, once the consistency loss has set in
    latent: Tensor  # (batch, latent_size)
    noise: Tensor  # to be added to generated images, of their shape


def make_inputs(
    step: int,
    labelled: tuple[Tensor, ...],
    unlabelled: Tensor,
    config: SGANConfig,
    random: torch.Generator,
) -> Inputs:
    """Make the inputs of one step: floats, augmented and with noise, as the configuration says.

    Args:
        step: how many steps are done; augmentation and noise may change as a run goes on.
        labelled: images (labelled batch, channels, height, width), uint8, and their labels (labelled batch,).
        unlabelled: images (batch, channels, height, width), uint8.
        random: gives latents, augmentation and noise, in this order.
    """
    images, labels = labelled
    images, unlabelled = to_model_range(images), to_model_range(unlabelled)
    shape = images.shape[1:]
    size = max(shape[1:])
    latent = sample_latent(len(unlabelled), config.latent_size, random)
    augmented = unlabelled[:0]
    if config.augmentation:
        images = warp(images, random_affine(len(images), config.augmentation, random, size))
    if config.uses_consistency and step >= config.consistency_start * config.steps:
        augmented = warp(unlabelled, random_affine(len(unlabelled), config.consistency_augmentation, random, size))
    noise_std = config.input_noise * noise_scale(step / config.steps, config.noise_decay)
    images, unlabelled, augmented, noise = (
        tensor + sample_noise(len(tensor), noise_std, random, shape)
        for tensor in (images, unlabelled, augmented, torch.zeros(len(unlabelled), 1, 1, 1, device=unlabelled.device))
    )
    return Inputs(images, labels, unlabelled, augmented, latent, noise)
