"""How long one waits before anything happens, and how much has to be installed for it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import MEGABYTE, output_of, python, seconds_of, sgan, spread

TIMES = 5
IMPORT = "import time; before = time.perf_counter(); import {module}; print(time.perf_counter() - before)"
FIRST_STEP = """
import time
from sgan_utils.config import SGANConfig
from sgan_utils.training import train
train(SGANConfig.preset("lesson", steps=1), callbacks=[lambda run: print(time.time())], progress=False)
"""


def measure(times: int = TIMES) -> dict[str, Any]:
    """Everything from fresh processes, in turn."""
    waited: dict[str, list[float]] = {
        "import sgan_utils": [],
        "import sgan_utils.training": [],
        "sgan --help": [],
        "first step": [],
    }
    for _ in range(times):
        for module in ("sgan_utils", "sgan_utils.training"):
            waited[f"import {module}"].append(float(output_of(*python("-c", IMPORT.format(module=module)))))
        waited["sgan --help"].append(seconds_of(lambda: output_of(*sgan("--help"))))
        before = time.time()
        waited["first step"].append(float(output_of(*python("-c", FIRST_STEP))) - before)
    seconds = {name: spread(values) for name, values in waited.items()}
    return {
        "import_seconds": seconds["import sgan_utils"]["median"],
        "import_training_seconds": seconds["import sgan_utils.training"]["median"],
        "help_seconds": seconds["sgan --help"]["median"],
        "first_step_seconds": seconds["first step"]["median"],
        "environment_mb": round(size_mb(Path(sys.prefix))),
        "seconds": seconds,
    }


def size_mb(folder: Path) -> float:
    """The size of all files below a folder, in MB; links are not followed."""
    files = (path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(file.st_size for file in files) / MEGABYTE
