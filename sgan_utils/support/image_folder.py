"""Reads images from a folder, or from a torchvision set on disk, into tensors to train on; downloads nothing."""

from __future__ import annotations

import csv
import gzip
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from sgan_utils.data import UNKNOWN, ImageData
from sgan_utils.support.archives import reading
from sgan_utils.support.errors import DataError
from sgan_utils.support.files import write_whole
from sgan_utils.support.spreadsheets import as_text

OnBroken = Literal["skip", "stop"]
Result = TypeVar("Result")
SUFFIXES = (".png", ".jpg", ".jpeg")
PARTS = ("labelled", "unlabelled", "test")
SETS = {"mnist": "MNIST", "fashionmnist": "FashionMNIST", "kmnist": "KMNIST"}  # of torchvision


def load_folder(
    folder: Path | str, size: int | None = None, channels: Literal[1, 3] | None = None, on_broken: OnBroken = "skip"
) -> ImageData:
    """All PNG and JPEG files of a folder, of one size, upright, and on white where they are transparent.

    The shorter side is resized (antialiased) and the longer one cropped around its centre. Files come sorted by
    name, the labelled ones first; hidden files and those with other suffixes are ignored.

    Args:
        folder: holds ``labelled/CLASS/*``, and perhaps ``unlabelled/**`` and ``test/CLASS/*``.
        size: height and width in pixels; by default 28 if the shorter side of most images is at most 28, otherwise 32.
        channels: by default 1 if no pixel of any image has a colour, otherwise 3.
        on_broken: whether a file that cannot be read is skipped and named in ``skipped``, or ends the loading.

    Raises:
        DataError: if the folder cannot be read or is laid out otherwise, a class has no image, or (with "stop") a file
            is broken.
    """
    with reading(folder):
        return _load_folder(Path(folder), size, channels, on_broken)


def _load_folder(folder: Path, size: int | None, channels: int | None, on_broken: OnBroken) -> ImageData:
    classes = _classes(folder)
    reader = _Reader(folder, on_broken)
    train = [(path, label) for label, name in enumerate(classes) for path in _files(folder / "labelled" / name)]
    train += [(path, UNKNOWN) for path in _files(folder / "unlabelled")]
    test = [(path, label) for label, name in enumerate(classes) for path in _files(folder / "test" / name)]
    for other in (path for path in _children(folder) if path.name not in PARTS):
        if any(_files(other)):
            reader.broken(other, "images belong into labelled/, unlabelled/ or test/")
    for part in (folder / name for name in PARTS):
        if part.is_dir() and not any(_files(part)):
            reader.broken(part, "it holds no PNG or JPEG file")
        for path in sorted(set(_files(part)) - {part, *(path for path, _ in train + test)}):
            reader.broken(path, "it lies beside the folders of the classes, not in one of them")

    sides = [reader.read(path, lambda image: min(image.size)) for path, _ in train + test] if size is None else []
    edge = size or (28 if 2 * sum(side <= 28 for side in sides if side) > sum(map(bool, sides)) else 32)
    read = [(path, reader.read(path, lambda image: _pixels(image, edge))) for path, _ in train + test]
    pixels = {path: image for path, image in read if image is not None}
    train, test = ([(path, label) for path, label in files if path in pixels] for files in (train, test))
    with_images = {label for _, label in train}
    for home in (folder / "labelled" / name for label, name in enumerate(classes) if label not in with_images):
        why = next((f" ({why})" for path, why in reader.reasons.items() if path.is_relative_to(home)), "")
        raise DataError(f"{home} has no readable image{why}: put PNG or JPEG files there, or remove this folder.")
    if channels is None:  # a pixel has a colour where red, green and blue differ
        channels = 3 if any((image != image[:, :, :1]).any() for image in pixels.values()) else 1

    def tensors(files: list[tuple[Path, int]]) -> tuple[Tensor, Tensor]:
        images = [Image.fromarray(pixels[path]).convert("L" if channels == 1 else "RGB") for path, _ in files]
        stacked = np.array([np.asarray(image) for image in images], np.uint8).reshape(-1, edge, edge, channels)
        tensor = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()
        return tensor, torch.tensor([label for _, label in files], dtype=torch.int64)

    return ImageData(
        *tensors(train),
        *tensors(test),
        folder.resolve().name,
        classes,
        tuple(path.relative_to(folder).as_posix() for path, label in train if label == UNKNOWN),
        tuple(f"{str(path.relative_to(folder))!r} is skipped: {why}." for path, why in reader.reasons.items()),
    )


def set_name(data: str) -> str | None:
    """The torchvision set that ``data`` names in some spelling, such as ``"fashion-mnist"``; None if it is a folder."""
    return SETS.get(data.lower().replace("-", "").replace("_", ""))


