"""Training: one step of D, one step of G, and the loop around them.

:func:`discriminator_step` and :func:`generator_step` are the whole method; :func:`train` only repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgan_utils.augmentation import draw_moves, draw_noise, move
from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, Sources, load_data, split_sources, to_model_range
from sgan_utils.losses import consistency_loss, generator_loss, pseudo_label, supervised_loss, unsupervised_loss
from sgan_utils.models import Belief, Discriminator, frozen, sample_latent
from sgan_utils.support.checkpoints import load_checkpoint
from sgan_utils.support.hardware import keep_freed_memory, pick_device
from sgan_utils.support.networks import Networks
from sgan_utils.support.run import ALONE, Alone, Callback, Run
from sgan_utils.support.session import steps_of


def discriminator_step(
    D: Discriminator,
    optimizer: Optimizer,
    labelled: tuple[Tensor, Tensor],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
    moved: Tensor | None = None,
) -> dict[str, Tensor]:
    """One update of D from the three sources of images (Odena 2016, algorithm 1).

    Args:
        labelled: images (batch, 1, 28, 28) from -1 to 1, and their labels (batch,).
        unlabelled: images (batch, 1, 28, 28) without labels.
        generated: G's images (batch, 1, 28, 28); nobody looks at them if the configuration has no use for G.
        moved: the unlabelled images, moved a little, in steps that ask for consistency; else nothing, or no images.

    Returns:
        What :func:`discriminator_objective` says.
    """
    # detach: this step must not teach G
    loss, said = discriminator_objective(D, labelled, unlabelled, generated.detach(), config, moved)
    optimizer.zero_grad()  # gradients add up unless they are cleared
    loss.backward()
    optimizer.step()
    return said


def discriminator_objective(
    D: Callable[[Tensor], Belief],
    labelled: tuple[Tensor, Tensor],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
    moved: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """What D minimises: its losses, weighted. A loss that the configuration leaves out costs no time.

    Returns:
        The loss, and scalars that are still on the device, so that nothing waits for them until somebody looks.
        These are losses in nats, and how likely D takes unlabelled and generated images to be real, 0 to 1.
    """
    images, labels = labelled
    supervised = supervised_loss(D(images).class_logits, labels)
    loss, said = config.supervised_weight * supervised, {"supervised": supervised.detach()}
    consistent = config.uses_consistency and moved is not None and len(moved) > 0
    if config.uses_generator or consistent:
        on_unlabelled = D(unlabelled)
    if config.uses_generator:  # real or generated?
        on_generated = D(generated)
        unsupervised = unsupervised_loss(on_unlabelled.real_logit, on_generated.real_logit, config.label_smoothing)
        loss = loss + config.unsupervised_weight * unsupervised
        said |= {
            "unsupervised": unsupervised.detach(),
            "belief_in_real": on_unlabelled.real_logit.detach().sigmoid().mean(),
            "belief_in_generated": on_generated.real_logit.detach().sigmoid().mean(),
        }
    if consistent and moved is not None:  # the same digit, wherever it is moved?
        pseudo_labels, sure = pseudo_label(on_unlabelled.class_logits, config.confidence, config.balance)
        consistency = consistency_loss(D(moved).class_logits, pseudo_labels, sure)
        loss = loss + config.consistency_weight * consistency
    return loss, said


def generator_step(
    D: Discriminator,
    optimizer: Optimizer,
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
) -> dict[str, Tensor]:
    """One update of G, whose only teacher is D's opinion of the images that it drew.

    Args:
        unlabelled: images (batch, 1, 28, 28); only feature matching looks at them.
        generated: G's images (batch, 1, 28, 28), with the graph that leads back to G's weights.

    Returns:
        What :func:`generator_objective` says.
    """
    with frozen(D):  # this step must not teach D
        loss, said = generator_objective(D, unlabelled, generated, config)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return said


def generator_objective(
    D: Callable[[Tensor], Belief],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
) -> tuple[Tensor, dict[str, Tensor]]:
    """What G minimises: the loss that the configuration names. Returns it, and again as a scalar to look at later."""
    on_generated = D(generated)
    on_unlabelled = D(unlabelled) if config.generator_loss == "feature_matching" else None
    loss = generator_loss(config.generator_loss, on_unlabelled, on_generated)
    return loss, {"generator": loss.detach()}


def train(
    config: SGANConfig,
    sources: Sources | None = None,
    *,
    networks: Networks | None = None,
    device: str = "auto",
    team: Alone = ALONE,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 1_000,
    progress: bool = True,
) -> Run:
    """Train D and G as ``config`` says. The same configuration gives the same numbers on the same machine.

    Args:
        sources: labelled and unlabelled images; by default those of the data that ``config`` names, drawn as it says.
        networks: makes G and D of your own, see :mod:`sgan_utils.support.networks`; by default the lessons'.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        team: this process alone, or several that share every batch, see :mod:`sgan_workshop.scale`.
        callbacks: each is called with the :class:`Run` after every step.
        checkpoint: a file to save to, and to resume from if it exists; the resumed run is the uninterrupted one.
        checkpoint_every: steps between two saves; the end is always saved.
        progress: whether to show a progress bar.

    Returns:
        The run. After Ctrl-C it holds what was reached, and ``stopped`` says so.

    Raises:
        DataError: if the sources do not fit the configuration, see :meth:`Sources.check`.
        SGANError: if ``networks`` do not keep their contract.
        DivergedError: if a loss is no longer finite; its ``run`` holds what was reached.
        CheckpointError: if ``checkpoint`` cannot be read or is of another configuration.
        ConfigError: if a batch cannot be divided evenly among the team's processes.
    """
    team.check(config)
    keep_freed_memory()
    sources = sources or split_sources(load_data(config.data), config)
    sources.check(config)
    sources = sources.to(team.device or pick_device(device))
    labelled_batches, unlabelled_batches = batches_of(sources, config)

    run = Run.start(config, sources, networks, team)
    if checkpoint and Path(checkpoint).exists():
        load_checkpoint(run, checkpoint)
    with run.random_numbers(), closing(steps_of(run, callbacks, checkpoint, checkpoint_every, progress)) as steps:
        for step in steps:
            one_step(run, labelled_batches[step], *unlabelled_batches[step])
    return run


def batches_of(sources: Sources, config: SGANConfig) -> tuple[Batches, Batches]:
    """The labelled and the unlabelled batches of a run, each in an order of its own."""
    labelled = (sources.labelled_images, sources.labelled_labels)
    return (
        Batches(labelled, config.labelled_batch_size, 2 * config.seed),
        Batches((sources.unlabelled_images,), config.batch_size, 2 * config.seed + 1),
    )


class Inputs(NamedTuple):
    """What one step starts from. What the configuration has no use for is empty."""

    images: Tensor  # labelled real, (labelled batch, 1, 28, 28), from -1 to 1 and then with noise
    labels: Tensor  # (labelled batch,)
    unlabelled: Tensor  # (batch, 1, 28, 28)
    moved: Tensor  # the same images, moved a little, once consistency has set in
    latent: Tensor  # (batch, latent_size)
    noise: Tensor  # to be added to generated images, (batch, 1, 28, 28)


def draw_inputs(
    step: int,
    labelled: tuple[Tensor, ...],
    unlabelled: Tensor,
    config: SGANConfig,
    random: torch.Generator,
) -> Inputs:
    """Make the inputs of one step from its batches of bytes; ``random`` draws the latents, the moves and the noise."""
    images, labels = labelled
    images, unlabelled = to_model_range(images), to_model_range(unlabelled)
    latent, shape = sample_latent(len(unlabelled), config.latent_size, random), images.shape[1:]
    if config.augmentation:
        images = move(images, draw_moves(len(images), config.augmentation, random, max(shape[1:])))
    moved = unlabelled[:0]
    if config.uses_consistency and step >= config.consistency_start * config.steps:
        moved = move(unlabelled, draw_moves(len(unlabelled), config.consistency_moves, random, max(shape[1:])))
    noise_std = config.input_noise * faded(step / config.steps, config.noise_fade)
    images, unlabelled, moved, noise = (
        tensor + draw_noise(len(tensor), noise_std, random, shape)
        for tensor in (images, unlabelled, moved, torch.zeros(len(unlabelled), 1, 1, 1, device=unlabelled.device))
    )
    return Inputs(images, labels, unlabelled, moved, latent, noise)


def one_step(run: Run, labelled: tuple[Tensor, ...], unlabelled: Tensor) -> None:
    """Update D, then G, then D's average, from one labelled and one unlabelled batch of bytes."""
    config, D, G = run.config, run.last_discriminator, run.generator
    for optimizer, rate in (run.optimizer_d, config.learning_rate_d), (run.optimizer_g, config.learning_rate_g):
        optimizer.param_groups[0]["lr"] = rate * cooled(run.step / config.steps, config.cool_down)
    inputs = draw_inputs(run.step, labelled, unlabelled, config, run.random)
    images, labels, unlabelled, moved, latent, noise = map(run.team.part, inputs)

    with run.autocast():
        generated = G(latent) + noise if config.uses_generator else unlabelled[:0]
        d_says = discriminator_step(D, run.optimizer_d, (images, labels), unlabelled, generated, config, moved)
    g_says: dict[str, Tensor] = {}
    if config.uses_generator:
        with run.autocast():
            g_says = generator_step(D, run.optimizer_g, unlabelled, generated, config)

    run.average.update_parameters(D)
    run.step += 1
    run.log.add(d_says | g_says)


def faded(progress: float, fade: float) -> float:
    """What is left of the noise: it falls evenly to 0 over the first ``fade`` of the run, or never if that is 0."""
    return max(0.0, 1.0 - progress / fade) if fade else 1.0


def cooled(progress: float, cool_down: float) -> float:
    """What is left of a learning rate: all of it, then, over the last ``cool_down`` of the run, evenly down to 0."""
    return min(1.0, (1.0 - progress) / cool_down) if cool_down else 1.0
