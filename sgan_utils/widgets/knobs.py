"""One control for every field of ``SGANConfig``: its name, range, step, unit and explanation come from there."""

from __future__ import annotations

import html
import math
import re
from typing import Any, Literal, get_args, get_origin

import ipywidgets as w
import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from sgan_utils.config import TRAINING_IMAGES, SGANConfig, allowed
from sgan_utils.data import UNKNOWN, ImageData
from sgan_utils.support.changes import CHANGEABLE
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.presets import NOTES
from sgan_utils.widgets.aid import heading, warning_text

# What a beginner turns first; all the others are one click away. Those of D and those of G stand side by side.
FIRST_OF_RUN = ("labels", "steps", "batch_size", "seed")
FIRST_OF_D = ("learning_rate_d", "input_noise", "label_smoothing", "head")
FIRST_OF_G = ("learning_rate_g", "latent_size", "generator_loss")
FIRST = FIRST_OF_RUN + FIRST_OF_D + FIRST_OF_G
GOING = "Green: acts from the next step on. Grey: locked until the run ends, for it is the same in all its steps."


def series(low: float, high: float, *others: float) -> list[float]:
    """Stops of a slider on a logarithmic scale: 1, 2, 3, 5, 7, 10, 20, … within bounds, the bounds, and ``others``.

    A logarithmic slider without stops would be rounded by the browser, and a preset would not be what it says.

    Example:
        >>> series(10, 200, 64)
        [10, 20, 30, 50, 64, 70, 100, 200]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    stops = {float(f"{digit}e{power}") for power in powers for digit in (1, 2, 3, 5, 7)}
    found = sorted({low, high, *others} | {stop for stop in stops if low <= stop <= high})
    return [int(stop) for stop in found] if isinstance(low, int) else found


def details(name: str) -> dict[str, Any]:
    """What a field says of itself beside its range: unit, scale, step."""
    extra = SGANConfig.model_fields[name].json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def bounds(name: str) -> tuple[Any, Any]:
    """The lowest and the highest value of a field's slider; None where the field has no bound."""
    field = SGANConfig.model_fields[name]
    extra, low, high = details(name), None, None
    for rule in field.metadata:
        match rule:
            case Ge(ge=value) | Gt(gt=value):
                low = value
            case Le(le=value):
                high = value
            case Lt():
                high = rule.lt - extra.get("step", 1)
    return extra.get("slider_from", low), extra.get("slider_to", high)


def knob(name: str, value: Any = None, most: int | None = None) -> w.Widget:
    """The control of one field, with a label and a tooltip, at ``value`` or at its default, from low to ``most``."""
    field = SGANConfig.model_fields[name]
    extra, title = details(name), field.title or name
    unit = extra.get("unit", "")
    unit = "" if unit in title.lower() else f" ({unit})"  # "Steps (steps)" says nothing new
    value = field.default if value is None else value
    value = min(value, most) if most else value
    common = {
        "description": title + unit,
        "tooltip": f"{field.description} ({allowed(name).capitalize()}.)",
        "style": {"description_width": "initial"},
    }
    low, high = bounds(name)
    high = min(high, most) if most else high
    if field.annotation is bool:
        return w.Checkbox(value, indent=True, **common)
    if get_origin(field.annotation) is Literal:
        return w.Dropdown(options=list(get_args(field.annotation)), value=value, **common)
    if extra.get("scale") == "log":
        return w.SelectionSlider(options=_numbers(series(low, high, value)), value=value, **common)
    if field.annotation is int:
        return w.BoundedIntText(value, min=low, max=high, **common)
    if field.annotation is float:
        step = extra.get("step", (high - low) / 100)  # a browser rounds to it whatever it is given
        return w.FloatSlider(value, min=low, max=high, step=step, readout_format=".3g", **common)
    return w.Text(",".join(map(str, value)), continuous_update=False, **common)  # channels: three whole numbers


def scale(name: str, control: w.Widget) -> str:
    """What stands below a control, as HTML: its range, a mark at its default, and a help that a finger can open."""
    field, default = SGANConfig.model_fields[name], _plain(SGANConfig.model_fields[name].default)
    ends, mark = "", ""
    if isinstance(control, w.SelectionSlider):
        values = [number for _, number in control.options]
        ends = f"{_plain(values[0])} to {_plain(values[-1])}, "
        if field.default in values:
            mark = _mark(values.index(field.default) / max(1, len(values) - 1))
    elif isinstance(control, w.FloatSlider):
        ends = f"{_plain(control.min)} to {_plain(control.max)}, "
        mark = _mark((field.default - control.min) / (control.max - control.min))
    elif isinstance(control, w.BoundedIntText):
        ends = f"{control.min:,} to {control.max:,}, "
    title, text = html.escape(field.title or name), html.escape(control.tooltip)
    return (
        f'<div class="sgan-scale">{mark}<span>{ends}default {html.escape(default)}</span>'
        f'<details><summary aria-label="What is {title}?">?</summary><span>{text}</span></details></div>'
    )


def _mark(place: float) -> str:
    return f'<span class="sgan-default" style="left:{place:.1%}"></span>'


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return f"{value:,}" if isinstance(value, int) else value


def _numbers(values: list[float]) -> list[tuple[str, float]]:
    return [(f"{value:,}" if isinstance(value, int) else f"{value:g}", value) for value in values]


