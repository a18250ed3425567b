"""MNIST through torchvision, the labelled draw, and batches straight from memory.

Three sources of images, named so everywhere: **labelled real**, **unlabelled real**, **generated**.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sgan_utils.config import CLASSES, IMAGE_SIZE, SGANConfig
from sgan_utils.support.archives import unpack
from sgan_utils.support.errors import TORCH_PAIR_CURE, ConfigError, DataError, SGANError
from sgan_utils.support.source_checks import check_sources
from sgan_utils.support.threads import settle_threads

DIGITS = tuple(map(str, range(CLASSES)))
UNKNOWN = -1  # in the place of a label, if nobody has given one


class Description(NamedTuple):
    """What a data set says of itself; networks, noise, augmentation and pictures follow it."""

    name: str = "MNIST"
    channels: int = 1  # 1 is grey, 3 is colour
    height: int = IMAGE_SIZE  # pixels, a multiple of 4
    width: int = IMAGE_SIZE
    classes: tuple[str, ...] = DIGITS

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: (channels, height, width)."""
        return self.channels, self.height, self.width


class ImageData(NamedTuple):
    """A data set in memory, one byte a pixel and channel (of MNIST's, 0 is paper and 255 is ink)."""

    train_images: Tensor  # (images, channels, height, width), uint8; MNIST: (60000, 1, 28, 28)
    train_labels: Tensor  # (images,), int64, indices into ``classes``, or UNKNOWN
    test_images: Tensor  # (test images, channels, height, width), uint8; may be none
    test_labels: Tensor  # (test images,), int64
    name: str = "MNIST"  # with which ``load_data`` finds it again
    classes: tuple[str, ...] = DIGITS
    unlabelled_names: tuple[str, ...] = ()  # of the files without a label, in the order of ``train_images``
    skipped: tuple[str, ...] = ()  # a sentence for each file that could not be read

    @property
    def description(self) -> Description:
        """Its name, the shape of its images, its classes."""
        channels, height, width = self.train_images.shape[1:]
        return Description(self.name, channels, height, width, self.classes)

    def to(self, device: torch.device | str) -> ImageData:
        """The same images on another device."""
        return self._replace(**{name: getattr(self, name).to(device) for name in self._fields[:4]})


class Sources(NamedTuple):
    """The two sources of real images of one training run, and what was kept out of it."""

    labelled_images: Tensor  # (labels, channels, height, width), uint8
    labelled_labels: Tensor  # (labels,), int64
    unlabelled_images: Tensor  # (unlabelled, channels, height, width), uint8
    held_out_images: Tensor  # (held_out, channels, height, width), uint8
    held_out_labels: Tensor  # (held_out,), int64
    description: Description = Description()

    def to(self, device: torch.device | str) -> Sources:
        """The same images on another device."""
        return self._replace(**{name: getattr(self, name).to(device) for name in self._fields[:5]})

    def check(self, config: SGANConfig) -> None:
        """Refuse what could be trained on only by mistake.

        Raises:
            DataError: one sentence that names the images or labels, what is wrong with them, and the cure.
        """
        check_sources(self, config)

    def fingerprint(self) -> str:
        """Twelve characters that are the same only for the same images and labels in the same order."""
        digest = hashlib.sha1(usedforsecurity=False)
        for name in self._fields[:3]:
            digest.update(getattr(self, name).cpu().contiguous().numpy())
        return digest.hexdigest()[:12]


def data_folder() -> Path:
    """Where the images are: the environment variable ``SGAN_DATA``, or ``data/`` of this project."""
    if named := os.environ.get("SGAN_DATA"):
        return Path(named).expanduser() if named.startswith("~/") else Path(named)
    return Path(__file__).resolve().parent.parent / "data"


def load_data(data: str = "MNIST", on_broken: Literal["skip", "stop"] = "skip") -> ImageData:
    """The data set that a configuration names.

    Args:
        data: ``"MNIST"``, ``"FashionMNIST"`` or ``"KMNIST"``, whose files are in :func:`data_folder`, or a folder of
            images, see :func:`sgan_utils.support.image_folder.load_folder`.
        on_broken: whether a file of a folder that cannot be read is skipped, or is an error.

    Raises:
        DataError: if there are no such data, or they are damaged.
    """
    from sgan_utils.support.image_folder import load_folder, load_torchvision, set_name

    name = set_name(data)
    if name == "MNIST":
        return load_mnist()
    if name:
        return load_torchvision(name, data_folder())
    return load_folder(data, on_broken=on_broken)._replace(name=data)


