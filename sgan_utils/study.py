"""A study: many training runs, spread over processes or machines by dask.distributed, and gathered in one table.

Every run is one task that trains on one thread, so its numbers do not depend on who else is running, on how many
workers there are, or on how often one of them died. Every finished run is in the table's file at once.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from tqdm.auto import tqdm

from sgan_utils import __version__
from sgan_utils.config import SGANConfig
from sgan_utils.data import MNIST, load_mnist, split_sources
from sgan_utils.errors import ConfigError, DivergedError, SGANError
from sgan_utils.evaluation import accuracy
from sgan_utils.files import write_whole
from sgan_utils.hardware import pick_device, pick_precision
from sgan_utils.methods import method_of
from sgan_utils.quality import draw_samples, real_features, sample_quality
from sgan_utils.recording import provenance
from sgan_utils.training import train

if TYPE_CHECKING:
    from distributed import Client

Row = dict[str, Any]

FIELDS = list(SGANConfig.model_fields)
MEASURED = [  # empty where there is none
    "test_accuracy",
    "held_out_accuracy",
    "fid",
    "kid",
    "score",
    "train_seconds",
    "core_seconds",
    "images_per_second",
]
MADE_BY = ["sgan_utils", "torch", "device", "computed_in"]  # must agree if rows are to be compared
COLUMNS = ["method", *FIELDS, *MEASURED, *MADE_BY, "threads", "hardware", "commit", "date", "failed"]

CONNECT_SECONDS = 10
FIRST_WORKER_SECONDS = 60  # a batch system may start the scheduler some time before its workers
ALLOWED_DEATHS = 1  # of workers, under one and the same run; it is blamed for the next


def grid(base: SGANConfig, vary: dict[str, list], seeds: Iterable[int]) -> list[SGANConfig]:
    """Every combination of the values in ``vary``, each with every seed; the seed changes fastest.

    Raises:
        ConfigError: if a combination is no configuration, or ``vary`` names the seed.

    Example:
        >>> [c.labels for c in grid(SGANConfig(), {"labels": [25, 100]}, seeds=[0, 1])]
        [25, 25, 100, 100]
    """
    if "seed" in vary:
        raise ConfigError("the seed is not varied like the other fields: say which seeds with grid(seeds=...).")
    values = itertools.product(*vary.values(), seeds)
    every = (base.but(**dict(zip([*vary, "seed"], chosen, strict=True))) for chosen in values)
    return list(dict.fromkeys(every))  # a value that was named twice is tried once


def run_one(config: SGANConfig, samples: bool = False) -> Row:
    """Train one configuration on this process's device, with one thread, and measure it.

    Args:
        config: of the run.
        samples: whether to measure G's images as well (some seconds), see :mod:`sgan_utils.quality`.

    Returns:
        One flat row with the keys ``COLUMNS``, which are the name of the method, if it has one, the configuration
        (lists as JSON), what was measured, what it was made with. ``core_seconds`` are what training took of the CPU,
        the same whoever else computes beside it, unlike ``train_seconds`` on the clock. ``computed_in`` is the number
        format that ``precision`` came to. A run that diverged says so in ``failed``, which is empty otherwise, and has
        no accuracy.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums are rounded differently on more threads
    try:
        data, failed = _mnist(), ""
        sources, before = split_sources(data, config), time.process_time()
        try:
            run = train(config, sources, progress=False)
        except DivergedError as error:
            run, failed = error.run, str(error)
        if run.stopped:  # by Ctrl-C: half a run is no result
            raise KeyboardInterrupt
        speed = round(run.images_per_second, 1)
        core_seconds = round(time.process_time() - before, 2)
        measured = {
            "train_seconds": round(run.train_seconds, 2),
            "core_seconds": core_seconds,
            "images_per_second": speed,
        }
        if not failed:
            classifier = run.classifier()
            measured["test_accuracy"] = round(accuracy(classifier, data.test_images, data.test_labels), 4)
            if config.held_out:
                held_out = accuracy(classifier, sources.held_out_images, sources.held_out_labels)
                measured["held_out_accuracy"] = round(held_out, 4)
            if samples and config.uses_generator:
                quality = sample_quality(draw_samples(run.generator), _real_features())
                measured |= {name: round(value, 4) for name, value in quality._asdict().items()}
        made = provenance("sgan study")
        origin = {"hardware": made["device"], "commit": made["commit"], "date": made["date"]}
        return _row(config, made_by(), **measured, **origin, failed=failed)
    finally:
        torch.set_num_threads(threads)


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
        samples: whether to measure the images that G draws as well, in the runs that are trained now.
        progress: whether to show a progress bar.

    Returns:
        One row for each of ``configs``, in their order, with the columns ``COLUMNS``; see :func:`run_one`.

    Raises:
        SGANError: if ``out`` holds rows that were made otherwise, or the scheduler cannot be used.
    """
    if workers is not None and workers < 1:
        raise SGANError(f"workers must be at least 1, got {workers}: leave it out to use every core.")
    out = Path(out)
    rows = _read(out)
    if scheduler is None:
        _refuse_mixture(out, rows, made_by())
    configs = list(dict.fromkeys(configs))
    missing = [config for config in configs if config not in rows]
    if missing:
        with (
            _client(scheduler, workers, len(missing), progress) as client,
            tqdm(
                total=len(configs), initial=len(configs) - len(missing), desc="study", unit="run", disable=not progress
            ) as bar,
        ):
            here = _made_by_workers(client)
            _refuse_mixture(out, rows, here)
            _write(out, rows, configs)  # a file that cannot be written is better noticed now
            for config, row in _rows_as_they_come(client, missing, samples, here):
                _refuse_mixture(out, {config: row}, here)
                rows[config] = row
                _write(out, rows, configs)
                bar.update()
    return _table(rows[config] for config in configs)


def mean_and_spread(rows: pd.DataFrame) -> pd.DataFrame:
    """What the seeds of each combination reached together.

    Returns:
        One row for each combination of the fields that vary, apart from the seed, with how many ``seeds`` have a
        result and how many ``failed``, mean and standard deviation (over ``seeds - 1``) of the test
        accuracy, mean seconds.
    """
    vary = [name for name in FIELDS if name != "seed" and rows[name].nunique() > 1]
    groups = rows.groupby(vary or (lambda _: 0), sort=False)
    table = groups.agg(
        seeds=("test_accuracy", "count"),
        failed=("failed", lambda sentences: int((sentences != "").sum())),
        mean_accuracy=("test_accuracy", "mean"),
        std_accuracy=("test_accuracy", "std"),
        mean_train_seconds=("train_seconds", "mean"),
    )
    return table.reset_index(drop=not vary)


def made_by() -> Row:
    """What a run's numbers depend on besides its configuration: versions, and where ``auto`` leads here."""
    device = pick_device()
    number_format = str(pick_precision("auto", device)).removeprefix("torch.")
    return dict(zip(MADE_BY, (__version__, torch.__version__, device.type, number_format), strict=True))


