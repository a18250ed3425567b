"""Recorded runs of D alone with many labels: what is there without a generator, and how far it overfits."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgan_utils.config import TRAINING_IMAGES, SGANConfig
from sgan_utils.data import ImageData, split_sources
from sgan_utils.evaluation import accuracy
from sgan_utils.results import Record
from sgan_utils.training import train
from sgan_workshop.records.provenance import provenance
from sgan_workshop.records.storage import save_record

SEEDS = 3
LONG = 2_400  # steps: long enough to see every labelled image several times


def record_plain_cnn(data: ImageData) -> None:
    """The lesson's D without G, with as many labels and steps, and trained longer with half and with all labels."""
    lesson = SGANConfig.preset("lesson")
    about: dict[str, Any] = {
        "what": "plain_cnn",
        "seeds": SEEDS,
        "lesson": _measured(data, labels=lesson.labels, steps=lesson.steps),
        "half": _measured(data, labels=lesson.labels, steps=LONG),
        "all": _measured(data, labels=TRAINING_IMAGES, steps=LONG),
    }
    save_record(Record("plain_cnn", about | provenance("sgan figures --retrain")))


def _measured(data: ImageData, **changes: int) -> dict[str, Any]:
    """Accuracies on the test set and on the images that D learnt from, over the seeds; ``gap`` is their difference."""
    config = SGANConfig.preset("lesson", unsupervised_weight=0.0, protocol="labelled-only", **changes)
    on_test, on_labelled = [], []
    for seed in range(SEEDS):
        sources = split_sources(data, config.but(seed=seed))
        discriminator = train(config.but(seed=seed), sources, progress=False).classifier()
        on_test.append(accuracy(discriminator, data.test_images, data.test_labels))
        on_labelled.append(accuracy(discriminator, sources.labelled_images, sources.labelled_labels))
    return {
        "config": config.model_dump(mode="json"),
        "labels": config.labels,
        "steps": config.steps,
        "test_accuracies": [round(one, 4) for one in on_test],
        "test_accuracy": round(float(np.mean(on_test)), 4),
        "labelled_accuracy": round(float(np.mean(on_labelled)), 4),
        "gap": round(float(np.mean(on_labelled) - np.mean(on_test)), 4),
    }
