"""The workshop's own diagrams: the game, the networks, the heads, and the data flow of one step.

Like everything in ``plotting``, each function takes an ``Axes``, draws on it and returns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from torch import Tensor, nn

from sgan_utils.plotting import DISCRIMINATOR, GENERATED, GENERATOR, LABELLED, MUTED, UNLABELLED, Images, as_bytes

LABEL_TAG: dict[str, Any] = {
    "color": "white",
    "weight": "bold",
    "fontsize": 8,
    "ha": "right",
    "va": "top",
    "bbox": {"facecolor": LABELLED, "linewidth": 0, "pad": 1.5},
}


class Stage(NamedTuple):
    """One station of an image on its way through a network."""

    name: str  # what happened just before, such as "Conv2d"
    channels: int
    size: int  # pixels, both ways; 1 for a plain list of numbers


def stages_of(layers: Iterable[nn.Module], example: Tensor) -> list[Stage]:
    """What becomes of one example on its way through some layers, ready for :func:`draw_network`.

    Layers that keep the shape (normalisation, activation) are named together with the layer before them.

    Args:
        layers: applied one after another.
        example: (1, numbers) or (1, channels, size, size).
    """
    stages = [Stage("", example.shape[1], example.shape[-1] if example.dim() == 4 else 1)]
    with torch.no_grad():
        for layer in layers:
            before, example = example.shape, layer(example)
            name = type(layer).__name__.removesuffix("2d") if example.shape == before else type(layer).__name__
            if example.shape == before and len(stages) > 1:
                last = stages.pop()
                stages.append(last._replace(name=f"{last.name}\n{name}"))
            else:
                stages.append(Stage(name, example.shape[1], example.shape[-1] if example.dim() == 4 else 1))
    return stages


def draw_game(
    labelled: Images,
    labels: Sequence[int],
    unlabelled: Images,
    generated: Images,
    ax: Axes | None = None,
) -> Axes:
    """The game between G and D: three sources of images on the left, D's two questions on the right.

    Args:
        labelled, unlabelled, generated: at least three images each, (n, 1, 28, 28), bytes or floats from -1 to 1.
        labels: of the labelled images.
    """
    ax = _canvas(ax, width=11.4, height=5.4)
    for y, name, images, colour in (
        (4.1, "labelled real", labelled, LABELLED),
        (2.35, "unlabelled real", unlabelled, UNLABELLED),
        (0.6, "generated", generated, GENERATED),
    ):
        _row_of_images(ax, 3.3, y, as_bytes(images)[:3], colour)
        ax.text(3.3, y + 0.92, name, color=colour, weight="bold", va="bottom")
        _arrow(ax, (6.15, y + 0.4), (7.3, 2.75 + (y - 2.35) * 0.35), colour)
    for i, label in enumerate(labels[:3]):
        ax.text(3.3 + 0.95 * i + 0.82, 4.86, f"{int(label)}", **LABEL_TAG)
    _box(ax, 1.2, 0.55, 1.3, 0.9, "G", GENERATOR, size=20)
    _arrow(ax, (2.5, 1.0), (3.2, 1.0), GENERATOR)
    ax.text(0.05, 1.0, "random\nnumbers", ha="left", va="center", fontsize=9, color=MUTED)
    _box(ax, 7.35, 1.95, 1.5, 1.6, "D", DISCRIMINATOR, size=24)
    for y, question, source, colour in (
        (4.0, "Which digit is it?", "asked of labelled images", LABELLED),
        (1.5, "Is it real?", "asked of unlabelled\nand generated images", UNLABELLED),
    ):
        _arrow(ax, (8.9, 2.75), (9.3, y - 0.05), MUTED)
        ax.text(9.35, y, question, weight="bold", va="bottom")
        ax.text(9.35, y - 0.08, source, va="top", fontsize=9, color=colour)
    _feedback(ax, [(8.1, 1.9), (8.1, 0.1), (1.85, 0.1), (1.85, 0.5)])
    ax.text(5.0, 0.0, "D's opinion of its images is all that G learns from", ha="center", va="top", fontsize=9)
    return ax


def draw_network(stages: Sequence[Stage], colour: str, title: str = "", ax: Axes | None = None) -> Axes:
    """A network as the stacks of feature maps that an image becomes on its way: larger is more pixels.

    Args:
        stages: from input to output.
    """
    spacing, back, middle = 2.9, 0.075, 2.3  # back: how far each sheet lies behind the one before
    ax = _canvas(ax, width=spacing * (len(stages) - 1) + 2.6, height=5.6 if title else 4.8, bottom=0.1)
    ax.text(0.0, 5.55, title, va="top", weight="bold", fontsize=11)
    ends = 0.0  # where the stack before ends
    for i, stage in enumerate(stages):
        if stage.size == 1:
            depth, sheet = 1, (0.22, 0.35 + 0.62 * np.log10(max(stage.channels, 1)))
        else:
            depth, sheet = int(np.clip(np.log2(stage.channels) + 1, 1, 8)), (0.3 + stage.size / 28 * 1.4,) * 2
        thick = back * (depth - 1)
        x = 1.2 + i * spacing - (sheet[0] + thick) / 2
        for layer in reversed(range(depth)):
            corner = (x + back * layer, middle - (sheet[1] + thick) / 2 + back * layer)
            ax.add_patch(Rectangle(corner, *sheet, facecolor=colour, edgecolor="white", linewidth=0.8))
        shape = f"{stage.channels} numbers" if stage.size == 1 else f"{stage.channels} × {stage.size} × {stage.size}"
        ax.text(1.2 + i * spacing, 0.62, shape, ha="center", va="top", fontsize=8.5)
        if i:
            between = (ends + x) / 2
            ax.text(between, 4.65, stage.name, ha="center", va="top", fontsize=7.5, color=MUTED, linespacing=1.25)
            _arrow(ax, (between - 0.3, middle), (between + 0.3, middle), MUTED)
        ends = x + sheet[0] + thick
    return ax


def draw_heads(ax: Axes | None = None) -> Axes:
    """The three heads of D: which outputs name the digit, and where the real/fake logit is read."""
    ax = _canvas(ax, width=13.2, height=3.5, bottom=0.3)
    heads = (
        ("two heads (the post)", "r", "= r, an output of its own", UNLABELLED),
        ("N+1 outputs (Odena)", "g", "= logsumexp(0 … 9) − g", GENERATED),
        ("N outputs (Salimans)", "0", "= logsumexp(0 … 9) − 0", None),
    )
    for i, (name, last, real, last_colour) in enumerate(heads):
        left = 0.2 + 4.4 * i
        ax.text(left, 3.4, name, weight="bold", va="top")
        for j in range(11):
            x = left + 0.16 + 0.34 * j + (0.2 if j == 10 else 0.0)
            colour = LABELLED if j < 10 else last_colour
            # A dashed ring for the output that does not exist: it is fixed at 0.
            ring = {"facecolor": colour} if colour else {"facecolor": "none", "edgecolor": MUTED, "linestyle": "--"}
            ax.add_patch(Circle((x, 2.45), 0.16, **ring))
            ink, text = ("white" if colour else MUTED), (f"{j}" if j < 10 else last)
            ax.text(x, 2.44, text, ha="center", va="center", color=ink, fontsize=7.5, weight="bold")
        ax.plot([left, left + 3.38], [2.15, 2.15], color=LABELLED, linewidth=1.5)
        ax.text(left, 2.03, "class logits → softmax: which digit", va="top", fontsize=8, color=LABELLED)
        ax.text(left, 1.25, "real logit → sigmoid: is it real", va="top", fontsize=8, color=UNLABELLED)
        ax.text(left, 0.82, real, va="top", fontsize=8)
    return ax


def draw_step(ax: Axes | None = None) -> Axes:
    """What flows where in one step: D learns from three losses' terms, then G learns from D."""
    ax = _canvas(ax, width=13.0, height=5.2)
    for y, name, colour in (
        (4.2, "labelled real", LABELLED),
        (2.6, "unlabelled real", UNLABELLED),
        (1.0, "generated", GENERATED),
    ):
        _box(ax, 2.9, y - 0.35, 2.3, 0.7, name, colour, size=9.5)
        _arrow(ax, (5.25, y), (6.3, y), colour)
    _box(ax, 0.2, 0.65, 1.5, 0.7, "G", GENERATOR, size=13)
    _arrow(ax, (1.75, 1.0), (2.85, 1.0), GENERATOR)
    _box(ax, 6.35, 0.65, 1.1, 3.9, "D", DISCRIMINATOR, size=18)
    for y, loss, colour in (
        (4.2, "supervised loss: name the digit", LABELLED),
        (2.6, "unsupervised loss: say real", UNLABELLED),
        (1.35, "unsupervised loss: say generated", GENERATED),
        (0.65, "G's loss: D should say real", GENERATOR),
    ):
        _arrow(ax, (7.5, y), (8.2, y), colour)
        ax.text(8.3, y, loss, va="center", fontsize=9.5)
    ax.plot([12.75, 12.9, 12.9, 12.75], [4.4, 4.4, 1.15, 1.15], color=DISCRIMINATOR, linewidth=1.6)
    ax.text(12.7, 3.4, "teach D", ha="right", va="center", color="#2178A8", weight="bold")
    _feedback(ax, [(12.3, 0.65), (12.6, 0.65), (12.6, 0.15), (0.95, 0.15), (0.95, 0.6)])
    ax.text(6.8, 0.05, "teaches G, through a D that stands still", ha="center", va="top", color="#9A6A00", fontsize=9)
    return ax


