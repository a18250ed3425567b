"""The registry of figures: what each shows, what it is drawn from, and one function to draw them all.

Figures are drawn from MNIST and from recorded results alone, so the same records give the same files, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from sgan_utils import diagrams, plotting
from sgan_utils.augmentation import draw_moves, draw_noise, move
from sgan_utils.config import SGANConfig
from sgan_utils.data import MNIST, draw_labelled, images_by_class, load_mnist, split_sources, to_model_range
from sgan_utils.errors import SGANError
from sgan_utils.evaluation import confusion_matrix, most_confident_mistakes, per_class_accuracy
from sgan_utils.files import write_whole
from sgan_utils.methods import STUDIES
from sgan_utils.models import build_models
from sgan_utils.plotting import GENERATED, LABELLED, UNLABELLED
from sgan_utils.recording import CLOUD, FAILURES, Record, load_record
from sgan_utils.tables import PAPER, about_rows, by_method, gains_at, gains_over, one_change_each, recorded_rows

FIGURES_FOLDER = Path(__file__).resolve().parent.parent / "figures"
FILM_DOTS = 100  # an inch
FILM_COLOURS = 64


class Material:
    """What figures are drawn from, each loaded once and only if a figure wants it."""

    data: Callable[[], MNIST] = staticmethod(cache(load_mnist))
    record: Callable[[str], Record] = staticmethod(cache(load_record))
    study: Callable[[str], pd.DataFrame] = staticmethod(cache(recorded_rows))

    def about(self, name: str) -> dict[str, Any]:
        """How a record or a recorded study was made."""
        return about_rows(name, self.study(name)) if name in STUDIES else self.record(name).about


@dataclass(frozen=True)
class Recipe:
    """How one figure is made."""

    name: str
    lesson: int
    alt: str  # what somebody who cannot see it should know
    records: tuple[str, ...]  # the recorded results and studies that it shows
    draw: Callable[[Material], Figure | Iterator[Figure]]  # several are the frames of a film


RECIPES: dict[str, Recipe] = {}


def figure(lesson: int, alt: str, *records: str) -> Callable[[Callable], Callable]:
    """Register a function as the recipe of the figure that has the function's name."""

    def register(draw: Callable) -> Callable:
        RECIPES[draw.__name__] = Recipe(draw.__name__, lesson, alt, records, draw)
        return draw

    return register


def draw_figures(only: Iterable[str] = (), folder: Path | None = None, style: str = "blog") -> list[Path]:
    """Draw the named figures, or all, as ``NAME.svg`` and ``NAME.png``, each with its provenance in ``NAME.json``.

    A film is a ``NAME.gif`` as well; its last frame is the SVG and the PNG.

    Args:
        only: names; none means all.
        folder: by default ``figures/``, and ``build/figures/STYLE/`` for other styles than the blog's.
        style: one of :data:`sgan_utils.plotting.LOOKS`.

    Returns:
        The PNG files.

    Raises:
        SGANError: if there is no figure or no style of a name, or a record that is needed is missing.
    """
    unknown = sorted(set(only) - set(RECIPES))
    if unknown:
        raise SGANError(f"there is no figure named {unknown[0]!r}: the figures are {', '.join(RECIPES)}.")
    if style not in plotting.LOOKS:
        raise SGANError(f"there is no style named {style!r}: choose one of {', '.join(plotting.LOOKS)}.")
    folder = folder or (FIGURES_FOLDER if style == "blog" else Path("build/figures") / style)
    return [_draw_one(RECIPES[name], folder, style) for name in (only or RECIPES)]


