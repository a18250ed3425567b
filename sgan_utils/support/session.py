"""What goes on around the steps of a run: progress, checkpoints, callbacks, Ctrl-C, and a check for divergence."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm.auto import tqdm

from sgan_utils.support.checkpoints import save_checkpoint
from sgan_utils.support.errors import DivergedError
from sgan_utils.support.run import Callback, History, Run

CHECK_EVERY = 50  # steps between two checks of the losses: at each, the CPU has to wait for the GPU


def steps_of(
    run: Run,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 1_000,
    progress: bool = True,
) -> Generator[int, None, None]:
    """The numbers of the steps that ``run`` still has to take; the caller takes each.

    After Ctrl-C, or a KeyboardInterrupt of a callback, there are no more, and ``run.stopped`` says why.

    Raises:
        DivergedError: if a loss is no longer finite.
    """
    started, saves = time.perf_counter() - run.train_seconds, checkpoint if run.team.is_first else None
    steps, silent = run.config.steps, not (progress and run.team.is_first)
    try:
        with tqdm(total=steps, initial=run.step, desc="training", unit="step", disable=silent) as bar:
            while run.step < steps:
                with _interrupted_afterwards():
                    yield run.step
                run.train_seconds = time.perf_counter() - started
                bar.update()
                save_now = checkpoint is not None and run.step % checkpoint_every == 0
                if run.step % CHECK_EVERY == 0 or run.step == steps or save_now:
                    stop_if_diverged(run)
                for callback in callbacks:
                    callback(run)
                if save_now or run.step == steps:
                    run.synchronise_buffers()
                if save_now and saves:
                    save_checkpoint(run, saves)
    except KeyboardInterrupt:
        run.stopped = f"interrupted after step {run.step} of {steps}"
    run.train_seconds = time.perf_counter() - started
    if checkpoint:
        stop_if_diverged(run)  # a run that was interrupted may have gone wrong since the last check
    if saves:
        save_checkpoint(run, saves)


def stop_after(step: int) -> Callback:
    """A callback for ``train``: end the run after so many steps, as Ctrl-C would."""

    def stop(run: Run) -> None:
        if run.step >= step:
            raise KeyboardInterrupt

    return stop


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Ctrl-C waits for the end, so that a run that was stopped, and its checkpoint, consist of whole steps."""
    asked = []
    try:
        usual = signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    except ValueError:  # in a thread, which Ctrl-C does not reach
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if asked:
        signal.raise_signal(signal.SIGINT)


def stop_if_diverged(run: Run) -> None:
    """Check what the run has measured so far.

    Raises:
        DivergedError: if a number in it, or of D's weights, is not finite; names the first.
    """
    seen = run.log.tensor()
    if not run.config.uses_generator:
        seen = seen[:, :1]  # the supervised loss is all that was measured
    if not seen.isfinite().all():
        row, column = (~seen.isfinite()).nonzero()[0].tolist()
        what = f"'{History.columns[column]}' is no longer a finite number in step {row + 1}"
    elif not all(weights.isfinite().all() for weights in run.last_discriminator.parameters()):
        what = f"D's weights are no longer finite numbers after step {run.step}"
    else:
        return
    rates = f"learning_rate_d (now {run.config.learning_rate_d})"
    if run.config.uses_generator:
        rates += f" or learning_rate_g (now {run.config.learning_rate_g})"
    raise DivergedError(f"{what} of {run.config.steps}: lower {rates}.", run)
