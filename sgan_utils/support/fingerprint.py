"""One short word for all weights of some networks, to compare two trainings bit for bit."""

from __future__ import annotations

import hashlib

from torch import nn


def fingerprint(*models: nn.Module) -> str:
    """Twelve characters that are the same only for networks whose weights are the same, bit for bit."""
    digest = hashlib.sha256()
    for model in models:
        for weights in model.parameters():
            digest.update(weights.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]
