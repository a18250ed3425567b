"""A run in the playground's table: its name, whether it is shown, and how it differs from the others."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as w

from sgan_utils.config import SGANConfig
from sgan_utils.widgets.live import LiveRun

DOING = {
    "ready": "Ready.",
    "running": "Training.",
    "paused": "Paused.",
    "finished": "Finished.",
    "stopped": "Stopped.",
    "failed": "Failed.",
}


def differences(configs: list[SGANConfig]) -> list[dict[str, Any]]:
    """For each configuration, the fields in which they are not all the same."""
    fields = [name for name in SGANConfig.model_fields if len({str(getattr(config, name)) for config in configs}) > 1]
    return [{name: getattr(config, name) for name in fields if name != "held_out"} for config in configs]


class Kept:
    """A run in the table: its name, whether it is shown, and what is to be said of it."""

    def __init__(self, live: LiveRun, name: str, colour: str) -> None:
        self.live, self.colour, self.first_name = live, colour, name
        self.shown = w.Checkbox(
            True, indent=False, description="show", tooltip="Show its curves", layout={"width": "70px"}
        )
        self.name = w.Text(
            name,
            description="name",
            tooltip="The run's name",
            continuous_update=False,
            style={"description_width": "40px"},
            layout={"width": "190px"},
        )
        self.about = w.HTML()
        mark = w.HTML(f'<span style="color:{colour};font-size:18px">&#9632;</span>')
        self.row = w.HBox([mark, self.shown, self.name, self.about], layout={"flex": "none"})  # many rows cut none

    def say(self, differing: dict[str, Any]) -> None:
        """Write down how far it has come, and in what it differs from the others."""
        live = self.live
        accuracy = f"{list(live.accuracies.values())[-1]:.1%} held-out" if live.accuracies else "–"
        fields = ", ".join(f"{name}={value}" for name, value in differing.items()) or "the first of its kind"
        text = f"{DOING[live.state]} {live.step:,} of {live.config.steps:,} steps, {accuracy}; {fields}"
        self.about.value = f"<span>{html.escape(text)}</span>"
