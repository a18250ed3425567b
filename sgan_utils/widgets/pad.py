"""The digit pad: draw a digit, and see at once what D makes of it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import anywidget
import ipywidgets as w
import torch
import traitlets
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import center_crop

from sgan_utils.config import IMAGE_SIZE
from sgan_utils.data import Description
from sgan_utils.evaluation import believe
from sgan_utils.models import MNIST, Discriminator
from sgan_utils.plotting import LABELLED
from sgan_utils.widgets.aid import Aid, described, framed, heading
from sgan_utils.widgets.pictures import bars, empty_sheet, sheet

PAD = 112  # pixels of the pad, both ways
LEAST = 12  # pixels of the pad that a drawing has to be high or wide, or else it could be anything
BOX = 20 / 28  # MNIST's digits were scaled to fit into a box of 20x20 of the 28x28 pixels


def centred(drawing: Tensor, side: int = IMAGE_SIZE) -> Tensor:
    """A drawing as MNIST's were prepared: scaled to a 20x20 box, its centre of mass in the middle of 28x28 pixels.

    Without this a good classifier looks bad through no fault of its own (LeCun et al. 1998, sec. III-A).

    Args:
        drawing: (height, width), uint8, 0 paper to 255 ink.
        side: pixels of the image, both ways; the box grows with it.

    Returns:
        (1, side, side), uint8; all paper if nothing was drawn.
    """
    inked = drawing > 32
    if not inked.any():
        return torch.zeros(1, side, side, dtype=torch.uint8)
    rows, columns = inked.any(1).nonzero().squeeze(1), inked.any(0).nonzero().squeeze(1)
    cut = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
    box = round(side * BOX)
    size = [max(1, round(pixels * box / max(cut.shape))) for pixels in cut.shape]
    small = F.interpolate(cut[None, None], size, mode="bilinear", antialias=True)[0, 0]
    small = small * (255 / small.max())  # thin strokes pale when they shrink; MNIST's reach full ink
    places = [torch.arange(pixels) for pixels in size]
    mass = small.sum()
    middle = [(small.sum(1) @ places[0].float()) / mass, (small.sum(0) @ places[1].float()) / mass]
    top, left = (
        int(min(max(round(side / 2 - centre.item()), 0), side - pixels))
        for centre, pixels in zip(middle, size, strict=True)
    )
    image = torch.zeros(side, side)
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
    .sgan-pad-clear { margin-top: 6px; width: 284px; min-height: 28px; }
    """
    # Without from_json, what the browser sends would be dropped without a word.
    pixels = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value))
    wiped = traitlets.Int(0).tag(sync=True)


class DigitPad:
    """The pad, what D sees of it, and what D says: ``display(DigitPad(D).widget)``.

    Args:
        discriminator: reads what is drawn.
        data: what D was trained on, so that the drawing gets its size and channels, and the answer its classes.
    """

    def __init__(self, discriminator: Discriminator, data: Description = MNIST) -> None:
        self.discriminator, self.data, self.pad = discriminator, data, Pad()
        self.names, self.kind = data.classes, "digit" if data.name == MNIST.name else "class"
        self.aid = Aid()
        self.seen = described(w.Image(format="png", layout={"width": "192px"}), self.aid, "sgan-pad-seen", "")
        self.belief = described(w.Image(format="png"), self.aid, "sgan-pad-belief", "")
        self.answer = w.HTML(layout={"width": "340px", "min_height": "72px"})
        self.answer.add_class("sgan-pad-answer")
        self.pad.observe(lambda _: self._read(), "pixels")
        thing = "a digit" if data.name == MNIST.name else "something"
        columns = w.HBox(
            [
                w.VBox([heading(f"Draw {thing}"), self.pad]),
                w.VBox([heading("What D sees"), self.seen]),
                w.VBox([heading(f"Which {self.kind}? D must choose one"), self.belief, self.answer]),
            ]
        )
        columns.add_class("sgan-columns")
        self.widget = framed([columns], self.aid)
        self._read()

    def _read(self) -> None:
        drawing = _as_tensor(self.pad.pixels)
        drawn = centred(drawing, max(self.data.height, self.data.width))
        image = center_crop(drawn.repeat(self.data.channels, 1, 1), [self.data.height, self.data.width])
        if not _is_enough(drawing):
            self.seen.value = empty_sheet(1, columns=1, scale=6)
            self._say(
                [0] * len(self.names), "too little ink to read: draw larger" if image.any() else "nothing drawn yet"
            )
            return
        belief = believe(self.discriminator, image.unsqueeze(0))
        probability, real = belief.class_logits.softmax(1)[0], belief.real_logit.sigmoid().item()
        self.seen.value = sheet(image.unsqueeze(0), columns=1, scale=6)
        best = int(probability.argmax())
        read = f"D reads <b>{html.escape(self.names[best])}</b>, with {probability[best]:.0%}"
        self._say(probability.tolist(), f"{read}.<br>It takes this for real with <b>{real:.0%}</b>.")

    def _say(self, probability: list[float], answer: str) -> None:
        self.belief.value = bars(probability, self.names, f"P({self.kind})", [LABELLED] * len(self.names))
        self.answer.value = answer
        self.aid.news = re.sub("<.*?>", " ", answer)


def _is_enough(drawing: Tensor) -> bool:
    """Whether a drawing, (PAD, PAD), is large enough to be more than a dot."""
    inked = drawing > 32
    return max(int(inked.any(1).sum()), int(inked.any(0).sum())) >= LEAST


def _as_tensor(pixels: bytes) -> Tensor:
    if not pixels:
        return torch.zeros(PAD, PAD, dtype=torch.uint8)
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(PAD, PAD)
