"""JupyterLab and Voilà on loopback, and Debian's Chromium to drive them. Screenshots go to ``build/browser``."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from sgan_workshop.publish.notebooks import NOTEBOOKS, ROOT

SCREENSHOTS = ROOT / "build" / "browser"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "lesson"
DESK = {"viewport": {"width": 1400, "height": 1100}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def serving(command, port, folder, log, environment=os.environ):
    """Run a server with a home of its own until the block ends."""
    own = {
        name: str(folder / name.lower()) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    own["JUPYTER_RUNTIME_DIR"] = str(folder / "runtime")
    for place in own.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    own["JUPYTER_TOKEN"] = TOKEN
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=folder, env=environment | own, stdout=file, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 90
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                break
            time.sleep(0.3)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves a copy of the lessons, because it saves what it opens.

    Beside them, two of its widgets have a notebook of their own.
    """
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name in ("plane", "playground"):
        widget = name.capitalize()
        source = f"from sgan_utils.widgets.{name} import {widget}\n\nshown = {widget}()\nshown.widget"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata=kernel)
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    settings = folder / "settings"
    settings.mkdir()
    overrides = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    }
    (settings / "overrides.json").write_text(json.dumps(overrides))
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={folder}", f"--LabApp.app_settings_dir={settings}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=", "--LabApp.extension_manager=readonly"]
    with serving(command, port, folder, folder / "lab.log"):
        yield address


@pytest.fixture(scope="session")
def voila(tmp_path_factory):
    """The address of the app without code."""
    folder, port = tmp_path_factory.mktemp("voila"), free_port()
    with serving(app_command(port), port, folder, folder / "voila.log"):
        yield f"http://127.0.0.1:{port}"


def app_command(port):
    """`sgan app`, as somebody types it."""
    return [sys.executable, "-m", "sgan_workshop", "app", f"--port={port}", "--no-browser"]


@pytest.fixture(scope="session")
def chromium():
    """Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("there is no Chromium here: install Debian's package chromium to run the browser tests")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, request):
    """A page; it and the others of its context note down their errors, and all requests: none may leave this machine.

    A test can ask for another screen: ``@pytest.mark.parametrize("page", [PHONE], indirect=True)``.
    """
    context = chromium.new_context(**getattr(request, "param", DESK))
    asked, said = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.said = said
    yield page
    context.close()
    here = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file://")
    elsewhere = [url for url in asked if not url.startswith(here)]
    assert elsewhere == []


@pytest.fixture
def shoot(page, request):
    """Keep a screenshot of a state, by name."""

    def take(name: str, page=page) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{request.node.originalname}-{name}.png")

    return take
