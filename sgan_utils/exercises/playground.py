"""The checks of lesson 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.exercises.checking import NotYetError, call, check, need


def check_variety(function: Callable[[Tensor], float]) -> bool:
    """Lesson 5: a number that is 0 if all images are the same, and the larger the more they differ."""

    def examine() -> str:
        random = torch.Generator().manual_seed(0)
        one, other = torch.rand(2, 1, 28, 28, generator=random)
        same = torch.stack([one] * 4)
        answer = call(function, same)
        need(isinstance(answer, float | int | Tensor), f"a number is wanted, got a {type(answer).__name__}.")
        need(abs(float(answer)) < 1e-6, f"four times the same image has no variety, yours says {float(answer):.3g}.")
        few, many = torch.stack([one, one, one, other]), torch.stack([one, one, other, other])
        reached = [float(call(function, images)) for images in (few, many)]
        need(reached[0] > 1e-6, "three times one image and once another do have some variety, yours says none.")
        need(
            reached[1] > reached[0],
            "two and two images differ more than three and one do; yours does not say so. Are all pairs looked at?",
        )
        shuffled = float(call(function, few[[3, 1, 0, 2]]))
        need(abs(shuffled - reached[0]) < 1e-5, "the order of the images should not matter, with yours it does.")
        return (
            "0 for one picture again and again, more for more kinds, whatever their order. Mode collapse has a number."
        )

    return check(examine)


def check_centre_of_mass(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 5: where the ink of an image has its middle, as (row, column)."""

    def examine() -> str:
        image = torch.zeros(28, 28)
        image[4, 9] = 1.0
        answer = _two_numbers(call(function, image))
        need(answer != (9.0, 4.0), "row and column are the wrong way round: the row comes first.")
        need(_close(answer, (4, 9)), f"a single dot in row 4, column 9 has its middle there, not at {answer}.")
        image[4, 19] = 3.0
        answer = _two_numbers(call(function, image))
        need(
            not _close(answer, (4, 14)),
            "that is the middle of the places. Darker pixels weigh more: weigh each place by its ink.",
        )
        need(_close(answer, (4, 16.5)), f"ink 1 at column 9 and ink 3 at column 19 balance at 16.5, not at {answer}.")
        return "each place weighs as much as its ink."

    return check(examine)


def _two_numbers(answer: Any) -> tuple[float, float]:
    try:
        row, column = (float(number) for number in answer)
    except (TypeError, ValueError):
        raise NotYetError("two numbers are wanted: return row, column.") from None
    return row, column


def _close(answer: tuple[float, float], wanted: tuple[float, float]) -> bool:
    return all(abs(ours - theirs) < 1e-3 for ours, theirs in zip(answer, wanted, strict=True))
