"""Figures of lesson 0: the plane."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import FigureBase

from sgan_utils.support.plane import Points
from sgan_utils.support.plane_pictures import Landscape, show_belief, show_points, show_regions
from sgan_workshop.publish.registry import Material, figure


@figure(
    0,
    "Two moons of unlabelled points, six of them labelled. Left, D taught by the six alone: its border cuts through "
    "both moons. Middle, D in the game with G: its border runs in the gap. Right, why: it has learnt to believe in "
    "points on the moons and not in the gap, where G's crosses are.",
    "plane",
)
def plane(material: Material) -> FigureBase:
    record = material.record("plane")
    array = {name: torch.from_numpy(value) for name, value in record.arrays.items()}
    unlabelled, labelled = array["unlabelled"].float(), Points(array["places"].float(), array["classes"])
    alone, together = (
        Landscape(record.arrays[classes], record.arrays["real_500"]) for classes in ("alone", "classes_500")
    )
    drawn, (left, middle, right) = plt.subplots(1, 3, figsize=(7.0, 2.6))
    show_points(unlabelled, labelled, ax=show_regions(alone, left))
    show_points(unlabelled, labelled, ax=show_regions(together, middle))
    show_points(unlabelled, generated=array["generated_500"].float(), ax=show_belief(together, right))
    for ax, name, reached in (
        (left, "six labels", record.about["accuracy_alone"]),
        (middle, "and 500 unlabelled", record.about["accuracy"]),
    ):
        ax.set_title(f"{name}: {reached:.1%}", fontsize=9.5)
    right.set_title("D's belief in “real”", fontsize=9.5)
    return drawn
