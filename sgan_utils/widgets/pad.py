"""The digit pad: draw a digit, and see at once what D makes of it."""

from __future__ import annotations

from pathlib import Path

import anywidget
import ipywidgets as w
import torch
import traitlets
from torch import Tensor
from torch.nn import functional as F

from sgan_utils.config import CLASSES, IMAGE_SIZE
from sgan_utils.evaluation import believe
from sgan_utils.models import Discriminator
from sgan_utils.plotting import GENERATED, LABELLED
from sgan_utils.widgets.pictures import bars, empty_sheet, sheet

PAD = 112  # pixels of the pad, both ways
BOX = 20  # MNIST's digits were scaled to fit into a box of 20x20 pixels
NAMES = [*map(str, range(CLASSES)), "real"]


def centred(drawing: Tensor) -> Tensor:
    """A drawing as MNIST's were prepared: scaled to a 20x20 box, its centre of mass in the middle of 28x28.

    Without this a good classifier looks bad through no fault of its own (LeCun et al. 1998, sec. III-A).

    Args:
        drawing: (height, width), uint8, 0 paper to 255 ink.

    Returns:
        (1, 28, 28), uint8; all paper if nothing was drawn.
    """
    inked = drawing > 32
    if not inked.any():
        return torch.zeros(1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    rows, columns = inked.any(1).nonzero().squeeze(1), inked.any(0).nonzero().squeeze(1)
    cut = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
    size = [max(1, round(side * BOX / max(cut.shape))) for side in cut.shape]
    small = F.interpolate(cut[None, None], size, mode="bilinear", antialias=True)[0, 0]
    small = small * (255 / small.max())  # thin strokes pale when they shrink; MNIST's reach full ink
    places = [torch.arange(side) for side in size]
    mass = small.sum()
    middle = [(small.sum(1) @ places[0].float()) / mass, (small.sum(0) @ places[1].float()) / mass]
    top, left = (
        int(min(max(round(IMAGE_SIZE / 2 - centre.item()), 0), IMAGE_SIZE - side))
        for centre, side in zip(middle, size, strict=True)
    )
    image = torch.zeros(IMAGE_SIZE, IMAGE_SIZE)
    image[top : top + size[0], left : left + size[1]] = small
    return image.round().clamp(0, 255).to(torch.uint8).unsqueeze(0)


class Pad(anywidget.AnyWidget):
    """A square to draw on. ``pixels`` is what was drawn, PAD x PAD bytes, row by row; empty before the first stroke."""

    _esm = Path(__file__).parent / "pad.js"
    _css = """
    .sgan-pad { width: 280px; height: 280px; border: 2px solid #767676; border-radius: 6px; background: white;
                touch-action: none; cursor: crosshair; display: block; }
    .sgan-pad:focus { outline: 3px solid #0072B2; outline-offset: -3px; }
    .sgan-pad.down { border-color: #D55E00; }
    .sgan-pad-clear { margin-top: 6px; width: 284px; }
    """
    # Without from_json, what the browser sends would be dropped without a word.
    pixels = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value))
    wiped = traitlets.Int(0).tag(sync=True)


class DigitPad:
    """The pad, what D sees of it, and what D says: ``display(DigitPad(D).widget)``."""

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator, self.pad = discriminator, Pad()
        self.seen = w.Image(format="png", layout={"width": "192px", "height": "192px"})
        self.belief = w.Image(format="png", layout={"width": "340px", "height": "260px"})
        self.answer = w.HTML(layout={"width": "340px", "height": "30px"})
        self.answer.add_class("sgan-pad-answer")
        self.pad.observe(lambda _: self._read(), "pixels")
        self.widget = w.HBox(
            [
                w.VBox([w.HTML("<b>Draw a digit</b>"), self.pad]),
                w.VBox([w.HTML("<b>What D sees</b>"), self.seen]),
                w.VBox([w.HTML("<b>What D says</b>"), self.belief, self.answer]),
            ]
        )
        self._read()

    def _read(self) -> None:
        colours = [LABELLED] * CLASSES + [GENERATED]
        image = centred(_as_tensor(self.pad.pixels))
        if not image.any():
            self.seen.value = empty_sheet(1, columns=1, scale=6)
            self.belief.value = bars([0] * len(NAMES), NAMES, "D's belief", colours)
            self.answer.value = "nothing drawn yet"
            return
        belief = believe(self.discriminator, image.unsqueeze(0))
        probability, real = belief.class_logits.softmax(1)[0], belief.real_logit.sigmoid().item()
        self.seen.value = sheet(image, columns=1, scale=6)
        self.belief.value = bars([*probability.tolist(), real], NAMES, "D's belief", colours)
        digit = int(probability.argmax())
        self.answer.value = f"D reads <b>{digit}</b>, with {probability[digit]:.0%}"


def _as_tensor(pixels: bytes) -> Tensor:
    if not pixels:
        return torch.zeros(PAD, PAD, dtype=torch.uint8)
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(PAD, PAD)
