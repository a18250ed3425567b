"""Pictures of the plane: points, D's class regions, and where D believes in "real". Functions that take an ``Axes``.

Classes have signs and pale colours of their own; blue, green and vermilion are the three sources, as everywhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import Tensor, nn

from sgan_utils.plotting import GENERATED, LABELLED, UNLABELLED
from sgan_utils.support.plane import SPAN, Points

CLASS_COLOURS = ("#CC79A7", "#F0E442", "#7A8CC2")  # of the regions, which are paler
CLASS_SIGNS = "os^"  # of the labelled points
RESOLUTION = 90  # places at which D is asked, both ways
EXTENT = (-SPAN, SPAN, -SPAN, SPAN)


class Landscape(NamedTuple):
    """What D says all over the plane, the lowest row first."""

    classes: np.ndarray  # (resolution, resolution, classes), the probability of each, 0 to 1
    real: np.ndarray  # (resolution, resolution), the probability of being real, 0 to 1


def landscape(D: nn.Module, resolution: int = RESOLUTION) -> Landscape:
    """Ask D at the places of a grid."""
    ticks = torch.linspace(-SPAN, SPAN, resolution)
    with torch.no_grad():
        belief = D(torch.cartesian_prod(ticks, ticks).flip(1))
    classes = belief.class_logits.softmax(1).reshape(resolution, resolution, -1)
    return Landscape(classes.numpy(), belief.real_logit.sigmoid().reshape(resolution, resolution).numpy())


def show_points(
    unlabelled: Tensor | None = None, labelled: Points | None = None, generated: Tensor | None = None,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Points of up to three sources: green dots are unlabelled, crosses generated, large blue signs labelled."""
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    if unlabelled is not None:
        ax.scatter(unlabelled[:, 0], unlabelled[:, 1], s=5, color=UNLABELLED, linewidths=0, alpha=0.8)
    if generated is not None:
        ax.scatter(generated[:, 0], generated[:, 1], s=12, color=GENERATED, marker="x", linewidths=0.9)
    if labelled is not None:
        for kind in labelled.classes.unique().tolist():
            places = labelled.places[labelled.classes == kind]
            ax.scatter(
                places[:, 0], places[:, 1], s=70, color=LABELLED, marker=CLASS_SIGNS[kind], edgecolors="white", zorder=3
            )
    ax.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), aspect="equal", xticks=[], yticks=[])
    ax.grid(visible=False)
    return ax


def show_regions(seen: Landscape | nn.Module, ax: Axes | None = None) -> Axes:
    """The class that D would name at each place, and the border between classes as a black line."""
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    classes = (landscape(seen) if isinstance(seen, nn.Module) else seen).classes.astype(np.float32)
    pale = 0.5 + 0.5 * np.array([to_rgb(colour) for colour in CLASS_COLOURS])
    ax.imshow(pale[classes.argmax(2)], extent=EXTENT, origin="lower", interpolation="nearest")
    for kind in range(classes.shape[2]):
        _line(classes[:, :, kind] - np.delete(classes, kind, axis=2).max(2), 0, ax, linewidths=1.4)
    return ax


def show_belief(seen: Landscape | nn.Module, ax: Axes | None = None) -> Axes:
    """D's belief that a point at each place is real: white is 0, grey 1, the dashed line 1/2."""
    ax = ax or plt.subplots(figsize=(3.4, 3.4))[1]
    real = (landscape(seen) if isinstance(seen, nn.Module) else seen).real.astype(np.float32)
    ax.imshow(real, extent=EXTENT, origin="lower", cmap="Greys", vmin=0, vmax=1.7, interpolation="bilinear")
    _line(real, 0.5, ax, linewidths=0.9, linestyles="dashed")
    return ax


def _line(height: np.ndarray, level: float, ax: Axes, **style: Any) -> None:
    """Where a landscape has this height; nothing where it has it nowhere."""
    if height.min() < level < height.max():
        ticks = np.linspace(-SPAN, SPAN, len(height))
        ax.contour(ticks, ticks, height, levels=[level], colors="black", **style)
