"""One training run in a process of its own, since the peak of a process's memory never falls.

``python -m benchmarks.one_run '{"config": {"steps": 100}, "images": 6000}'`` prints what :func:`measure` returns.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import torch

from benchmarks.measure import MEGABYTE, peak_memory_mb
from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, Sources, load_mnist, split_sources
from sgan_utils.support.run import Run
from sgan_utils.training import train

WARM_UP = 30  # steps that do not count towards the time of one


def measure(config: dict[str, Any], images: int | None = None, threads: int | None = None) -> dict[str, float]:
    """Train, and classify as at the end of a lesson.

    Args:
        config: changes to the ``lesson`` preset.
        images: how many there are, labelled and unlabelled, by repetition of MNIST's; by default as ``config`` says.
        threads: how many compute; by default as many as the session chooses.

    Returns:
        Seconds of training and, after a warm-up, of one step; in MB the peak of memory, and what images take of it.
    """
    if threads:
        os.environ["SGAN_THREADS"] = str(threads)
    lesson, marks = SGANConfig.preset("lesson", **config), {}

    def note(run: Run) -> None:
        marks[run.step] = time.perf_counter()

    data = load_mnist()
    sources = repeated(data, images) if images else split_sources(data, lesson)
    run = train(lesson, sources, callbacks=[note], progress=False)
    run.classifier()
    first = min(WARM_UP, run.step - 1)
    return {
        "seconds": round(run.train_seconds, 4),
        "seconds_a_step": round((marks[run.step] - marks[first]) / (run.step - first), 6) if first else 0.0,
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "threads": torch.get_num_threads(),
        "images_mb": round((data.train_images.nbytes + sources.unlabelled_images.nbytes) / MEGABYTE, 1),
    }


def repeated(data: ImageData, count: int) -> Sources:
    """So many images, all of them labelled and all of them unlabelled: MNIST's over and over, in memory once."""
    which = torch.arange(count) % len(data.train_images)
    images, labels = data.train_images[which], data.train_labels[which]
    return Sources(images, labels, images, images[:0], labels[:0])


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
