"""The checks of lesson 3: cross-entropy, G's step. D's step is in ``step_of_d``, reading curves in ``curves``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from sgan_utils.config import CLASSES, SGANConfig
from sgan_utils.exercises.checking import call, check, compare, need, need_number, need_tensor
from sgan_utils.exercises.steps import SMALL, WatchedStep
from sgan_utils.models import build_models, count_parameters


def _of_the_truth(values: Tensor, labels: Tensor) -> Tensor:
    return values[torch.arange(len(labels)), labels]


CROSS_ENTROPY_MISTAKES = {
    "you pass probabilities on: F.cross_entropy (and log_softmax) applies the softmax itself.": [
        lambda logits, labels: F.cross_entropy(logits.softmax(1), labels),
    ],
    "labels and positions are swapped in the index: the row is the image, the column its label.": [
        lambda logits, labels: (logits.logsumexp(1) - logits[labels, torch.arange(len(labels))]).mean(),
        lambda logits, labels: -logits.log_softmax(1)[labels, torch.arange(len(labels))].mean(),
    ],
    "you take the diagonal: image i has the label labels[i], not the label i.": [
        lambda logits, labels: -logits.log_softmax(1).diagonal().mean(),
        lambda logits, labels: (logits.logsumexp(1) - logits.diagonal()).mean(),
    ],
    "you index with labels alone, which picks whole rows; pick one logit of each row.": [
        lambda logits, labels: -logits.log_softmax(1)[labels].mean(),
        lambda logits, labels: (logits.logsumexp(1) - logits[labels].mean(1)).mean(),
    ],
    "a colon and the labels pick whole columns; pick one logit of each row, with torch.arange in place of the colon.": [
        lambda logits, labels: -logits.log_softmax(1)[:, labels].mean(),
        lambda logits, labels: (logits.logsumexp(1) - logits[:, labels]).mean(),
        lambda logits, labels: (logits.logsumexp(1)[:, None] - logits[:, labels]).mean(),
    ],
    "that is the sum over the batch; the loss is its mean.": [
        lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
    ],
    "the sign is wrong: a probability's log is negative, a loss is not.": [
        lambda logits, labels: -F.cross_entropy(logits, labels),
    ],
    "that is one loss for each image, of shape (batch,); take the mean over the batch.": [
        lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
    ],
    "your softmax runs over the batch (dimension 0); it should run over the ten classes (dimension 1).": [
        lambda logits, labels: -_of_the_truth(logits.log_softmax(0), labels).mean(),
        lambda logits, labels: (logits.logsumexp(0)[labels] - _of_the_truth(logits, labels)).mean(),
    ],
    "where is the logarithm? That is minus the mean probability of the label.": [
        lambda logits, labels: -_of_the_truth(logits.softmax(1), labels).mean(),
        lambda logits, labels: 1 - _of_the_truth(logits.softmax(1), labels).mean(),
    ],
    "that is minus the label's logit; the logsumexp of all ten is missing.": [
        lambda logits, labels: -_of_the_truth(logits, labels).mean(),
    ],
    "that is the logsumexp alone; the label's logit has to be taken away from it.": [
        lambda logits, labels: logits.logsumexp(1).mean(),
    ],
    "you divide by the number of classes as well; the mean is over images only.": [
        lambda logits, labels: F.cross_entropy(logits, labels) / logits.shape[1],
    ],
    "you ask how sure the winner is; the loss is about the *label*, whether it wins or not.": [
        lambda logits, labels: F.cross_entropy(logits, logits.argmax(1)),
    ],
    "that judges each output by itself (binary cross-entropy); here the ten compete in one softmax.": [
        lambda logits, labels: F.binary_cross_entropy_with_logits(logits, F.one_hot(labels, logits.shape[1]).float()),
    ],
    "that is the squared error; cross-entropy takes the logarithm of the label's probability.": [
        lambda logits, labels: F.mse_loss(logits.softmax(1), F.one_hot(labels, logits.shape[1]).float()),
        lambda logits, labels: F.mse_loss(logits, F.one_hot(labels, logits.shape[1]).float()),
    ],
    "that is in bits: take the natural logarithm.": [
        lambda logits, labels: F.cross_entropy(logits, labels) / torch.tensor(2.0).log(),
    ],
    "you average first and take the logarithm then; each image has a logarithm of its own.": [
        lambda logits, labels: -_of_the_truth(logits.softmax(1), labels).mean().log(),
    ],
}


class _Recorder(TorchFunctionMode):
    """Notes which of torch's functions are called inside."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[Callable] = set()

    def __torch_function__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.called.add(func)
        return func(*args, **(kwargs or {}))


