"""The pictures that open lessons, and lesson 5's four failures, drawn from recorded results."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from sgan_utils.data import load_mnist
from sgan_utils.evaluation import believe, fixed_latents, generate
from sgan_utils.plotting import (
    BELIEFS,
    GENERATOR,
    LABELLED,
    MUTED,
    STYLE,
    UNLABELLED,
    plot_runs,
    show_images,
    show_rows,
    smoothed_line,
)
from sgan_utils.results import load_record, recorded_rows

SOFTMAX_FLOOR = math.log(math.e + 9) - 1  # nats; the loss of a perfect D whose ten logits went through a softmax
FEW = 25  # labels, in the picture of what G is worth


def draw_whole_game() -> tuple[Axes, Axes, Axes]:
    """What the course will have done at its end: D reads digits, G draws some, and few labels reach farther with G."""
    record, data = load_record("sgan"), load_mnist()
    with plt.rc_context(STYLE):
        _, (reads, draws, helps) = plt.subplots(1, 3, figsize=(7.6, 2.7), width_ratios=[1, 1, 1.3])
        read = record.arrays["test_logits"][:9].argmax(1)
        show_images(data.test_images[:9], [f"“{digit}”" for digit in read], columns=3, title="D reads", ax=reads)
        show_images(record.arrays["samples"][:25], columns=5, title="G draws", ax=draws)
        rows = recorded_rows("table1")
        rows = rows[rows["labels"] == FEW]
        accuracy = {
            "without G": 100 * rows.loc[rows["method"] == "cnn", "test_accuracy"],
            "with G": 100 * rows.loc[rows["method"] == "sgan", "test_accuracy"],
        }
        plot_runs(accuracy, "digits named correctly (%)", ax=helps)
        helps.set_yticks([1, 0], [f"{FEW} labels", f"{FEW} labels\n+ 60,000\nunlabelled"])
        helps.set_title("G helps")
    return reads, draws, helps


def draw_both_networks() -> tuple[Axes, ...]:
    """One latent on its way through a trained G and D: random numbers, an image, and what D believes about it."""
    g, d, config = load_record("sgan").models()
    latents = fixed_latents(20, config.latent_size)
    best = believe(d, generate(g, latents)).real_logit.argmax()  # an image in which a reader sees a digit, too
    latent = latents[best : best + 1]
    image = generate(g, latent)
    belief = believe(d, image)
    with plt.rc_context(STYLE):
        _, (numbers, pixels, digit, real) = plt.subplots(1, 4, figsize=(7.6, 2.0), width_ratios=[1.6, 1.1, 2.2, 0.5])
        numbers.bar(range(len(latent[0])), latent[0], width=1.0, color=MUTED)
        numbers.set_title(f"{len(latent[0])} numbers")
        numbers.set(xticks=[], ylim=(-3.2, 3.2))
        show_images(image, title="→ G →", ax=pixels)
        pixels.title.set_color(GENERATOR)
        digit.bar(range(10), belief.class_logits[0].softmax(0), color=LABELLED)
        digit.set(title="→ D → which digit?", xticks=range(10), ylim=(0, 1))
        real.bar(["real"], belief.real_logit.sigmoid(), color=UNLABELLED)
        real.set(title="real?", ylim=(0, 1), yticklabels=[])
    return numbers, pixels, digit, real


def draw_four_runs() -> Axes:
    """What G draws at the end of four recorded runs: one is healthy, three fail on purpose."""
    names = ("d_wins", "sgan", "mode_collapse", "diverges")
    with plt.rc_context(STYLE):
        return show_rows({f"run {i}": load_record(name).arrays["samples"][:6] for i, name in enumerate(names, 1)})


def draw_failures() -> tuple[Axes, ...]:
    """The curve that gives each failure away, and of the collapse, which no curve gives away, the samples."""
    d_wins, diverges, twice = (load_record(name).history for name in ("d_wins", "diverges", "softmax_twice"))
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(2, 2, figsize=(7.4, 4.6))
        wins, collapse, explodes, stuck = axes.flat
        for column, (label, colour) in BELIEFS.items():
            smoothed_line(d_wins[column], 5, label, colour, wins)
        wins.set(title="D wins", ylabel="D's belief: P(real)", ylim=(-0.03, 1.03))
        show_images(load_record("mode_collapse").arrays["samples"][:15], columns=5, title="mode collapse", ax=collapse)
        smoothed_line(diverges["supervised"], 5, "D: which digit?", LABELLED, explodes)
        explodes.set(title="diverges", xlabel="step", ylabel="loss (nats)")
        smoothed_line(twice["softmax_twice"], 5, "D: which digit?", LABELLED, stuck)
        stuck.axhline(SOFTMAX_FLOOR, color=MUTED, linestyle=":", label="lowest possible")
        stuck.set(title="softmax twice", xlabel="step", ylim=(0, None))
        for ax in (wins, explodes, stuck):
            ax.legend()
    return wins, collapse, explodes, stuck
