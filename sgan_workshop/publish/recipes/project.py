"""Figures of the project itself: who imports whom."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import FigureBase
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from sgan_utils.plotting import DISCRIMINATOR, GENERATOR, MUTED
from sgan_workshop.publish.registry import Material, figure

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {"sgan_utils": DISCRIMINATOR, "sgan_workshop": GENERATOR}
EVERYWHERE = "sgan_utils.support"  # used by nearly all others: arrows to it would hide the rest


def imports() -> dict[str, set[str]]:
    """Read from the sources: part -> the parts that it imports.

    A part is a module at the top of ``sgan_utils``, or a folder of modules in either package.
    """
    needs: dict[str, set[str]] = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        if path.name.startswith("__"):
            continue
        part = _part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found = needs.setdefault(part, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(tuple(PACKAGES)):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= {_part_of(name if node.module in PACKAGES else node.module) for name in names}
        found.discard(part)
    del needs[EVERYWHERE]
    return {part: found & set(needs) for part, found in needs.items()}


def _part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _floors(needs: dict[str, set[str]]) -> list[list[str]]:
    """Parts on the lowest floor that lies above all that they import; a package begins above the one it uses."""
    floor: dict[str, int] = {}
    for part in graphlib.TopologicalSorter(needs).static_order():
        floor[part] = 1 + max((floor[other] for other in needs[part]), default=-1)
    workshop = [part for part in needs if part.startswith("sgan_workshop")]
    ground = 1 + max(number for part, number in floor.items() if part not in workshop)
    for part in graphlib.TopologicalSorter(needs).static_order():
        if part in workshop:
            floor[part] = max([ground, *(floor[other] + 1 for other in needs[part] if other in workshop)])
    return [[part for part in floor if floor[part] == number] for number in range(max(floor.values()) + 1)]


def _direct(needs: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The imports that do not also follow from others: enough to see who stands on whom."""

    def below(part: str) -> set[str]:
        return needs[part].union(*(below(other) for other in needs[part]))

    return {
        (part, other)
        for part, found in needs.items()
        for other in found
        if not any(other in below(between) for between in found - {other})
    }


@figure(
    None,
    "The parts of the two packages on floors, each above all that it imports: configuration and data at the bottom, "
    "then models, losses, training, results, and the parts of sgan_workshop on top.",
)
def architecture(material: Material) -> FigureBase:
    needs = imports()
    floors, direct = _floors(needs), _direct(needs)
    place: dict[str, tuple[float, int]] = {}
    for level, floor in enumerate(floors):  # each part stands above the middle of those that it imports

        def middle(part: str) -> float:
            below = [place[other][0] for one, other in direct if one == part]
            return sum(below) / len(below) if below else 5.0

        for number, part in enumerate(sorted(floor, key=middle)):
            place[part] = (number + 0.5) / len(floor) * 10, level
    drawn, ax = plt.subplots(figsize=(7.0, 0.5 * (len(floors) + 1.5)))
    for part, other in sorted(direct):
        (x, y), (to_x, to_y) = place[part], place[other]
        ends = (x, y - 0.25), (to_x, to_y + 0.25)
        ax.add_patch(FancyArrowPatch(*ends, arrowstyle="->", mutation_scale=9, color=MUTED, shrinkA=0, shrinkB=0))
    for part, (x, y) in place.items():
        _box(ax, x, y, 1.7, part)
    _box(ax, 5, -1, 9.8, EVERYWHERE)
    for package in PACKAGES:
        top = max(y for part, (_, y) in place.items() if part.startswith(package))
        ax.text(9.9, top, package, ha="right", va="center", fontsize=10, family="monospace", color=MUTED)
    ax.set(xlim=(0, 10), ylim=(-1.4, len(floors) - 0.6))
    ax.axis("off")
    return drawn


def _box(ax: plt.Axes, x: float, y: float, width: float, part: str) -> None:
    package, _, name = part.partition(".")
    style = "round,pad=0,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.25), width, 0.5, boxstyle=style, color=PACKAGES[package]))
    ax.text(x, y, name, ha="center", va="center", fontsize=9)
