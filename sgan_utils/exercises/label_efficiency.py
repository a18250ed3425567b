"""The checks of lesson 6."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sgan_utils.exercises.checking import call, check, need


def check_confidence_interval(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 6: from paired differences to the 95% confidence interval of their mean."""

    def examine() -> str:
        differences = torch.tensor([0.04, 0.10, 0.01, 0.07, 0.03, 0.05, 0.09, 0.02, 0.06, 0.03], dtype=torch.float64)
        mean, error = differences.mean(), differences.std() / len(differences) ** 0.5
        wanted = (float(mean - 2.262 * error), float(mean + 2.262 * error))
        answer = call(function, differences)
        two = isinstance(answer, tuple | list) or (isinstance(answer, Tensor) and answer.dim() == 1)
        need(two and len(answer) == 2, "return two numbers: the low end and the high end.")
        low, high = float(answer[0]), float(answer[1])
        need(low < high, f"the low end comes first, yours are {low:.4f} and {high:.4f}.")
        width, right = high - low, wanted[1] - wanted[0]
        need(
            abs((low + high) / 2 - mean) < 1e-6,
            f"the interval should lie around the mean of the differences, {mean:.3f}.",
        )
        spread = 2 * 2.262 * differences.std()
        need(
            abs(width - spread) > 1e-3,
            "that is the spread of single runs; the mean of n of them is surer by a factor of √n.",
        )
        need(abs(width - right / 10**0.5) > 1e-4, "divide the standard deviation by √n, not by n.")
        need(
            abs(width - right / 2.262) > 1e-4,
            "that is one standard error on each side; for 95% take 2.262 of them.",
        )
        need(
            abs(width - right * (9 / 10) ** 0.5) > 1e-4,
            "your standard deviation divides by n; for a sample it is n - 1 (torch's std() does that).",
        )
        need(
            abs(width - right * 1.96 / 2.262) > 1e-4,
            "1.96 is right for very many runs; with ten, take 2.262 from Student's t.",
        )
        need(
            abs(width - right) < 1e-4,
            f"it should be {wanted[0]:.4f} to {wanted[1]:.4f}, yours is {low:.4f} to {high:.4f}.",
        )
        return f"from {low:.3f} to {high:.3f}: a gain above zero, with ten seeds' worth of doubt."

    return check(examine)


def check_best_of(function: Callable[[Tensor, int], float]) -> bool:
    """Lesson 6: the accuracy that is reported, on average, by whoever runs ``tries`` seeds and reports the best."""

    def examine() -> str:
        accuracies = torch.tensor([0.70, 0.90, 0.80, 0.60], dtype=torch.float64)
        for tries, wanted in ((1, 0.75), (2, 0.8125), (8, 0.8897)):
            answer = float(call(function, accuracies, tries))
            need(abs(answer - 0.9) > 1e-4, "that is the best of all; with a few tries one is not always so lucky.")
            need(
                tries != 2 or abs(answer - 0.8333) > 0.008,
                "do you draw without putting back? The same run may come twice.",
            )
            need(tries != 2 or abs(answer - 0.725) > 0.008, "sort the accuracies first: the i worst come first.")
            need(
                abs(answer - wanted) < 0.01,  # whoever draws has a little luck, too
                f"for {accuracies.tolist()} and tries={tries} it should be {wanted:.3f}, yours is {answer:.3f} "
                "(if you draw, draw ten thousand times).",
            )
        return "one try gives the mean, many tries come near the best: luck that can be bought."

    return check(examine)
