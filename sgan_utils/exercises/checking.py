"""What all checks share: they try an answer on random inputs, never raise, and name a mistake by what it computes."""

from __future__ import annotations

import functools
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

Inputs = Callable[[torch.Generator], dict[str, Any]]  # random arguments by name, in the order in which they are given
Mistakes = Mapping[str, Callable | Sequence[Callable]]  # the sentence, and what computes the same as the mistake
SEEDS = 6  # inputs that an answer is tried on: no mistake is right on all of them by chance
UNFINISHED = "your function returns nothing. Replace the dots, and `return` the answer."
UNFINISHED_VALUE = "there are still dots in the place of your answer: replace them."
NOT_THE_LEARNERS = (
    "<frozen",
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("purelib", "stdlib")),
)


class NotYetError(Exception):
    """Carries the sentence that tells the learner what is not right yet."""


def check(examine: Callable[[], str]) -> bool:
    """Run ``examine``; print what it says, or what is not right yet; return whether the exercise is solved."""
    try:
        print("✓", examine())
    except NotYetError as reason:
        print("Not yet:", reason)
        return False
    except Exception as error:  # an answer so odd that even its examination fails
        print(f"Not yet: your answer cannot be read ({_in_words(error)}): compare it with what the exercise asks for.")
        return False
    return True


def need(condition: object, reason: str) -> None:
    """Go on if ``condition`` holds; else tell the learner ``reason``."""
    if not bool(condition):
        raise NotYetError(reason)


def call(function: Callable, *arguments: Any, **named: Any) -> Any:
    """The answer of the learner's function: no stub's, and reached without changing tensors that it was given.

    Args:
        function: the learner's. An error that it raises becomes a sentence with its line.
        arguments: for the function.
        named: more of them; they are handed over by position, and a sentence can call them by name.
    """
    need(function is not ..., UNFINISHED)
    need(callable(function), f"a function is wanted here, not {_kind(function)}: hand over its name, without brackets.")
    names = [*(f"argument {i + 1}" for i in range(len(arguments))), *(f"`{name}`" for name in named)]
    given = [*arguments, *named.values()]
    before = [value.detach().clone() if isinstance(value, Tensor) else None for value in given]
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            answer = function(*given)
    except (KeyboardInterrupt, NotYetError):
        raise
    except BaseException as error:  # whatever the learner's code may raise, exit() among it
        raise NotYetError(f"your function raised {_in_words(error)}{_where(error, names)}") from None
    for name, value, old in zip(names, given, before, strict=True):
        if old is not None:
            kept = value.shape == old.shape and torch.equal(value.detach(), old)
            need(kept, f"your function changes {name}, which it is given: work on a copy.")
    need(answer is not None and answer is not ..., UNFINISHED)
    return answer


