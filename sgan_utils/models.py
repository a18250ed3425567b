"""The two networks: G generates images, D says which digit an image shows and whether it is real.

D has one output type, :class:`Belief`, and three interchangeable heads that read it off the last linear layer.
There is no softmax and no sigmoid (but for ``softmax=True``, a mistake to study): the losses take logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sgan_utils.config import CLASSES, Head, SGANConfig
from sgan_utils.data import Description

MNIST = Description()


class Belief(NamedTuple):
    """D's output for a batch of images. The probability that an image is real is ``real_logit.sigmoid()``."""

    class_logits: Tensor  # (batch, 10): which digit
    real_logit: Tensor  # (batch,): above 0 means "real"
    features: Tensor  # (batch, features): the layer before, for feature matching


def two_heads(outputs: Tensor, features: Tensor) -> Belief:
    """The post's version: ten outputs predict the digit, an eleventh of its own says real or generated."""
    return Belief(outputs[:, :-1], outputs[:, -1], features)


def n_plus_1_head(outputs: Tensor, features: Tensor) -> Belief:
    """Odena's version (2016, sec. 2): an 11-way softmax of ten digits and one class "generated".

    The probability of "not generated" is a sigmoid of ``logsumexp(ten digits) - generated``.
    """
    class_logits, generated_logit = outputs[:, :-1], outputs[:, -1]
    return Belief(class_logits, class_logits.logsumexp(1) - generated_logit, features)


def n_head(outputs: Tensor, features: Tensor) -> Belief:
    """Salimans' version (2016, sec. 5): only differences of logits matter, so "generated" can be fixed at 0."""
    return Belief(outputs, outputs.logsumexp(1), features)


# How many outputs for ten classes, and how they are read.
HEADS: dict[Head, tuple[int, Callable[[Tensor, Tensor], Belief]]] = {
    "n": (CLASSES, n_head),
    "n_plus_1": (CLASSES + 1, n_plus_1_head),
    "two_heads": (CLASSES + 1, two_heads),
}


class Generator(nn.Module):
    """Upscales random numbers to an image: a linear layer, then three convolutions.

    Args:
        latent_size: how many random numbers an image starts from.
        channels: feature maps at 7x7, 14x14 and 28x28 pixels.
        shape: of an image, (channels, height, width); both sides are multiples of 4.
    """

    def __init__(
        self,
        latent_size: int = 100,
        channels: tuple[int, int, int] = (64, 32, 16),
        shape: tuple[int, int, int] = (1, 28, 28),
    ) -> None:
        super().__init__()
        c7, c14, c28 = channels
        first_height, first_width = shape[1] // 4, shape[2] // 4  # each of two convolutions doubles them
        self.latent_size = latent_size
        self.linear = nn.Linear(latent_size, c7 * first_height * first_width)
        self.convolutions = nn.Sequential(
            nn.Unflatten(1, (c7, first_height, first_width)),
            # A bias would be taken away again by the normalisation that follows.
            nn.ConvTranspose2d(c7, c14, kernel_size=4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c14),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(c14, c28, kernel_size=4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c28),
            nn.ReLU(inplace=True),
            nn.Conv2d(c28, shape[0], kernel_size=3, padding=1),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """(batch, latent_size) -> (batch, 1, 28, 28), from -1 (paper) to 1 (ink)."""
        return self.convolutions(self.linear(latent)).float()


class Discriminator(nn.Module):
    """Downscales an image to what D believes about it: three convolutions, then a linear layer and a head.

    Args:
        head: how the outputs are read: ``"n"``, ``"n_plus_1"`` or ``"two_heads"``.
        channels: feature maps at 14x14, 7x7 and 4x4 pixels.
        softmax: whether to make probabilities of the class logits: a common mistake, because the loss does that.
        shape: of an image, (channels, height, width).
        classes: how many kinds of images there are to tell apart.
    """

    def __init__(
        self,
        head: Head = "n",
        channels: tuple[int, int, int] = (16, 32, 64),
        softmax: bool = False,
        shape: tuple[int, int, int] = (1, 28, 28),
        classes: int = CLASSES,
    ) -> None:
        super().__init__()
        c14, c7, c4 = channels
        self.softmax = softmax
        outputs, self.read = HEADS[head]
        outputs += classes - CLASSES
        height, width = (math.ceil(side / 8) for side in shape[1:])  # three convolutions halve them, rounding up
        self.convolutions = nn.Sequential(
            nn.Conv2d(shape[0], c14, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(c14),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(c14, c7, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(c7),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(c7, c4, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c4),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.linear = nn.Linear(c4 * height * width, outputs)

    def forward(self, images: Tensor) -> Belief:
        """(batch, 1, 28, 28) -> Belief of (batch, 10), (batch,) and (batch, features)."""
        # Flattened with the channels last, as they lie in memory: nothing needs to be copied.
        features = self.convolutions(images).permute(0, 2, 3, 1).flatten(1)
        # Whatever the convolutions compute in, losses and probabilities want all the digits of float32.
        belief = self.read(self.linear(features).float(), features.float())
        return belief._replace(class_logits=belief.class_logits.softmax(1)) if self.softmax else belief


def sample_latent(count: int, latent_size: int, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal random numbers for G to start from, shape (count, latent_size), on the generator's device."""
    device = generator.device if generator is not None else "cpu"
    return torch.randn(count, latent_size, generator=generator, device=device)


def initialise_weights(model: nn.Module, std: float = 0.02) -> nn.Module:
    """Draw all weights from N(0, std²), normalisation scales from N(1, std²); set all biases to 0 (DCGAN, sec. 3).

    Uses torch's global random state. Changes ``model`` in place and returns it.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def build_models(config: SGANConfig, data: Description = MNIST) -> tuple[Generator, Discriminator]:
    """G and D as ``config`` describes them, for such data, with initial weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):  # leaves the caller's random state as it was
        torch.default_generator.manual_seed(config.seed)  # torch.manual_seed would seed the GPU's as well
        g = Generator(config.latent_size, config.channels_g, data.shape)
        initialise_weights(g, config.weight_std)
        d = Discriminator(config.head, config.channels_d, config.softmax_twice, data.shape, len(data.classes))
        initialise_weights(d, config.weight_std)
    return g, d


def count_parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Gradients flow through the model to its input, but none are computed for its weights."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model as it is used after training: BatchNorm uses its running statistics, and no gradients are recorded."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
