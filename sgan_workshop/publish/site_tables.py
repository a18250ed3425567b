"""Pages of the site that are made from the package: studies, hyperparameters, commands, reference."""

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
from sgan_utils.results import ROWS, by_method, recorded_rows


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
    typer = [sys.executable, "-m", "typer", "sgan_workshop.commands.main", "utils", "docs", "--name", "sgan"]
    reference = subprocess.run([*typer, "--title", "The command line"], capture_output=True, text=True, check=True)
    target.write_text(reference.stdout, encoding="utf-8")


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
