"""How to measure: medians with what they are medians of, and processes that start from nothing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1e6


def spread(values: Sequence[float], digits: int = 4) -> dict[str, Any]:
    """The median of some measurements, their range, and all of them in the order in which they were taken."""
    rounded = [round(value, digits) for value in values]
    return {
        "median": round(statistics.median(values), digits),
        "low": min(rounded),
        "high": max(rounded),
        "raw": rounded,
    }


def seconds_of(call: Callable[[], object]) -> float:
    """How long one call takes."""
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def median_seconds(call: Callable[[], object], times: int = 20, warm_up: int = 3) -> float:
    """The median time of a call that has been warmed up."""
    for _ in range(warm_up):
        call()
    return statistics.median(seconds_of(call) for _ in range(times))


def output_of(*command: str, timeout: float = 300) -> str:
    """What a command prints, started from the root of the project.

    Raises:
        RuntimeError: with the end of what it complained, if it fails or takes too long.
    """
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=True)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{_in_short(command)} failed: {(error.stderr or error.stdout)[-800:].strip()}") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise RuntimeError(f"{_in_short(command)} failed: {error}") from error
    return done.stdout


def json_of(*command: str, timeout: float = 300) -> dict[str, Any]:
    """The JSON object on the last line that a command prints."""
    lines = output_of(*command, timeout=timeout).strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise RuntimeError(f"{_in_short(command)} printed no JSON but {lines[-1:]}") from error


def python(*arguments: str) -> tuple[str, ...]:
    """The command that starts this Python afresh."""
    return (sys.executable, *arguments)


def sgan(*arguments: str) -> tuple[str, ...]:
    """The command ``sgan`` of this environment."""
    return (str(Path(sys.executable).with_name("sgan")), *arguments)


def peak_memory_mb() -> float:
    """The most memory that this process has held at once, in MB; not to be had on Windows.

    Linux's ``ru_maxrss`` may be that of the parent, whose memory a new process shares for a moment; what Linux notes
    down beside the memory itself starts anew with the program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGABYTE
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def _in_short(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:]])[:120]
