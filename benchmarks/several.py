"""What a second process brings: one run on two of them, and many runs side by side."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import json_of, sgan, spread
from sgan_utils.config import SGANConfig
from sgan_utils.models import build_models, count_parameters

PAIRS = 3
LESSON = SGANConfig.preset("lesson")
STUDY_RUNS, STUDY_STEPS = 40, 30


def measure_ddp(pairs: int = PAIRS, steps: int = LESSON.steps) -> dict[str, Any]:
    """Images per second of one run on two single-threaded processes, over those on one process with all threads.

    Exchanging gradients takes as long for a small batch as for a large one, so the ratio depends on the batch. The
    one that counts is four times the lesson's, as one would take it for several processes; the others stand beside it.
    """
    try:
        four, two, one = (
            _one_against_two(factor, pairs, count) for factor, count in ((4, steps), (2, steps // 2), (1, steps // 2))
        )
    except RuntimeError as error:
        return {"ratio": None, "error": str(error)}
    return {
        **four,
        "ratio_is": "images per second of two processes / of one, batches four times the lesson's",
        "step_ms": round(four["batch_size"] / four["images_per_second"]["two_processes"]["median"] * 1e3, 1),
        "parameters": sum(count_parameters(model) for model in build_models(LESSON)),
        "at_twice_the_lessons_batch": two,
        "at_the_lessons_batch": one,
    }


def _one_against_two(factor: int, pairs: int, steps: int) -> dict[str, Any]:
    """One process and two, in turn, with batches a factor larger than the lesson's."""
    batch_size, labelled_batch_size = factor * LESSON.batch_size, factor * LESSON.labelled_batch_size
    command = sgan(
        "train", "--json", "--steps", f"{steps}",
        "--batch-size", f"{batch_size}", "--labelled-batch-size", f"{labelled_batch_size}",
    )  # fmt: skip
    alone, together = [], []
    for _ in range(pairs):
        alone.append(json_of(*command))
        together.append(json_of(*command, "--devices", "2"))
    speeds = {
        name: spread([result["images_per_second"] for result in results], 1)
        for name, results in (("one_process", alone), ("two_processes", together))
    }
    return {
        "ratio": round(speeds["two_processes"]["median"] / speeds["one_process"]["median"], 3),
        "images_per_second": speeds,
        "batch_size": batch_size,
        "labelled_batch_size": labelled_batch_size,
        "steps": steps,
        "test_accuracy": {
            "one_process": [result["test_accuracy"] for result in alone],
            "two_processes": [result["test_accuracy"] for result in together],
        },
        "processes": together[-1]["processes"],
        "largest_difference_between_processes": together[-1]["largest_difference_between_processes"],
    }


def measure_study(runs: int = STUDY_RUNS, steps: int = STUDY_STEPS) -> dict[str, Any]:
    """The wall time of a study with two single-threaded workers over that with one, cluster and all."""
    from sgan_workshop.studies.grid import grid
    from sgan_workshop.studies.study import run_study

    configs = grid(SGANConfig.preset("lesson", steps=steps), {}, range(runs))
    seconds, accuracies, training = {}, {}, {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:  # its own, so that nothing is found there and skipped
            before = time.perf_counter()
            rows = run_study(configs, Path(folder) / "study.csv", workers=workers, progress=False)
            seconds[workers] = time.perf_counter() - before
        accuracies[workers] = rows["test_accuracy"].tolist()
        training[workers] = rows["train_seconds"].median()
    return {
        "two_worker_ratio": round(seconds[2] / seconds[1], 3),
        "ratio_is": "wall seconds with two workers / with one",
        "seconds": {"one_worker": round(seconds[1], 2), "two_workers": round(seconds[2], 2)},
        "runs": runs,
        "steps": steps,
        "lesson_steps": LESSON.steps,
        "seconds_a_step": round(training[1] / steps, 5),
        "seconds_a_run_beside_training": round(seconds[1] / runs - training[1], 3),
        "accuracies_equal": accuracies[1] == accuracies[2],
        "accuracies": accuracies[1],
    }
