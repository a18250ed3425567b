"""Training: one step of D, one step of G, and the loop around them.

:func:`discriminator_step` and :func:`generator_step` are the whole method; :func:`train` only repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from torch import Tensor
from torch.optim import Optimizer

from sgan_utils.augmentation import make_inputs
from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, Sources, load_data, split_sources
from sgan_utils.losses import consistency_loss, generator_loss, pseudo_label, supervised_loss, unsupervised_loss
from sgan_utils.models import Belief, Discriminator, frozen
from sgan_utils.support.hardware import keep_freed_memory, pick_device
from sgan_utils.support.networks import Networks
from sgan_utils.support.propagation import PropagatedBatches
from sgan_utils.support.run import ALONE, Alone, Callback, Run
from sgan_utils.support.session import resuming, steps_of
from sgan_utils.support.student import teach_student
from sgan_utils.support.threads import settle_threads


def discriminator_step(
    D: Discriminator,
    optimizer: Optimizer,
    labelled: tuple[Tensor, Tensor],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
    augmented: Tensor | None = None,
) -> dict[str, Tensor]:
    """One update of D from the three sources of images (Odena 2016, algorithm 1).

    Args:
        labelled: images (labelled batch, 1, 28, 28) from -1 to 1, and their labels (labelled batch,), int64.
        unlabelled: images (batch, 1, 28, 28) without labels.
        generated: G's images (batch, 1, 28, 28); unused if the configuration has no G.
        augmented: the unlabelled images, augmented, in steps with a consistency loss; otherwise None or empty.

    Returns:
        The values of :func:`discriminator_objective`.
    """
    # detach: this step must not teach G
    loss, values = discriminator_objective(D, labelled, unlabelled, generated.detach(), config, augmented)
    optimizer.zero_grad()  # gradients add up unless they are cleared
    loss.backward()
    optimizer.step()
    return values


def discriminator_objective(
    D: Callable[[Tensor], Belief],
    labelled: tuple[Tensor, Tensor],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
    augmented: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """What D minimises: its losses, weighted. A loss that the configuration leaves out costs no time.

    Returns:
        The loss, and scalars to log: the supervised and the unsupervised loss in nats, and the mean probability, 0 to
        1, that D gives unlabelled and generated images of being real. They stay on the device, so that no step waits
        for them.
    """
    images, labels = labelled
    supervised = supervised_loss(D(images).class_logits, labels)
    loss, values = config.supervised_weight * supervised, {"supervised": supervised.detach()}
    consistent = config.uses_consistency and augmented is not None and len(augmented) > 0
    if config.uses_generator or consistent:
        on_unlabelled = D(unlabelled)
    if config.uses_generator:  # real or generated?
        on_generated = D(generated)
        unsupervised = unsupervised_loss(on_unlabelled.real_logit, on_generated.real_logit, config.label_smoothing)
        loss = loss + config.unsupervised_weight * unsupervised
        values |= {
            "unsupervised": unsupervised.detach(),
            "belief_in_real": on_unlabelled.real_logit.detach().sigmoid().mean(),
            "belief_in_generated": on_generated.real_logit.detach().sigmoid().mean(),
        }
    if consistent and augmented is not None:  # the same digit after augmentation?
        pseudo_labels, sure = pseudo_label(on_unlabelled.class_logits, config.confidence, config.balance)
        consistency = consistency_loss(D(augmented).class_logits, pseudo_labels, sure)
        loss = loss + config.consistency_weight * consistency
    return loss, values


def generator_step(
    D: Discriminator,
    optimizer: Optimizer,
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
) -> dict[str, Tensor]:
    """One update of G: it learns from nothing but D's output on generated images.

    Args:
        unlabelled: images (batch, 1, 28, 28); used by feature matching only.
        generated: G's images (batch, 1, 28, 28), with the graph that leads back to G's weights.

    Returns:
        The value of :func:`generator_objective`.
    """
    with frozen(D):  # this step must not teach D
        loss, values = generator_objective(D, unlabelled, generated, config)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return values


def generator_objective(
    D: Callable[[Tensor], Belief],
    unlabelled: Tensor,
    generated: Tensor,
    config: SGANConfig,
) -> tuple[Tensor, dict[str, Tensor]]:
    """What G minimises: the loss that the configuration names.

    Returns:
        The loss with its graph, and its value to log.
    """
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
    """Train D and G as ``config`` says.

    The same configuration gives the same numbers on the same machine with the same number of threads.

    Args:
        sources: labelled and unlabelled images; by default those of the data that ``config`` names, drawn as it says.
        networks: makes G and D of your own, see :mod:`sgan_utils.support.networks`; by default the lessons'.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        team: who trains, see :class:`sgan_utils.support.run.Alone`.
        callbacks: each is called with the :class:`Run` after every step.
        checkpoint: a file to save to, and to resume from if it exists; the resumed run is the uninterrupted one.
        checkpoint_every: steps between two saves; there is one every minute, too, and the end is always saved.
        progress: whether to show a progress bar.

    Returns:
        The run. After Ctrl-C it holds what was reached, and ``stopped`` says so. SIGTERM and SIGHUP save it, too.

    Raises:
        DataError: if the sources do not fit the configuration, see :meth:`Sources.check`.
        SGANError: if ``networks`` return outputs of another type, shape or range than asked for.
        DivergedError: if a loss is no longer finite; its ``run`` holds what was reached.
        CheckpointError: if ``checkpoint`` cannot be read or is of another configuration.
        FileError: if ``checkpoint`` cannot be written, or another run is using it.
        ConfigError: if the team cannot divide a batch evenly.
    """
    team.check(config)
    keep_freed_memory()
    settle_threads()
    sources = sources or split_sources(load_data(config.data), config)
    sources.check(config)
    sources = sources.to(team.device or pick_device(device))
    run = Run.start(config, sources, networks, team)
    with resuming(run, checkpoint), run.random_numbers():
        labelled_batches, unlabelled_batches = batches_of(run)
        with closing(steps_of(run, callbacks, checkpoint, checkpoint_every, progress)) as steps:
            for step in steps:
                one_step(run, labelled_batches[step], *unlabelled_batches[step])
    if config.student_steps and run.step == config.steps:
        teach_student(run, progress and team.is_first)
    return run


def batches_of(run: Run) -> tuple[Batches | PropagatedBatches, Batches]:
    """The labelled and the unlabelled batches of a run, each in an order of its own."""
    config, sources = run.config, run.sources
    # Even and odd seeds: no run's labelled order is the unlabelled order of any other.
    unlabelled = Batches((sources.unlabelled_images,), config.batch_size, 2 * config.seed + 1)
    if config.propagation:
        return PropagatedBatches(run), unlabelled
    labelled = (sources.labelled_images, sources.labelled_labels)
    return Batches(labelled, config.labelled_batch_size, 2 * config.seed), unlabelled


def one_step(run: Run, labelled: tuple[Tensor, ...], unlabelled: Tensor) -> None:
    """Update D, then G, then D's average, from one labelled and one unlabelled batch, uint8."""
    config, D, G = run.config, run.last_discriminator, run.generator
    scale = learning_rate_scale(run.step / config.steps, config.learning_rate_decay)
    for optimizer, rate in (run.optimizer_d, config.learning_rate_d), (run.optimizer_g, config.learning_rate_g):
        optimizer.param_groups[0]["lr"] = rate * scale
    inputs = make_inputs(run.step, labelled, unlabelled, config, run.random)
    images, labels, unlabelled, augmented, latent, noise = map(run.team.part, inputs)

    with run.autocast():
        generated = G(latent) + noise if config.uses_generator else unlabelled[:0]
        d_values = discriminator_step(D, run.optimizer_d, (images, labels), unlabelled, generated, config, augmented)
    g_values: dict[str, Tensor] = {}
    if config.uses_generator:
        with run.autocast():  # anew: the context above has kept D's weights of before the update
            g_values = generator_step(D, run.optimizer_g, unlabelled, generated, config)

    run.average.update_parameters(D)
    run.step += 1
    run.log.add(d_values | g_values)


def learning_rate_scale(progress: float, decay: float) -> float:
    """The factor of a learning rate: falls evenly from 1 to 0 over the last ``decay`` of the run."""
    return min(1.0, (1.0 - progress) / decay) if decay else 1.0
