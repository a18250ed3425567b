"""Pictures of studies: how far few labels go, what one method has over another, what each change does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from sgan_utils.plotting import DISCRIMINATOR, GENERATED, GENERATOR, LABELLED, MUTED, PURPLE, UNLABELLED
from sgan_utils.results import FROM_MEMORY
from sgan_utils.support.methods import plain_name

METHOD_STYLES = {  # Okabe and Ito's, grey and brown, each with a sign of its own
    "cnn": ("#000000", "o"),
    "cnn+augmentation": (MUTED, "s"),
    "odena": (DISCRIMINATOR, "v"),
    "sgan": (GENERATED, "^"),
    "propagation": (PURPLE, "P"),
    "cnn+consistency": ("#5A3A1B", "D"),
    "cnn+propagation": (GENERATOR, "X"),
    "best": (LABELLED, "o"),
    "CNN (Odena 2016)": ("#000000", "o"),  # as of ours that they are compared with
    "SGAN (Odena 2016)": (GENERATED, "^"),
}


def plot_label_efficiency(
    table: pd.DataFrame,
    papers: Mapping[str, Mapping[int, float]] | None = None,
    published: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Accuracy against the number of labels: curves through medians, bars from the worst run to the best.

    Both axes are stretched where the interest lies: labels by factors, accuracy towards 100%.

    Args:
        table: from :func:`sgan_utils.results.by_method`.
        papers: name -> labels -> accuracy (0 to 1), drawn with dots and hollow signs, and without spread.
        published: rows of :data:`sgan_utils.results.PUBLISHED`, drawn as stars, hollow where nobody looked them up.
    """
    ax = ax or plt.subplots(figsize=(7.0, 4.2))[1]
    budgets = sorted(table["labels"].unique())
    methods = list(table["method"].unique())
    curves: dict[float, Any] = {}  # by their heights at the left end
    for number, method in enumerate(methods):
        rows, (colour, sign) = table[table["method"] == method], METHOD_STYLES.get(method, (None, "o"))
        middle, worst, best = (rows[f"{which}_accuracy"] for which in ("median", "worst", "best"))
        aside = rows["labels"] * 1.04 ** (number - len(methods) / 2)  # so that no bar hides another
        style: dict[str, Any] = {"color": colour, "marker": sign, "ms": 5, "elinewidth": 1}
        bars = ax.errorbar(aside, middle, [middle - worst, best - middle], label=plain_name(method), **style)
        curves[middle.iloc[0]] = bars
    for name, accuracies in (papers or {}).items():
        colour, sign = METHOD_STYLES.get(name, (None, "o"))
        style = {"color": colour, "marker": sign, "ms": 5, "mfc": "white", "linestyle": ":", "linewidth": 1.2}
        heights = list(accuracies.values())
        (curves[heights[0]],) = ax.plot(list(accuracies), heights, label=name, **style)
    for _, row in [] if published is None else published.iterrows():
        place = (row["labels"], 1 - row["error"] / 100)
        ax.plot(*place, "*", color="black", ms=9, mfc="white" if row["read"] == FROM_MEMORY else "black", zorder=4)
        last = row["labels"] == budgets[-1]
        style = {"ha": "right" if last else "left", "va": "center", "fontsize": 8, "zorder": 4}
        box = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.3}
        ax.annotate(row["method"], place, (-7 if last else 7, 0), textcoords="offset points", bbox=box, **style)
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.set_xticks(budgets, [f"{labels:,}" for labels in budgets])
    ax.set(xlabel="labelled images", ylabel="accuracy on the test set")
    stretch_towards_100(ax)
    ax.legend(
        handles=[curves[height] for height in sorted(curves, reverse=True)],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return ax


def stretch_towards_100(ax: Axes, which: str = "y") -> None:
    """Give the upper end of an axis of accuracies (0 to 1) the room: from 98% to 99%, half of the mistakes go."""
    ax.set(**{f"{which}scale": "logit"})
    axis = ax.yaxis if which == "y" else ax.xaxis
    low, high = axis.get_view_interval()
    coarse, fine = (
        (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995),
        (0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995),
    )
    ticks = [tick for tick in (coarse if low < 0.8 else fine) if low < tick < high]
    axis.set_ticks(ticks, labels=[f"{100 * tick:g}%" for tick in ticks])
    axis.set_minor_locator(NullLocator())


def plot_gains(gains: pd.DataFrame, xlabel: str, ax: Axes | None = None) -> Axes:
    """Differences with their confidence intervals beside a line at 0.

    Args:
        gains: one row each, indexed by name, with ``gain``, ``low`` and ``high``, see :func:`sgan_utils.results.gain`.
            If there is ``p_holm``, what chance alone could bring about (0.05 or more) has a hollow dot.
    """
    ax = ax or plt.subplots(figsize=(7.0, 0.8 + 0.4 * len(gains)))[1]
    heights = np.arange(len(gains))[::-1]
    either_side = [gains["gain"] - gains["low"], gains["high"] - gains["gain"]]
    ax.errorbar(gains["gain"], heights, xerr=either_side, fmt="o", color=LABELLED, capsize=4)
    if "p_holm" in gains:
        unsure = (gains["p_holm"] >= 0.05).to_numpy()
        ax.plot(gains["gain"][unsure], heights[unsure], "o", color=LABELLED, mfc="white", zorder=3)
    ax.axvline(0, color=MUTED, linestyle=":", linewidth=1.2)
    ax.set_yticks(heights, gains.index)
    ax.set(xlabel=xlabel, ylim=(-0.6, len(gains) - 0.4))
    return ax


def plot_trade_off(points: Mapping[str, tuple[float, float]], xlabel: str, ylabel: str, ax: Axes | None = None) -> Axes:
    """Named points in a plane, each with a sign of its own: name -> distance, accuracy (0 to 1), both stretched."""
    ax = ax or plt.subplots(figsize=(7.0, 3.6))[1]
    signs = itertools.cycle("osD^vP*X<>")
    colours = itertools.cycle([LABELLED, UNLABELLED, GENERATED, "black", PURPLE, GENERATOR, MUTED])
    for (name, (x, y)), sign, colour in zip(points.items(), signs, colours, strict=False):
        ax.plot(x, y, sign, color=colour, ms=8, mew=1.8, fillstyle="none", label=name)  # hollow: some lie on others
    ax.set_xscale("log")
    ticks = [tick for tick in (5, 7, 10, 15, 20, 30, 50, 70, 100) if ax.get_xlim()[0] < tick < ax.get_xlim()[1]]
    ax.set_xticks(ticks, map(str, ticks))
    ax.minorticks_off()
    stretch_towards_100(ax)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax
