"""The repository's address, and all the places where it is written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_text
from sgan_workshop.publish.notebooks import ROOT, lesson_paths

OWNERLESS = "https://github.com/OWNER/"  # how the address begins until somebody has given theirs
FIRST_CELL = """\
# In Google Colab, fetch the workshop, however often this cell is run; anywhere else it does nothing.
import subprocess
import sys

if "google.colab" in sys.modules:
    folder = "/content/sgan-workshop"
    fetch = f"test -d {{folder}} || git clone --quiet --depth 1 {repository} {{folder}}"
    # What Colab has, its PyTorch among it, stays as it is unless it is too old.
    install = f"{{sys.executable}} -m pip install --quiet --editable {{folder}} anywidget"
    subprocess.run(f"{{fetch}} && {{install}}", shell=True, check=True)
    sys.path.insert(0, folder)
    sys.modules["google.colab"].output.enable_custom_widget_manager()"""  # the first cell of code of every lesson


def repository() -> str:
    """The address of the repository, from the one place where it stands."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def site(address: str = "") -> str:
    """Where the workflow of a repository, by default this one, publishes the site."""
    owner, name = (address or repository()).rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io/{name}/"


def write_address(address: str = "") -> list[Path]:
    """Put another address of the repository in the place of the present one, in all files that hold it.

    Args:
        address: by default the present one; then only first cells change that are not :data:`FIRST_CELL`.

    Returns:
        The files that were changed.

    Raises:
        SGANError: if it is no address of a repository on GitHub, from where Colab and Binder fetch the lessons.
    """
    before = repository().removeprefix("https://github.com/")
    place = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address or repository())
    if not place:
        raise SGANError(
            f"Colab and Binder fetch from addresses such as https://github.com/OWNER/NAME, got {address!r}."
        )
    changed = []
    for path in [*(ROOT / name for name in ("pyproject.toml", "README.md", "CITATION.cff")), *lesson_paths()]:
        text = path.read_text(encoding="utf-8")
        new = text.replace(before, place[1])
        if path.suffix == ".ipynb":
            new = _with_first_cell(new, f"https://github.com/{place[1]}")
        if new != text:
            write_text(path, new)
            changed.append(path)
    return changed


def _with_first_cell(text: str, address: str) -> str:
    import nbformat

    notebook = nbformat.reads(text, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "colab" in cell.metadata.get("tags", [])]
    source = FIRST_CELL.format(repository=address)
    if cell.source == source:
        return text
    cell.source = source
    return nbformat.writes(notebook) + "\n"
