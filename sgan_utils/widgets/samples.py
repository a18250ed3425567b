"""Every sample answers: what D says of an image, what the image adds to the losses, and what it resembles."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import NamedTuple

import anywidget
import torch
import traitlets
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.data import ImageData
from sgan_utils.evaluation import believe
from sgan_utils.support.run import Run
from sgan_utils.widgets.pictures import sheet

REAL = 15  # training images that stand below G's
COLUMNS = 15
NEIGHBOURS = 1_000  # training images among which the nearest is sought


class Samples(anywidget.AnyWidget):
    """A sheet of images; ``chosen`` is the number of the one that was pointed at, -1 before."""

    _esm = Path(__file__).parent / "samples.js"
    value = traitlets.Bytes(b"").tag(sync=True)  # PNG
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    columns = traitlets.Int(COLUMNS).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)


class Answer(NamedTuple):
    """What D says of one image."""

    name: str  # of the image
    step: int  # after which D was asked
    image: Tensor  # (channels, height, width), uint8
    latent: Tensor | None  # that G made it of; None if it is real
    probability: Tensor  # (classes,), 0 to 1
    real_logit: float
    nearest: Tensor  # the training image whose features are most like its own, (channels, height, width), uint8


def all_samples(generated: Tensor | None, data: ImageData, count: int) -> bytes:
    """G's images and below them real ones, as one sheet; nothing but real ones before the first step."""
    real = data.train_images[:REAL]
    if generated is None:
        paper = 0 if real.shape[1] == 1 else 255
        generated = torch.full((count, *real.shape[1:]), paper, dtype=torch.uint8)
    return sheet(torch.cat([generated, real]), COLUMNS)


def names_of(count: int) -> list[str]:
    """What the images of a sheet are called."""
    return [f"generated image {i + 1}" for i in range(count)] + [f"real image {i + 1}" for i in range(REAL)]


def ask(run: Run, name: str, image: Tensor, latent: Tensor | None) -> Answer:
    """Ask D, as it is used after training, about an image.

    Args:
        run: that trains D; it must not take a step meanwhile.
        name: what the image is called.
        image: (channels, height, width), uint8.
        latent: that G made it of, (latent_size,); None if it is real.
    """
    others = run.sources.unlabelled_images[:NEIGHBOURS].cpu()
    belief = believe(run.classifier(), torch.cat([image[None], others]))
    far = (belief.features[1:] - belief.features[0]).norm(dim=1)
    far[(others == image).flatten(1).all(1)] = torch.inf  # a real image is not its own neighbour
    probability = belief.class_logits[0].softmax(0)
    return Answer(name, run.step, image, latent, probability, belief.real_logit[0].item(), others[far.argmin()])


def in_words(answer: Answer, run: Run) -> list[str]:
    """An answer as sentences."""
    classes, kind = run.sources.description.classes, run.config.generator_loss
    best, logit = int(answer.probability.argmax()), torch.tensor(answer.real_logit)
    as_real, as_generated = F.softplus(-logit).item(), F.softplus(logit).item()
    percent, real = as_percent(logit.sigmoid().item()), as_probability(logit.sigmoid().item())
    sentences = [
        f"After step {answer.step:,}: D must choose a class and predicts {classes[best]}, "
        f"with {answer.probability[best]:.0%}; it takes it for real with {percent}."
    ]
    if answer.latent is None:
        sentences.append(f"It is real, so it adds −log({real}) = {as_real:.2f} to D's loss.")
        return sentences
    sentences.append(f"It is generated, so it adds −log(1 − {real}) = {as_generated:.2f} to D's loss,")
    sentences[-1] += {
        "non_saturating": f" and −log({real}) = {as_real:.2f} to G's.",
        "saturating": f" and log(1 − {real}) = {-as_generated:.2f} to G's.",
        "feature_matching": " and its features to the mean that G's loss compares.",
    }[kind]
    first = ", ".join(f"{number:.2f}" for number in answer.latent[:4])
    sentences.append(f"G made it of {len(answer.latent)} random numbers: {first}, …")
    sentences.append(
        "Asked is D's average over many steps, as it is used after training; the curves show D in one step."
    )
    return sentences


def as_probability(value: float) -> str:
    """With as many digits as it takes to tell it from 0 and 1, six at most."""
    texts = [f"{value:.{digits}f}" for digits in range(2, 7)]
    return next((text for text in texts if 0 < float(text) < 1), texts[-1])


def as_percent(value: float) -> str:
    """As :func:`as_probability`, in percent."""
    texts = [f"{value:.{digits}%}" for digits in range(5)]
    return next((text for text in texts if 0 < float(text[:-1]) < 100), texts[-1])


def as_html(answer: Answer, run: Run) -> str:
    """An answer as part of the page: the image, D's probabilities as bars, sentences, the nearest training image."""
    bars = "".join(
        f'<span style="--part:{probability:.0%}" title="{probability:.0%}">{html.escape(label)}</span>'
        for label, probability in zip(run.sources.description.classes, answer.probability.tolist(), strict=True)
    )
    text = " ".join(in_words(answer, run))
    return (
        f'<div class="sgan-answer">{_picture(answer.image, answer.name)}<div>'
        f'{html.escape(text)}<div class="sgan-bars" aria-hidden="true">{bars}</div></div>'
        f"{_picture(answer.nearest, 'nearest training image in D’s features')}</div>"
    )


def _picture(image: Tensor, text: str) -> str:
    shown = base64.b64encode(sheet(image[None], columns=1, scale=2)).decode()
    text = html.escape(text)
    return f'<figure><img src="data:image/png;base64,{shown}" alt=""><figcaption>{text}</figcaption></figure>'
