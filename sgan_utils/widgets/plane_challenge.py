"""A challenge on the plane: labels that are all right, and mislead all the same."""

from __future__ import annotations

import html

import ipywidgets as w
import torch

from sgan_utils.support.plane import PlaneRun, Points
from sgan_utils.widgets.challenges import Verdict
from sgan_utils.widgets.score import Score

TITLE = "right labels that mislead"
DATA, GAME = "moons", "healthy"
ENOUGH_STEPS = 200
WANTED = 0.5  # the fraction of points of which D may still be right
NEAR = 0.2  # from a label to the nearest point, at most
TASK = (
    "Right labels can mislead. On the moons, in the healthy game, move labels or delete some (choose one with N, then "
    "press Delete). Each has to stay on the moon of its colour, and each colour must keep one. "
    f"After {ENOUGH_STEPS} steps or more, D must be right about no more than {WANTED:.0%} of the points."
)


def judge(run: PlaneRun, points: Points, right: float, data: str, game: str) -> Verdict:
    """How far somebody has got.

    Args:
        run: as it stands.
        points: all of them, with their classes.
        right: the fraction of points that D names rightly, 0 to 1.
        data, game: that were chosen.
    """
    if (data, game) != (DATA, GAME):
        return Verdict(0.0, f"This challenge is for {DATA} and the {GAME} game: choose them above.")
    labelled = run.labelled
    far, nearest = torch.cdist(labelled.places, points.places).min(1)
    if len(labelled.classes.unique()) < int(points.classes.max()) + 1:
        return Verdict(0.0, "A colour has no label any more: without one, D cannot know it.")
    if far.max() > NEAR or bool((points.classes[nearest] != labelled.classes).any()):
        return Verdict(0.0, "A label is not on the moon of its colour: that is a wrong label, and no wonder.")
    said = f"{len(labelled.classes)} right labels, and D is right about {right:.0%} of the points"
    if run.step < ENOUGH_STEPS:
        return Verdict(0.0, f"{said} after step {run.step:,}; it is judged after step {ENOUGH_STEPS}.")
    if right > WANTED:
        return Verdict((1 - right) / (1 - WANTED), f"{said}; {WANTED:.0%} or fewer are wanted.")
    return Verdict(
        1.0,
        f"Solved. {said}. Unlabelled points say where a border may run, labels say which side is which: a few of them, "
        "placed where one moon reaches into the other, say it of the wrong halves.",
    )


class PlaneChallenge:
    """The task, how far one has got, and why: to be displayed as ``widget``."""

    def __init__(self) -> None:
        self._score = Score([TITLE])
        self.progress, self.verdict = self._score.progress, self._score.verdict
        task = w.HTML(html.escape(TASK, quote=False), layout={"max_width": "900px"})
        self.widget = w.Accordion([w.VBox([task, self.progress, self.verdict])], titles=(f"A challenge: {TITLE}",))

    def show(self, verdict: Verdict) -> None:
        """Say how far one has got."""
        self._score.show(TITLE, verdict)
