"""The site: lessons as they are stored, the post, the study, the how-to pages and the reference, as a folder of pages.

Nothing is executed or trained for it. Its sources are gathered in one folder, in the shape that Sphinx wants, and built
there with warnings as errors.
"""

from __future__ import annotations

import html
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

import sgan_utils
from sgan_utils.config import SGANConfig, allowed
from sgan_utils.errors import SGANError
from sgan_utils.figures import FIGURES_FOLDER
from sgan_utils.lessons import ROOT, lesson_paths, outputs_for_a_page
from sgan_utils.post import build_post
from sgan_utils.tables import ROWS, by_method, recorded_rows

DOCS = ROOT / "docs"


def build_site(folder: Path) -> Path:
    """Build the whole site; what was in the folder before is replaced.

    Returns:
        The landing page.

    Raises:
        SGANError: if Sphinx has a warning, with its words; or if the post cannot be built.
    """
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    shutil.rmtree(folder, ignore_errors=True)
    source, pages = folder / "source", folder / "html"
    gather(source)
    try:
        site = Sphinx(
            source,
            source,
            pages,
            folder / "doctrees",
            "html",
            status=None,
            warning=sys.stderr,
            warningiserror=True,
        )
        site.build()
    except SphinxError as error:
        raise SGANError(f"the site could not be built: {error}") from error
    if site.statuscode:
        raise SGANError("the site has the warnings above: mend them, then build it again.")
    return pages / "index.html"


def gather(source: Path) -> None:
    """Put everything that the site is made of into one folder."""
    shutil.copytree(DOCS, source)
    # Pages in docs/ link as seen from there, the README as seen from the project's folder; here they are neighbours.
    for page in source.glob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace("](../", "]("), encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    (source / "README.md").write_text(readme, encoding="utf-8")
    shutil.copytree(FIGURES_FOLDER, source / "figures", ignore=shutil.ignore_patterns("*.json", "*.svg"))
    build_post(source)
    (source / "post.html").unlink()  # Sphinx makes its own page of post.md
    (source / "notebooks").mkdir()
    for path in lesson_paths():
        write_lesson(path, source / "notebooks" / path.name)
    write_study(source)
    write_hyperparameters(source / "hyperparameters_table.html")
    write_command_line(source / "command_line.md")
    write_reference(source / "api")


def write_lesson(path: Path, target: Path) -> None:
    """A copy of a lesson for the site: pictures get their alternative text, widgets become a remark."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = outputs_for_a_page(cell)
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata["alt"]}}
    nbformat.write(notebook, target)


def write_study(source: Path) -> None:
    """The recorded studies as tables that a click on a heading sorts, and the rows themselves."""
    shutil.copy(ROWS, source / "study_rows.csv")
    for study in ("table1", "tricks"):
        table = by_method(recorded_rows(study))
        shown = pd.DataFrame(
            {
                "method": table["method"],
                "protocol": table["protocol"],
                "labels": table["labels"],
                "accuracy, %": (100 * table["mean_accuracy"]).map("{:.2f}".format),
                "± std": (100 * table["std_accuracy"]).map("{:.2f}".format),
                "FID of samples": table["mean_fid"].map(lambda fid: "–" if pd.isna(fid) else f"{fid:.1f}"),
                "seeds": table["seeds"],
                "core seconds": table["mean_core_seconds"].map("{:.0f}".format),
            }
        )
        write_table(source / f"study_{study}.html", list(shown.columns), shown.itertuples(index=False), sortable=True)


def write_hyperparameters(target: Path) -> None:
    """Every field of the configuration, from the one place that describes it."""
    rows = []
    for name, field in SGANConfig.model_fields.items():
        default = ", ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        rows.append((name, default, allowed(name), field.description))
    write_table(target, ["field", "default", "allowed", "what it does"], rows)


def write_command_line(target: Path) -> None:
    """Every command with its options, as ``--help`` says it."""
    typer = [sys.executable, "-m", "typer", "sgan_utils.cli", "utils", "docs", "--name", "sgan"]
    told = subprocess.run([*typer, "--title", "The command line"], capture_output=True, text=True, check=True)
    target.write_text(told.stdout, encoding="utf-8")


def write_table(target: Path, columns: list[str], rows: Iterable[Iterable[Any]], sortable: bool = False) -> None:
    """A table as HTML, for a page to include."""
    heads = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    lines = ("".join(f"<td>{html.escape(str(value))}</td>" for value in row) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    kind = "table sortable" if sortable else "table"
    table = f'<table class="{kind}">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    text = f'<div class="wide">{table}</div>\n'
    target.write_text(text, encoding="utf-8")


def write_reference(folder: Path) -> None:
    """A page for each module of the package, and their table of contents."""
    folder.mkdir()
    names = [
        module.name
        for module in pkgutil.walk_packages(sgan_utils.__path__, "sgan_utils.")
        if not module.ispkg and not re.search(r"__main__$|\.cli$", module.name)
    ]
    for name in names:
        page = f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
        (folder / f"{name}.md").write_text(page, encoding="utf-8")
    listed = "\n".join(names)
    page = f"# The package\n\nOne page for each module of `sgan_utils`.\n\n```{{toctree}}\n{listed}\n```\n"
    (folder / "index.md").write_text(page, encoding="utf-8")
