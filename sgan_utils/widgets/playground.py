"""The playground: turn knobs, start a real run, watch it, compare runs, take one away as code or as files."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import ipywidgets as w
import pandas as pd

from sgan_utils import plotting
from sgan_utils.data import ImageData, load_mnist
from sgan_utils.support.errors import ConfigError
from sgan_utils.widgets.knobs import Knobs, warning
from sgan_utils.widgets.live import SAMPLES, LiveRun, as_code, fingerprint, watchable
from sgan_utils.widgets.pictures import RUN_COLOURS, Comparison, Curves, empty_sheet, sheet, wide
from sgan_utils.widgets.runs import TableRow, as_series, differences, download_link, export, status_of

SHORT = 400  # steps that the pictures have room for from the start
COMPARED = {
    "held-out accuracy (%)": "",
    "loss of D: which digit?": "supervised",
    "loss of D: real or generated?": "unsupervised",
    "loss of G": "generator",
    "D's belief in real images": "belief_in_real",
    "D's belief in generated images": "belief_in_generated",
}
EXPORTS = Path("build/playground")
_current: weakref.ref[Playground] | None = None  # two that train at once would share two cores


class Playground:
    """All of it, as one widget: ``display(Playground().widget)``.

    A new playground stops the run of the one before.

    Args:
        data: from :func:`sgan_utils.data.load_data`; by default MNIST.
        preset: where the controls stand at first.
        exports: the folder that exported runs go to.
    """

    def __init__(self, data: ImageData | None = None, preset: str = "lesson", exports: Path = EXPORTS) -> None:
        global _current
        if _current and (before := _current()) and before.live:
            before.live.stop()
        _current = weakref.ref(self)
        plotting.use_house_style()
        self.data, self.exports = data or load_mnist(), exports
        self.live: LiveRun | None = None
        self.runs: list[TableRow] = []
        self._numbered = 0
        self._curves, self._comparison = Curves(), Comparison()
        self.knobs = Knobs(preset, self.data)
        self._make_controls()
        self._make_table()
        self.widget = w.VBox(
            [
                _heading("1. Choose"),
                self.knobs.widget,
                _heading("2. Train and watch"),
                w.HBox([self.start, self.pause, self.step, self.stop, self.reset]),
                w.HBox([self.progress, self.status]),
                self.message,
                wide(self.curves),
                w.HBox([self.when, self.when_text]),
                self.samples,
                _heading("3. Compare and keep"),
                self.table,
                w.HBox([self.quantity]),
                wide(self.comparison),
                w.HBox([self.chosen, self.copy, self.export, self.remove]),
                self.links,
                self.code,
            ]
        )
        self._refresh()

    def run(self, preset: str, **changes: Any) -> LiveRun:
        """What a hand would do: choose a preset, turn some knobs, press Start; then wait for the last step."""
        if self.live:  # Start would only go on with it
            self.live.stop()
            self.live.wait()
            self.live = None
        self.knobs.choose(preset)
        self.knobs.show(self.knobs.config.but(**changes))
        self.start.click()
        live = self.live
        assert live is not None
        live.wait()
        return live

    def rename(self, live: LiveRun, name: str) -> None:
        """Give a run of the table another name."""
        for row in self.runs:
            if row.live is live:
                row.name.value = name

    # Controls

    def _make_controls(self) -> None:
        def button(text: str, icon: str, tooltip: str, click: Any, style: str = "") -> w.Button:
            made = w.Button(description=text, icon=icon, tooltip=tooltip, button_style=style, layout={"width": "120px"})
            made.on_click(lambda _: click())
            return made

        self.start = button("Start", "play", "Start a run with these hyperparameters, or go on", self._start, "primary")
        self.pause = button("Pause", "pause", "Wait after this step", self._pause)
        self.step = button("One step", "step-forward", "Take one step of D and G, then wait", self._one_step)
        self.stop = button("Stop", "stop", "End the run and keep what it reached", self._stop, "warning")
        self.reset = button("Reset", "refresh", "End the run and turn all controls back to the preset", self._reset)
        self.progress = w.FloatProgress(
            min=0, max=1, description="Steps", tooltip="How far the run has come", layout={"width": "360px"}
        )
        self.status = w.Label(layout={"width": "560px"})
        self.message = w.HTML(layout={"min_height": "24px"})
        self.curves = w.Image(format="png", layout={"min_width": "940px", "height": "250px"})
        self.curves.add_class("sgan-curves")
        self.when = w.IntSlider(
            0,
            min=0,
            max=0,
            description="Look back",
            tooltip="What G made of the same latents after earlier steps",
            readout=False,
            layout={"width": "420px"},
        )
        self.when_text = w.Label(layout={"width": "400px"})
        self.samples = w.Image(format="png", layout={"width": "960px", "height": "auto"})
        self.when.observe(lambda _: self._show_samples(), "value")

    def _make_table(self) -> None:
        self.table = w.VBox([], layout={"height": "150px", "overflow": "auto", "border": "1px solid #ddd"})
        self.quantity = w.Dropdown(
            options=list(COMPARED), description="Compare", tooltip="What the picture shows of all runs that are shown"
        )
        self.comparison = w.Image(format="png", layout={"min_width": "940px", "height": "250px"})
        self.chosen = w.Dropdown(options=[("–", None)], description="Run", tooltip="The run that the buttons are for")
        self.copy = w.Button(
            description="Copy as code", icon="code", tooltip="Show a cell that repeats this run bit for bit"
        )
        self.export = w.Button(
            description="Export", icon="download", tooltip="Write its curves (.csv) and its G and D (.safetensors)"
        )
        self.remove = w.Button(description="Remove", icon="trash", tooltip="Take this run off the table")
        self.code = w.Textarea(
            description="Code", tooltip="Paste this into a cell", layout={"width": "940px", "height": "150px"}
        )
        self.links = w.HTML(layout={"min_height": "24px"})
        self.copy.on_click(lambda _: self._copy())
        self.export.on_click(lambda _: self._export())
        self.remove.on_click(lambda _: self._remove())
        self.quantity.observe(lambda _: self._draw(), "value")

    # What the buttons do

    def _start(self) -> None:
        if live := self._ensure_run():
            live.start()
            self._refresh()

    def _pause(self) -> None:
        if self.live:
            self.live.pause()
        self._refresh(pictures=False)  # the run shows where it waits

    def _one_step(self) -> None:
        if live := self._ensure_run():
            live.take_one_step()
            self._refresh()

    def _stop(self) -> None:
        if self.live:
            self.live.stop()
        self._refresh(pictures=False)  # the run shows where it ended

    def _reset(self) -> None:
        if self.live:
            self.live.stop()
        self.live = None
        self.knobs.choose(self.knobs.presets.value)
        self._refresh()

    def _ensure_run(self) -> LiveRun | None:
        """The run that goes or waits, or a new one; nothing if the controls do not fit together."""
        if self.live and self.live.state in ("ready", "running", "paused"):
            return self.live
        try:
            config = watchable(self.knobs.config, self.data)
            live = LiveRun(config, self.data, self._on_update)
        except ConfigError as error:
            self.message.value = warning(error)
            return None
        self.live = live
        self._numbered += 1
        row = TableRow(self.live, f"run {self._numbered}", RUN_COLOURS[(self._numbered - 1) % len(RUN_COLOURS)])
        row.shown.observe(lambda _: self._draw(), "value")
        row.name.observe(lambda _: self._renamed(row), "value")
        self.runs.append(row)
        self._list_runs(choose=self.live)
        return self.live

    def _on_update(self, live: LiveRun, fresh: bool) -> None:
        """In the thread of the run: something is new."""
        if live is self.live:
            self._refresh(pictures=fresh)
        elif fresh:  # an earlier run, whose last score comes after another has begun
            self._draw()

    # What is shown

    def _refresh(self, pictures: bool = True) -> None:
        live = self.live
        state = live.state if live else "ready"
        self.start.disabled = state == "running"
        self.pause.disabled = state != "running"
        self.stop.disabled = state not in ("running", "paused")
        self.start.description = "Go on" if state == "paused" else "Start"
        self.progress.value = live.step / live.config.steps if live else 0.0
        self.status.value = status_of(live)
        failure = live.failure if live else ""
        self.message.value = warning(failure)
        if pictures:
            self._offer_frames()
            self._draw()

    def _offer_frames(self) -> None:
        """Let the slider reach the last frame, and follow it unless somebody looks back."""
        last = max(0, len(self.live.frames) - 1) if self.live else 0
        follow = self.when.value >= self.when.max
        self.when.max = last
        if follow:
            self.when.value = last
        self._show_samples()

    def _show_samples(self) -> None:
        frames = list(self.live.frames.items()) if self.live else []
        if self.when.value < len(frames):
            step, images = frames[self.when.value]
            self.samples.value = sheet(images)
            self.when_text.value = f"the same {SAMPLES} latents after step {step:,}"
        else:
            self.samples.value = empty_sheet(SAMPLES)
            self.when_text.value = "samples of G will stand here"

    def _draw(self) -> None:
        shown = [row for row in self.runs if row.shown.value]
        colours = {row.name.value: row.colour for row in self.runs}
        accuracies = {row.name.value: row.live.accuracies for row in shown}
        history = self.live.history if self.live else pd.DataFrame()
        self.curves.value = self._curves.draw(history, accuracies, colours, self._longest(shown))
        for row, differing in zip(self.runs, differences([row.live.config for row in self.runs]), strict=True):
            row.describe(differing)
        if self.live and self.live.state == "running":
            return  # the other picture can wait: drawing takes time from training
        column = COMPARED[self.quantity.value]
        lines = {
            row.name.value: as_series(row.live, column)
            for row in shown
            if (row.live.accuracies if not column else column in row.live.history)
        }
        self.comparison.value = self._comparison.draw(lines, colours, self.quantity.value)

    def _longest(self, shown: list[TableRow]) -> int:
        """How far the axis of steps has to go: to the end of short runs; a long one does not press the others flat."""

        def end(live: LiveRun) -> int:
            ended = live.state in ("stopped", "finished", "failed")
            return live.step if ended else min(live.config.steps, max(SHORT, 2 * live.step))

        return max([end(row.live) for row in shown] + [end(self.live) if self.live else 1])

    def _renamed(self, row: TableRow) -> None:
        """Two runs of one name could not be told apart, and one without a name could not be chosen."""
        others = {other.name.value for other in self.runs if other is not row}
        name = row.name.value.strip() or row.first_name
        while name in others:
            name += " (2)"
        row.name.value = name
        self._list_runs()

    def _list_runs(self, choose: LiveRun | None = None) -> None:
        chosen = choose or self.chosen.value
        self.table.children = [row.widget for row in self.runs]
        self.chosen.options = [(row.name.value, row.live) for row in self.runs] or [("–", None)]
        if chosen in [row.live for row in self.runs]:
            self.chosen.value = chosen
        self._draw()

    # What can be done with a run

    def _copy(self) -> None:
        if self._may_be_kept():
            self.code.value = as_code(self.chosen.value)

    def _export(self) -> None:
        if not self._may_be_kept():
            return
        files = export(self.chosen.value, self.chosen.label, self.exports)
        self.links.value = f"Written to {self.exports.resolve()}: " + ", ".join(map(download_link, files))

    def _remove(self) -> None:
        live = self.chosen.value
        if live is None:
            return
        live.stop()
        self.runs = [row for row in self.runs if row.live is not live]
        if live is self.live:
            self.live = None
        self._list_runs()
        self._refresh()

    def _may_be_kept(self) -> bool:
        live = self.chosen.value
        if live is None or not live.step or live.state in ("running", "paused"):
            self.links.value = "Choose a run that has ended: stop it, or wait for its last step."
            return False
        self.links.value = f"fingerprint of its weights: {fingerprint(live.run)}"
        return True


def _heading(text: str) -> w.HTML:
    return w.HTML(f"<h3 style='margin:8px 0 2px'>{text}</h3>")