def dask_setup(worker: object) -> None:
    """Called by dask in every worker process that we start: Ctrl-C is the main process's business."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@functools.cache
def _mnist() -> MNIST:
    return load_mnist()


@functools.cache
def _real_features() -> torch.Tensor:
    return real_features(_mnist())


def _row(config: SGANConfig, made: Row, **found: Any) -> Row:
    fields = config.model_dump(mode="json")
    if config.precision != "auto":
        made = made | {"computed_in": config.precision}
    flat = {name: json.dumps(value) if isinstance(value, list) else value for name, value in fields.items()}
    return dict.fromkeys(COLUMNS) | {"method": method_of(config)} | flat | made | {"threads": 1} | found


# --- The table's file ---


def read_rows(out: Path | str) -> pd.DataFrame:
    """The runs that a study's file holds, with the columns ``COLUMNS``, indexed by their configurations.

    Raises:
        SGANError: if it is no such file.
    """
    rows = _read(Path(out))
    return _table(rows.values()).set_axis(pd.Index(list(rows), dtype=object), axis=0)


def _read(out: Path) -> dict[SGANConfig, Row]:
    """The rows of an earlier study by their configurations; none if there is no file."""
    if not out.exists():
        return {}
    cure = "choose another --out, or delete it."
    try:
        texts = pd.read_csv(out, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise SGANError(f"{out} cannot be read as a study's table ({error}): {cure}") from error
    defaults = _row(SGANConfig(), {})
    for name in set(FIELDS) - set(texts.columns):  # hyperparameters that came later: their defaults change nothing
        texts[name] = str(defaults[name])
    differing = [name for name in [*COLUMNS, *texts.columns] if (name in COLUMNS) != (name in texts.columns)]
    if differing:
        raise SGANError(f"{out} has other columns than this study ({', '.join(differing)}): {cure}")
    try:
        return dict(_parsed(row) for row in texts.to_dict("records"))
    except ValueError as error:
        raise SGANError(f"{out} holds a row that no study has written ({error}): {cure}") from error


def _parsed(row: dict[str, str]) -> tuple[SGANConfig, Row]:
    config = SGANConfig(**{name: json.loads(row[name]) if row[name][:1] == "[" else row[name] for name in FIELDS})
    measured = {name: float(row[name]) if row[name] else None for name in MEASURED}
    others = {name: row[name] for name in (*MADE_BY, "hardware", "commit", "date", "failed")}
    return config, _row(config, {}, **measured, **others)


def _refuse_mixture(out: Path, rows: dict[SGANConfig, Row], here: Row) -> None:
    for config, row in rows.items():
        expected = _row(config, here)
        for name in MADE_BY:
            if row[name] != expected[name]:
                raise SGANError(
                    f"rows that do not compare cannot share the file {out}: one was made with {name} = {row[name]}, "
                    f"another would be with {name} = {expected[name]}: choose another --out, or delete the file."
                )


def _table(rows: Iterable[Row]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(MEASURED, float))


def _write(out: Path, rows: dict[SGANConfig, Row], configs: Sequence[SGANConfig]) -> None:
    """Replace the file: first the rows of ``configs`` that there are, in their order, then any others."""
    table = _table(rows[config] for config in dict.fromkeys([*configs, *rows]) if config in rows)
    try:
        write_whole(out, lambda part: table.to_csv(part, index=False))
    except OSError as error:
        raise SGANError(f"{out} cannot be written ({error.strerror}): choose another --out.") from error


# --- Workers ---


@contextmanager
def _client(scheduler: str | None, workers: int | None, runs: int, progress: bool) -> Iterator[Client]:
    """A connection to ``scheduler``, or to processes of our own that end with it."""
    try:
        import dask
        from distributed import CancelledError, Client, LocalCluster
        from distributed.comm import CommClosedError
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise SGANError(f"a study needs {error.name}, which is not installed: pip install -e '.[scale]'") from error

    with ExitStack() as stack:
        stack.enter_context(silence_logging_cmgr("CRITICAL"))  # what goes wrong in the client is raised here
        if scheduler is None:
            # Set before the processes start, because OpenMP looks only once. dask adds variables of its own.
            stack.enter_context(_environment(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"))
            stack.enter_context(dask.config.set({"distributed.worker.profile.enabled": False}))
            cluster = LocalCluster(
                n_workers=min(workers or dask.system.CPU_COUNT, runs),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                memory_limit=0,  # rows are small: dask has no memory to manage, and need not kill anybody for it
                silence_logs="ERROR",
                preload=__name__,  # runs dask_setup
                scheduler_kwargs={
                    "allowed_failures": ALLOWED_DEATHS,
                    "dashboard": False,
                    "dashboard_address": "127.0.0.1:0",  # dask serves its health there all the same
                },
            )
            scheduler = stack.enter_context(cluster).scheduler_address
        elif progress:
            print(f"waiting for the dask scheduler {scheduler} and its workers …", file=sys.stderr)
        try:
            client = stack.enter_context(Client(scheduler, timeout=CONNECT_SECONDS))
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except (OSError, ValueError) as error:
            raise SGANError(
                f"no dask scheduler with a worker answers at {scheduler} (such as tcp://HOST:8786): start one with "
                "`dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`, or leave --scheduler out to "
                "use this machine."
            ) from error
        try:
            yield client
        except (CancelledError, CommClosedError) as error:
            raise SGANError(
                f"the scheduler {scheduler} is gone: what is finished is in the file, the same command goes on from it."
            ) from error


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """Environment variables for the processes that are started inside; afterwards all are as before."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _made_by_workers(client: Client) -> Row:
    """:func:`made_by` of one of the workers; rows of others who differ are refused when they come."""
    for address, threads in client.nthreads().items():
        if threads != 1:
            raise SGANError(
                f"the worker {address} takes {threads} runs at once in one process, where they would disturb each "
                "other: start it with `dask worker ADDRESS --nthreads 1`."
            )
    try:
        return client.submit(made_by, pure=False).result()
    except ImportError as error:
        raise SGANError(f"a worker cannot import sgan_utils ({error}): install the package there.") from error


