"""The playground's challenges as a part of its page: what to do, a button that prepares it, how far one has got."""

from __future__ import annotations

import html

import ipywidgets as w

from sgan_utils.data import ImageData
from sgan_utils.widgets.aid import Aid
from sgan_utils.widgets.challenges import CHALLENGES, Verdict
from sgan_utils.widgets.knobs import Knobs
from sgan_utils.widgets.live import LiveRun
from sgan_utils.widgets.score import Score
from sgan_utils.widgets.two_runs import TASK, TwoRuns

TWO_RUNS = "Which of two runs had labels?"
NOT_YET = Verdict(0.0, "Press “Set the knobs”, turn what you think best, and press Start.")


class Challenges:
    """A menu of challenges, and a verdict on the latest run.

    Attributes:
        widget: to be displayed.
        best: title -> how far one has got with it so far, 0 to 1.
    """

    def __init__(self, knobs: Knobs, data: ImageData, aid: Aid, seed: int | None = None) -> None:
        self._knobs, self._data, self._aid, self._seed = knobs, data, aid, seed
        self._live: LiveRun | None = None
        self._two: TwoRuns | None = None
        self._score = Score([*CHALLENGES, TWO_RUNS])
        self.best, self.progress, self.verdict = self._score.best, self._score.progress, self._score.verdict
        self.which = w.Dropdown(
            options=list(self.best), description="Challenge", tooltip="What to try", layout={"width": "min(420px, 96%)"}
        )
        self.task = w.HTML(layout={"max_width": "900px"})
        self.prepare = w.Button(
            description="Set the knobs",
            icon="sliders",
            tooltip="Turn all knobs to where this challenge begins",
            layout={"width": "auto", "min_width": "112px"},
        )
        self._place = w.VBox([])  # of the two runs
        self.widget = w.VBox(
            [
                w.HBox([self.which, self.prepare]),
                self.task,
                self._place,
                w.HBox([self.progress]),
                self.verdict,
            ]
        )
        self.which.observe(lambda _: self._turn(), "value")
        self.prepare.on_click(lambda _: self._prepare())
        self._turn()

    @property
    def two(self) -> TwoRuns:
        """The runs of the last challenge, read when they are first needed."""
        if self._two is None:
            self._two = TwoRuns(self._aid, self._seed)
            self._place.children = (self._two.widget,)
            for choice in (self._two.run, self._two.reason):
                choice.observe(lambda _: self.judge(), "value")
        return self._two

    def follow(self, live: LiveRun | None) -> None:
        """Judge this run from now on."""
        self._live = live
        if self.which.value != TWO_RUNS:
            self.judge()

    def judge(self) -> None:
        """Say how far one has got."""
        title = self.which.value
        if title == TWO_RUNS:
            verdict = self.two.judge()
        elif self._live:
            challenge = CHALLENGES[title]
            start = self._knobs.of_preset(challenge.preset).but(**challenge.changes)
            verdict = challenge.judge(self._live, start, self._data)
        else:
            verdict = NOT_YET
        self._score.show(title, verdict)

    def _turn(self) -> None:
        by_looking = self.which.value == TWO_RUNS
        self._place.layout.display = None if by_looking else "none"
        self.prepare.layout.display = "none" if by_looking else None
        self.task.value = html.escape(TASK if by_looking else CHALLENGES[self.which.value].task, quote=False)
        self.judge()

    def _prepare(self) -> None:
        challenge = CHALLENGES[self.which.value]
        self._knobs.choose(challenge.preset)
        self._knobs.show(self._knobs.config.but(**challenge.changes))
