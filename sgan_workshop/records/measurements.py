"""Recorded measurements that need no GAN: the digit classifier, distances between real images, loading speeds."""

from __future__ import annotations

import pandas as pd
import torch
from safetensors.torch import save_file

from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, ImageData, split_sources
from sgan_utils.results import Record
from sgan_utils.support.demonstrations import classifier_losses, loader_speeds
from sgan_utils.support.files import write_whole
from sgan_workshop.records.provenance import provenance
from sgan_workshop.records.quality import (
    SAMPLE_SIZE,
    WEIGHTS,
    SampleQuality,
    features_and_logits,
    real_features,
    sample_quality,
    train_digit_classifier,
)
from sgan_workshop.records.storage import save_record


def record_digit_classifier(data: ImageData) -> None:
    """The classifier through which images are compared, and how alike real images are through it."""
    classifier = train_digit_classifier(data, progress=False)
    weights = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    write_whole(WEIGHTS, lambda part: save_file(weights, part))
    logits = features_and_logits(data.test_images, classifier)[1]
    right = float((logits.argmax(1) == data.test_labels).float().mean())
    about = {"what": "digit_classifier", "test_accuracy": round(right, 4)} | provenance("sgan figures --retrain")
    save_record(Record("digit_classifier", about))


def record_softmax_twice(data: ImageData, steps: int = 200) -> None:
    """A classifier trained rightly, on logits, and wrongly, on a softmax that cross-entropy applies once more."""
    config = SGANConfig.preset("lesson", steps=steps)
    sources = split_sources(data, config)
    batches = Batches((sources.labelled_images, sources.labelled_labels), 100, seed=0)
    losses = {"logits": classifier_losses(batches, config), "softmax_twice": classifier_losses(batches, config, True)}
    history = pd.DataFrame(losses, index=pd.RangeIndex(1, config.steps + 1, name="step"))
    about = {"what": "softmax_twice", "config": config.model_dump(mode="json"), "seed": config.seed}
    save_record(Record("softmax_twice", about | provenance("sgan figures --retrain"), history))


def record_loader(data: ImageData) -> None:
    """Images per second from a DataLoader with the post's transforms, and from memory."""
    about = {"what": "loader", "images_per_second": loader_speeds(data)} | provenance("sgan figures --retrain")
    save_record(Record("loader", about))


def record_real_images(data: ImageData) -> None:
    """What distances mean: of real test images from real training images, the floor, and of noise, the ceiling."""
    noises = (
        torch.randint(
            0, 256, (SAMPLE_SIZE, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
        )
        for seed in range(5)
    )
    real = real_features(data)
    floor = [
        sample_quality(data.test_images, features_and_logits(some)[0]) for some in data.train_images.split(SAMPLE_SIZE)
    ]
    about = {
        "what": "real_images",
        "floor": [rounded(quality) for quality in floor],
        "noise": [rounded(sample_quality(noise, real)) for noise in noises],
    }
    save_record(Record("real_images", about | provenance("sgan figures --retrain")))


def rounded(quality: SampleQuality) -> dict[str, float]:
    """The three numbers, with four decimals."""
    return {name: round(value, 4) for name, value in quality._asdict().items()}
