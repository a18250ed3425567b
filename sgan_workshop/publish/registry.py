"""The registry of figures: what each shows, and what it is drawn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import FigureBase

from sgan_utils.data import ImageData, load_mnist
from sgan_utils.results import Record, about_rows, load_record, recorded_rows
from sgan_utils.support.rows import MEASURED
from sgan_utils.support.studies import STUDIES

FIGURES_FOLDER = Path(__file__).resolve().parents[2] / "figures"
TRAINED_G = "trained_g"  # the record whose G is shown where images are the point


class Material:
    """What figures are drawn from, each loaded once and only if a figure wants it."""

    data: Callable[[], ImageData] = staticmethod(cache(load_mnist))
    record: Callable[[str], Record] = staticmethod(cache(load_record))
    study: Callable[[str], pd.DataFrame] = staticmethod(cache(recorded_rows))

    def about(self, name: str) -> dict[str, Any]:
        """How a record or a recorded study was made."""
        return about_rows(name, self.study(name)) if name in STUDIES else self.record(name).about

    def content(self, name: str) -> str:
        """A hash of all that a record or a recorded study says: it changes with any number, curve or image."""
        found = hashlib.sha256()
        if name in STUDIES:
            rows = self.study(name)[["method", "protocol", "labels", "seed", *MEASURED]]
            found.update(rows.to_csv(index=False, lineterminator="\n").encode())
            return found.hexdigest()
        record = self.record(name)
        found.update(json.dumps(record.about, sort_keys=True).encode())
        found.update(record.history.to_csv(lineterminator="\n").encode())
        for key, array in sorted(record.arrays.items()):
            found.update(f"{key} {array.dtype.str} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Recipe:
    """How one figure is made."""

    name: str
    lesson: int | None  # None: of the project itself
    alt: str  # what somebody who cannot see it should know
    records: tuple[str, ...]  # the recorded results and studies that it shows
    draw: Callable[..., FigureBase | Iterator[FigureBase]]  # takes a Material and the numbers; several are a film
    numbers: dict[str, int] = field(default_factory=dict)  # what was chosen for it, for the picture and its captions
    data: str = "MNIST"  # what it is drawn from, if not from records


RECIPES: dict[str, Recipe] = {}


def figure(
    lesson: int | None, alt: str, *records: str, data: str = "MNIST", **numbers: int
) -> Callable[[Callable], Callable]:
    """Register a function as the recipe of the figure that has the function's name.

    Args:
        lesson: to which it belongs; None is the project.
        alt: its alternative text, which may name the numbers: ``"{labels} images"``.
        records: the recorded results and studies that it shows.
        data: the images that it shows, where it shows no record.
        numbers: chosen for this figure, such as how many labels: they are passed on to the function, and a caption
            looks them up.
    """

    def register(draw: Callable) -> Callable:
        name = draw.__name__
        RECIPES[name] = Recipe(name, lesson, alt.format(**numbers), records, draw, numbers, data)
        return draw

    return register


def provenance(recipe: Recipe, material: Material) -> dict[str, Any]:
    """How a figure was made, down to the runs that it shows, each with a hash of its content."""
    return {
        "figure": recipe.name,
        "lesson": recipe.lesson,
        "alt": recipe.alt,
        "numbers": recipe.numbers,
        "command": f"sgan figures --only {recipe.name}",
        "matplotlib": mpl.__version__,
        "drawn_from": {
            name: material.about(name) | {"content": f"sha256:{material.content(name)}"} for name in recipe.records
        }
        or f"{recipe.data} and the code",
    }
