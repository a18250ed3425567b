"""One process at a time: a lock for a file that several processes, also of other machines, read and write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sgan_utils.support.errors import SGANError


@contextmanager
def locked(path: Path, seconds: float = 30) -> Iterator[None]:
    """Hold the lock of ``path``, the empty file ``.NAME.lock`` beside it, which may stay and then blocks nobody.

    The operating system lets go of it when a process ends, however it ends.

    Raises:
        SGANError: if another process still holds it after ``seconds``, or the place cannot be written.
    """
    path = path.resolve()  # a link and what it leads to have one lock
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise SGANError(f"{path} is in use by another process: try again later, or choose another file.") from error
    except OSError as error:
        raise SGANError(f"{path} cannot be locked ({error.strerror}): choose another place.") from error
    try:
        yield
    finally:
        lock.release()
