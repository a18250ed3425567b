"""A line of text that holds the playground's state: shown, pasted, and kept in the app's address."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets

from sgan_utils.config import SGANConfig
from sgan_utils.support.changes import by_step
from sgan_utils.support.errors import ConfigError, SGANError
from sgan_utils.support.handed_on import State, read_state, write_state
from sgan_utils.support.presets import NOTES
from sgan_utils.widgets.knobs import Knobs, warning
from sgan_utils.widgets.live import LiveRun


class Address(anywidget.AnyWidget):
    """The part of the app's address after ``#``; elsewhere it does nothing."""

    _esm = Path(__file__).parent / "address.js"
    state = traitlets.Unicode("").tag(sync=True)  # to be shown there
    opened = traitlets.Unicode("").tag(sync=True)  # with which the page was opened
    times = traitlets.Int(0).tag(sync=True)  # how often that happened


class StateLine:
    """What Start would do, or what the run does that goes, as one line that can be copied, pasted and sent.

    Args:
        knobs: that it shows and turns.
        goes: whether a run goes, whose knobs must stay as they are.

    Attributes:
        widget: to be displayed.
    """

    def __init__(self, knobs: Knobs, goes: Callable[[], bool]) -> None:
        self._knobs, self._goes, self._shown = knobs, goes, ""
        self._planned: State | None = None
        self.text = w.Text(
            description="State",
            tooltip="All that is needed to repeat this elsewhere: copy it, or paste one and press Enter",
            continuous_update=False,
            layout={"width": "98%"},
            style={"description_width": "44px"},
        )
        self.text.add_class("sgan-state")
        self.message, self.address = w.HTML(layout={"min_height": "22px"}), Address()
        self.widget = w.VBox([self.text, self.message, self.address])
        self.text.observe(lambda _: self._pasted(self.text.value), "value")
        self.address.observe(lambda _: self._pasted(self.address.opened), "times")
        self.show(None)
        self.address.state = ""  # the address stays as it is until something changes

    def changes(self) -> dict[int, dict[str, Any]]:
        """What Start will also change while its run goes; nothing once a knob was turned since it was asked for."""
        planned = self._planned
        return planned.changes if planned and planned.config == self._knobs.config else {}

    def show(self, live: LiveRun | None) -> None:
        """Write down the run that goes; without one, what Start would do."""
        try:
            if live:
                config = live.config.but(held_out=0)
                changes = live.steering.planned | by_step(live.run.changes if live.run else [])
            else:
                config, changes = self._knobs.config, self.changes()
        except ConfigError:
            return  # the knobs do not fit together, and say so themselves
        self.text.disabled = live is not None
        state = write_state(State(self._knobs.presets.value, config, changes))
        if state == self._shown:
            return
        self._shown = state  # first, for what is written below is answered as if it had been pasted
        self.text.value = self.address.state = state
        self.message.value = _planned_in_words(changes) if not live else ""

    def repeat(self, live: LiveRun) -> None:
        """Turn the knobs to a run that was, with its changes."""
        config, changes = live.config.but(held_out=0), by_step(live.run.changes if live.run else [])
        nearest = min(NOTES, key=lambda preset: len(write_state(State(preset, config, {}))))
        self._take(State(nearest, config, changes))

    def _pasted(self, text: str) -> None:
        if text.strip() == self._shown or (not text and self._shown):
            self.text.value, self.message.value = self._shown, _planned_in_words(self.changes())
            return
        try:
            if self._goes():
                raise ConfigError("a state can be set when no run goes: stop it first.")
            state = read_state(text, self._knobs.data)
        except SGANError as error:
            self.message.value = warning(str(error)[0].upper() + str(error)[1:])
            return
        self._take(state)

    def _take(self, state: State) -> None:
        self._knobs.choose(state.preset)
        self._knobs.show(state.config)
        self._planned, self._shown = state, ""
        self.show(None)


def _planned_in_words(changes: dict[int, dict[str, Any]]) -> str:
    parts = [
        f"after step {step:,} "
        + ", ".join(f"{SGANConfig.model_fields[name].title} = {new}" for name, new in some.items())
        for step, some in changes.items()
    ]
    return html.escape(f"Start also changes {'; '.join(parts)}.", quote=False) if parts else ""
