"""How good generated images are, in numbers: features of a digit classifier on them and on real ones.

The usual measures, FID, KID and the inception score, use a network that was trained on photographs, to which
all digits look alike. Here a classifier of digits takes its place, as in the "Fréchet LeNet distance" (Bińkowski et al.
2018, sec. 5). It is trained on the training images, and its weights are in ``results/digit_classifier``, because a
distance means something only beside others that were measured through the same network and with as many images.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sgan_utils.data import ImageData, to_model_range
from sgan_utils.models import Generator, evaluating, sample_latent
from sgan_utils.results import RESULTS
from sgan_utils.support.errors import SGANError
from sgan_utils.support.image_folder import set_name
from sgan_utils.support.saved_files import load_weights
from sgan_utils.support.student import BATCH_SIZE, FEATURES, Student, teach

SAMPLE_SIZE = 10_000  # images on each side of a comparison: distances between fewer come out larger
WEIGHTS = RESULTS / "digit_classifier" / "model.safetensors"


class SampleQuality(NamedTuple):
    """How far a set of images is from real ones; all measures through the digit classifier."""

    fid: float  # Fréchet distance of features, 0 or more; smaller is better (Heusel et al. 2017, eq. 6)
    kid: float  # kernel distance of features, about 0 for images as good as real; smaller is better
    kid_std: float  # how much it varies between the subsets of images that it is the mean of
    score: float  # like the inception score, 1 to 10: sure of each image, each digit as often; larger is better


def train_digit_classifier(data: ImageData, epochs: int = 8, seed: int = 0, progress: bool = True) -> Student:
    """Train the classifier on all labelled training images, augmented.

    It learns from no test image, and no setting was chosen on one.

    Returns:
        The classifier, in evaluation mode, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        classifier = Student().to(memory_format=torch.channels_last)
    steps = epochs * len(data.train_images) // BATCH_SIZE
    teach(classifier, data.train_images, data.train_labels, steps, augmentation=1.0, seed=seed, progress=progress)
    return classifier.eval()


@functools.cache
def load_digit_classifier() -> Student:
    """The recorded classifier, in evaluation mode.

    Raises:
        SGANError: if its file is missing or damaged.
    """
    classifier = Student()
    try:
        load_weights(classifier, load_file(WEIGHTS))
    except Exception as error:  # the file, its format, or its tensors: the cure is the same
        raise SGANError(
            f"{WEIGHTS} is missing or damaged ({error}): restore it with `git checkout -- results/digit_classifier`."
        ) from error
    return classifier.to(memory_format=torch.channels_last).eval()


def check_measurable(data: str) -> None:
    """Refuse data whose images this classifier does not know; distances through it would mean nothing.

    Raises:
        SGANError: names the data.
    """
    if set_name(data) != "MNIST":
        raise SGANError(
            f"the quality of samples is measured through a classifier of MNIST's digits, but the data are {data}: "
            "leave out --samples."
        )


def features_and_logits(images: Tensor, classifier: Student | None = None) -> tuple[Tensor, Tensor]:
    """The classifier's features and logits of any number of images.

    Args:
        images: (n, 1, 28, 28), bytes from 0 to 255.
        classifier: by default the recorded one.

    Returns:
        Features (n, 128) and class logits (n, 10).

    Raises:
        SGANError: if the images have another shape.
    """
    if images.shape[1:] != (1, 28, 28):
        raise SGANError(f"the digit classifier takes images of shape (n, 1, 28, 28), got {tuple(images.shape)}.")
    classifier = classifier or load_digit_classifier()
    with evaluating(classifier):
        seen = [classifier(to_model_range(batch)) for batch in images.split(500)]
    return torch.cat([belief.features for belief in seen]), torch.cat([belief.class_logits for belief in seen])


def sample_quality(images: Tensor, real_features: Tensor, seed: int = 0) -> SampleQuality:
    """Compare images with real ones.

    Args:
        images: (n, 1, 28, 28), bytes from 0 to 255. All numbers that are to be compared need the same n.
        real_features: (n, 128), the features of real images, see :func:`real_features`.
        seed: of the draw of subsets for the kernel distance.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance

    features, logits = features_and_logits(images)
    seen: Any = nn.Identity()  # the metrics are given features, so that each image is classified only once
    seen.num_features = FEATURES
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", UserWarning)  # that all features stay in memory: they are few
        torch.default_generator.manual_seed(seed)
        fid = FrechetInceptionDistance(seen)
        kid = KernelInceptionDistance(seen, subsets=50, subset_size=min(1000, len(features), len(real_features)))
        score = InceptionScore(nn.Identity(), splits=1)
        for metric in (fid, kid):
            metric.update(real_features, real=True)
            metric.update(features, real=False)
        score.update(logits)
        return SampleQuality(*map(float, (fid.compute(), *kid.compute(), score.compute()[0])))


def real_features(data: ImageData) -> Tensor:
    """Features of the real images that all others are compared with: (10000, 128).

    They are a random sample of the training images; the test images against them are the floor that a generator gets
    below only by memorising images.

    Raises:
        SGANError: if the data are not MNIST.
    """
    check_measurable(data.name)
    chosen = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(0))[:SAMPLE_SIZE]
    return features_and_logits(data.train_images[chosen])[0]


def generate_samples(generator: Generator, count: int = SAMPLE_SIZE, seed: int = 0) -> Tensor:
    """Images of G to be measured, from latents of their own: (count, 1, 28, 28), bytes."""
    from sgan_utils.evaluation import generate

    latents = sample_latent(count, generator.latent_size, torch.Generator().manual_seed(seed))
    return torch.cat([generate(generator, some) for some in latents.split(500)])
