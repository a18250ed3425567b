"""The lessons as files: find them, run them, keep their outputs."""

from __future__ import annotations

import atexit
import base64
import io
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_whole
from sgan_workshop.publish.pages import WIDGET, write_page

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 300  # seconds; several times what the longest cell takes on a slow machine, as a busy one needs
MOST_AT_A_TIME = 4  # more would not end sooner than the longest lesson does
MEMORY = 2 * 2**30  # bytes that a lesson may take
RESULT_TAG = "main-result"  # tag of the cell whose printed last line is the lesson's result in the table


@dataclass
class Lesson:
    """How running a lesson went."""

    name: str
    seconds: float
    result: str
    page: Path


def lesson_paths(only: str = "") -> list[Path]:
    """The notebooks in order; ``only`` picks those whose name contains it, such as ``"03"``.

    Raises:
        SGANError: if there is none.
    """
    every = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in every if only in path.stem]
    if not chosen:
        names = ", ".join(path.stem for path in every) or f"none in {NOTEBOOKS}"
        raise SGANError(f"no lesson is named like {only!r}: the lessons are {names}.")
    return chosen


def how_many_at_a_time() -> int:
    """How many lessons this machine runs side by side: one a core, as far as its memory goes."""
    import psutil  # comes with ipykernel

    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().available
    return max(1, min(MOST_AT_A_TIME, cores, memory // MEMORY))


def run_lessons(
    paths: list[Path],
    pages: Path,
    keep_outputs: bool = False,
    at_a_time: int = 1,
    begun: Callable[[Path], None] = lambda _: None,
) -> list[Lesson]:
    """Run several lessons, see :func:`run_lesson`, the last ones first because they take longest.

    Args:
        at_a_time: how many run side by side, each with its share of the cores.
        begun: called with each lesson's path when it begins.

    Returns:
        How each went, in the order of ``paths``.

    Raises:
        SGANError: as soon as a lesson stops; the others end with it.
    """
    clients: list[Any] = []
    done: dict[Path, Lesson] = {}
    failures: list[BaseException] = []
    threads = max(1, (os.cpu_count() or 1) // at_a_time) if at_a_time > 1 else None

    def run(path: Path) -> None:
        if failures:
            return
        begun(path)
        try:
            done[path] = run_lesson(path, pages, keep_outputs, threads, clients)
        except BaseException as error:
            failures.append(error)

    # In threads of their own: in the main thread nbclient answers Ctrl-C and SIGTERM itself, by a stack of frames.
    with ThreadPoolExecutor(at_a_time) as pool:
        runs = [pool.submit(run, path) for path in reversed(paths)]
        try:
            while not failures and wait(runs, timeout=0.2).not_done:
                pass
        except KeyboardInterrupt as interrupt:
            failures.insert(0, interrupt)
        while failures and wait(runs, timeout=0.2).not_done:  # a client ends when its kernel has
            for client in clients:
                if process := getattr(getattr(client.km, "provisioner", None), "process", None):
                    process.kill()
    if failures:
        for client in clients:  # one whose kernel was ended before it answered would end it once more, at exit
            atexit.unregister(client._cleanup_kernel)
        raise failures[0]
    return [done[path] for path in paths]


def run_lesson(
    path: Path,
    pages: Path,
    keep_outputs: bool = False,
    threads: int | None = None,
    clients: list[Any] | None = None,
) -> Lesson:
    """Run a notebook from its first cell to its last and write it as a web page.

    Args:
        path: the notebook.
        pages: folder for the page.
        keep_outputs: whether to store the new outputs in the notebook itself; otherwise it stays as it is.
        threads, clients: see :func:`execute`.

    Raises:
        SGANError: if a cell raises; the sentence names the cell and ends with the error.
    """
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook = nbformat.read(path, as_version=4)
    before = time.perf_counter()
    try:
        execute(notebook, path.parent, threads=threads, clients=clients)
    except (CellExecutionError, CellTimeoutError) as error:
        cell = max((i for i, cell in enumerate(notebook.cells) if cell.get("execution_count")), default=0)
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1]
        raise SGANError(f"{path.name} stopped in cell {cell + 1} of {len(notebook.cells)}: {reason}") from error
    seconds = time.perf_counter() - before
    _tidy(notebook)
    if keep_outputs:
        write_whole(path, lambda part: nbformat.write(notebook, part))
    result, page = _main_result(notebook), pages / f"{path.stem}.html"
    write_page(notebook, page)  # which takes cells out of the notebook
    return Lesson(path.stem, seconds, result, page)


def execute(
    notebook: Any,
    folder: Path,
    cell_timeout: int = CELL_TIMEOUT,
    threads: int | None = None,
    clients: list[Any] | None = None,
) -> None:
    """Run all cells in a new kernel that works in ``folder``; the outputs go into the notebook in memory.

    Args:
        threads: with which the kernel computes, unless ``OMP_NUM_THREADS`` says it; None leaves it to the kernel.
        clients: gets the client of the kernel, for whoever may have to end it.
    """
    from nbclient import NotebookClient

    from sgan_workshop.publish.waking_session import WakingSession

    client = NotebookClient(
        notebook,
        timeout=cell_timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # or each kernel warns that it listens on this machine
    )
    manager = client.create_kernel_manager()
    manager.session = WakingSession(parent=manager)
    if clients is not None:
        clients.append(client)
    env = dict(os.environ)
    if threads:
        env.setdefault("OMP_NUM_THREADS", str(threads))
    client.execute(env=env)


def _tidy(notebook: Any) -> None:
    """Drop what a reader has no use for: progress bars (dead once stored) and the version of this machine's Python."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = _in_48_colours(output.data["image/png"])
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def _in_48_colours(picture: str) -> str:
    """A PNG as base64 with a palette, as all pictures here can do with: half the size in the notebook."""
    from PIL import Image  # comes with matplotlib

    packed = io.BytesIO()
    full = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    full.quantize(48, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _is_progress_bar(output: Any) -> bool:
    shown = output.get("data", {})
    return (WIDGET in shown and "step/s" in shown.get("text/plain", "")) or "step/s" in output.get("text", "")


def _main_result(notebook: Any) -> str:
    for cell in notebook.cells:
        if RESULT_TAG in cell.metadata.get("tags", []):
            printed = [output.text for output in cell.outputs if output.output_type == "stream"]
            if printed:
                return printed[-1].strip().splitlines()[-1]
    return ""
