"""Recorded results as lessons and figures read them: single runs, rows of studies, tables. Nothing is trained."""

from __future__ import annotations

import json
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
from sgan_utils.support.presets import PRESETS
from sgan_utils.support.rows import read_rows
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
        about = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        about |= {"config": current_fields(about["config"])} if "config" in about else {}
        history = (
            pd.read_csv(folder / "history.csv", index_col=0) if (folder / "history.csv").exists() else pd.DataFrame()
        )
        arrays = dict(np.load(folder / "arrays.npz")) if (folder / "arrays.npz").exists() else {}
    except (OSError, ValueError) as error:
        raise SGANError(
            f"the record {folder} is missing or damaged ({error}): restore it with "
            f"`git checkout -- results`, or make it anew with `{maker}`."
        ) from error
    return Record(name, about, history, arrays)


CONFIDENCE = 0.95  # of all intervals
ROWS = RESULTS / "study" / "rows.csv"
# Odena 2016, table 1: accuracy by number of labels, each the best of a random search over learning rates.
PAPER = {
    "CNN (Odena 2016)": {25: 0.750, 50: 0.859, 100: 0.895, 1000: 0.965},
    "SGAN (Odena 2016)": {25: 0.802, 50: 0.883, 100: 0.928, 1000: 0.964},
}
# The best that was published with all 60,000 images unlabelled, and where.
PUBLISHED = {
    20: (0.9748, "Ladder + PBWN"),
    50: (0.9894, "Ladder + PBWN"),
    100: (0.99205, "Bad GAN"),
    1000: (0.9903, "Ladder + AMLP"),
}


def recorded_rows(study: str, rows: Path | str | None = None) -> pd.DataFrame:
    """The runs of a named study that are recorded, one row each, without any training.

    Raises:
        SGANError: if there are none.
    """
    rows = rows or ROWS
    every = read_rows(rows)
    chosen = every.loc[[config for config in configurations(study) if config in every.index]]
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


def by_method(rows: pd.DataFrame) -> pd.DataFrame:
    """What the seeds of each method reached together, in the order of :data:`sgan_utils.support.presets.PRESETS`.

    Args:
        rows: of a study, one a run.

    Returns:
        One row for each method and number of labels, with protocol, mean and standard deviation (over ``seeds - 1``)
        of the accuracy on the test set (0 to 1), how many ``seeds``, mean seconds of training on the clock and of one
        core, device, and, where G's images were measured, mean and standard deviation of ``fid``.
    """
    order = {method: number for number, method in enumerate(PRESETS)}
    rows = rows.sort_values(
        ["method", "labels"], key=lambda column: column.map(order) if column.name == "method" else column
    )
    return rows.groupby(["method", "protocol", "labels"], sort=False, as_index=False).agg(
        mean_accuracy=("test_accuracy", "mean"),
        std_accuracy=("test_accuracy", "std"),
        seeds=("test_accuracy", "count"),
        mean_train_seconds=("train_seconds", "mean"),
        mean_core_seconds=("core_seconds", "mean"),
        device=("hardware", "first"),
        mean_fid=("fid", "mean"),
        std_fid=("fid", "std"),
    )


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`by_method` returns, for people: mean ± standard deviation, accuracies in percent."""

    def both(mean: pd.Series, std: pd.Series, digits: int) -> list[str]:
        texts = mean.map(f"{{:.{digits}f}}".format) + " ± " + std.map(f"{{:.{digits}f}}".format)
        return texts.str.replace(" ± nan", "").to_list()

    return pd.DataFrame(
        {
            "method": table["method"],
            "protocol": table["protocol"],
            "labels": table["labels"],
            "accuracy %": both(100 * table["mean_accuracy"], 100 * table["std_accuracy"], 2),
            "FID": both(table["mean_fid"], table["std_fid"], 1),
            "seeds": table["seeds"],
            "core s": table["mean_core_seconds"].map("{:.0f}".format),
        }
    )


def gain(rows: pd.DataFrame, better: str, worse: str, labels: int, of: str = "test_accuracy") -> pd.Series:
    """How much one method has over another, with the same labelled images: mean and confidence interval.

    Runs with the same seed have the same labelled images, so they are compared pair by pair (paired t-interval).

    Args:
        rows: of a study, one a run.
        better, worse: names of methods.
        labels: how many labels both have.
        of: the column that is compared.

    Returns:
        ``gain``, ``low``, ``high`` (the interval), in the unit of the column, and ``pairs``, how many seeds.

    Raises:
        SGANError: if fewer than two seeds were run with both.
    """
    from scipy.stats import ttest_rel

    at = rows[rows["labels"] == labels].pivot_table(index="seed", columns="method", values=of)
    pairs = at.reindex(columns=[better, worse]).dropna()
    if len(pairs) < 2:
        raise SGANError(
            f"{better!r} and {worse!r} share {len(pairs)} seeds with {labels} labels: at least 2 are needed."
        )
    low, high = ttest_rel(pairs[better], pairs[worse]).confidence_interval(CONFIDENCE)
    mean = (pairs[better] - pairs[worse]).mean()
    return pd.Series({"gain": mean, "low": low, "high": high, "pairs": len(pairs)})


def gains_at(rows: pd.DataFrame, better: str, worse: str) -> pd.DataFrame:
    """:func:`gain` at every number of labels that both methods have, indexed by it in words ("25 labels")."""
    both = set(rows.loc[rows["method"] == better, "labels"]) & set(rows.loc[rows["method"] == worse, "labels"])
    return pd.DataFrame({f"{labels:,} labels": gain(rows, better, worse, labels) for labels in sorted(both)}).T


def gains_over(rows: pd.DataFrame, worse: str, labels: int) -> pd.DataFrame:
    """:func:`gain` of every other method over ``worse`` with as many labels, indexed by the method."""
    others = by_method(rows[rows["labels"] == labels])["method"]
    return pd.DataFrame({method: gain(rows, method, worse, labels) for method in others if method != worse}).T


def one_change_each(tricks: pd.DataFrame) -> pd.DataFrame:
    """Of the study ``tricks``, the runs of ``sgan`` and of the methods that differ from it in one thing."""
    return tricks[tricks["method"].str.startswith("sgan") & (tricks["protocol"] == "all-unlabelled")]
