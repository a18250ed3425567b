"""A study: many training runs, spread over processes or machines by dask.distributed, and gathered in one table.

Every run is one task that trains on one thread, so its numbers do not depend on who else is running, on how many
workers there are, or on how often one of them died. Every finished run is in the table's file at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.results import by_method, comparisons, gains_in_words, recorded_rows
from sgan_utils.results import in_words as cells_in_words
from sgan_utils.support.errors import SGANError
from sgan_utils.support.rows import as_table, read_file, read_rows
from sgan_workshop.studies.grid import made_by
from sgan_workshop.studies.table import refuse_mixture, write_rows
from sgan_workshop.studies.workers import connected, made_by_workers, rows_as_they_come


def run_study(
    configs: Sequence[SGANConfig],
    out: Path | str,
    scheduler: str | None = None,
    workers: int | None = None,
    samples: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Train every configuration that ``out`` does not hold yet, and add each to it as soon as it is finished.

    Call it again after an interruption and it goes on. A script must call it under ``if __name__ == "__main__":``,
    because the workers' processes import the script.

    Args:
        out: a CSV file. Rows of other configurations that it holds are kept, after those of ``configs``.
        scheduler: address of a running dask scheduler; by default this machine's cores are used.
        workers: processes on this machine; by default one a core.
        samples: whether to measure G's images as well, in the runs that are trained now.
        progress: whether to show a progress bar.

    Returns:
        One row for each of ``configs``, in their order, with the columns ``COLUMNS``; see :func:`run_one`.

    Raises:
        SGANError: if ``out`` holds rows that were made otherwise, or the scheduler cannot be used.
    """
    if workers is not None and workers < 1:
        raise SGANError(f"workers must be at least 1, got {workers}: leave it out to use every core.")
    out = Path(out)
    rows = read_file(out)
    if scheduler is None:
        refuse_mixture(out, rows, made_by())
    configs = list(dict.fromkeys(configs))
    missing = [config for config in configs if config not in rows]
    if missing:
        with (
            connected(scheduler, workers, len(missing), progress) as client,
            tqdm(
                total=len(configs), initial=len(configs) - len(missing), desc="study", unit="run", disable=not progress
            ) as bar,
        ):
            here = made_by_workers(client)
            refuse_mixture(out, rows, here)
            write_rows(out, rows, configs, here)  # a file that cannot be written is better noticed now
            for config, row in rows_as_they_come(client, missing, samples, here):
                refuse_mixture(out, {config: row}, here)
                rows[config] = row
                write_rows(out, rows, configs, here)
                bar.update()
    return as_table(rows[config] for config in configs)


def summary(study: str, out: Path | str, in_words: bool = False) -> list[pd.DataFrame]:
    """What a recorded study says.

    Args:
        study: its name.
        out: the CSV file with its rows.
        in_words: for people, as two tables, the second with the comparisons (if there are any). Otherwise one, see
            :func:`sgan_utils.support.statistics.by_method`, whose column ``compared`` holds for each cell what it has
            over others, see :func:`sgan_utils.support.statistics.comparisons`.
    """
    rows = recorded_rows(study, out)
    cells, gains = by_method(rows), comparisons(study, rows)
    if in_words:
        tables = [cells_in_words(cells).assign(method=cells["method"])]  # by the names that --preset takes
        return tables if gains.empty else [*tables, gains[["method", "over", "labels"]].join(gains_in_words(gains, 2))]
    of_cell = {cell: found.drop(columns=["method", "labels"]) for cell, found in gains.groupby(["method", "labels"])}
    compared = [
        of_cell.get(cell, gains[:0]).to_dict("records") for cell in zip(cells["method"], cells["labels"], strict=True)
    ]
    return [cells.assign(compared=compared)]


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
        scheduler, workers: as in :func:`sgan_workshop.studies.study.run_study`.
        progress: whether to show a progress bar.

    Returns:
        One row for each method and number of labels, with ``rerun`` (accuracy now), ``recorded`` (of the same seed, if
        there is one), mean and standard deviation of the record, and ``deviations``, by how many standard deviations
        the new accuracy differs from the mean.
    """
    cells = by_method(recorded_rows(study))
    configs = [SGANConfig.preset(cell.method, labels=cell.labels, seed=seed) for cell in cells.itertuples()]
    cells["rerun"] = run_study(configs, out, scheduler, workers, progress=progress)["test_accuracy"].to_numpy()
    every = read_rows(results.ROWS)
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
