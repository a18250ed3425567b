"""The playground as a page without code, served by Voilà on this machine only."""

from __future__ import annotations

import os
from pathlib import Path

from sgan_utils.support.files import write_whole

TEMPLATES = Path(__file__).resolve().parent / "share"  # the app's page template, for Jupyter to find
TITLE = "SGAN playground"
CODE = """from sgan_utils.data import load_mnist
from sgan_utils.results import load_record
from sgan_utils.widgets.page import Page

page = Page(load_mnist(), *load_record("trained_g").models()[:2])
page.widget"""


def write_app(target: Path) -> Path:
    """Write the page as a notebook of one cell for Voilà to serve."""
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)], metadata={"title": TITLE})
    write_whole(target, lambda part: nbformat.write(notebook, part))
    return target


def serve_app(folder: Path, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C or SIGTERM; with the server its kernels end, and a kernel ends with its page.

    Args:
        folder: where to put the notebook that is served.
        port: on 127.0.0.1.
        browser: whether to open one.
    """
    from sgan_workshop.publish.app_kernels import App

    page = write_app(folder / "playground.ipynb")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
    # Other users of this machine reach the port as well: only who knows the token, which the address brings, may enter.
    options = ["--Voila.ip=127.0.0.1", f"--port={port}", "--template=sgan", "--Voila.auto_token=True"]
    # In this process, not in one of its own: whoever ends this process ends the server, whatever the signal.
    App.launch_instance([str(page), *options, *([] if browser else ["--no-browser"])])
