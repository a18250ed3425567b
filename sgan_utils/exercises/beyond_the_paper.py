"""The checks of lesson 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.exercises.checking import check, compare, need, need_tensor


def _labels_and_whether(sure: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], tuple[Tensor, Tensor]]:
    return lambda logits, confidence: (logits.argmax(1), sure(logits, confidence))


def _margin(probability: Tensor) -> Tensor:
    best = probability.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


PSEUDO_LABEL_MISTAKES = {
    "you compare logits with the confidence; it is a probability: softmax first.": [
        _labels_and_whether(lambda logits, c: logits.max(1).values >= c),
    ],
    "a sigmoid asks about one logit by itself; a probability among the classes comes from softmax over all of them.": [
        _labels_and_whether(lambda logits, c: logits.sigmoid().max(1).values >= c),
    ],
    "your softmax runs over the batch (dimension 0); it should run over the classes (dimension 1).": [
        _labels_and_whether(lambda logits, c: logits.softmax(0).max(1).values >= c),
        lambda logits, c: (logits.softmax(0).argmax(1), logits.softmax(0).max(1).values >= c),
        lambda logits, c: (logits.argmax(0), logits.softmax(0).max(0).values >= c),
        lambda logits, c: (logits.argmax(0), logits.softmax(1).max(0).values >= c),
    ],
    "max(1) gives the probability first, then the class: the class is what the first answer should be.": [
        lambda logits, c: (logits.softmax(1).max(1).values, logits.argmax(1)),
        lambda logits, c: (logits.softmax(1).max(1).values, logits.softmax(1).max(1).values >= c),
        lambda logits, c: (logits.max(1).values, logits.max(1).values >= c),
        lambda logits, c: (logits.max(1).values, logits.softmax(1).max(1).values >= c),
    ],
    "the two answers are exchanged: first the labels, then who is sure.": [
        lambda logits, c: (logits.softmax(1).max(1).values >= c, logits.argmax(1)),
    ],
    "the second answer is the probability itself: compare it with the confidence.": [
        _labels_and_whether(lambda logits, c: logits.softmax(1).max(1).values),
        _labels_and_whether(lambda logits, c: logits.max(1).values),
    ],
    "that says who is *not* sure: a probability counts from the confidence on.": [
        _labels_and_whether(lambda logits, c: logits.softmax(1).max(1).values < c),
    ],
    "you ask how far the winner is ahead of the second; ask how large its own probability is.": [
        _labels_and_whether(lambda logits, c: _margin(logits.softmax(1)) >= c),
    ],
    "you take the *least* likely class: argmax, not argmin.": [
        lambda logits, c: (logits.argmin(1), logits.softmax(1).max(1).values >= c),
        lambda logits, c: (logits.argmin(1), logits.softmax(1).min(1).values >= c),
    ],
    "a logarithm is never above the confidence: compare the probability, not its logarithm.": [
        _labels_and_whether(lambda logits, c: logits.log_softmax(1).max(1).values >= c),
    ],
    "you count from 1; the first class is 0.": [
        lambda logits, c: (logits.argmax(1) + 1, logits.softmax(1).max(1).values >= c),
    ],
    "you ask one question of the whole batch; each image is sure or not by itself.": [
        _labels_and_whether(lambda logits, c: (logits.softmax(1).max() >= c).expand(len(logits))),
        _labels_and_whether(lambda logits, c: (logits.softmax(1).max(1).values.mean() >= c).expand(len(logits))),
    ],
}


def check_pseudo_labels(function: Callable[[Tensor, float], tuple[Tensor, Tensor]]) -> bool:
    """Lesson 7: from class logits to what D predicts for each image, and whether it is sure enough."""

    def inputs(random: torch.Generator) -> dict[str, Any]:
        classes = int(torch.randint(4, 11, (1,), generator=random))
        confidence = 0.45 + 0.5 * float(torch.rand((), generator=random))
        shift = 4 * torch.randn(40, 1, generator=random)  # which a softmax does not see
        logits = 2.5 * torch.randn(40, classes, generator=random) + shift
        return {"class_logits": logits.requires_grad_() * 1.0, "confidence": confidence}

    def right(logits: Tensor, confidence: float) -> tuple[Tensor, Tensor]:
        return logits.argmax(1), logits.softmax(1).max(1).values >= confidence

    def two_answers(answer: Any) -> None:
        two = isinstance(answer, tuple | list) and len(answer) == 2
        need(two, "return two tensors: the labels, and who is sure.")
        labels, sure = need_tensor(answer[0]), need_tensor(answer[1])
        fewer = labels.dim() == 1 and len(labels) < 40
        need(
            not fewer, "some images are left out: every one gets a label, and a yes or no that says whether it counts."
        )
        one_hot = "the labels should be one class number for each image, shape (batch,): argmax(1)."
        need(labels.shape == (40,), one_hot)
        need(not labels.is_floating_point(), "labels are whole numbers, yours are floats: take argmax(1).")
        each = "that says yes or no for each class of each image; take each image's largest probability first."
        need(sure.dim() == 1, each)
        need(sure.shape == (40,), "the second answer should be one yes or no for each image, shape (batch,).")
        need(
            sure.dtype == torch.bool, "the second answer should say yes or no: compare with >=, and keep the booleans."
        )

    def tell(given: dict[str, Any], wanted: tuple[Tensor, Tensor], answer: Any) -> str:
        labels, sure = need_tensor(answer[0]), need_tensor(answer[1])
        if not torch.equal(labels, wanted[0]):
            i = int((labels != wanted[0]).nonzero()[0])
            logits = [round(value, 2) for value in given["class_logits"][i].tolist()]
            return f"an image with the logits {logits} should get the label {wanted[0][i]}, yours is {labels[i]}."
        i = int((sure != wanted[1]).nonzero()[0])
        probability = given["class_logits"][i].softmax(0).max()
        return (
            f"a largest probability of {probability:.3f} and a confidence of {given['confidence']:.3f} make "
            f"{bool(wanted[1][i])}, yours says {bool(sure[i])}."
        )

    def examine() -> str:
        compare(function, inputs, right, PSEUDO_LABEL_MISTAKES, two_answers, tell=tell)
        return "the argmax, and whether its probability is large enough."

    return check(examine)


MOVING_AVERAGE_MISTAKES = {
    "the other way round: decay is the share of the *old* average that is kept.": [
        lambda average, new, decay: (1 - decay) * average + decay * new,
    ],
    "you give both the same weight; decay says how much of the old remains.": [
        lambda average, new, decay: (average + new) / 2,
        lambda average, new, decay: decay * (average + new) / 2,
    ],
    "the old average is not made smaller, so the weights grow from step to step: keep decay of it.": [
        lambda average, new, decay: average + (1 - decay) * new,
        lambda average, new, decay: average + decay * new,
        lambda average, new, decay: average + new,
    ],
    "the new weights count in full, so the sum of both shares is more than 1: take 1 - decay of them.": [
        lambda average, new, decay: decay * average + new,
    ],
    "both are multiplied by decay; the shares have to add up to 1.": [
        lambda average, new, decay: decay * average + decay * new,
    ],
    "those are the new weights; nothing of the old average is kept.": [lambda average, new, decay: new],
    "that is the old average; nothing of the new weights comes in.": [lambda average, new, decay: average],
    "that is only the part of the old average; add 1 - decay of the new weights.": [
        lambda average, new, decay: decay * average,
    ],
    "that is only the part of the new weights; add decay of the old average.": [
        lambda average, new, decay: (1 - decay) * new,
    ],
    "the new weights are taken away instead of added.": [
        lambda average, new, decay: decay * average - (1 - decay) * new,
        lambda average, new, decay: average - (1 - decay) * new,
    ],
    "you step away from the new weights: the difference is new - average, not the other way round.": [
        lambda average, new, decay: average + (1 - decay) * (average - new),
        lambda average, new, decay: average + decay * (average - new),
    ],
    "that divides by 1 - decay, as Adam does in its first steps; here the average starts from real weights.": [
        lambda average, new, decay: (decay * average + (1 - decay) * new) / (1 - decay),
    ],
    "a fixed decay is written in the formula: use the one that is given.": [
        lambda average, new, decay: 0.9 * average + 0.1 * new,
        lambda average, new, decay: 0.99 * average + 0.01 * new,
        lambda average, new, decay: 0.999 * average + 0.001 * new,
        lambda average, new, decay: 0.995 * average + 0.005 * new,
    ],
    "that is one number; each weight has an average of its own.": [
        lambda average, new, decay: (decay * average + (1 - decay) * new).mean(),
        lambda average, new, decay: decay * average.mean() + (1 - decay) * new.mean(),
    ],
}


def check_moving_average(function: Callable[[Tensor, Tensor, float], Tensor]) -> bool:
    """Lesson 7: one update of a moving average of weights."""

    def inputs(random: torch.Generator) -> dict[str, Any]:
        shape = tuple(torch.randint(2, 5, (2,), generator=random).tolist())
        decay = 0.15 + 0.8 * float(torch.rand((), generator=random))
        average, new = torch.randn(2, *shape, generator=random)
        return {"average": average, "new": new, "decay": decay}

    def examine() -> str:
        compare(
            function, inputs, lambda average, new, decay: decay * average + (1 - decay) * new, MOVING_AVERAGE_MISTAKES
        )
        return "decay of the old, the rest of the new."

    return check(examine)
