"""The latent explorer: sliders through G's latents, a walk from digit to digit, and "show me sevens"."""

from __future__ import annotations

import ipywidgets as w
import torch
from torch import Tensor

from sgan_utils.data import Description
from sgan_utils.evaluation import believe, fixed_latents, generate, latent_directions, walk
from sgan_utils.models import MNIST, Discriminator, Generator
from sgan_utils.plotting import GENERATED, LABELLED
from sgan_utils.widgets.aid import Aid, described, framed, heading
from sgan_utils.widgets.pictures import bars, sheet

DIRECTIONS = 6  # sliders
POOL = 1_000  # latents among which the explorer looks for digits
REACH = 4.0  # how far a slider goes either way; latents are standard normal
WIDE = {"description_width": "120px"}


class Pool:
    """Many latents, G's images of them, and D's predictions.

    Attributes:
        latents: (POOL, latent_size).
        images: (POOL, channels, height, width), uint8.
        probability: (POOL, classes).
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, seed: int = 0) -> None:
        self.latents = fixed_latents(POOL, generator.latent_size, seed)
        self.images = generate(generator, self.latents)
        self.probability = believe(discriminator, self.images).class_logits.softmax(1)

    def surest(self, wanted: int, count: int = 1) -> Tensor:
        """Where D is most sure of the class ``wanted``: indices, the surest first, as many as there are."""
        order = self.probability[:, wanted].argsort(descending=True)
        named = self.probability.argmax(1)[order] == wanted
        return order[named][:count]


class LatentExplorer:
    """Three ways through G's latents, as one widget: ``display(LatentExplorer(G, D).widget)``.

    Args:
        generator, discriminator: a trained pair.
        data: what they were trained on, for the names of the classes.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator, data: Description = MNIST) -> None:
        self.generator, self.discriminator, self.names = generator, discriminator, data.classes
        self.pool, self.directions = Pool(generator, discriminator), latent_directions(generator, DIRECTIONS)
        classes = {"options": [(name, number) for number, name in enumerate(data.classes)]}
        last, kind = len(data.classes) - 1, "digit" if data.name == MNIST.name else "class"

        self.sliders = [
            w.FloatSlider(
                0,
                min=-REACH,
                max=REACH,
                step=0.1,
                description=f"direction {number}",
                tooltip=f"Move the latent along direction {number} of G's first layer",
                style=WIDE,
            )
            for number in range(1, len(self.directions) + 1)
        ]
        self.begin = w.Dropdown(
            **classes, value=min(3, last), description="start at", tooltip=f"The {kind} to start from"
        )
        self.image = w.Image(format="png", layout={"width": "192px", "height": "192px"})
        self.belief = w.Image(format="png", layout={"width": "340px", "height": "260px"})
        self.answer = w.Label(layout={"width": "340px"})

        self.first = w.Dropdown(
            **classes, value=min(1, last), description="from", tooltip=f"The {kind} that the walk leaves"
        )
        self.second = w.Dropdown(
            **classes, value=min(8, last), description="to", tooltip=f"The {kind} that it arrives at"
        )
        self.way = w.IntSlider(
            0, min=0, max=20, description="way (%)", tooltip="How far along the way", readout=False, style=WIDE
        )
        self.way_image = w.Image(format="png", layout={"width": "192px", "height": "192px"})
        self.way_text = w.Label(layout={"width": "340px"})

        self.digit = w.Dropdown(**classes, value=min(7, last), description="show me", tooltip=f"The {kind} to look for")
        self.found_images = w.Image(format="png", layout={"width": "960px", "height": "auto"})
        self.found_text = w.Label(layout={"width": "600px"})

        for control in (self.begin, *self.sliders):
            control.observe(lambda _: self._explore(), "value")
        for control in (self.first, self.second, self.way):
            control.observe(lambda _: self._walk(), "value")
        self.digit.observe(lambda _: self._find(), "value")
        self._explore()
        self._walk()
        self._find()
        aid = Aid()
        for picture in (self.image, self.belief, self.way_image, self.found_images):
            described(picture, aid, "sgan-picture", "")  # the texts beside them say what they show
        rows = (
            w.HBox([w.VBox([self.begin, *self.sliders]), self.image, w.VBox([self.belief, self.answer])]),
            w.HBox([w.VBox([self.first, self.second, self.way]), self.way_image, self.way_text]),
            w.HBox([self.digit, self.found_text]),
        )
        for row in rows:
            row.add_class("sgan-columns")
        self.widget = framed(
            [
                heading("Along the directions that matter"),
                rows[0],
                heading(f"From one {kind} to another"),
                rows[1],
                heading("Show me …"),
                rows[2],
                self.found_images,
            ],
            aid,
        )

    def _explore(self) -> None:
        start = self._latent_of(self.begin.value)
        latent = start + torch.tensor([slider.value for slider in self.sliders]) @ self.directions
        image = generate(self.generator, latent.unsqueeze(0))
        belief = believe(self.discriminator, image)
        probability, real = belief.class_logits.softmax(1)[0], belief.real_logit.sigmoid().item()
        self.image.value = sheet(image, columns=1, scale=6)
        names, colours = [*self.names, "real"], [LABELLED] * len(self.names) + [GENERATED]
        self.belief.value = bars([*probability.tolist(), real], names, "D's belief", colours)
        self.answer.value = (
            f"D names it {self.names[int(probability.argmax())]} and believes by {real:.0%} that it is real"
        )

    def _walk(self) -> None:
        between = walk(self._latent_of(self.first.value), self._latent_of(self.second.value), self.way.max + 1)
        image = generate(self.generator, between[self.way.value].unsqueeze(0))
        self.way_image.value = sheet(image, columns=1, scale=6)
        named = self.names[int(believe(self.discriminator, image).class_logits.argmax())]
        self.way_text.value = f"{self.way.value / self.way.max:.0%} of the way: D names it {named}"

    def _find(self) -> None:
        places = self.pool.surest(self.digit.value, count=20)
        self.found_images.value = sheet(self.pool.images[places], columns=10, scale=3) if len(places) else b""
        everyone = int((self.pool.probability.argmax(1) == self.digit.value).sum())
        named = f"D names {everyone} of {POOL:,} generated images {self.names[self.digit.value]}"
        self.found_text.value = f"{named}; here are the surest" if everyone else f"{named}: G generates none"

    def _latent_of(self, wanted: int) -> Tensor:
        places = self.pool.surest(wanted)
        return self.pool.latents[places[0] if len(places) else 0]