def warning(error: ConfigError | str) -> str:
    """An error as HTML, for somebody who sees knobs and no code: fields have the names that stand beside the knobs."""
    text = re.sub(r": set SGANConfig\(\w+=\.\.\.\) or --[\w-]+\.", ".", str(error))
    for name, field in SGANConfig.model_fields.items():
        text = re.sub(rf"\b{name} must be", f"“{field.title}” must be", text)
    return warning_text(text)


def set_knob(control: w.Widget, value: Any) -> None:
    """Turn a control to a value, even to one that its slider would skip."""
    if isinstance(control, w.SelectionSlider):
        values = [number for _, number in control.options]
        if value not in values:
            control.options = _numbers(sorted({*values, value}))
        control.value = value
    elif isinstance(control, w.Text):
        control.value = ",".join(map(str, value))
    else:
        control.value = value


def read_knob(control: w.Widget) -> Any:
    """What a control says, for :class:`SGANConfig`."""
    if isinstance(control, w.Text):
        return [part.strip() for part in control.value.split(",")]
    if isinstance(control, w.FloatSlider):  # a browser sends 0.9 back as 0.9000000000000001
        return float(f"{control.value:.10g}")
    return control.value


class Knobs:
    """All controls, a menu of presets, and a line that says what is wrong with a combination.

    Attributes:
        widget: to be displayed.
        controls: field name -> control.
    """

    def __init__(self, preset: str = "lesson", data: ImageData | None = None) -> None:
        self.data = data.name if data else SGANConfig().data
        self.most = int((data.train_labels != UNKNOWN).sum()) if data else TRAINING_IMAGES  # labels that there are
        names = [name for name in SGANConfig.model_fields if name not in ("held_out", "data")]
        self.controls = {name: knob(name, most=self.most if name == "labels" else None) for name in names}
        self.presets = w.Dropdown(
            options=list(NOTES),
            value=preset,
            description="Preset",
            tooltip="Where to start from; the last four fail on purpose.",
        )
        self.note, self.message = w.HTML(layout={"min_height": "58px"}), w.HTML(layout={"min_height": "24px"})
        self.going = w.HTML(layout={"min_height": "38px"})
        self.presets.add_class("sgan-preset")
        others = self._pair(*(self._with_scale(name) for name in names if name not in FIRST))
        more = w.Accordion([others], titles=("All other hyperparameters",))
        self.widget = w.VBox(
            [
                self.presets,
                self.note,
                self.going,
                self._pair(*map(self._with_scale, FIRST_OF_RUN)),
                self._pair(
                    w.VBox([heading("D, the discriminator", 4), *map(self._with_scale, FIRST_OF_D)]),
                    w.VBox([heading("G, the generator", 4), *map(self._with_scale, FIRST_OF_G)]),
                ),
                more,
                self.message,
            ]
        )
        self.presets.observe(lambda change: self.choose(change["new"]), "value")
        for control in self.controls.values():
            control.observe(lambda _: self._check(), "value")
        self.choose(preset)

    def _with_scale(self, name: str) -> w.VBox:
        control, below = self.controls[name], w.HTML()
        below.value = scale(name, control)
        if isinstance(control, w.SelectionSlider):  # a preset may add a stop
            control.observe(lambda _: setattr(below, "value", scale(name, control)), "options")
        box = w.VBox([control, below])
        box.add_class("sgan-knob")
        return box

    @staticmethod
    def _pair(*children: w.Widget) -> w.Box:
        """Two columns; one where there is no room."""
        box = w.Box(children)
        box.add_class("sgan-pair")
        return box

    @property
    def config(self) -> SGANConfig:
        """What the controls say together.

        Raises:
            ConfigError: if they do not fit together.
        """
        return SGANConfig(data=self.data, **{name: read_knob(control) for name, control in self.controls.items()})

    @property
    def at_preset(self) -> bool:
        """Whether all controls stand where the preset puts them."""
        try:
            return self.config == self.of_preset(self.presets.value)
        except ConfigError:
            return False

    def of_preset(self, preset: str) -> SGANConfig:
        """Where a preset puts the controls, as far as there are labels."""
        config = SGANConfig.preset(preset)
        return config.but(data=self.data, labels=min(config.labels, self.most))

    def lock(self, going: bool) -> None:
        """While a run goes, let only those be turned that can act on it, and say so."""
        if going == bool(self.going.value):
            return
        self.going.value = f"<i>{GOING}</i>" if going else ""
        self.presets.disabled = going
        for name, control in self.controls.items():
            if name not in CHANGEABLE:
                control.disabled = going
                continue
            if hasattr(control, "continuous_update"):
                control.continuous_update = not going  # a slider that is dragged means where it is let go
            (control.add_class if going else control.remove_class)("sgan-acts")

    def follow(self, config: SGANConfig) -> None:
        """Turn those that can act on a run to what acts now, after a change that it made by itself."""
        for name in CHANGEABLE:
            if read_knob(self.controls[name]) != getattr(config, name):
                set_knob(self.controls[name], getattr(config, name))

    def choose(self, preset: str) -> None:
        """Turn all controls to a preset."""
        config = self.of_preset(preset)
        self.presets.value = preset
        self.show(config)
        self.note.value = f"<i>{html.escape(NOTES[preset])}</i>"

    def show(self, config: SGANConfig) -> None:
        """Turn all controls to a configuration."""
        for name, control in self.controls.items():
            set_knob(control, getattr(config, name))

    def _check(self) -> None:
        try:
            self.config  # noqa: B018
            self.message.value = ""
        except ConfigError as error:
            self.message.value = warning(error)
