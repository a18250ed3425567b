"""What this machine computes on, and in which number format."""

from __future__ import annotations

import torch

from sgan_utils.config import Precision
from sgan_utils.errors import SGANError


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


def cpu_capabilities() -> dict[str, object]:
    """What torch knows about this CPU, such as ``"cpu_name"`` and ``"amx_bf16"``; empty where torch cannot say."""
    return getattr(torch.cpu, "get_capabilities", dict)()
