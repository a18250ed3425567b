"""Figures of lesson 4: results."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.evaluation import confusion_matrix, most_confident_mistakes
from sgan_workshop.publish.recipes.parts import add_what_it_took, test_answers
from sgan_workshop.publish.registry import TRAINED_G, Material, figure


@figure(4, "Confusion matrix of D on the 10,000 test images: nearly all lie on the diagonal.", "sgan")
def confusion(material: Material) -> FigureBase:
    logits, labels = test_answers(material)
    return plotting.plot_confusion(confusion_matrix(logits, labels)).figure


@figure(
    4, "The test images that D names wrongly with the most confidence, each with the right and the wrong digit.", "sgan"
)
def mistakes(material: Material) -> FigureBase:
    logits, labels = test_answers(material)
    worst = most_confident_mistakes(logits, labels, count=24)
    captions = [
        f"{true}, not {named}" for true, named in zip(worst.true.tolist(), worst.predicted.tolist(), strict=True)
    ]
    return plotting.show_images(material.data().test_images[worst.position], captions, columns=8).figure


@figure(
    4,
    "Rows of generated images, each row a walk from one latent to another: every image differs a little from the one "
    "before it, and the last of a row shows another shape than the first.",
    TRAINED_G,
)
def walks(material: Material) -> FigureBase:
    record = material.record(TRAINED_G)
    drawn = plotting.show_rows({f"walk {i + 1}": way for i, way in enumerate(record.arrays["walks"])}).figure
    return add_what_it_took(drawn, record)


@figure(
    4,
    "Dots for runs, in rows: how far test images, samples of a longer trained SGAN, of the short SGAN and of a plain "
    "GAN, and noise are from real training images, on a logarithmic scale.",
    "samples",
    "real_images",
    TRAINED_G,
)
def sample_quality(material: Material) -> FigureBase:
    runs, real = material.study("samples"), material.record("real_images").about
    longer = material.record(TRAINED_G).about
    (steps,) = set(runs["steps"])
    groups = {
        "real test images (the floor)": [one["fid"] for one in real["floor"]],
        f"SGAN, {longer['steps']:,} steps": [longer["samples"]["fid"]],
        f"SGAN, {steps:,} steps": runs[runs["method"] == "lesson sgan"]["fid"],
        f"plain GAN, {steps:,} steps": runs[runs["method"] == "lesson gan"]["fid"],
        "noise": [one["fid"] for one in real["noise"]],
    }
    ax = plotting.plot_runs(groups, "distance from real training images (FID; smaller is better)")
    ax.set_xscale("log")
    return ax.figure


@figure(
    4,
    "Accuracy on the test set after each epoch of the source post's settings: high after the first, about a point "
    "higher after a few more, then up and down; a dotted line is the short run of the lessons.",
    "post",
    "sgan",
)
def post_curve(material: Material) -> FigureBase:
    curve = material.record("post").about["test_accuracy_after_epochs"]
    shown = {
        "the source post's settings": ([int(epoch) for epoch in curve], [100 * reached for reached in curve.values()])
    }
    ax = plotting.plot_lines(shown, "epoch", "accuracy on the test set (%)")
    ours = 100 * material.record("sgan").about["test_accuracy"]
    ax.axhline(ours, color=plotting.MUTED, linestyle=":", label="the lessons' run")
    ax.legend(loc="lower right")
    return ax.figure
