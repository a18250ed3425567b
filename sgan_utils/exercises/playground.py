"""The checks of lesson 5."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sgan_utils.exercises.checking import (
    SEEDS,
    NotYetError,
    alike,
    as_numbers,
    call,
    check,
    compare,
    need,
    need_number,
    need_pair,
)

VARIETY_MISTAKES: dict[str, Callable | Sequence[Callable]] = {
    "that measures how much ink there is, not how much the images differ.": [
        lambda i: i.mean(),
        lambda i: i.sum(),
        lambda i: (i - 0.5).abs().mean(),
    ],
    "that is the spread of all pixels together: one image with strokes and paper has that alone. Compare images.": [
        lambda i: i.std(),
        lambda i: i.var(),
        lambda i: i.std(correction=0),
        lambda i: i.flatten(1).std(1).mean(),
        lambda i: i.max() - i.min(),
    ],
    "the differences are signed, so those of a pair cancel: take abs() (or squares) first.": [
        lambda i: (i[:, None] - i[None]).mean(),
        lambda i: (i[:, None] - i[None]).mean().abs(),
        lambda i: (i - i.mean(0)).mean(),
        lambda i: (i[:, None] - i[None]).sum(),
    ],
    "you compare neighbours in the batch only, so the order of the images matters: look at all pairs.": [
        lambda i: (i[:-1] - i[1:]).abs().mean(),
        lambda i: i.diff(dim=0).abs().mean(),
        lambda i: (i[:-1] - i[1:]).square().mean(),
        lambda i: i.diff(dim=0).abs().sum(),
    ],
    "you compare all with one image only, so the order of the images matters: look at all pairs.": [
        lambda i: (i[0] - i).abs().mean(),
        lambda i: (i[0] - i[1:]).abs().mean(),
        lambda i: (i[0] - i).square().mean(),
        lambda i: (i[-1] - i).abs().mean(),
    ],
    "you look at two images only: look at all pairs.": [
        lambda i: (i[0] - i[1]).abs().mean(),
        lambda i: (i[0] - i[-1]).abs().mean(),
    ],
    "that is one value for each pixel; make one number of it, with mean().": [
        lambda i: i.std(0),
        lambda i: i.var(0),
        lambda i: (i[:, None] - i[None]).abs().mean((0, 1)),
        lambda i: i.std(0, correction=0),
    ],
    "that is one value for each pair; make one number of it, with mean().": [
        lambda i: (i[:, None] - i[None]).abs().mean((2, 3)),
        lambda i: torch.cdist(i.flatten(1), i.flatten(1)),
    ],
    "that is every pixel of every pair; make one number of it, with mean().": [
        lambda i: (i[:, None] - i[None]).abs(),
        lambda i: i[:, None] - i[None],
    ],
    "the largest difference says nothing of how many images differ: take the mean over the pairs.": [
        lambda i: (i[:, None] - i[None]).abs().max(),
        lambda i: (i[:, None] - i[None]).abs().mean((2, 3)).max(),
        lambda i: torch.cdist(i.flatten(1), i.flatten(1)).max(),
    ],
    "that counts different images, so hardly different ones are worth as much as a 1 and a 7.": [
        lambda i: len(i.unique(dim=0)),
        lambda i: len(i.unique(dim=0)) - 1,
    ],
    "that compares how much ink the images have; two different digits may have the same.": [
        lambda i: i.mean((1, 2)).std(),
        lambda i: i.sum((1, 2)).std(),
        lambda i: i.mean((1, 2)).var(),
        lambda i: (i.mean((1, 2))[:, None] - i.mean((1, 2))[None]).abs().mean(),
    ],
    "it falls where images differ more: turn its sign.": [
        lambda i: -(i[:, None] - i[None]).abs().mean(),
        lambda i: -i.std(0).mean(),
    ],
    "that is a likeness, largest for equal images: variety is 0 for them.": [
        lambda i: 1 - (i[:, None] - i[None]).abs().mean(),
        lambda i: 1 / (1 + (i[:, None] - i[None]).abs().mean()),
    ],
}


def check_variety(function: Callable[[Tensor], float]) -> bool:
    """Lesson 5: a number that is 0 if all images are the same, and the larger the more they differ."""

    def name_mistake(images: list[Tensor], answers: list[Any]) -> None:
        for sentence, computed in VARIETY_MISTAKES.items():
            for mistaken in computed if isinstance(computed, Sequence) else [computed]:
                if all(alike(answer, mistaken(i), 1e-5) for i, answer in zip(images, answers, strict=True)):
                    raise NotYetError(sentence)

    def examine() -> str:
        random = torch.Generator().manual_seed(0)
        mixtures = [torch.rand(4, 28, 28, generator=random) for _ in range(SEEDS)]
        name_mistake(mixtures, [call(function, images=images) for images in mixtures])
        for one, other, _, _ in mixtures:
            _need_growth(lambda images: need_number(call(function, images=images)), one, other)
        return (
            "0 for one picture again and again, more for more kinds, whatever their order. Mode collapse has a number."
        )

    return check(examine)


def _need_growth(variety: Callable[[Tensor], float], one: Tensor, other: Tensor) -> None:
    same = variety(torch.stack([one] * 4))
    need(abs(same) < 1e-5, f"four times the same image has no variety, yours says {same:.3g}.")
    few, many = torch.stack([one, one, one, other]), torch.stack([one, one, other, other])
    of_few, of_many = variety(few), variety(many)
    need(of_few > 1e-6, f"three times one image and once another do have some variety, yours says {of_few:.3g}.")
    need(of_many > of_few, "two and two images differ more than three and one do; yours does not say so.")
    for order in ([3, 1, 0, 2], [0, 3, 1, 2], [1, 0, 3, 2]):
        same = abs(variety(few[order]) - of_few) < 1e-5 * max(1, of_few)
        need(same, "the order of the images should not matter, with yours it does.")
    moved = variety(torch.stack([one, one.roll(5, 1), one.roll(9, 0), one]))
    need(moved > 1e-6, "images with the same ink in other places differ, too; yours says they do not.")
    nearly = variety(torch.stack([one, one, one, 0.9 * one + 0.1 * other]))
    need(nearly < of_few, "an image that differs only a little should count less than another image; yours says no.")


def _places(image: Tensor) -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    return rows, columns


def _centre(weights: Tensor) -> tuple[Tensor, Tensor]:
    rows, columns = _places(weights)
    return (rows * weights).sum() / weights.sum(), (columns * weights).sum() / weights.sum()


def _both(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The right centre, changed in both numbers."""
    return lambda image: (change(_centre(image)[0]), change(_centre(image)[1]))


