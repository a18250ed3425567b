"""The checks of lesson 2."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import NotYetError, call, check, need, need_tensor
from sgan_utils.models import count_parameters, n_plus_1_head


def check_output_size(function: Callable[[int, int, int, int], int]) -> bool:
    """Lesson 2: how many pixels a convolution leaves, from size, kernel, stride and padding."""

    def examine() -> str:
        for size, kernel, stride, padding in ((28, 3, 1, 1), (28, 5, 2, 2), (14, 5, 2, 2), (7, 3, 2, 1), (28, 4, 3, 0)):
            wanted = nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size, size)).shape[-1]
            answer = call(function, size, kernel, stride, padding)
            need(
                answer == wanted,
                f"size {size}, kernel {kernel}, stride {stride}, padding {padding}: PyTorch leaves {wanted} pixels, "
                f"your function says {answer}.",
            )
            need(isinstance(answer, int), f"pixels are whole: return an int, not {answer!r} (// divides so).")
        return "your formula agrees with PyTorch on five convolutions, D's own three among them."

    return check(examine)


def check_probability_real(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 2: from 11 outputs (the last one "generated") to the probability that an image is real."""

    def examine() -> str:
        outputs = torch.randn(6, CLASSES + 1, generator=torch.Generator().manual_seed(0))
        answer = need_tensor(call(function, outputs), (6,)).float()
        need(((answer >= 0) & (answer <= 1)).all(), f"a probability lies from 0 to 1, yours are {answer.tolist()}.")
        wanted = n_plus_1_head(outputs, outputs).real_logit.sigmoid()
        need(
            not torch.allclose(answer, 1 - wanted, atol=1e-5),
            "that is the probability of *generated*; real is the rest.",
        )
        difference = (answer - wanted).abs().max().item()
        need(difference < 1e-5, f"the largest difference from the 11-way softmax is {difference:.3g}.")
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
    shape, before = tuple(images.shape[1:]), images.clone()
    try:
        belief = call(D, images)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise NotYetError(
            f"for images of shape {shape} your D raised: {first}. Which number in its layers should follow from "
            "colours or size?"
        ) from error
    need(
        all(hasattr(belief, name) for name in ("class_logits", "real_logit", "features")),
        f"D returns a Belief(class_logits, real_logit, features); yours returns a {type(belief).__name__}.",
    )
    need(
        torch.equal(images, before), "your D changes the images that it is given (an inplace activation comes first?)."
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
