"""What goes on around the steps of a run: progress, checkpoints, callbacks, interruptions, a check for divergence."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
from tqdm.auto import tqdm

from sgan_utils.support.checkpoints import load_checkpoint, save_checkpoint
from sgan_utils.support.errors import DivergedError
from sgan_utils.support.files import in_use
from sgan_utils.support.run import Callback, History, Run
from sgan_utils.support.signals import afterwards, ending_as_ctrl_c

CHECK_EVERY = 50  # steps between two checks of the losses: at each, the CPU has to wait for the GPU
SAVE_SECONDS = 60  # between two saves at most, so that no interruption costs more


@contextmanager
def resuming(run: Run, checkpoint: Path | str | None) -> Iterator[None]:
    """Bring ``run`` to where its checkpoint stands, if there is one; inside, no other run may use the file.

    A signal that would have ended the process raises KeyboardInterrupt inside, and ends the process at the end.

    Raises:
        CheckpointError: if the file cannot be read or does not fit.
        FileError: if another run is using it.
    """
    if checkpoint is None:
        yield
        return
    signals: list[int] = []
    try:
        with ending_as_ctrl_c() as signals, in_use(checkpoint) if run.team.is_first else nullcontext():
            if Path(checkpoint).exists():
                load_checkpoint(run, checkpoint)
            yield
    finally:
        if signals:
            signal.raise_signal(signals[0])


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
    last_save, together = time.perf_counter(), run.team.size > 1
    whole_run: AbstractContextManager[list[int]] = afterwards() if together else nullcontext([])
    try:
        # The processes of a team must end, and save, after the same step: they ask each other at every check.
        with (
            tqdm(total=steps, initial=run.step, desc="training", unit="step", disable=silent) as bar,
            whole_run as asked,
        ):
            while run.step < steps:
                with nullcontext() if together else afterwards():
                    yield run.step
                run.train_seconds = time.perf_counter() - started
                bar.update()
                is_late = time.perf_counter() - last_save >= SAVE_SECONDS
                if together:
                    is_late = run.step % CHECK_EVERY == 0 and _anyone(run, is_late)
                save_now = checkpoint is not None and (run.step % checkpoint_every == 0 or is_late)
                if run.step % CHECK_EVERY == 0 or run.step == steps or save_now:
                    stop_if_diverged(run)
                for callback in callbacks:
                    callback(run)
                if save_now or run.step == steps:
                    run.synchronise_buffers()
                if save_now:
                    last_save = time.perf_counter()
                if save_now and saves:
                    save_checkpoint(run, saves)
                if together and run.step % CHECK_EVERY == 0 and _anyone(run, bool(asked)):
                    break
        if run.step < steps:  # another process of the team was asked to end
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        run.stopped = f"interrupted after step {run.step} of {steps}"
    run.train_seconds = time.perf_counter() - started
    if checkpoint:
        stop_if_diverged(run)  # a run that was interrupted may have gone wrong since the last check
    if saves:
        save_checkpoint(run, saves)


def _anyone(run: Run, wishes: bool) -> bool:
    """Whether any process of the team wishes something; all must ask at the same step."""
    mean = torch.tensor([float(wishes)], device=run.device)
    run.team.average([mean])
    return mean.item() > 0


def stop_after(step: int) -> Callback:
    """A callback for ``train``: end the run after so many steps, as Ctrl-C would."""

    def stop(run: Run) -> None:
        if run.step >= step:
            raise KeyboardInterrupt

    return stop


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
