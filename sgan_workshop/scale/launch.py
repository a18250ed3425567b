"""Starting several processes with torchrun, and joining those that it has started."""

from __future__ import annotations

import logging
import os
import sys
import uuid

import torch

from sgan_utils.support.errors import SGANError
from sgan_utils.support.hardware import pick_device
from sgan_workshop.scale.team import Team


def launched_by_torchrun() -> bool:
    """Whether this process is one of several that torchrun has started.

    Raises:
        SGANError: if the environment is only half of what torchrun sets.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    numbers = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT")
    wrong = [name for name in numbers if not os.environ.get(name, "").isdecimal()]
    if wrong or not os.environ.get("MASTER_ADDR"):
        raise SGANError(
            f"TORCHELASTIC_RUN_ID is set as by torchrun, but {(*wrong, 'MASTER_ADDR')[0]} is not: start this command "
            "with torchrun, or unset that variable."
        )
    return True


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
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # its messages about connections are of no use here
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
        The exit code. The process that failed has printed why; torchrun's own report would hide that.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
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
        elastic_launch(plan, sys.executable)("-m", "sgan_workshop", *arguments)
    except ChildFailedError:
        return 1
    except SignalException as error:  # the processes have got it, too, and have ended
        return 128 + error.sigval
    return 0