def _rows_as_they_come(
    client: Client, configs: list[SGANConfig], samples: bool, here: Row
) -> Iterator[tuple[SGANConfig, Row]]:
    """Train ``configs``. A run is blamed for the death of its workers only if they die while nobody else trains."""
    from distributed import KilledWorker

    suspects = []
    for config, result in _results(client, configs, samples):
        if isinstance(result, KilledWorker):
            suspects.append(config)
        else:
            yield config, result
    for config, result in _results(client, suspects, samples, alone=True):
        if isinstance(result, KilledWorker):
            result = _row(config, here, failed="its worker dies again and again; delete this row to try once more.")
        yield config, result


def _results(
    client: Client, configs: list[SGANConfig], samples: bool, alone: bool = False
) -> Iterator[tuple[SGANConfig, Any]]:
    """Each configuration and its row, or the KilledWorker that it met, as they come.

    Never more runs are handed out than there are workers: when one dies, dask suspects all that waited there too.
    """
    from distributed import KilledWorker, as_completed

    waiting, running, at_once = iter(configs), {}, 1
    completed = as_completed()

    def hand_out() -> None:
        nonlocal at_once
        if not alone:
            at_once = max(at_once, len(client.nthreads()))  # more may have come, and dead ones come back
        for config in itertools.islice(waiting, at_once - len(running)):
            future = client.submit(run_one, config, samples, pure=False)
            running[future] = config
            completed.add(future)

    hand_out()
    for future in completed:
        config = running.pop(future)
        try:
            result = future.result()
        except KilledWorker as error:
            result = error
        yield config, result
        del future  # dask forgets the row
        hand_out()
