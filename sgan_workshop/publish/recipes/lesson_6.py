"""Figures of lesson 6: few labels."""

from __future__ import annotations

from matplotlib import pyplot as plt
from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.results import PAPER, by_method, strongest_published
from sgan_utils.support import study_plots
from sgan_utils.support.methods import plain_name
from sgan_workshop.publish.registry import Material, figure

COMPARED = ["cnn", "cnn+augmentation", "odena", "sgan"]  # what the paper is about
STRONG = ["sgan", "propagation", "cnn+consistency", "cnn+propagation", "best"]


@figure(
    6,
    "Two panels of accuracy against the number of labels. On the left what the paper compares: a CNN, a CNN with "
    "augmentation, Odena's recipe and our SGAN, beside the paper's two curves. On the right, on another scale, the "
    "methods that use all unlabelled images, and the strongest published result for each number of labels. Bars reach "
    "from the worst run to the best; hollow stars are results quoted from memory.",
    "table1",
)
def label_efficiency(material: Material) -> FigureBase:
    table = by_method(material.study("table1"))
    figure, axes = plt.subplots(1, 2, figsize=(7.0, 5.0))
    stars = strongest_published(table["labels"].unique())
    for ax, methods, paper, published in ((axes[0], COMPARED, PAPER, None), (axes[1], STRONG, None, stars)):
        study_plots.plot_label_efficiency(table[table["method"].isin(methods)], paper, published, ax)
        ax.get_legend().set(loc="upper center", bbox_to_anchor=(0.45, -0.16))
    axes[0].set_title("as in the paper")
    axes[1].set(title="with all unlabelled images", ylabel="", ylim=(0.96, 0.9965))
    study_plots.stretch_towards_100(axes[1])
    return figure


@figure(
    6,
    "Dots for runs with {labels} labels, a row for each method, the weakest on top, accuracy stretched towards "
    "100%: runs of one method differ by many points, except where labels are propagated first.",
    "table1",
    labels=25,
)
def lucky_seeds(material: Material, labels: int) -> FigureBase:
    rows = material.study("table1")
    few = rows[rows["labels"] == labels].groupby("method")["test_accuracy"]
    weakest_first = few.median()[[*COMPARED, *STRONG[1:]]].sort_values().index
    ax = plotting.plot_runs({plain_name(method): few.get_group(method) for method in weakest_first}, "accuracy")
    study_plots.stretch_towards_100(ax, "x")
    return ax.figure
