"""The workshop on a stick, for a room without a network: the project, all packages, a start script, plain pages."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from sgan_utils.support.errors import SGANError
from sgan_workshop.publish.exercises import read_notebook
from sgan_workshop.publish.notebooks import ROOT, lesson_paths
from sgan_workshop.publish.output import MARKER, replace_folder
from sgan_workshop.publish.pages import write_appendices, write_page

STICK = Path(__file__).resolve().parent / "stick"  # the start scripts
NOT_PACKED = (".git", ".venv", "build", "my_lessons", "__pycache__", "*.egg-info", ".*_cache", "*-ubyte")
READ_ME = """The SGAN workshop, for machines with {system} and Python {python}. It needs no network.

Linux, macOS:  sh start.sh
Windows:       start.bat
To read only:  open pages/00_plane.html in a browser
"""


def pack(folder: Path) -> Path:
    """Write the folder to copy to a stick; an earlier one is replaced when the new one is whole.

    The packages are those for this system and this Python: pack on a machine like those in the room.

    Raises:
        SGANError: if a package cannot be fetched, or the folder holds anything else than an earlier pack.
    """
    replace_folder(folder, _fill, "pack")
    return folder


def _fill(folder: Path) -> None:
    shutil.copytree(ROOT, folder / "project", ignore=_left_out)
    for path in lesson_paths():
        write_page(read_notebook(path), folder / "pages" / f"{path.stem}.html")
    write_appendices(ROOT / "docs", folder / "pages")
    for script in STICK.iterdir():
        shutil.copy(script, folder)
    python = ".".join(map(str, sys.version_info[:2]))
    about = READ_ME.format(system=f"{platform.system()} ({platform.machine()})", python=python)
    (folder / "README.txt").write_text(about, encoding="utf-8")
    fetch(folder / "wheels")


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What of a folder of the project is not packed: what can be made again, packs among it."""
    made = {name for name in names if (Path(folder) / name / MARKER).exists()}
    return made | shutil.ignore_patterns(*NOT_PACKED)(folder, names)


def fetch(wheels: Path) -> None:
    """Fetch all that the lessons need, and what builds the project itself, as wheels for this system and Python.

    Raises:
        SGANError: if that fails, with the end of what pip says.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    needed += project["project"]["optional-dependencies"]["lessons"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    command += ["--dest", str(wheels), "-c", str(ROOT / "constraints.txt"), *needed]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SGANError(f"the packages could not be fetched, which needs a network: {done.stderr[-500:].strip()}")
