"""How well D classifies, where it errs, and what G generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from sgan_utils.data import to_model_range
from sgan_utils.models import Belief, Discriminator, Generator, evaluating, sample_latent

if TYPE_CHECKING:
    from sgan_utils.support.run import Run


class Mistakes(NamedTuple):
    """Misclassified images, the most confident ones first."""

    position: Tensor  # (mistakes,): among the images
    predicted: Tensor  # (mistakes,)
    true: Tensor  # (mistakes,)
    confidence: Tensor  # (mistakes,): the probability that D gave to its wrong answer, 0 to 1


def believe(discriminator: Discriminator, images: Tensor, batch_size: int = 500) -> Belief:
    """D's belief in any number of images, in evaluation mode.

    Args:
        images: (n, channels, height, width), either uint8 from 0 to 255 or floats from -1 to 1.
        batch_size: images at a time, to spare memory; it changes no number.

    Returns:
        Belief of n images, on the CPU.
    """
    device = next(discriminator.parameters()).device
    beliefs = []
    with evaluating(discriminator):
        for batch in images.split(batch_size):
            batch = to_model_range(batch) if batch.dtype == torch.uint8 else batch
            beliefs.append(Belief(*(part.cpu() for part in discriminator(batch.to(device)))))
    return Belief(*(torch.cat(parts) for parts in zip(*beliefs, strict=True)))


def accuracy(discriminator: Discriminator, images: Tensor, labels: Tensor) -> float:
    """The fraction of images that D classifies correctly, 0 to 1: the argmax over the classes, whatever the head."""
    from torchmetrics.functional.classification import multiclass_accuracy  # slow to import, seldom needed

    logits = believe(discriminator, images).class_logits
    return float(multiclass_accuracy(logits, labels.cpu(), num_classes=logits.shape[1], average="micro"))


def confusion_matrix(class_logits: Tensor, labels: Tensor) -> Tensor:
    """How often digit i (row) was predicted as j (column): (10, 10), int64.

    Args:
        class_logits: (n, 10).
        labels: (n,), 0 to 9.
    """
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    return multiclass_confusion_matrix(class_logits, labels, num_classes=class_logits.shape[1])


def per_class_accuracy(class_logits: Tensor, labels: Tensor) -> Tensor:
    """The fraction of each digit's images that was classified correctly: (classes,), 0 to 1; 0 where there is none."""
    confusion = confusion_matrix(class_logits, labels)
    return confusion.diagonal() / confusion.sum(1).clamp(min=1)


def most_confident_mistakes(class_logits: Tensor, labels: Tensor, count: int = 25) -> Mistakes:
    """The misclassified images with the highest probability; fewer than ``count`` if D errs less often."""
    confidence, predicted = class_logits.softmax(1).max(1)
    wrong = (predicted != labels).nonzero().squeeze(1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)[:count]]
    return Mistakes(worst, predicted[worst], labels[worst], confidence[worst])


def generate(generator: Generator, latent: Tensor) -> Tensor:
    """G's images from given latents, in evaluation mode: (n, 1, 28, 28) bytes on the CPU, like MNIST's."""
    device = next(generator.parameters()).device
    with evaluating(generator):
        images = generator(latent.to(device)).float()
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu()


def fixed_latents(count: int, latent_size: int, seed: int = 0) -> Tensor:
    """The same latents for the same seed, to watch how G's images of them change: (count, latent_size)."""
    return sample_latent(count, latent_size, torch.Generator().manual_seed(seed))


def walk(start: Tensor, end: Tensor, steps: int = 10) -> Tensor:
    """Interpolate between two latents on the sphere near which normal latents lie (White 2016, sec. 2.1).

    The middle of the straight line between them would be shorter than any latent that G has been trained on.

    Args:
        start, end: (latent_size,).

    Returns:
        (steps, latent_size), the first and the last being ``start`` and ``end``.
    """
    angle = torch.acos(torch.dot(start, end).div(start.norm() * end.norm()).clamp(-1, 1))
    t = torch.linspace(0, 1, steps).unsqueeze(1)
    if angle < 1e-4:
        return start + t * (end - start)
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)


def principal_directions(features: Tensor, count: int = 2) -> Tensor:
    """The features seen along the directions in which they differ most (PCA): (n, count)."""
    centred = features - features.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    # A direction's sign is arbitrary: let its largest entry be positive, so that a picture keeps its orientation.
    directions = directions[:count]
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    return centred @ (directions * signs).T


def latent_directions(generator: Generator, count: int) -> Tensor:
    """The directions in which a latent changes G's first layer most: (count, latent_size), each of length 1.

    They are the first right singular vectors of the layer's weights. Directions behind them hardly change the image.
    """
    weights = generator.linear.weight.detach().float().cpu()  # (features, latent_size)
    _, _, directions = torch.linalg.svd(weights, full_matrices=False)
    return directions[:count]


class Film:
    """A callback for ``train``: G's images of the same latents as training goes on.

    Args:
        latents: (n, latent_size).
        steps: after which steps to generate.
    """

    def __init__(self, latents: Tensor, steps: list[int]) -> None:
        self.latents, self.steps = latents, sorted(steps)
        self.frames: dict[int, Tensor] = {}  # step -> (n, 1, 28, 28), uint8

    def __call__(self, run: Run) -> None:
        """Generate, if this is one of the steps."""
        if run.step in self.steps:
            self.frames[run.step] = generate(run.generator, self.latents)