def _draw_one(recipe: Recipe, folder: Path, style: str) -> Path:
    material, look = Material(), plotting.LOOKS[style]
    with mpl.rc_context(
        plotting.STYLE | {"font.family": look.font, "savefig.dpi": look.dots, "figure.max_open_warning": 0}
    ):
        try:
            drawn = recipe.draw(material)
            frames = [drawn] if isinstance(drawn, Figure) else list(drawn)
        except KeyError as error:
            raise SGANError(
                f"the records for figure {recipe.name!r} lack {error}: they are older than the code; "
                "make them anew with `sgan figures --retrain`."
            ) from error
        for frame in frames:
            plotting.adapt(frame, look)
        for suffix, metadata in (
            (".svg", {"Date": None, "Creator": None, "Title": recipe.name, "Description": recipe.alt}),
            (".png", {"Software": None, "Title": recipe.name, "Description": recipe.alt}),
        ):
            path = folder / f"{recipe.name}{suffix}"
            write_whole(path, lambda part, metadata=metadata: frames[-1].savefig(part, metadata=metadata))
        if len(frames) > 1:
            write_whole(folder / f"{recipe.name}.gif", lambda part: _save_film(frames, part))
        for frame in frames:
            plt.close(frame)
    about = provenance(recipe, material) | ({} if style == "blog" else {"style": style})
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / f"{recipe.name}.json", lambda part: part.write_text(text, encoding="utf-8"))
    return folder / f"{recipe.name}.png"


def _save_film(frames: list[Figure], path: Path) -> None:
    """An animated GIF: a frame every eighth of a second, and time to look at the last one."""
    from PIL import Image  # comes with matplotlib

    pictures = []
    for frame in frames:
        frame.set_dpi(FILM_DOTS)
        frame.canvas.draw()
        pictures.append(Image.fromarray(np.asarray(frame.canvas.buffer_rgba())).convert("RGB"))
    palette = pictures[-1].quantize(FILM_COLOURS)  # one for all, or the background would flicker
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    milliseconds = [125] * len(others) + [3000]
    first.save(path, save_all=True, append_images=others, duration=milliseconds, loop=0)


def provenance(recipe: Recipe, material: Material) -> dict[str, Any]:
    """How a figure was made, down to the runs that it shows."""
    return {
        "figure": recipe.name,
        "lesson": recipe.lesson,
        "alt": recipe.alt,
        "command": f"sgan figures --only {recipe.name}",
        "matplotlib": mpl.__version__,
        "drawn_from": {name: material.about(name) for name in recipe.records} or "MNIST and the code",
    }


# Lesson 1: the data


@figure(
    1,
    "Three sources of images, labelled real, unlabelled real and generated, lead to D, which answers which digit an "
    "image shows and whether it is real. G makes the generated images from random numbers and learns from D's opinion.",
    "sgan",
)
def game(material: Material) -> Figure:
    sources = split_sources(material.data(), SGANConfig.preset("lesson"))
    images, labels = sources.labelled_images[4:7], sources.labelled_labels[4:7].tolist()
    generated = material.record("sgan").arrays["samples"][:3]
    return diagrams.draw_game(images, labels, sources.unlabelled_images[11:14], generated).figure


@figure(1, "Twenty-five training images of handwritten digits, each with its label above it.")
def batch(material: Material) -> Figure:
    data = material.data()
    return plotting.show_images(data.train_images[:25], data.train_labels[:25].tolist(), columns=5).figure


@figure(
    1,
    "One image four times: Resize(28) leaves it as it is, Resize(14) makes it coarser, CenterCrop(14) cuts out its "
    "middle, CenterCrop(42) adds paper around it.",
)
def resize_and_crop(material: Material) -> Figure:
    from torchvision import transforms

    image = transforms.ToPILImage()(material.data().train_images[0])
    drawn, axes = plt.subplots(1, 4, figsize=(7.0, 2.1))
    tried = [(transforms.Resize, 28), (transforms.Resize, 14), (transforms.CenterCrop, 14), (transforms.CenterCrop, 42)]
    for ax, (transform, size) in zip(axes, tried, strict=True):
        ax.imshow(transform(size)(image))
        ax.set_title(f"{transform.__name__}({size})", fontsize=9)
        ax.grid(visible=False)
    return drawn


@figure(
    1,
    "Histograms of one image's pixel values: bytes from 0 to 255, after ToTensor from 0 to 1, after Normalize from "
    "-1 to 1, all of the same shape.",
)
def pixel_values(material: Material) -> Figure:
    pixels = material.data().train_images[0].numpy()
    drawn, axes = plt.subplots(1, 3, figsize=(7.0, 2.3), sharey=True)
    steps = {"bytes": pixels, "ToTensor": pixels / 255, "Normalize": (pixels / 255 - 0.5) / 0.5}
    for ax, (name, values) in zip(axes, steps.items(), strict=True):
        plotting.plot_histogram(values, "pixel value", ax=ax).set(title=name, ylabel="")
    axes[0].set_ylabel("pixels (log scale)")
    return drawn


