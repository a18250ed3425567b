"""The checks of lesson 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.config import SGANConfig
from sgan_utils.data import to_model_range
from sgan_utils.evaluation import believe
from sgan_utils.exercises.checking import check, compare, need, need_number, need_pair
from sgan_utils.models import Discriminator, build_models


def _matrix(random: torch.Generator) -> dict[str, Tensor]:
    """A confusion matrix: rows of different sums, most of each right, no two counts alike off the diagonal."""
    classes = int(torch.randint(4, 11, (1,), generator=random))
    matrix = torch.randperm(classes * classes, generator=random).reshape(classes, classes)
    matrix.diagonal().add_(torch.randint(60, 400, (classes,), generator=random))
    return {"confusion": matrix}


PER_CLASS_ACCURACY_MISTAKES = {
    "you divide by the column's sum, how often a digit was *named*; divide by how often it *was* that digit.": [
        lambda c: c.diagonal() / c.sum(0),
        lambda c: c.diagonal() / c.sum(0, keepdim=True).squeeze(0),
    ],
    "you divide by the number of all images; each digit has its own number, the sum of its row.": [
        lambda c: c.diagonal() / c.sum(),
    ],
    "that is the accuracy over all digits, one number; here each digit gets its own.": [
        lambda c: c.diagonal().sum() / c.sum(),
        lambda c: c.trace() / c.sum(),
    ],
    "those are counts of right answers; of how many images of that digit?": [lambda c: c.diagonal()],
    "// divides into whole numbers, and nearly all shares become 0: take /.": [lambda c: c.diagonal() // c.sum(1)],
    "those are the shares of *wrong* answers; accuracy is the rest.": [
        lambda c: 1 - c.diagonal() / c.sum(1),
        lambda c: (c.sum(1) - c.diagonal()) / c.sum(1),
    ],
    "those are percents; shares go from 0 to 1.": [
        lambda c: 100 * c.diagonal() / c.sum(1),
        lambda c: (100 * c.diagonal() / c.sum(1)).round(),
    ],
    "that is the whole matrix with each row divided by its sum; the right answers stand on its diagonal.": [
        lambda c: c / c.sum(1, keepdim=True),
        lambda c: c / c.sum(1),
    ],
    "you divide right answers by wrong ones; divide by all images of that digit.": [
        lambda c: c.diagonal() / (c.sum(1) - c.diagonal()),
    ],
    "you divide by the sum of the diagonal, all right answers; divide by the images of that digit.": [
        lambda c: c.diagonal() / c.diagonal().sum(),
    ],
    "that is the mean of row and column: accuracy of a digit asks about its row only.": [
        lambda c: 2 * c.diagonal() / (c.sum(0) + c.sum(1)),
    ],
    "that is the diagonal of nothing but a mean over rows: divide each digit's right answers by its own row's sum.": [
        lambda c: c.diagonal() / c.sum(1).float().mean(),
        lambda c: c.diagonal() / c.float().mean(1),
    ],
    "that is each row's mean, right and wrong alike: only the diagonal is right.": [lambda c: c.float().mean(1)],
    "those are the sums of the rows, how many images of each digit there are.": [lambda c: c.sum(1)],
}


def check_per_class_accuracy(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 4: from a confusion matrix (rows are true digits) to the accuracy of each digit."""

    def examine() -> str:
        compare(function, _matrix, lambda c: c.diagonal() / c.sum(1), PER_CLASS_ACCURACY_MISTAKES)
        return "each row's diagonal entry over the row's sum."

    return check(examine)


def _off_diagonal(matrix: Tensor) -> Tensor:
    return matrix.clone().fill_diagonal_(0)


def _largest(matrix: Tensor) -> tuple[int, int]:
    row, column = divmod(int(matrix.argmax()), matrix.shape[1])
    return row, column


