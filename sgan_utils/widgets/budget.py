"""The label budget: a slider, and the images that would keep their label."""

from __future__ import annotations

import ipywidgets as w

from sgan_utils.config import SGANConfig
from sgan_utils.data import UNKNOWN, ImageData, draw_labelled, images_by_class
from sgan_utils.widgets.aid import Aid, described, framed
from sgan_utils.widgets.knobs import knob
from sgan_utils.widgets.pictures import sheet

MOST = 100  # images that are shown
IMAGES = {"width": "960px", "height": "240px", "object_fit": "contain", "object_position": "left top"}


class LabelBudget:
    """A slider for the number of labels, and the images that would have them: ``display(LabelBudget(data).widget)``."""

    def __init__(self, data: ImageData, labels: int = 100) -> None:
        self.data, self.known = data, (data.train_labels != UNKNOWN).nonzero().squeeze(1)  # the images with a label
        self.labels, self.seed = knob("labels", labels, most=len(self.known)), knob("seed")
        self.labels.continuous_update = False  # a draw from 60,000 images takes longer than a blink
        self.text = w.Label(layout={"width": "940px"})
        aid = Aid()
        self.images = described(w.Image(format="png", layout=IMAGES), aid, "sgan-picture", "The images.")
        for control in (self.labels, self.seed):
            control.observe(lambda _: self._show(), "value")
        controls = w.HBox([self.labels, self.seed])
        controls.add_class("sgan-columns")
        self.widget = framed([controls, self.text, self.images], aid)
        self._show()

    def _show(self) -> None:
        drawn = draw_labelled(self.data.train_labels[self.known], self.labels.value, self.seed.value)
        chosen = self.known[drawn]
        counts = images_by_class(self.data.train_labels[chosen], len(self.data.classes))
        in_order = chosen[self.data.train_labels[chosen].argsort(stable=True)]
        shown = in_order[:: max(1, len(in_order) // MOST)][:MOST]
        fraction = len(chosen) / len(self.data.train_labels)
        kind = "digit" if self.data.name == SGANConfig().data else "class"
        each = (
            " to ".join(f"{count:,}" for count in counts.aminmax()) if counts.min() < counts.max() else f"{counts[0]:,}"
        )
        self.text.value = f"{len(chosen):,} labels are {fraction:.2%} of the training images, {each} of each {kind}" + (
            f"; {len(shown)} of them are shown" if len(shown) < len(chosen) else ""
        )
        self.images.value = sheet(self.data.train_images[shown], columns=20, scale=2)
