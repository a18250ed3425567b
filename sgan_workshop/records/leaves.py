"""Draws the data set of lesson 8, small colour pictures of leaves: ``python -m sgan_workshop.records.leaves FOLDER``.

A leaf is an outline in polar coordinates, turned, stretched, wilted and coloured at random, on paper on which other
leaves lie about. Colour says nothing about the tree: only the outline does.
"""

from __future__ import annotations

import colorsys
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
SIZE, FINER = 32, 3  # pixels of a picture; each is the mean of 3 x 3 finer ones
COUNTS = {"labelled": 20, "unlabelled": 100, "test": 60}  # pictures of each tree
NOISE = 0.03  # standard deviation; white is 1
COLOURS = 24  # of a stored picture, which keeps its file small


def _ellipse(angle: Array, width: float) -> Array:
    return 1 / np.sqrt(np.cos(angle) ** 2 + (np.sin(angle) / width) ** 2)


# The radius of an outline at an angle from its tip, -pi to pi; the longest is about 1.
OUTLINES: dict[str, Callable[[Array], Array]] = {
    "birch": lambda a: _ellipse(a, 0.66) * (0.94 + 0.06 * np.cos(16 * a)) * (1 - 0.12 * np.cos(a)),
    "ginkgo": lambda a: np.clip(1.9 - 1.15 * np.abs(a), 0.08, 0.92) * (1 - 0.45 * np.exp(-((a / 0.16) ** 2))),
    "maple": lambda a: 0.42 + 0.58 * (0.5 + 0.5 * np.cos(5 * a)) ** 1.5 * (0.88 + 0.12 * np.cos(a)),
    "oak": lambda a: _ellipse(a, 0.62) * (0.84 + 0.16 * np.cos(7 * a)),
    "willow": lambda a: _ellipse(a, 0.34),
}
CLASSES = tuple(OUTLINES)


def _draw_over(
    picture: Array, tree: str, centre: Array, radius: float, turn: float, random: np.random.Generator
) -> None:
    """Draw one leaf over a picture (fine pixels, fine pixels, 3), values from 0 to 1; turn 0 has its tip at the top."""
    rows, columns = np.mgrid[: len(picture), : len(picture)] / len(picture) * 2 - 1
    place = np.exp(1j * (np.pi / 2 - turn)) * ((columns - centre[1]) + 1j * (rows - centre[0]))
    stretch, lean = random.uniform(0.8, 1.15), random.uniform(-0.25, 0.25)
    place = place.real / stretch + 1j * (place.imag + lean * place.real)
    angle, distance = np.angle(place), np.abs(place) / radius
    wilted = 1 + sum(random.normal(0, 0.05) * np.cos(k * angle + random.uniform(0, 2 * np.pi)) for k in range(2, 6))
    inside = distance < OUTLINES[tree](angle) * wilted
    hue = random.choice([random.uniform(0.02, 0.16), random.uniform(0.18, 0.38)])  # autumn or summer
    colour = np.array(colorsys.hsv_to_rgb(hue, random.uniform(0.4, 0.9), random.uniform(0.3, 0.75)))
    shade = 1 + random.uniform(-0.25, 0.25) * distance[inside] + random.uniform(-0.2, 0.2) * np.cos(angle[inside])
    picture[inside] = colour * shade[:, None]
    stalk = (np.abs(place.imag) < 0.035) & (place.real < 0.6 * radius) & (place.real > -1.15 * radius)
    picture[stalk] *= 0.65


def draw_leaf(tree: str, random: np.random.Generator) -> NDArray[np.uint8]:
    """One picture of a leaf of this tree, (32, 32, 3)."""
    across = np.linspace(-1, 1, SIZE * FINER)
    paper = np.array(colorsys.hsv_to_rgb(random.uniform(0.05, 0.2), random.uniform(0, 0.15), random.uniform(0.8, 1)))
    light = 1 + across[:, None] * random.normal(0, 0.06) + across * random.normal(0, 0.06)
    picture = paper * light[:, :, None]
    for _ in range(random.integers(0, 3)):  # others peep in from the edge
        direction = random.uniform(0, 2 * np.pi)
        edge = random.uniform(0.9, 1.2) * np.array([np.sin(direction), np.cos(direction)])
        _draw_over(picture, random.choice(CLASSES), edge, random.uniform(0.3, 0.5), random.normal(0, 3), random)
    centre, radius = random.uniform(-0.22, 0.22, 2), random.uniform(0.55, 0.85)
    _draw_over(picture, tree, centre, radius, random.normal(0, 0.35), random)
    picture = picture.reshape(SIZE, FINER, SIZE, FINER, 3).mean((1, 3)) + random.normal(0, NOISE, (SIZE, SIZE, 3))
    return (255 * picture.clip(0, 1)).round().astype(np.uint8)


def write_leaves(folder: Path, counts: dict[str, int] = COUNTS, seed: int = 0) -> None:
    """Write the data set in the layout of ``sgan train --data``; the same seed draws the same pictures."""
    random = np.random.default_rng(seed)
    for part, count in counts.items():
        for number, place in enumerate(random.permutation(count * len(CLASSES))):
            tree = CLASSES[place % len(CLASSES)]
            home = folder / part if part == "unlabelled" else folder / part / tree
            home.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(draw_leaf(tree, random)).quantize(COLOURS, dither=Image.Dither.NONE)
            picture.save(home / f"{number:03}.png", optimize=True)


if __name__ == "__main__":
    write_leaves(Path(sys.argv[1]))
