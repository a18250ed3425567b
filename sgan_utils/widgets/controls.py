"""The playground's buttons, sliders and pictures and where they stand; what they do is said in the playground."""

from __future__ import annotations

import ipywidgets as w

from sgan_utils.widgets.aid import Aid, described, framed, heading
from sgan_utils.widgets.anatomy import StepView
from sgan_utils.widgets.live import SAMPLES
from sgan_utils.widgets.pictures import wide
from sgan_utils.widgets.samples import Samples, names_of

COMPARED = {
    "held-out accuracy (%)": "",
    "loss of D: which digit?": "supervised",
    "loss of D: real or generated?": "unsupervised",
    "loss of G": "generator",
    "D's belief in real images": "belief_in_real",
    "D's belief in generated images": "belief_in_generated",
}


def button(text: str, icon: str, tooltip: str, style: str = "") -> w.Button:
    """A button with an icon."""
    layout = {"width": "auto", "min_width": "112px"}
    return w.Button(description=text, icon=icon, tooltip=tooltip, button_style=style, layout=layout)


class Controls:
    """All that can be pressed, turned or seen beside the knobs.

    Attributes:
        widget: all of it and the knobs, to be displayed.
    """

    def __init__(self, knobs: w.Widget) -> None:
        self.aid = Aid()
        self.start = button("Start", "play", "Start a run with these hyperparameters, or go on", "primary")
        self.pause = button("Pause", "pause", "Wait after this step")
        self.step = button("One step", "step-forward", "Take one step of D and G, then wait")
        self.stop = button("Stop", "stop", "End the run and keep what it reached")
        self.reset = button("Reset", "refresh", "End the run and turn all controls back to the preset")
        self.progress = w.FloatProgress(
            min=0, max=1, description="Steps", tooltip="How far the run has come", layout={"width": "230px"}
        )
        self.status, self.message = w.Label(), w.HTML(layout={"min_height": "18px"})
        self.with_twin = w.Checkbox(
            True, indent=False, description="twin", layout={"width": "70px"},
            tooltip="When you change a knob while the run goes, let the run without the change go on beside it",
        )  # fmt: skip
        self.changes = w.HTML(layout={"min_height": "20px"})
        self.curves = described(
            w.Image(format="png"), self.aid, "sgan-curves",
            "Three curves against steps: the losses of D and G, D's beliefs in real and in generated images, and the "
            "accuracy on held-out images; export writes their numbers. Upright lines mark changed knobs; dashed grey "
            "curves are the run without the change.",
        )  # fmt: skip
        self.when = w.IntSlider(
            0, min=0, max=0, description="Look back", readout=False, layout={"width": "320px"},
            tooltip="What G made of the same latents after earlier steps",
        )  # fmt: skip
        self.when_text = w.Label()
        self.samples = Samples(names=names_of(SAMPLES))
        self.of_twin = described(
            w.Image(format="png"), self.aid, "sgan-of-twin", "What the G of the twin makes of the same latents."
        )
        self.twin_text = w.Label()
        self.beside = w.VBox([self.twin_text, self.of_twin], layout={"display": "none"})
        self.answer = w.HTML("<i>Click an image, or tap it: what does D say of it? The last row is real.</i>")
        self.answer.layout.min_height = "84px"
        self.apart = StepView()

        self.table = w.VBox([], layout={"min_height": "40px"})
        self.table.add_class("sgan-table")
        self.quantity = w.Dropdown(
            options=list(COMPARED), description="Compare", tooltip="What the picture shows of all runs that are shown"
        )
        self.comparison = described(
            w.Image(format="png"),
            self.aid,
            "sgan-comparison",
            "A quantity of all runs that are shown, against steps.",
        )
        self.chosen = w.Dropdown(options=[("–", None)], description="Run", tooltip="The run that the buttons are for")
        self.copy = button("Copy as code", "code", "Show a cell that repeats this run bit for bit")
        self.export = button("Export", "download", "Write its curves (.csv) and its G and D (.safetensors)")
        self.repeat = button(
            "Repeat", "repeat", "Turn the knobs to where this run began; Start then makes its changes, too"
        )
        self.remove = button("Remove", "trash", "Take this run off the table")
        self.code = w.Textarea(
            description="Code", tooltip="Paste this into a cell", layout={"width": "98%", "height": "150px"}
        )
        self.links = w.HTML(layout={"min_height": "24px"})
        self.widget = self._arranged(knobs)

    def _arranged(self, knobs: w.Widget) -> w.VBox:
        """Controls beside what they change, or above it where there is no room; what compares runs is below."""
        controls = w.VBox([heading("Choose"), knobs])
        view = w.VBox(
            [
                heading("Train and watch"),
                w.HBox([self.start, self.pause, self.step, self.stop, self.reset]),
                w.HBox([self.progress, self.with_twin, self.status]),
                self.message,
                self.changes,
                wide(self.curves),
                w.HBox([self.when, self.when_text]),
                self.samples,
                self.beside,
                self.answer,
                self.apart.widget,
            ]
        )
        controls.add_class("sgan-controls")
        view.add_class("sgan-view")
        bench = w.Box([controls, view])
        bench.add_class("sgan-bench")
        compared = [
            heading("Compare and keep"),
            self.table,
            w.HBox([self.quantity]),
            wide(self.comparison),
            w.HBox([self.chosen, self.repeat, self.copy, self.export, self.remove]),
            self.links,
            self.code,
        ]
        return framed([bench, *compared], self.aid)
