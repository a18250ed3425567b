"""How runs are summed up and compared: failures beside means, paired differences with two intervals and a rank test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sgan_utils.support.errors import SGANError
from sgan_utils.support.methods import COMPARISONS, plain_name
from sgan_utils.support.presets import PRESETS

CONFIDENCE = 0.95  # of all intervals
FAILURE = 1.5  # times the median error


def failures(accuracies: pd.Series) -> int:
    """How many runs of one method with one number of labels failed.

    A run fails if it makes more than :data:`FAILURE` times as many mistakes as the median run of its method and number
    of labels, or if it diverged and has no accuracy. The same rule serves strong methods and weak ones, because runs
    differ the more, the more mistakes they make. (A method that fails more often than not shows it in its median.)

    Args:
        accuracies: 0 to 1, one a run; nan where it diverged.
    """
    errors = 1 - accuracies
    return int((errors > FAILURE * errors.median()).sum() + errors.isna().sum())


def paired(differences: np.ndarray) -> pd.Series:
    """What one method has over another, from the differences of runs with the same seed.

    Three answers to "is that more than chance?", because few pairs say little about how differences are distributed:
    Student's interval takes them to be normal, the bootstrap takes these pairs for all there are, and the rank test
    takes them to be symmetric only.

    Args:
        differences: (pairs,), at least 2.

    Returns:
        ``gain``, their mean; ``low`` and ``high``, Student's interval; ``bootstrap_low`` and ``bootstrap_high``, the
        bootstrap's (bias-corrected and accelerated, Efron 1987; fixed seed); ``p`` of Wilcoxon's signed-rank test,
        two-sided, exact up to 13 pairs; ``pairs``, how many.
    """
    from scipy import stats

    differences = np.round(differences, 9)  # accuracies have four digits: equal ones must not differ in the 17th
    mean = differences.mean()
    student = resampled = (mean, mean)  # of differences that are all the same
    if np.ptp(differences):
        student = stats.ttest_1samp(differences, 0.0).confidence_interval(CONFIDENCE)
        resampled = stats.bootstrap((differences,), np.mean, confidence_level=CONFIDENCE, rng=0).confidence_interval
    signed_ranks = np.zeros_like(differences)
    some = differences != 0
    signed_ranks[some] = np.sign(differences[some]) * stats.rankdata(np.abs(differences[some]))
    # Every sign counts as likely as its opposite. `stats.wilcoxon` does the same, and is exact without ties only.
    test = stats.permutation_test((signed_ranks,), np.sum, permutation_type="samples", vectorized=True, rng=0)
    names = ("gain", "low", "high", "bootstrap_low", "bootstrap_high", "p", "pairs")
    return pd.Series(dict(zip(names, (mean, *student, *resampled, test.pvalue, len(differences)), strict=True)))


def holm(p_values: pd.Series) -> pd.Series:
    """The p-values of comparisons that are read at once, each as large as their number makes it (Holm 1979).

    Whoever makes twenty comparisons finds one of them below 0.05 by chance. If only those count that are below 0.05
    *here*, the chance that even one of them is wrong is at most one in twenty.
    """
    ordered = p_values.sort_values()
    still_there = np.arange(len(ordered), 0, -1)
    return (still_there * ordered).cummax().clip(upper=1.0).reindex(p_values.index)


def by_method(rows: pd.DataFrame) -> pd.DataFrame:
    """What the seeds of each method reached together, in the order of :data:`sgan_utils.support.presets.PRESETS`.

    Args:
        rows: of a study, one a run.

    Returns:
        One row for each method and number of labels, with protocol; of the accuracy on the test set (0 to 1) mean and
        standard deviation (over ``seeds - 1``), median, worst and best run; how many ``seeds`` have one; of how many
        ``runs`` how many failed, see :func:`failures`; mean seconds of training on the clock and of one core;
        devices; and, where G's images were measured, mean and standard deviation of ``fid`` and
        ``kid``, and ``mean_kid_std``, how much KID varies between subsets of the images of one run.
    """
    order = {method: number for number, method in enumerate(PRESETS)}
    rows = rows.sort_values(
        ["method", "labels"], key=lambda column: column.map(order) if column.name == "method" else column
    )
    accuracy = "test_accuracy"
    return rows.groupby(["method", "protocol", "labels"], sort=False, as_index=False).agg(
        mean_accuracy=(accuracy, "mean"),
        std_accuracy=(accuracy, "std"),
        median_accuracy=(accuracy, "median"),
        worst_accuracy=(accuracy, "min"),
        best_accuracy=(accuracy, "max"),
        seeds=(accuracy, "count"),
        runs=(accuracy, "size"),
        failures=(accuracy, failures),
        mean_train_seconds=("train_seconds", "mean"),
        mean_core_seconds=("core_seconds", "mean"),
        device=("hardware", lambda names: "; ".join(sorted(set(names)))),
        mean_fid=("fid", "mean"),
        std_fid=("fid", "std"),
        mean_kid=("kid", "mean"),
        std_kid=("kid", "std"),
        mean_kid_std=("kid_std", "mean"),
    )


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`by_method` returns, for people: mean ± standard deviation, accuracies in percent."""

    def both(mean: pd.Series, std: pd.Series, digits: int) -> list[str]:
        texts = mean.map(f"{{:.{digits}f}}".format) + " ± " + std.map(f"{{:.{digits}f}}".format)
        return texts.str.replace(" ± nan", "").to_list()

    return pd.DataFrame(
        {
            "method": table["method"].map(plain_name),
            "protocol": table["protocol"],
            "labels": table["labels"],
            "accuracy %": both(100 * table["mean_accuracy"], 100 * table["std_accuracy"], 2),
            "median": (100 * table["median_accuracy"]).map("{:.2f}".format),
            "worst": (100 * table["worst_accuracy"]).map("{:.2f}".format),
            "failed": table["failures"].astype(str) + " of " + table["runs"].astype(str),
            "FID": both(table["mean_fid"], table["std_fid"], 1),
            "core s": table["mean_core_seconds"].map("{:.0f}".format),
        }
    )


