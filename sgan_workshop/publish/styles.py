"""How a figure is styled for the blog, on slides and in print: sizes, fonts and lines."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from sgan_utils.plotting import STYLE


class FigureStyle(NamedTuple):
    """How large the parts of a figure are for one use, as multiples of what the blog has."""

    width: float  # of the whole figure, 7 inches on the blog
    text: float
    lines: float
    dots: int  # an inch
    font: str


STYLES = {
    "blog": FigureStyle(1.0, 1.0, 1.0, 160, "DejaVu Sans"),
    "slides": FigureStyle(1.6, 1.65, 2.0, 160, "DejaVu Sans"),  # 11.2 inches: read from the last row
    "print": FigureStyle(0.9, 0.95, 0.6, 300, "STIXGeneral"),  # 6.3 inches: the text of an A4 page
}


def adapt(figure: Figure, style: FigureStyle) -> None:
    """Make a drawn figure larger or smaller, its text and its lines each by a factor of their own."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width * style.width, height * style.width)
    part: Any  # what findobj returns has no type of its own
    for part in figure.findobj(Text):
        part.set_fontsize(part.get_fontsize() * style.text)
    for part in figure.findobj(Line2D):
        part.set(linewidth=part.get_linewidth() * style.lines, markersize=part.get_markersize() * style.width)
    for part in [*figure.findobj(Patch), *figure.findobj(LineCollection)]:
        part.set_linewidth(np.multiply(part.get_linewidth(), style.lines))
    for ax in figure.axes:
        ax.tick_params(labelsize=STYLE["font.size"] * style.text)  # of ticks that come with the new size, too
