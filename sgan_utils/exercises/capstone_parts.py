"""What the capstone's checks measure with: a simple D whose answers are known, and a game that shows who moves whom."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import NotYetError, call, need

LATENT = 100
SEEDS = range(4)  # of the random inputs that a part is tried on
PIXELS = 28 * 28
RATE = 1e-3  # of both optimisers in the game: so small that everything is linear


class Answer(NamedTuple):
    """What D returns."""

    class_logits: Tensor  # (n, 10)
    real_logit: Tensor  # (n,)


def written(part: Any) -> None:
    """Go on if the learner has written this part."""
    need(part is not ..., "nothing is written here yet. Replace the dots by your code, then run this cell.")


def made_by(factory: Any) -> nn.Module:
    """A new network of the learner's class, or of a function that makes one."""
    written(factory)
    made = isinstance(factory, nn.Module)
    need(not made, "that is a network already: hand over what makes one, the name without brackets behind it.")
    network = call(factory)
    kind = type(network).__name__
    need(isinstance(network, nn.Module), f"an nn.Module is wanted, whose parameters() can learn, not a {kind}.")
    need(call(factory) is not network, "each call returns the same network: make a new one inside.")
    return network


def pair_of(answer: Any) -> Answer:
    """Class logits and real logit, from whatever the learner's D returns."""
    two = isinstance(answer, tuple | list) and len(answer) >= 2 and all(isinstance(part, Tensor) for part in answer[:2])
    need(two, "D should return two tensors: the class logits (n, 10), and the real logit (n,).")
    return Answer(*answer[:2])


def scaled(model: nn.Module, by: float = 30.0) -> nn.Module:
    """A copy of a network with far larger weights, whose outputs come to the ends of their range."""
    wild = deepcopy(model)
    with torch.no_grad():
        for number, weights in enumerate(wild.parameters()):
            weights.mul_(by).add_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(number)))
    return wild


class LinearD(nn.Module):
    """A D without secrets: its logits are weighted sums of the pixels."""

    def __init__(self, class_weights: Tensor, real_weights: Tensor) -> None:
        super().__init__()
        self.class_weights, self.real_weights = nn.Parameter(class_weights), nn.Parameter(real_weights)
        self.was_evaluating = False

    def forward(self, images: Tensor) -> Answer:
        """(n, 1, 28, 28) -> (n, 10) and (n,)."""
        self.was_evaluating |= not self.training
        pixels = images.flatten(1)
        return Answer(pixels @ self.class_weights, pixels @ self.real_weights)


def fit_loss(
    loss: Callable[[nn.Module, dict[str, Tensor]], Any], of_g: bool = False, tries: int = 80
) -> dict[str, float]:
    """How much of each known term a learner's loss consists of, found by least squares over random batches.

    Args:
        loss: the learner's, of a D and a batch.
        of_g: whether it is G's loss, which knows the generated images only.
    """
    generator, rows, values = torch.Generator().manual_seed(0), [], []
    for _ in range(tries):
        labelled, other = torch.randint(4, 24, (2,), generator=generator).tolist()
        sizes = labelled, other, other  # as many unlabelled as generated ones, so that both may share one mean
        names = ("images", "unlabelled", "generated")
        batch = {
            name: torch.rand(size, 1, 28, 28, generator=generator) * 2 - 1
            for name, size in zip(names, sizes, strict=True)
        }
        batch["labels"] = torch.randint(CLASSES, (sizes[0],), generator=generator)
        size = float(torch.rand((), generator=generator)) * 0.3
        D = LinearD(
            size * torch.randn(PIXELS, CLASSES, generator=generator), size * torch.randn(PIXELS, generator=generator)
        )
        batch["generated"].requires_grad_()
        answer = loss(D, batch)
        need(isinstance(answer, Tensor), f"a loss is a tensor with a gradient, yours is a {type(answer).__name__}.")
        need(answer.dim() == 0, f"a loss is one number, yours has the shape {tuple(answer.shape)}: take the mean.")
        need(answer.requires_grad, "no gradient leads back from your loss: is there a detach, an item() or a no_grad?")
        need(bool(answer.isfinite()), "your loss is not finite where D is very sure: compute it from logits.")
        reached = torch.autograd.grad(answer, [D.real_weights, batch["generated"]], allow_unused=True)
        need(reached[0] is not None or not of_g, "your loss does not depend on D's belief (its second output).")
        need(not of_g or reached[1] is not None, "no gradient reaches the generated images: G needs them undetached.")
        rows.append(_terms(D, batch, of_g))
        values.append(float(answer.detach()))
    return _solve(rows, values)


def _terms(D: LinearD, batch: dict[str, Tensor], of_g: bool) -> dict[str, float]:
    with torch.no_grad():
        belief = D(batch["generated"]).real_logit.double()
        terms = {
            "generated": F.softplus(belief).mean(),
            "generated as real": F.softplus(-belief).mean(),
            "generated, summed": F.softplus(belief).sum(),
        }
        if of_g:
            terms |= {
                "generated as real, summed": F.softplus(-belief).sum(),
                "sigmoid twice": F.softplus(-belief.sigmoid()).mean(),
            }
            return {name: float(term) for name, term in terms.items()}
        class_logits, on_labelled = (part.double() for part in D(batch["images"]))
        on_unlabelled = D(batch["unlabelled"]).real_logit.double()
        each = F.cross_entropy(class_logits, batch["labels"], reduction="none")
        terms |= {
            "class": each.mean(),
            "class, summed": each.sum(),
            "softmax twice": F.cross_entropy(class_logits.softmax(1), batch["labels"]),
            "real": F.softplus(-on_unlabelled).mean(),
            "real as generated": F.softplus(on_unlabelled).mean(),
            "real, summed": F.softplus(-on_unlabelled).sum(),
            "labelled": F.softplus(-on_labelled).mean(),
            "real, sigmoid twice": F.softplus(-on_unlabelled.sigmoid()).mean(),
            "generated, sigmoid twice": F.softplus(belief.sigmoid()).mean(),
        }
    return {name: float(term) for name, term in terms.items()}