def load_torchvision(name: str, folder: Path | str, verify: bool = True) -> ImageData:
    """Fashion-MNIST or KMNIST (in any spelling), whose files are on disk already.

    ``folder`` holds ``FashionMNIST/raw/`` or ``KMNIST/raw/`` with the four files, as ``.gz`` archives or unpacked;
    an archive must have the MD5 that torchvision knows, unless ``verify`` is false.
    """
    from torchvision import datasets  # here, because it takes longer to import than all the rest

    known = set_name(name)
    if known is None:
        raise DataError(f"there is no torchvision set named {name!r} here: choose one of {', '.join(SETS.values())}.")
    dataset, raw = getattr(datasets, known), Path(folder) / known / "raw"
    with reading(folder):
        if (old_cache := raw.parent / "processed").exists():  # torchvision would take it for the images, unverified
            raise DataError(f"{old_cache} was made by an old torchvision and cannot be verified: delete this folder.")
        for archive, md5 in dataset.resources:
            if not (raw / archive).is_file() and not (raw / archive).with_suffix("").is_file():
                raise DataError(f"{raw} lacks {archive}: put the four archives of {known} there, *-ubyte.gz.")
            if verify and (raw / archive).is_file() and hashlib.md5((raw / archive).read_bytes()).hexdigest() != md5:
                raise DataError(f"{raw / archive} is damaged (its MD5 should be {md5}): copy the original there.")
    try:
        for packed in (raw / archive for archive, _ in dataset.resources):
            if not (unpacked := packed.with_suffix("")).is_file():
                write_whole(unpacked, partial(Path.write_bytes, data=gzip.decompress(packed.read_bytes())))
        train, test = (dataset(folder, train=train, download=False) for train in (True, False))
        if any(part.data.shape[:1] != part.targets.shape for part in (train, test)):
            raise ValueError("there are not as many labels as images")
    except Exception as error:  # a damaged file can make gzip and torchvision raise almost anything
        raise DataError(f"{raw} could not be read ({error}): leave only the original archives there.") from error
    tensors = train.data.unsqueeze(1), train.targets, test.data.unsqueeze(1), test.targets
    return ImageData(*tensors, known, tuple(dataset.classes), (), ())


def write_predictions(
    path: Path | str, names: Sequence[str], class_names: Sequence[str], probabilities: Tensor
) -> None:
    """A CSV table, whole or not at all, of each image's likeliest class: the columns file, class and probability.

    ``names`` and ``class_names`` are such as in :class:`ImageData`; ``probabilities`` has shape (images, classes).
    """
    chances, winners = (column.tolist() for column in probabilities.max(dim=1))
    likeliest = zip(names, (class_names[at] for at in winners), (f"{chance:.4f}" for chance in chances), strict=True)
    rows = [("file", "class", "probability"), *likeliest]

    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:  # names may be any bytes
            csv.writer(file).writerows(map(as_text, row) for row in rows)

    write_whole(path, write)


class _Reader:
    """Reads the files of one folder and remembers which are broken, and why."""

    def __init__(self, folder: Path, on_broken: OnBroken) -> None:
        self.root, self.on_broken = folder.resolve(), on_broken
        self.reasons: dict[Path, str] = {}

    def broken(self, path: Path, why: str) -> None:
        if self.on_broken == "stop":
            raise DataError(f"{str(path)!r} cannot be used ({why}): repair or remove it, or skip such files.")
        self.reasons[path] = why

    def read(self, path: Path, use: Callable[[Image.Image], Result]) -> Result | None:
        if path in self.reasons:
            return None
        try:
            if not (inside := path.resolve().is_relative_to(self.root)) or not path.is_file():
                raise ValueError("it is no file, or a link to none" if inside else "it is a link out of the folder")
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path, formats=("PNG", "JPEG")) as image:  # reads the header only
                    return use(image)
        except UnidentifiedImageError:
            why = "there is no PNG or JPEG image in it"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            why = f"it would unpack to more than {Image.MAX_IMAGE_PIXELS} pixels"
        except Exception as error:  # Pillow raises almost anything over a damaged file
            why = (getattr(error, "strerror", None) or str(error)).rstrip(".") or type(error).__name__
        self.broken(path, why)
        return None


def _classes(folder: Path) -> tuple[str, ...]:
    """The names of the folders in ``labelled/``, once the layout is as it should be."""
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        sets = ", ".join(SETS.values())
        raise DataError(f"{what}: give a folder that holds labelled/CLASS/ with images, or one of {sets}.")
    if not (folder / "labelled").is_dir():
        raise DataError(f"{folder} has no folder labelled/: put images into labelled/CLASS/, a folder for each class.")
    classes, tested = ([path.name for path in _children(folder / of) if path.is_dir()] for of in ("labelled", "test"))
    if len(classes) < 2:
        count = "one class" if classes else "no class"
        raise DataError(f"{folder / 'labelled'} holds {count}: make a folder there for each of at least two classes.")
    if lacking := [name for name in tested if name not in classes]:
        raise DataError(
            f"{folder / 'test' / lacking[0]} is a class that labelled/ does not have: rename, remove or add it."
        )
    return tuple(classes)


def _children(folder: Path) -> list[Path]:
    """What a folder holds that is not hidden, sorted by name; nothing if there is no such folder."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _files(path: Path) -> Iterator[Path]:
    """The images at and below a path, in order; a link to a folder is not followed, but counts as one."""
    if path.is_dir() and not path.is_symlink():
        for child in _children(path):
            yield from _files(child)
    elif path.suffix.lower() in SUFFIXES or path.is_dir():
        yield path


def _pixels(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """An image as (size, size, 3), red, green and blue."""
    image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size, which is faster
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if "A" in image.mode or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size)))
