"""One step of D and G taken apart: what went through the networks, the losses, and how far each layer moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sgan_utils.data import to_model_range
from sgan_utils.models import sample_latent
from sgan_utils.support.plane import PlaneRun
from sgan_utils.support.run import Run

BINS = 16
Weights = Mapping[str, Tensor]


class Stage(NamedTuple):
    """What happens at one place during a step."""

    place: str  # latent, G, made, D or loss
    back: bool  # whether a gradient comes back through it
    text: str
    histogram: Sequence[float] = ()  # of the numbers that are there, the highest bin being 1
    moved: Sequence[tuple[str, float]] = ()  # layers, and by which part of its length each has moved


def weights_of(network: nn.Module) -> Weights:
    """A copy of all weights, by name."""
    return {name: weights.detach().clone() for name, weights in network.named_parameters()}


def moved(before: Weights, network: nn.Module) -> list[tuple[str, float]]:
    """How far the weights of each layer have gone since, as a part of the length that they had; biases left out."""
    found = []
    for name, weights in network.named_parameters():
        if weights.dim() > 1:
            old = before[name]
            found.append((name.removesuffix(".weight"), ((weights.detach() - old).norm() / old.norm()).item()))
    return found


def histogram(numbers: Tensor) -> list[float]:
    """How often numbers lie in each of BINS parts of their range, the most frequent being 1."""
    counts = torch.histc(numbers.detach().float().flatten(), BINS)
    return (counts / counts.max().clamp(min=1)).tolist()


def take_apart(
    latent: Tensor, made: Tensor, thing: str, losses: Mapping[str, float],
    moved_d: list[tuple[str, float]], moved_g: list[tuple[str, float]],
) -> list[Stage]:  # fmt: skip
    """The stages of a step, in their order.

    Args:
        latent: (n, latent_size).
        made: what G made of them before the step.
        thing: what that is called, "image" or "point".
        losses: as in a history's row, see :class:`sgan_utils.support.run.History`.
        moved_d, moved_g: from :func:`moved`.
    """
    real, generated = losses["belief_in_real"], losses["belief_in_generated"]
    return [
        Stage(
            "latent", False, f"{len(latent)} latents of {latent.shape[1]} random numbers each: mean "
            f"{latent.mean():.2f}, standard deviation {latent.std():.2f}.", histogram(latent),
        ),
        Stage(
            "made", False, f"G turns each latent into a generated {thing}. The bars: its {made[0].numel()} numbers, "
            f"from {made.min():.2f} to {made.max():.2f}.", histogram(made),
        ),
        Stage(
            "D", False, f"D is asked about real and generated {thing}s. It takes unlabelled real ones for real with "
            f"{real:.2f} on average, generated ones with {generated:.2f}.",
        ),
        Stage(
            "loss", False, f"Three losses. D, which class? {losses['supervised']:.3f}. D, real or generated? "
            f"{losses['unsupervised']:.3f}. G: {losses['generator']:.3f}.",
        ),
        Stage(
            "D", True, "D's two losses go back through D, and its weights move, each layer by this part of its length.",
            moved=moved_d,
        ),
        Stage(
            "G", True, "G's loss goes back through D, which now stays as it is, into G, whose weights move.",
            moved=moved_g,
        ),
    ]  # fmt: skip


def apart_on_plane(run: PlaneRun) -> list[Stage]:
    """Take a step of a game on the plane, and say what happened in it."""
    config, again = run.config, torch.Generator()
    again.set_state(run.random.get_state())  # what the step is about to draw
    torch.randint(len(run.unlabelled), (config.batch_size,), generator=again)
    latent = sample_latent(config.batch_size, config.latent_size, again)
    with torch.no_grad():
        made = run.G(latent)
    before_d, before_g = weights_of(run.D), weights_of(run.G)
    losses = {name: value.item() for name, value in run.advance().measured.items()}
    return take_apart(latent, made, "point", losses, moved(before_d, run.D), moved(before_g, run.G))


def apart_on_images(run: Run, latent: Tensor, images: Tensor, before_d: Weights, before_g: Weights) -> list[Stage]:
    """Say what happened in the last step of a run on images.

    Args:
        run: whose history holds the step's losses and beliefs.
        latent: that are watched, (n, latent_size).
        images: what G made of them before the step, (n, channels, height, width), uint8.
        before_d, before_g: the weights of D and of G before the step, from :func:`weights_of`.
    """
    losses = run.history.iloc[-1].to_dict()
    moved_d, moved_g = moved(before_d, run.last_discriminator), moved(before_g, run.generator)
    return take_apart(latent, to_model_range(images), "image", losses, moved_d, moved_g)
