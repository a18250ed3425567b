"""A training run that can be watched, paused, taken step by step and stopped, while Python stays free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal, cast

import pandas as pd
from torch import Tensor

from sgan_utils.config import TRAINING_IMAGES, SGANConfig
from sgan_utils.data import UNKNOWN, ImageData, Sources, images_by_class, load_data, split_sources
from sgan_utils.evaluation import accuracy, fixed_latents, generate
from sgan_utils.support.anatomy import Stage, Weights, apart_on_images, weights_of
from sgan_utils.support.changes import by_step
from sgan_utils.support.errors import DivergedError, SGANError
from sgan_utils.support.fingerprint import fingerprint as fingerprint_of
from sgan_utils.support.hardware import hand_over_threads
from sgan_utils.support.run import Run
from sgan_utils.training import train
from sgan_utils.widgets.samples import REAL, Answer, ask, names_of
from sgan_utils.widgets.twin import Steering

State = Literal["ready", "running", "paused", "finished", "stopped", "failed"]
HELD_OUT = 1_000  # training images that a watched run is scored on
SAMPLES = 30  # images of G in a frame
OVERHEAD = 0.025  # the fraction of the time of training that may go into watching it
EARLY = 0.3  # seconds of watching beyond that fraction: what changes fast, at the beginning, is seen often
LONGEST = 3.0  # seconds of training after which a look is due even so, for a page that stands still seems dead
NOTIFY_EVERY = 0.25  # seconds of training between two notifications
ACCURACY_EVERY = 2.0  # seconds of training between two scores, at least
MOST_FRAMES = 200  # a long run keeps every second one when there are more


def watchable(config: SGANConfig, data: ImageData | None = None) -> SGANConfig:
    """The same configuration with some images held out to score the run on, as many as its labels leave.

    Args:
        data: that it will be trained on; by default MNIST. Each of its classes keeps at least one labelled image.
    """
    if data is None:
        spare = TRAINING_IMAGES - config.labels
    else:
        counts = images_by_class(data.train_labels[data.train_labels != UNKNOWN], len(data.classes))
        spare = min(int(counts.sum()) - config.labels, len(counts) * (int(counts.min()) - 1))
    return config.but(held_out=max(0, min(HELD_OUT, spare)))


class LiveRun:
    """:func:`sgan_utils.training.train` in a thread of its own; the run is the same, bit for bit, as without it.

    Some hyperparameters can change on the way: ``live.steering.ask(learning_rate_d=0.001)``.

    Args:
        config: of the run, see :func:`watchable`.
        data: from :func:`sgan_utils.data.load_data`.
        notify: called in the thread of the run a few times a second, with this object and with whether there is more to
            see than the number of steps: losses, images, a score.
        device: as for ``train``.
        with_twin, planned: see :class:`sgan_utils.widgets.twin.Steering`.

    Attributes:
        config: with which it began; the changes since stand in ``run.changes``.
        steering: takes changes, and has the twin.
        run: as far as it has come; None before its first step.
        history: one row a step, see :class:`sgan_utils.support.run.History`.
        accuracies: step -> accuracy on the held-out images, 0 to 1.
        scored_after: step -> seconds of training that this accuracy took.
        frames: step -> what G made of the same latents, (SAMPLES, 1, 28, 28), uint8.
        answer: what D says of the image that is followed, as of the latest frame; None before.
        stages: of the last single step, see :mod:`sgan_utils.support.anatomy`; empty before.
        failure: why it failed, in words; empty if it did not.
    """

    def __init__(
        self,
        config: SGANConfig,
        data: ImageData,
        notify: Callable[[LiveRun, bool], None] = lambda *_: None,
        device: str = "auto",
        with_twin: bool = True,
        planned: dict[int, dict[str, Any]] | None = None,
    ) -> None:
        self.config, self.device, self.steering = config, device, Steering(config, with_twin, planned)
        self.run: Run | None = None
        self.history = pd.DataFrame()
        self.accuracies: dict[int, float] = {}
        self.scored_after: dict[int, float] = {}
        self.frames: dict[int, Tensor] = {}
        self.failure, self.answer, self._followed = "", cast("Answer | None", None), (-1, cast("int | None", None))
        self._data, self._real = data, data.train_images[:REAL]
        self._sources, self._notify = split_sources(data, config), notify
        self._latents = fixed_latents(SAMPLES, config.latent_size)
        self.stages: list[Stage] = []
        self._before: tuple[Tensor, Weights, Weights] | None = None  # images and weights before a single step
        self._may_go, self._stop_asked = threading.Event(), threading.Event()
        self._single_steps = threading.Semaphore(0)
        self._ended = self._waits = False
        self._paused_seconds = self._watched_seconds = 0.0
        self._last_score = self._last_seen = self._last_notified = 0.0
        self._thread = threading.Thread(target=self._train, daemon=True, name="sgan-live-run")

    @property
    def state(self) -> State:
        """What it is doing."""
        if self.failure:
            return "failed"
        if not self._thread.ident:
            return "ready"
        if not self._ended:
            return "running" if self._may_go.is_set() else "paused"
        return "stopped" if self.run is None or self.run.stopped else "finished"

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self.run.step if self.run else 0

    @property
    def changes(self) -> list[tuple[int, str, Any]]:
        """Of hyperparameters, while it went: after which step, field, value."""
        return list(self.run.changes) if self.run else []

    @property
    def seen(self) -> int:
        """The step of the latest images and curves; what is said of a run that goes is said of this one."""
        return next(reversed(self.frames), 0)

    @property
    def seconds(self) -> float:
        """Spent on training so far, without pauses."""
        return self.run.train_seconds - self._paused_seconds if self.run else 0.0

    @property
    def images_per_second(self) -> float:
        """Unlabelled images taken per second, pauses left out."""
        return self.step * self.config.batch_size / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Until the last step, at the speed so far; not a number before the first. A twin takes as long again."""
        runs = 2 if self.steering.twin else 1
        return runs * (self.config.steps - self.step) * self.seconds / self.step if self.step else float("nan")

    def start(self) -> None:
        """Begin, or go on after a pause."""
        hand_over_threads()
        self._may_go.set()
        if not self._thread.ident:
            self._thread.start()

    def pause(self) -> None:
        """Wait after the step that is being taken."""
        self._may_go.clear()

    def take_one_step(self) -> None:
        """Take one step and pause; pauses a run that goes."""
        hand_over_threads()
        self._may_go.clear()
        if self._thread.ident:
            self._single_steps.release()
        else:
            self._thread.start()  # waits after its first step

    def stop(self) -> None:
        """End the run after the step that is being taken; what was reached is kept."""
        self._stop_asked.set()

    def follow(self, image: int, made_at: int | None = None) -> None:
        """Answer for an image of a step, by default of the latest: SAMPLES of G, then REAL real ones; -1 is none."""
        self._followed = image, made_at
        if self._waits or self._ended:  # else the thread of the run answers, for it is changing D
            self._answer()

    def rest(self) -> None:
        """Give back what an ended run holds and nobody looks at: its images, and what its optimizers remember."""
        if self._ended and not self._thread.is_alive() and self.run:
            empty = {name: getattr(self._sources, name)[:0].clone() for name in Sources._fields[:-1]}
            self._sources = self.run.sources = self._sources._replace(**empty)
            for optimizer in (self.run.optimizer_d, self.run.optimizer_g):
                optimizer.state.clear()
            self.steering.rest()

    def wake(self) -> None:
        """Fetch the images again, for what needs them."""
        if self.run and not len(self.run.sources.unlabelled_images):
            self._sources = self.run.sources = split_sources(self._data, self.config)

    def _answer(self) -> None:
        self.wake()
        i, made_at = self._followed
        if i < 0 or self.run is None or not self.frames or self.failure:
            return
        step = made_at if made_at in self.frames else self.seen
        image, latent = (self.frames[step][i], self._latents[i]) if i < SAMPLES else (self._real[i - SAMPLES], None)
        earlier = f" of step {step:,}" if i < SAMPLES and step != self.seen else ""
        self.answer = ask(self.run, names_of(SAMPLES)[i] + earlier, image, latent)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the run has ended."""
        if self._thread.ident:
            self._thread.join(seconds)

    def _train(self) -> None:
        try:
            self.run = train(
                self.config, self._sources, device=self.device, callbacks=[self._after_step], progress=False
            )
            self.steering.end(self.run)
        except DivergedError as error:
            self.run, self.failure = error.run, str(error)
        except SGANError as error:
            self.failure = str(error)
        except Exception as error:  # a thread that dies in silence would leave the page waiting for ever
            self.failure = f"{type(error).__name__}: {error}"
        self._ended = True
        self._notify(self, False)  # first that it has ended; measuring what was reached takes a moment
        if self.run is not None and not self.failure:
            self._observe(score=True)
        else:
            self._notify(self, True)

    def _after_step(self, run: Run) -> None:
        self.run = run
        self._paused_seconds += self.steering.keep_up(run.step)
        if run.step == 1 and not self._may_go.is_set():
            self._remember(Run.start(self.config, run.sources))
        if self._before:
            self.stages = apart_on_images(run, self._latents, *self._before)
            self._before = None
        if not self.frames:
            self._observe(score=False)
            self._watched_seconds = 0.0  # the first observation loads what later ones have at hand
        elif self.seconds - self._last_notified >= NOTIFY_EVERY:
            if self._watched_seconds < EARLY + OVERHEAD * self.seconds:
                self._observe(score=self.seconds - self._last_score >= ACCURACY_EVERY)
            elif self.seconds - self._last_seen >= LONGEST:
                self._observe(score=False)
            else:
                self._notify_timed(fresh=False)
        self._wait_for_leave()
        if self._stop_asked.is_set():
            raise KeyboardInterrupt  # `train` ends as it does after Ctrl-C: in whole steps, with all that was reached
        if run.step < self.config.steps:
            self.steering.take(run)

    def _remember(self, run: Run) -> None:
        """Keep what a single step is going to change."""
        images = generate(run.generator, self._latents)
        self._before = images, weights_of(run.last_discriminator), weights_of(run.generator)

    def _wait_for_leave(self) -> None:
        if self._may_go.is_set() or self._stop_asked.is_set():
            return
        before, watched = time.perf_counter(), self._watched_seconds
        self._observe(score=True)
        self._watched_seconds = watched  # observing while the run waits takes nothing from its training
        self._waits = True
        while not (self._may_go.wait(0.02) or self._stop_asked.is_set()):
            if self._single_steps.acquire(blocking=False):
                assert self.run is not None
                self._remember(self.run)
                break
        self._waits = False
        self._paused_seconds += time.perf_counter() - before

    def _observe(self, score: bool) -> None:
        before, run = time.perf_counter(), self.run
        assert run is not None
        self.history = run.history
        self.frames[self.step] = generate(run.generator, self._latents)
        if len(self.frames) > MOST_FRAMES:
            self.frames = dict(list(self.frames.items())[::2])
        held_out = self._sources.held_out_images, self._sources.held_out_labels
        if score := score and self.config.held_out > 0:
            self._last_score = self.scored_after[self.step] = self.seconds
            self.accuracies[self.step] = accuracy(run.classifier(), *held_out)
        self.steering.observe(self._latents, self.frames, held_out if score else None)
        self._answer()
        self._last_seen = self.seconds
        self._watched_seconds += time.perf_counter() - before
        self._notify_timed(fresh=True)

    def _notify_timed(self, fresh: bool) -> None:
        before = time.perf_counter()
        self._notify(self, fresh)
        self._last_notified = self.seconds
        self._watched_seconds += time.perf_counter() - before


def fingerprint(run: Run | None) -> str:
    """Twelve characters that are the same only for runs whose weights are the same, bit for bit."""
    assert run is not None
    return fingerprint_of(run.generator, run.last_discriminator)


def as_code(live: LiveRun) -> str:
    """A notebook cell that repeats a run bit for bit on the same machine, up to the step that was reached.

    If the configuration's data are not the images of the run, as after a choice of one's own, the cell asks for those.
    """
    live.wake()
    run = live.run
    assert run is not None
    try:
        given = split_sources(load_data(live.config.data), live.config).fingerprint() != run.sources.fingerprint()
    except SGANError:
        given = True
    sources = ", split_sources(data, config)" if given else ""
    changes = live.config.model_dump()
    defaults = SGANConfig().model_dump()
    fields = [f"    {name}={value!r},\n" for name, value in changes.items() if value != defaults[name]]
    ended_early = live.step < live.config.steps
    steered = f"changing({by_step(run.changes)})" if run.changes else ""
    callbacks = ", ".join(filter(None, [steered, f"stop_after({live.step})" if ended_early else ""]))
    lines = [
        "# data: the images that this run was given, an ImageData\n" if given else "",
        "from sgan_utils.config import SGANConfig\n",
        "from sgan_utils.data import split_sources\n" if given else "",
        "from sgan_utils.support.changes import changing\n" if run.changes else "",
        "from sgan_utils.support.session import stop_after\n" if ended_early else "",
        "from sgan_utils.training import train\n",
        "from sgan_utils.widgets.live import fingerprint\n\n",
        "config = SGANConfig(\n" + "".join(fields) + ")\n",
        f"run = train(config{sources}{f', callbacks=[{callbacks}]' if callbacks else ''})\n",
        f'print("same run:", fingerprint(run) == "{fingerprint(run)}")\n',
    ]
    return "".join(lines)
