"""Figures of lesson 7: beyond the paper."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.results import by_method, gains_at, gains_over, one_change_each
from sgan_workshop.publish.registry import Material, figure


@figure(
    7, "The change in accuracy that each single change to the SGAN makes at 100 labels, with 95% intervals.", "tricks"
)
def tricks(material: Material) -> FigureBase:
    changes = gains_over(one_change_each(material.study("tricks")), "sgan", 100)
    return plotting.plot_gains(100 * changes, "change in accuracy (percentage points)").figure


@figure(7, "Accuracy against the distance of G's images from real ones: one named point for each change.", "tricks")
def trade_off(material: Material) -> FigureBase:
    table = by_method(one_change_each(material.study("tricks"))).set_index("method")
    points = {method: (row["mean_fid"], 100 * row["mean_accuracy"]) for method, row in table.iterrows()}
    return plotting.plot_trade_off(points, "distance of G's images from real ones (FID)", "accuracy (%)").figure


@figure(
    7,
    "What the best method has over three rivals without a generator at 25, 50 and 100 labels, in percentage points "
    "with 95% intervals: over the same recipe, by less over a recipe of its own, and about nothing over a "
    "plain classifier that learns from propagated labels.",
    "table1",
)
def gain_of_g(material: Material) -> FigureBase:
    rivals = {
        "the same without G": "best without G",
        "its own recipe": "cnn+consistency",
        "propagated labels": "cnn+propagation",
    }
    gains = {name: gains_at(material.study("table1"), "best", rival) for name, rival in rivals.items()}
    budgets = gains["its own recipe"].index
    table = pd.DataFrame({f"{labels}: {name}": gains[name].loc[labels] for labels in budgets for name in rivals}).T
    return plotting.plot_gains(100 * table, "best minus a rival without G (percentage points)").figure
