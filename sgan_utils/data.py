"""MNIST through torchvision, the labelled draw, and batches straight from memory.

Three sources of images, named so everywhere: **labelled real**, **unlabelled real**, **generated**.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sgan_utils.config import CLASSES, SGANConfig
from sgan_utils.support.archives import unpack
from sgan_utils.support.errors import TORCH_PAIR_CURE, DataError, SGANError


class MNIST(NamedTuple):
    """The 70,000 images in memory, one byte a pixel (0 is paper, 255 is ink)."""

    train_images: Tensor  # (60000, 1, 28, 28), uint8
    train_labels: Tensor  # (60000,), int64, 0 to 9
    test_images: Tensor  # (10000, 1, 28, 28), uint8
    test_labels: Tensor  # (10000,), int64, 0 to 9

    def to(self, device: torch.device | str) -> MNIST:
        """The same images on another device."""
        return MNIST(*(tensor.to(device) for tensor in self))


class Sources(NamedTuple):
    """The two sources of real images of one training run, and what was kept out of it."""

    labelled_images: Tensor  # (labels, 1, 28, 28), uint8
    labelled_labels: Tensor  # (labels,), int64
    unlabelled_images: Tensor  # (unlabelled, 1, 28, 28), uint8
    held_out_images: Tensor  # (held_out, 1, 28, 28), uint8
    held_out_labels: Tensor  # (held_out,), int64

    def to(self, device: torch.device | str) -> Sources:
        """The same images on another device."""
        return Sources(*(tensor.to(device) for tensor in self))


def data_folder() -> Path:
    """Where the images are: the environment variable ``SGAN_DATA``, or ``data/`` of this project."""
    return Path(os.environ.get("SGAN_DATA") or Path(__file__).resolve().parent.parent / "data")


def load_mnist(folder: Path | str | None = None) -> MNIST:
    """MNIST's training and test images, verified, without a network.

    Args:
        folder: holds ``MNIST/raw/*.gz``; by default :func:`data_folder`.

    Raises:
        DataError: if an archive is missing or damaged; the sentence says how to repair it.
        SGANError: if torch and torchvision do not fit together.
    """
    try:
        from torchvision import datasets  # here, because it takes longer to import than all the rest
    except RuntimeError as error:  # "operator torchvision::nms does not exist"
        raise SGANError(TORCH_PAIR_CURE) from error

    folder = Path(folder) if folder else data_folder()
    unpack(folder)
    train, test = (datasets.MNIST(folder, train=train) for train in (True, False))
    return MNIST(train.data.unsqueeze(1), train.targets, test.data.unsqueeze(1), test.targets)


def to_model_range(images: Tensor) -> Tensor:
    """Bytes from 0 to 255 become floats from -1 (paper) to 1 (ink), the range of G's ``tanh``.

    The same numbers as torchvision's ``ToTensor()`` followed by ``Normalize([0.5], [0.5])``.

    Args:
        images: shape (batch, 1, 28, 28), uint8.

    Returns:
        Same shape, float32.
    """
    return images.float().div_(127.5).sub_(1.0)


def post_transforms() -> Callable:
    """The transforms of the source post: resize, crop, to a tensor from 0 to 1, to the range from -1 to 1."""
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(28),
            transforms.CenterCrop(28),
            transforms.ToTensor(),
            transforms.Normalize([0.5], [0.5]),
        ]
    )


def draw_labelled(labels: Tensor, count: int, seed: int) -> Tensor:
    """Choose which training images keep their label: balanced, without replacement, the same for the same seed.

    The numbers of images of any two classes differ by at most one, as long as every class has enough of them
    (MNIST's rarest digit, 5, has 5,421); a class that runs out gives all that it has and the others make up for it.
    A larger draw with the same seed contains the smaller one.

    Args:
        labels: the classes of all images, shape (images,), int64.
        count: how many to draw.
        seed: of the draw.

    Returns:
        Indices into ``labels``, shape (count,), int64, ascending.

    Raises:
        DataError: if ``count`` is larger than the number of images.
    """
    if count > len(labels):
        raise DataError(f"cannot draw {count} labelled images from {len(labels)}: ask for fewer labels.")
    labels, generator = labels.cpu(), torch.Generator().manual_seed(seed)
    rank = torch.empty_like(labels)  # 0 for the first image drawn of its class, 1 for the second, ...
    for digit in labels.unique():
        members = (labels == digit).nonzero().squeeze(1)
        rank[members[torch.randperm(len(members), generator=generator)]] = torch.arange(len(members))
    # One image of each class, then a second of each, and so on; who comes first within a round is left to chance.
    tie_break = torch.randperm(len(labels), generator=generator)
    in_order = tie_break[rank[tie_break].argsort(stable=True)]
    return in_order[:count].sort().values


def split_sources(data: MNIST, config: SGANConfig, labelled: Tensor | None = None) -> Sources:
    """Divide the training images into labelled real, unlabelled real and held-out ones, as ``config`` says.

    No label leaves this function but those of the labelled images and, for scoring, of the held-out ones.

    Args:
        data: from :func:`load_mnist`.
        config: says how many images are labelled and held out, the protocol, and the seed of the draw.
        labelled: your own choice of labelled images (indices into ``data.train_images``) instead of a drawn one.
    """
    is_held_out = torch.zeros(len(data.train_labels), dtype=torch.bool)
    if config.held_out:  # the same images whatever the run's seed, so that runs can be compared on them
        is_held_out[draw_labelled(data.train_labels, config.held_out, seed=0)] = True
    kept, held_out = (~is_held_out).nonzero().squeeze(1), is_held_out.nonzero().squeeze(1)
    if labelled is None:
        labelled = kept[draw_labelled(data.train_labels[kept], config.labels, config.seed)]
    unlabelled = labelled if config.protocol == "labelled-only" else kept
    return Sources(
        data.train_images[labelled],
        data.train_labels[labelled],
        data.train_images[unlabelled],
        data.train_images[held_out],
        data.train_labels[held_out],
    )


class Batches:
    """Endless shuffled batches from tensors in memory.

    Every image comes once before any comes again. Batch number ``step`` is the same whenever it is asked for,
    so a resumed run goes on with exactly the batches that it would have had.

    Example:
        >>> images, labels = Batches((train_images, train_labels), batch_size=100, seed=0)[step]
    """

    def __init__(self, tensors: Sequence[Tensor], batch_size: int, seed: int) -> None:
        self.tensors = tuple(tensors)
        self.batch_size = batch_size
        self.seed = seed
        self._order: dict[int, Tensor] = {}  # epoch -> permutation

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of one step: for each tensor, (batch_size, ...)."""
        count = len(self.tensors[0])
        start, end = step * self.batch_size, (step + 1) * self.batch_size
        epochs = range(start // count, (end - 1) // count + 1)
        self._order = {epoch: self._permutation(epoch) for epoch in epochs}
        order = torch.cat(list(self._order.values())) if len(epochs) > 1 else self._order[epochs[0]]
        chosen = order[start - epochs[0] * count : end - epochs[0] * count]
        # The same images as tensor[chosen], whole images at a time instead of byte by byte.
        return tuple(tensor.index_select(0, chosen) for tensor in self.tensors)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch in self._order:
            return self._order[epoch]
        # One seed for each pair (seed, epoch): a fresh order in every epoch, none shared between seeds.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.tensors[0]), generator=generator).to(self.tensors[0].device)


def images_by_class(labels: Tensor) -> Tensor:
    """How many images each digit has, shape (10,), int64."""
    return torch.bincount(labels, minlength=CLASSES)
