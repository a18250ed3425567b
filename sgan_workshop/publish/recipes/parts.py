"""Parts that several figures share."""

from __future__ import annotations

import numpy as np
import torch

from sgan_utils.results import Record
from sgan_workshop.publish.registry import Material


def film_rows(record: Record) -> dict[str, np.ndarray]:
    steps = record.arrays["film_steps"]
    return {f"step {step}": images for step, images in zip(steps, record.arrays["film"], strict=True)}


def test_answers(material: Material) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(material.record("sgan").arrays["test_logits"]).float(), material.data().test_labels
