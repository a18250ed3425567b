"""The checks of lesson 2."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import call, check, need, need_tensor
from sgan_utils.models import n_plus_1_head


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