def _solve(rows: list[dict[str, float]], values: list[float]) -> dict[str, float]:
    table, wanted = torch.tensor([[*row.values()] for row in rows], dtype=torch.float64), torch.tensor(values).double()
    scale = table.norm(dim=0)
    weights = torch.linalg.lstsq(table / scale, wanted.unsqueeze(1), driver="gelsd").solution.squeeze(1) / scale
    if (table @ weights - wanted).norm() > 1e-3 * wanted.norm():
        shown = [name for name in ("class", "real", "generated") if name in rows[0]]
        parts = ", ".join(f"{name} {rows[0][name]:.3f}" for name in shown)
        raise NotYetError(
            f"for one of our batches your loss is {values[0]:.3f}, and it is made of no cross-entropies that we know "
            f"({parts}): use F.cross_entropy for the digits and softplus, or a BCE with logits, for the real logit; "
            "noise belongs into the step."
        )
    return dict(zip(rows[0], weights.tolist(), strict=True))


class Seen(NamedTuple):
    """What one call of a learner's step did, over the learning rate: tens where it did something, else about 0."""

    moved_d: bool
    moved_g: bool
    updates: tuple[int, int]  # how often the optimisers of D and of G took a step
    evaluating: bool  # whether D was in evaluation mode
    real_logit_unlabelled: float  # how far D's real logit of the unlabelled images rose
    real_logit_generated: float
    class_logit: float  # how far the logit of the right digit rose on this call's labelled images
    old_class_logit: float  # and on those of the call before
    g_towards_real: float  # how far G's images went in the direction that D believes in
    latents: Tensor  # that G was given


class OnePicture(nn.Module):
    """A G that draws one picture, whatever its latents."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.picture = nn.Parameter(picture)
        self.latents = torch.empty(0)

    def forward(self, latent: Tensor) -> Tensor:
        """(n, 100) -> (n, 1, 28, 28)."""
        self.latents = latent.detach().clone()
        return (self.picture * _rows(2)).tanh().expand(len(latent), 1, 28, 28)


def _rows(quarter: int) -> Tensor:
    """1 in a quarter of the image's rows, 0 elsewhere: each source of images has pixels, and so weights, of its own."""
    mask = torch.zeros(28, 28)
    mask[7 * quarter : 7 * quarter + 7] = 1.0
    return mask


def observe_steps(step: Callable[..., Any], belief: float) -> list[Seen]:
    """Two calls of a learner's step in a game where each source has its own quarter of the image.

    Args:
        step: the learner's.
        belief: D's real logit of G's images, far below 0 (they are seen through) or far above (D falls for them).
    """
    G = OnePicture(torch.full((28, 28), 0.5))
    generated = G(torch.zeros(1, LATENT)).detach().flatten()
    D = LinearD(torch.zeros(PIXELS, CLASSES), belief * generated / generated.square().sum())
    adam_g, adam_d = (torch.optim.SGD(model.parameters(), lr=RATE) for model in (G, D))
    taken: list[object] = []  # whose steps were taken, in order
    for adam in (adam_g, adam_d):
        adam.register_step_post_hook(lambda adam, *_: taken.append(adam))
    sources = [(0.8 * _rows(quarter)).expand(32, 1, 28, 28).clone() for quarter in (0, 1, 3)]
    seen: list[Seen] = []
    labels = torch.full((32,), 4)
    for now, old in ((0, 2), (2, 0)):
        before, picture = deepcopy(D), G.picture.detach().clone()
        D.train()
        taken.clear()
        _run(step, len(seen), G, D, adam_g, adam_d, sources[now].clone(), labels.clone(), sources[1].clone())
        trainable = all(weights.requires_grad for weights in D.parameters())
        need(trainable, "D's weights no longer ask for gradients after your step: unfreeze them at its end.")
        with torch.no_grad():
            classes, reals = D.class_weights - before.class_weights, D.real_weights - before.real_weights
            g_moved = ((G.picture - picture).flatten() * before.real_weights).sum() / before.real_weights.square().sum()
            seen.append(
                Seen(
                    bool(classes.abs().sum() + reals.abs().sum() > 0),
                    not torch.equal(G.picture, picture),
                    (taken.count(adam_d), taken.count(adam_g)),
                    D.was_evaluating,
                    float(sources[1][0].flatten() @ reals) / RATE,
                    float(generated @ reals) / RATE,
                    float(sources[now][0].flatten() @ classes[:, 4]) / RATE,
                    float(sources[old][0].flatten() @ classes[:, 4]) / RATE,
                    100 * float(g_moved) / RATE,
                    G.latents,
                )
            )
    return seen


def _run(step: Callable[..., Any], seed: int, *given: Any) -> None:
    def with_new_numbers(*given: Any) -> bool:
        torch.default_generator.manual_seed(seed)
        step(*given)
        return True

    try:
        names = ("images", "labels", "unlabelled")
        call(with_new_numbers, *given[:4], **dict(zip(names, given[4:], strict=True)))
    except NotYetError as reason:
        if "second time" in str(reason):
            raise NotYetError(
                "D's backward used up the graph that leads to G, which G's backward needs: hand D generated.detach()."
            ) from None
        if "modified by an inplace operation" in str(reason):
            raise NotYetError(
                "D's weights change between G's loss and its backward: compute g_loss after adam_d.step()."
            ) from None
        raise
