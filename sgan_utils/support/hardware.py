"""What this machine computes on, and in which number format."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch

from sgan_utils.config import Precision
from sgan_utils.support.errors import SGANError


def pick_device(name: str = "auto") -> torch.device:
    """``"auto"`` is the first of CUDA, MPS and CPU that is there; any other name is taken at its word.

    Raises:
        SGANError: if the named device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise SGANError(f"device {name!r} cannot be used here: choose auto, cpu, cuda or mps.") from error
    if torch.device(name).type == "meta":  # where torch works out shapes and computes nothing
        raise SGANError("device 'meta' computes nothing: choose auto, cpu, cuda or mps.")
    return torch.device(name)


def pick_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """``"auto"`` is bfloat16 where the hardware computes in it, else float32: emulated bfloat16 is very slow."""
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        native = any(cpu_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


def computing_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager:
    """Convolutions inside compute in this precision. Leave it before weights change: it keeps copies of them."""
    if precision == torch.float32:  # nothing to do; torch warns of an autocast to what everything is already
        return nullcontext()
    return torch.autocast(device.type, precision)


def cpu_capabilities() -> dict[str, object]:
    """What torch knows about this CPU, such as ``"cpu_name"`` and ``"amx_bf16"``; empty where torch cannot say."""
    return getattr(torch.cpu, "get_capabilities", dict)()


def random_state(device: torch.device) -> torch.Tensor:
    """The global random state that layers such as dropout draw from on this device."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.random.get_rng_state()


@contextmanager
def drawing_from(state: torch.Tensor, device: torch.device) -> Iterator[None]:
    """Inside, layers on this device draw from ``state``; the global random state stays as it was."""
    before = random_state(device)
    _set_random_state(state, device)
    try:
        yield
    finally:
        _set_random_state(before, device)


def _set_random_state(state: torch.Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.random.set_rng_state(state)


def compute_repeatably() -> None:
    """Let GPUs add up in a fixed order: the same run gives the same numbers. What the lessons train is no slower."""
    torch.backends.cudnn.deterministic = True


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, to be used again by the next step.

    Otherwise glibc hands every larger block back to Linux at once and asks for it anew in the next step, and Linux
    fills it with zeros page by page, which may take longer than the arithmetic. Elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # only glibc has it
    if set_option is None:
        return
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
    set_option(mmap_threshold, 1 << 30)  # bytes: blocks up to this size come from the heap ...
    set_option(trim_threshold, (1 << 31) - 1)  # ... and stay in it


def give_back_freed_memory() -> None:
    """Give Linux back what this process no longer needs; a server that runs for days would grow from page to page.

    Elsewhere than on Linux with glibc nothing happens.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def hand_over_threads() -> None:
    """Give up the helper threads with which this Python thread computes, so that another one can have helpers.

    GNU's OpenMP counts the helpers of all Python threads. If there are more than cores, they fall asleep between any
    two operations, and training in a second Python thread takes twice as long. The next operation here makes new ones.
    Elsewhere than on Linux with GNU's OpenMP nothing happens.
    """
    maps = Path("/proc/self/maps")
    loaded = {line.split()[-1] for line in maps.read_text().splitlines() if "libgomp" in line} if maps.exists() else ()
    for library in loaded:
        pause = getattr(ctypes.CDLL(library), "omp_pause_resource_all", None)
        if pause is not None:
            pause(1)  # omp_pause_soft: settings are kept
