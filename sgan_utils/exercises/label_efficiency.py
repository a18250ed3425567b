"""The checks of lesson 6."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sgan_utils.exercises.checking import check, compare, need, need_number, need_pair

STUDENT = 2.262  # Student's t for ten values and 95%


def _around_mean(half: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    return lambda d: (d.mean() - half(d), d.mean() + half(d))


def _error(d: Tensor) -> Tensor:
    return d.std() / len(d) ** 0.5


INTERVAL_MISTAKES: dict[str, Callable | Sequence[Callable]] = {
    "the low end comes first.": lambda d: _around_mean(lambda d: -STUDENT * _error(d))(d),
    "that is the spread of single runs; the mean of n of them is surer by a factor of √n.": [
        _around_mean(lambda d: STUDENT * d.std()),
        _around_mean(lambda d: d.std()),
        _around_mean(lambda d: 1.96 * d.std()),
    ],
    "divide the standard deviation by √n, not by n.": _around_mean(lambda d: STUDENT * d.std() / len(d)),
    "you divide by √(n - 1); the n - 1 stands in the standard deviation already, so here it is √n.": [
        _around_mean(lambda d: STUDENT * d.std() / (len(d) - 1) ** 0.5),
    ],
    "that is one standard error on each side; for 95% take 2.262 of them.": _around_mean(_error),
    "your standard deviation divides by n; for a sample it is n - 1 (torch's std() does that, numpy's with ddof=1).": [
        _around_mean(lambda d: STUDENT * d.std(correction=0) / len(d) ** 0.5),
    ],
    "1.96 is right for very many runs; with ten, take 2.262 from Student's t.": [
        _around_mean(lambda d: 1.96 * _error(d)),
        _around_mean(lambda d: 2 * _error(d)),
        _around_mean(lambda d: 1.645 * _error(d)),
    ],
    "that takes the variance, in squared units; its root is the standard deviation, std().": [
        _around_mean(lambda d: STUDENT * d.var() / len(d) ** 0.5),
        _around_mean(lambda d: STUDENT * d.var() / len(d)),
    ],
    "that is from the smallest to the largest difference: where single runs lie, not how sure their mean is.": [
        lambda d: (d.min(), d.max()),
    ],
    "those are quantiles of single runs, not how sure their mean is.": [
        lambda d: (d.quantile(0.025), d.quantile(0.975)),
        lambda d: (d.quantile(0.25), d.quantile(0.75)),
        lambda d: (d.quantile(0.05), d.quantile(0.95)),
    ],
    "those are the mean and the half width; return mean - half and mean + half.": [
        lambda d: (d.mean(), STUDENT * _error(d)),
        lambda d: (d.mean(), _error(d)),
        lambda d: (d.mean(), d.std()),
    ],
    "that lies around 0; it should lie around the mean of the differences.": [
        lambda d: (-STUDENT * _error(d), STUDENT * _error(d)),
    ],
    "that lies around the median; Student's t belongs to the mean.": [
        lambda d: (d.median() - STUDENT * _error(d), d.median() + STUDENT * _error(d)),
        lambda d: (d.quantile(0.5) - STUDENT * _error(d), d.quantile(0.5) + STUDENT * _error(d)),
    ],
    "one end is the mean itself: go 2.262 standard errors to *both* sides.": [
        lambda d: (d.mean(), d.mean() + STUDENT * _error(d)),
        lambda d: (d.mean() - STUDENT * _error(d), d.mean()),
    ],
    "2.262 standard errors go to *each* side; you share them between both.": [
        _around_mean(lambda d: STUDENT / 2 * _error(d)),
    ],
    "you lose the signs: a seed for which the method is worse counts as a gain.": [
        lambda d: _around_mean(lambda d: STUDENT * _error(d))(d.abs()),
    ],
}


def check_confidence_interval(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 6: from paired differences to the 95% confidence interval of their mean."""

    def inputs(random: torch.Generator) -> dict[str, Tensor]:
        return {"differences": 0.03 + 0.05 * torch.randn(10, generator=random, dtype=torch.float64)}

    def two_numbers(answer: Any) -> None:
        low, high = need_pair(answer, "two numbers, the low end and the high end")
        need(low < high, f"the low end comes first, yours are {low:.4f} and {high:.4f}.")

    def tell(given: dict[str, Any], wanted: tuple[Tensor, Tensor], answer: Any) -> str:
        low, high = need_pair(answer)
        mean, middle = given["differences"].mean(), (low + high) / 2
        need(
            abs(middle - mean) < 1e-6,
            f"the interval should lie around the mean of the differences, {mean:.4f}, yours lies around {middle:.4f}.",
        )
        return f"it should be {wanted[0]:.4f} to {wanted[1]:.4f}, yours is {low:.4f} to {high:.4f}."

    def examine() -> str:
        right = _around_mean(lambda d: STUDENT * _error(d))
        answers = compare(function, inputs, right, INTERVAL_MISTAKES, two_numbers, tolerance=1e-5, tell=tell)
        low, high = need_pair(answers[0])
        return f"such as {low:.3f} to {high:.3f}: a gain, with ten seeds' worth of doubt."

    return check(examine)


