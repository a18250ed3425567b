"""Files that a command will write: what is wrong with their names is said before the work, not after it."""

from __future__ import annotations

import os
import stat
from itertools import combinations
from pathlib import Path

from sgan_utils.support.errors import SGANError

TABLES = {"--history": b"step,", "--predict": b"file,class,probability"}  # how what an option writes begins
MODELS = b'{"__metadata__":'  # how safetensors begin, after eight bytes


def check_output_files(**named: Path | None) -> None:
    """Refuse files that could not be written, or would overwrite each other or something of the user's own.

    Args:
        named: by option, such as ``save=Path("models.safetensors")``; None where an option was not given.

    Raises:
        SGANError: one sentence with the option, what is wrong, and the cure.
    """
    given = {f"--{name.replace('_', '-')}": path for name, path in named.items() if path is not None}
    for option, path in given.items():
        try:
            path.resolve()
            os.path.lexists(path)
            path.exists()
        except (OSError, RuntimeError, ValueError) as error:  # too long; a link that leads to itself; no name at all
            why = getattr(error, "strerror", None) or error
            raise SGANError(f"{option} {str(path)!r} is no name for a file ({why}): name another place.") from error
        if path.is_dir():
            raise SGANError(f"{option} {path} is a folder: name a file.")
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise SGANError(f"{option} {path} is a device or a pipe: name a file.")
        if path.exists() and not _may_be_replaced(option, path):
            raise SGANError(f"{option} {path} holds something that this option does not write: name another file.")
        above = path.absolute().parent
        while not os.path.lexists(above):
            above = above.parent
        if not above.is_dir():
            what = f"{above} is a file or a broken link"
            raise SGANError(f"{option} {path} cannot be written, because {what}: name another place.")
        if not os.access(above, os.W_OK):
            raise SGANError(f"{option} {path} cannot be written, as you may not write to {above}: name another place.")
    for (one, path), (other, same) in combinations(given.items(), 2):
        if path.resolve() == same.resolve() or (path.exists() and same.exists() and path.samefile(same)):
            raise SGANError(f"{one} and {other} name the same file, {path}: give each a file of its own.")


def _may_be_replaced(option: str, path: Path) -> bool:
    """Whether a file is empty, or of the kind that the option writes."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError:
        return False
    if option in TABLES:
        return not start or start.startswith(TABLES[option])
    return not start or (start[8:].startswith(MODELS) and b'"config":' in start)