def need_tensor(answer: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """Go on with ``answer`` if it is a tensor (or an array), of this shape if one is given."""
    need(isinstance(answer, Tensor | np.ndarray | np.generic), f"a tensor is wanted, yours is {_kind(answer)}.")
    found = torch.as_tensor(answer)
    fits = shape is None or tuple(found.shape) == shape
    need(fits, f"the answer should have shape {shape}, yours has shape {tuple(found.shape)}.")
    return found


def need_number(answer: Any) -> float:
    """Go on with ``answer`` if it is one number, of any library's type."""
    found = as_numbers(answer)
    need(found is not None and not isinstance(answer, bool | list | tuple), f"a number is wanted, not {_kind(answer)}.")
    assert found is not None
    need(found.numel() == 1, f"one number is wanted, yours are {found.numel()}, in shape {tuple(found.shape)}.")
    return float(found)


def need_pair(answer: Any, of: str = "two numbers") -> tuple[float, float]:
    """Go on with ``answer`` if it is two numbers: a tuple, a list, a tensor or an array."""
    found = as_numbers(answer)
    need(found is not None and found.shape == (2,), f"return {of}, not {_kind(answer)}.")
    assert found is not None
    return float(found[0]), float(found[1])


def as_numbers(answer: Any) -> Tensor | None:
    """Any numbers as one tensor, float64; None if ``answer`` is something else."""
    if isinstance(answer, list | tuple):
        parts = [as_numbers(part) for part in answer]
        alike = parts and all(part is not None and part.shape == parts[0].shape for part in parts)  # type: ignore[union-attr]
        return torch.stack(parts) if alike else None  # type: ignore[arg-type]
    try:
        found = answer.detach() if isinstance(answer, Tensor) else torch.as_tensor(np.asarray(answer))
        return None if found.is_complex() else found.to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def alike(answer: Any, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Whether two answers hold the same numbers in the same shape."""
    ours, theirs = as_numbers(answer), as_numbers(wanted)
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return False
    return torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)


def compare(
    function: Callable,
    inputs: Inputs,
    right: Callable,
    mistakes: Mistakes,
    form: Callable[[Any], Any] = need_tensor,
    tolerance: float = 1e-4,
    gradient_of: str = "",
    tell: Callable[[dict[str, Any], Any, Any], str] | None = None,
) -> list[Any]:
    """Go on if ``function`` computes what ``right`` does on several random inputs; else name its mistake.

    Args:
        function: the learner's.
        inputs: makes random arguments.
        right: a solution.
        mistakes: the sentence for each, tried in this order.
        form: complains of an answer that is no tensor, no number and so on.
        tolerance: up to which numbers count as equal.
        gradient_of: the argument whose gradient has to be right, too.
        tell: from arguments, right and learner's answer to the sentence for a mistake that is not known.

    Returns:
        The learner's answers.
    """
    cases = [functools.partial(_seeded, inputs, seed) for seed in range(SEEDS)]
    given = [case() for case in cases]
    answers = [call(function, **arguments) for arguments in given]
    wanted = [right(*case().values()) for case in cases]
    differs = [i for i in range(SEEDS) if not alike(answers[i], wanted[i], tolerance)]
    if differs and as_numbers(answers[0]) is not None:
        for sentence, computed in mistakes.items():
            for mistaken in computed if isinstance(computed, Sequence) else [computed]:
                made = (_tried(mistaken, case()) for case in cases)
                if all(map(functools.partial(alike, tolerance=tolerance), answers, made)):
                    raise NotYetError(sentence)
    for answer in answers:
        form(answer)
    if differs:
        i = differs[0]
        raise NotYetError((tell or side_by_side)(given[i], wanted[i], answers[i]))
    if gradient_of:
        for case, arguments, answer in zip(cases, given, answers, strict=True):
            fresh = case()
            _need_gradient(answer, arguments[gradient_of], right(*fresh.values()), fresh[gradient_of], gradient_of)
    return answers


def side_by_side(given: dict[str, Any], wanted: Any, answer: Any) -> str:
    """The right answer and the learner's, for a mistake that is not known."""
    ours, theirs = as_numbers(wanted), as_numbers(answer)
    assert ours is not None and theirs is not None
    if ours.shape != theirs.shape:
        return f"the answer should have shape {tuple(ours.shape)}, yours has shape {tuple(theirs.shape)}."
    if ours.dim() == 0:
        return f"it should be {ours:.4f} for our random input, yours is {theirs:.4f}."
    worst = int((ours - theirs).abs().nan_to_num(torch.inf).argmax())
    index = tuple(int(i) for i in np.unravel_index(worst, ours.shape))
    where = index[0] if len(index) == 1 else index
    return f"at index {where} it should be {ours[index]:.4g} for our random input, yours is {theirs[index]:.4g}."


def _seeded(inputs: Inputs, seed: int) -> dict[str, Any]:
    return inputs(torch.Generator().manual_seed(seed))


def _tried(mistaken: Callable, arguments: dict[str, Any]) -> Any:
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            return mistaken(*arguments.values())
    except Exception:  # a mistake that cannot be made with these arguments
        return None


def _need_gradient(answer: Any, source: Tensor, right: Tensor, right_source: Tensor, name: str) -> None:
    needs = "a loss has to hand its gradient on"
    flows = isinstance(answer, Tensor) and answer.requires_grad
    need(flows, f"the value is right, but it is cut off from `{name}`; {needs}: no .item(), .detach() or no_grad here.")
    (found,) = torch.autograd.grad(answer, source, allow_unused=True)
    (wanted,) = torch.autograd.grad(right, right_source)
    same = found is not None and alike(found, wanted)
    need(same, f"the value is right, but not its gradient for `{name}`; {needs}: is a part of it detached?")


def _kind(answer: Any) -> str:
    """What something is, in a word or two, for a sentence."""
    if isinstance(answer, str):
        return f"the text {answer[:40]!r}"
    if isinstance(answer, Tensor | np.ndarray):
        return f"a {type(answer).__name__} of shape {tuple(answer.shape)}"
    if isinstance(answer, int | float | np.number):
        return f"the number {answer:.5g}"
    kind = type(answer).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _in_words(error: BaseException) -> str:
    """An error's type, and the first line of its message if it has one."""
    try:
        message = (str(error).strip().splitlines() or [""])[0][:200]
    except Exception:  # an error of the learner's own whose text fails
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _where(error: BaseException, names: Iterable[str]) -> str:
    """The learner's line that raised, or what the function is called with where it was never entered."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    if not frames:
        return f" (it is called with {', '.join(names)})."
    line = f", `{frames[-1].line[:80]}`" if frames[-1].line else ""
    return f" (line {frames[-1].lineno}{line})."


def _is_ours(filename: str) -> bool:
    return filename.startswith(NOT_THE_LEARNERS)
