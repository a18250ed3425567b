"""Recorded results as lessons and figures read them: single runs, rows of studies, tables. Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.models import Discriminator, Generator
from sgan_utils.support.checkpoints import load_models
from sgan_utils.support.earlier_names import current_fields
from sgan_utils.support.errors import SGANError
from sgan_utils.support.record_files import read_about, read_arrays
from sgan_utils.support.rows import read_rows
from sgan_utils.support.statistics import CONFIDENCE as CONFIDENCE
from sgan_utils.support.statistics import by_method as by_method
from sgan_utils.support.statistics import comparisons as comparisons
from sgan_utils.support.statistics import gain as gain
from sgan_utils.support.statistics import gains_at as gains_at
from sgan_utils.support.statistics import gains_in_words as gains_in_words
from sgan_utils.support.statistics import gains_over as gains_over
from sgan_utils.support.statistics import in_words as in_words
from sgan_utils.support.studies import configurations

RESULTS = Path(__file__).resolve().parent.parent / "results"


@dataclass
class Record:
    """One recorded result."""

    name: str
    about: dict[str, Any]  # provenance and single numbers
    history: pd.DataFrame = field(default_factory=pd.DataFrame)  # empty where there is none
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def models(self) -> tuple[Generator, Discriminator, SGANConfig]:
        """The trained G and D (averaged weights), in evaluation mode, and their configuration."""
        return load_models(RESULTS / self.name / "models.safetensors")


def load_record(name: str) -> Record:
    """Read a recorded result.

    Raises:
        SGANError: if it is not there, or damaged.
    """
    folder = RESULTS / name
    maker = "make benchmark" if name == "benchmark" else "sgan figures --retrain"
    try:
        about = read_about(folder)
        about |= {"config": current_fields(about["config"])} if "config" in about else {}
        history = (
            pd.read_csv(folder / "history.csv", index_col=0) if (folder / "history.csv").exists() else pd.DataFrame()
        )
        arrays = read_arrays(folder / "arrays.npz") if (folder / "arrays.npz").exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise SGANError(
            f"the record {folder} is missing or damaged ({error}): restore it with "
            f"`git checkout -- results`, or make it anew with `{maker}`."
        ) from error
    return Record(name, about, history, arrays)


ROWS = RESULTS / "study" / "rows.csv"
# What others have published, in percent of wrong answers. Its last column says where each number was looked up.
PUBLISHED = pd.read_csv(RESULTS / "published.csv")
FROM_MEMORY = "from memory"  # so nobody has looked that number up
# Odena 2016, table 1: accuracy by number of labels, each the best of a random search over learning rates.
PAPER: dict[str, dict[int, float]] = {
    str(method): dict(zip(rows["labels"], (1 - rows["error"] / 100).round(6), strict=True))
    for method, rows in PUBLISHED[PUBLISHED["method"].str.endswith("(Odena 2016)")].groupby("method")
}


def strongest_published(budgets: Iterable[int]) -> pd.DataFrame:
    """The rows of :data:`PUBLISHED` with the fewest mistakes, for each number of labels, with all images unlabelled.

    Only results with just as many labels compare. Where the smallest error is quoted from memory, the smallest that was
    looked up stands beside it; where nothing was found, there is no row.
    """
    rows = PUBLISHED[(PUBLISHED["protocol"] == "all-unlabelled") & PUBLISHED["labels"].isin(list(budgets))]
    looked_up = rows[rows["read"] != FROM_MEMORY]
    chosen = {*rows.groupby("labels")["error"].idxmin(), *looked_up.groupby("labels")["error"].idxmin()}
    return rows.loc[sorted(chosen)].sort_values(["labels", "error"])


def recorded_rows(study: str, rows: Path | str | None = None) -> pd.DataFrame:
    """The runs of a named study that are recorded, one row each, without any training.

    Raises:
        SGANError: if there are none.
    """
    rows = rows or ROWS
    recorded = read_rows(rows)
    chosen = recorded.loc[[config for config in configurations(study) if config in recorded.index]]
    if chosen.empty:
        raise SGANError(
            f"{rows} holds no run of the study {study!r}: restore it with `git checkout -- results`, or train the runs "
            f"with `sgan study --preset {study} --record`."
        )
    return chosen.reset_index(drop=True)


def about_rows(study: str, rows: pd.DataFrame) -> dict[str, Any]:
    """How the runs of a recorded study were made: code, versions, machines and dates, each named once."""

    def every(column: str) -> str:
        return ", ".join(sorted(rows[column].unique()))

    return {
        "what": study,
        "runs": len(rows),
        "command": f"sgan study --preset {study} --record",
        "date": every("date"),
        "commit": every("commit"),
        "versions": {"sgan_utils": every("sgan_utils"), "torch": every("torch")},
        "device": every("hardware"),
    }


def one_change_each(tricks: pd.DataFrame) -> pd.DataFrame:
    """Of the study ``tricks``, the runs of ``sgan`` and of the methods that differ from it in one thing."""
    return tricks[tricks["method"].str.startswith("sgan") & (tricks["protocol"] == "all-unlabelled")]
