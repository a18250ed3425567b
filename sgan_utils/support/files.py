"""Writing files so that nobody ever finds half of one, and keeping others from writing the same one meanwhile."""

from __future__ import annotations

import glob
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sgan_utils.support.errors import FileError

A_DAY = 24 * 60 * 60  # seconds after which what is half-written counts as left behind by a process that was killed


def write_whole(path: Path | str, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, then rename it: at ``path`` stands the old file or the whole new one.

    A link stays a link, and what it leads to is written. An existing file keeps its mode.

    Raises:
        FileError: if ``path`` is something else than a file, or cannot be written.
    """
    path = Path(path)
    try:
        target = path.resolve() if path.is_symlink() else path
        if target.is_dir():
            raise FileError(f"{path} is a folder: name a file.")
        if target.exists() and not target.is_file():
            raise FileError(f"{path} is a device or a pipe: name a file.")
        _write_whole(target, write)
    except FileError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        why = getattr(error, "strerror", None) or error
        raise FileError(f"{path} cannot be written ({why}): free some space there, or name another place.") from error


def _write_whole(target: Path, write: Callable[[Path], object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # With the same ending, which tells libraries what to write; names have at most 255 bytes.
    start, end = f".{target.stem[:40]}.sgan-part-", target.suffix if len(target.suffix) < 16 else ""
    for left in target.parent.glob(f"{glob.escape(start)}{'?' * 16}{glob.escape(end)}"):
        if time.time() - left.lstat().st_mtime > A_DAY:
            left.unlink(missing_ok=True)
    part = target.with_name(f"{start}{secrets.token_hex(8)}{end}")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # less what the umask forbids
    try:
        mode = stat.S_IMODE((target if target.exists() else part).stat().st_mode)
        write(part)
        part.chmod(mode)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Put a text into a file, whole or not at all, with the same ends of lines on every system."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def write_bytes(path: Path | str, content: bytes) -> None:
    """Put bytes into a file, whole or not at all."""
    write_whole(path, lambda part: part.write_bytes(content))


@contextmanager
def in_use(path: Path | str, seconds: float = 0) -> Iterator[None]:
    """Keep others from using a file in the same way. The system frees it when this process ends, however it ends.

    Args:
        seconds: how long to wait for others who use it.

    Raises:
        FileError: if somebody else uses it.
    """
    path = Path(path)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise FileError(f"{path} is in use by another run: wait for its end, or name another file.") from error
    except OSError as error:
        raise FileError(f"{path} cannot be written ({error.strerror}): name another place.") from error
    try:
        yield
    finally:
        with suppress(PermissionError):  # Windows removes no file that is open; there, release() does
            # Before the release: who waits for this lock notices that its file has gone, and takes a new one.
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
