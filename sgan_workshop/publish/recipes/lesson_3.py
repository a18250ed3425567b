"""Figures of lesson 3: training, and how fast it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.support import diagrams
from sgan_workshop.publish.recipes.parts import add_what_it_took
from sgan_workshop.publish.registry import TRAINED_G, Material, figure
from sgan_workshop.publish.roofline import number_plainly, plot_roofline

GOAL = 0.98  # accuracy on the test set, of the race
BELOW: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 8}


@figure(
    3,
    "The data flow of one step: labelled, unlabelled and generated images pass through D to four losses; "
    "the first three teach D, the last teaches G.",
)
def step(material: Material) -> FigureBase:
    return diagrams.draw_step().figure


@figure(3, "Losses against steps: D's supervised loss falls towards 0, the two others settle.", "sgan")
def losses(material: Material) -> FigureBase:
    return plotting.plot_losses(material.record("sgan").history).figure


@figure(
    3,
    "A film of one run: G's images of the same latents turn from grey into digits. Beside them D's beliefs part "
    "step by step: it tells unlabelled from generated images better and better, and G's images improve all the same.",
    TRAINED_G,
)
def training_film(material: Material) -> Iterator[FigureBase]:
    record = material.record(TRAINED_G)
    last = record.history.index[-1]
    smooth = max(10, len(record.history) // 40)
    for step, images in zip(record.arrays["reel_steps"].tolist(), record.arrays["reel"], strict=True):
        drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=[1.35, 1])
        plotting.show_images(images, columns=6, title=f"step {step}", ax=left)
        plotting.plot_beliefs(record.history.loc[:step], smooth, ax=right)
        right.set_xlim(0, last)
        right.legend(loc="lower right", bbox_to_anchor=(1, 0.5), fontsize=8)
        yield add_what_it_took(drawn, record)


@figure(
    3,
    "Loss of a classifier against steps: on logits it falls near 0; with a softmax before the cross-entropy it "
    "cannot fall below 1.461.",
    "softmax_twice",
)
def softmax_twice(material: Material) -> FigureBase:
    history = material.record("softmax_twice").history
    lines = {
        "logits into cross-entropy": (history.index, history["logits"]),
        "softmax, then cross-entropy": (history.index, history["softmax_twice"]),
    }
    ax = plotting.plot_lines(lines, "step", "loss (nats)")
    ax.axhline(math.log(math.e + 9) - 1, color=plotting.MUTED, linestyle=":", label="floor: ln(e + 9) − 1")
    ax.set_ylim(bottom=0)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax.figure


@figure(
    3,
    "Left, the speed of one training step and of its convolutions alone, against the roof that this machine's matrix "
    "product and memory set. Right, accuracy on the test set against seconds of training, with a line at 98%: the ends "
    "of our runs as dots near the left edge, and the common recipe's curve, which takes many times as long.",
    "benchmark",
)
def benchmark(material: Material) -> FigureBase:
    measured = material.record("benchmark").about
    step, race = measured["step"], measured["time_to_98"]
    formats = {name: step["lesson"][name] for name in step["peaks_gflops"]}
    whole = {name: (one["flop_per_byte"], one["gflops"]) for name, one in formats.items()}
    alone = {
        name: (one["convolutions"]["flop_per_byte"], one["convolutions"]["gflops"]) for name, one in formats.items()
    }
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=[1.25, 1])
    points = {"one step": whole, "its convolutions alone": alone}
    plot_roofline(step["peaks_gflops"], step["copy_gb_per_second"], points, left).set_title("speed of a step")
    _, seconds, reached = zip(*race["recipe"], strict=True)
    right.plot(seconds, [100 * accuracy for accuracy in reached], color=plotting.MUTED, label="common recipe")
    ends = [100 * accuracy for accuracy in race["accuracies"]]
    right.plot(race["ours"]["raw"], ends, "o", color=plotting.LABELLED, alpha=0.6, label=f"ours, {len(ends)} runs")
    right.axhline(100 * GOAL, color=plotting.MUTED, linestyle=":", linewidth=1.2)
    right.set(xscale="log", xlabel="seconds of training", ylabel="accuracy on the test set (%)", title="time to 98%")
    right.annotate(f"{reached[-1]:.1%}", (seconds[-1], 100 * reached[-1]), (2, -12), **BELOW)
    number_plainly(right.xaxis)
    right.legend(loc="lower right", fontsize=8)
    return drawn
