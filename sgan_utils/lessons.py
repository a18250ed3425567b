"""The lessons as files: run them, keep their outputs, turn them into pages; and show the package's source in them."""

from __future__ import annotations

import ast
import base64
import inspect
import io
import os
import re
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgan_utils.errors import SGANError
from sgan_utils.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SHARE = Path(__file__).resolve().parent / "widgets" / "share"  # the app's page template, for Jupyter to find
CELL_TIMEOUT = 300  # seconds; a lesson takes under 90, on a busy machine perhaps twice as long
WIDGET = "application/vnd.jupyter.widget-view+json"
APP_TAG = "app"  # tag of the cells that the app without code is made of
RESULT_TAG = "main-result"  # tag of the cell whose printed last line is the lesson's result in the table


@dataclass
class Lesson:
    """How running a lesson went."""

    name: str
    seconds: float
    result: str
    page: Path


def show_source(function: Callable) -> Any:
    """The source of a function of the package as a notebook shows it: highlighted, without its docstring.

    So the lessons explain the very lines that run.
    """
    from IPython.display import Markdown

    return Markdown(source_of(function))


def source_of(function: Callable) -> str:
    """The source of a function without its docstring, as a block of code in Markdown."""
    source = textwrap.dedent(inspect.getsource(function))
    body = ast.parse(source).body[0].body
    lines = source.splitlines()
    if ast.get_docstring(ast.parse(source).body[0]) is not None:
        del lines[body[0].lineno - 1 : body[0].end_lineno]
    return "```python\n" + "\n".join(lines) + "\n```"


def mathml(latex: str, block: bool) -> str:
    """An equation as MathML, which browsers show without any script: on a line of its own, or within a sentence."""
    from latex2mathml.converter import convert

    # The library leaves no space between a function's name and what it is taken of, as in "log x".
    latex = re.sub(r"\\(log|ln|exp)\s*(?!\\left|[({])", r"\\\1\\,", latex)
    return convert(latex, display="block" if block else "inline")


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


def run_lesson(path: Path, pages: Path, keep_outputs: bool = False) -> Lesson:
    """Run a notebook from its first cell to its last and write it as a web page.

    Args:
        path: the notebook.
        pages: folder for the page.
        keep_outputs: whether to store the new outputs in the notebook itself; otherwise it stays as it is.

    Raises:
        SGANError: if a cell raises; the sentence names the cell and ends with the error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # or each kernel warns that it listens on this machine
    )
    before = time.perf_counter()
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        cell = max((i for i, cell in enumerate(notebook.cells) if cell.get("execution_count")), default=0)
        reason = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()[-1]
        raise SGANError(f"{path.name} stopped in cell {cell + 1} of {len(notebook.cells)}: {reason}") from error
    seconds = time.perf_counter() - before
    _tidy(notebook)
    if keep_outputs:
        write_whole(path, lambda part: nbformat.write(notebook, part))
    page = pages / f"{path.stem}.html"
    write_page(notebook, page)
    return Lesson(path.stem, seconds, _main_result(notebook), page)


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
    templates = os.pathsep.join(filter(None, [str(SHARE), os.environ.get("JUPYTER_PATH")]))
    return command, os.environ | {"JUPYTER_PATH": templates}


def _tidy(notebook: Any) -> None:
    """Drop what a reader has no use for: progress bars (dead once stored) and the version of this machine's Python."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = _in_256_colours(output.data["image/png"])
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def _in_256_colours(picture: str) -> str:
    """A PNG as base64 with a palette, as all pictures here can do with: half the size in the notebook."""
    from PIL import Image  # comes with matplotlib

    packed = io.BytesIO()
    full = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    full.quantize(256, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
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
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", *lesson_paths()]:
        text = path.read_text(encoding="utf-8")
        new = text.replace(before, place[1])
        if new != text:
            write_whole(path, lambda part, new=new: part.write_text(new, encoding="utf-8"))
            changed.append(path)
    return changed


def write_page(notebook: Any, page: Path) -> None:
    """A notebook as one HTML file that reads well without a network.

    Equations become MathML, widgets a remark, solutions fold, and links lead to the other lessons' pages.
    """
    from nbconvert import HTMLExporter
    from nbformat.v4 import new_markdown_cell
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    notebook.cells = [cell for cell in notebook.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    aside: list[str] = []  # HTML that nbconvert would tear apart: it goes in at the end, where placeholders stand
    for number, cell in enumerate(notebook.cells):
        if "solution" in cell.metadata.get("tags", []):
            code = highlight(cell.source, PythonLexer(), HtmlFormatter())
            aside.append(f"<details><summary>Solution</summary>{code}</details>")
            notebook.cells[number] = new_markdown_cell(_placeholder(len(aside) - 1))
        elif cell.cell_type == "markdown":
            cell.source = _set_equations_aside(cell.source, aside)
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", cell.source)
        else:
            cell.outputs = outputs_for_a_page(cell)
    exporter = HTMLExporter(embed_images=True, mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    body, _ = exporter.from_notebook_node(notebook)
    for number, html in enumerate(aside):
        body = body.replace(_placeholder(number), html, 1)
    title = next((c.source.lstrip("# ").splitlines()[0] for c in notebook.cells if c.cell_type == "markdown"), "")
    body = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", body, count=1)
    write_whole(page, lambda part: part.write_text(body, encoding="utf-8"))


def outputs_for_a_page(cell: Any) -> list[Any]:
    """A cell's outputs where nothing runs: a remark in the place of widgets, pictures with their alternative text."""
    from nbformat.v4 import new_output

    remark = new_output("stream", text="(A widget: open the lesson in JupyterLab to turn it.)\n")
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            output.metadata["image/png"] = {"alt": cell.metadata.get("alt", "")}
    return [remark if WIDGET in output.get("data", {}) else output for output in cell.outputs]


def _set_equations_aside(markdown: str, aside: list[str]) -> str:
    """Put a placeholder for each $$…$$ and $…$ outside of code, and add its MathML, which needs no script."""

    def one(match: re.Match) -> str:
        if match["code"]:
            return match["code"]
        aside.append(mathml(match["block"] or match["inline"], block=bool(match["block"])))
        return _placeholder(len(aside) - 1)

    pattern = r"(?P<code>```.*?```|`[^`\n]*`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$"
    return re.sub(pattern, one, markdown, flags=re.DOTALL)


def _placeholder(number: int) -> str:
    return f"PLACEHOLDER{number:04}HERE"
