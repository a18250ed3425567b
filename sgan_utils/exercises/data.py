"""The checks of lesson 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.config import CLASSES
from sgan_utils.exercises.checking import NotYetError, as_numbers, call, check, compare, need, need_tensor

MODEL_RANGE_MISTAKES = {
    "your bytes wrap around: 2 * 200 is 144 in uint8, which ends at 255. Turn them into floats first.": [
        lambda p: p * 2 / 255 - 1,
        lambda p: (p * 2 - 255) / 255,
        lambda p: (p - 128) / 128,
        lambda p: (p - 128) / 127.5,
        lambda p: (p - 127) / 127.5,
        lambda p: p * 2 / 255.0 - 1.0,
    ],
    "that is 0 to 1, what ToTensor gives: the models want -1 to 1, so stretch it to twice the length and shift it.": [
        lambda p: p / 255,
    ],
    "that is 0 to 2: the length is right, now shift it so that the middle becomes 0.": [lambda p: p / 127.5],
    "that is -0.5 to 0.5: centred, but only half as long as the range of tanh.": [lambda p: p / 255 - 0.5],
    "they are floats now, but still from 0 to 255.": [lambda p: p.float(), lambda p: p],
    "paper and ink are exchanged: 0 should become -1 and 255 should become 1.": [lambda p: 1 - p / 127.5],
    "you stretch by the smallest and largest pixel of each batch: a pale image would turn dark. Use 0 and 255.": [
        lambda p: 2 * (p.float() - p.min()) / (p.max().float() - p.min()) - 1,
        lambda p: (p.float() - p.min()) / (p.max().float() - p.min()),
    ],
    "you standardise by the batch's own mean and spread, so an image's pixels depend on its neighbours.": [
        lambda p: (p.float() - p.float().mean()) / p.float().std(),
        lambda p: (p / 255 - (p / 255).mean()) / (p / 255).std(),
    ],
    "that is MNIST's mean 0.1307 and spread 0.3081, common for classifiers; tanh ends at -1 and 1, so the data must.": [
        lambda p: (p / 255 - 0.1307) / 0.3081,
    ],
    "255 does not quite become 1: there are 256 bytes, but the largest is 255. Divide by 127.5.": [
        lambda p: p / 128 - 1,
        lambda p: (p.float() - 128) / 128,
        lambda p: p / 256 * 2 - 1,
    ],
    "you divide into whole numbers (// or .long()), and all greys in between are lost.": [
        lambda p: p // 127.5 - 1,
        lambda p: p.long() // 127 - 1,
        lambda p: (p.float() / 127.5 - 1).long(),
        lambda p: (p.float() / 127.5 - 1).round(),
        lambda p: 2 * (p // 255).float() - 1,
    ],
    "that leaves only -1 and 1: greys are to lie in between.": [
        lambda p: (p > 127).float() * 2 - 1,
        lambda p: (p > 0).float() * 2 - 1,
        lambda p: (p.float() - 127.5).sign(),
    ],
}


def check_to_model_range(function: Callable[[Tensor], Tensor]) -> bool:
    """Lesson 1: bytes from 0 to 255 become floats from -1 to 1."""

    def inputs(random: torch.Generator) -> dict[str, Tensor]:
        low, high = torch.randint(0, 60, (2,), generator=random).tolist()  # pale images, too
        pixels = torch.randint(low, 256 - high, (3, 1, 6, 5), generator=random)
        return {"pixels": pixels.to(torch.uint8)}

    def floats(answer: Any) -> None:
        need(need_tensor(answer).is_floating_point(), f"the answer should hold floats, yours holds {answer.dtype}.")

    def tell(given: dict[str, Any], wanted: Tensor, answer: Any) -> str:
        found = need_tensor(answer, tuple(wanted.shape))
        low, high = found.min().item(), found.max().item()
        if low < -1.001 or high > 1.001:
            return f"values should lie from -1 to 1, yours reach from {low:.3g} to {high:.3g}."
        worst = (found - wanted).abs().argmax()
        pixel, ours, theirs = (values.flatten()[worst].item() for values in (given["pixels"], wanted, found))
        return f"a pixel of {pixel} should become {ours:.4f}, yours becomes {theirs:.4f}."

    def examine() -> str:
        compare(function, inputs, lambda p: p / 127.5 - 1, MODEL_RANGE_MISTAKES, form=floats, tell=tell)
        return "0 becomes -1 and 255 becomes 1, with everything else in between: the range of G's tanh."

    return check(examine)


def check_balanced_draw(function: Callable[[Tensor, int], Tensor]) -> bool:
    """Lesson 1: indices of ``per_class`` images of each digit, without replacement."""

    def examine() -> str:
        drawn = []
        for seed, per_class in enumerate((1, 3, 10, 20)):
            labels = torch.randint(CLASSES, (2_000,), generator=torch.Generator().manual_seed(seed))
            if seed == 1:
                labels = labels.sort().values
            answer = call(function, labels=labels, per_class=per_class)
            drawn.append((labels, per_class, _as_indices(answer, labels, per_class)))
        for fault in _FAULTS_OF_ALL:
            if all(fault(*one) for one in drawn):
                raise NotYetError(_FAULTS_OF_ALL[fault])
        for labels, per_class, indices in drawn:
            _need_balance(labels, per_class, indices)
        return "every digit gets the same number of images, and none is drawn twice."

    return check(examine)


def _as_indices(answer: Any, labels: Tensor, per_class: int) -> Tensor:
    found = need_tensor(answer)
    mask = found.dtype == torch.bool and found.shape == labels.shape
    need(not mask, "that says yes or no for every image; the indices of the yes are mask.nonzero().squeeze(1).")
    table = found.shape == (CLASSES, per_class)
    need(not table, "that is a table with a row for each digit: make one long list of it with .flatten() or torch.cat.")
    need(found.dim() == 1, f"the answer should have shape ({CLASSES * per_class},), yours has {tuple(found.shape)}.")
    numbers = as_numbers(found)
    assert numbers is not None
    need((numbers == numbers.round()).all(), "indices are whole numbers, yours are not.")
    need(not found.is_floating_point(), f"indices are whole numbers, yours are {found.dtype}: make them .long().")
    if len(found):
        low, high = int(found.min()), int(found.max())
        need(low >= 0 and high < len(labels), f"indices go from 0 to {len(labels) - 1}, yours from {low} to {high}.")
    return found.long()


def _of_each(labels: Tensor, per_class: int, indices: Tensor) -> Tensor:
    return torch.bincount(labels[indices], minlength=CLASSES)


def _as_drawn(labels: Tensor, per_class: int, indices: Tensor, end: int) -> bool:
    """Whether these are always the first (1) or the last (-1) of each digit."""
    for digit in range(CLASSES):
        members = (labels == digit).nonzero().squeeze(1)
        wanted = members[:per_class] if end == 1 else members[-per_class:]
        if sorted(indices[labels[indices] == digit].tolist()) != wanted.tolist():
            return False
    return True


# What all answers have in common if this was the mistake, in the order in which it is asked.
_FAULTS_OF_ALL: dict[Callable[[Tensor, int, Tensor], bool], str] = {
    lambda labels, n, i: len(i) == CLASSES * n and bool((i < CLASSES).all()): (
        "those are digits, the labels themselves: return the places where they stand, with nonzero()."
    ),
    lambda labels, n, i: len(i) == CLASSES: (
        "one image of each digit comes back, however many are asked for: use per_class."
    ),
    lambda labels, n, i: len(i) == n: (
        "you draw per_class images in all; it is the number for *each* of the ten digits."
    ),
    lambda labels, n, i: len(i) == 9 * n: "one of the ten digits is never drawn: range(10) goes from 0 to 9.",
    lambda labels, n, i: len(i) == CLASSES * n and int(i.max()) < int(labels.bincount().max()): (
        "those are places in the list of one digit's images; look up there which images they are: members[chosen]."
    ),
    lambda labels, n, i: n == 1 or (len(i) == CLASSES * n and len(i.unique()) < len(i)): (
        "some images are drawn twice: shuffle the members with torch.randperm, then take the first few."
    ),
    lambda labels, n, i: _as_drawn(labels, n, i, 1): (
        "you always take the first images of each digit: in what order the data lie is then no matter of chance."
    ),
    lambda labels, n, i: _as_drawn(labels, n, i, -1): (
        "you always take the last images of each digit: in what order the data lie is then no matter of chance."
    ),
    lambda labels, n, i: n == 1 or (len(i) == CLASSES * n and len(set(_of_each(labels, n, i).tolist())) > 3): (
        "you draw from all images at once, so chance decides how many of each digit come: draw digit by digit."
    ),
}


def _need_balance(labels: Tensor, per_class: int, indices: Tensor) -> None:
    twice = len(indices) - len(indices.unique())
    need(not twice, f"with per_class={per_class}, {twice} images are drawn twice.")
    counts = _of_each(labels, per_class, indices).tolist()
    need(set(counts) == {per_class}, f"asked for {per_class} of each digit, the digits 0 to 9 got {counts}.")


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

    def with_luck(images: Tensor, labels: Tensor, step: int) -> Any:
        torch.default_generator.manual_seed(step)  # or every step would have the same random numbers
        return function(images, labels, step)

    answer = call(with_luck if step else function, images=images, labels=labels, step=step)
    need(isinstance(answer, tuple | list) and len(answer) == 2, "return two tensors: the images, and their labels.")
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
