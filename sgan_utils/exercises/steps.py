"""How a learner's training step is watched: small networks with old gradients, and an optimiser that takes notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sgan_utils.config import SGANConfig
from sgan_utils.exercises.checking import NotYetError, call, need, need_number
from sgan_utils.models import Discriminator, Generator, build_models

STEP_FIRST = "optimizer.step() comes before backward(): it uses the gradients of the last step."
SMALL = SGANConfig(latent_size=6, channels_g=(4, 4, 4), channels_d=(4, 4, 4), weight_std=0.2)


class WatchedSGD(torch.optim.SGD):
    """Plain gradient descent that notes what happens, in letters.

    ``g``: G received a gradient. ``d``: D did. ``s``: a step. ``e``: a step with nothing to go by.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator) -> None:
        super().__init__(generator.parameters(), lr=1.0)
        self.notes = ""
        for model, letter in ((generator, "g"), (discriminator, "d")):
            weight = next(model.parameters())
            weight.register_post_accumulate_grad_hook(lambda _, letter=letter: self.note(letter))

    def note(self, letter: str) -> None:
        """Write down what has just happened."""
        self.notes += letter

    def step(self, closure: Any = None) -> Any:
        """As it is, but for the note."""
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        self.note("e" if all(gradient is None or not gradient.any() for gradient in gradients) else "s")
        return super().step(closure)


class WatchedStep:
    """One step of G, and what has become of both networks."""

    def __init__(self, step: Callable[..., Any], latent: Tensor, seed: int) -> None:
        self.generator, self.discriminator = build_models(SMALL.but(seed=seed))
        random = torch.Generator().manual_seed(seed)
        for model in (self.generator, self.discriminator):  # what an earlier step may have left behind
            for weight in model.parameters():
                weight.grad = 0.1 * torch.randn(weight.shape, generator=random)
        before = _weights(self.generator), _weights(self.discriminator)
        self.optimizer = WatchedSGD(self.generator, self.discriminator)
        try:
            answer = call(step, self.generator, self.discriminator, self.optimizer, latent)
        except NotYetError:  # PyTorch complains of weights that change before backward(), in words of its own
            need(self.optimizer.notes.replace("d", "")[:1] not in ("s", "e"), STEP_FIRST)
            raise
        self.loss = need_number(answer)
        self.moved_g = _weights(self.generator) - before[0]
        self.moved_d = _weights(self.discriminator) - before[1]

    def numbers(self) -> Tensor:
        """All that a right step and a wrong one differ in: G's loss, and how the weights moved."""
        return torch.cat([torch.tensor([self.loss]), self.moved_g, self.moved_d])

    def need_order(self) -> None:
        """Complain of what is forgotten, or stands in the wrong place."""
        notes = self.optimizer.notes
        need(not self.moved_d.any(), "D changed: this step must teach G only.")
        need("s" in notes or "e" in notes, "G did not change, because no step is taken: call optimizer.step().")
        cut_off = "G got no gradient, only D did: is there a detach (or a no_grad) around G's images?"
        need("g" in notes or "d" not in notes, cut_off)
        need("g" in notes, "no gradient reached G: call backward() on the loss.")
        first = min(notes.index(letter) for letter in "se" if letter in notes)
        need(notes.index("g") < first, STEP_FIRST)
        emptied = "zero_grad() stands between backward() and step(), and empties what backward() has just filled."
        need("s" in notes, emptied)
        need(notes.count("s") == 1, f"one call should take one step, yours takes {notes.count('s')}.")

    def need_state(self) -> None:
        """Complain of networks that are left in another state than they came in."""
        can_learn = all(weight.requires_grad for weight in self.discriminator.parameters())
        need(can_learn, "D is left frozen, so it will never learn again: switch requires_grad back on.")
        can_learn = all(weight.requires_grad for weight in self.generator.parameters())
        need(can_learn, "G is left frozen, so it will never learn again: switch requires_grad back on.")
        training = self.discriminator.training and self.generator.training
        need(training, "a network is left in evaluation mode: call train() on it before you return.")


def _weights(model: torch.nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten().clone() for weight in model.parameters()])
