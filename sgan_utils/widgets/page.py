"""The whole playground as one page: digits, the plane, latents, handwriting and the label budget, in tabs."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from sgan_utils.data import ImageData
from sgan_utils.models import Discriminator, Generator
from sgan_utils.widgets.aid import Aid, framed
from sgan_utils.widgets.budget import LabelBudget
from sgan_utils.widgets.latent import LatentExplorer
from sgan_utils.widgets.pad import DigitPad
from sgan_utils.widgets.plane import Plane
from sgan_utils.widgets.playground import Playground

OPENING = """<h1>A semi-supervised GAN at work</h1>
<p><b>Press <i>Start</i> and watch grey mush turn into digits.</b> The generator G invents images; the discriminator D
predicts the digit and says which images are real. Turn a knob and start again, or choose a preset that fails on
purpose.</p>"""
SECTIONS = {
    "Digits": "Train a real network on real digits, here on this machine, and compare your runs.",
    "Plane": "The same game with points instead of images: press Start, then drag a blue label and watch the border.",
    "Latents": "What a trained G makes of its random numbers: move along directions, walk from digit to digit.",
    "Handwriting": "Draw a digit, and see what a trained D makes of it.",
    "Labels": "How much is a budget of labels? These are the images that would keep theirs.",
}
PLANE = list(SECTIONS).index("Plane")


class Page:
    """All of it: ``display(Page(data, G, D).widget)``.

    Args:
        data: from :func:`sgan_utils.data.load_data`.
        generator, discriminator: a trained pair, for latents and handwriting.
    """

    def __init__(self, data: ImageData, generator: Generator, discriminator: Discriminator) -> None:
        self.play, self.plane = Playground(data), Plane()
        explorer = LatentExplorer(generator, discriminator, data.description)
        pad = DigitPad(discriminator, data.description)
        shown: tuple[Any, ...] = (self.play, self.plane, explorer, pad, LabelBudget(data))
        sections = [
            w.VBox([w.HTML(f"<h2 class='sgan-section'>{text}</h2>"), one.widget])
            for text, one in zip(SECTIONS.values(), shown, strict=True)
        ]
        self.tabs = w.Tab(sections, titles=tuple(SECTIONS), selected_index=0)
        self.tabs.observe(lambda change: self._left(change.old), "selected_index")
        opening = w.HTML(OPENING)
        opening.add_class("sgan-opening")
        self.widget = framed([opening, self.tabs], Aid())

    def _left(self, tab: int | None) -> None:
        """Points that nobody sees need not be trained; digits may, while one looks at something else."""
        if tab == PLANE:
            self.plane.pause()
