"""Which of two recorded runs had labels? Their images and curves, a choice, and an answer to each choice."""

from __future__ import annotations

import random

import ipywidgets as w
import pandas as pd

from sgan_utils.plotting import BELIEFS, LOSSES
from sgan_utils.results import load_record
from sgan_utils.widgets.aid import Aid, described
from sgan_utils.widgets.challenges import Verdict
from sgan_utils.widgets.pictures import beside, sheet, wide

WITH, WITHOUT = "sgan", "gan"  # records
IMAGES = 30
EARLY = slice(20, 120)  # steps in which the two differ most
TASK = (
    "Two recorded runs of the same networks from the same seed: one D was taught with 30,000 labels, the other with "
    "none. The supervised loss, which would tell at once, is not shown. Which run had the labels, and by what do you "
    "see it?"
)
SOONER, CLEARER, LOWER, FOOLED = (
    "its D tells real from generated sooner and more steadily",
    "its images are digits, those of the other are not",
    "its G has the lower loss",
    "its D believes more in generated images",
)


def gap(history: pd.DataFrame) -> float:
    """By how much D believes more in real than in generated images, over the EARLY steps."""
    return float((history["belief_in_real"] - history["belief_in_generated"]).loc[EARLY].mean())


class TwoRuns:
    """The runs A and B, in an order that chance decides.

    Attributes:
        widget: to be displayed.
    """

    def __init__(self, aid: Aid, seed: int | None = None) -> None:
        names = [WITH, WITHOUT]
        random.Random(seed).shuffle(names)
        self.runs = {letter: load_record(name) for letter, name in zip("AB", names, strict=True)}
        self.right = "AB"[names.index(WITH)]
        self.run = w.Dropdown(
            options=["–", "A", "B"],
            description="It was run",
            tooltip="Which run had labels",
            layout={"width": "160px"},
        )
        self.reason = w.Dropdown(
            options=["–", CLEARER, FOOLED, LOWER, SOONER],
            description="because",
            tooltip="By what you see it",
            layout={"width": "min(480px, 96%)"},
        )
        self._histories = {letter: record.history for letter, record in self.runs.items()}
        sheets = [
            described(
                w.Image(value=sheet(record.arrays["samples"][:IMAGES], 15, 2), format="png"),
                aid, f"sgan-run-{letter}", f"{IMAGES} images that G of run {letter} made in the end.",
            )
            for letter, record in self.runs.items()
        ]  # fmt: skip
        shown = {name: about for name, about in LOSSES.items() if name != "supervised"}
        curves = [
            described(
                w.Image(value=beside(self._histories, parts, ylabel), format="png"),
                aid, f"sgan-both-{number}", f"Of run A and run B against steps: {ylabel}.",
            )
            for number, (parts, ylabel) in enumerate(((BELIEFS, "D's belief: P(real)"), (shown, "loss (nats)")))
        ]  # fmt: skip
        pictures = [w.VBox([w.HTML(f"<b>Run {letter}</b>"), one]) for letter, one in zip("AB", sheets, strict=True)]
        columns = w.HBox(pictures)
        columns.add_class("sgan-columns")
        self.widget = w.VBox([columns, *map(wide, curves), w.HBox([self.run, self.reason])])

    def judge(self) -> Verdict:
        """What the choice is worth, with a reason for each."""
        run, reason = self.run.value, self.reason.value
        if run == "–" or reason == "–":
            return Verdict(0.0, "Choose a run and a reason.")
        other = "AB".replace(run, "")
        labelled, plain = gap(self._histories[self.right]), gap(self._histories["AB".replace(self.right, "")])
        steps = f"from step {EARLY.start} to {EARLY.stop}"
        why = {
            SOONER: f"{steps} D's beliefs in real and in generated images lie {labelled:.2f} apart in run {self.right}"
            f", in the other {plain:.2f}. What D learns about digits helps it to tell real ones from generated ones.",
            CLEARER: "look again: in the end both draw digits, for G learns from D's belief, and never from labels.",
            LOWER: "G's loss says who is ahead. G's is the lower where D is the weaker, and labels make D stronger.",
            FOOLED: "a D that believes in generated images is one that knows less, and labels let it know more.",
        }[reason]
        if run == self.right and reason == SOONER:
            return Verdict(1.0, f"Solved. Run {run}: {why}")
        if run == self.right:
            return Verdict(0.5, f"Run {run} it is, but the reason does not hold: {why}")
        if reason == SOONER:
            return Verdict(0.0, f"The reason is a good one, but it speaks for run {other}: {why}")
        return Verdict(0.0, f"No: {why}")
