"""How a result was made: code, versions, machine; and what a training run reached."""

from __future__ import annotations

import platform
import subprocess
import time
from typing import Any

import numpy as np
import torch

from sgan_utils import __version__
from sgan_utils.data import ImageData
from sgan_utils.evaluation import accuracy
from sgan_utils.results import RESULTS
from sgan_utils.support.hardware import cpu_capabilities
from sgan_utils.support.run import Run


def provenance(command: str) -> dict[str, Any]:
    """How a result was made: code, versions, machine. No name of the machine and no path."""
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "commit": _commit(),
        "versions": {
            "sgan_utils": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "device": f"{_processor()}, {torch.get_num_threads()} threads",
    }


def _commit() -> str:
    git = ["git", "-C", str(RESULTS.parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "sgan_utils", "sgan_workshop"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = cpu_capabilities().get("cpu_name", "CPU")
    return f"{name} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def test_accuracy(run: Run, data: ImageData) -> float | None:
    """The fraction of test images that D classifies correctly, 0 to 1; None if the data have no test images."""
    if not len(data.test_images):
        return None
    return round(accuracy(run.classifier(), data.test_images, data.test_labels), 4)


def summary(run: Run, data: ImageData) -> dict[str, Any]:
    """What a training run reached, as ``sgan train --json`` prints it. Reads the test set, once, at the end."""
    return {
        "test_accuracy": test_accuracy(run, data),
        "train_seconds": round(run.train_seconds, 2),
        "images_per_second": round(run.images_per_second, 1),
        "seed": run.config.seed,
        "labels": run.config.labels,
        "steps": run.step,
        "stopped": run.stopped,
        "device": str(run.device),
        "threads": torch.get_num_threads(),
        "precision": str(run.precision).removeprefix("torch."),
        "config": run.config.model_dump(mode="json"),
    }
