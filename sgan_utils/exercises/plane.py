"""The checks of lesson 0. A wrong answer is compared with what each known mistake computes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.exercises.checking import Mistakes, NotYetError, as_numbers, call, check, compare, need, need_number
from sgan_utils.losses import unsupervised_loss


def _distances(places: Tensor, labelled: Tensor) -> Tensor:
    return (places[:, None] - labelled[None]).square().sum(2)


_NEAREST: Mistakes = {
    "these are positions among the labelled points; look up their classes: labels[positions].": (
        lambda places, labelled, labels: _distances(places, labelled).argmin(1)
    ),
    "that is the class of the labelled point that is farthest away: argmin, not argmax.": (
        lambda places, labelled, labels: labels[_distances(places, labelled).argmax(1)]
    ),
    "you take the point with the smallest distance of either number alone; add up both squares first.": (
        lambda places, labelled, labels: labels[(places[:, None] - labelled[None]).square().amin(2).argmin(1)]
    ),
    "you compare the first number of the places only; a place has two.": (
        lambda places, labelled, labels: labels[(places[:, :1] - labelled[:, 0]).square().argmin(1)]
    ),
    "differences of opposite sign cancel out: square them, or take norms, before you add them up.": (
        lambda places, labelled, labels: labels[(places[:, None] - labelled[None]).sum(2).argmin(1)]
    ),
    "you add up absolute differences; as the crow flies, it is the squares that are added up.": (
        lambda places, labelled, labels: labels[(places[:, None] - labelled[None]).abs().sum(2).argmin(1)]
    ),
    "you answer for each labelled point; find the nearest one of each of the places.": (
        lambda places, labelled, labels: labels[_distances(places, labelled).argmin(0) % len(labels)],
        lambda places, labelled, labels: _distances(places, labelled).argmin(0),
    ),
    "that is the distance, not the class: argmin instead of amin, then labels[...].": (
        lambda places, labelled, labels: _distances(places, labelled).amin(1)
    ),
}


def _places_and_labels(random: torch.Generator) -> dict[str, Tensor]:
    places, labelled = (3 * torch.randn(count, 2, generator=random) for count in (40, 7))
    return {"places": places, "labelled": labelled, "labels": torch.tensor([2, 0, 1, 1, 2, 0, 1])}


def check_nearest_label(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> bool:
    """Lesson 0: the class of the nearest labelled point: (n, 2), (m, 2), (m,) -> (n,)."""

    def right(places: Tensor, labelled: Tensor, labels: Tensor) -> Tensor:
        return labels[_distances(places, labelled).argmin(1)]

    def examine() -> str:
        compare(function, _places_and_labels, right, _NEAREST, form=as_numbers)
        return "each place gets the class of its nearest labelled point. Nothing here has seen an unlabelled one."

    return check(examine)


_UNSUPERVISED = {
    "real and generated are the wrong way round: your D is rewarded for being fooled.": (
        lambda real, fake: unsupervised_loss(fake, real)
    ),
    "the sign is wrong: a loss is *minus* the logarithm, so that being right costs least.": (
        lambda real, fake: -unsupervised_loss(real, fake)
    ),
    "a loss is never below 0: it is minus the log of the right answer's probability, log(1 - p) where that is "
    "'generated'.": (
        lambda real, fake: 0.5 * F.softplus(-real).mean() - 0.5 * F.softplus(fake).mean(),
        lambda real, fake: 0.5 * F.softplus(-real).mean() - 0.5 * F.softplus(-fake).mean(),
    ),
    "that is 1 - log(p) where log(1 - p) is wanted: the 1 belongs inside the logarithm.": (
        lambda real, fake: 0.5 * F.softplus(-real).mean() - 0.5 * (1 + F.softplus(-fake)).mean(),
        lambda real, fake: 0.5 * F.softplus(-real).mean() + 0.5 * (1 + F.softplus(-fake)).mean(),
    ),
    "D also has to call generated points generated: log(1 - probability) for those.": (
        lambda real, fake: 0.5 * F.softplus(-real).mean() + 0.5 * F.softplus(-fake).mean()
    ),
    "it is twice as large as it should be: take the mean of the two halves, not their sum.": (
        lambda real, fake: 2 * unsupervised_loss(real, fake)
    ),
    "you took the logarithm of the logits; a sigmoid makes probabilities of them first.": (
        lambda real, fake: -0.5 * real.log().mean() - 0.5 * (1 - fake).log().mean()
    ),
    "a sigmoid is applied twice: the logits become probabilities once, and then the logarithm is taken.": (
        lambda real, fake: unsupervised_loss(real.sigmoid(), fake.sigmoid())
    ),
    "that adds up over the batch; take the mean, or the loss grows with the number of points.": (
        lambda real, fake: 0.5 * F.softplus(-real).sum() + 0.5 * F.softplus(fake).sum()
    ),
    "only the real points count in your loss: D could call everything real and be right.": (
        lambda real, fake: F.softplus(-real).mean()
    ),
    "only the generated points count in your loss: D could call everything generated and be right.": (
        lambda real, fake: F.softplus(fake).mean()
    ),
}


def _logits(random: torch.Generator) -> dict[str, Tensor]:
    real, fake = 2 * torch.randn(30, generator=random) + 1, 2 * torch.randn(20, generator=random) - 1
    return {"real_logit_on_real": real.requires_grad_(), "real_logit_on_generated": fake.requires_grad_()}


def check_real_or_fake(function: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Lesson 0: D's second loss from its logits of "real": (n,), (m,) -> a number."""

    def examine() -> str:
        for name in ("real_logit_on_real", "real_logit_on_generated"):
            compare(function, _logits, unsupervised_loss, _UNSUPERVISED, form=need_number, gradient_of=name)
        return "right for real and for generated points, and D can learn from it."

    return check(examine)


