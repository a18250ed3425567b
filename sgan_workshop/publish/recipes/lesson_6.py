"""Figures of lesson 6: few labels."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.results import PAPER, by_method
from sgan_workshop.publish.registry import Material, figure

COMPARED = ["cnn", "cnn+augmentation", "odena", "sgan"]


@figure(
    6,
    "Accuracy against the number of labels, for a CNN, a CNN with augmentation, with consistency and with propagated "
    "labels, propagation alone, Odena's own recipe, our SGAN and the best method, each with its spread over seeds, "
    "beside the paper's two curves.",
    "table1",
)
def label_efficiency(material: Material) -> FigureBase:
    table = by_method(material.study("table1"))
    shown = table[table["method"].isin([*COMPARED, "best", "cnn+consistency", "propagation", "cnn+propagation"])]
    return plotting.plot_label_efficiency(shown, PAPER).figure


@figure(6, "Dots for runs with 25 labels, a row for each method: runs of one method differ by many points.", "table1")
def lucky_seeds(material: Material) -> FigureBase:
    rows = material.study("table1")
    few = rows[rows["labels"] == 25].groupby("method")["test_accuracy"]
    return plotting.plot_runs({method: 100 * few.get_group(method) for method in COMPARED}, "accuracy (%)").figure