def gain(rows: pd.DataFrame, better: str, worse: str, labels: int, of: str = "test_accuracy") -> pd.Series:
    """How much one method has over another, with the same labelled images.

    Runs with the same seed have the same labelled images, so they are compared pair by pair.

    Args:
        rows: of a study, one a run.
        better, worse: names of methods.
        labels: how many labels both have.
        of: the column that is compared.

    Returns:
        See :func:`paired`; in the unit of the column.

    Raises:
        SGANError: if fewer than two seeds were run with both.
    """
    pairs = _pairs(rows, better, worse, labels, of)
    if len(pairs) < 2:
        raise SGANError(
            f"{better!r} and {worse!r} share {len(pairs)} seeds with {labels} labels: at least 2 are needed."
        )
    return paired((pairs[better] - pairs[worse]).to_numpy())


def _pairs(rows: pd.DataFrame, better: str, worse: str, labels: int, of: str = "test_accuracy") -> pd.DataFrame:
    """What both methods reached with the same seeds: one row a seed."""
    at = rows[rows["labels"] == labels].pivot_table(index="seed", columns="method", values=of)
    return at.reindex(columns=[better, worse]).dropna()


def gains_at(rows: pd.DataFrame, better: str, worse: str) -> pd.DataFrame:
    """:func:`gain` at every number of labels that both methods have, indexed by it in words ("25 labels").

    ``p_holm`` is ``p``, corrected for as many comparisons as there are rows.
    """
    both = set(rows.loc[rows["method"] == better, "labels"]) & set(rows.loc[rows["method"] == worse, "labels"])
    return _together({f"{labels:,} labels": gain(rows, better, worse, labels) for labels in sorted(both)})


def gains_over(rows: pd.DataFrame, worse: str, labels: int) -> pd.DataFrame:
    """:func:`gain` of every other method over ``worse`` with as many labels, indexed by the method; see above."""
    others = by_method(rows[rows["labels"] == labels])["method"]
    return _together({method: gain(rows, method, worse, labels) for method in others if method != worse})


def comparisons(study: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that a study is there for, read at once: ``method``, ``over``, ``labels``, and as above."""
    found = {
        (method, over, labels): gain(rows, method, over, labels)
        for method, over in COMPARISONS.get(study, [])
        for labels in sorted(rows["labels"].unique())
        if len(_pairs(rows, method, over, labels)) > 1
    }
    if not found:
        return pd.DataFrame(columns=["method", "over", "labels"])
    return _together(found).rename_axis(["method", "over", "labels"]).reset_index()


def gains_in_words(gains: pd.DataFrame, digits: int = 1) -> pd.DataFrame:
    """A table of gains in accuracy, for people: percentage points, both intervals, the corrected p-value, the pairs."""

    def interval(low: str, high: str) -> list[str]:
        ends = (100 * gains[[low, high]]).map(f"{{:.{digits}f}}".format)
        return (ends[low] + " to " + ends[high]).to_list()

    return pd.DataFrame(
        {
            "points": (100 * gains["gain"]).map(f"{{:+.{digits}f}}".format),
            f"{CONFIDENCE:.0%} interval": interval("low", "high"),
            "bootstrap": interval("bootstrap_low", "bootstrap_high"),
            "p (Holm)": gains["p_holm"].map("{:.3f}".format),
            "seeds": gains["pairs"].map("{:.0f}".format),
        },
        index=gains.index,
    )


def _together(gains: dict[Any, pd.Series]) -> pd.DataFrame:
    table = pd.DataFrame(gains).T
    return table.assign(p_holm=holm(table["p"]))
