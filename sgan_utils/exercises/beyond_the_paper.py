"""The checks of lesson 7."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sgan_utils.exercises.checking import call, check, need, need_tensor


def check_pseudo_labels(function: Callable[[Tensor, float], tuple[Tensor, Tensor]]) -> bool:
    """Lesson 7: from class logits to what D names each image, and whether it is sure enough."""

    def examine() -> str:
        probability = torch.tensor([[0.97, 0.02, 0.01], [0.30, 0.36, 0.34], [0.04, 0.04, 0.92], [0.05, 0.90, 0.05]])
        logits = (probability.log() + torch.tensor([[3.0], [-2.0], [0.5], [8.0]])).requires_grad_()
        answer = call(function, logits, 0.91)
        need(isinstance(answer, tuple | list) and len(answer) == 2, "return two tensors: the labels, and who is sure.")
        named, sure = need_tensor(answer[0], (4,)), need_tensor(answer[1], (4,))
        need(
            not named.is_floating_point(),
            "the first should be digits, whole numbers: max(1) gives the probability first, then the digit.",
        )
        need(named.tolist() == [0, 1, 2, 1], f"the labels should be [0, 1, 2, 1], yours are {named.tolist()}.")
        need(
            sure.dtype == torch.bool,
            "the second should say yes or no for each image: compare its probability with the confidence.",
        )
        need(
            sure.bool().tolist() != (logits.max(1).values >= 0.91).tolist(),
            "you compare logits with the confidence; it is a probability: softmax first.",
        )
        need(
            sure.bool().tolist() == [True, False, True, False],
            f"with confidence 0.91, sure should be [True, False, True, False], yours is {sure.tolist()}.",
        )
        return "the argmax, and whether its probability is large enough."

    return check(examine)


def check_moving_average(function: Callable[[Tensor, Tensor, float], Tensor]) -> bool:
    """Lesson 7: one update of a moving average of weights."""

    def examine() -> str:
        average, new = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([2.0, 1.0, 2.0])
        before = average.clone()
        answer = need_tensor(call(function, average, new, 0.9), (3,))
        wanted = 0.9 * before + 0.1 * new
        need(
            not torch.allclose(answer, 0.1 * before + 0.9 * new),
            "the other way round: decay is the share of the old average that is kept.",
        )
        need(torch.allclose(answer, wanted), f"it should be {wanted.tolist()}, yours is {answer.tolist()}.")
        return "decay of the old, the rest of the new."

    return check(examine)
