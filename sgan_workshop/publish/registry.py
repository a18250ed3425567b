"""The registry of figures: what each shows, and what it is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import FigureBase

from sgan_utils.data import ImageData, load_mnist
from sgan_utils.results import Record, about_rows, load_record, recorded_rows
from sgan_utils.support.studies import STUDIES

FIGURES_FOLDER = Path(__file__).resolve().parents[2] / "figures"


class Material:
    """What figures are drawn from, each loaded once and only if a figure wants it."""

    data: Callable[[], ImageData] = staticmethod(cache(load_mnist))
    record: Callable[[str], Record] = staticmethod(cache(load_record))
    study: Callable[[str], pd.DataFrame] = staticmethod(cache(recorded_rows))

    def about(self, name: str) -> dict[str, Any]:
        """How a record or a recorded study was made."""
        return about_rows(name, self.study(name)) if name in STUDIES else self.record(name).about


@dataclass(frozen=True)
class Recipe:
    """How one figure is made."""

    name: str
    lesson: int | None  # None: of the project itself
    alt: str  # what somebody who cannot see it should know
    records: tuple[str, ...]  # the recorded results and studies that it shows
    draw: Callable[[Material], FigureBase | Iterator[FigureBase]]  # several are the frames of a film


RECIPES: dict[str, Recipe] = {}


def figure(lesson: int | None, alt: str, *records: str) -> Callable[[Callable], Callable]:
    """Register a function as the recipe of the figure that has the function's name."""

    def register(draw: Callable) -> Callable:
        RECIPES[draw.__name__] = Recipe(draw.__name__, lesson, alt, records, draw)
        return draw

    return register


def provenance(recipe: Recipe, material: Material) -> dict[str, Any]:
    """How a figure was made, down to the runs that it shows."""
    return {
        "figure": recipe.name,
        "lesson": recipe.lesson,
        "alt": recipe.alt,
        "command": f"sgan figures --only {recipe.name}",
        "matplotlib": mpl.__version__,
        "drawn_from": {name: material.about(name) for name in recipe.records} or "MNIST and the code",
    }
