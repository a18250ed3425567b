"""Changes to a run that goes, and its twin: the same run from the same step on, without them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from sgan_utils.config import SGANConfig
from sgan_utils.evaluation import accuracy, generate
from sgan_utils.support.changes import change, changed
from sgan_utils.support.errors import DivergedError
from sgan_utils.support.run import Run
from sgan_utils.support.session import stop_if_diverged
from sgan_utils.support.student import teach_student
from sgan_utils.training import batches_of, one_step


class Twin:
    """A copy of a run as it stands, which goes on step by step beside it and with the configuration that it has now.

    Attributes:
        begins: the number of steps that both have in common.
        history: as of the run; its rows up to ``begins`` are the run's.
        accuracies: step -> accuracy on the held-out images, 0 to 1.
        frames: step -> what its G made of the run's latents, uint8.
        failure: why it ended early, in words; empty if it did not.
    """

    def __init__(self, run: Run) -> None:
        self.begins, self.history, self.failure = run.step, run.history, ""
        self.accuracies: dict[int, float] = {}
        self.frames: dict[int, Tensor] = {}
        self._run: Run | None = run.copy()
        self._batches: tuple[Any, ...] = batches_of(self._run)

    def keep_up(self, step: int) -> None:
        """Take steps until there are so many."""
        while self._run and self._run.step < step and not self.failure:
            labelled, unlabelled = (batches[self._run.step] for batches in self._batches)
            one_step(self._run, labelled, *unlabelled)

    def observe(self, latents: Tensor, steps: Iterable[int], held_out: tuple[Tensor, Tensor] | None = None) -> None:
        """Read what it has measured, make images of latents, and score it on held-out images and their labels.

        Args:
            steps: of which images are to be kept.
        """
        if self._run is None or self.failure:
            return
        try:
            stop_if_diverged(self._run)
        except DivergedError as error:
            self.failure = str(error)
        self.history = self._run.history
        images = self.frames | {self._run.step: generate(self._run.generator, latents)}
        self.frames = {step: images[step] for step in steps if step in images}
        if held_out and not self.failure:
            self.accuracies[self._run.step] = accuracy(self._run.classifier(), *held_out)

    def end(self, run: Run) -> None:
        """What comes after the last step, if ``run`` has done so: a student."""
        if run.student and self._run and not self.failure:
            teach_student(self._run)

    def rest(self) -> None:
        """Keep what was measured and nothing else."""
        self._run, self._batches = None, ()


class Steering:
    """What somebody asks of a run that goes: changes that wait for the end of a step, and a twin from the first on.

    One thread asks, the run's own thread takes.

    Args:
        config: with which the run begins.
        with_twin: whether the run without any change goes on beside it from the first change on.
        planned: changes that are known from the beginning: number of a step -> what changes after it.

    Attributes:
        twin: from the first change on, or since it was asked for; None before.
        with_twin: whether the next change makes one.
    """

    def __init__(
        self, config: SGANConfig, with_twin: bool = True, planned: dict[int, dict[str, Any]] | None = None
    ) -> None:
        self.planned = planned or {}
        self.twin: Twin | None = None
        self.with_twin, self._config = with_twin, config
        self._asked: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def config(self) -> SGANConfig:
        """With which the next step will be taken."""
        with self._lock:
            return self._config.but(**self._asked)

    @property
    def waiting(self) -> dict[str, Any]:
        """What has been asked for since the last step: field -> value."""
        with self._lock:
            return {name: value for name, value in self._asked.items() if value != getattr(self._config, name)}

    def ask(self, **fields: Any) -> None:
        """Change hyperparameters from the next step on.

        Raises:
            ConfigError: if that cannot be, see :func:`sgan_utils.support.changes.changed`.
        """
        with self._lock:
            after = changed(self._config, **self._asked | fields)
            self._asked |= {name: getattr(after, name) for name in fields}

    def take(self, run: Run) -> None:
        """Between two steps: let the run have what was asked for; before the first change, its twin is made."""
        with self._lock:
            asked, self._asked = self.planned.get(run.step, {}) | self._asked, {}
            if all(value == getattr(run.config, name) for name, value in asked.items()):
                return
            if self.with_twin and not self.twin and not run.changes:
                self.twin = Twin(run)
            change(run, **asked)
            self._config = run.config

    # What the run does with its twin, if there is one

    def keep_up(self, step: int) -> float:
        """Let the twin take as many steps; returns the seconds that it took."""
        before = time.perf_counter()
        if self.twin:
            self.twin.keep_up(step)
        return time.perf_counter() - before

    def observe(self, latents: Tensor, steps: Iterable[int], held_out: tuple[Tensor, Tensor] | None) -> None:
        """See :meth:`Twin.observe`."""
        if self.twin:
            self.twin.observe(latents, steps, held_out)

    def end(self, run: Run) -> None:
        """See :meth:`Twin.end`."""
        if self.twin:
            self.twin.end(run)

    def rest(self) -> None:
        """See :meth:`Twin.rest`."""
        if self.twin:
            self.twin.rest()
