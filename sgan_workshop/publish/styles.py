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
    pdf: bool = False  # whether it is wanted as a PDF, too


# The first of each comes with Matplotlib. In an SVG, text stays text, which can be searched and read aloud; whoever
# lacks the first font sees one of the others, which are no wider.
FONTS: dict[Any, Any] = {
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],
    "font.serif": ["STIXGeneral", "STIX Two Text", "Times New Roman"],
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
STYLES = {
    "blog": FigureStyle(1.0, 1.0, 1.0, 160, "sans-serif"),
    "slides": FigureStyle(1.6, 1.65, 2.0, 160, "sans-serif"),  # 11.2 inches: read from the last row
    "print": FigureStyle(0.9, 0.95, 0.6, 300, "serif", pdf=True),  # 6.3 inches: the text of an A4 page
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
