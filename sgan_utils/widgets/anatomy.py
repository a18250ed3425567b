"""One step, taken apart: a diagram that is played forward and back, stage by stage."""

from __future__ import annotations

import html

import ipywidgets as w

from sgan_utils.support.anatomy import Stage

BOXES = {"latent": "latent", "G": "G", "made": "generated", "D": "D", "loss": "losses"}
SECONDS = 3  # a stage is shown when they are played


class StepView:
    """The stages of the last single step; nothing before there is one."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.at = w.IntSlider(1, min=1, max=6, description="Stage", tooltip="Where in the step")
        self.play = w.Play(
            min=1,
            max=6,
            interval=1000 * SECONDS,
            show_repeat=False,
            description="Play",
            tooltip="Play the stages slowly",
        )
        self.back = w.Button(description="Back", icon="arrow-left", tooltip="The stage before")
        self.forward = w.Button(description="Forward", icon="arrow-right", tooltip="The next stage")
        self.title = w.HTML()
        self.diagram = w.HTML(layout={"min_height": "210px"})  # no stage moves the buttons
        w.jslink((self.play, "value"), (self.at, "value"))
        controls = w.HBox([self.back, self.forward, self.play, self.at])
        controls.add_class("sgan-columns")
        self.widget = w.VBox([self.title, controls, self.diagram], layout={"display": "none"})
        self.at.observe(lambda _: self._draw(), "value")
        self.back.on_click(lambda _: self._turn(-1))
        self.forward.on_click(lambda _: self._turn(1))

    def show(self, step: int, stages: list[Stage]) -> None:
        """Show a step from its first stage on."""
        self.stages = stages
        self.at.max = self.play.max = len(stages)
        self.at.value = 1
        self._draw()
        self.title.value = f"<h3 class='sgan-heading'>Step {step:,}, taken apart</h3>"  # last: over its own stages only
        self.widget.layout.display = None

    def _turn(self, by: int) -> None:
        self.at.value = min(max(self.at.value + by, self.at.min), self.at.max)

    def _draw(self) -> None:
        if not self.stages:
            return
        number = self.at.value
        self.back.disabled, self.forward.disabled = number == 1, number == len(self.stages)
        self.diagram.value = as_html(self.stages, number)


def as_html(stages: list[Stage], number: int) -> str:
    """The diagram of a step at one of its stages, from 1, with what is said and measured there."""
    now = stages[number - 1]
    arrow = "←" if now.back else "→"
    boxes = f'<span aria-hidden="true">{arrow}</span>'.join(
        f'<div class="sgan-box{" sgan-now" if place == now.place else ""}">{name}</div>'
        for place, name in BOXES.items()
    )
    bars = "".join(f'<span style="--part:{part:.0%}"></span>' for part in now.histogram)
    longest = max((part for _, part in now.moved), default=0) or 1
    layers = "".join(
        f'<li>{html.escape(name)} <b>{part:.3%}</b><span style="width:{part / longest:.0%}"></span></li>'
        for name, part in now.moved
    )
    return (
        f'<div class="sgan-diagram">{boxes}</div><p class="sgan-stage">{number} of {len(stages)}. '
        f"{html.escape(now.text)}</p>"
        + (f'<div class="sgan-bars" aria-hidden="true">{bars}</div>' if bars else "")
        + (f'<ul class="sgan-moved">{layers}</ul>' if layers else "")
    )
