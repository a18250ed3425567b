"""The playground as a page without code, served by Voilà."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sgan_utils.support.files import write_whole
from sgan_workshop.publish.notebooks import lesson_paths

TEMPLATES = Path(__file__).resolve().parent / "share"  # the app's page template, for Jupyter to find
APP_TAG = "app"  # tag of the cells that the app without code is made of


def write_app(lesson: Path, target: Path) -> Path:
    """Write the cells of a lesson that are tagged as the app, and its headings, as a notebook for Voilà to serve."""
    import nbformat

    notebook = nbformat.read(lesson, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if APP_TAG in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    write_whole(target, lambda part: nbformat.write(notebook, part))
    return target


def app_command(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """How to serve lesson 5 as a page without code, on this machine only: a command, and its environment.

    Args:
        folder: where to put the notebook that is served.
        port: on 127.0.0.1.
    """
    page = write_app(lesson_paths("05_playground")[0], folder / "playground.ipynb")
    command = [sys.executable, "-m", "voila", str(page), "--Voila.ip=127.0.0.1", f"--port={port}", "--template=sgan"]
    templates = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
    return command, os.environ | {"JUPYTER_PATH": templates}
