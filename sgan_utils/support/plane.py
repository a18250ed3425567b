"""Data sets on the plane, two networks that fit them, and a run of both. It draws nothing and has no widget.

An "image" is here a point, two numbers: all that D believes, and all that G makes, can be drawn. Losses and steps are
those of the lessons, :mod:`sgan_utils.losses` and :mod:`sgan_utils.training`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.optim import Adam

from sgan_utils.config import Head, SGANConfig
from sgan_utils.data import draw_labelled
from sgan_utils.models import HEADS, Belief, Discriminator, sample_latent
from sgan_utils.support.errors import SGANError
from sgan_utils.support.threads import settle_threads
from sgan_utils.training import discriminator_step, generator_step

SPAN = 1.75  # points lie between -SPAN and SPAN, both ways; so does what is drawn
# The game of lesson 0, chosen by trying on seeds from 100 on, which no lesson shows.
PLANE = SGANConfig(
    head="n",
    generator_loss="feature_matching",
    unsupervised_weight=1.0,
    learning_rate_d=2e-2,
    learning_rate_g=1e-3,
    batch_size=64,
    latent_size=2,
    input_noise=0.0,
)

_OLD_LOSS = {"generator_loss": "non_saturating"}  # with which the two failures that everybody meets are seen best
GAMES: dict[str, SGANConfig] = {
    "healthy": PLANE,
    "D wins": PLANE.but(learning_rate_g=1e-5, **_OLD_LOSS),
    "mode collapse": PLANE.but(learning_rate_d=1e-3, learning_rate_g=3e-2, **_OLD_LOSS),
    "oscillation": PLANE.but(learning_rate_d=1e-2, learning_rate_g=1e-1, **_OLD_LOSS),
    "double softmax": PLANE.but(softmax_twice=True),
}


class Points(NamedTuple):
    """Points of several classes."""

    places: Tensor  # (n, 2)
    classes: Tensor  # (n,), int64, from 0


def moons(count: int, seed: int, noise: float = 0.08) -> Points:
    """Two half-circles that reach into each other."""
    places, classes = datasets.make_moons(count, noise=noise, random_state=seed)
    return _centred(places, classes, scale=1.0)


def arcs(count: int, seed: int, noise: float = 0.05) -> Points:
    """Three arms of a spiral."""
    random = torch.Generator().manual_seed(seed)
    classes = torch.arange(count) % 3
    way = torch.rand(count, generator=random)  # along the arm, from its inner to its outer end
    angle, radius = classes * 2 * torch.pi / 3 + 2.4 * way, 0.35 + way
    places = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
    return Points(places + noise * torch.randn(count, 2, generator=random), classes)


def rings(count: int, seed: int, noise: float = 0.06) -> Points:
    """A ring within a ring."""
    places, classes = datasets.make_circles(count, noise=noise, factor=0.45, random_state=seed)
    return _centred(places, classes, scale=1.3)


def blobs(count: int, seed: int, noise: float = 0.13) -> Points:
    """Nine heaps on a grid, in three classes of three: each row is a class."""
    centres = torch.cartesian_prod(*[torch.tensor([-1.05, 0.0, 1.05])] * 2).flip(1)
    places, heaps = datasets.make_blobs(count, centers=centres.numpy(), cluster_std=noise, random_state=seed)
    return _centred(places, heaps // 3, scale=1.0)


DATA: dict[str, Callable[..., Points]] = {"moons": moons, "arcs": arcs, "rings": rings, "blobs": blobs}


def _centred(places, classes, scale: float) -> Points:  # noqa: ANN001 - scikit-learn's arrays
    settle_threads()  # a session on the plane begins here, and all that it computes should be computed alike
    tensor = torch.as_tensor(places, dtype=torch.float32)
    middle = (tensor.amin(0) + tensor.amax(0)) / 2
    return Points(scale * (tensor - middle), torch.as_tensor(classes, dtype=torch.int64))


def label_some(points: Points, labels: int, seed: int) -> Points:
    """The few points that keep their label: as many of each class, drawn as in lesson 1."""
    chosen = draw_labelled(points.classes, labels, seed)
    return Points(points.places[chosen], points.classes[chosen])


class PointGenerator(nn.Module):
    """Turns random numbers into points: two hidden layers.

    Args:
        latent_size: how many random numbers a point starts from.
        width: units of a hidden layer.
    """

    def __init__(self, latent_size: int = 2, width: int = 64) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.layers = nn.Sequential(
            nn.Linear(latent_size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2)
        )

    def forward(self, latent: Tensor) -> Tensor:
        """(batch, latent_size) -> (batch, 2)."""
        return self.layers(latent)


class PointDiscriminator(nn.Module):
    """Says which class a point is of and whether it is real: two hidden layers and a head.

    Args:
        classes: how many.
        width: units of a hidden layer.
        head: how the outputs are read, see :data:`sgan_utils.models.HEADS`.
        softmax: whether to make probabilities of the class logits: a common mistake, because the loss does that.
    """

    def __init__(self, classes: int = 2, width: int = 64, head: Head = "n", softmax: bool = False) -> None:
        super().__init__()
        self.softmax = softmax
        further = HEADS[head][0] - HEADS["n"][0]  # outputs that stand for no class
        self.read = HEADS[head][1]
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.linear = nn.Linear(width, classes + further)

    def forward(self, places: Tensor) -> Belief:
        """(batch, 2) -> Belief of (batch, classes), (batch,) and (batch, width)."""
        features = self.layers(places)
        belief = self.read(self.linear(features), features)
        return belief._replace(class_logits=belief.class_logits.softmax(1)) if self.softmax else belief


class PlaneRun:
    """D, G and the points that they learn from, step by step. Without an unsupervised weight, G stands still.

    Args:
        config: learning rates, weights of the losses, loss of G, head, latent length, batch size and seed; all else in
            it is for images.
        unlabelled: places, (n, 2), of any number of points.
        labelled: places and classes of a few points; every step uses them all. May be changed during the run.
        classes: how many there are.
        width: units of a hidden layer, of D and of G.

    Raises:
        SGANError: if a labelled point is of none of the classes, or there is none.
    """

    def __init__(
        self, config: SGANConfig, unlabelled: Tensor, labelled: Points, classes: int = 2, width: int = 64
    ) -> None:
        if not len(labelled.classes) or not 0 <= int(labelled.classes.min()) <= int(labelled.classes.max()) < classes:
            raise SGANError(
                f"each labelled point must be of a class from 0 to {classes - 1}, and there must be one at least, "
                f"got {labelled.classes.tolist()}."
            )
        settle_threads()
        self.config, self.unlabelled, self.labelled, self.step = config, unlabelled, labelled, 0
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            self.D = PointDiscriminator(classes, width, config.head, config.softmax_twice)
            self.G = PointGenerator(config.latent_size, width)
        betas = (config.adam_beta1, 0.999)
        self.optimizer_d = Adam(self.D.parameters(), lr=config.learning_rate_d, betas=betas)
        self.optimizer_g = Adam(self.G.parameters(), lr=config.learning_rate_g, betas=betas)
        self.random = torch.Generator().manual_seed(config.seed)
        self.measured: dict[str, Tensor] = {}  # losses and beliefs of the last step

    def advance(self, steps: int = 1) -> PlaneRun:
        """Take so many steps, each one update of D and then one of G; returns the run."""
        for _ in range(steps):
            self._one_step()
        return self

    def _one_step(self) -> None:
        config, D = self.config, cast("Discriminator", self.D)
        picked = torch.randint(len(self.unlabelled), (config.batch_size,), generator=self.random)
        unlabelled = self.unlabelled[picked]
        generated = unlabelled[:0]
        if config.uses_generator:
            generated = self.G(sample_latent(config.batch_size, config.latent_size, self.random))
        self.measured = discriminator_step(
            D, self.optimizer_d, (self.labelled.places, self.labelled.classes), unlabelled, generated, config
        )
        if config.uses_generator:
            self.measured |= generator_step(D, self.optimizer_g, unlabelled, generated, config)
        self.step += 1

    def generated(self, count: int = 200, seed: int = 0) -> Tensor:
        """Points that G makes of always the same latents, (count, 2)."""
        latent = sample_latent(count, self.config.latent_size, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            return self.G(latent)