_RUNS = {  # D's belief in real points, in generated ones, spread of the real, spread of the generated
    "healthy": [(0.62, 0.41, 1.0, 0.9), (0.55, 0.48, 1.0, 1.1), (0.70, 0.35, 2.0, 1.7), (0.5, 0.5, 0.3, 0.3)],
    "D wins": [(0.99, 0.01, 1.0, 0.2), (0.98, 0.03, 1.0, 0.8), (0.97, 0.02, 2.0, 1.9)],
    "mode collapse": [(0.51, 0.50, 1.0, 0.03), (0.60, 0.45, 2.0, 0.1), (0.48, 0.52, 1.0, 0.08), (0.7, 0.6, 0.3, 0.01)],
}


def check_diagnosis(function: Callable[[float, float, float, float], str]) -> bool:
    """Lesson 0: what is wrong with a run, from two beliefs and two spreads."""

    def examine() -> str:
        for wanted, runs in _RUNS.items():
            for real, fake, spread, of_generated in runs:
                answer = call(function, real, fake, spread, of_generated)
                need(
                    answer in _RUNS,
                    f"answer with one of {', '.join(map(repr, _RUNS))}, yours is {answer!r}.",
                )
                seen = f"beliefs {real} and {fake}, spreads {spread} (real) and {of_generated} (generated)"
                if answer == wanted:
                    continue
                if wanted == "D wins" and answer == "mode collapse":
                    raise NotYetError(f"{seen}: ask for D's beliefs first; G stands on a heap *because* D is so sure.")
                if wanted == "mode collapse" and answer == "healthy":
                    raise NotYetError(f"{seen}: compare the two spreads with each other, not with a fixed number.")
                if wanted == "healthy" and answer == "mode collapse":
                    raise NotYetError(f"{seen}: G's points are nearly as far apart as the real ones, so no collapse.")
                raise NotYetError(f"{seen}: that is {wanted!r}, your function says {answer!r}.")
        return "D's beliefs tell whether it has won, and only then the spread tells whether G has collapsed."

    return check(examine)
