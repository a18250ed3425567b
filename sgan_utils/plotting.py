"""Pictures in one house style: functions that take arrays or tables and an ``Axes``, and return the ``Axes``.

Nothing here knows about training or files. Colours are Okabe and Ito's, which colour-blind readers can tell apart;
one colour means one thing in every picture of the lessons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

LABELLED = "#0072B2"  # blue
UNLABELLED = "#009E73"  # green
GENERATED = "#D55E00"  # vermilion
DISCRIMINATOR = "#56B4E9"  # light blue
GENERATOR = "#E69F00"  # orange
MUTED = "#767676"
PURPLE = "#CC79A7"
LOSSES = {  # a history's columns: how they are named and coloured
    "supervised": ("D: which digit?", LABELLED),
    "unsupervised": ("D: real or generated?", DISCRIMINATOR),
    "generator": ("G", GENERATOR),
}
BELIEFS = {"belief_in_real": ("unlabelled real", UNLABELLED), "belief_in_generated": ("generated", GENERATED)}
Images = np.ndarray | torch.Tensor
CANNOT_TELL = np.log(2)  # nats; the unsupervised loss of a D that cannot tell real from generated
STYLE: dict[Any, Any] = {
    "figure.figsize": (7.0, 3.2),  # inches: a blog column at 100 dots an inch
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "image.cmap": "gray_r",  # ink on paper
    # Curves that stand for none of the above take colours that have no meaning of their own.
    "axes.prop_cycle": plt.cycler(color=["#000000", PURPLE, MUTED, "#8C510A", "#9EBCDA"]),
    "svg.hashsalt": "sgan",  # the same picture gives the same file
}


def use_house_style() -> None:
    """Draw everything from here on in the workshop's style."""
    plt.rcParams.update(STYLE)


def as_bytes(images: Images) -> np.ndarray:
    """Images as (n, height, width) bytes, or (n, height, width, 3) if they have colours.

    Args:
        images: tensors or arrays, (n, channels, height, width) or (n, height, width), bytes or floats from -1 to 1.
    """
    if isinstance(images, torch.Tensor):  # perhaps on a GPU
        images = images.detach().cpu().numpy()
    images = np.asarray(images)
    if images.dtype != np.uint8:
        images = np.clip((images + 1) * 127.5, 0, 255).round().astype(np.uint8)
    has_colour = images.ndim == 4 and images.shape[1] == 3
    return images.transpose(0, 2, 3, 1) if has_colour else images.reshape(-1, *images.shape[-2:])


def show_images(
    images: Images,
    captions: Sequence[object] | None = None,
    columns: int | None = None,
    wrong: Sequence[bool] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A grid of images, each with a caption above it if captions are given.

    Args:
        images: (n, 1, 28, 28) or (n, 28, 28), bytes or floats from -1 to 1.
        captions: one for each image.
        columns: images in a row; by default a square, or one row of up to ten.
        wrong: which captions to show in the colour of a warning.
    """
    pixels = as_bytes(images)
    count, height, width, *colours = pixels.shape
    columns = columns or (count if count <= 10 else int(np.ceil(np.sqrt(count))))
    rows = int(np.ceil(count / columns))
    gap, head = 4, 13 if captions is not None else 0
    cell_h, cell_w = height + gap + head, width + gap
    sheet = np.full((rows * cell_h, columns * cell_w, *colours), 255 if colours else 0, dtype=np.uint8)
    if ax is None:
        inches = min(7.0, 0.62 * columns)
        _, ax = plt.subplots(figsize=(inches, inches * sheet.shape[0] / sheet.shape[1] + (0.3 if title else 0.05)))
    for i, image in enumerate(pixels):
        top, left = (i // columns) * cell_h + head, (i % columns) * cell_w + gap // 2
        sheet[top : top + height, left : left + width] = image
        if captions is not None:
            colour = GENERATED if wrong is not None and wrong[i] else "black"
            weight = "bold" if wrong is not None and wrong[i] else "normal"
            place = (left + width / 2, top - 2)
            ax.text(*place, str(captions[i]), ha="center", va="bottom", fontsize=8.5, color=colour, weight=weight)
    ax.imshow(sheet, vmin=0, vmax=255, interpolation="nearest")
    ax.set(title=title)
    ax.axis("off")
    return ax


def show_rows(rows: Mapping[str, Images], colours: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Rows of images, each with its name at the left: one row for each source, step or digit.

    Args:
        rows: name -> images, all of the same number.
        colours: of the names, one a row.
    """
    names = list(rows)
    pixels = [as_bytes(images) for images in rows.values()]
    columns = len(pixels[0])
    cell = pixels[0].shape[1] + 4
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, max(1.0, 5.9 * len(names) / columns)))
    stacked = np.concatenate(pixels)  # colours stand last here, and first in what show_images takes
    show_images(np.moveaxis(stacked, 3, 1) if stacked.ndim == 4 else stacked, columns=columns, ax=ax)
    for row, name in enumerate(names):
        colour = colours[row] if colours else "black"
        ax.text(-6, (row + 0.5) * cell - 2, name, ha="right", va="center", color=colour, fontsize=9)
    return ax


def plot_histogram(values: np.ndarray, xlabel: str, colour: str = LABELLED, ax: Axes | None = None) -> Axes:
    """How often each value occurs, on a logarithmic scale because most pixels are paper."""
    ax = ax or plt.subplots()[1]
    ax.hist(np.asarray(values).ravel(), bins=40, color=colour, log=True)
    ax.set(xlabel=xlabel, ylabel="pixels (log scale)")
    return ax


