"""The checks of lesson 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import call, check, need, need_tensor


def check_to_model_range(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 1: bytes from 0 to 255 become floats from -1 to 1."""

    def examine() -> str:
        pixels = torch.tensor([[0, 51, 204, 255]], dtype=torch.uint8)
        answer = need_tensor(call(function, pixels), (1, 4))
        need(answer.is_floating_point(), f"the answer should hold floats, yours holds {answer.dtype}.")
        low, high = answer.min().item(), answer.max().item()
        need(low >= -1.001 and high <= 1.001, f"values should lie from -1 to 1, yours from {low:.3g} to {high:.3g}.")
        need(abs(low + 1) < 1e-4, f"paper (0) should become -1, yours becomes {answer[0, 0].item():.3g}.")
        wanted = torch.tensor([[-1.0, -0.6, 0.6, 1.0]])
        need(torch.allclose(answer.float(), wanted, atol=1e-4), f"[0, 51, 204, 255] became {answer[0].tolist()}.")
        need(pixels[0, 3] == 255, "your function changes the images it is given; work on a copy.")
        return "0 becomes -1 and 255 becomes 1, with everything else in between: the range of G's tanh."

    return check(examine)


def check_balanced_draw(function: Callable[[Tensor, int], Tensor]) -> bool:
    """Lesson 1: indices of ``per_class`` images of each digit, without replacement."""

    def examine() -> str:
        labels = torch.randint(CLASSES, (2_000,), generator=torch.Generator().manual_seed(0))
        for per_class in (1, 10):
            answer = need_tensor(call(function, labels, per_class), (CLASSES * per_class,))
            need(len(answer.unique()) == len(answer), f"{len(answer) - len(answer.unique())} images are drawn twice.")
            counts = torch.bincount(labels[answer], minlength=CLASSES).tolist()
            need(set(counts) == {per_class}, f"asked for {per_class} of each digit, the digits 0 to 9 got {counts}.")
        return "every digit gets the same number of images, and none is drawn twice."

    return check(examine)
