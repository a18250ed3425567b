"""The methods that the workshop compares, and the studies whose runs are recorded in ``results/``.

A method is one fixed configuration for every number of labels: only the labels and the seed differ from run to run.
They were chosen on held-out training images, never on the test set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sgan_utils.config import SGANConfig

# What the methods share that are compared with `sgan`: the same D, the same steps, the same labelled batches.
_COMMON: dict[str, Any] = {
    "steps": 1000,
    "labelled_batch_size": 50,
    "batch_size": 50,
    "learning_rate_d": 4e-3,
    "learning_rate_g": 4e-3,
    "average_decay": 0.99,
    "input_noise": 0.3,
    "head": "n",
    "unsupervised_weight": 1.0,
}
_WITHOUT_G: dict[str, Any] = {"unsupervised_weight": 0.0, "protocol": "labelled-only"}
# Labelled images are not moved, and consistency sets in late: with few labels, moves make D sure of too much too early
# (sevens with a bar become twos), and pseudo-labels then repeat it for the rest of the run. Until then, noise that
# fades makes D look at the whole of an image.
_BEST: dict[str, Any] = _COMMON | {
    "steps": 2500,
    "batch_size": 100,
    "learning_rate_d": 3e-3,
    "learning_rate_g": 3e-3,
    "average_decay": 0.995,
    "input_noise": 0.5,
    "noise_fade": 0.4,
    "consistency_weight": 1.0,
    "consistency_moves": 1.0,
    "consistency_start": 0.4,
    "balance": 1.0,
}

METHODS: dict[str, dict[str, Any]] = {
    "cnn": _COMMON | _WITHOUT_G,
    "cnn+augmentation": _COMMON | _WITHOUT_G | {"augmentation": 1.0},
    "sgan": _COMMON,
    # Odena's own reading: 11 outputs, the original loss of G, and no other images than the labelled ones.
    "odena": _COMMON | {"head": "n_plus_1", "generator_loss": "saturating", "protocol": "labelled-only"},
    "odena, all-unlabelled": _COMMON | {"head": "n_plus_1", "generator_loss": "saturating"},
    "sgan, labelled-only": _COMMON | {"protocol": "labelled-only"},
    "sgan, two heads": _COMMON | {"head": "two_heads"},
    "sgan, n+1 outputs": _COMMON | {"head": "n_plus_1"},
    "sgan+feature-matching": _COMMON | {"generator_loss": "feature_matching"},
    "sgan+consistency": _COMMON | {"consistency_weight": 1.0},
    "sgan+augmentation": _COMMON | {"augmentation": 1.0},
    "sgan without noise": _COMMON | {"input_noise": 0.0},
    "sgan without averaging": _COMMON | {"average_decay": 0.0},
    "sgan, weak G": _COMMON | {"learning_rate_g": 1e-4},
    "sgan, strong G": _COMMON | {"channels_g": (128, 64, 32)},
    "best": _BEST,
    "best without G": _BEST | {"unsupervised_weight": 0.0},
    # The rival of `best`: no G either, but settings of its own, chosen for life without one.
    "cnn+consistency": _BEST
    | {
        "unsupervised_weight": 0.0,
        "augmentation": 1.0,
        "input_noise": 0.3,
        "noise_fade": 0.0,
        "consistency_start": 0.0,
        "consistency_moves": 1.5,
    },
    # As many steps of the lesson's run, with 30,000 labels and without any: what do labels do for G's images?
    "lesson sgan": {},
    "lesson gan": {"supervised_weight": 0.0},
}


class Cell(NamedTuple):
    """Runs of one method with one number of labels."""

    method: str
    labels: int
    seeds: int  # how many, from 0 on


BUDGETS = (25, 50, 100, 1000)
STUDIES: dict[str, list[Cell]] = {
    "table1": [
        *(Cell(method, labels, 10) for method in ("cnn", "cnn+augmentation", "odena", "sgan") for labels in BUDGETS),
        # With 25 labels runs differ most, so five would not tell whether G helps.
        *(Cell("best", labels, 10 if labels == 25 else 5) for labels in BUDGETS),
        *(
            Cell(method, labels, 10 if labels == 25 else 5)
            for method in ("best without G", "cnn+consistency")
            for labels in BUDGETS[:3]
        ),
    ],
    "tricks": [Cell(method, 100, 5) for method in METHODS if method.startswith(("sgan", "odena"))],
    "samples": [Cell(method, 30_000, 10) for method in ("lesson gan", "lesson sgan")],
}


def configurations(study: str) -> list[SGANConfig]:
    """Every run of a recorded study. All methods come with seed 0 first, then with seed 1, and so on."""
    cells = STUDIES[study]
    return [
        SGANConfig(**METHODS[cell.method], labels=cell.labels, seed=seed)
        for seed in range(max(cell.seeds for cell in cells))
        for cell in cells
        if seed < cell.seeds
    ]


def method_of(config: SGANConfig) -> str:
    """The name of the method that a configuration belongs to, whatever its labels and seed; empty if it has none."""
    return _NAMES.get(_nameless(config), "")


def _nameless(config: SGANConfig) -> SGANConfig:
    return config.but(labels=SGANConfig().labels, seed=0, held_out=0)


_NAMES = {_nameless(SGANConfig(**changes)): name for name, changes in reversed(METHODS.items())}
