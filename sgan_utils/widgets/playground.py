"""The playground: turn knobs, start a real run, watch it, compare runs, take one away as code or as files."""

from __future__ import annotations

import html
import weakref
from pathlib import Path
from typing import Any

import ipywidgets as w
import pandas as pd

from sgan_utils import plotting
from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, load_mnist
from sgan_utils.support.errors import ConfigError
from sgan_utils.widgets.challenge_view import Challenges
from sgan_utils.widgets.controls import COMPARED
from sgan_utils.widgets.keeping import Keeping, has_ended
from sgan_utils.widgets.knobs import Knobs, set_knob, warning
from sgan_utils.widgets.live import SAMPLES, LiveRun, watchable
from sgan_utils.widgets.pictures import RUN_COLOURS, Comparison, Curves, sheet
from sgan_utils.widgets.runs import TableRow, as_series, changes_in_words, differences, marks_of, status_of
from sgan_utils.widgets.samples import COLUMNS, all_samples, as_html

SHORT = 400  # steps that the pictures have room for from the start
MOST_RUNS = 12  # in the table: more could not be told apart, and each takes memory
EXPORTS = Path("build/playground")
_current: weakref.ref[Playground] | None = None  # two that train at once would share two cores


class Playground(Keeping):
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
        self.data = data or load_mnist()
        self.runs: list[TableRow] = []
        self._listed: list[TableRow] = []  # those that the table shows
        self._numbered, self._refused = 0, ""
        self._curves, self._comparison = Curves(), Comparison()
        self.knobs = Knobs(preset, self.data)
        super().__init__(self.knobs, exports)
        self.challenges = Challenges(self.knobs, self.data, self.aid)
        if self.data.name == SGANConfig().data:  # of digits, which other images are not
            challenges = w.Accordion([self.challenges.widget], titles=("Challenges",))
            self.widget.children = (self.aid, challenges, *self.widget.children[1:])
        self._connect()
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

    def _connect(self) -> None:
        self.with_twin.observe(lambda _: self._want_twin(), "value")
        for pressed, react in (
            (self.start, self._start),
            (self.pause, self._pause),
            (self.step, self._one_step),
            (self.stop, self._stop),
            (self.reset, self._reset),
            (self.remove, self._remove),
        ):
            pressed.on_click(lambda _, react=react: react())
        self.when.observe(lambda _: self._look_back(), "value")
        self.samples.observe(lambda _: self._ask(), "chosen")
        self.quantity.observe(lambda _: self._draw(), "value")
        for control in (self.chosen, *self.knobs.controls.values()):
            control.observe(lambda _: self._enable(), "value")
        for name, control in self.knobs.controls.items():
            control.observe(lambda _, name=name: self._turned(name), "value")

    # What the buttons do

    def _start(self) -> None:
        if live := self._ensure_run():
            live.start()
            self._refresh(pictures=False)  # the run's first pictures come at once, and drawing now would delay them

    def _pause(self) -> None:
        if self.live:
            self.live.pause()
        self._refresh(pictures=False)  # the run shows where it waits

    def _one_step(self) -> None:
        if live := self._ensure_run():
            live.take_one_step()
            self._refresh(pictures=False)

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

    def _turned(self, name: str) -> None:
        """A knob was turned: while a run goes, it acts on that from the next step on, or is turned back."""
        live, control = self.live, self.knobs.controls[name]
        if not live or live.state not in ("running", "paused") or self.knobs.message.value:
            return
        value = getattr(self.knobs.config, name)
        if value == getattr(live.steering.config, name):
            return
        self._refused = ""
        try:
            live.steering.ask(**{name: value})
        except ConfigError as error:
            self._refused = str(error)
            set_knob(control, getattr(live.steering.config, name))
        self._refresh(pictures=False)

    def _want_twin(self) -> None:
        if self.live:
            self.live.steering.with_twin = self.with_twin.value

    def _ensure_run(self) -> LiveRun | None:
        """The run that goes or waits, or a new one; nothing if the controls do not fit together."""
        if self.live and self.live.state in ("ready", "running", "paused"):
            return self.live
        try:
            config = watchable(self.knobs.config, self.data)
            live = LiveRun(config, self.data, self._on_update, "auto", self.with_twin.value, self.state.changes())
        except ConfigError as error:
            self.message.value = warning(error)
            return None
        for earlier in self.runs:
            earlier.live.rest()
        self.live, self._refused = live, ""
        live.follow(self.samples.chosen)
        self._numbered += 1
        row = TableRow(self.live, f"run {self._numbered}", RUN_COLOURS[(self._numbered - 1) % len(RUN_COLOURS)])
        row.shown.observe(lambda _: self._draw(), "value")
        row.name.observe(lambda _: self._renamed(row), "value")
        self.runs.append(row)
        if len(self.runs) > MOST_RUNS:
            first = self.runs.pop(0)
            self.links.value = f"The table keeps {MOST_RUNS} runs: “{html.escape(first.name.value)}” had to go."
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
        self._enable()
        self.start.description = "Go on" if state == "paused" else "Start"
        self.progress.value = live.step / live.config.steps if live else 0.0
        self.status.value = status_of(live)
        failure = live.failure if live else ""
        self.aid.news = failure or self.status.value
        self.message.value = warning(failure or self._refused)
        self.changes.value = changes_in_words(live)
        if live and live.steering.planned and state in ("running", "paused"):
            self.knobs.follow(live.steering.config)
        if pictures:
            self._offer_frames()
            self._show_answer()
            self.challenges.follow(live)
            if live and live.stages and live.stages is not self.apart.stages:
                self.apart.show(live.step, live.stages)
            self._draw()

    def _enable(self) -> None:
        """Let those buttons be pressed that do something now."""
        state, chosen = self.live.state if self.live else "ready", self.chosen.value
        begins = state not in ("running", "paused")
        self.knobs.lock(not begins)
        self.start.disabled = state == "running" or (begins and bool(self.knobs.message.value))
        self.step.disabled = begins and bool(self.knobs.message.value)
        self.pause.disabled, self.stop.disabled = state != "running", begins
        self.challenges.prepare.disabled = not begins
        self.reset.disabled = not self.live and self.knobs.at_preset
        self.when.disabled = not self.when.max
        self.copy.disabled = self.export.disabled = not has_ended(chosen)
        self.repeat.disabled = not begins or not has_ended(chosen)
        self.state.show(None if begins else self.live)
        self.remove.disabled = chosen is None

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
            self.samples.value = all_samples(images, self.data, SAMPLES)
            self.when_text.value = f"the same {SAMPLES} latents after step {step:,}"
        else:
            step = 0
            self.samples.value = all_samples(None, self.data, SAMPLES)
            self.when_text.value = "samples of G will stand here"
        self._show_twin(step)

    def _show_twin(self, step: int) -> None:
        """What the twin made of the same latents after a step, if there was a twin by then."""
        twin = self.live.steering.twin if self.live else None
        images = twin.frames.get(step) if twin else None
        self.beside.layout.display = "none" if images is None else None
        if images is not None:
            self.twin_text.value = f"its twin, the same run without the change, after step {step:,}"
            self.of_twin.value = sheet(images, COLUMNS)

    def _look_back(self) -> None:
        self._show_samples()
        if self.live and self.samples.chosen >= 0:
            self._ask()

    def _ask(self) -> None:
        """Somebody wants to know about an image."""
        if self.live and self.live.step:
            earlier = list(self.live.frames)[self.when.value : -1]  # empty at the latest
            self.live.follow(self.samples.chosen, earlier[0] if earlier else None)
            self._show_answer()
        else:
            self.answer.value = "<i>D has not learnt anything yet: press Start, or take one step.</i>"

    def _show_answer(self) -> None:
        live = self.live
        if live and live.answer and live.run and self.samples.chosen >= 0:
            self.answer.value = as_html(live.answer, live.run)

    def _draw(self) -> None:
        shown = [row for row in self.runs if row.shown.value]
        colours = {row.name.value: row.colour for row in self.runs}
        accuracies = {row.name.value: row.live.accuracies for row in shown}
        history = self.live.history if self.live else pd.DataFrame()
        twin = self.live.steering.twin if self.live else None
        longest = self._longest(shown)
        self.curves.value = self._curves.draw(history, accuracies, colours, longest, marks_of(self.live), twin)
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
        self._draw()

    def _list_runs(self, choose: LiveRun | None = None) -> None:
        chosen = choose or self.chosen.value
        self.table.children = [row.widget for row in self.runs]
        self.chosen.options = [(row.name.value, row.live) for row in self.runs] or [("–", None)]
        if chosen in [row.live for row in self.runs]:
            self.chosen.value = chosen
        for row in set(self._listed) - set(self.runs):
            row.close()
        self._listed = list(self.runs)

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
