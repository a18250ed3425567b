"""Several processes that train one model together, on one machine or on many.

Each process holds the whole model and takes its share of every batch; before an update their gradients are averaged,
so that all models stay equal. The configuration means the same whatever the number of processes. What differs is
BatchNorm, which normalises with the mean of each process's own share.

``torchrun`` starts the processes and lightning-fabric lets them talk: gloo between CPUs, NCCL between GPUs.
"""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sgan_utils.config import SGANConfig
from sgan_utils.errors import ConfigError, SGANError
from sgan_utils.hardware import pick_device

SMALLEST_SHARE = 2  # BatchNorm needs more than one image to take a mean of


class Team:
    """The processes that train together; this one is number ``rank`` of ``size``."""

    def __init__(self, fabric: Any = None) -> None:
        self.rank: int = fabric.global_rank if fabric else 0
        self.size: int = fabric.world_size if fabric else 1
        self.device: torch.device | None = fabric.device if fabric else None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that shows progress, saves and reports."""
        return self.rank == 0

    def check(self, config: SGANConfig) -> None:
        """Refuse a configuration whose batches cannot be divided evenly.

        Raises:
            ConfigError: names the batch and says what would do.
        """
        check_shares(config, self.size)

    def share(self, batch: Tensor) -> Tensor:
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

    def average_memory_of(self, model: nn.Module) -> None:
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


ALONE = Team()


def check_shares(config: SGANConfig, processes: int) -> None:
    """See :meth:`Team.check`."""
    sizes = {name: getattr(config, name) for name in ("labelled_batch_size", "batch_size")}
    fitting = {name: max(SMALLEST_SHARE, round(size / processes)) * processes for name, size in sizes.items()}
    if fitting != sizes:
        wrong = [name for name in sizes if fitting[name] != sizes[name]]
        found = " and ".join(f"{name}={sizes[name]}" for name in wrong)
        cure = " ".join(f"--{name.replace('_', '-')} {fitting[name]}" for name in wrong)
        raise ConfigError(
            f"{found} cannot be divided evenly among {processes} processes, {SMALLEST_SHARE} images or more each: "
            f"set {cure}, for instance."
        )


def launched_by_torchrun() -> bool:
    """Whether this process is one of several that torchrun has started."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def join_team(device: str = "auto", expected: int = 1) -> Team:
    """Meet the other processes that torchrun has started.

    Args:
        device: what each computes on, ``"cpu"`` or ``"cuda"``; ``"auto"`` is CUDA where there is a GPU for each.
        expected: how many processes the user has asked for; 1 leaves the number to torchrun.

    Raises:
        SGANError: if torchrun has started another number of processes, if there are fewer GPUs than processes, or
            if lightning-fabric is not installed.
    """
    here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if expected not in (1, everywhere):
        raise SGANError(
            f"torchrun has started {everywhere} processes, but --devices times --nodes is {expected}: "
            "leave both out, or let them agree with --nproc-per-node and --nnodes."
        )
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise SGANError(
            "several devices need lightning-fabric, which is not installed: pip install -e '.[scale]'."
        ) from error

    if device == "auto":
        device = "cuda" if torch.cuda.device_count() >= here else "cpu"
    if pick_device(device).type == "cuda" and torch.cuda.device_count() < here:
        raise SGANError(
            f"{here} processes need a GPU each and this machine has {torch.cuda.device_count()}: "
            "lower --devices, or set --device cpu."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # who has met whom is nobody's concern
    fabric = Fabric(
        accelerator=device,
        devices=here,
        num_nodes=everywhere // here,
        strategy="ddp",
    )
    fabric.launch()
    return Team(fabric)


def start_under_torchrun(arguments: list[str], devices: int) -> int:
    """Run ``sgan`` with the given arguments in several processes on this machine, as ``torchrun --standalone`` does.

    Returns:
        The exit code. Whoever failed has said why; torchrun's own account of it would bury that.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    plan = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=0,
    )
    try:
        elastic_launch(plan, sys.executable)("-m", "sgan_utils", *arguments)
    except ChildFailedError:
        return 1
    return 0
