"""Several processes that train one model together, on one machine or on many.

Each process holds the whole model and takes an equal part of every batch; before an update their gradients are
averaged, so that all models stay equal. The configuration means the same whatever the number of processes. What differs
is BatchNorm, which normalises with the mean of each process's own part.

``torchrun`` starts the processes and lightning-fabric lets them talk: gloo between CPUs, NCCL between GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.run import Alone

SMALLEST_PART = 2  # BatchNorm needs more than one image to take a mean of
LARGEST_BATCH = int(SGANConfig.model_json_schema()["properties"]["batch_size"]["maximum"])


class Team(Alone):
    """The processes that train together; this one is number ``rank`` of ``size``."""

    def __init__(self, fabric: Any) -> None:
        self.rank, self.size = fabric.global_rank, fabric.world_size
        self.is_first, self.device = self.rank == 0, fabric.device

    def check(self, config: SGANConfig) -> None:
        """Refuse a configuration whose batches cannot be divided evenly.

        Raises:
            ConfigError: names the batch and says what would do.
        """
        check_parts(config, self.size)

    def part(self, batch: Tensor) -> Tensor:
        """The part of a batch that falls to this process: every ``size``-th row."""
        return batch[self.rank :: self.size] if self.size > 1 else batch

    def average_gradients_of(self, optimizer: Optimizer) -> None:
        """From now on, average the gradients over all processes before each update."""
        if self.size == 1:
            return

        def average(optimizer: Optimizer, *_: Any) -> None:
            self.average([p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None])

        optimizer.register_step_pre_hook(average)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their mean over all processes, in one message."""
        tensors = list(tensors)
        if self.size == 1 or not tensors:
            return
        message = torch.cat([tensor.detach().flatten() for tensor in tensors])
        torch.distributed.all_reduce(message)  # fabric.all_reduce would wait once more before it
        message /= self.size
        parts = message.split([tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))

    def average_buffers_of(self, model: nn.Module) -> None:
        """Give all processes the same means and variances in BatchNorm, each of which has seen its own images."""
        self.average(buffer for buffer in model.buffers() if buffer.is_floating_point())

    def largest_difference(self, *models: nn.Module) -> float:
        """How far the processes' weights lie apart at most; 0 when they are equal, bit for bit."""
        if self.size == 1:
            return 0.0
        mine = torch.cat([parameter.detach().flatten() for model in models for parameter in model.parameters()])
        everyones = [torch.empty_like(mine) for _ in range(self.size)]
        torch.distributed.all_gather(everyones, mine)
        return max((theirs - mine).abs().max().item() for theirs in everyones)


def check_parts(config: SGANConfig, processes: int) -> None:
    """See :meth:`Team.check`."""
    most = LARGEST_BATCH // SMALLEST_PART
    if processes > most:
        raise ConfigError(
            f"{processes} processes are more than a batch of {LARGEST_BATCH} images has parts for: take at most {most} "
            "with --devices and --nodes."
        )
    sizes = {name: getattr(config, name) for name in ("labelled_batch_size", "batch_size")}
    fitting = {name: max(SMALLEST_PART, round(size / processes)) * processes for name, size in sizes.items()}
    if fitting != sizes:
        wrong = [name for name in sizes if fitting[name] != sizes[name]]
        found = " and ".join(f"{name}={sizes[name]}" for name in wrong)
        cure = " ".join(f"--{name.replace('_', '-')} {fitting[name]}" for name in wrong)
        raise ConfigError(
            f"{found} cannot be divided evenly among {processes} processes, {SMALLEST_PART} images or more each: "
            f"set {cure}, for instance."
        )
