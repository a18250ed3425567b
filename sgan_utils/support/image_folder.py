"""Reads anybody's images, from a folder or a torchvision set on disk, into tensors to train on.

A folder holds ``labelled/CLASS/*``, and if you like ``unlabelled/**`` and ``test/CLASS/*``: PNG or JPEG files of any
size and colour. Nothing is downloaded, and nothing outside of the folder is read.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from sgan_utils.support.errors import TORCH_PAIR_CURE, DataError, SGANError
from sgan_utils.support.files import write_whole

UNLABELLED = -1
SUFFIXES = (".png", ".jpg", ".jpeg")
TORCHVISION_SETS = {"fashionmnist": "FashionMNIST", "kmnist": "KMNIST"}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes such cells instead of showing them


class Images(NamedTuple):
    """Images in memory, one byte a pixel and channel, and what is known about them."""

    train_images: Tensor  # (n, channels, height, width), uint8
    train_labels: Tensor  # (n,), int64: an index into classes, or UNLABELLED
    test_images: Tensor  # (m, channels, height, width), uint8; m may be 0
    test_labels: Tensor  # (m,), int64
    name: str
    classes: tuple[str, ...]
    unlabelled_names: tuple[str, ...]  # relative to the folder, in the order in which they stand in train_images
    skipped: tuple[str, ...]  # one sentence for each file that could not be read


def load_folder(
    folder: Path | str,
    size: int | None = None,
    channels: Literal[1, 3] | None = None,
    on_broken: Literal["skip", "stop"] = "skip",
) -> Images:
    """All PNG and JPEG files of a folder, of one size, upright, and on white where they are transparent.

    The shorter side is resized (antialiased) and the longer one cropped around its centre. Files come sorted by
    name, the labelled ones first; hidden files and those with other suffixes are ignored.

    Args:
        folder: holds ``labelled/CLASS/*``, and perhaps ``unlabelled/**`` and ``test/CLASS/*``.
        size: height and width in pixels; by default 28 if the shorter side of most images is at most 28, otherwise 32.
        channels: by default 1 if no pixel of any image has a colour, otherwise 3.
        on_broken: whether a file that cannot be read is skipped and named in ``skipped``, or ends the loading.

    Raises:
        DataError: if the folder is laid out otherwise, a class has no image, or (with "stop") a file is broken.
    """
    folder = Path(folder)
    classes = _classes(folder)
    reader = _Reader(folder, on_broken)
    for part in ("labelled", "test"):
        for path in _children(folder / part):
            if path.suffix.lower() in SUFFIXES and not path.is_dir():
                reader.broken(path, f"it lies beside the folders of the classes, not in one such as {classes[0]}/")
    for part in ("unlabelled", "test"):
        if (folder / part).is_dir() and not any(_files(folder / part)):
            reader.broken(folder / part, "it holds no PNG or JPEG file")

    train = [(path, label) for label, name in enumerate(classes) for path in _files(folder / "labelled" / name)]
    train += [(path, UNLABELLED) for path in _files(folder / "unlabelled")]
    test = [(path, label) for label, name in enumerate(classes) for path in _files(folder / "test" / name)]
    if size is None:
        sides = [side for path, _ in train + test if (side := reader.shorter_side(path))]
        size = 28 if 2 * sum(side <= 28 for side in sides) > len(sides) else 32
    pixels = {path: array for path, _ in train + test if (array := reader.pixels(path, size)) is not None}
    train, test = ([(path, label) for path, label in files if path in pixels] for files in (train, test))
    for name in (classes[label] for label in sorted(set(range(len(classes))) - {label for _, label in train})):
        home = folder / "labelled" / name
        why = next((f" ({why})" for path, why in reader.reasons.items() if path.is_relative_to(home)), "")
        raise DataError(f"{home} has no readable image{why}: put PNG or JPEG files there, or remove this folder.")

    if channels is None:  # a pixel has a colour where red, green and blue differ
        channels = 3 if any((array != array[:, :, :1]).any() for array in pixels.values()) else 1
    return Images(
        _stacked([pixels[path] for path, _ in train], size, channels),
        torch.tensor([label for _, label in train], dtype=torch.int64),
        _stacked([pixels[path] for path, _ in test], size, channels),
        torch.tensor([label for _, label in test], dtype=torch.int64),
        folder.resolve().name,
        classes,
        tuple(path.relative_to(folder).as_posix() for path, label in train if label == UNLABELLED),
        tuple(f"{_shown(path.relative_to(folder))} is skipped: {why}." for path, why in reader.reasons.items()),
    )


def load_torchvision(name: str, folder: Path | str, verify: bool = True) -> Images:
    """Fashion-MNIST or KMNIST, whose files are on disk already.

    Args:
        name: ``fashion-mnist`` or ``kmnist``, in any spelling.
        folder: holds ``FashionMNIST/raw/`` or ``KMNIST/raw/`` with the four files, as ``.gz`` archives or unpacked.
        verify: compare the MD5 of each archive that is there with the one that torchvision knows.

    Raises:
        DataError: if the name is another one, or a file is missing or damaged.
        SGANError: if torch and torchvision do not fit together.
    """
    try:
        from torchvision import datasets  # here, because it takes longer to import than all the rest
    except RuntimeError as error:
        raise SGANError(TORCH_PAIR_CURE) from error

    known = TORCHVISION_SETS.get(name.lower().replace("-", "").replace("_", ""))
    if known is None:
        raise DataError(f"there is no torchvision set named {name!r} here: choose fashion-mnist or kmnist.")
    dataset, raw = getattr(datasets, known), Path(folder) / known / "raw"
    if (old_cache := raw.parent / "processed").exists():  # torchvision would take it for the images, unverified
        raise DataError(f"{old_cache} was made by an old torchvision and cannot be verified: delete this folder.")
    for archive, md5 in dataset.resources:
        packed = raw / archive
        if not packed.is_file() and not packed.with_suffix("").is_file():
            every = ", ".join(archive for archive, _ in dataset.resources)
            raise DataError(f"{raw} lacks {archive}: put the four archives of {known} there ({every}).")
        if verify and packed.is_file() and _md5(packed) != md5:
            raise DataError(f"{packed} is damaged or incomplete (its MD5 should be {md5}): copy the original there.")
    try:
        for packed in (raw / archive for archive, _ in dataset.resources):
            if not packed.with_suffix("").is_file():
                write_whole(packed.with_suffix(""), lambda part, packed=packed: _gunzip(packed, part))  # type: ignore[misc]
        train, test = (dataset(folder, train=train, download=False) for train in (True, False))
        if any(len(part.data) != len(part.targets) or part.data.ndim != 3 for part in (train, test)):
            raise ValueError("the numbers of images and labels differ")
    except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, AssertionError, RuntimeError) as error:
        raise DataError(f"{raw} could not be read ({error}): delete what is unpacked and copy the archives.") from error
    return Images(
        train.data.unsqueeze(1), train.targets, test.data.unsqueeze(1), test.targets, known, tuple(dataset.classes), (), ()
    )


def write_predictions(
    path: Path | str, names: Sequence[str], class_names: Sequence[str], probabilities: Tensor
) -> None:
    """A table of the likeliest class of each image: the columns file, class and probability.

    Args:
        path: of the CSV file; it appears whole or not at all.
        names: of the images, such as :attr:`Images.unlabelled_names`.
        class_names: of all classes, such as :attr:`Images.classes`.
        probabilities: shape (images, classes).
    """
    best = probabilities.max(dim=1)
    rows = zip(names, best.indices.tolist(), best.values.tolist(), strict=True)

    def write(part: Path) -> None:
        # A file's name need not be valid UTF-8: surrogateescape writes the bytes that it has.
        with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("file", "class", "probability"))
            table.writerows((_cell(name), _cell(class_names[index]), f"{value:.4f}") for name, index, value in rows)

    write_whole(path, write)


class _Reader:
    """Reads the files of one folder and remembers which are broken, and why."""

    def __init__(self, folder: Path, on_broken: Literal["skip", "stop"]) -> None:
        self.root = folder.resolve()
        self.on_broken = on_broken
        self.reasons: dict[Path, str] = {}

    def broken(self, path: Path, why: str) -> None:
        if self.on_broken == "stop":
            raise DataError(f"{_shown(path)} cannot be used ({why}): repair or remove it, or have such files skipped.")
        self.reasons[path] = why
