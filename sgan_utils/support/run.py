"""A training run as it stands after some steps: networks, optimisers, averages, measurements. No loop, no files."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from sgan_utils.config import SGANConfig
from sgan_utils.data import Sources, to_model_range
from sgan_utils.models import Discriminator, Generator, build_models
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.hardware import compute_repeatably, computing_in, drawing_from, pick_precision, random_state
from sgan_utils.support.networks import Networks, make_networks
from sgan_utils.support.source_checks import check_size

if TYPE_CHECKING:
    from sgan_utils.support.propagation import Propagation
    from sgan_utils.support.student import Student

CALIBRATION_BATCHES = 50  # over which BatchNorm's memory is measured for the finished classifier


class Alone:
    """One process trains a run by itself. :mod:`sgan_workshop.scale` has the other kind, with the same methods."""

    rank, size = 0, 1
    is_first = True  # shows progress, saves and reports
    device: torch.device | None = None  # where it has to compute, if that is not the caller's choice

    def check(self, config: SGANConfig) -> None:
        """Refuse a configuration whose batches cannot be divided evenly."""

    def part(self, batch: Tensor) -> Tensor:
        """What falls to this process: all of the batch."""
        return batch

    def average_gradients_of(self, optimizer: Optimizer) -> None:
        """From now on, average the gradients over all processes before each update."""

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all processes."""

    def average_buffers_of(self, model: nn.Module) -> None:
        """Give all processes the same means and variances in BatchNorm."""

    def largest_difference(self, *models: nn.Module) -> float:
        """How far the processes' weights lie apart at most."""
        return 0.0


ALONE = Alone()


class History:
    """The values that every step logged, on the device until they are read. What a step did not measure is NaN.

    The processes of a team each log the values of their part of a batch. They read together, after the same steps,
    and get the mean.
    """

    columns = ("supervised", "unsupervised", "belief_in_real", "belief_in_generated", "generator")

    def __init__(self, seen: Tensor | None = None, team: Alone = ALONE) -> None:
        self._team = team
        self._seen = [] if seen is None else [seen]  # on the CPU, (some steps, 5) each
        self._new: list[Tensor] = []  # on the device, (5,) each

    def add(self, values: dict[str, Tensor]) -> None:
        """Log one step, without waiting for the device."""
        missing = torch.full_like(values["supervised"], torch.nan)
        self._new.append(torch.stack([values.get(column, missing).float() for column in self.columns]))

    def read_new(self) -> Tensor:
        """The values since the last call, shape (steps, 5), on the CPU."""
        if not self._new:
            return torch.empty(0, len(self.columns))
        new = torch.stack(self._new)
        self._team.average([new])
        self._new = []
        self._seen.append(new.cpu())
        return self._seen[-1]

    def tensor(self) -> Tensor:
        """Every step so far, shape (steps, 5), on the CPU."""
        self.read_new()
        self._seen = [torch.cat(self._seen)] if self._seen else [torch.empty(0, len(self.columns))]
        return self._seen[0]

    def table(self) -> pd.DataFrame:
        """One row a step: losses in nats, D's mean belief (0 to 1) in unlabelled and in generated images."""
        rows = self.tensor().numpy()
        return pd.DataFrame(rows, columns=list(self.columns), index=pd.RangeIndex(1, len(rows) + 1, name="step"))


def trains(config: SGANConfig) -> bool:
    """Whether a network learns anything; label propagation alone needs none."""
    return bool(config.supervised_weight or config.unsupervised_weight or config.consistency_weight)