def _canvas(ax: Axes | None, width: float, height: float, bottom: float = -0.45) -> Axes:
    if ax is None:
        _, ax = plt.subplots(figsize=(7.6, 7.6 * (height - bottom) / width))
    ax.set(xlim=(0, width), ylim=(bottom, height), aspect="equal")
    ax.axis("off")
    return ax


def _box(ax: Axes, x: float, y: float, width: float, height: float, text: str, colour: str, size: float) -> None:
    ax.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.15", facecolor=colour, linewidth=0)
    )
    dark = colour in (DISCRIMINATOR, GENERATOR)
    ax.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        fontsize=size,
        color="black" if dark else "white",
        weight="bold",
    )


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    ax.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6})


def _feedback(ax: Axes, corners: Sequence[tuple[float, float]]) -> None:
    ax.plot(*zip(*corners, strict=True), color=GENERATOR, linewidth=1.6, linestyle="--")
    (x, y), last = corners[-1], corners[-2]
    tip = {"arrowstyle": "-|>", "color": GENERATOR, "linewidth": 1.6}
    ax.annotate("", xy=(x, y), xytext=((x + last[0]) / 2, (y + last[1]) / 2), arrowprops=tip)


def _row_of_images(ax: Axes, x: float, y: float, pixels: np.ndarray, colour: str) -> None:
    for i, image in enumerate(pixels):
        left = x + 0.95 * i
        place = (left, left + 0.85, y, y + 0.85)
        ax.imshow(image, extent=place, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
        ax.add_patch(Rectangle((left, y), 0.85, 0.85, fill=False, edgecolor=colour, linewidth=1.6))
    ax.set(xlim=(0, 11.4), ylim=(-0.45, 5.4))
