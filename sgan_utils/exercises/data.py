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


LABEL_BUDGET, LABELLED_BATCH, CALLS = 100, 20, 100


def check_labelled_batch(function: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]) -> bool:
    """Lesson 1: batches of 20 labelled images, all from one balanced budget of 100 labels."""

    def examine() -> str:
        for seed in range(2):
            random = torch.Generator().manual_seed(seed)
            labels = torch.randint(CLASSES, (1_500,), generator=random)
            place = torch.arange(len(labels))  # written into each image, so that we know it again
            images = torch.stack([place % 256, place // 256], dim=1).to(torch.uint8).reshape(-1, 1, 1, 2)
            used = torch.cat([_places_of_batch(function, images, labels, step) for step in range(CALLS)])
            _judge_budget(used.unique(), labels)
        return (
            f"over {CALLS} steps training saw {LABEL_BUDGET} images with their label, ten of each digit, and no more."
        )

    return check(examine)


def _places_of_batch(
    function: Callable[..., tuple[Tensor, Tensor]], images: Tensor, labels: Tensor, step: int
) -> Tensor:
    """Where the images of one batch stand among all images, after a look at shapes and labels."""
    given = images.clone(), labels.clone()
    answer = call(function, images, labels, step)
    need(isinstance(answer, (tuple, list)) and len(answer) == 2, "return two tensors: the images, and their labels.")
    need(torch.equal(images, given[0]) and torch.equal(labels, given[1]), "your function changes what it is given.")
    count = len(answer[0])
    need(
        count != LABEL_BUDGET,
        f"a batch has all {LABEL_BUDGET} images; {LABELLED_BATCH} of them are wanted in each step.",
    )
    pixels = need_tensor(answer[0], (LABELLED_BATCH, *images.shape[1:]))
    places = (pixels.long().flatten(1) * torch.tensor([1, 256])).sum(1)
    known = places.clamp(0, len(labels) - 1)
    need(torch.equal(images[known], pixels), "the images of a batch are none of those that your function was given.")
    named = need_tensor(answer[1], (LABELLED_BATCH,))
    need(
        torch.equal(named, labels[known]),
        "images and labels of a batch do not belong together: take both with the same indices.",
    )
    need(len(places.unique()) == LABELLED_BATCH, "a batch has the same image twice: draw without replacement.")
    return places


def _judge_budget(used: Tensor, labels: Tensor) -> None:
    """Compare the labels that were used over many steps with the budget, and name what the difference comes from."""
    counts = torch.bincount(labels[used], minlength=CLASSES).tolist()
    need(
        len(used) > LABELLED_BATCH,
        f"every step hands out the same {LABELLED_BATCH} images: the other {LABEL_BUDGET - LABELLED_BATCH} labels, "
        "which are paid for, are never used. Draw the budget once, and another part of it in each step.",
    )
    need(
        len(used) <= LABEL_BUDGET,
        f"over {CALLS} steps training saw the labels of {len(used)} images, not of {LABEL_BUDGET}: the budget is drawn "
        "anew in every step. What makes each draw another one?",
    )
    need(
        not torch.equal(used, torch.arange(len(used))),
        f"the budget is the first {LABEL_BUDGET} images, {counts} of the digits 0 to 9: balance it.",
    )
    need(
        max(counts) - min(counts) <= 1,
        f"the budget is not balanced: the digits 0 to 9 have {counts} labels.",
    )
    need(len(used) == LABEL_BUDGET, f"only {len(used)} of the {LABEL_BUDGET} labels are ever used.")