@figure(
    1,
    "Bars of how many of the 60,000 training images show each digit: between 5,421 fives and 6,742 ones; "
    "beside them a balanced draw of 30,000, the same number of each.",
)
def class_balance(material: Material) -> Figure:
    labels = material.data().train_labels
    drawn = labels[draw_labelled(labels, 30_000, seed=0)]
    counts = {"all training images": images_by_class(labels), "labelled draw of 30,000": images_by_class(drawn)}
    drawn, ax = plt.subplots()
    ax.set_prop_cycle(color=[plotting.MUTED, LABELLED])
    plotting.plot_class_balance(counts, ax=ax)
    return drawn


@figure(1, "A hundred labelled images, ten of each digit, one row a digit: all the labels that a small budget buys.")
def labelled_draw(material: Material) -> Figure:
    sources = split_sources(material.data(), SGANConfig.preset("lesson", labels=100))
    rows = {f"{digit}": sources.labelled_images[sources.labelled_labels == digit] for digit in range(10)}
    return plotting.show_rows(rows).figure


@figure(1, "The first thirty training images: with half of all labels, each has its digit above it or a question mark.")
def known_labels(material: Material) -> Figure:
    data = material.data()
    known = set(draw_labelled(data.train_labels, 30_000, seed=0).tolist())
    captions = [str(int(label)) if i in known else "?" for i, label in enumerate(data.train_labels[:30])]
    return plotting.show_images(data.train_images[:30], captions, columns=10).figure


@figure(1, "A row of images from each source: labelled real, unlabelled real, and generated by a trained G.", "sgan")
def sources(material: Material) -> Figure:
    parts = split_sources(material.data(), SGANConfig.preset("lesson"))
    generated = material.record("sgan").arrays["samples"]
    rows = {
        "labelled real": parts.labelled_images[:10],
        "unlabelled real": parts.unlabelled_images[20:30],
        "generated": generated[:10],
    }
    return plotting.show_rows(rows, [LABELLED, UNLABELLED, GENERATED]).figure


@figure(
    1,
    "Bars of images per second: a DataLoader that transforms each image is slowest, tensors in memory are fastest.",
    "loader",
)
def loader(material: Material) -> Figure:
    speeds = material.record("loader").about["images_per_second"]
    return plotting.plot_bars(speeds, "images per second (log scale)", log=True).figure


# Lesson 2: the models


@figure(2, "G as a chain of feature maps: from 100 numbers through 7 by 7 and 14 by 14 to 28 by 28 pixels.")
def generator(material: Material) -> Figure:
    config = SGANConfig.preset("lesson")
    g, _ = build_models(config)
    stages = diagrams.stages_of([g.project, *g.draw], torch.zeros(1, config.latent_size))
    return diagrams.draw_network(stages, plotting.GENERATOR, "G upscales").figure


@figure(2, "D as a chain of feature maps: from 28 by 28 pixels through 14, 7 and 4 to the outputs.")
def discriminator(material: Material) -> Figure:
    _, d = build_models(SGANConfig.preset("lesson"))
    stages = diagrams.stages_of([*d.look, nn.Flatten(), d.decide], torch.zeros(1, 1, 28, 28))
    return diagrams.draw_network(stages, plotting.DISCRIMINATOR, "D downscales").figure


@figure(2, "Bars of the weights in each layer of G and D: most of them are in G's linear layer.")
def parameters(material: Material) -> Figure:
    g, d = build_models(SGANConfig.preset("lesson"))
    named = [
        (f"{network}.{name}", w) for network, model in (("G", g), ("D", d)) for name, w in model.named_parameters()
    ]
    return plotting.plot_bars({name: w.numel() for name, w in named if w.dim() > 1}, "weights").figure


@figure(
    2,
    "Ten logits carry two messages: their differences say which digit, and lifting all ten together raises P(real) "
    "from 0 to 1.",
)
def ten_logits(material: Material) -> Figure:
    logits = np.array([0, 1, 0, 4, 0, 3, 0, 0, 2, 0.0])
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.5), width_ratios=[1.2, 1])
    left.bar(range(10), np.exp(logits) / np.exp(logits).sum(), color=LABELLED)
    left.set(title="at every height", xlabel="digit", ylabel="P(digit)", xticks=range(10), ylim=(0, 1))
    height = np.linspace(-10, 5, 100)
    right.plot(height, 1 / (1 + np.exp(-height) / np.exp(logits).sum()), color=UNLABELLED)
    right.set(title="lifted together", xlabel="height added to all ten", ylabel="P(real)", ylim=(0, 1))
    return drawn