def plot_class_balance(
    counts: Mapping[str, Sequence[int]], ax: Axes | None = None, classes: Sequence[str] | None = None
) -> Axes:
    """Bars of how many images each class has, for one or more sets of images: name -> a number for each class."""
    ax = ax or plt.subplots()[1]
    width = 0.8 / len(counts)
    for i, (name, numbers) in enumerate(counts.items()):
        places = np.arange(len(numbers)) + (i - (len(counts) - 1) / 2) * width
        ax.bar(places, np.asarray(numbers), width, label=name)
    ax.set(xlabel="class" if classes else "digit", ylabel="images")
    ax.set_xticks(range(len(numbers)), classes)
    ax.grid(axis="x", visible=False)
    if len(counts) > 1:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=len(counts))
    return ax


def plot_bars(values: Mapping[str, float], xlabel: str, log: bool = False, ax: Axes | None = None) -> Axes:
    """Horizontal bars with their values written beside them: name -> number."""
    ax = ax or plt.subplots(figsize=(7.0, 0.6 + 0.45 * len(values)))[1]
    names = list(values)[::-1]
    numbers = [values[name] for name in names]
    bars = ax.barh(names, numbers, color=LABELLED, height=0.6)
    ax.bar_label(bars, labels=[f"{n:,.0f}" if abs(n) >= 100 else f"{n:.3g}" for n in numbers], padding=4)
    ax.set(xlabel=xlabel, xscale="log" if log else "linear")
    if not log and max(values.values()) >= 1_000:
        ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.15)
    ax.grid(axis="y", visible=False)
    return ax


def plot_lines(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Curves with their names in a legend beside them: name -> (x values, y values)."""
    ax = ax or plt.subplots()[1]
    for name, (x, y) in lines.items():
        ax.plot(x, y, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def plot_losses(history: pd.DataFrame, smooth: int = 10, ax: Axes | None = None) -> Axes:
    """Losses of D and G against steps, with the level at which D cannot tell (log 2).

    Args:
        history: of a run; faint lines are the steps, strong ones their mean over ``smooth`` steps.
    """
    ax = ax or plt.subplots()[1]
    for column, (label, colour) in LOSSES.items():
        smoothed_line(history[column], smooth, label, colour, ax)
    ax.axhline(CANNOT_TELL, color=MUTED, linestyle=":", linewidth=1.2, label="D cannot tell (log 2)")
    ax.set(xlabel="step", ylabel="loss (nats)")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def plot_beliefs(history: pd.DataFrame, smooth: int = 10, ax: Axes | None = None) -> Axes:
    """How likely D takes unlabelled and generated images to be real, against steps."""
    ax = ax or plt.subplots()[1]
    for column, label_and_colour in BELIEFS.items():
        smoothed_line(history[column], smooth, *label_and_colour, ax)
    ax.axhline(0.5, color=MUTED, linestyle=":", linewidth=1.2, label="D cannot tell (1/2)")
    ax.set(xlabel="step", ylabel="D's belief: P(real)", ylim=(-0.03, 1.03))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def smoothed_line(series: pd.Series, smooth: int, label: str, colour: str, ax: Axes) -> None:
    """A faint line of the values, and a strong one of their moving mean."""
    ax.plot(series.index, series, color=colour, alpha=0.25, linewidth=0.8)
    ax.plot(series.index, series.rolling(smooth, min_periods=1).mean(), color=colour, label=label)


def plot_confusion(matrix: Images, ax: Axes | None = None, classes: Sequence[str] | None = None) -> Axes:
    """How often class i (row) was predicted as j (column); mistakes are shaded, right answers are only written.

    Args:
        matrix: (classes, classes) counts.
        classes: their names; without them, they are digits.
    """
    ax = ax or plt.subplots(figsize=(5.2, 4.8))[1]
    matrix = np.asarray(matrix)
    mistakes = matrix * (1 - np.eye(len(matrix), dtype=int))
    top = max(mistakes.max(), 1)
    ax.imshow(mistakes, cmap="Oranges", vmin=0, vmax=top)
    for row, column in np.ndindex(*matrix.shape):
        number = matrix[row, column]
        if number:
            colour = "white" if mistakes[row, column] > 0.6 * top else MUTED if row == column else "black"
            ax.text(column, row, f"{number}", ha="center", va="center", fontsize=8, color=colour)
    ax.set(xlabel="predicted by D", ylabel="true class" if classes else "true digit")
    ax.set_xticks(range(len(matrix)), classes)
    ax.set_yticks(range(len(matrix)), classes)
    ax.grid(visible=False)
    return ax


def plot_points(groups: Mapping[str, np.ndarray], colours: Mapping[str, str], ax: Axes | None = None) -> Axes:
    """Clouds of points in two dimensions: name -> (n, 2)."""
    ax = ax or plt.subplots(figsize=(7.0, 4.2))[1]
    for name, points in groups.items():
        x, y = np.asarray(points).T
        ax.scatter(x, y, s=9, alpha=0.6, linewidths=0, color=colours[name], label=name)
    ax.set(xlabel="first principal direction", ylabel="second principal direction")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    return ax


def plot_runs(groups: Mapping[str, Sequence[float]], xlabel: str, ax: Axes | None = None) -> Axes:
    """One dot a run, one line a group, a stroke at the group's mean: name -> a number for each run."""
    ax = ax or plt.subplots(figsize=(7.0, 0.8 + 0.4 * len(groups)))[1]
    for height, values in enumerate(list(groups.values())[::-1]):
        ax.plot(values, [height] * len(values), "o", color=LABELLED, alpha=0.5, ms=6, mec="none")
        ax.plot([np.mean(values)] * 2, [height - 0.3, height + 0.3], color="black")
    ax.set_yticks(range(len(groups)), list(groups)[::-1])
    ax.set_xlabel(xlabel)
    ax.margins(y=0.15)
    return ax
