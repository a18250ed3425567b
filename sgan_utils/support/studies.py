"""Which runs the recorded studies consist of, and which method a configuration belongs to."""

from __future__ import annotations

from typing import NamedTuple

from sgan_utils.config import SGANConfig
from sgan_utils.support.presets import METHODS


class Cell(NamedTuple):
    """Runs of one method with one number of labels."""

    method: str
    labels: int
    seeds: int  # how many, from 0 on


BUDGETS = (25, 50, 100, 1000)
SEEDS = 10  # with fewer, no rank test could tell anything from chance once it is corrected for their number
STUDIES: dict[str, list[Cell]] = {
    "table1": [
        Cell(method, labels, SEEDS)
        for method in (
            "cnn",
            "cnn+augmentation",
            "odena",
            "sgan",
            "propagation",
            "cnn+consistency",
            "cnn+propagation",
            "best",
        )
        for labels in BUDGETS
    ],
    "tricks": [Cell(method, 100, SEEDS) for method in METHODS if method.startswith(("sgan", "odena"))],
    "samples": [Cell(method, 30_000, SEEDS) for method in ("lesson gan", "lesson sgan")],
}


def configurations(study: str) -> list[SGANConfig]:
    """Every run of a recorded study. All methods come with seed 0 first, then with seed 1, and so on."""
    cells = STUDIES[study]
    return [
        SGANConfig.preset(cell.method, labels=cell.labels, seed=seed)
        for seed in range(max(cell.seeds for cell in cells))
        for cell in cells
        if seed < cell.seeds
    ]


def method_of(config: SGANConfig) -> str:
    """The name of the method that a configuration belongs to, whatever its labels and seed; empty if it has none."""
    return _NAMES.get(_nameless(config), "")


def _nameless(config: SGANConfig) -> SGANConfig:
    return config.but(labels=SGANConfig().labels, seed=0, held_out=0)


_NAMES = {_nameless(SGANConfig.preset(name)): name for name in reversed(METHODS)}
