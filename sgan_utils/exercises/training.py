"""The checks of lesson 3."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.config import CLASSES, SGANConfig
from sgan_utils.exercises.checking import call, check, need, need_tensor
from sgan_utils.models import build_models, count_parameters


def check_cross_entropy(function: Callable[[Tensor, Tensor], Tensor]) -> bool:
    """Lesson 3: cross-entropy from logits and labels, also for very large logits."""

    def examine() -> str:
        generator = torch.Generator().manual_seed(0)
        logits, labels = torch.randn(8, CLASSES, generator=generator), torch.arange(8)
        answer, wanted = need_tensor(call(function, logits, labels), ()), F.cross_entropy(logits, labels)
        need(abs(answer + wanted) > 1e-4, "the sign is wrong: a probability's log is negative, a loss is not.")
        need(abs(answer - wanted * 8) > 1e-4, "that is the sum over the batch; the loss is its mean.")
        need(abs(answer - wanted) < 1e-4, f"it should be {wanted:.4f} for our batch, yours is {answer:.4f}.")
        large = call(function, 1000 * logits, labels)
        wanted = F.cross_entropy(1000 * logits, labels)
        need(
            abs(large - wanted) < 1e-3 * wanted,
            f"right for small logits, but for logits in the thousands it should be {wanted:.0f} and yours is "
            f"{large:.3g}: use torch.logsumexp or log_softmax instead of log(softmax).",
        )
        return "equal to F.cross_entropy, and it stays finite for logits in the thousands."

    return check(examine)


def check_generator_step(function: Callable[..., Tensor]) -> bool:
    """Lesson 3: one update of G by ``function(G, D, optimizer, latent)``, which returns G's loss."""

    def examine() -> str:
        config = SGANConfig(channels_g=(8, 8, 8), channels_d=(8, 8, 8), seed=0)
        generator, discriminator = build_models(config)
        optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3)
        latent = torch.randn(32, config.latent_size, generator=torch.Generator().manual_seed(0))
        before = {name: value.clone() for name, value in discriminator.named_parameters()}
        start = {name: value.clone() for name, value in generator.named_parameters()}
        losses = [need_tensor(call(function, generator, discriminator, optimizer, latent), ()) for _ in range(8)]
        moved = sum(not torch.equal(value, start[name]) for name, value in generator.named_parameters())
        need(moved, "G did not change: is backward() called, and optimizer.step()? Is there a detach too many?")
        kept = all(torch.equal(value, before[name]) for name, value in discriminator.named_parameters())
        need(kept, "D changed: this step must teach G only.")
        with torch.no_grad():
            first = F.softplus(-build_models(config)[1](build_models(config)[0](latent)).real_logit).mean()
        need(
            abs(losses[0].item() - first.item()) < 1e-3,
            f"the first loss should be mean softplus(-real_logit) = {first:.4f}, yours is {losses[0].item():.4f}.",
        )
        need(losses[-1] < losses[0], "G's loss does not fall: are old gradients cleared by zero_grad()?")
        grown = _gradients_add_up(function)
        need(not grown, "gradients of earlier steps are still there: call optimizer.zero_grad() before backward().")
        return (
            f"in 8 steps G's loss fell from {losses[0].item():.2f} to {losses[-1].item():.2f}; "
            f"{count_parameters(generator):,} numbers of G moved, none of D's."
        )

    return check(examine)


def _gradients_add_up(function: Callable[..., Tensor]) -> bool:
    """Whether the step leaves the gradient of a step that went before in the sum."""
    config = SGANConfig(channels_g=(4, 4, 4), channels_d=(4, 4, 4))
    latent = torch.randn(8, config.latent_size, generator=torch.Generator().manual_seed(1))
    gradients = []
    for leftover in (0.0, 100.0):
        generator, discriminator = build_models(config)
        for parameter in generator.parameters():
            parameter.grad = torch.full_like(parameter, leftover)
        function(generator, discriminator, torch.optim.SGD(generator.parameters(), lr=0.0), latent)
        gradients.append(generator.linear.weight.grad)
    before, after = gradients
    if before is None or after is None:  # cleared, but only after the step
        return True
    return not torch.allclose(before, after, atol=1e-3)