@figure(
    2,
    "Three heads of D: ten outputs and one of its own; eleven outputs of one softmax; ten outputs only. "
    "In each the class logits are the first ten.",
)
def heads(material: Material) -> Figure:
    return diagrams.draw_heads().figure


@figure(
    2,
    "Left, the sigmoid rises from 0 to 1 around logit 0. Right, D's loss: softplus(-r) falls for real images and "
    "softplus(r) rises for generated ones; they cross at logit 0.",
)
def activations(material: Material) -> Figure:
    logit = np.linspace(-8, 8, 200)
    drawn, axes = plt.subplots(1, 2, figsize=(7.0, 2.6))
    axes[0].plot(logit, 1 / (1 + np.exp(-logit)), color=UNLABELLED)
    axes[0].set(title="sigmoid(r)", xlabel="real logit r", ylabel="P(real)")
    axes[1].plot(logit, np.logaddexp(0, -logit), color=LABELLED, label="image is real: softplus(−r)")
    axes[1].plot(logit, np.logaddexp(0, logit), color=GENERATED, label="image is generated: softplus(r)")
    axes[1].set(title="loss of D", xlabel="real logit r", ylabel="nats")
    axes[1].legend(loc="upper center", fontsize=8)
    return drawn


@figure(
    2,
    "What an untrained G draws, for three spreads of its initial weights: flat grey, faint blotches, and hard noise.",
    "untrained",
)
def initialisation(material: Material) -> Figure:
    arrays = material.record("untrained").arrays
    rows = {f"std {std:g}": images for std, images in zip(arrays["weight_std"], arrays["samples"], strict=True)}
    return plotting.show_rows(rows).figure


@figure(
    2,
    "The spread of an untrained D's numbers layer by layer, for three spreads of its weights: with BatchNorm the same "
    "in all hidden layers, without it growing or fading.",
    "untrained",
)
def signal(material: Material) -> Figure:
    arrays = material.record("untrained").arrays
    drawn, axes = plt.subplots(1, 2, figsize=(7.0, 2.5), sharey=True)
    places = ["1", "2", "3", "out"]
    for i, (ax, title) in enumerate(zip(axes, ("with BatchNorm", "without"), strict=True)):
        spreads = zip(arrays["weight_std"], arrays["signal"][:, i], strict=True)
        plotting.plot_lines({f"std {std:g}": (places, signal) for std, signal in spreads}, "after layer", "", ax=ax)
        ax.set(yscale="log", title=title)
    axes[0].set_ylabel("spread")
    axes[0].get_legend().remove()
    return drawn


# Lesson 3: training


@figure(
    3,
    "The data flow of one step: labelled, unlabelled and generated images pass through D to four losses; "
    "the first three teach D, the last teaches G.",
)
def step(material: Material) -> Figure:
    return diagrams.draw_step().figure


@figure(3, "Losses against steps: D's supervised loss falls towards 0, the two others settle.", "sgan")
def losses(material: Material) -> Figure:
    return plotting.plot_losses(material.record("sgan").history).figure


@figure(3, "D's belief in unlabelled and in generated images against steps: apart, but neither at 0 nor at 1.", "sgan")
def beliefs(material: Material) -> Figure:
    return plotting.plot_beliefs(material.record("sgan").history).figure


@figure(3, "What G makes of the same twelve latents as training goes on: from grey over blots to digits.", "sgan")
def film(material: Material) -> Figure:
    return plotting.show_rows(_film_rows(material.record("sgan"))).figure


@figure(
    3,
    "A film of one run: G's images of the same latents turn from grey into digits while, beside them, D's beliefs in "
    "unlabelled and in generated images part and come closer again.",
    "sgan",
)
def training_film(material: Material) -> Iterator[Figure]:
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
    "A run in which D wins: its belief in real images goes to 1, in generated ones to 0, and stays there.",
    "d_wins",
)
def d_wins(material: Material) -> Figure:
    return plotting.plot_beliefs(material.record("d_wins").history).figure


