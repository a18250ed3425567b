"""Figures of lesson 3: training, and how fast it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import matplotlib.pyplot as plt
from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.support import diagrams
from sgan_workshop.publish.registry import Material, figure
from sgan_workshop.publish.roofline import plot_roofline


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
    "A film of one run: G's images of the same latents turn from grey into digits while, beside them, D's beliefs in "
    "unlabelled and in generated images part and come closer again.",
    "sgan",
)
def training_film(material: Material) -> Iterator[FigureBase]:
    record = material.record("sgan")
    last = len(record.history)
    for step, images in zip(record.arrays["reel_steps"].tolist(), record.arrays["reel"], strict=True):
        drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=[1.35, 1])
        plotting.show_images(images, columns=6, title=f"step {step}", ax=left)
        plotting.plot_beliefs(record.history.loc[:step], ax=right)
        right.set_xlim(0, last)
        right.legend(loc="upper right", fontsize=8)
        yield drawn


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
    "product and memory set. Right, bars of the seconds of training to 98% on the test set: ours and the common "
    "recipe's.",
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
    theirs = "common\nrecipe"
    if race["recipe_reached"] < 0.98:
        theirs += f",\n{race['recipe_reached']:.1%} after\ntwo epochs"
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=[1.25, 1])
    points = {"one step": whole, "its convolutions alone": alone}
    plot_roofline(step["peaks_gflops"], step["copy_gb_per_second"], points, left).set_title("speed of a step")
    seconds = {"ours": race["ours_seconds"], theirs: race["recipe_seconds"]}
    plotting.plot_bars(seconds, "seconds of training", ax=right).set_title("time to 98%")
    right.margins(x=0.25)
    return drawn
