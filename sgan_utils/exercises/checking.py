"""What all checks share: they run the learner's function, never raise, and answer in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


class NotYetError(Exception):
    """Carries the sentence that tells the learner what is not right yet."""


def check(examine: Callable[[], str]) -> bool:
    """Run ``examine``; print what it says, or what is not right yet; return whether the exercise is solved."""
    try:
        print("✓", examine())
    except NotYetError as reason:
        print("Not yet:", reason)
        return False
    except Exception as error:  # whatever the learner's code may raise
        print(f"Not yet: your function raised {type(error).__name__}: {error}")
        return False
    return True


def call(function: Callable, *arguments: Any) -> Any:
    """The answer of the learner's function; the dots of an unfinished one are none."""
    answer = function(*arguments)
    if answer is None or answer is ...:
        raise NotYetError("your function returns nothing. Replace the dots, and `return` the answer.")
    return answer


def need(condition: object, reason: str) -> None:
    """Go on if ``condition`` holds; else tell the learner ``reason``."""
    if not bool(condition):
        raise NotYetError(reason)


def need_tensor(answer: Any, shape: tuple[int, ...]) -> Tensor:
    """Go on with ``answer`` if it is a tensor of this shape."""
    need(isinstance(answer, Tensor), f"a tensor is wanted, your function returns a {type(answer).__name__}.")
    need(tuple(answer.shape) == shape, f"the answer should have shape {shape}, yours has shape {tuple(answer.shape)}.")
    return answer
