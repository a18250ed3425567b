"""The capstone's eight checks: each tries one part of a learner's own SGAN and names its mistake. Here are 4 to 8."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgan_utils.config import CLASSES
from sgan_utils.data import draw_labelled, load_mnist, to_model_range
from sgan_utils.exercises.capstone_networks import check_choice, check_discriminator, check_generator
from sgan_utils.exercises.capstone_parts import LATENT, SEEDS, fit_loss, observe_steps, pair_of, written
from sgan_utils.exercises.checking import NotYetError, call, check, need, need_number

__all__ = [
    "check_accuracy",
    "check_choice",
    "check_d_loss",
    "check_discriminator",
    "check_g_loss",
    "check_generator",
    "check_step",
    "check_training",
]
LABELS, WANTED = 100, 0.90
BYTES = " Your function is handed bytes: bring each batch to floats from -1 to 1 first."


def check_d_loss(d_loss: Callable[..., Tensor]) -> bool:
    """Part 4: cross-entropy on labelled images, plus real or generated on the others."""

    def examine() -> str:
        written(d_loss)
        weight = fit_loss(
            lambda D, batch: call(
                d_loss, D, **{name: batch[name] for name in ("images", "labels", "unlabelled", "generated")}
            )
        )
        need(weight["softmax twice"] < 0.02, "the softmax is applied twice: F.cross_entropy takes logits.")
        twice = max(weight["real, sigmoid twice"], weight["generated, sigmoid twice"])
        need(twice < 0.02, "the sigmoid is applied twice: a loss 'with logits' takes logits.")
        need(
            min(weight["real as generated"], weight["generated as real"]) > -0.02,
            "that is the mean logit itself, which has no end: take minus the log of its sigmoid (softplus).",
        )
        need(
            max(weight[f"{part}, summed"] for part in ("class", "real", "generated")) < 0.005,
            "something is summed over the batch where the mean is wanted: with larger batches your loss grows.",
        )
        need(
            weight["class"] > -0.02 and weight["real"] + weight["generated"] > -0.02,
            "a sign is wrong: D would learn to be wrong (a log-probability is negative, a loss is not).",
        )
        need(weight["class"] > 0.02, "the labels do not count: the cross-entropy of the labelled images is missing.")
        need(
            weight["real as generated"] <= weight["real"] + 0.02 or weight["real"] < 0.02 < weight["labelled"],
            "real and generated are the wrong way round: unlabelled images are real, D's real logit should rise there.",
        )
        need(
            weight["generated as real"] <= weight["generated"] + 0.02,
            "D is told that generated images are real: that is what G wants, D should say the opposite.",
        )
        need(
            weight["real"] > 0.02,
            "the unlabelled images do not count"
            + (": you call the labelled ones real instead." if weight["labelled"] > 0.02 else ": they are real."),
        )
        need(weight["generated"] > 0.02, "the generated images do not count: D must also learn what is not real.")
        shares = weight["class"], weight["real"] + weight["real as generated"], weight["generated"]
        return "which digit, {:.2g} times; unlabelled are real, {:.2g} times; generated are not, {:.2g} times.".format(
            *shares
        )

    return check(examine)


def check_g_loss(g_loss: Callable[..., Tensor]) -> bool:
    """Part 5: small where D takes generated images to be real."""

    def examine() -> str:
        written(g_loss)
        weight = fit_loss(lambda D, batch: call(g_loss, D, generated=batch["generated"]), of_g=True)
        need(weight["sigmoid twice"] > -0.02, "a sign is wrong, and the sigmoid is applied twice.")
        need(weight["sigmoid twice"] < 0.02, "the sigmoid is applied twice: a loss 'with logits' takes logits.")
        need(
            max(abs(weight["generated as real, summed"]), abs(weight["generated, summed"])) < 0.005,
            "the loss is summed over the batch where the mean is wanted.",
        )
        need(
            not weight["generated"] < -0.02 < 0.02 < weight["generated as real"],
            "that is the mean logit itself, which has no end: take minus the log of sigmoid(real_logit).",
        )
        need(
            weight["generated"] < 0.02 and weight["generated as real"] > -0.02,
            "the wrong way round: this loss falls when D sees through G; G wants its images to be called real.",
        )
        if weight["generated"] < -0.02:
            return "the original, saturating loss. It works, but teaches little where D is sure: compare lesson 3."
        need(weight["generated as real"] > 0.02, "your loss does not depend on D's belief in the generated images.")
        return "minus the log of D's belief in G's images, and the gradient reaches them."

    return check(examine)


def check_step(step: Callable[..., Any]) -> bool:
    """Part 6: one update of D, then one of G, ``step(G, D, adam_g, adam_d, images, labels, unlabelled)``."""

    def examine() -> str:
        written(step)
        need(callable(step), f"a function is wanted here, not a {type(step).__name__}: hand over its name.")
        sees_through, falls_for = observe_steps(step, -8.0), observe_steps(step, 8.0)
        (first, second), (other, later) = sees_through, falls_for
        moved_g = first.moved_g or other.moved_g
        need(first.moved_d or moved_g, "neither D nor G changes: is there a backward, and then a step, for both?")
        need(first.moved_d, "D does not change: call backward on D's loss, then adam_d.step().")
        need(
            moved_g,
            "G does not change: call backward on G's loss, then adam_g.step(); G's loss needs images without detach.",
        )
        need(
            max(first.updates) < 2,
            "one call takes {} steps of D and {} of G: one update of each is wanted, so call each optimiser's step() "
            "once.".format(*first.updates),
        )
        need(not first.evaluating, "D is in evaluation mode while it learns: its BatchNorm then learns nothing.")
        need(
            first.real_logit_unlabelled > -1,
            "after your step, D believes less in unlabelled images: is d_loss maximised, or are its sources swapped?",
        )
        need(first.real_logit_unlabelled > 1, "unlabelled images teach D nothing: hand them to d_loss.")
        need(first.class_logit > 1, "labelled images teach D nothing: does d_loss get images and labels?")
        need(
            max(first.real_logit_generated, other.real_logit_generated) < 10,
            "G's loss moves D, which learns to believe in generated images: adam_d.step() belongs right behind D's own "
            "backward, before G's, and adam_g must hold G's weights only.",
        )
        need(
            max(second.real_logit_generated, later.real_logit_generated) < 10,
            "G's backward leaves gradients on D as well, and D follows them in the next step: call adam_d.zero_grad() "
            "just before D's backward.",
        )
        need(
            abs(second.old_class_logit) < 0.3 * first.class_logit,
            "D's step still follows the gradients of the step before: call adam_d.zero_grad() before backward.",
        )
        towards = first.g_towards_real, other.g_towards_real  # a saturating loss moves G in the second game only
        need(
            max(towards) > 5 or min(towards) > -5,
            "after your step, G's images look less real to D: minimise g_loss for G.",
        )
        need(max(towards) > 5, "G's step does not follow D's belief: call backward on g_loss.")
        need(
            min(towards) > -5,
            "D's loss reaches G and pulls it the wrong way: hand D generated.detach(), or clear G's gradients between.",
        )
        again = second.g_towards_real, later.g_towards_real
        need(
            max(again) < 1.5 * max(towards),
            "G's step still follows the gradients of the step before: call adam_g.zero_grad() before backward.",
        )
        need(
            not torch.equal(first.latents, second.latents),
            "G gets the same latents in each step: draw new ones with torch.randn.",
        )
        need(
            first.latents.shape[1:] == (LATENT,),
            f"latents of {LATENT} numbers are wanted, yours have the shape {tuple(first.latents.shape)}.",
        )
        return "D learns from all three sources, G from D, and neither is moved by the other's loss."

    return check(examine)


def check_accuracy(accuracy: Callable[..., Any]) -> bool:
    """Part 7: the fraction of images (bytes) that D names rightly, in evaluation mode."""

    def examine() -> str:
        written(accuracy)
        for seed in SEEDS:
            generator = torch.Generator().manual_seed(seed)
            count = (240, 1010, 37, 640)[seed]
            named = torch.randint(CLASSES, (count,), generator=generator)
            images = torch.randint(256, (count, 1, 28, 28), generator=generator, dtype=torch.uint8)
            images[:, 0, 0, :CLASSES] = 255 * F.one_hot(named, CLASSES).to(torch.uint8)
            off = torch.multinomial(torch.tensor([0.6, 0.2, 0.13, 0.07]), count, replacement=True, generator=generator)
            off = off.sort(descending=True).values  # the beginning is not like the end
            labels = (named + off) % CLASSES
            rate = [float((off == wrong).float().mean()) for wrong in range(4)]
            D = _Graded()
            got = need_number(call(accuracy, D, images=images, labels=labels))
            right = rate[0]
            mistakes = {
                "D is in training mode while you test it: call D.eval() first, or BatchNorm mixes the images.": rate[1],
                "D gets bytes from 0 to 255: bring them to -1 to 1 first, as in training.": rate[2],
                "D gets pixels from 0 to 1: it was trained on -1 to 1.": rate[3],
                "that is a percentage: return a fraction from 0 to 1.": 100 * right,
                "that is a count: divide by how many images there are.": count * right,
                "that is how often D is wrong; accuracy is how often it is right.": 1 - right,
                "only the first hundred images are looked at.": float((off[:100] == 0).float().mean()),
                "D's averages over batches are averaged, but the last batch is smaller: count over all images.": float(
                    np.mean([float((part == 0).float().mean()) for part in off.split(100)])
                ),
            }
            if abs(got - right) > 1e-4:
                for sentence, wrong in mistakes.items():
                    need(abs(got - wrong) > 1e-4, sentence)
                raise NotYetError(
                    f"for our D it should be {right:.3f}, yours is {got:.3f}: compare the argmax over the ten class "
                    "logits of each image with its label."
                )
        left = "" if D.training else " D stays in evaluation mode: call D.train() before you go on training."
        return f"the fraction of right answers, in evaluation mode and in the range of training.{left}"

    return check(examine)


def check_training(train: Callable[..., nn.Module]) -> bool:
    """Part 8: ``train(images, labels, unlabelled)`` reaches 90% of the test images with 100 labels."""

    def examine() -> str:
        written(train)
        data, seed = load_mnist(), int(torch.randint(1_000, ()))
        chosen = draw_labelled(data.train_labels, LABELS, seed)
        # Every digit gets another one's name. Whoever reads labels that are not handed over will not follow.
        renamed = (torch.arange(CLASSES) + int(torch.randint(1, CLASSES, ()))) % CLASSES
        given = {"images": data.train_images[chosen], "labels": renamed[data.train_labels[chosen]]}
        try:
            D = call(train, **given, unlabelled=data.train_images)
        except NotYetError as reason:
            of_bytes = "Byte" in str(reason) or "unsigned char" in str(reason)
            raise NotYetError(f"{reason}{BYTES if of_bytes else ''}") from None
        need(isinstance(D, nn.Module), f"train should return D, yours returns a {type(D).__name__}.")
        try:
            pair_of(D(to_model_range(data.test_images[:2])))
        except (NotYetError, RuntimeError):
            raise NotYetError("what train returns does not answer for images as D does: is it G? Return D.") from None
        named = {training: _name(D.train(training), data.test_images) for training in (False, True)}
        follows = {
            training: float((renamed[data.test_labels] == names).float().mean()) for training, names in named.items()
        }
        leaks = float((data.test_labels == named[False]).float().mean())
        need(
            leaks < 0.5,
            "labels leak: for this run all digits had other names, and D knows the usual ones. train must use no "
            "labels but those that it is given.",
        )
        score, beside = follows[False], follows[True]
        need(
            score >= WANTED or beside < score + 0.03,
            f"{score:.1%} in evaluation mode, but {beside:.1%} in training mode: BatchNorm's memory holds generated "
            "images, too. At the end, let D see a few hundred unlabelled images in training mode, under no_grad.",
        )
        need(
            score > 0.15,
            f"{score:.1%} of the test images: D guesses. Do labels and images still belong "
            "together, and does step run at all?",
        )
        need(
            score >= WANTED,
            f"{score:.1%} of the test images, {WANTED:.0%} are wanted: more steps, noise on D's input, ten outputs "
            "with logsumexp as the real logit, or a learning rate that falls.",
        )
        return f"{score:.1%} of 10,000 test images, from {LABELS} labels (a new draw). You have written an SGAN."

    return check(examine)


class _Graded(nn.Module):
    """A D whose answers are off by one in training mode, by two on bytes, and by three on pixels from 0 to 1."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        images = images.float()
        off = 2 if images.max() > 1.5 else 3 if images.min() >= 0 else int(self.training)
        return images[:, 0, 0, :CLASSES].roll(off, 1), images.mean((1, 2, 3))


def _name(D: nn.Module, images: Tensor) -> Tensor:
    D = deepcopy(D)  # in training mode BatchNorm's memory would change
    with torch.no_grad():
        return torch.cat([pair_of(D(to_model_range(part)))[0].argmax(1) for part in images.split(500)])
