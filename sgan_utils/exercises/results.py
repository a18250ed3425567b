"""The checks of lesson 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.exercises.checking import call, check, need, need_tensor


def check_per_class_accuracy(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 4: from a confusion matrix (rows are true digits) to the accuracy of each digit."""

    def examine() -> str:
        matrix = torch.tensor([[8, 2, 0], [1, 9, 10], [0, 0, 5]])
        answer = need_tensor(call(function, matrix), (3,)).double()
        wanted = torch.tensor([0.8, 0.45, 1.0], dtype=torch.float64)
        by_column = matrix.diagonal() / matrix.sum(0)
        need(
            not torch.allclose(answer, by_column.double(), atol=1e-4),
            "you divide by the column's sum, how often a digit was *named*; divide by how often it *was* that digit.",
        )
        need(torch.allclose(answer, wanted, atol=1e-4), f"it should be {wanted.tolist()}, yours is {answer.tolist()}.")
        return "each row's diagonal entry over the row's sum."

    return check(examine)


def check_most_confused(function: Callable[[Tensor], tuple[int, int]]) -> bool:
    """Lesson 4: from a confusion matrix to the pair (true digit, named digit) of the most frequent mistake."""

    def examine() -> str:
        matrix = torch.tensor([[90, 3, 7], [1, 80, 2], [4, 9, 70]])
        for case, wanted in ((matrix, (2, 1)), (matrix.T.contiguous(), (1, 2))):
            answer = call(function, case)
            pair = _whole_numbers(answer)
            need(len(pair) == 2, f"two digits are wanted, your function returns {answer!r}.")
            need(pair[0] != pair[1], f"{pair} lies on the diagonal: those are the right answers. Leave them out.")
            need(pair != wanted[::-1], "the true digit (row) comes first, the named one (column) second.")
            need(pair == wanted, f"for {case.tolist()} it should be {wanted}, yours is {pair}.")
        return "the largest entry off the diagonal, true digit first."

    return check(examine)


def _whole_numbers(answer: Any) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in answer)
    except TypeError:  # not several numbers, but one, or something else
        return ()