@dataclass
class Run:
    """A training run as it stands after some steps; callbacks receive it after every step."""

    config: SGANConfig  # of the next step, see `changes`
    device: torch.device
    precision: torch.dtype
    generator: Generator
    last_discriminator: Discriminator
    average: AveragedModel
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    random: torch.Generator
    sources: Sources
    layer_random: Tensor | None  # the global random state of layers such as dropout; the lessons' networks have none
    team: Alone = ALONE  # the processes that train this run together
    step: int = 0
    train_seconds: float = 0.0
    spread_labels: Tensor | None = None  # by propagation, of the unlabelled images, UNKNOWN where it is not sure
    stopped: str = ""  # why it ended early, in words; empty if it did not
    changes: list[tuple[int, str, Any]] = field(default_factory=list)  # of hyperparameters: after step, field, value
    log: History = field(default_factory=History)
    propagation: Propagation | None = None  # made when it is first needed
    student: Student | None = None  # the larger classifier of a finished run
    _classifier_of_step: int = -1

    @classmethod
    def start(cls, config: SGANConfig, sources: Sources, networks: Networks | None = None, team: Alone = ALONE) -> Run:
        """A run before its first step.

        Raises:
            ConfigError: if no loss has a weight.
            DataError: if the images do not fit the lessons' networks.
        """
        if not trains(config):
            raise ConfigError(
                "supervised_weight, unsupervised_weight and consistency_weight are all 0, so no network would learn "
                "anything: raise one of them, or let `sgan study` score label propagation alone."
            )
        compute_repeatably()
        device, global_random = sources.unlabelled_images.device, torch.random.get_rng_state()
        layer_random = None
        if networks:
            torch.default_generator.manual_seed(config.seed)
            made = make_networks(networks, config, sources.description)
            layer_random = random_state(device) if device.type == "cpu" else _seeded(device, config.seed)
            torch.random.set_rng_state(global_random)
            g, d = (model.to(device) for model in made)  # in memory as they are: their code may rely on it
        else:
            check_size(sources.description)
            made = build_models(config, sources.description)
            g, d = (model.to(device).to(memory_format=torch.channels_last) for model in made)  # faster
        average = AveragedModel(d, multi_avg_fn=get_ema_multi_avg_fn(config.average_decay), use_buffers=True)
        betas, fused = (config.adam_beta1, 0.999), device.type in ("cpu", "cuda")
        optimizer_g = Adam(g.parameters(), lr=config.learning_rate_g, betas=betas, fused=fused)
        optimizer_d = Adam(d.parameters(), lr=config.learning_rate_d, betas=betas, fused=fused)
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
            sources=sources,
            layer_random=layer_random,
            team=team,
            log=History(team=team),
        )

    def copy(self) -> Run:
        """The run once more, as it stands, to go another way from here; both share the images."""
        shared: dict[int, Any] = {id(part): part for part in (self.sources, self.team)}
        if self.propagation is not None:  # its graph is large, and nothing changes it
            shared[id(self.propagation)] = copy.copy(self.propagation)
        return copy.deepcopy(self, shared)

    def classifier(self) -> Discriminator:
        """D as it is used after training: averaged weights, and BatchNorm's memory measured on real images.

        During training D normalised generated images too, and its weights moved on; the means and variances that it
        remembers fit neither the images it will be tested on nor the averaged weights. Unlabelled images set it right.
        If the run has taught a student, that is the classifier.
        """
        if self.student is not None:
            return cast("Discriminator", self.student)
        if self._classifier_of_step != self.step:
            count = min(CALIBRATION_BATCHES, max(1, len(self.sources.unlabelled_images) // self.config.batch_size))
            unlabelled = self.sources.unlabelled_images
            # In an order of its own: stored images may be sorted by class, and each class has its own mean.
            order = torch.randperm(len(unlabelled), generator=torch.Generator().manual_seed(0)).to(unlabelled.device)
            some = unlabelled[order[: count * self.config.batch_size]].chunk(count)
            uses_random = self.layer_random is not None  # then scoring must not change the random state
            state = _seeded(self.device, self.config.seed)
            with self.autocast(), drawing_from(state, self.device) if uses_random else nullcontext():
                update_bn((to_model_range(images) for images in some), self.average)
            self._classifier_of_step = self.step
        return cast("Discriminator", self.average.module.eval())

    def synchronise_buffers(self) -> None:
        """The processes of a team have equal weights; give them equal means and variances in BatchNorm as well."""
        for model in (self.generator, self.last_discriminator, self.average.module):
            self.team.average_buffers_of(model)

    @contextmanager
    def random_numbers(self) -> Iterator[None]:
        """Inside, layers such as dropout take this run's random numbers; the caller's stay as they were."""
        if self.layer_random is None:
            yield
            return
        with drawing_from(self.layer_random, self.device):
            try:
                yield
            finally:
                self.layer_random = random_state(self.device)

    @property
    def epochs(self) -> float:
        """Passes over the unlabelled images so far."""
        return self.step * self.config.batch_size / len(self.sources.unlabelled_images)

    @property
    def images_per_second(self) -> float:
        """Unlabelled images per second of training; labelled and generated ones are not counted."""
        return self.step * self.config.batch_size / self.train_seconds if self.train_seconds else 0.0

    @property
    def history(self) -> pd.DataFrame:
        """One row a step, see :meth:`History.table`."""
        return self.log.table()

    def autocast(self) -> AbstractContextManager:
        """Convolutions inside compute in the run's precision. Leave it before weights change: it keeps copies."""
        return computing_in(self.precision, self.device)


def _seeded(device: torch.device, seed: int) -> Tensor:
    """A random state for layers on this device."""
    return torch.Generator(device).manual_seed(seed).get_state()


Callback = Callable[[Run], None]
