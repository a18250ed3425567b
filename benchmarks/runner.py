"""The parts of the benchmark, in order; what each must say; and how an interrupted benchmark goes on."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import company, data_path, growth, plane, playground, several, startup, step, time_to_98
from benchmarks.measure import ROOT
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_whole
from sgan_utils.support.hardware import cpu_capabilities
from sgan_workshop.records.provenance import provenance

BUILD = ROOT / "build"
COMMAND = "make benchmark"

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "time_to_98": time_to_98.measure,
    "step": step.measure,
    "company": company.measure,
    "data_path": data_path.measure,
    "growth": growth.measure,
    "startup": startup.measure,
    "ddp": several.measure_ddp,
    "study": several.measure_study,
    "playground": playground.measure,
    "plane": plane.measure,
}

# What the table shows, and what no part may leave out: part -> key -> what it is.
REQUIRED: dict[str, dict[str, str]] = {
    "time_to_98": {
        "ours_seconds": "seconds of training, median of 5 seeds",
        "recipe_seconds": "seconds of the common recipe to 98%, or of its two epochs",
        "ratio": "the recipe's seconds over ours",
        "accuracies": "of ours on the test set",
    },
    "step": {
        "images_per_second": "unlabelled images, in one process",
        "gflops": "GFLOP/s of a float32 step",
        "peak_gflops": "GFLOP/s of a float32 matrix product",
        "share_of_peak": "the one over the other",
    },
    "company": {
        "quiet_ratio": "a step with the threads that a session chooses, over the fastest of all on a quiet machine",
        "one_busy_ratio": "the same beside one busy program",
        "two_busy_ratio": "the same beside two",
    },
    "data_path": {"ratio": "images per second from memory over a DataLoader's"},
    "growth": {
        "time_ratio_when_doubled": "seconds of twice the steps over those of once",
        "peak_memory_mb": "MB at most in a process that runs the lesson preset",
    },
    "startup": {"import_seconds": "seconds of `import sgan_utils`"},
    "ddp": {"ratio": "images per second of two processes over one"},
    "study": {"two_worker_ratio": "wall time of two workers over one"},
    "playground": {
        "cost": "fraction of training time that the live view adds",
        "slowest_first_picture_seconds": "from pressing Start to the first picture",
        "slowest_stop_seconds": "from pressing Stop to the end of the run",
        "slowest_answer_seconds": "of another cell while a run trains",
    },
    "plane": {
        "frames_per_second": "pictures a second while it trains",
        "cost": "fraction of the steps that the pictures take",
        "slowest_first_picture_seconds": "from pressing Start to the first picture",
        "slowest_stop_seconds": "from pressing Pause to the last step",
    },
}


def run_benchmark(
    only: str = "",
    fresh: bool = False,
    parts: dict[str, Callable[[], dict[str, Any]]] | None = None,
    console: Console | None = None,
) -> dict[str, Any] | None:
    """Measure the parts that are missing; when all are there, write the result.

    Finished parts wait in ``build/benchmark.partial.json``, each with its commit, so that a benchmark that was
    interrupted goes on where it stopped.

    Args:
        only: measure just this part, anew; the others stay as they are in the unfinished or the last benchmark.
        fresh: forget the unfinished benchmark.
        parts: name -> function that measures.

    Returns:
        The result, or nothing while parts are missing.

    Raises:
        SGANError: if there is no part of that name, or parts failed.
    """
    parts, console = parts or PARTS, console or Console()
    if only and only not in parts:
        raise SGANError(f"there is no part named {only!r}: the parts are {', '.join(parts)}.")
    partial, final = BUILD / "benchmark.partial.json", BUILD / "benchmark.json"
    if fresh:
        partial.unlink(missing_ok=True)
    done = _parts_in(partial, parts) or (_parts_in(final, parts) if only else {})

    failures = {}
    for name in [only] if only else [name for name in parts if name not in done]:
        console.print(f"measuring {name} …", highlight=False)
        try:
            done[name] = _with_origin(name, parts[name])
        except Exception as error:  # a part that fails costs the others nothing
            failures[name] = f"{name} failed ({type(error).__name__}: {error})"
            console.print(failures[name], style="red", highlight=False, markup=False)
            continue
        _write(partial, done)

    console.print(table(done))
    if "step" in done:
        console.print(operations_table(done["step"]["lesson"]))
    if failures:
        raise SGANError(f"{'; '.join(failures.values())}. The other parts are saved: fix this and start again.")
    if set(done) < set(parts):
        return None
    result = {"what": "benchmark"} | {name: done[name] for name in parts} | {"machine": machine()} | provenance(COMMAND)
    _write(final, result)
    partial.unlink(missing_ok=True)
    return result


def _with_origin(name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    origin, before = provenance(f"{COMMAND} (python -m benchmarks --only {name})"), time.perf_counter()
    found = measure()
    missing = set(REQUIRED.get(name, ())) - set(found)
    if missing:
        raise SGANError(f"it does not say {', '.join(sorted(missing))}")
    took = round(time.perf_counter() - before, 1)
    return found | {"measured": {"date": origin["date"], "commit": origin["commit"], "took_seconds": took}}


def machine() -> dict[str, Any]:
    """What was measured on; no name of the machine."""
    return {
        "cpu": cpu_capabilities().get("cpu_name", platform.machine()),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def table(parts: dict[str, dict[str, Any]]) -> Table:
    """The single numbers of the parts that are there."""
    shown = Table("part", "number", "value", "which is")
    for part, keys in REQUIRED.items():
        for key, meaning in keys.items():
            if part in parts:
                value = parts[part][key]
                shown.add_row(part, key, parts[part].get("error", "–") if value is None else _in_words(value), meaning)
    return shown


def operations_table(lesson: dict[str, Any]) -> Table:
    """Where the time of a step goes, by kind of operation and number format."""
    formats = {name: one["where_it_goes"] for name, one in lesson.items() if "where_it_goes" in one}
    shown = Table("where a step's time goes", *(f"{name}, ms" for name in formats))
    for kind in next(iter(formats.values()), {}):
        parts = (f"{found[kind]['milliseconds']:.1f} ({found[kind]['share']:.0%})" for found in formats.values())
        shown.add_row(kind, *parts)
    return shown


def _in_words(value: float | list[float]) -> str:
    return ", ".join(map(_in_words, value)) if isinstance(value, list) else f"{value:,.4g}"


def _parts_in(path: Path, parts: dict[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # A part of an earlier version that does not say all that is asked for now is measured anew.
    return {name: found[name] for name in parts if name in found and not set(REQUIRED.get(name, ())) - set(found[name])}


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
