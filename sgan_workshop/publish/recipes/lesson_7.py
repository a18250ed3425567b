"""Figures of lesson 7: beyond the paper."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import FigureBase

from sgan_utils.results import by_method, gains_at, gains_over, one_change_each
from sgan_utils.support import study_plots
from sgan_utils.support.methods import BEST, NO_NETWORK, RIVAL, plain_name
from sgan_workshop.publish.registry import Material, figure


@figure(
    7,
    "The change in accuracy that each single change to the SGAN makes at {labels} labels, the most helpful one on "
    "top, with 95% intervals. Dots are hollow where chance alone could have brought about the difference.",
    "tricks",
    labels=100,
)
def tricks(material: Material, labels: int) -> FigureBase:
    changes = gains_over(one_change_each(material.study("tricks")), "sgan", labels).rename(index=plain_name)
    points = changes.sort_values("gain", ascending=False)
    points[["gain", "low", "high"]] *= 100
    return study_plots.plot_gains(points, "change in accuracy (percentage points)").figure


@figure(
    7,
    "Accuracy against the distance of G's images from real ones, both scales stretched where points are close: one "
    "named point for each change to the SGAN.",
    "tricks",
)
def trade_off(material: Material) -> FigureBase:
    table = by_method(one_change_each(material.study("tricks"))).sort_values("mean_accuracy", ascending=False)
    points = {plain_name(row["method"]): (row["mean_fid"], row["mean_accuracy"]) for _, row in table.iterrows()}
    return study_plots.plot_trade_off(points, "distance of G's images from real ones (FID)", "accuracy").figure


@figure(
    7,
    "What the best SGAN has over the same recipe without its generator, and over labels that spread from neighbour to "
    "neighbour without any network, for each number of labels, in percentage points with 95% intervals.",
    "table1",
)
def gain_of_g(material: Material) -> FigureBase:
    rows = material.study("table1")
    found = {
        f"over {plain_name(rival)}, {labels}": row
        for rival in (RIVAL, NO_NETWORK)
        for labels, row in gains_at(rows, BEST, rival).iterrows()
    }
    points = pd.DataFrame(found).T
    points[["gain", "low", "high"]] *= 100
    return study_plots.plot_gains(points, f"{plain_name(BEST)} minus a rival without G (percentage points)").figure
