"""MNIST's four archives: verified, and unpacked so that nobody ever reads half of one."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sgan_utils.support.errors import DataError
from sgan_utils.support.files import write_whole


class Archive(NamedTuple):
    """One of MNIST's four files: the MD5 of the archive and of what is inside it."""

    name: str
    md5: str
    unpacked_md5: str


ARCHIVES = (
    Archive("train-images-idx3-ubyte", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
    Archive("train-labels-idx1-ubyte", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
    Archive("t10k-images-idx3-ubyte", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
    Archive("t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
)


def unpack(folder: Path | str) -> None:
    """Verify the four archives and unpack those that are not, or only partly, unpacked.

    Each file appears under its own name only when it is whole, so an interruption leaves nothing half-written.

    Raises:
        DataError: if an archive is missing or damaged, or an old cache would be read instead.
    """
    with reading(folder):
        _unpack(Path(folder) / "MNIST" / "raw")


@contextmanager
def reading(folder: Path | str) -> Iterator[None]:
    """Say in one sentence what is wrong with a folder that may not be opened, a name too long, a disk that fails.

    Raises:
        DataError: in the place of any other OSError.
    """
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        where = str(error.filename or folder)[:200]
        raise DataError(f"{where!r} cannot be read ({error.strerror}): name another folder.") from error


def _unpack(raw: Path) -> None:
    cure = "restore it with `git checkout -- data/MNIST/raw`, or copy the original archive there."
    if (old_cache := raw.parent / "processed").exists():  # torchvision would take it for the images, unverified
        raise DataError(f"{old_cache} was made by an old torchvision and cannot be verified: delete this folder.")
    for archive in ARCHIVES:
        packed, unpacked = raw / f"{archive.name}.gz", raw / archive.name
        if not packed.is_file():
            raise DataError(f"{packed} is missing: {cure} (SGAN_DATA names another folder.)")
        if _md5(packed) != archive.md5:
            raise DataError(f"{packed} is damaged or incomplete (its MD5 should be {archive.md5}): {cure}")
        if unpacked.is_file() and _md5(unpacked) == archive.unpacked_md5:
            continue
        try:
            write_whole(unpacked, partial(_gunzip, packed))
        except OSError as error:
            why = getattr(error.__cause__, "strerror", None) or error.__cause__ or error
            raise DataError(f"{packed} could not be unpacked ({why}): check the disk's free space.") from error


def _gunzip(packed: Path, target: Path) -> None:
    with gzip.open(packed) as content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