def _by_chance(accuracies: Tensor, chance: Tensor) -> Tensor:
    return (accuracies * chance.diff()).sum()


def _chances(accuracies: Tensor, tries: int) -> Tensor:
    """How likely it is that all tries stay among the i worst, for i from 0 to n."""
    return torch.linspace(0, 1, len(accuracies) + 1, dtype=torch.float64) ** tries


def _without_putting_back(accuracies: Tensor, tries: int) -> Tensor:
    ranks = torch.arange(len(accuracies) + 1, dtype=torch.float64)
    chance = torch.ones_like(ranks)
    for taken in range(min(tries, len(accuracies))):
        chance = chance * ((ranks - taken) / (len(accuracies) - taken)).clamp(min=0)
    return _by_chance(accuracies.sort().values, chance)


BEST_OF_MISTAKES: dict[str, Callable | Sequence[Callable]] = {
    "that is the best of all; with a few tries one is not always so lucky.": lambda a, tries: a.max(),
    "that is the mean of all: right for one try, but whoever has more tries reports the best of them.": [
        lambda a, tries: a.mean(),
    ],
    "that is the median; whoever has several tries reports the best of them.": lambda a, tries: a.quantile(0.5),
    "sort the accuracies first: the i worst come first.": lambda a, tries: _by_chance(a, _chances(a, tries)),
    "do you draw without putting back? The same run may come twice.": _without_putting_back,
    "you take the first runs of the list; they are drawn at random.": [
        lambda a, tries: a[:tries].max(),
        lambda a, tries: a[:tries].mean(),
    ],
    "that is the mean of the best runs; of the runs that are drawn, only the best one is reported.": [
        lambda a, tries: a.topk(min(tries, len(a))).values.mean(),
    ],
    "that is the *worst* of the tries on average: the accuracies are sorted from high to low.": [
        lambda a, tries: _by_chance(a.sort(descending=True).values, _chances(a, tries)),
    ],
    "the exponent is missing: the chance that *all* tries stay among the i worst is (i / n) ** tries.": [
        lambda a, tries: _by_chance(a.sort().values, _chances(a, 1) * tries),
    ],
    "that is one draw; on average means over thousands of them.": [
        lambda a, tries: a[torch.randint(len(a), (tries,))].max(),
        lambda a, tries: a[torch.randperm(len(a))[:tries]].max(),
    ],
    "the chance that the best is run i is (i / n) ** tries - ((i - 1) / n) ** tries; you leave out the second part.": [
        lambda a, tries: (a.sort().values * _chances(a, tries)[1:]).sum(),
        lambda a, tries: (a.sort().values * _chances(a, tries)[1:]).mean(),
    ],
    "the ranks go from 1 to n, (i / n) ** tries; yours start one too low.": [
        lambda a, tries: (
            a.sort().values * torch.linspace(0, 1, len(a), dtype=a.dtype).pow(tries).diff(append=torch.ones(1))
        ).sum(),
        lambda a, tries: (a.sort().values[1:] * torch.linspace(0, 1, len(a), dtype=a.dtype).pow(tries).diff()).sum(),
    ],
    "that is a share of tries between mean and best; work out how likely each run is to be the best.": [
        lambda a, tries: a.mean() + (a.max() - a.mean()) * (1 - 1 / tries),
        lambda a, tries: a.mean() + (a.max() - a.mean()) * min(1.0, tries / len(a)),
    ],
    "that takes the best of the n runs tries times; each try is one run.": [
        lambda a, tries: _by_chance(a.sort().values, _chances(a, tries * len(a))),
    ],
}


def check_best_of(function: Callable[[Tensor, int], float]) -> bool:
    """Lesson 6: the accuracy that is reported, on average, by whoever runs ``tries`` seeds and reports the best."""

    def inputs(random: torch.Generator) -> dict[str, Any]:
        tries = 1 + random.initial_seed() % 4
        count = int(torch.randint(5, 8, (1,), generator=random))
        return {"accuracies": torch.rand(count, generator=random, dtype=torch.float64), "tries": tries}

    def tell(given: dict[str, Any], wanted: Tensor, answer: Any) -> str:
        accuracies = [round(value, 3) for value in given["accuracies"].tolist()]
        return (
            f"for {accuracies} and tries={given['tries']} it should be {wanted:.3f}, yours is "
            f"{need_number(answer):.3f} (if you draw, draw ten thousand times)."
        )

    def examine() -> str:
        def right(a: Tensor, tries: int) -> Tensor:
            return _by_chance(a.sort().values, _chances(a, tries))

        # Whoever draws has a little luck, too.
        compare(function, inputs, right, BEST_OF_MISTAKES, need_number, tolerance=0.007, tell=tell)
        return "one try gives the mean, many tries come near the best: luck that can be bought."

    return check(examine)
