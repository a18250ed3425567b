"""How a step slows down when other programs compute, by the number of threads; and what a session then chooses."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.measure import json_of, python

ROUNDS, STEPS = 5, 130  # of three rounds the median still hangs on one slow minute
COMPANIES = {"quiet": 0, "one busy program": 1, "two busy programs": 2}
BUSY = "import torch\ntorch.set_num_threads(1)\na = torch.rand(500, 500)\nwhile True: a @ a"
CHOSEN = "chosen"
SETTLE = 2.0  # seconds until a busy program has loaded torch


def measure(rounds: int = ROUNDS, steps: int = STEPS) -> dict[str, Any]:
    """Runs of the lesson's step, each in a process of its own; companies and numbers of threads in alternation."""
    counts = sorted({1, min(2, os.cpu_count() or 1), os.cpu_count() or 1})
    threads: dict[str, int | None] = {f"{count} threads": count for count in counts} | {CHOSEN: None}
    seconds: dict[str, dict[str, list[float]]] = {company: {name: [] for name in threads} for company in COMPANIES}
    chosen: dict[str, list[int]] = {company: [] for company in COMPANIES}
    for _ in range(rounds):
        for company, programs in COMPANIES.items():
            with busy(programs):
                for name, count in threads.items():
                    run = {"config": {"steps": steps}, "threads": count}
                    found = json_of(*python("-m", "benchmarks.one_run", json.dumps(run)))
                    seconds[company][name].append(found["seconds_a_step"])
                    if name == CHOSEN:
                        chosen[company].append(int(found["threads"]))
    # Round by round, so that a minute in which the machine itself was slow slows both sides of a ratio.
    quiet = [min(of_one_round) for of_one_round in zip(*seconds["quiet"].values(), strict=True)]

    def ratio(taken: list[float]) -> float:
        return round(statistics.median(each / best for each, best in zip(taken, quiet, strict=True)), 3)

    ratios = {company: {name: ratio(taken) for name, taken in by.items()} for company, by in seconds.items()}
    return {
        "one_busy_ratio": ratios["one busy program"][CHOSEN],
        "two_busy_ratio": ratios["two busy programs"][CHOSEN],
        "quiet_ratio": ratios["quiet"][CHOSEN],
        "ratios": ratios,
        "chosen_threads": chosen,
        "quiet_seconds_a_step": statistics.median(quiet),
        "seconds_a_step": seconds,
    }


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many other programs compute meanwhile, each with one thread."""
    started = [subprocess.Popen(python("-c", BUSY)) for _ in range(programs)]
    try:
        time.sleep(SETTLE if started else 0)
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()
