"""Figures of lesson 5: the playground."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_workshop.publish.recipes.parts import film_rows
from sgan_workshop.publish.registry import Material, figure
from sgan_workshop.records.runs import FAILURES


@figure(
    5,
    "Four runs in columns, each with D's beliefs above and nine of G's images below. Healthy: the beliefs in real "
    "and in generated images stay apart, neither near 0 or 1. D wins: one goes to 1, the other to 0, and no digit "
    "appears. Mode collapse: all nine images show nearly the same shape. Rate too large: the beliefs jump from step"
    " to step.",
    "sgan",
    *FAILURES,
)
def failures(material: Material) -> FigureBase:
    titles = {"sgan": "healthy", "d_wins": "D wins", "mode_collapse": "mode collapse", "diverges": "rate too large"}
    drawn, axes = plt.subplots(2, 4, figsize=(7.0, 3.6), height_ratios=[1, 1.05])
    for (above, below), (name, title) in zip(axes.T, titles.items(), strict=True):
        record = material.record(name)
        plotting.plot_beliefs(record.history.loc[:200], ax=above).set(title=title, ylabel="")
        above.get_legend().remove()
        plotting.show_images(film_rows(record)["step 100"][:9], columns=3, ax=below)
    axes[0, 0].set_ylabel("D's belief")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return drawn
