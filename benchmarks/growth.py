"""How time and memory grow with steps, batch size, channels and images. Every run is a process of its own."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.measure import json_of, python, spread
from sgan_utils.config import SGANConfig

LESSON = SGANConfig.preset("lesson")
STEPS = 200  # N: time is compared between N steps and 2N
SHORT = 100  # steps of a run that asks for the time of one step
ROUNDS = 3


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Each axis in turn; along an axis the sizes alternate, so that a slow minute slows all of them."""
    by_steps = along("steps", [STEPS // 2, STEPS, 2 * STEPS], rounds)
    by_factor = {
        "batch_size": along("batch_size", [1, 2, 4], rounds),
        "channels": along("channels", [0.5, 1, 2], rounds),
        "images": along("images", [6_000, 60_000, 120_000, 600_000], rounds),
    }
    pairs = zip(by_steps[f"{2 * STEPS}"]["seconds"]["raw"], by_steps[f"{STEPS}"]["seconds"]["raw"], strict=True)
    lesson = one_run({})
    return {
        "time_ratio_when_doubled": spread([double / single for double, single in pairs])["median"],
        "peak_memory_mb": lesson["peak_memory_mb"],
        "step_time_ratio_when_doubled": {
            "batch_size": doubled(by_factor["batch_size"], "1", "2"),
            "channels": doubled(by_factor["channels"], "1", "2"),
            "images": doubled(by_factor["images"], "60000", "120000"),
        },
        "lesson": lesson,
        "steps": by_steps,
        **by_factor,
    }


def along(axis: str, sizes: list[float], rounds: int) -> dict[str, Any]:
    """Runs of each size in turn, several times: size -> seconds, seconds of a step, peak memory."""
    runs: dict[str, list[dict[str, float]]] = {f"{size:g}" if size < 1e5 else f"{size:.0f}": [] for size in sizes}
    for _ in range(rounds):
        for (_, measured), size in zip(runs.items(), sizes, strict=True):
            measured.append(one_run(**settings(axis, size)))
    return {
        size: {name: spread([one[name] for one in measured], 6) for name in measured[0]}
        for size, measured in runs.items()
    }


def settings(axis: str, size: float) -> dict[str, Any]:
    """What a run of one size along an axis is given; batches and channels are multiples of the lesson's."""

    def times(numbers: tuple[int, ...]) -> list[int]:
        return [round(number * size) for number in numbers]

    if axis == "steps":
        return {"config": {"steps": size}}
    if axis == "images":
        return {"config": {"steps": SHORT, "labels": min(size, LESSON.labels)}, "images": size}
    if axis == "channels":
        channels = {"channels_g": times(LESSON.channels_g), "channels_d": times(LESSON.channels_d)}
        return {"config": {"steps": SHORT} | channels}
    labelled, unlabelled = times((LESSON.labelled_batch_size, LESSON.batch_size))
    return {"config": {"steps": SHORT, "labelled_batch_size": labelled, "batch_size": unlabelled}}


def one_run(config: dict[str, Any], **more: Any) -> dict[str, float]:
    """What :func:`benchmarks.one_run.measure` says, from a fresh process."""
    return json_of(*python("-m", "benchmarks.one_run", json.dumps({"config": config, **more})))


def doubled(sizes: dict[str, Any], single: str, double: str) -> float:
    """How much longer a step takes when the size doubles."""
    return round(sizes[double]["seconds_a_step"]["median"] / sizes[single]["seconds_a_step"]["median"], 3)
