"""Training: one step of D, one step of G, and the loop around them.

:func:`discriminator_step` and :func:`generator_step` are the whole method; :func:`train` only repeats them
and takes care of what a learner need not see: the device, the history, checkpoints, and stopping well.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from tqdm.auto import tqdm

from sgan_utils.augmentation import draw_moves, draw_noise, move
from sgan_utils.checkpoints import load_checkpoint, save_checkpoint
from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, Sources, load_mnist, split_sources, to_model_range
from sgan_utils.errors import DivergedError
from sgan_utils.hardware import keep_freed_memory, pick_device, pick_precision
from sgan_utils.losses import consistency_loss, generator_loss, pseudo_label, supervised_loss, unsupervised_loss
from sgan_utils.models import Belief, Discriminator, Generator, build_models, frozen, sample_latent
from sgan_utils.parallel import ALONE, Team

CALIBRATION_BATCHES = 50  # over which BatchNorm's memory is measured for the finished classifier
LOOK_EVERY = 50  # steps between two looks at the losses: at each look the CPU has to wait for the GPU


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
    if consistent:  # the same digit, wherever it is moved?
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


class History:
    """What every step said, kept on the device until somebody looks. What a step did not measure is not a number.

    The processes of a team each note down what their share of a batch said. They look together, after the same steps,
    and then see the mean.
    """

    columns = ("supervised", "unsupervised", "belief_in_real", "belief_in_generated", "generator")

    def __init__(self, seen: Tensor | None = None, team: Team = ALONE) -> None:
        self._team = team
        self._seen = [] if seen is None else [seen]  # on the CPU, (some steps, 5) each
        self._new: list[Tensor] = []  # on the device, (5,) each

    def add(self, said: dict[str, Tensor]) -> None:
        """Note down one step, without waiting for the device."""
        unsaid = torch.full_like(said["supervised"], torch.nan)
        self._new.append(torch.stack([said.get(column, unsaid).float() for column in self.columns]))

    def look(self) -> Tensor:
        """Everything that was said since the last look, shape (steps, 5), on the CPU."""
        if not self._new:
            return torch.empty(0, len(self.columns))
        new = torch.stack(self._new)
        self._team.average([new])
        self._new = []
        self._seen.append(new.cpu())
        return self._seen[-1]

    def tensor(self) -> Tensor:
        """Every step so far, shape (steps, 5), on the CPU."""
        self.look()
        self._seen = [torch.cat(self._seen)] if self._seen else [torch.empty(0, len(self.columns))]
        return self._seen[0]

    def table(self) -> pd.DataFrame:
        """One row a step: losses in nats, D's mean belief (0 to 1) in unlabelled and in generated images."""
        rows = self.tensor().numpy()
        return pd.DataFrame(rows, columns=list(self.columns), index=pd.RangeIndex(1, len(rows) + 1, name="step"))


