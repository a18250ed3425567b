"""The check of D's step in lesson 3: each known mistake is recognised by the update that it would make."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES, SGANConfig
from sgan_utils.exercises.checking import call, check, need, need_number
from sgan_utils.losses import supervised_loss, unsupervised_loss
from sgan_utils.models import Belief, build_models

Three = tuple[Belief, Belief, Belief]  # D's beliefs in labelled, unlabelled and generated images
Objective = Callable[[Three, Tensor], Tensor]  # of beliefs and labels


def check_discriminator_step(function: Callable[..., Tensor]) -> bool:
    """Lesson 3: one update of D by ``function(D, optimizer, images, labels, real, fake)``, which returns D's loss."""

    def examine() -> str:
        for seed in range(2):
            table = _StepTable(seed)
            _examine_step(function, table)
        return "D learns from all three sources, by its own gradient only, and G gets none."

    return check(examine)


def _examine_step(function: Callable[..., Tensor], table: _StepTable) -> None:
    D = table.D
    start = [weights.clone() for weights in D.parameters()]
    optimizer = torch.optim.SGD(D.parameters(), lr=1.0)
    sources = {"images": table.images, "labels": table.labels, "real": table.real, "fake": table.fake}
    answer = call(function, D, optimizer, **sources)
    moved = torch.cat([(old - new).flatten() for old, new in zip(start, D.parameters(), strict=True)]).detach()
    taught = any(weights.grad is not None for weights in table.G.parameters())
    need(moved.any(), "D did not change: is backward() called, then step(), and nothing cleared in between?")
    need(moved.isfinite().all(), "D's weights are no longer finite numbers after one step.")
    gradient = table.gradient(right_objective)
    if not close(moved, gradient):
        for name, mistaken in table.mistaken_updates().items():
            need(not close(moved, mistaken), name)
        for name, mistaken in table.mistaken_updates().items():
            need(
                not close(moved, mistaken + table.leftover), f"{name} (And gradients of G's step are still in the sum.)"
            )
        need(False, _how_different(moved, gradient))
    need(not taught, "D's step leaves gradients on G, which pull the wrong way: detach the generated images.")
    need(D.training, "D is left in evaluation mode.")
    need(all(weights.requires_grad for weights in D.parameters()), "D is left frozen: its next step would do nothing.")
    loss = need_number(answer)
    wanted = float(table.loss(right_objective, table.start).detach())
    need(
        abs(loss - wanted) < 1e-3, f"D's update is right, but the loss that you return is {loss:.3f}, not {wanted:.3f}."
    )


def close(one: Tensor, other: Tensor) -> bool:
    """Whether two updates are the same but for rounding."""
    return bool((one - other).norm() <= 1e-3 * other.norm() + 1e-7)


def _how_different(moved: Tensor, gradient: Tensor) -> str:
    angle = torch.cosine_similarity(moved, gradient, dim=0).item()
    return (
        "D's weights do not move against the gradient of supervised + unsupervised loss: the update is "
        f"{moved.norm() / gradient.norm():.2f} times as long, and points {angle:.2f} its way (1 is the same direction)."
    )


def right_objective(beliefs: Three, labels: Tensor) -> Tensor:
    """What D's step should minimise."""
    labelled, real, fake = beliefs
    return supervised_loss(labelled.class_logits, labels) + unsupervised_loss(real.real_logit, fake.real_logit)


def _mistake(loss: Callable[[Belief, Belief, Belief, Tensor], Tensor]) -> Objective:
    return lambda beliefs, labels: loss(*beliefs, labels)


