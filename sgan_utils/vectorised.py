"""Several seeds trained at once, as one computation: for studies on a GPU, which a single small run leaves idle.

The weights of all runs are stacked, ``torch.func.vmap`` carries the objectives over the stack, and Adam, which looks at
each number by itself, updates it as it would update each run alone. So every run comes out as it would by itself, up
to the order in which numbers are added.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.optim import Adam
from tqdm.auto import tqdm

from sgan_utils.config import SGANConfig
from sgan_utils.data import MNIST, Batches, split_sources
from sgan_utils.hardware import keep_freed_memory, pick_device
from sgan_utils.training import (
    LOOK_EVERY,
    Run,
    batches_of,
    cooled,
    discriminator_objective,
    draw_inputs,
    generator_objective,
    stop_if_diverged,
)


class Stack:
    """The same network of several runs: weights and memories of BatchNorm, each with the runs in front."""

    def __init__(self, models: Sequence[nn.Module], learning_rate: float, settings: dict[str, Any]) -> None:
        self.models = models
        self.weights, self.memories = stack_module_state(list(models))
        self.optimizer = Adam(self.weights.values(), lr=learning_rate, **settings)

    def call(self, weights: dict[str, Tensor], memories: dict[str, Tensor]) -> Callable[[Tensor], Any]:
        """The network of one run, as a function of its input; to be used under ``vmap``."""
        return lambda inputs: functional_call(self.models[0], (weights, memories), (inputs,))

    def unstack(self) -> None:
        """Copy what has been learnt back into the runs' own models."""
        with torch.no_grad():
            for number, model in enumerate(self.models):
                named = dict(model.named_parameters()) | dict(model.named_buffers())
                for name, tensor in (self.weights | self.memories).items():
                    named[name].copy_(tensor[number])


def train_seeds(
    config: SGANConfig,
    seeds: Iterable[int],
    data: MNIST,
    *,
    device: str = "auto",
    progress: bool = True,
) -> list[Run]:
    """Train one configuration with several seeds at once.

    Args:
        config: of all runs but for the seed, which also draws the labelled images, as in :func:`train`.
        seeds: one run each.
        data: from :func:`load_mnist`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``. On a CPU it is no faster than one run after another.

    Returns:
        One finished :class:`Run` for each seed; ``train_seconds`` is the time of all together, divided among them.

    Raises:
        DivergedError: if a loss of any run is no longer finite.
    """
    keep_freed_memory()
    data = data.to(pick_device(device))
    runs, batches = [], []
    for seed in seeds:
        sources = split_sources(data, config.but(seed=seed))
        runs.append(Run.start(config.but(seed=seed), sources.unlabelled_images))
        batches.append(batches_of(sources, runs[-1].config))
    settings = {name: runs[0].optimizer_d.defaults[name] for name in ("betas", "fused")}
    d = Stack([run.last_discriminator for run in runs], config.learning_rate_d, settings)
    g = Stack([run.generator for run in runs], config.learning_rate_g, settings)

    before = time.perf_counter()
    for step in tqdm(range(config.steps), desc=f"training {len(runs)} seeds", unit="step", disable=not progress):
        _one_step_of_all(runs, batches, d, g)
        d.unstack()
        for run in runs:
            run.average.update_parameters(run.last_discriminator)
        if (step + 1) % LOOK_EVERY == 0 or step + 1 == config.steps:
            for run in runs:
                stop_if_diverged(run)
    g.unstack()
    for run in runs:
        run.train_seconds = (time.perf_counter() - before) / len(runs)
    return runs


def _one_step_of_all(runs: list[Run], batches: list[tuple[Batches, Batches]], d: Stack, g: Stack) -> None:
    """What :func:`sgan_utils.training._one_step` does, for all runs."""
    config, step = runs[0].config, runs[0].step
    for optimizer, rate in (d.optimizer, config.learning_rate_d), (g.optimizer, config.learning_rate_g):
        optimizer.param_groups[0]["lr"] = rate * cooled(step / config.steps, config.cool_down)
    drawn = [
        draw_inputs(step, labelled[step], unlabelled[step], config, run.random)
        for run, (labelled, unlabelled) in zip(runs, batches, strict=True)
    ]
    images, labels, unlabelled, moved, latents, noise = (torch.stack(tensors) for tensors in zip(*drawn, strict=True))

    def draw(weights_g, memories_g, latent, noise):  # noqa: ANN001, ANN202
        return g.call(weights_g, memories_g)(latent) + noise

    def objective_d(weights_d, memories_d, images, labels, unlabelled, generated, moved):  # noqa: ANN001, ANN202
        D = d.call(weights_d, memories_d)
        return discriminator_objective(D, (images, labels), unlabelled, generated, config, moved)

    def objective_g(weights_d, memories_d, unlabelled, generated):  # noqa: ANN001, ANN202
        return generator_objective(d.call(weights_d, memories_d), unlabelled, generated, config)

    with runs[0].autocast():
        generated = vmap(draw)(g.weights, g.memories, latents, noise) if config.uses_generator else unlabelled[:, :0]
        loss, d_says = vmap(objective_d)(d.weights, d.memories, images, labels, unlabelled, generated.detach(), moved)
    d.optimizer.zero_grad()
    loss.sum().backward()  # no run's loss depends on another's weights, so each gets its own gradient
    d.optimizer.step()

    g_says = {}
    if config.uses_generator:
        fixed = {name: weight.detach() for name, weight in d.weights.items()}  # this step must not teach D
        with runs[0].autocast():
            loss, g_says = vmap(objective_g)(fixed, d.memories, unlabelled, generated)
        g.optimizer.zero_grad()
        loss.sum().backward()
        g.optimizer.step()

    said = d_says | g_says
    for number, run in enumerate(runs):
        run.step += 1
        run.log.add({name: values[number] for name, values in said.items()})