MOST_CONFUSED_MISTAKES = {
    "the true digit (row) comes first, the predicted one (column) second.": [
        lambda c: _largest(_off_diagonal(c))[::-1],
    ],
    "that entry lies on the diagonal: those are the right answers. Leave them out.": [
        lambda c: _largest(c),
        lambda c: _largest(c / c.sum(1, keepdim=True)),
    ],
    "you look for the largest *share* of a row; the most frequent mistake is the largest count.": [
        lambda c: _largest(_off_diagonal(c) / c.sum(1, keepdim=True)),
        lambda c: _largest(_off_diagonal(c) / _off_diagonal(c).sum(1, keepdim=True)),
    ],
    "you look for the largest share of a column; the most frequent mistake is the largest count.": [
        lambda c: _largest(_off_diagonal(c) / c.sum(0, keepdim=True)),
        lambda c: _largest(_off_diagonal(c) / _off_diagonal(c).sum(0, keepdim=True)),
    ],
    "you add up both directions; a 7 taken for a 2 is another mistake than a 2 taken for a 7.": [
        lambda c: _largest((_off_diagonal(c) + _off_diagonal(c).T).triu()),
        lambda c: _largest((_off_diagonal(c) + _off_diagonal(c).T).triu())[::-1],
    ],
    "that is one number, which counts the entries row by row; which row and which column is it?": [
        lambda c: _off_diagonal(c).argmax(),
        lambda c: c.argmax(),
    ],
    "that is how often it happens; which two digits are it?": [lambda c: _off_diagonal(c).max()],
    "you look at one side of the diagonal only.": [
        lambda c: _largest(c.triu(1)),
        lambda c: _largest(c.tril(-1)),
    ],
    "that is the rarest mistake, not the most frequent one.": [
        lambda c: divmod(int(c.clone().fill_diagonal_(10**6).argmin()), len(c)),
        lambda c: divmod(int(c.argmin()), len(c)),
    ],
    "that is the digit with the most mistakes in all; the pair is asked for, one entry of the matrix.": [
        lambda c: _off_diagonal(c).sum(1).argmax(),
        lambda c: (
            int(_off_diagonal(c).sum(1).argmax()),
            int(_off_diagonal(c)[_off_diagonal(c).sum(1).argmax()].argmax()),
        ),
        lambda c: (int(_off_diagonal(c).sum(1).argmax()), int(_off_diagonal(c).sum(0).argmax())),
    ],
    "divide by the number of columns to get the row; the matrix is not always 10 wide, take len(confusion).": [
        lambda c: divmod(int(_off_diagonal(c).argmax()), 10),
    ],
    "those digits are counted from 1; the first row and column are digit 0.": [
        lambda c: tuple(place + 1 for place in _largest(_off_diagonal(c))),
    ],
    "those are the places of each row's largest entry; one pair for the whole matrix is asked for.": [
        lambda c: _off_diagonal(c).argmax(1),
        lambda c: _off_diagonal(c).argmax(0),
        lambda c: c.argmax(1),
    ],
}


def check_most_confused(function: Callable[[Tensor], tuple[int, int]]) -> bool:
    """Lesson 4: from a confusion matrix to the pair (true digit, predicted digit) of the most frequent mistake."""

    def two_digits(answer: Any) -> None:
        pair = need_pair(answer, "two digits")
        need(all(number == int(number) for number in pair), f"digits are whole numbers, yours are {pair}.")

    def tell(given: dict[str, Any], wanted: tuple[int, int], answer: Any) -> str:
        row, column = (int(number) for number in need_pair(answer))
        need(row != column, f"({row}, {column}) lies on the diagonal: those are the right answers. Leave them out.")
        return f"for {given['confusion'].tolist()} it should be {wanted}, yours is ({row}, {column})."

    def examine() -> str:
        compare(
            function, _matrix, lambda c: _largest(_off_diagonal(c)), MOST_CONFUSED_MISTAKES, form=two_digits, tell=tell
        )
        return "the largest entry off the diagonal, true digit first."

    return check(examine)


BATCH = 300  # images that the evaluation of exercise 3 takes at a time; the last batch is smaller