@figure(3, "Images after step 100: noise from the run in which D wins, digits from a healthy run.", "d_wins", "sgan")
def d_wins_samples(material: Material) -> Figure:
    rows = {}
    for title, name in (("D wins", "d_wins"), ("healthy", "sgan")):
        rows[f"{title}, step 100"] = _film_rows(material.record(name))["step 100"]
    return plotting.show_rows(rows).figure


@figure(
    3,
    "Loss of a classifier against steps: on logits it falls near 0; with a softmax before the cross-entropy it "
    "cannot fall below 1.461.",
    "softmax_twice",
)
def softmax_twice(material: Material) -> Figure:
    history = material.record("softmax_twice").history
    lines = {
        "logits into cross-entropy": (history.index, history["logits"]),
        "softmax, then cross-entropy": (history.index, history["softmax_twice"]),
    }
    ax = plotting.plot_lines(lines, "step", "loss (nats)")
    ax.axhline(np.log(np.e + 9) - 1, color=plotting.MUTED, linestyle=":", label="floor: ln(e + 9) − 1")
    ax.set_ylim(bottom=0)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax.figure


# Lesson 4: results


@figure(4, "Confusion matrix of D on the 10,000 test images: nearly all lie on the diagonal.", "sgan")
def confusion(material: Material) -> Figure:
    logits, labels = _test_answers(material)
    return plotting.plot_confusion(confusion_matrix(logits, labels)).figure


@figure(4, "Bars of the share of test images of each digit that D names wrongly, in percent.", "sgan")
def wrong_by_digit(material: Material) -> Figure:
    shares = per_class_accuracy(*_test_answers(material)).tolist()
    wrong = {f"digit {digit}": round(100 * (1 - share), 2) for digit, share in enumerate(shares)}
    return plotting.plot_bars(wrong, "wrong (%)").figure


@figure(4, "Twenty-five test images, each with what D names it.", "sgan")
def test_predictions(material: Material) -> Figure:
    logits, labels = _test_answers(material)
    return _predictions(material.data().test_images, logits, labels)


@figure(4, "Twenty-five training images, each with what D names it.", "sgan")
def train_predictions(material: Material) -> Figure:
    data = material.data()
    logits = torch.from_numpy(material.record("sgan").arrays["train_logits"]).float()
    return _predictions(data.train_images, logits, data.train_labels)


@figure(
    4, "The test images that D names wrongly with the most confidence, each with the right and the wrong digit.", "sgan"
)
def mistakes(material: Material) -> Figure:
    logits, labels = _test_answers(material)
    worst = most_confident_mistakes(logits, labels, count=24)
    captions = [
        f"{true}, not {named}" for true, named in zip(worst.true.tolist(), worst.predicted.tolist(), strict=True)
    ]
    return plotting.show_images(material.data().test_images[worst.index], captions, columns=8).figure


@figure(4, "Four walks through latent space, each from one digit to another: the shapes change without a jump.", "sgan")
def walks(material: Material) -> Figure:
    ways = material.record("sgan").arrays["walks"]
    return plotting.show_rows({f"walk {i + 1}": way for i, way in enumerate(ways)}).figure


@figure(4, "D's probabilities along a walk through latent space: sure of one digit, and soon of the next.", "sgan")
def walk_beliefs(material: Material) -> Figure:
    logits = torch.from_numpy(material.record("sgan").arrays["walk_logits"]).float()
    probability = logits.softmax(1)  # (steps, 10)
    met = probability.argmax(1).unique().tolist()
    curves = {f"a {digit}?": (range(len(probability)), probability[:, digit]) for digit in met}
    return plotting.plot_lines(curves, "step of the walk", "D's probability").figure


@figure(
    4,
    "Features of D in two dimensions: labelled and unlabelled real images fill the same cloud, generated ones "
    "lie among and beside them.",
    "sgan",
)
def features(material: Material) -> Figure:
    points = material.record("sgan").arrays["points"]
    names = {"unlabelled real": UNLABELLED, "labelled real": LABELLED, "generated": GENERATED}
    labelled, unlabelled, generated = (points[i * CLOUD : (i + 1) * CLOUD] for i in range(3))
    groups = dict(zip(names, (unlabelled, labelled, generated), strict=True))
    return plotting.plot_points(groups, names).figure