def _brightest(image: Tensor) -> tuple[int, int]:
    row, column = divmod(int(image.argmax()), 28)
    return row, column


CENTRE_MISTAKES: dict[str, Callable | Sequence[Callable]] = {
    "row and column are the wrong way round: the row comes first.": lambda i: _centre(i)[::-1],
    "that is the middle of the places with ink. Darker pixels weigh more: weigh each place by its ink.": [
        lambda i: i.nonzero().double().mean(0),
        lambda i: _centre((i > 0).float()),
        lambda i: i.nonzero().float().mean(0).flip(0),
    ],
    "you round the ink to all or nothing; grey pixels weigh a part.": [
        lambda i: _centre((i > 0.5).float()),
        lambda i: _centre(i.round()),
    ],
    "that is the darkest pixel; the centre of mass is a mean over all.": _brightest,
    "that is the middle of the picture, wherever the ink lies.": [
        lambda i: (13.5, 13.5),
        lambda i: (14, 14),
        lambda i: (13, 13),
    ],
    "you forget to divide by the ink: a weighted mean is the weighted sum over the sum of the weights.": [
        lambda i: ((_places(i)[0] * i).sum(), (_places(i)[1] * i).sum()),
        lambda i: ((_places(i)[0] * i).mean(), (_places(i)[1] * i).mean()),
    ],
    "you divide by the number of pixels; divide by their ink.": [
        lambda i: ((_places(i)[0] * i).sum() / 28, (_places(i)[1] * i).sum() / 28),
        lambda i: ((_places(i)[0] * i).sum() / (i > 0).sum(), (_places(i)[1] * i).sum() / (i > 0).sum()),
    ],
    "you count rows and columns from 1; the first is 0.": _both(lambda place: place + 1),
    "that is a share of the side, from 0 to 1; the row's and the column's number is asked for.": [
        _both(lambda place: place / 28),
        _both(lambda place: place / 27),
    ],
    "you round to whole pixels; the middle may lie between two.": [
        _both(lambda place: place.round()),
        _both(lambda place: place.floor()),
    ],
    "that is measured from the middle of the picture; count from the top left corner.": [
        _both(lambda place: place - 13.5),
        _both(lambda place: place - 14),
    ],
    "that is how much ink there is in the row and column with the most; where are they?": [
        lambda i: (i.sum(1).max(), i.sum(0).max()),
    ],
    "that is the row and the column with the most ink; the centre of mass is a mean over all.": [
        lambda i: (i.sum(1).argmax(), i.sum(0).argmax()),
        lambda i: (i.sum(0).argmax(), i.sum(1).argmax()),
    ],
    "that is the middle of the box around the ink; weigh each place by its ink.": [
        lambda i: (i.nonzero().double().amin(0) + i.nonzero().double().amax(0)) / 2,
    ],
    "you weigh by the paper: 1 is ink.": lambda i: _centre(1 - i),
    "rows are counted from below; the first row is the top one.": lambda i: (27 - _centre(i)[0], _centre(i)[1]),
    "both numbers are the same one: rows need image.sum(1), columns image.sum(0).": [
        lambda i: (_centre(i)[0], _centre(i)[0]),
        lambda i: (_centre(i)[1], _centre(i)[1]),
    ],
}


def check_centre_of_mass(function: Callable[[Tensor], tuple[float, float]]) -> bool:
    """Lesson 5: where the ink of an image has its middle, as (row, column)."""

    def inputs(random: torch.Generator) -> dict[str, Tensor]:
        image = torch.zeros(28, 28)
        top, left = torch.randint(1, 12, (2,), generator=random).tolist()
        ink = torch.rand(9, 6, generator=random) * (torch.rand(9, 6, generator=random) < 0.4)
        image[top : top + 9, left : left + 6] = ink
        image[top + 8, left] = 0.9  # never without ink, and never alike in rows and columns
        return {"image": image}

    def two_numbers(answer: Any) -> None:
        need_pair(answer, "two numbers, row and column")
        found = as_numbers(answer)
        need(found is not None and found.isfinite().all(), f"{answer} is no place.")

    def tell(given: dict[str, Any], wanted: Any, answer: Any) -> str:
        row, column = need_pair(answer)
        right = f"({wanted[0]:.2f}, {wanted[1]:.2f})"
        return f"the ink of a random image has its middle at {right}, not at ({row:.2f}, {column:.2f})."

    def examine() -> str:
        compare(function, inputs, _centre, CENTRE_MISTAKES, two_numbers, tolerance=1e-3, tell=tell)
        return "each place weighs as much as its ink."

    return check(examine)
