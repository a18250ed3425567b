"""Hyperparameters that change while a run goes: which of them can, and how to repeat a run with its changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.run import Callback, Run, trains

# What each step reads anew, and how it is called beside a curve. All else is built in when a run begins: networks,
# batches, the labelled draw, what the last step is.
CHANGEABLE = {
    "generator_loss": "loss",
    "learning_rate_d": "D's rate",
    "learning_rate_g": "G's rate",
    "learning_rate_decay": "rate decay",
    "adam_beta1": "beta1",
    "supervised_weight": "supervised",
    "unsupervised_weight": "unsupervised",
    "label_smoothing": "smoothing",
    "augmentation": "augment.",
    "input_noise": "noise",
    "noise_decay": "noise decay",
    "consistency_weight": "consistency",
    "consistency_augmentation": "cons. augm.",
    "consistency_start": "cons. start",
    "confidence": "confidence",
    "balance": "balance",
}


def changed(config: SGANConfig, **fields: Any) -> SGANConfig:
    """The configuration with which a run goes on, once some fields have changed.

    Raises:
        ConfigError: if a field is unknown, out of range, or cannot change while a run goes.
    """
    after = config.but(**fields)
    for name in fields:
        if name not in CHANGEABLE and getattr(after, name) != getattr(config, name):
            raise ConfigError(
                f"{name} must be the same in all steps of a run: stop the run, and start another with it."
            )
    if after.uses_generator != config.uses_generator:
        raise ConfigError(
            "unsupervised_weight must be 0 in all steps of a run or in none, for it says whether there is a G: stop "
            "the run, and start another with it."
        )
    if not trains(after):
        raise ConfigError("supervised_weight must be above 0 where no other loss has a weight.")
    return after


def change(run: Run, **fields: Any) -> None:
    """Let a run go on with other hyperparameters from its next step on, and note that down in ``run.changes``.

    Raises:
        ConfigError: see :func:`changed`.
    """
    after = changed(run.config, **fields)
    new = {name: getattr(after, name) for name in fields}  # as the configuration has it: 1 becomes 1.0
    run.changes += [(run.step, name, value) for name, value in new.items() if value != getattr(run.config, name)]
    run.config = after
    for optimizer in (run.optimizer_d, run.optimizer_g):
        optimizer.param_groups[0]["betas"] = (after.adam_beta1, 0.999)


def changing(changes: Mapping[int, Mapping[str, Any]]) -> Callback:
    """A callback for ``train``: change hyperparameters after some steps.

    Args:
        changes: number of a step -> what changes after it. A run that is resumed is given the same changes again: its
            checkpoint knows which of them it has had.

    Raises:
        ConfigError: if a step is not a whole number from 1 on; while training, see :func:`changed`.

    Example:
        >>> run = train(config, callbacks=[changing({100: {"learning_rate_d": 0.001}})])
    """
    for step in changes:
        if isinstance(step, bool) or not isinstance(step, int) or step < 1:
            raise ConfigError(
                f"hyperparameters change after step 1 or a later one, got {step!r}: what holds from the beginning "
                "stands in the configuration."
            )

    def apply(run: Run) -> None:
        if run.step in changes:
            change(run, **changes[run.step])

    return apply


def by_step(changes: list[tuple[int, str, Any]]) -> dict[int, dict[str, Any]]:
    """What a run has noted down, as :func:`changing` wants it."""
    steps: dict[int, dict[str, Any]] = {}
    for step, name, value in changes:
        steps.setdefault(step, {})[name] = value
    return steps