@figure(
    4, "Samples of a plain GAN and of the SGAN from the same latents after the same numbers of steps.", "gan", "sgan"
)
def gan_and_sgan(material: Material) -> Figure:
    drawn, axes = plt.subplots(1, 2, figsize=(7.0, 3.4))
    for ax, name, title in zip(axes, ("gan", "sgan"), ("plain GAN", "SGAN, 30,000 labels"), strict=True):
        rows = {step: images[:6] for step, images in _film_rows(material.record(name)).items()}
        plotting.show_rows(rows, ax=ax).set_title(title)
    return drawn


@figure(
    4,
    "Dots for runs, in rows: how far ten thousand test images, SGAN samples, GAN samples and noise are from real "
    "training images, on a logarithmic scale.",
    "samples",
    "real_images",
)
def sample_quality(material: Material) -> Figure:
    runs, real = material.study("samples"), material.record("real_images").about
    groups = {
        "real test images (the floor)": [one["fid"] for one in real["floor"]],
        "SGAN, 30,000 labels": runs[runs["method"] == "lesson sgan"]["fid"],
        "plain GAN": runs[runs["method"] == "lesson gan"]["fid"],
        "noise": [one["fid"] for one in real["noise"]],
    }
    ax = plotting.plot_runs(groups, "distance from real training images (FID; smaller is better)")
    ax.set_xscale("log")
    return ax.figure


@figure(
    4,
    "Accuracy on the test set after each epoch of the source post's preset: high after the first, a point higher after "
    "a few more, then up and down; a dotted line is the lesson's run.",
    "post",
    "sgan",
)
def post_curve(material: Material) -> Figure:
    curve = material.record("post").about["test_accuracy_after_epochs"]
    shown = {"post preset": ([int(epoch) for epoch in curve], [100 * reached for reached in curve.values()])}
    ax = plotting.plot_lines(shown, "epoch", "accuracy on the test set (%)")
    ours = 100 * material.record("sgan").about["test_accuracy"]
    ax.axhline(ours, color=plotting.MUTED, linestyle=":", label="lesson preset")
    ax.legend(loc="lower right")
    return ax.figure


# Lesson 5: the playground


@figure(
    5,
    "Runs in columns, each with D's beliefs above and G's images below: a healthy run; one in which D wins and G draws "
    "mush; one in which G collapses to a single shape; one whose learning rate is far too large.",
    "sgan",
    *FAILURES,
)
def failures(material: Material) -> Figure:
    titles = {"sgan": "healthy", "d_wins": "D wins", "mode_collapse": "mode collapse", "diverges": "rate too large"}
    drawn, axes = plt.subplots(2, 4, figsize=(7.0, 3.6), height_ratios=[1, 1.05])
    for (above, below), (name, title) in zip(axes.T, titles.items(), strict=True):
        record = material.record(name)
        plotting.plot_beliefs(record.history.loc[:200], ax=above).set(title=title, ylabel="")
        above.get_legend().remove()
        plotting.show_images(_film_rows(record)["step 100"][:9], columns=3, ax=below)
    axes[0, 0].set_ylabel("D's belief")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return drawn


@figure(
    5,
    "Rows of images, one for each direction in latent space: from one digit in the middle, each row changes step by "
    "step towards other shapes at its two ends.",
    "sgan",
)
def directions(material: Material) -> Figure:
    ways = material.record("sgan").arrays["directions"]
    return plotting.show_rows({f"direction {i + 1}": way for i, way in enumerate(ways)}).figure


# Lesson 6: few labels

COMPARED = ["cnn", "cnn+augmentation", "odena", "sgan"]


@figure(
    6,
    "Accuracy against the number of labels, for a CNN, a CNN with augmentation and with consistency, Odena's own "
    "recipe, our SGAN and the best method, each with its spread over seeds, beside the paper's two curves.",
    "table1",
)
def label_efficiency(material: Material) -> Figure:
    table = by_method(material.study("table1"))
    shown = table[table["method"].isin([*COMPARED, "best", "cnn+consistency"])]
    return plotting.plot_label_efficiency(shown, PAPER).figure


