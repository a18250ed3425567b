"""How far somebody has got with challenges: a bar, and a sentence below it."""

from __future__ import annotations

import html
from collections.abc import Iterable

import ipywidgets as w

from sgan_utils.widgets.challenges import Verdict


class Score:
    """The latest verdict, and the best one so far of each challenge.

    Attributes:
        best: title -> how far one has got with it so far, 0 to 1.
        progress, verdict: to be displayed.
    """

    def __init__(self, titles: Iterable[str]) -> None:
        self.best = dict.fromkeys(titles, 0.0)
        self.progress = w.FloatProgress(
            min=0, max=1, description="So far", tooltip="How far you have got", layout={"width": "230px"}
        )
        self.verdict = w.HTML(layout={"min_height": "38px", "max_width": "900px"})
        self.verdict.add_class("sgan-verdict")

    def show(self, title: str, verdict: Verdict) -> None:
        """Say how far one has got with a challenge."""
        best = self.best[title] = max(self.best[title], verdict.reached)
        self.progress.value = verdict.reached
        self.progress.bar_style = "success" if verdict.reached == 1 else ""
        before = f" Best so far: {best:.0%}." if best > verdict.reached else ""
        solved = sum(reached == 1 for reached in self.best.values())
        count = f" <i>{solved} of {len(self.best)} solved.</i>" if solved and len(self.best) > 1 else ""
        self.verdict.value = f"<b>{verdict.reached:.0%}.</b> {html.escape(verdict.text + before, quote=False)}{count}"
