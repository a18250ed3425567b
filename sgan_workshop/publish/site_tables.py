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
from sgan_utils.results import PUBLISHED, ROWS, by_method, comparisons, gains_in_words, in_words, recorded_rows
from sgan_utils.support.methods import plain_name


def write_study(source: Path) -> None:
    """The recorded studies as tables that a click on a heading sorts, and the rows themselves."""
    shutil.copy(ROWS, source / "study_rows.csv")
    for study in ("table1", "tricks"):
        rows = recorded_rows(study)
        table = by_method(rows)
        shown = (
            in_words(table)
            .assign(seeds=table["seeds"])
            .rename(columns={"FID": "FID of samples", "core s": "core seconds"})
        )
        write_rows(source / f"study_{study}.html", shown.replace("nan", "–"))
        gains = comparisons(study, rows)
        names = {
            "method": gains["method"].map(plain_name),
            "minus": gains["over"].map(plain_name),
            "labels": gains["labels"],
        }
        write_rows(source / f"study_{study}_gains.html", pd.DataFrame(names).join(gains_in_words(gains, 2)))
    search = pd.read_csv(ROWS.parent / "search.csv")
    tried = (
        search.groupby(["what", "why", "labels"], sort=False)["held_out_accuracy"].agg(["size", "mean"]).reset_index()
    )
    tried["mean"] = (100 * tried["mean"]).map("{:.2f}".format)
    write_rows(source / "study_search.html", tried.rename(columns={"size": "runs", "mean": "held-out accuracy, %"}))


def write_published(target: Path) -> None:
    """What others have reported, the fewest mistakes first."""
    shown = PUBLISHED.sort_values(["labels", "error"]).astype(object).where(PUBLISHED.notna(), "–")
    write_rows(target, shown.rename(columns={"error": "error, %", "spread": "± std", "read": "read in"}))


def write_processors(target: Path) -> None:
    """Recorded runs beside the same ones on other processors, and how far seeds lie apart on one."""
    others = pd.read_csv(ROWS.parent / "processors.csv")
    others["where"] = others["processor"] + ", " + others["computed_in"]
    run = ["method", "labels", "seed"]
    again = others.pivot(index=run, columns="where", values="test_accuracy")[others["where"].unique()]
    recorded = recorded_rows("table1").set_index(run)["test_accuracy"].reindex(again.index).rename("recorded")
    every = again.assign(recorded=recorded)
    spread = by_method(recorded_rows("table1")).set_index(["method", "labels"])["std_accuracy"]
    table = pd.concat([recorded, again], axis=1).assign(
        difference=every.max(axis=1) - every.min(axis=1),
        spread=spread.reindex(again.index.droplevel("seed")).to_numpy(),
    )
    words = table.apply(lambda accuracies: (100 * accuracies).map("{:.2f}".format).replace("nan", "–")).reset_index()
    named = words.drop(columns="seed").assign(method=words["method"].map(plain_name))
    write_rows(target, named.rename(columns={"difference": "they differ by", "spread": "std of seeds"}))


def write_rows(target: Path, table: pd.DataFrame) -> None:
    """A table whose columns a click sorts."""
    write_table(target, list(table.columns), table.itertuples(index=False), sortable=True)


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