@figure(
    6,
    "The gain of the SGAN over the CNN in percentage points with its 95% interval, at four numbers of labels.",
    "table1",
)
def gain_over_cnn(material: Material) -> Figure:
    gains = gains_at(material.study("table1"), "sgan", "cnn")
    return plotting.plot_gains(100 * gains, "sgan minus cnn (percentage points)").figure


@figure(6, "Dots for runs with 25 labels, a row for each method: runs of one method differ by many points.", "table1")
def lucky_seeds(material: Material) -> Figure:
    rows = material.study("table1")
    few = rows[rows["labels"] == 25].groupby("method")["test_accuracy"]
    return plotting.plot_runs({method: 100 * few.get_group(method) for method in COMPARED}, "accuracy (%)").figure


# Lesson 7: beyond the paper


@figure(7, "Eight digits as they are, moved more and more, and under noise: all can still be named.")
def moves_and_noise(material: Material) -> Figure:
    images, rows = to_model_range(material.data().train_images[:8]), {}
    for strength in (0.0, 1.0, 1.5):
        draw = torch.Generator().manual_seed(1)
        rows[f"moved, strength {strength:g}"] = move(images, draw_moves(8, strength, draw))
    noise = draw_noise(8, 0.3, torch.Generator().manual_seed(0))
    return plotting.show_rows(rows | {"noise 0.3": (images + noise).clamp(-1, 1)}).figure


@figure(
    7, "The change in accuracy that each single change to the SGAN makes at 100 labels, with 95% intervals.", "tricks"
)
def tricks(material: Material) -> Figure:
    changes = gains_over(one_change_each(material.study("tricks")), "sgan", 100)
    return plotting.plot_gains(100 * changes, "change in accuracy (percentage points)").figure


@figure(7, "Accuracy against the distance of G's images from real ones: one named point for each change.", "tricks")
def trade_off(material: Material) -> Figure:
    table = by_method(one_change_each(material.study("tricks"))).set_index("method")
    points = {method: (row["mean_fid"], 100 * row["mean_accuracy"]) for method, row in table.iterrows()}
    return plotting.plot_trade_off(points, "distance of G's images from real ones (FID)", "accuracy (%)").figure


@figure(
    7,
    "What the best method has over two rivals without a generator at 25, 50 and 100 labels, in percentage points with "
    "95% intervals: over the same recipe, and, by less, over a recipe of its own.",
    "table1",
)
def gain_of_g(material: Material) -> Figure:
    rivals = {"the same without G": "best without G", "its own recipe": "cnn+consistency"}
    gains = {name: gains_at(material.study("table1"), "best", rival) for name, rival in rivals.items()}
    budgets = gains["its own recipe"].index
    table = pd.DataFrame({f"{labels}: {name}": gains[name].loc[labels] for labels in budgets for name in rivals}).T
    return plotting.plot_gains(100 * table, "best minus a rival without G (percentage points)").figure


# How fast it is: drawn from what `make benchmark` measures


@figure(
    3,
    "Left, the speed of one training step and of its convolutions alone, against the roof that this machine's matrix "
    "product and memory set. Right, bars of the seconds of training to 98% on the test set: ours and the common "
    "recipe's.",
    "benchmark",
)
def benchmark(material: Material) -> Figure:
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
    plotting.plot_roofline(step["peaks_gflops"], step["copy_gb_per_second"], points, left).set_title("speed of a step")
    seconds = {"ours": race["ours_seconds"], theirs: race["recipe_seconds"]}
    plotting.plot_bars(seconds, "seconds of training", ax=right).set_title("time to 98%")
    right.margins(x=0.25)
    return drawn


def _film_rows(record: Record) -> dict[str, np.ndarray]:
    steps = record.arrays["film_steps"]
    return {f"step {step}": images for step, images in zip(steps, record.arrays["film"], strict=True)}


def _test_answers(material: Material) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(material.record("sgan").arrays["test_logits"]).float(), material.data().test_labels


def _predictions(images: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> Figure:
    named, true = logits[:25].argmax(1).tolist(), labels[:25].tolist()
    wrong = [a != b for a, b in zip(named, true, strict=True)]
    captions = [f"{a}, not {b}" if a != b else f"{a}" for a, b in zip(true, named, strict=True)]
    return plotting.show_images(images[:25], captions, columns=5, wrong=wrong).figure
