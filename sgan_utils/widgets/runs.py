"""A run in the playground's table: its name, whether it is shown, and how it differs from the others."""

from __future__ import annotations

import base64
import html
import math
import re
from pathlib import Path
from typing import Any

import ipywidgets as w
import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.support.changes import CHANGEABLE, by_step
from sgan_utils.support.checkpoints import save_trained
from sgan_utils.support.files import write_whole
from sgan_utils.widgets.live import LiveRun, fingerprint

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


class TableRow:
    """A run in the table: its name, whether it is shown, and a line about it."""

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
        self.widget = w.HBox([mark, self.shown, self.name, self.about], layout={"flex": "none"})  # many rows cut none

    def close(self) -> None:
        """Let go of the run: ipywidgets keeps each widget, and what observes it, until it is closed."""
        for widget in (*self.widget.children, self.widget):
            widget.unobserve_all()
            widget.layout.close()
            widget.close()

    def describe(self, differing: dict[str, Any]) -> None:
        """Write how far it has come, and in what it differs from the others."""
        live = self.live
        accuracy = f"{list(live.accuracies.values())[-1]:.1%} held-out" if live.accuracies else "–"
        fields = ", ".join(f"{name}={value}" for name, value in differing.items()) or "the first of its kind"
        for step, changed in by_step(live.changes).items():
            fields += "; " + ", ".join(f"{name}={value}" for name, value in changed.items()) + f" after step {step:,}"
        text = f"{DOING[live.state]} {live.step:,} of {live.config.steps:,} steps, {accuracy}; {fields}"
        self.about.value = f"<span>{html.escape(text)}</span>"


def status_of(live: LiveRun | None) -> str:
    """What a run is doing, how far it has come, how fast, and how long it will still take."""
    if not live:
        return DOING["ready"]
    step = live.seen if live.state == "running" else live.step  # as the pictures
    text = f"{DOING[live.state]} Step {step:,} of {live.config.steps:,}"
    if live.images_per_second:
        text += f", {live.images_per_second:,.0f} images/s"
    if live.state in ("running", "paused") and not math.isnan(live.seconds_left):
        text += f", {live.seconds_left:,.0f} s left"
    return text


def changes_in_words(live: LiveRun | None) -> str:
    """Which knobs were turned while a run went, what waits for its next step, and what the grey curves are."""
    if not live:
        return ""

    def fields(changed: dict[str, Any]) -> str:
        return ", ".join(f"{SGANConfig.model_fields[name].title} = {value}" for name, value in changed.items())

    parts = [f"After step {step:,}: {fields(changed)}." for step, changed in by_step(live.changes).items()]
    if live.state in ("running", "paused") and (waiting := live.steering.waiting):
        parts.append(f"From the next step on: {fields(waiting)}.")
    if twin := live.steering.twin:
        scored = f", at {list(twin.accuracies.values())[-1]:.1%} now" if twin.accuracies else ""
        failed = " It failed; the changed run may not." if twin.failure else ""
        parts.append(f"Dashed grey: its twin, the same run without the change{scored}.{failed}")
    return html.escape(" ".join(parts), quote=False)


def marks_of(live: LiveRun | None) -> dict[int, str]:
    """What stands beside the upright lines of the curves: step -> short text."""
    changes = by_step(live.changes) if live else {}
    return {
        step: ", ".join(
            f"{CHANGEABLE[name]} {value:g}" if isinstance(value, float) else f"{CHANGEABLE[name]} {value}"
            for name, value in changed.items()
        )
        for step, changed in changes.items()
    }


def as_series(live: LiveRun, column: str) -> pd.Series:
    """A column of the history by step; without a name, the held-out accuracy in percent."""
    return live.history[column] if column else 100 * pd.Series(dict(live.accuracies), dtype=float)


def download_link(path: Path) -> str:
    """A link that holds the file itself, so that it works in a page without a file browser as well."""
    content = base64.b64encode(path.read_bytes()).decode()
    name = html.escape(path.name)
    return f'<a download="{name}" href="data:application/octet-stream;base64,{content}">{name}</a>'


def export(live: LiveRun, label: str, folder: Path) -> tuple[Path, Path]:
    """Write a run's curves (.csv) and its G and D (.safetensors), and return the two files."""
    live.wake()
    run = live.run
    assert run is not None
    # The fingerprint keeps apart what has the same name in two playgrounds.
    name = re.sub(r"[^\w-]+", "_", label) + f"-{fingerprint(run)}"
    curves, models = folder / f"{name}.csv", folder / f"{name}.safetensors"
    table = live.history.assign(held_out_accuracy=as_series(live, "") / 100)
    write_whole(curves, lambda part: table.to_csv(part))
    save_trained(run, models)
    return curves, models
