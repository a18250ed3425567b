"""Parts that several figures share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import FigureBase

from sgan_utils.plotting import MUTED
from sgan_utils.results import Record
from sgan_workshop.publish.registry import Material


def film_rows(record: Record) -> dict[str, np.ndarray]:
    steps = record.arrays["film_steps"]
    return {f"step {step}": images for step, images in zip(steps, record.arrays["film"], strict=True)}


def test_answers(material: Material) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(material.record("sgan").arrays["test_logits"]).float(), material.data().test_labels


def what_it_took(about: dict[str, Any]) -> str:
    """How a recorded G came to draw as it does: steps and time, feature maps, and the distance of its images."""
    seconds = about["train_seconds"]
    unit, size = next(
        (unit, size) for unit, size in (("hours", 3600), ("minutes", 60), ("seconds", 1)) if seconds >= 2 * size
    )
    widths = "–".join(str(channels) for channels in about["config"]["channels_g"])
    fid = f", FID {about['samples']['fid']:.1f}" if "samples" in about else ""
    return f"{about['steps']:,} steps in {seconds / size:.0f} {unit}, {widths} feature maps{fid}"


def add_what_it_took(drawn: FigureBase, record: Record) -> FigureBase:
    """The words of :func:`what_it_took` below a figure that shows G's images."""
    drawn.supxlabel(f"G: {what_it_took(record.about)}", x=0.99, ha="right", fontsize=8, color=MUTED)
    return drawn
