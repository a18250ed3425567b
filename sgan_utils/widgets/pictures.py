"""Pictures for widgets, as PNG bytes. They are drawn while a run trains, so each costs a few hundredths of a second."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as w
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from sgan_utils.plotting import BELIEFS, CANNOT_TELL, LOSSES, MUTED, Images, as_bytes, smoothed_line
from sgan_utils.widgets.twin import Twin

RUN_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C510A"]
LONGEST_MARK = 22  # characters that fit beside an upright line
WIDTH, HEIGHT, DOTS = 7.2, 2.1, 100  # inches, and dots an inch


def sheet(images: Images, columns: int = 10, scale: int = 3) -> bytes:
    """Images side by side, ink on paper, each pixel ``scale`` dots wide.

    Args:
        images: (n, channels, height, width), bytes or floats from -1 to 1.
    """
    pixels = as_bytes(images)
    edge = ((0, 0), (2, 2), (2, 2), *[(0, 0)] * (pixels.ndim - 3))
    pixels = np.pad(pixels if pixels.ndim == 4 else 255 - pixels, edge, constant_values=255)
    missing = -len(pixels) % columns
    pixels = np.concatenate([pixels, np.full((missing, *pixels.shape[1:]), 255, np.uint8)])
    rows = [np.concatenate(list(row), axis=1) for row in pixels.reshape(-1, columns, *pixels.shape[1:])]
    whole = np.concatenate(rows).repeat(scale, 0).repeat(scale, 1)
    return _as_png(Image.fromarray(whole))


def empty_sheet(count: int, columns: int = 10, scale: int = 3) -> bytes:
    """As large as :func:`sheet` of so many images, with nothing on it: so a page does not jump."""
    return sheet(np.zeros((count, 28, 28), np.uint8), columns, scale)


class Curves:
    """Losses, D's beliefs and accuracies of a run, beside each other, drawn again and again on the same figure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a run's thread and a button may want to draw at the same time
        self._figure, (self._losses, self._beliefs, self._accuracy) = _figure(3)

    def draw(
        self,
        history: pd.DataFrame,
        accuracies: Mapping[str, Mapping[int, float]],
        colours: Mapping[str, str],
        steps: int,
        marks: Mapping[int, str] | None = None,
        twin: Twin | None = None,
    ) -> bytes:
        """The picture as it is now.

        Args:
            history: of the run, see :class:`sgan_utils.support.run.History`; may be empty.
            accuracies: for each run to be shown, its name and (step -> accuracy, 0 to 1).
            colours: of the runs, by name.
            steps: how far the x axis goes.
            marks: steps after which a knob was turned, and what to write there.
            twin: of the run, drawn from where both part.
        """
        with self._lock:
            for ax, parts, ylabel in (
                (self._losses, LOSSES, "loss (nats)"),
                (self._beliefs, BELIEFS, "D's belief: P(real)"),
            ):
                _start(ax, ylabel, steps)
                if twin:
                    for column in [column for column in parts if column in twin.history]:
                        _dashed(ax, twin.history[column], twin.begins)
                for column, (name, colour) in parts.items():
                    if column in history:
                        _line(ax, history[column], name, colour)
            if history.empty:
                self._losses.set_ylim(0, 3)  # as of most runs
            self._losses.axhline(CANNOT_TELL, color=MUTED, linestyle=":", linewidth=1)
            self._beliefs.set_ylim(-0.03, 1.03)
            _start(self._accuracy, "held-out accuracy (%)", steps)
            for name, points in accuracies.items():
                points = dict(points)  # the run may be adding to it
                percent = [100 * a for a in points.values()]
                # The last one stands on the edge, where it would be cut in half.
                self._accuracy.plot(list(points), percent, "o-", markersize=3, color=colours[name], clip_on=False)
            if twin:
                points = {step: 100 * a for step, a in dict(twin.accuracies).items()}
                _dashed(self._accuracy, pd.Series(points, dtype=float), 0, marker="o", markersize=3)
            for ax in (self._losses, self._beliefs, self._accuracy):
                _mark(ax, marks or {}, texts=ax is self._accuracy)
            if not any(accuracies.values()):
                self._accuracy.set_ylim(0, 100)
            for old in self._figure.legends:
                old.remove()
            pairs = [ax.get_legend_handles_labels() for ax in (self._losses, self._beliefs)]
            if handles := [handle for handles, _ in pairs for handle in handles]:
                names = [name for _, names in pairs for name in names]
                self._figure.legend(handles, names, loc="upper left", ncols=5, fontsize=8, handlelength=1)
            return _drawn(self._figure)


