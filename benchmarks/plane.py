"""The plane, live: pictures a second while it trains, what they cost training, and how soon Start and Stop act."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import spread

SECONDS = 3.0  # that each of a pair trains
PAIRS = 9  # with and without pictures, in turn
STARTS = 5


def measure(seconds: float = SECONDS, pairs: int = PAIRS, starts: int = STARTS) -> dict[str, Any]:
    """Frames a second, the part of the steps that drawing takes, and seconds from Start and Stop to their effect."""
    from sgan_utils.widgets.plane import Plane

    plane = Plane()
    plane.take_one_step()  # the first step of a process prepares much
    drawn, rates = [], {True: [], False: []}
    for _ in range(pairs):
        for watched in (True, False):
            steps, frames = _train(plane, seconds, watched)
            rates[watched].append(steps / seconds)
            if watched:
                drawn.append(frames / seconds)
    first, stop = zip(*(_start_and_stop(plane) for _ in range(starts)), strict=True)
    return {
        "frames_per_second": spread(drawn)["median"],
        # Pair by pair: what else the machine does changes within the minute.
        "cost": round(1 - statistics.median(a / b for a, b in zip(rates[True], rates[False], strict=True)), 4),
        "slowest_first_picture_seconds": max(first),
        "slowest_stop_seconds": max(stop),
        "steps_per_second": {"watched": spread(rates[True]), "alone": spread(rates[False])},
    }


def _train(plane: Any, seconds: float, watched: bool) -> tuple[int, int]:
    """Steps and frames of so many seconds."""
    frames = [0]

    def count(_: object) -> None:
        frames[0] += 1

    plane.reset()
    show = plane._show
    if not watched:
        plane._show = lambda: None
    plane.canvas.observe(count, "frame")
    plane.go()
    time.sleep(seconds)
    steps = plane.step
    plane.pause()
    plane.canvas.unobserve(count, "frame")
    plane._show = show
    return steps, frames[0]


def _start_and_stop(plane: Any) -> tuple[float, float]:
    """Seconds from Start to the first new picture, and from Pause to the last step."""
    plane.reset()
    before, frame = time.perf_counter(), plane.canvas.frame
    plane.go()
    while plane.canvas.frame == frame:
        time.sleep(0.001)
    first = time.perf_counter() - before
    time.sleep(0.5)
    before = time.perf_counter()
    plane.pause()
    with plane._lock:  # the step that is being taken ends
        return first, time.perf_counter() - before