def load_mnist(folder: Path | str | None = None) -> ImageData:
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

    settle_threads()  # most sessions begin here, and all that they compute should be computed alike
    folder = Path(folder) if folder else data_folder()
    unpack(folder)
    train, test = (datasets.MNIST(folder, train=train) for train in (True, False))
    return ImageData(train.data.unsqueeze(1), train.targets, test.data.unsqueeze(1), test.targets)


def to_model_range(images: Tensor) -> Tensor:
    """Bytes from 0 to 255 become floats from -1 (paper) to 1 (ink), the range of G's ``tanh``.

    The same numbers as torchvision's ``ToTensor()`` followed by ``Normalize([0.5], [0.5])``.

    Args:
        images: (batch, channels, height, width), uint8.

    Returns:
        The same shape, float32.
    """
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1.0)


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
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        rank[members[torch.randperm(len(members), generator=generator)]] = torch.arange(len(members))
    # One image of each class, then a second of each, and so on. Where the last round is not whole, as with 25 labels of
    # ten classes, chance says which classes get one more; without it the recorded runs could not be repeated.
    tie_break = torch.randperm(len(labels), generator=generator)
    in_order = tie_break[rank[tie_break].argsort(stable=True)]
    return in_order[:count].sort().values


def split_sources(data: ImageData, config: SGANConfig, labelled: Tensor | None = None) -> Sources:
    """Divide the training images into labelled real, unlabelled real and held-out ones, as ``config`` says.

    No label leaves this function but those of the labelled images and, for scoring, of the held-out ones.

    Args:
        data: from :func:`load_data`.
        config: says how many images are labelled and held out, the protocol, and the seed of the draw.
        labelled: your own choice of labelled images (indices into ``data.train_images``) instead of a drawn one.

    Raises:
        ConfigError: if ``labels`` or ``held_out`` does not leave every class a label.
    """
    known, classes = (data.train_labels != UNKNOWN).nonzero().squeeze(1), len(data.classes)
    is_held_out = torch.zeros_like(data.train_labels, dtype=torch.bool)
    if config.held_out:  # the same images whatever the run's seed, so that runs can be compared on them
        count = min(config.held_out, len(known))
        is_held_out[known[draw_labelled(data.train_labels[known], count, seed=0)]] = True
    others, held_out = (~is_held_out).nonzero().squeeze(1), is_held_out.nonzero().squeeze(1)
    if labelled is None:
        candidates = others[data.train_labels[others] != UNKNOWN]
        without = f" without the {config.held_out} held-out ones" if config.held_out else ""
        if config.held_out and len(left := data.train_labels[candidates].unique()) < classes:
            raise ConfigError(
                f"held_out={config.held_out} leaves only {len(left)} of {data.name}'s {classes} classes with labels: "
                "set a smaller SGANConfig(held_out=...) or --held-out."
            )
        if not classes <= config.labels <= len(candidates):
            raise ConfigError(
                f"labels must be between {classes} and {len(candidates)} (one for each class at least; {data.name} has "
                f"{len(candidates)} labelled training images{without}), got {config.labels}: set "
                "SGANConfig(labels=...) or --labels."
            )
        labelled = candidates[draw_labelled(data.train_labels[candidates], config.labels, config.seed)]
    unlabelled = labelled if config.protocol == "labelled-only" else others
    return Sources(
        data.train_images[labelled],
        data.train_labels[labelled],
        data.train_images[unlabelled],
        data.train_images[held_out],
        data.train_labels[held_out],
        data.description,
    )


class Batches:
    """Endless shuffled batches from tensors in memory.

    Every image comes once before any comes again. Batch number ``step`` is the same whenever it is asked for,
    so a resumed run goes on with exactly the batches that it would have had.

    Example:
        >>> images, labels = Batches((data.train_images, data.train_labels), batch_size=100, seed=0)[0]
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


def images_by_class(labels: Tensor, classes: int = CLASSES) -> Tensor:
    """How many images each class has, shape (classes,), int64."""
    return torch.bincount(labels, minlength=classes)