def _evaluation(at_once: bool, scaled: bool, in_evaluation_mode: bool) -> Callable[..., Tensor]:
    """An evaluation with some of the exercise's mistakes in it."""

    def accuracy(D: Discriminator, images: Tensor, labels: Tensor) -> Tensor:
        D.train(not in_evaluation_mode)
        right = []
        with torch.no_grad():
            for some, truth in zip(images.split(BATCH), labels.split(BATCH), strict=True):
                pixels = to_model_range(some) if scaled else some / 255
                right.append((D(pixels).class_logits.argmax(1) == truth).float())
        D.train()
        return torch.cat(right).mean() if at_once else torch.stack([batch.mean() for batch in right]).mean()

    return accuracy


_NOT_SCALED = "D sees pixels from 0 to 1, and was trained on -1 to 1: one of the mistakes is how images are scaled."
_TRAINING_MODE = "D is in training mode, so BatchNorm compares each image with its batch: switch to eval() first."
_MEAN_OF_MEANS = "the last batch is smaller and counts as much as a full one: add up right answers, divide at the end."
TEST_ACCURACY_MISTAKES = {
    _NOT_SCALED: [
        _evaluation(False, False, False),
        _evaluation(True, False, False),
        _evaluation(False, False, True),
        _evaluation(True, False, True),
    ],
    _TRAINING_MODE: [_evaluation(False, True, False), _evaluation(True, True, False)],
    _MEAN_OF_MEANS: [_evaluation(False, True, True)],
    "those are percents; accuracy goes from 0 to 1.": [lambda *given: 100 * _evaluation(True, True, True)(*given)],
    "that is the share of *wrong* answers.": [lambda *given: 1 - _evaluation(True, True, True)(*given)],
    "that is the number of right answers; divide by the number of images.": [
        lambda D, images, labels: len(labels) * _evaluation(True, True, True)(D, images, labels),
    ],
    "you look at the last batch only: gather the right answers of all.": [
        lambda D, images, labels: _evaluation(True, True, True)(D, images.split(BATCH)[-1], labels.split(BATCH)[-1]),
    ],
    "you look at the first batch only: gather the right answers of all.": [
        lambda D, images, labels: _evaluation(True, True, True)(D, images[:BATCH], labels[:BATCH]),
    ],
    "you divide by the number of batches times 300, more images than there are.": [
        lambda D, images, labels: (
            len(labels) * _evaluation(True, True, True)(D, images, labels) / (BATCH * len(labels.split(BATCH)))
        ),
    ],
}


def check_test_accuracy(function: Callable[[Discriminator, Tensor, Tensor], float]) -> bool:
    """Lesson 4: the share of images that D names rightly, in evaluation mode, on pixels as D knows them."""
    networks: list[Discriminator] = []

    def inputs(random: torch.Generator) -> dict[str, Any]:
        D = build_models(SGANConfig(channels_d=(2, 2, 2), weight_std=0.5, seed=random.initial_seed()))[1]
        count = BATCH + int(torch.randint(20, 90, (1,), generator=random))
        light = torch.rand(count, 1, 1, 1, generator=random).sort(0).values  # in order, so that a batch is one-sided
        images = (light * torch.randint(256, (count, 1, 28, 28), generator=random)).to(torch.uint8)
        with torch.no_grad():
            for _ in range(10):  # D's BatchNorm has seen such images, in another order
                D(to_model_range(images[torch.randperm(count, generator=random)[:60]]))
        labels = believe(D, images).class_logits.argmax(1)
        wrong = torch.rand(count, generator=random) < light.flatten() ** 2  # more of them towards the end
        labels = torch.where(wrong, (labels + 1) % 10, labels)
        networks.append(D)  # in training mode, as it is between two steps
        return {"D": D, "images": images, "labels": labels}

    def examine() -> str:
        compare(function, inputs, _evaluation(True, True, True), TEST_ACCURACY_MISTAKES, need_number, tolerance=1e-5)
        kept = all(D.training for D in networks)
        need(kept, "right, but D came in training mode and is left in evaluation mode: its training would go on so.")
        return "all three mistakes are mended: the pixels, the mode, and the mean."

    return check(examine)
