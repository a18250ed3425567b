"""Errors that help: one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

from typing import Any

TORCH_PAIR_CURE = (
    "torch and torchvision are not a matched pair (often a CPU-only torch beside the package index's torchvision, or "
    "the other way round): install both in one go, from one place, in a new environment: "
    "pip install -c constraints.txt torch torchvision"
)


class SGANError(Exception):
    """Base of all errors that the package raises on purpose; catch this one to catch them all."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows what this returns instead of a stack of library frames.
        return [f"{type(self).__name__}: {self}"]


class ConfigError(SGANError, ValueError):
    """A hyperparameter is outside of its range, misspelt, or does not fit with another."""


class StateError(SGANError, ValueError):
    """A state of the playground that somebody handed on cannot be read."""


class DataError(SGANError, OSError):
    """The images are missing, damaged or incomplete."""


class FileError(SGANError, OSError):
    """A file cannot be written, or somebody else is using it."""


class CheckpointError(SGANError, ValueError):
    """A checkpoint cannot be read, or belongs to another configuration."""


class DivergedError(SGANError, ArithmeticError):
    """A loss is no longer a finite number; ``run`` holds what was reached until then."""

    def __init__(self, message: str, run: Any) -> None:
        super().__init__(message)
        self.run = run
