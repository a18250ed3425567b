"""What can be done with a run that has ended: take it away as code or as files."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as w

from sgan_utils.widgets.controls import Controls
from sgan_utils.widgets.knobs import Knobs
from sgan_utils.widgets.live import LiveRun, as_code, fingerprint
from sgan_utils.widgets.runs import download_link, export
from sgan_utils.widgets.state import StateLine


class Keeping(Controls):
    """The controls, and the line that holds their state. Three do something already: repeat, copy and export.

    Args:
        knobs: stand beside what they change.
        exports: the folder that exported runs go to.
    """

    def __init__(self, knobs: Knobs, exports: Path) -> None:
        self.live: LiveRun | None = None
        self.state = StateLine(knobs, lambda: bool(self.live) and not has_ended(self.live))
        super().__init__(w.VBox([knobs.widget, self.state.widget]))
        self.exports = exports
        self.repeat.on_click(lambda _: self._repeat())
        self.copy.on_click(lambda _: self._copy())
        self.export.on_click(lambda _: self._export())

    def _repeat(self) -> None:
        live = self.chosen.value
        if has_ended(live) and (not self.live or has_ended(self.live)):
            self.state.repeat(live)

    def _copy(self) -> None:
        if self._may_be_kept():
            self.code.value = as_code(self.chosen.value)

    def _export(self) -> None:
        if not self._may_be_kept():
            return
        files = export(self.chosen.value, self.chosen.label, self.exports)
        self.links.value = f"Written to {self.exports.resolve()}: " + ", ".join(map(download_link, files))

    def _may_be_kept(self) -> bool:
        live = self.chosen.value
        if not has_ended(live):
            self.links.value = "Choose a run that has ended: stop it, or wait for its last step."
            return False
        self.links.value = f"fingerprint of its weights: {fingerprint(live.run)}"
        return True


def has_ended(live: LiveRun | None) -> bool:
    """Whether there is a run that is over and has taken a step."""
    return live is not None and live.step > 0 and live.state not in ("running", "paused")
