"""The plane, live: D's regions and beliefs, G's points and where D sends them, and labels that can be moved."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import cast

import anywidget
import ipywidgets as w
import numpy as np
import torch
import traitlets
from torch import Tensor

from sgan_utils.losses import supervised_loss
from sgan_utils.models import Discriminator, frozen
from sgan_utils.support.anatomy import apart_on_plane
from sgan_utils.support.plane import DATA, GAMES, SPAN, PlaneRun, Points, label_some
from sgan_utils.support.plane_pictures import landscape
from sgan_utils.training import generator_objective
from sgan_utils.widgets.aid import Aid, framed
from sgan_utils.widgets.anatomy import StepView
from sgan_utils.widgets.plane_challenge import PlaneChallenge, judge

PAINTED = "painted"  # the data set that the learner draws
POINTS = 400  # of a data set
LABELS = 6
RESOLUTION = 64  # places at which D is asked, both ways
SHOWN = 120  # generated points
LATTICE = 13  # lines of the latent grid, both ways
LONGEST_ARROW = 0.3
FRAME_SECONDS = 0.08  # to which a step is added: ten pictures a second or more
MOST_STEPS = 5_000  # a forgotten tab does not train for ever
HEADER = ("resolution", "classes", "step", "unlabelled", "labelled", "generated", "lattice")  # int32 each


NOTES = {  # what to look for in each game
    "healthy": "The border moves into the gap between the shapes, left; without unlabelled points, right, it does not.",
    "D wins": "D is sure of every point at once, and G's crosses hardly move: whatever they do, D says no.",
    "mode collapse": "All crosses sit on one heap or line, where D is fooled, and leave the rest of the shapes empty.",
    "oscillation": "G's steps are so long that its crosses jump to and fro, and D runs after them.",
    "double softmax": "D's probabilities go through one softmax too many: its loss on the labels stays above 0.31.",
}


def latent_lattice(latent_size: int) -> Tensor:
    """A grid over the first two latents, (LATTICE ** 2, latent_size), row after row; the others are 0."""
    ticks = torch.linspace(-2, 2, LATTICE)
    grid = torch.zeros(LATTICE**2, latent_size)
    grid[:, :2] = torch.cartesian_prod(ticks, ticks)[:, :latent_size]
    return grid


def wishes(run: PlaneRun, generated: Tensor) -> Tensor:
    """Where G's loss would send each point, (n, 2): minus its gradient, the longest LONGEST_ARROW long."""
    places = generated.clone().requires_grad_()
    with frozen(run.D):
        loss, _ = generator_objective(cast("Discriminator", run.D), run.unlabelled[:SHOWN], places, run.config)
    (gradient,) = torch.autograd.grad(loss, places)
    longest = gradient.norm(dim=1).max().clamp(min=torch.finfo(gradient.dtype).tiny)
    return -gradient * (LONGEST_ARROW / longest)


def pack(game: PlaneRun, alone: PlaneRun) -> bytes:
    """All that a picture needs, as the browser reads it: HEADER, then bytes of the landscapes, then float32 places."""
    seen, without = landscape(game.D, RESOLUTION), landscape(alone.D, RESOLUTION)
    generated = game.generated(SHOWN)
    with torch.no_grad():
        lattice = game.G(latent_lattice(game.config.latent_size))
    places, classes = game.labelled
    header = (RESOLUTION, seen.classes.shape[2], game.step, len(game.unlabelled), len(classes), SHOWN, LATTICE)
    flat = (
        game.unlabelled,
        torch.cat([places, classes[:, None].float()], 1),
        generated,
        wishes(game, generated),
        lattice,
    )
    return b"".join(
        (
            np.array(header, dtype="<i4").tobytes(),
            seen.classes.argmax(2).astype(np.uint8).tobytes(),
            without.classes.argmax(2).astype(np.uint8).tobytes(),
            (255 * seen.real).round().astype(np.uint8).tobytes(),
            *(tensor.contiguous().numpy().astype("<f4").tobytes() for tensor in flat),
        )
    )


