"""Folders that a command makes: built beside their place, swapped in when whole, and never put over anything else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sgan_utils.support.errors import DataError, SGANError
from sgan_utils.support.files import A_DAY

Result = TypeVar("Result")
ROOT = Path(__file__).resolve().parents[2]
MARKER = ".sgan-output.json"  # says what the folder is, and what the last build put into it
CURE = "choose an empty or a new folder with --out."
SOURCES = {  # the folders of the project that no output may be, or be in
    *("docs", "blog", "notebooks", "sgan_utils", "sgan_workshop", "data", "results", "figures", "tests", "benchmarks"),
    *("binder", "my_lessons"),
    *(".git", ".github", ".ci", ".venv"),
}


def replace_folder(target: Path, build: Callable[[Path], Result], kind: str) -> Result:
    """Let ``build`` fill a new folder, then put it in the place of ``target``, which is kept until it is whole.

    Args:
        target: new, empty, or made by an earlier call of the same kind, with nothing of anybody else's in it.
        build: is given the folder to fill.
        kind: what the folder is, such as ``"site"``.

    Returns:
        What ``build`` returns.

    Raises:
        SGANError: if ``target`` is or holds something else, or cannot be written. Nothing is changed then.
    """
    target = check_output_folder(target, kind)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target)))
    except OSError as error:
        raise _cannot_be_written(target, error) from error
    old = fresh.with_name(f"{fresh.name}-old")
    try:
        _mark(fresh, kind, [])
        try:
            result = build(fresh)
        except DataError:
            raise
        except OSError as error:
            raise _cannot_be_written(target, error) from error
        _mark(fresh, kind, sorted(path.name for path in fresh.iterdir() if path.name != MARKER))
        fresh.chmod(0o755)
        check_output_folder(target, kind)  # somebody may have put a file there while it was built
        try:
            if target.exists():
                target.rename(old)
            fresh.rename(target)
        except OSError as error:
            raise _cannot_be_written(target, error) from error
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        _remove(fresh)
        raise
    _remove(old)
    return result


def check_output_folder(target: Path, kind: str) -> Path:
    """The folder's full path, if :func:`replace_folder` may replace it.

    Raises:
        SGANError: one sentence that says what stands in the way.
    """
    try:
        return _checked(target, kind)
    except OSError as error:
        raise _cannot_be_written(target, error) from error
    except (RuntimeError, ValueError) as error:  # a link that leads to itself; a name that no file can have
        raise SGANError(f"{str(target)!r} is no place for a folder ({error}): {CURE}") from error


def _checked(target: Path, kind: str) -> Path:
    if target.is_symlink():
        raise SGANError(f"{target} is a link to {target.resolve()}, which would be lost: {CURE}")
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise SGANError(f"{target} is a file: {CURE}")
    for place, what in ((Path.cwd(), "the folder that you are in"), (ROOT, "the project"), (Path.home(), "your home")):
        if place.resolve().is_relative_to(target):
            raise SGANError(f"{target} is or holds {what}: {CURE}")
    if target.is_relative_to(ROOT) and target.relative_to(ROOT).parts[0].casefold() in SOURCES:
        raise SGANError(f"{target} belongs to the project's sources: {CURE}")
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise SGANError(f"{target} cannot be written, because {above} is a file, or you may not write to it: {CURE}")
    names = {path.name for path in target.iterdir()} if target.exists() else set()
    if not names:
        return target
    try:
        about = json.loads((target / MARKER).read_text(encoding="utf-8"))
        ours = set(about["holds"]) if about["kind"] == kind and isinstance(about["holds"], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        ours = None
    if ours is None:
        raise SGANError(f"{target} holds files that `sgan {kind}` has not made: {CURE}")
    if foreign := sorted(names - ours - {MARKER}):
        raise SGANError(f"{target} holds {foreign[0]!r}, which `sgan {kind}` has not made: move it away, or {CURE}")
    return target


def _cannot_be_written(target: Path, error: OSError) -> SGANError:
    why = error.strerror or getattr(error.__cause__, "strerror", None) or error
    return SGANError(f"{target} cannot be written ({why}): {CURE}")


def _prefix(target: Path) -> str:
    """How the names of half-built folders for ``target`` begin, and those of no other folder's."""
    return f".{target.name}.sgan-half-"


def _mark(folder: Path, kind: str, holds: list[str]) -> None:
    (folder / MARKER).write_text(json.dumps({"kind": kind, "holds": holds}), encoding="utf-8")


def _remove_leftovers(target: Path) -> None:
    """What a killed build left behind; if it had moved the old folder away, that comes back first."""
    ours = re.compile(re.escape(_prefix(target)) + r"\w{8}(-old)?")  # as tempfile names them
    for left in sorted(target.parent.iterdir()):
        if not ours.fullmatch(left.name) or left.is_symlink() or not left.is_dir():
            continue
        if not (left / MARKER).is_file() and any(left.iterdir()):  # not of ours
            continue
        if left.name.endswith("-old") and not target.exists():
            left.rename(target)
        elif time.time() - left.stat().st_mtime > A_DAY:
            _remove(left)


def _remove(folder: Path) -> None:
    """Remove a folder of ours, its marker last: whenever this is interrupted, what is left is known as ours."""
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir(), key=lambda path: path.name == MARKER):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        folder.rmdir()