class Comparison:
    """One quantity of several runs, in one picture."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figure, self._axes = _figure(1)

    def draw(self, lines: Mapping[str, pd.Series], colours: Mapping[str, str], ylabel: str) -> bytes:
        """The picture; a line for each run, by name."""
        with self._lock:
            ax = self._axes[0]
            steps = max((line.index[-1] for line in lines.values()), default=1)
            _start(ax, ylabel, steps)
            for name, line in lines.items():
                _line(ax, line, name, colours[name])
            if lines:
                ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
            self._figure.subplots_adjust(right=0.82, top=0.88)
            return _drawn(self._figure)


def beside(histories: Mapping[str, pd.DataFrame], parts: Mapping[str, tuple[str, str]], ylabel: str) -> bytes:
    """The same curves of two runs, each in a panel of its own, from the same lowest to the same highest value.

    Args:
        histories: of the runs, by name.
        parts: column -> name and colour, such as :data:`sgan_utils.plotting.LOSSES`.
        ylabel: what they are.
    """
    figure, axes = _figure(len(histories))
    figure.subplots_adjust(left=0.07)
    for ax, (run, history) in zip(axes, histories.items(), strict=True):
        _start(ax, f"run {run}: {ylabel}", len(history))
        for column, (name, colour) in parts.items():
            _line(ax, history[column], name, colour)
        ax.set_ylim(0, max(float(one[list(parts)].quantile(0.99).max()) for one in histories.values()))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper left", ncols=5, fontsize=8, handlelength=1)
    return _drawn(figure)


def bars(values: Sequence[float], names: Sequence[str], xlabel: str, colours: Sequence[str]) -> bytes:
    """Horizontal bars of numbers from 0 to 1."""
    figure = Figure(figsize=(3.4, 2.6), dpi=DOTS, layout="none")  # type: ignore[arg-type]  # its stubs forget this one
    figure.subplots_adjust(left=0.2, right=0.97, bottom=0.2, top=0.97)
    ax = figure.add_subplot()
    ax.barh(list(names)[::-1], list(values)[::-1], color=list(colours)[::-1], height=0.75)
    ax.set(xlim=(0, 1), xlabel=xlabel)
    ax.grid(axis="y", visible=False)
    return _drawn(figure)


def wide(picture: w.Image) -> w.HBox:
    """A picture whose text would be too small to read if it shrank; where there is no room it is moved sideways."""
    box = w.HBox([picture])
    box.add_class("sgan-wide")
    return box


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, layout="none")  # type: ignore[arg-type]  # its stubs forget this one
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    figure.subplots_adjust(left=0.05, right=0.97, bottom=0.2, top=0.78, wspace=0.22)
    return figure, axes


def _start(ax: Axes, ylabel: str, steps: int) -> None:
    ax.clear()
    ax.set(xlabel="step", xlim=(0, max(1, steps)))
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))  # there is no half a step
    ax.set_title(ylabel, loc="left", fontsize=9, pad=4)


def _line(ax: Axes, values: pd.Series, name: str, colour: str) -> None:
    smoothed_line(values, _smooth(values), _plain(name), colour, ax)
    if len(values) == 1:  # a line of one point cannot be seen
        ax.plot(values.index, values, "o", markersize=3, color=colour, clip_on=False)


def _smooth(values: pd.Series) -> int:
    """Over how many steps the mean is taken that a curve shows."""
    return max(3, len(values) // 40) if len(values) > 30 else 1


def _dashed(ax: Axes, values: pd.Series, begins: int, **style: Any) -> None:
    """A curve of a twin, from a step on: smoothed as those of its run are."""
    values = values.rolling(_smooth(values), min_periods=1).mean()
    ax.plot(values[values.index >= begins], linestyle="--", linewidth=1.1, color=MUTED, **style)


def _mark(ax: Axes, marks: Mapping[int, str], texts: bool) -> None:
    """A thin upright line where knobs were turned, with a text or without."""
    for step, text in marks.items():
        ax.axvline(step, color=MUTED, linewidth=0.8)
        if texts:
            place = ax.get_xaxis_transform()  # x in steps, y as a part of the height
            text = text if len(text) <= LONGEST_MARK else text[: LONGEST_MARK - 1] + "…"
            ax.text(step, 0.04, text, transform=place, rotation=90, fontsize=7, va="bottom", ha="left")


def _plain(name: str) -> str:
    """A name as a legend shows it: a dollar begins no equation, an underscore hides nothing."""
    return " " + name.replace("$", r"\$")


def _drawn(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)  # never pyplot's: this may be a thread
    canvas.draw()
    return _as_png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]))


def _as_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png", compress_level=1)
    return file.getvalue()
