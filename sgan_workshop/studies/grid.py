"""Which runs a study consists of, one of them trained and measured, and what seeds reached together."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterable

import pandas as pd
import torch

from sgan_utils import __version__
from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, Sources, load_data, split_sources
from sgan_utils.evaluation import accuracy
from sgan_utils.support.errors import ConfigError, DivergedError
from sgan_utils.support.hardware import pick_device, pick_precision
from sgan_utils.support.propagation import Propagation
from sgan_utils.support.rows import FIELDS, MADE_BY, Row, make_row
from sgan_utils.support.run import trains
from sgan_utils.training import train
from sgan_workshop.records.provenance import provenance, test_accuracy
from sgan_workshop.records.quality import check_measurable, generate_samples, real_features, sample_quality


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
        config: of the run. If it holds images out, they are what it is scored on, and the test set is left alone.
        samples: whether to measure G's images as well (some seconds), see :mod:`sgan_workshop.records.quality`.

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
        if samples:
            check_measurable(config.data)
        data, failed = _loaded(config.data), ""
        sources, before = split_sources(data, config), time.process_time()
        if not trains(config):
            return _propagated(config, data, sources)
        try:
            run = train(config, sources, progress=False)
        except DivergedError as error:
            run, failed = error.run, str(error)
        if run.stopped:  # by Ctrl-C: half a run is no result
            raise KeyboardInterrupt
        speed = round(run.images_per_second, 1)
        core_seconds = time.process_time() - before
        if run.propagation is not None:
            core_seconds += run.propagation.shared_seconds
        measured: Row = {
            "train_seconds": round(run.train_seconds, 2),
            "core_seconds": round(core_seconds, 2),
            "images_per_second": speed,
        }
        if not failed and config.held_out:
            held_out = accuracy(run.classifier(), sources.held_out_images, sources.held_out_labels)
            measured["held_out_accuracy"] = round(held_out, 4)
        elif not failed:
            measured["test_accuracy"] = test_accuracy(run, data)
        if not failed and samples and config.uses_generator:
            quality = sample_quality(generate_samples(run.generator), _real_features())
            measured |= {name: round(value, 4) for name, value in quality._asdict().items()}
        return make_row(config, made_by(), **measured, **_origin(), failed=failed)
    finally:
        torch.set_num_threads(threads)


def _propagated(config: SGANConfig, data: ImageData, sources: Sources) -> Row:
    """The row of label propagation alone: no network is trained."""
    started, before = time.perf_counter(), time.process_time()
    propagation = Propagation(sources)
    seconds = {
        "train_seconds": time.perf_counter() - started,
        "core_seconds": time.process_time() - before + propagation.shared_seconds,
    }
    where, images, labels = "test_accuracy", data.test_images, data.test_labels
    if config.held_out:
        where, images, labels = "held_out_accuracy", sources.held_out_images, sources.held_out_labels
    found = {name: round(value, 2) for name, value in seconds.items()}
    if len(images):
        found[where] = round((propagation.predict(images) == labels).float().mean().item(), 4)
    return make_row(config, made_by(), **found, **_origin(), failed="")


def _origin() -> Row:
    made = provenance("sgan study")
    return {"hardware": made["device"], "commit": made["commit"], "date": made["date"]}


def mean_and_spread(rows: pd.DataFrame) -> pd.DataFrame:
    """What the seeds of each combination reached together.

    Returns:
        One row for each combination of the fields that vary, apart from the seed, with how many ``seeds`` came to an
        end and how many ``failed``, mean and standard deviation (over ``seeds - 1``) of the accuracy on the held-out
        images, where there are some, or else on the test set, mean seconds.
    """
    rows = rows.assign(accuracy=rows["held_out_accuracy"].fillna(rows["test_accuracy"]))
    vary = [name for name in FIELDS if name != "seed" and rows[name].nunique() > 1]
    groups = rows.groupby(vary or (lambda _: 0), sort=False)
    table = groups.agg(
        seeds=("failed", lambda sentences: int((sentences == "").sum())),
        failed=("failed", lambda sentences: int((sentences != "").sum())),
        mean_accuracy=("accuracy", "mean"),
        std_accuracy=("accuracy", "std"),
        mean_train_seconds=("train_seconds", "mean"),
    )
    return table.reset_index(drop=not vary)


def made_by() -> Row:
    """What a run's numbers depend on besides its configuration: versions, and where ``auto`` leads here."""
    device = pick_device()
    number_format = str(pick_precision("auto", device)).removeprefix("torch.")
    return dict(zip(MADE_BY, (__version__, torch.__version__, device.type, number_format), strict=True))


@functools.cache
def _loaded(data: str) -> ImageData:
    return load_data(data)


@functools.cache
def _real_features() -> torch.Tensor:
    return real_features(_loaded("MNIST"))
