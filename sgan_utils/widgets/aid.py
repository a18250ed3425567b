"""What all widgets share: the style of the page, and what ipywidgets leave out for those who do not see it."""

from __future__ import annotations

import html
from pathlib import Path

import anywidget
import ipywidgets as w
import traitlets


class Aid(anywidget.AnyWidget):
    """Names sliders, describes pictures and tells news to a screen reader; of a box made by :func:`framed`."""

    _esm = Path(__file__).parent / "aid.js"
    _css = Path(__file__).parent / "page.css"
    news = traitlets.Unicode("").tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)  # CSS class of a picture -> what it shows


def framed(children: list[w.Widget], aid: Aid) -> w.VBox:
    """Widgets one below the other, with their style and their aid."""
    box = w.VBox([aid, *children])
    box.add_class("sgan")
    return box


def described(picture: w.Image, aid: Aid, css: str, text: str) -> w.Image:
    """A picture with a description for those who do not see it."""
    picture.add_class(css)
    aid.pictures = aid.pictures | {css: text}
    return picture


def heading(text: str, level: int = 3) -> w.HTML:
    """A heading."""
    return w.HTML(f"<h{level} class='sgan-heading'>{html.escape(text)}</h{level}>")


def warning_text(text: str) -> str:
    """What is wrong, as HTML, in a colour that can be read on light and dark pages."""
    return f'<span class="sgan-warning">{html.escape(text)}</span>'