@dataclass
class Run:
    """A training run as it stands after some steps; callbacks receive it after every step."""

    config: SGANConfig
    device: torch.device
    precision: torch.dtype
    generator: Generator
    last_discriminator: Discriminator
    average: AveragedModel
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    random: torch.Generator
    unlabelled_images: Tensor  # (unlabelled, 1, 28, 28), uint8
    team: Team = ALONE  # the processes that train this run together
    step: int = 0
    train_seconds: float = 0.0
    stopped: str = ""  # why it ended early, in words; empty if it did not
    log: History = field(default_factory=History)
    _classifier_of_step: int = -1

    @classmethod
    def start(cls, config: SGANConfig, unlabelled_images: Tensor, team: Team = ALONE) -> Run:
        """A run before its first step."""
        device = unlabelled_images.device
        g, d = (model.to(device, memory_format=torch.channels_last) for model in build_models(config))
        average = AveragedModel(d, multi_avg_fn=get_ema_multi_avg_fn(config.average_decay), use_buffers=True)
        settings = {"betas": (config.adam_beta1, 0.999), "fused": device.type in ("cpu", "cuda")}
        optimizer_g = Adam(g.parameters(), lr=config.learning_rate_g, **settings)
        optimizer_d = Adam(d.parameters(), lr=config.learning_rate_d, **settings)
        for optimizer in (optimizer_g, optimizer_d):
            team.average_gradients_of(optimizer)
        return cls(
            config,
            device,
            pick_precision(config.precision, device),
            generator=g,
            last_discriminator=d,
            average=average,
            optimizer_g=optimizer_g,
            optimizer_d=optimizer_d,
            random=torch.Generator(device).manual_seed(config.seed),
            unlabelled_images=unlabelled_images,
            team=team,
            log=History(team=team),
        )

    def classifier(self) -> Discriminator:
        """D as it is used after training: averaged weights, and BatchNorm's memory measured on real images.

        During training D normalised generated images too, and its weights moved on; the means and variances that it
        remembers fit neither the images it will be tested on nor the averaged weights. Unlabelled images set it right.
        """
        if self._classifier_of_step != self.step:
            count = min(CALIBRATION_BATCHES, max(1, len(self.unlabelled_images) // self.config.batch_size))
            some = self.unlabelled_images[: count * self.config.batch_size].chunk(count)
            with self.autocast():
                update_bn((to_model_range(images) for images in some), self.average)
            self._classifier_of_step = self.step
        return self.average.module.eval()

    @property
    def images_per_second(self) -> float:
        """Unlabelled images taken per second of training; D saw as many labelled and generated ones beside them."""
        return self.step * self.config.batch_size / self.train_seconds if self.train_seconds else 0.0

    @property
    def history(self) -> pd.DataFrame:
        """One row a step, see :meth:`History.table`."""
        return self.log.table()

    def autocast(self) -> AbstractContextManager:
        """Convolutions inside compute in the run's precision. Leave it before weights change: it keeps copies."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.precision)


Callback = Callable[[Run], None]


def train(
    config: SGANConfig,
    sources: Sources | None = None,
    *,
    device: str = "auto",
    team: Team = ALONE,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 1_000,
    progress: bool = True,
) -> Run:
    """Train D and G as ``config`` says. The same configuration gives the same numbers on the same machine.

    Args:
        sources: labelled and unlabelled images; by default MNIST's, drawn as ``config`` says.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        team: the processes that train together, each on its share of every batch, see :mod:`sgan_utils.parallel`.
        callbacks: each is called with the :class:`Run` after every step.
        checkpoint: a file to save to, and to resume from if it exists; the resumed run is the uninterrupted one.
        checkpoint_every: steps between two saves; the end is always saved.
        progress: whether to show a progress bar.

    Returns:
        The run. After Ctrl-C it holds what was reached, and ``stopped`` says so.

    Raises:
        DivergedError: if a loss is no longer finite; its ``run`` holds what was reached.
        CheckpointError: if ``checkpoint`` cannot be read or is of another configuration.
        ConfigError: if a batch cannot be divided evenly among the team's processes.
    """
    team.check(config)
    keep_freed_memory()
    sources = sources or split_sources(load_mnist(), config)
    sources = Sources(*(tensor.to(team.device or pick_device(device)) for tensor in sources))
    labelled_batches, unlabelled_batches = batches_of(sources, config)

    before = time.perf_counter()
    run = Run.start(config, sources.unlabelled_images, team)
    if checkpoint and Path(checkpoint).exists():
        load_checkpoint(run, checkpoint)
    before -= run.train_seconds
    silent = not (progress and team.is_first)
    bar = tqdm(total=config.steps, initial=run.step, desc="training", unit="step", disable=silent)
    try:
        with bar:
            while run.step < config.steps:
                with _interrupted_afterwards():
                    _one_step(run, labelled_batches, unlabelled_batches)
                run.train_seconds = time.perf_counter() - before
                bar.update()
                save_now = checkpoint and run.step % checkpoint_every == 0
                if run.step % LOOK_EVERY == 0 or run.step == config.steps or save_now:
                    stop_if_diverged(run)
                for callback in callbacks:
                    callback(run)
                if save_now or run.step == config.steps:
                    _agree(run)
                if save_now and team.is_first:
                    save_checkpoint(run, checkpoint)
    except KeyboardInterrupt:
        run.stopped = f"interrupted after step {run.step} of {config.steps}"
    run.train_seconds = time.perf_counter() - before
    if checkpoint:
        stop_if_diverged(run)  # a run that was interrupted may have gone wrong since the last look
        if team.is_first:
            save_checkpoint(run, checkpoint)
    return run


def stop_after(step: int) -> Callback:
    """A callback for ``train``: end the run after so many steps, as Ctrl-C would."""

    def stop(run: Run) -> None:
        if run.step >= step:
            raise KeyboardInterrupt

    return stop


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
    step: int, labelled: tuple[Tensor, Tensor], unlabelled: tuple[Tensor], config: SGANConfig, random: torch.Generator
) -> Inputs:
    """Make the inputs of one step from its batches of bytes; ``random`` draws the latents, the moves and the noise."""
    (images, labels), (unlabelled,) = labelled, unlabelled
    images, unlabelled = to_model_range(images), to_model_range(unlabelled)
    latent = sample_latent(len(unlabelled), config.latent_size, random)
    if config.augmentation:
        images = move(images, draw_moves(len(images), config.augmentation, random))
    moved = unlabelled[:0]
    if config.uses_consistency and step >= config.consistency_start * config.steps:
        moved = move(unlabelled, draw_moves(len(unlabelled), config.consistency_moves, random))
    noise_std = config.input_noise * faded(step / config.steps, config.noise_fade)
    images, unlabelled, moved, noise = (
        tensor + draw_noise(len(tensor), noise_std, random)
        for tensor in (images, unlabelled, moved, torch.zeros(len(unlabelled), 1, 1, 1, device=unlabelled.device))
    )
    return Inputs(images, labels, unlabelled, moved, latent, noise)


def _one_step(run: Run, labelled_batches: Batches, unlabelled_batches: Batches) -> None:
    config, D, G, team = run.config, run.last_discriminator, run.generator, run.team
    for optimizer, rate in (run.optimizer_d, config.learning_rate_d), (run.optimizer_g, config.learning_rate_g):
        optimizer.param_groups[0]["lr"] = rate * cooled(run.step / config.steps, config.cool_down)
    inputs = draw_inputs(run.step, labelled_batches[run.step], unlabelled_batches[run.step], config, run.random)
    images, labels, unlabelled, moved, latent, noise = map(team.share, inputs)

    with run.autocast():
        generated = G(latent) + noise if config.uses_generator else unlabelled[:0]
        d_says = discriminator_step(D, run.optimizer_d, (images, labels), unlabelled, generated, config, moved)
    g_says = {}
    if config.uses_generator:
        with run.autocast():
            g_says = generator_step(D, run.optimizer_g, unlabelled, generated, config)

    run.average.update_parameters(D)
    run.step += 1
    run.log.add(d_says | g_says)


def _agree(run: Run) -> None:
    """The processes of a team have equal weights; give them equal memories of BatchNorm as well."""
    for model in (run.generator, run.last_discriminator, run.average.module):
        run.team.average_memory_of(model)


def faded(progress: float, fade: float) -> float:
    """What is left of the noise: it falls evenly to 0 over the first ``fade`` of the run, or never if that is 0."""
    return max(0.0, 1.0 - progress / fade) if fade else 1.0


def cooled(progress: float, cool_down: float) -> float:
    """What is left of a learning rate: all of it, then, over the last ``cool_down`` of the run, evenly down to 0."""
    return min(1.0, (1.0 - progress) / cool_down) if cool_down else 1.0


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Ctrl-C waits for the end, so that a run that was stopped, and its checkpoint, consist of whole steps."""
    asked = []
    try:
        usual = signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    except ValueError:  # in a thread, which Ctrl-C does not reach
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if asked:
        signal.raise_signal(signal.SIGINT)


def stop_if_diverged(run: Run) -> None:
    """Look at what the run has said so far.

    Raises:
        DivergedError: if a number in it, or of D's weights, is not finite; names the first.
    """
    seen = run.log.tensor()
    if not run.config.uses_generator:
        seen = seen[:, :1]  # the supervised loss is all that was measured
    if not seen.isfinite().all():
        row, column = (~seen.isfinite()).nonzero()[0].tolist()
        what = f"'{History.columns[column]}' is no longer a finite number in step {row + 1}"
    elif not all(weights.isfinite().all() for weights in run.last_discriminator.parameters()):
        what = f"D's weights are no longer finite numbers after step {run.step}"
    else:
        return
    rates = f"learning_rate_d (now {run.config.learning_rate_d})"
    if run.config.uses_generator:
        rates += f" or learning_rate_g (now {run.config.learning_rate_g})"
    raise DivergedError(f"{what} of {run.config.steps}: lower {rates}.", run)
