"""Drawing the figures from MNIST and recorded results alone: the same records give the same files, byte for byte."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase

from sgan_utils import plotting
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_text, write_whole
from sgan_workshop.publish import styles
from sgan_workshop.publish.recipes import (  # noqa: F401 - they register figures
    lesson_0,
    lesson_1,
    lesson_2,
    lesson_3,
    lesson_4,
    lesson_5,
    lesson_6,
    lesson_7,
    lesson_8,
    project,
)
from sgan_workshop.publish.registry import FIGURES_FOLDER, RECIPES, Material, Recipe, provenance

FILM_DOTS = 100  # an inch
FILM_COLOURS = 64


def draw_figures(only: Iterable[str] = (), folder: Path | None = None, style: str = "blog") -> list[Path]:
    """Draw the named figures, or all, as ``NAME.svg`` and ``NAME.png``, each with its provenance in ``NAME.json``.

    The style for print makes a ``NAME.pdf`` as well. A film is a ``NAME.gif``, too; its last frame is the other
    files.

    Args:
        only: names; none means all.
        folder: by default ``figures/``, and ``build/figures/STYLE/`` for other styles than the blog's.
        style: one of :data:`sgan_workshop.publish.styles.STYLES`.

    Returns:
        The PNG files.

    Raises:
        SGANError: if there is no figure or no style of a name, or a record that is needed is missing.
    """
    unknown = sorted(set(only) - set(RECIPES))
    if unknown:
        raise SGANError(f"there is no figure named {unknown[0]!r}: the figures are {', '.join(RECIPES)}.")
    if style not in styles.STYLES:
        raise SGANError(f"there is no style named {style!r}: choose one of {', '.join(styles.STYLES)}.")
    folder = folder or (FIGURES_FOLDER if style == "blog" else Path("build/figures") / style)
    return [_draw_one(RECIPES[name], folder, style) for name in (only or RECIPES)]


def _draw_one(recipe: Recipe, folder: Path, style: str) -> Path:
    material, chosen_style = Material(), styles.STYLES[style]
    with mpl.rc_context(
        plotting.STYLE
        | {"font.family": chosen_style.font, "savefig.dpi": chosen_style.dots, "figure.max_open_warning": 0}
        | styles.FONTS
    ):
        try:
            drawn = recipe.draw(material, **recipe.numbers)
            frames = cast("list[Figure]", [drawn] if isinstance(drawn, FigureBase) else list(drawn))
        except KeyError as error:
            raise SGANError(
                f"the records for figure {recipe.name!r} lack {error}: they are older than the code; "
                "make them anew with `sgan figures --retrain`."
            ) from error
        for frame in frames:
            styles.adapt(frame, chosen_style)
        about_svg = {"Date": None, "Creator": None, "Title": recipe.name, "Description": recipe.alt}
        write_text(folder / f"{recipe.name}.svg", svg_of(frames[-1], about_svg))
        formats: dict[str, dict[str, Any]] = {
            ".png": {"Software": None, "Title": recipe.name, "Description": recipe.alt},
        }
        if chosen_style.pdf:
            formats[".pdf"] = {"CreationDate": None, "Title": recipe.name, "Subject": recipe.alt}
        for suffix, metadata in formats.items():
            write_whole(folder / f"{recipe.name}{suffix}", partial(frames[-1].savefig, metadata=metadata))
        if len(frames) > 1:
            write_whole(folder / f"{recipe.name}.gif", lambda part: _save_film(frames, part))
        for frame in frames:
            plt.close(frame)
    about = provenance(recipe, material) | ({} if style == "blog" else {"style": style})
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    write_text(folder / f"{recipe.name}.json", text)
    return folder / f"{recipe.name}.png"


def svg_of(figure: Figure, metadata: dict[str, Any]) -> str:
    """The figure as SVG, with its markers and clipping paths numbered.

    Matplotlib names them after all the digits of their places, of which the last differ from processor to processor.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=metadata)
    svg = buffer.getvalue()
    for number, name in enumerate(dict.fromkeys(re.findall(r'id="([a-z][0-9a-f]{10})"', svg)), start=1):
        svg = svg.replace(name, f"shape_{number}")
    return svg


def _save_film(frames: list[Figure], path: Path) -> None:
    """An animated GIF: a frame every eighth of a second, and time to look at the last one."""
    from PIL import Image  # comes with matplotlib

    pictures = []
    for frame in frames:
        frame.set_dpi(FILM_DOTS)
        canvas = FigureCanvasAgg(frame)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    palette = pictures[-1].quantize(FILM_COLOURS)  # one for all, or the background would flicker
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    milliseconds = [125] * len(others) + [3000]
    first.save(path, save_all=True, append_images=others, duration=milliseconds, loop=0)