def check_cross_entropy(function: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Lesson 3: cross-entropy from logits and labels, also for very large logits."""

    def inputs(random: torch.Generator, scale: float = 1.0) -> dict[str, Tensor]:
        count = int(torch.randint(6, 10, (1,), generator=random))  # fewer than classes, so that a swapped index works
        logits = scale * torch.randn(count, CLASSES, generator=random)
        labels = torch.randint(count, (count,), generator=random)
        # Not a leaf: changing it in place is no error of PyTorch's, but one that this check tells.
        return {"class_logits": logits.requires_grad_() * 1.0, "labels": labels}

    def tell_large(given: dict[str, Any], wanted: Tensor, answer: Any) -> str:
        return (
            f"right for small logits, but for logits in the thousands it should be {wanted.item():.0f} and yours is "
            f"{need_number(answer):.3g}: use torch.logsumexp or log_softmax instead of log(softmax)."
        )

    def examine() -> str:
        compare(function, inputs, F.cross_entropy, CROSS_ENTROPY_MISTAKES, need_number, gradient_of="class_logits")
        compare(function, lambda random: inputs(random, 1000.0), F.cross_entropy, {}, need_tensor, tell=tell_large)
        recorder = _Recorder()
        with recorder:
            call(function, *inputs(torch.Generator().manual_seed(0)).values())
        need(F.cross_entropy not in recorder.called, "right, but that *is* F.cross_entropy: do without it.")
        return "equal to F.cross_entropy, its gradient too, and it stays finite for logits in the thousands."

    return check(examine)


def _step(
    loss: Callable[[Any, Any, Tensor], Tensor], returned: Callable[[Tensor], Tensor] = lambda loss: loss
) -> Callable[..., Tensor]:
    """One update of G by some loss, made of G, D and the latents."""

    def step(G: Any, D: Any, optimizer: torch.optim.Optimizer, latent: Tensor) -> Tensor:
        value = loss(G, D, latent)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return returned(value.detach())

    return step


def _right_loss(G: Any, D: Any, latent: Tensor) -> Tensor:
    return F.softplus(-D(G(latent)).real_logit).mean()


def _logit(G: Any, D: Any, latent: Tensor) -> Tensor:
    return D(G(latent)).real_logit


def _with_old_gradients(G: Any, D: Any, optimizer: torch.optim.Optimizer, latent: Tensor) -> Tensor:
    value = _right_loss(G, D, latent)
    value.backward()
    optimizer.step()
    return value.detach()


def _and_loss_afterwards(G: Any, D: Any, optimizer: torch.optim.Optimizer, latent: Tensor) -> Tensor:
    _step(_right_loss)(G, D, optimizer, latent)
    return _right_loss(G, D, latent).detach()


GENERATOR_STEP_MISTAKES: dict[str, Callable | list[Callable]] = {
    "gradients of earlier steps are still there: call optimizer.zero_grad() before backward().": _with_old_gradients,
    "that goes uphill: G is taught the negative of its loss. It should minimise it.": [
        _step(lambda *given: -_right_loss(*given), lambda value: -value),
        _step(lambda *given: -_right_loss(*given)),
    ],
    "that is the saturating loss, log(1 - D): where D is sure it is nearly flat. Take -log D, softplus(-real_logit).": [
        _step(lambda *given: -F.softplus(_logit(*given)).mean()),
    ],
    "the target is 0, so G learns to be *caught*: G wants D to call its images real, target 1.": [
        _step(lambda *given: F.softplus(_logit(*given)).mean()),
    ],
    "that is the sum over the batch; the loss is its mean.": _step(lambda *g: F.softplus(-_logit(*g)).sum()),
    "you ask for a digit: class_logits say which one. Whether D takes an image for real is real_logit.": [
        _step(lambda G, D, z: F.softplus(-D(G(z)).class_logits).mean()),
        _step(lambda G, D, z: F.softplus(-D(G(z)).class_logits.max(1).values).mean()),
        _step(lambda G, D, z: -D(G(z)).class_logits.log_softmax(1).max(1).values.mean()),
        _step(lambda G, D, z: F.binary_cross_entropy_with_logits(*_against_ones(D(G(z)).class_logits))),
    ],
    "D is in evaluation mode, and judges by BatchNorm's memory: in training both networks stay in training mode.": [
        _step(lambda G, D, z: _right_loss(G, D.eval(), z)),
    ],
    "G is in evaluation mode: in training both networks stay in training mode.": [
        _step(lambda G, D, z: _right_loss(G.eval(), D, z)),
    ],
    "that applies two sigmoids: softplus and ..._with_logits take the logit as it is.": [
        _step(lambda *given: F.softplus(-_logit(*given).sigmoid()).mean()),
    ],
    "that is minus the logit itself, a critic's loss; here G minimises softplus(-real_logit).": [
        _step(lambda *given: -_logit(*given).mean()),
    ],
    "that is minus D's probability; the logarithm is missing.": _step(lambda *given: -_logit(*given).sigmoid().mean()),
    "half of it is missing: D's loss has a half for each of two batches, G's has one batch and no half.": [
        _step(lambda *given: 0.5 * _right_loss(*given)),
    ],
    "the squared error is another loss (that of LSGAN); here G minimises softplus(-real_logit).": [
        _step(lambda *given: (_logit(*given) - 1).square().mean()),
        _step(lambda *given: (_logit(*given).sigmoid() - 1).square().mean()),
    ],
    "that loss belongs to other images: draw them from the latent that you are given.": [
        _step(lambda G, D, z: _right_loss(G, D, torch.randn_like(z))),
        _step(lambda G, D, z: _right_loss(G, D, torch.rand_like(z))),
    ],
    "the loss is measured anew after the step: return the one that the step was made of.": _and_loss_afterwards,
}


def _against_ones(logits: Tensor) -> tuple[Tensor, Tensor]:
    return logits, torch.ones_like(logits)


def check_generator_step(function: Callable[..., Tensor]) -> bool:
    """Lesson 3: one update of G by ``function(G, D, optimizer, latent)``, which returns G's loss."""

    def inputs(random: torch.Generator) -> dict[str, Any]:
        latent = torch.randn(12, SMALL.latent_size, generator=random)
        return {"latent": latent, "seed": int(torch.randint(1000, (1,), generator=random))}

    steps = []

    def watched(latent: Tensor, seed: int) -> Tensor:
        steps.append(WatchedStep(function, latent, seed))
        return steps[-1].numbers()

    def tell(given: dict[str, Any], wanted: Tensor, answer: Tensor) -> str:
        for step in steps:
            step.need_order()
        if not torch.isclose(answer[0], wanted[0], atol=1e-3):
            ours, theirs = wanted[0].item(), answer[0].item()
            return f"the loss should be mean softplus(-real_logit) = {ours:.4f}, yours is {theirs:.4f}."
        return "the loss is right, but G moves another way than its gradient: is the loss what you call backward() on?"

    def known(mistaken: Callable) -> Callable:
        return lambda latent, seed: WatchedStep(mistaken, latent, seed).numbers()

    def examine() -> str:
        mistakes = {
            sentence: [known(one) for one in (computed if isinstance(computed, list) else [computed])]
            for sentence, computed in GENERATOR_STEP_MISTAKES.items()
        }
        compare(watched, inputs, known(_step(_right_loss)), mistakes, need_tensor, 1e-3, tell=tell)
        for step in steps:
            step.need_state()
        config = SGANConfig(channels_g=(8, 8, 8), channels_d=(8, 8, 8), seed=0)
        generator, discriminator = build_models(config)
        optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3)
        latent = torch.randn(32, config.latent_size, generator=torch.Generator().manual_seed(0))
        losses = [need_number(call(function, generator, discriminator, optimizer, latent)) for _ in range(8)]
        need(losses[-1] < losses[0], f"G's loss does not fall in 8 steps, from {losses[0]:.2f} to {losses[-1]:.2f}.")
        return (
            f"in 8 steps G's loss fell from {losses[0]:.2f} to {losses[-1]:.2f}; "
            f"{count_parameters(generator):,} numbers of G moved, none of D's."
        )

    return check(examine)