STEP_MISTAKES = {
    "real and generated are swapped: D learns to call G's images real. Which argument comes first?": _mistake(
        lambda known, real, fake, y: (
            supervised_loss(known.class_logits, y) + unsupervised_loss(fake.real_logit, real.real_logit)
        )
    ),
    "D learns digits only: the loss for real or generated takes no part.": _mistake(
        lambda known, real, fake, y: supervised_loss(known.class_logits, y)
    ),
    "D learns real or generated only: the loss for digits takes no part.": _mistake(
        lambda known, real, fake, y: unsupervised_loss(real.real_logit, fake.real_logit)
    ),
    "the class logits go through a softmax, and F.cross_entropy applies another one.": _mistake(
        lambda known, real, fake, y: (
            supervised_loss(known.class_logits.softmax(1), y) + unsupervised_loss(real.real_logit, fake.real_logit)
        )
    ),
    "the real logits go through a sigmoid, and the loss applies another one.": _mistake(
        lambda known, real, fake, y: (
            supervised_loss(known.class_logits, y)
            + unsupervised_loss(real.real_logit.sigmoid(), fake.real_logit.sigmoid())
        )
    ),
    "the halves are missing: real and generated images count one half each.": _mistake(
        lambda known, real, fake, y: (
            supervised_loss(known.class_logits, y) + 2 * unsupervised_loss(real.real_logit, fake.real_logit)
        )
    ),
    "the labelled images stand in for the unlabelled ones, which D never sees.": _mistake(
        lambda known, real, fake, y: (
            supervised_loss(known.class_logits, y) + unsupervised_loss(known.real_logit, fake.real_logit)
        )
    ),
    "D goes uphill: the sign of its loss is wrong.": lambda beliefs, labels: -right_objective(beliefs, labels),
    "that is G's loss in D's step: D learns to be fooled.": _mistake(
        lambda known, real, fake, y: supervised_loss(known.class_logits, y) + F.softplus(-fake.real_logit).mean()
    ),
    "D never hears of generated images: half of its real-or-generated loss is missing.": _mistake(
        lambda known, real, fake, y: supervised_loss(known.class_logits, y) + 0.5 * F.softplus(-real.real_logit).mean()
    ),
    "D never hears of unlabelled images: half of its real-or-generated loss is missing.": _mistake(
        lambda known, real, fake, y: supervised_loss(known.class_logits, y) + 0.5 * F.softplus(fake.real_logit).mean()
    ),
}


class _StepTable:
    """A small G and D with a batch of each source, gradients left over from G's step, and what mistakes would do."""

    def __init__(self, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        config = SGANConfig(head="n", channels_g=(4, 4, 4), channels_d=(4, 4, 4), seed=seed, weight_std=0.1)
        self.G, self.D = build_models(config)
        self.images, self.real = (2 * torch.rand(12, 1, 28, 28, generator=random) - 1 for _ in range(2))
        self.labels = torch.randint(CLASSES, (12,), generator=random)
        self.fake = self.G(torch.randn(12, config.latent_size, generator=random))
        self.start = copy.deepcopy(self.D)
        left = []
        for weights in self.D.parameters():
            weights.grad = torch.randn(weights.shape, generator=random)
            left.append(weights.grad.flatten().clone())
        self.leftover = torch.cat(left)

    def loss(self, objective: Objective, D: nn.Module, one_batch: bool = False) -> Tensor:
        """An objective for a D; with ``one_batch``, real and generated images go through it together."""
        fake = self.fake.detach()
        if one_batch:
            halves = zip(*(part.chunk(2) for part in D(torch.cat([self.real, fake]))), strict=True)
            on_real, on_fake = (Belief(*half) for half in halves)
        else:
            on_real, on_fake = D(self.real), D(fake)
        return objective((D(self.images), on_real, on_fake), self.labels)

    def gradient(self, objective: Objective, training: bool = True, one_batch: bool = False) -> Tensor:
        """Of an objective for D as it was at the start, all weights in one row."""
        D = copy.deepcopy(self.start).train(training)
        weights = list(D.parameters())
        found = torch.autograd.grad(self.loss(objective, D, one_batch), weights, allow_unused=True)
        return torch.cat(
            [torch.zeros(w.numel()) if g is None else g.flatten() for g, w in zip(found, weights, strict=True)]
        )

    def mistaken_updates(self) -> dict[str, Tensor]:
        """What each known mistake would change, by its sentence."""
        right = self.gradient(right_objective)
        return {name: self.gradient(objective) for name, objective in STEP_MISTAKES.items()} | {
            "gradients of G's step are still in the sum: call zero_grad() before backward(), not after step().": (
                right + self.leftover
            ),
            "D takes the step twice: call backward() once.": 2 * right,
            "D is in evaluation mode while it learns.": self.gradient(right_objective, training=False),
            "real and generated images went through D in one batch, where BatchNorm mixes them: call D for each.": (
                self.gradient(right_objective, one_batch=True)
            ),
        }
