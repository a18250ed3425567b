"""The checks of lesson 2."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import NotYetError, call, check, compare, need, need_number, need_tensor
from sgan_utils.models import count_parameters

OUTPUT_SIZE_MISTAKES = {
    "you divide with /, which leaves fractions: the kernel stops only at whole places, and // rounds down.": [
        lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1,
    ],
    "one place is missing: the kernel stands somewhere before its first step, so add 1.": [
        lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride,
    ],
    "padding is added at both ends, so it counts twice.": [
        lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1,
    ],
    "where is the padding? The image is 2 * padding wider.": [
        lambda size, kernel, stride, padding: (size - kernel) // stride + 1,
    ],
    "where is the stride? The kernel moves by so many pixels at a time.": [
        lambda size, kernel, stride, padding: size + 2 * padding - kernel + 1,
    ],
    "where is the kernel? It needs room itself, and cannot travel the whole width.": [
        lambda size, kernel, stride, padding: (size + 2 * padding) // stride + 1,
        lambda size, kernel, stride, padding: (size + 2 * padding) // stride,
    ],
    "size // stride holds only where padding makes up for the kernel.": [
        lambda size, kernel, stride, padding: size // stride,
        lambda size, kernel, stride, padding: math.ceil(size / stride),
    ],
    "you round up or to the nearest; a step that does not fit whole is not taken, so round down.": [
        lambda size, kernel, stride, padding: math.ceil((size + 2 * padding - kernel) / stride) + 1,
        lambda size, kernel, stride, padding: round((size + 2 * padding - kernel) / stride) + 1,
    ],
    "the 1 is added before the division: first count the steps, then the place where the kernel starts.": [
        lambda size, kernel, stride, padding: (size + 2 * padding - kernel + 1) // stride,
    ],
    "padding makes the image wider, you make it narrower.": [
        lambda size, kernel, stride, padding: (size - 2 * padding - kernel) // stride + 1,
    ],
    "that is a transposed convolution, which makes images larger.": [
        lambda size, kernel, stride, padding: (size - 1) * stride - 2 * padding + kernel,
    ],
}


def check_output_size(function: Callable[[int, int, int, int], int]) -> bool:
    """Lesson 2: how many pixels a convolution leaves, from size, kernel, stride and padding."""

    def inputs(random: torch.Generator) -> dict[str, int]:
        def whole(low: int, high: int) -> int:
            return int(torch.randint(low, high + 1, (1,), generator=random))

        return {"size": whole(8, 40), "kernel": whole(1, 7), "stride": whole(1, 4), "padding": whole(0, 3)}

    def pytorch(size: int, kernel: int, stride: int, padding: int) -> int:
        image, weights = torch.zeros(1, 1, size, size), torch.zeros(1, 1, kernel, kernel)
        return F.conv2d(image, weights, stride=stride, padding=padding).shape[-1]

    def whole_number(answer: Any) -> None:
        need_number(answer)
        try:
            operator.index(answer)
        except TypeError:
            need(False, f"pixels are whole: return an int, not {answer!r} (// divides so).")

    def tell(given: dict[str, Any], wanted: int, answer: Any) -> str:
        case = ", ".join(f"{name} {value}" for name, value in given.items())
        return f"{case}: PyTorch leaves {wanted} pixels, your function says {int(answer)}."

    def examine() -> str:
        compare(function, inputs, pytorch, OUTPUT_SIZE_MISTAKES, form=whole_number, tell=tell)
        return "your formula agrees with PyTorch's convolutions, whatever size, kernel, stride and padding."

    return check(examine)


PROBABILITY_REAL_MISTAKES = {
    "that is the probability of *generated*; real is the rest.": [lambda o: o.softmax(1)[:, 10]],
    "the softmax runs over the batch: each image's eleven outputs lie along dimension 1.": [
        lambda o: o.softmax(0)[:, :10].sum(1),
        lambda o: 1 - o.softmax(0)[:, 10],
    ],
    "those are the ten digits' shares, one by one; the image is real whichever digit it is, so add them up.": [
        lambda o: o.softmax(1)[:, :10],
    ],
    "the shape should be (batch,), yours is (batch, 1): sum without keepdim.": [
        lambda o: o.softmax(1)[:, :10].sum(1, keepdim=True),
        lambda o: 1 - o.softmax(1)[:, 10:],
    ],
    "that is a logit, D's real_logit: a sigmoid makes a probability of it.": [
        lambda o: o[:, :10].logsumexp(1) - o[:, 10],
    ],
    "you look at the last output alone; in a softmax only its distance from the other ten counts.": [
        lambda o: o[:, 10].sigmoid(),
        lambda o: 1 - o[:, 10].sigmoid(),
    ],
    "that is the share of the likeliest digit only; the other nine digits are real images, too.": [
        lambda o: o.softmax(1)[:, :10].max(1).values,
        lambda o: (o[:, :10].max(1).values - o[:, 10]).sigmoid(),
    ],
    'the *last* of the eleven outputs means "generated", not the first.': [
        lambda o: o.softmax(1)[:, 1:].sum(1),
        lambda o: 1 - o.softmax(1)[:, 0],
        lambda o: o.softmax(1)[:, 0],
    ],
    "one output too few is added up: the digits are the first ten, [:, :10].": [
        lambda o: o.softmax(1)[:, :9].sum(1),
        lambda o: o.softmax(1)[:, 1:10].sum(1),
    ],
    'that is always 1: "generated" has to take part in the softmax, and to be left out of the sum.': [
        lambda o: o[:, :10].softmax(1).sum(1),
        lambda o: o.softmax(1).sum(1),
    ],
    "those are exponentials; divide by the sum of all eleven, or take softmax.": [lambda o: o[:, :10].exp().sum(1)],
    "that is the mean of ten shares; add them up.": [lambda o: o.softmax(1)[:, :10].mean(1)],
    "that is how the N outputs are read; here the eleventh is subtracted before the sigmoid.": [
        lambda o: o[:, :10].logsumexp(1).sigmoid(),
        lambda o: o.logsumexp(1).sigmoid(),
    ],
    "a sum of logits is no logit of a sum: that is logsumexp of the ten.": [
        lambda o: (o[:, :10].sum(1) - o[:, 10]).sigmoid(),
        lambda o: (o[:, :10].mean(1) - o[:, 10]).sigmoid(),
    ],
    "right for small outputs, but exp() of large ones is infinite: softmax avoids that.": [
        lambda o: o.exp()[:, :10].sum(1) / o.exp().sum(1),
        lambda o: 1 - o.exp()[:, 10] / o.exp().sum(1),
    ],
    "that is the logarithm of the probability.": [
        lambda o: o.log_softmax(1)[:, :10].logsumexp(1),
    ],
}


def check_probability_real(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 2: from 11 outputs (the last one "generated") to the probability that an image is real."""

    def inputs(random: torch.Generator) -> dict[str, Tensor]:
        large = torch.rand((), generator=random) < 0.3  # as of a D that is very sure
        outputs = torch.randn(6, CLASSES + 1, generator=random)
        outputs[:, -1] += 2  # neither answer is the usual one
        return {"outputs": 100 * outputs if large else outputs}

    def tell(given: dict[str, Any], wanted: Tensor, answer: Any) -> str:
        found = need_tensor(answer, tuple(wanted.shape)).double()
        outside = bool(((found < 0) | (found > 1)).any())
        if outside:
            return f"a probability lies from 0 to 1, yours from {found.min():.3g} to {found.max():.3g}."
        worst = int((found - wanted).abs().argmax())
        return f"an image should be real with {wanted[worst]:.4f}, yours says {found[worst]:.4f}."

    def examine() -> str:
        def right(o: Tensor) -> Tensor:
            return o.softmax(1)[:, :10].sum(1)

        compare(function, inputs, right, PROBABILITY_REAL_MISTAKES, tell=tell)
        return "the ten digits' shares of the 11-way softmax add up to P(real), just as sigmoid(real_logit) says."

    return check(examine)


