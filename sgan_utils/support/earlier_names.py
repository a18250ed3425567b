"""Names that layers and hyperparameters had in earlier versions, so that what was saved under them can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAYERS = {"project": "linear", "draw": "convolutions", "look": "convolutions", "decide": "linear"}
FIELDS = {
    "cool_down": "learning_rate_decay",
    "noise_fade": "noise_decay",
    "consistency_moves": "consistency_augmentation",
}


def current_fields(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a saved configuration under their present names."""
    return {FIELDS.get(name, name): value for name, value in saved.items()}
