"""The capstone's checks of parts 1 to 3: the choice of labelled images, G and D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sgan_utils.config import CLASSES
from sgan_utils.exercises.capstone_parts import LATENT, SEEDS, made_by, pair_of, scaled, written
from sgan_utils.exercises.checking import call, check, need
from sgan_utils.models import count_parameters


def check_choice(choose_labelled: Callable[[Tensor, int], Any]) -> bool:
    """Part 1: indices of ``count`` images, equally many of each digit, at random."""

    def examine() -> str:
        written(choose_labelled)
        for seed in SEEDS:
            generator = torch.Generator().manual_seed(seed)
            labels, count = torch.randint(CLASSES, (1_000,), generator=generator), (20, 100)[seed % 2]
            answer = torch.as_tensor(np.asarray(call(choose_labelled, labels=labels, count=count)))
            need(
                answer.dtype != torch.bool, "that is a mask of yes and no; return the indices: mask.nonzero() has them."
            )
            need(answer.dim() == 1, f"indices in one row are wanted, yours have the shape {tuple(answer.shape)}.")
            need(
                len(answer) != CLASSES * count,
                f"{count} is how many images to choose in all, not how many of each digit: you chose {len(answer)}.",
            )
            need(len(answer) == count, f"{count} images are wanted in all, you chose {len(answer)}.")
            need(not answer.is_floating_point(), f"indices are whole numbers, yours are {answer.dtype}.")
            answer = answer.long()
            need(((answer >= 0) & (answer < len(labels))).all(), "some of your indices lie outside of the images.")
            per_digit = torch.bincount(labels[answer], minlength=CLASSES)
            need(
                answer.max() >= CLASSES,
                "those are labels, not indices: say which images, not which digits.",
            )
            need(len(answer.unique()) == count, "some images are chosen twice: draw without replacement (randperm).")
            need(
                (per_digit == count // CLASSES).all(),
                f"{count // CLASSES} of each digit are wanted, 0 to 9 got {per_digit.tolist()}: a draw that does not "
                "look at the labels leaves some digits short.",
            )
            first = torch.cat([(labels == digit).nonzero()[: count // CLASSES, 0] for digit in range(CLASSES)])
            need(
                not torch.equal(answer.sort().values, first.sort().values),
                "you always take the first images of each digit; let chance choose (randperm).",
            )
        with torch.random.fork_rng(devices=[]):
            draws = []
            for seed in (1, 2):
                torch.default_generator.manual_seed(seed)
                draws.append(torch.as_tensor(np.asarray(choose_labelled(labels, count))).sort().values)
        need(not torch.equal(*draws), "every call chooses the same images: leave the seed to whoever calls.")
        return "equally many of each digit, none twice, chosen by chance."

    return check(examine)


def check_generator(Generator: Callable[[], nn.Module]) -> bool:
    """Part 2: latents (n, 100) become images (n, 1, 28, 28) from -1 to 1."""

    def examine() -> str:
        G = made_by(Generator)
        latent = torch.randn(16, LATENT, generator=torch.Generator().manual_seed(0))
        images = call(G, latent)
        need(
            isinstance(images, Tensor), f"G should return a tensor of images, yours returns a {type(images).__name__}."
        )
        shape = tuple(images.shape)
        need(shape != (16, 28, 28), "the channel is missing: (16, 28, 28) should be (16, 1, 28, 28).")
        need(shape != (16, 784), "the pixels lie in one row: reshape (16, 784) to (16, 1, 28, 28), as with Unflatten.")
        need(shape == (16, 1, 28, 28), f"16 latents should become images (16, 1, 28, 28), yours are {shape}.")
        need(images.requires_grad, "no gradient leads back to G's weights: is there a detach or a no_grad in forward?")
        (images * torch.randn(images.shape)).sum().backward()
        lame = [name for name, weights in G.named_parameters() if weights.grad is None]
        need(not lame, f"no gradient reaches {lame[:1]}: is this layer used at all, or is there a detach behind it?")
        wild = scaled(G)(latent).detach()  # with huge weights only a last layer such as tanh keeps the range
        need(
            wild.max() < 1.0001 or wild.min() >= 0,
            f"with large weights pixels reach {wild.max():.3g}: end with tanh, which keeps them from -1 to 1.",
        )
        need(
            wild.min() < -0.5,
            f"no pixel is ever below {wild.min():.2g}: a sigmoid gives 0 to 1, real images go from -1 to 1; take tanh.",
        )
        G.eval()
        with torch.no_grad():
            once, again, other = G(latent), G(latent), G(latent.flip(0))
            linear = _is_linear(G)
        need(torch.allclose(once, again), "the same latents give other images each time: draw no random numbers in G.")
        need(not torch.allclose(once, other), "the images do not depend on the latents: does forward use them?")
        need(
            not linear,
            "without an activation between them, all of G's layers are together one linear layer: put a ReLU behind "
            "each but the last.",
        )
        return f"latents become images from -1 to 1, by {count_parameters(G):,} weights that can all learn."

    return check(examine)


def check_discriminator(Discriminator: Callable[[], nn.Module]) -> bool:
    """Part 3: images (n, 1, 28, 28) become class logits (n, 10) and a real logit (n,)."""

    def examine() -> str:
        D = made_by(Discriminator)
        images = torch.randn(16, 1, 28, 28, generator=torch.Generator().manual_seed(0)).clamp(-1, 1).requires_grad_()
        class_logits, real_logit = pair_of(call(D, images))
        need(class_logits.dim() == 2, "swap the two: the class logits (n, 10) come first, the real logit (n,) second.")
        need(
            class_logits.shape != (16, CLASSES + 1),
            "the first should have ten columns, one a digit; an eleventh output belongs in the second.",
        )
        need(
            class_logits.shape == (16, CLASSES), f"class logits should be (16, 10), yours: {tuple(class_logits.shape)}."
        )
        need(
            real_logit.shape != (16, 1),
            "the real logit is (16, 1) and should be (16,): with (n, 1) beside (n,) a loss compares everything with "
            "everything; take [:, 0] or squeeze(1).",
        )
        need(real_logit.shape == (16,), f"the real logit should be (16,), yours is {tuple(real_logit.shape)}.")
        wild_logits, wild_belief = pair_of(scaled(D)(images))
        ones = torch.ones(16)
        need(
            not (torch.allclose(class_logits.sum(1), ones, atol=1e-3) and (class_logits >= 0).all()),
            "D ends with a softmax: cross_entropy applies one itself, so return the logits.",
        )
        need(
            not torch.allclose(class_logits.sum(0), torch.ones(CLASSES), atol=1e-3),
            "D ends with a softmax over the batch; return logits, without any softmax.",
        )
        bounded = (wild_logits.min() >= 0 and wild_logits.max() <= 1) or wild_logits.min() >= 0
        need(not bounded, "no class logit is ever negative: let the last layer be linear, without ReLU or sigmoid.")
        need(
            not (wild_belief.min() >= 0 and wild_belief.max() <= 1),
            "the real logit always lies from 0 to 1, as after a sigmoid: return the logit, the loss does the rest.",
        )
        need(class_logits.requires_grad and real_logit.requires_grad, "no gradient leads back to D's weights.")
        (reached,) = torch.autograd.grad(real_logit.sum(), images, retain_graph=True, allow_unused=True)
        need(
            reached is not None and reached.abs().sum() > 0,
            "no gradient of the real logit reaches the images: D's belief is all that G learns from.",
        )
        (class_logits.square().sum() + real_logit.square().sum()).backward()
        lame = [name for name, weights in D.named_parameters() if weights.grad is None]
        need(not lame, f"no gradient reaches {lame[:1]}: is this layer used at all?")
        D.eval()
        with torch.no_grad():
            together, alone = pair_of(D(images))[0][:2], pair_of(D(images[:2]))[0]
            class_logits, real_logit = pair_of(D(images))
        need(
            torch.allclose(together, alone, atol=1e-4),
            "in evaluation mode, what D says of an image depends on the other images: are dimensions mixed up?",
        )
        need(
            not torch.allclose(real_logit, -class_logits.logsumexp(1), atol=1e-4),
            "the real logit is minus the logsumexp of the ten: then an image that clearly shows a digit is taken for a "
            "generated one; leave out the minus.",
        )
        is_made_of_them = torch.allclose(real_logit, class_logits.logsumexp(1), atol=1e-4)
        head = ", the logsumexp of the ten" if is_made_of_them else ""
        return f"ten class logits and one real logit{head} for each image, by {count_parameters(D):,} weights."

    return check(examine)


def _is_linear(G: nn.Module) -> bool:
    """Whether images, but for a tanh at the end, are sums of what the latents would give one by one."""
    one, other = torch.randn(2, 16, LATENT, generator=torch.Generator().manual_seed(1))
    inputs = one, other, one + other, torch.zeros_like(one)
    first, second, together, nothing = (G(latent).double().clamp(-0.9999, 0.9999).atanh() for latent in inputs)
    return bool((first + second - together - nothing).abs().mean() < 1e-3 * (first - nothing).abs().mean())
