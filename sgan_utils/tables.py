"""The recorded study read: accuracy by method and number of labels, gains with their uncertainty, and a rerun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.errors import SGANError
from sgan_utils.methods import METHODS, configurations
from sgan_utils.recording import RESULTS
from sgan_utils.study import read_rows, run_study

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
    """What the seeds of each method reached together, in the order of :data:`sgan_utils.methods.METHODS`.

    Args:
        rows: of a study, one a run.

    Returns:
        One row for each method and number of labels, with protocol, mean and standard deviation (over ``seeds - 1``)
        of the accuracy on the test set (0 to 1), how many ``seeds``, mean seconds of training on the clock and of one
        core, device, and, where G's images were measured, mean and standard deviation of ``fid``.
    """
    order = {method: number for number, method in enumerate(METHODS)}
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


def rerun(
    study: str,
    seed: int,
    out: Path | str,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train one seed of every method and number of labels again, and compare with the recorded spread.

    Args:
        study: its name.
        seed: the seed, 0 or more; it need not be one that was recorded.
        out: a CSV file for the new rows; an interrupted rerun goes on from it.
        scheduler, workers: as in :func:`sgan_utils.study.run_study`.
        progress: whether to show a progress bar.

    Returns:
        One row for each method and number of labels, with ``rerun`` (accuracy now), ``recorded`` (of the same seed, if
        there is one), mean and standard deviation of the record, and ``deviations``, by how many standard deviations
        the new accuracy differs from the mean.
    """
    cells = by_method(recorded_rows(study))
    configs = [SGANConfig(**METHODS[cell.method], labels=cell.labels, seed=seed) for cell in cells.itertuples()]
    cells["rerun"] = run_study(configs, out, scheduler, workers, progress=progress)["test_accuracy"].to_numpy()
    every = read_rows(ROWS)
    cells["recorded"] = [every["test_accuracy"].get(config, float("nan")) for config in configs]
    cells["deviations"] = (cells["rerun"] - cells["mean_accuracy"]) / cells["std_accuracy"]
    columns = [
        "method",
        "protocol",
        "labels",
        "rerun",
        "recorded",
        "mean_accuracy",
        "std_accuracy",
        "seeds",
        "deviations",
    ]
    return cells[columns]