def check_discriminator(network: Callable[[int, int], nn.Module]) -> bool:
    """Lesson 2: a D with ten outputs for images of so many colours and pixels, ``network(colours, size)``."""

    def examine() -> str:
        made = {}
        for colours, size in ((1, 28), (3, 32), (2, 20)):
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(0)
                D = call(network, colours, size)
                need(isinstance(D, nn.Module), f"a network is wanted, an nn.Module; yours is a {type(D).__name__}.")
                images = 2 * torch.rand(6, colours, size, size) - 1
                _examine_discriminator(D, images)
            made[f"{colours} × {size} × {size}"] = count_parameters(D)
        return "your D reads images of " + ", ".join(f"{shape} ({n:,} weights)" for shape, n in made.items()) + "."

    return check(examine)


def _examine_discriminator(D: nn.Module, images: Tensor) -> None:
    shape = tuple(images.shape[1:])
    try:
        belief = call(D, images=images)
    except NotYetError as reason:
        if "raised RuntimeError" not in str(reason):
            raise
        raise NotYetError(
            f"for images of shape {shape} {reason} Which number in its layers should follow from colours or size?"
        ) from None
    need(
        all(hasattr(belief, name) for name in ("class_logits", "real_logit", "features")),
        f"D returns a Belief(class_logits, real_logit, features); yours returns a {type(belief).__name__}.",
    )
    logits = need_tensor(belief.class_logits, (len(images), CLASSES))
    real = need_tensor(belief.real_logit, (len(images),))
    looks_like_softmax = torch.allclose(logits.sum(1), torch.ones(len(images)), atol=1e-4) and bool((logits >= 0).all())
    need(not looks_like_softmax, "your class logits are probabilities: leave the softmax to the loss.")
    for name, of in MISREADINGS.items():
        wanted, misread = logits.logsumexp(1), of(logits)
        need(not torch.allclose(real, misread, atol=1e-5) or torch.allclose(wanted, misread, atol=1e-5), name)
    difference = (real - logits.logsumexp(1)).abs().max().item()
    need(
        difference < 1e-4,
        f"real_logit should be the logsumexp of the ten class logits; it differs by {difference:.3g}.",
    )
    need(
        belief.features.dim() == 2 and len(belief.features) == len(images) and belief.features.shape[1] > CLASSES,
        "features are what the last linear layer reads, (batch, many); yours have shape "
        f"{tuple(belief.features.shape)}.",
    )
    (logits.sum() + (logits**2).sum()).backward()
    idle = [name for name, weights in D.named_parameters() if weights.grad is None]
    need(not idle, f"these weights take no part in the answer: {', '.join(idle)}.")
    D.eval()
    with torch.no_grad():
        together, alone = D(images).class_logits, torch.cat([D(image[None]).class_logits for image in images])
        zero = D(torch.zeros_like(images[:2])).class_logits
        bend = (D(images[:2] + images[2:4]).class_logits + zero - together[:2] - together[2:4]).abs().max()
    need(torch.allclose(together, alone, atol=1e-4), "an image's answer depends on its neighbours in the batch.")
    scale = together.abs().max().item() + 1e-6
    need(bend > 1e-4 * scale, "without an activation between them, all layers together are one linear layer.")


MISREADINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "real_logit is a probability: it has been through a sigmoid, which the loss will apply itself.": (
        lambda logits: logits.logsumexp(1).sigmoid()
    ),
    "real_logit is the largest of the ten logits; an image may also be real if two digits are possible.": (
        lambda logits: logits.max(1).values
    ),
    "real_logit is the sum of the ten logits; the logit of “any of the ten” adds their exponentials: logsumexp.": (
        lambda logits: logits.sum(1)
    ),
    "real_logit is the mean of the ten logits; the logit of “any of the ten” is their logsumexp.": (
        lambda logits: logits.mean(1)
    ),
    "real_logit is one of the ten logits: that is a head with an output of its own, and here there are only ten.": (
        lambda logits: logits[:, -1]
    ),
    "real_logit has the wrong sign: above 0 means real.": lambda logits: -logits.logsumexp(1),
}