def unpack_labels(sent: bytes, classes: int) -> Points | None:
    """The labelled points as the browser sends them, (x, y, class) each; None if they are none that can be learnt."""
    if not sent or len(sent) % 12:
        return None
    rows = torch.frombuffer(bytearray(sent), dtype=torch.float32).reshape(-1, 3)
    kinds = rows[:, 2].round().long()
    sound = bool(rows.isfinite().all()) and int(kinds.min()) >= 0 and int(kinds.max()) < classes
    return Points(rows[:, :2].clamp(-SPAN, SPAN), kinds) if sound else None


class PlaneCanvas(anywidget.AnyWidget):
    """Three pictures on one canvas: the game's regions, D's belief with G's points, and D without unlabelled points."""

    _esm = Path(__file__).parent / "plane.js"
    _css = """
    .sgan-plane canvas { width: 100%; max-width: 960px; touch-action: none; display: block; cursor: crosshair; }
    .sgan-plane canvas:focus-visible { outline: 3px solid #0072B2; outline-offset: 2px; }
    .sgan-plane .hint { font-size: 12px; opacity: 0.85; margin-top: 4px; }
    """
    frame = traitlets.Bytes(b"").tag(sync=True)  # from pack
    text = traitlets.Unicode("").tag(sync=True)  # for those who cannot see it
    span = traitlets.Float(SPAN).tag(sync=True)
    painting = traitlets.Bool(False).tag(sync=True)
    # Without from_json, what the browser sends would be dropped without a word.
    labels = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value))
    painted = traitlets.Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value))


