"""The repository's address, and all the places where it is written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_text
from sgan_workshop.publish.notebooks import ROOT, lesson_paths

OWNERLESS = "https://github.com/OWNER/"  # how the address begins until somebody has given theirs


def repository() -> str:
    """The address of the repository, from the one place where it stands."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def write_address(address: str) -> list[Path]:
    """Put another address of the repository in the place of the present one, in all files that hold it.

    Returns:
        The files that were changed.

    Raises:
        SGANError: if it is no address of a repository on GitHub, from where Colab and Binder fetch the lessons.
    """
    place = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    if not place:
        raise SGANError(
            f"Colab and Binder fetch from addresses such as https://github.com/OWNER/NAME, got {address!r}."
        )
    before, changed = repository().removeprefix("https://github.com/"), []
    for path in [*(ROOT / name for name in ("pyproject.toml", "README.md", "CITATION.cff")), *lesson_paths()]:
        text = path.read_text(encoding="utf-8")
        new = text.replace(before, place[1])
        if new != text:
            write_text(path, new)
            changed.append(path)
    return changed
