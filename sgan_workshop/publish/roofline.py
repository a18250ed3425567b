"""A roofline: how fast arithmetic can be, and how fast it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator

from sgan_utils.plotting import MUTED

_BESIDE: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8}


def plot_roofline(
    peaks: Mapping[str, float],
    gigabytes: float,
    points: Mapping[str, Mapping[str, tuple[float, float]]],
    ax: Axes | None = None,
) -> Axes:
    """How fast arithmetic can be, given how much of it there is for each byte, and how fast something is.

    Args:
        peaks: name of a number format -> GFLOP/s of its fastest operation: the flat part of its roof.
        gigabytes: moved in a second at best: the slope, on which arithmetic waits for memory.
        points: what was measured -> number format -> (FLOP per byte, GFLOP/s).
    """
    ax = ax or plt.subplots()[1]
    intensities = [x for formats in points.values() for x, _ in formats.values()]
    corners = {name: peak / gigabytes for name, peak in peaks.items()}
    left, right = min([*intensities, *corners.values()]) / 10, max([*intensities, *corners.values()]) * 5
    ends = np.array([left, max(corners.values())])
    ax.plot(ends, ends * gigabytes, color=MUTED, linestyle=":")
    halfway = np.sqrt(ends.prod())
    ax.annotate(f"memory:\n{gigabytes:,.0f} GB/s", (halfway, halfway * gigabytes), (-8, 0), ha="right", **_BESIDE)
    roofs = {}
    for name, peak in peaks.items():
        (roofs[name],) = ax.plot([corners[name], right], [peak, peak])
        ax.annotate(f"{name}: {peak:,.0f}", (right, peak), (0, 3), ha="right", **_BESIDE)
    for marker, (what, formats) in zip("osD^", points.items(), strict=False):
        ax.plot([], [], marker, color=MUTED, label=what)  # in the legend, the shape; colours are named at the roofs
        for name, point in formats.items():
            ax.plot(*point, marker, color=roofs[name].get_color(), markersize=7)
    ax.set(xscale="log", yscale="log", xlabel="FLOP per byte moved", ylabel="GFLOP/s")
    number_plainly(ax.xaxis, ax.yaxis)
    ax.legend(loc="lower right", fontsize=8)
    return ax


def number_plainly(*axes: Axis) -> None:
    """Give logarithmic axes plain numbers, and more than one of them within a factor of ten."""
    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