class Plane:
    """The plane with its knobs: ``display(Plane().widget)``.

    Args:
        data: one of :data:`sgan_utils.support.plane.DATA`, or ``"painted"``.
        seed: of points, labels and weights.
    """

    def __init__(self, data: str = "moons", seed: int = 0) -> None:
        self.seed, self._lock, self._going = seed, threading.RLock(), threading.Event()
        self.canvas, self.status = PlaneCanvas(), w.Label("Ready.")
        self.run: PlaneRun  # the game; made by `reset`
        self.data = w.Dropdown(
            options=[*DATA, PAINTED], value=data, description="points", tooltip="The points, or paint some of your own"
        )
        self.game = w.Dropdown(options=list(GAMES), description="game", tooltip="One that goes well, or one that fails")
        self.start = w.Button(
            description="Start",
            icon="play",
            button_style="primary",
            tooltip="Train, or wait after the next step",
        )
        self.one = w.Button(description="One step", tooltip="One update of D and one of G")
        self.again = w.Button(description="Begin again", tooltip="New weights, the labels as they were drawn")
        self.note, self.aid, self.apart = w.HTML(layout={"min_height": "24px"}), Aid(), StepView()
        self.challenge = PlaneChallenge()
        buttons = w.HBox([self.data, self.game, self.start, self.one, self.again])
        buttons.add_class("sgan-columns")
        self.widget = framed(
            [buttons, self.note, self.canvas, self.status, self.apart.widget, self.challenge.widget], self.aid
        )
        self.start.on_click(lambda _: self.pause() if self._going.is_set() else self.go())
        self.one.on_click(lambda _: self.take_one_step())
        self.again.on_click(lambda _: self.reset())
        self.data.observe(lambda _: self.reset(), "value")
        self.game.observe(lambda _: self.reset(keep_labels=True), "value")
        self.canvas.observe(lambda change: self._take_labels(change.new), "labels")
        self.canvas.observe(lambda _: self.reset(), "painted")
        self.reset()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self.run.step

    def reset(self, keep_labels: bool = False) -> None:
        """Begin anew with the chosen points and game."""
        self.pause()
        with self._lock:
            self.points = self._chosen_points()
            self.classes = int(self.points.classes.max()) + 1
            labelled = self.run.labelled if keep_labels else label_some(self.points, LABELS, self.seed)
            config = GAMES[self.game.value].but(seed=self.seed)
            self.run = PlaneRun(config, self.points.places, labelled, self.classes)
            alone = config.but(unsupervised_weight=0.0)
            self.alone = PlaneRun(alone, self.points.places, labelled, self.classes)
            self.canvas.painting = self.data.value == PAINTED
            self.note.value = f"<i>{NOTES[self.game.value]}</i>"
            self._show()

    def _chosen_points(self) -> Points:
        if self.data.value != PAINTED:
            return DATA[self.data.value](POINTS, self.seed)
        sent = self.canvas.painted
        if len(sent) < 8 * LABELS or len(sent) % 8:
            return DATA["moons"](POINTS, self.seed)  # something to paint over
        places = torch.frombuffer(bytearray(sent), dtype=torch.float32).reshape(-1, 2).clamp(-SPAN, SPAN)
        return Points(places, (places[:, 0] > places[:, 0].median()).long())  # the learner recolours the labels

    def _take_labels(self, sent: bytes) -> None:
        labelled = unpack_labels(sent, self.classes)
        if labelled is None:
            return
        with self._lock:
            self.run.labelled = self.alone.labelled = labelled
            if not self._going.is_set():
                self._show()

    def go(self) -> None:
        """Train in a thread until :meth:`pause`."""
        if self._going.is_set() or self.step >= MOST_STEPS:
            return
        self._going = threading.Event()
        self._going.set()
        self.start.description, self.start.icon = "Pause", "pause"
        threading.Thread(target=self._train, args=(self._going,), daemon=True, name="sgan-plane").start()

    def pause(self) -> None:
        """Wait after the step that is being taken."""
        self._going.clear()
        self.start.description, self.start.icon = "Start", "play"

    def take_one_step(self) -> None:
        """One update of D and one of G; pauses a game that goes."""
        self.pause()
        with self._lock:
            stages = apart_on_plane(self.run)
            self.alone.advance()
            self._show()
            self.apart.show(self.step, stages)

    def _train(self, going: threading.Event) -> None:
        torch.get_num_threads()  # until it is asked, a new Python thread computes its first operations with all cores
        shown = 0.0
        while going.is_set():
            with self._lock:
                if not going.is_set() or self.step >= MOST_STEPS:
                    break
                self._advance()
                if time.perf_counter() - shown >= FRAME_SECONDS:
                    self._show()
                    shown = time.perf_counter()
        if going.is_set():
            self.pause()
            with self._lock:
                self._show()

    def _advance(self) -> None:
        self.run.advance()
        self.alone.advance()

    def _accuracy(self, run: PlaneRun) -> float:
        with torch.no_grad():
            predicted = run.D(self.points.places).class_logits.argmax(1)
        return (predicted == self.points.classes).float().mean().item()

    def _show(self) -> None:
        self.canvas.frame = pack(self.run, self.alone)
        self.again.disabled = not self.step
        self.start.disabled = self.one.disabled = over = self.step >= MOST_STEPS
        text = f"Step {self.step:,}."
        right = 0.0  # of painted points it is not known
        if not self.canvas.painting:
            right, without = (self._accuracy(run) for run in (self.run, self.alone))
            text += f" Right about {right:.0%} of the points; without unlabelled points {without:.0%}."
        generated = self.run.generated(SHOWN)
        with torch.no_grad():
            real, fake = (
                self.run.D(places).real_logit.sigmoid().mean().item() for places in (self.run.unlabelled, generated)
            )
            on_labels = supervised_loss(self.run.D(self.run.labelled.places).class_logits, self.run.labelled.classes)
        self.status.value = (
            f"{text} D's belief in real points {real:.2f}, in generated ones {fake:.2f}; "
            f"loss on the labels {on_labels:.2f}." + (" It ends here; “Begin again” starts anew." if over else "")
        )
        self.challenge.show(judge(self.run, self.points, right, self.data.value, self.game.value))
        self.aid.news = self.status.value
        self.canvas.text = (
            "Three pictures of the plane: D's class regions with unlabelled and generated points; D's belief in real, "
            f"with G's points; D without unlabelled points. {self.status.value}"
        )
