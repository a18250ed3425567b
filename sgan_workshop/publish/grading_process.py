"""What runs in the process of one exercise of one submission: the learner's cells, then the check.

Whatever the submission does here, it does to this process: time, memory and what it may write have an end, and the
process that asked reads nothing but a short line of JSON from it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import linecache
import os
import re
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import Any

import torch

from sgan_utils import data, training  # noqa: F401 - loaded once, before the processes part
from sgan_workshop.publish.exercises import Exercise, check_calls, defines, parsed, uses

MEMORY = 6 * 2**30  # bytes; a lesson takes about one
LARGEST_FILE = 50 * 2**20  # bytes
LONGEST = 400  # characters of a sentence


def answer_in_this_process(exercise: Exercise, sources: list[str], connection: Connection) -> None:
    """Send whether the exercise is solved, and what the check says."""
    _set_limits()
    with tempfile.TemporaryDirectory(prefix="sgan-grade-") as folder:
        os.chdir(folder)
        solved, message = grade(exercise, sources)
        connection.send_bytes(json.dumps([solved, message[:LONGEST]]).encode())
        os.chdir(os.path.sep)
    connection.close()


def grade(exercise: Exercise, sources: list[str]) -> tuple[bool, str]:
    """Run what the exercise needs of a submission's code cells, then its check.

    Args:
        exercise: of the lesson as it was handed out; a check that the submission redefines is not used.
        sources: the code cells.
    """
    check = getattr(importlib.import_module(exercise.module), exercise.check)
    call = ast.parse(f"_check({exercise.arguments})", mode="eval")
    try:
        namespace = _run(sources, uses(call) - {"_check"})
    except SyntaxError as error:
        return False, f"a cell cannot be read: {error.msg} in line {error.lineno}."
    except BaseException as error:  # exit() among it
        return False, f"a cell before the check raised {type(error).__name__}: {_first_line(error)}"
    missing = sorted(uses(call) - {"_check"} - set(namespace))
    if missing:
        return False, f"the notebook does not define {missing[0]}."
    printed = _LastWords()
    with contextlib.redirect_stdout(printed):
        try:
            solved = eval(compile(call, "<grading>", "eval"), namespace | {"_check": check})
        except BaseException as error:
            return False, f"{type(error).__name__}: {_first_line(error)}"
    lines = printed.getvalue().strip().splitlines() or [""]
    message = next((line for line in reversed(lines) if line.startswith(("✓", "Not yet"))), lines[-1])
    return solved is True, message


def _run(sources: list[str], needed: set[str]) -> dict[str, Any]:
    """Execute the cells that ``needed`` names depend on, in their order, without the learner's own calls of checks."""
    trees: list[tuple[int, ast.Module]] = []
    for number in range(len(sources) - 1, -1, -1):
        try:
            tree = parsed(sources[number])
        except SyntaxError:
            if any(re.search(rf"\b{name}\b", sources[number]) for name in needed):
                raise
            continue
        if defines(tree) & needed:
            tree.body = [statement for statement in tree.body if not check_calls(statement)]
            needed = needed | uses(tree)
            trees.append((number, tree))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(_LastWords()):
        for number, tree in reversed(trees):
            name = f"<cell {number + 1}>"
            linecache.cache[name] = (len(sources[number]), None, sources[number].splitlines(keepends=True), name)
            exec(compile(tree, name, "exec"), namespace)
    return namespace


class _LastWords(io.StringIO):
    """Keeps the end of what is printed, however much that is."""

    def write(self, text: str) -> int:
        latest = (self.getvalue() + text[-10_000:])[-10_000:]
        self.seek(0)
        self.truncate()
        super().write(latest)
        return len(text)


def _first_line(error: BaseException) -> str:
    try:
        return (str(error).strip().splitlines() or [""])[0][:200]
    except Exception:
        return ""


def _set_limits() -> None:
    os.environ["MPLBACKEND"] = "Agg"
    torch.set_num_threads(1)
    with contextlib.suppress(AttributeError, OSError):
        os.setsid()  # a group of its own, so that what it starts ends with it
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # it may print as much as it likes
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(1000)
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
