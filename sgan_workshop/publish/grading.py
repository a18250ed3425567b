"""A folder of submissions becomes a table: every exercise of every learner is checked in a process of its own."""

from __future__ import annotations

import contextlib
import csv
import json
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_whole
from sgan_workshop.publish.exercises import Exercise, exercises_of, read_notebook
from sgan_workshop.publish.notebooks import NOTEBOOKS

LARGEST_NOTEBOOK = 20e6  # bytes
LONGEST_ANSWER = 10_000  # bytes that a process may send
SOLVED = "solved"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute


def grade_folder(
    folder: Path, out: Path, only: str = "", seconds: float = 60.0, tell: Callable[[str], None] = lambda _: None
) -> list[dict[str, str]]:
    """Check all submissions and write a CSV with a row for each learner and a column for each exercise.

    Args:
        folder: holds a folder or one notebook for each learner.
        out: the CSV.
        only: grade only lessons whose name contains this.
        seconds: that one exercise may take.
        tell: is called with a line for each learner.

    Raises:
        SGANError: if the folder, a submission in it, or such a lesson does not exist.
    """
    exercises = [
        exercise for path in sorted(NOTEBOOKS.glob("*.ipynb")) if only in path.stem for exercise in exercises_of(path)
    ]
    if not exercises:
        raise SGANError(f"no lesson with exercises is named like {only!r}: name a number, such as --only 03.")
    learners = dict(_submissions(folder))
    if not learners:
        raise SGANError(
            f"{folder} holds no submission: put a folder with notebooks, or one notebook, for each learner."
        )
    rows = []
    for learner, notebooks in learners.items():
        answers = {exercise.title: _graded(exercise, notebooks, seconds) for exercise in exercises}
        solved = sum(answer == SOLVED for answer in answers.values())
        row = {"learner": learner, "solved": str(solved), "of": str(len(exercises)), **answers}
        rows.append({_harmless(name): _harmless(value) for name, value in row.items()})
        tell(f"{rows[-1]['learner']}: {solved} of {len(exercises)}")
    write_whole(out, lambda part: _write_csv(part, rows))
    return rows


def _submissions(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each learner's name and notebooks."""
    if not folder.is_dir():
        raise SGANError(f"there is no folder {folder}: name the one with the submissions.")
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            inside = sorted(path.rglob("*.ipynb"))
            yield path.name, [found for found in inside if ".ipynb_checkpoints" not in found.parts]
        elif path.suffix == ".ipynb":
            yield path.stem, [path]


def _graded(exercise: Exercise, notebooks: list[Path], seconds: float) -> str:
    """``SOLVED``, or a sentence."""
    message = "no notebook has this exercise."
    for path in sorted(notebooks, key=lambda path: path.stem != exercise.lesson):  # the lesson's own name first
        sources = _code_of(path)
        if isinstance(sources, str):
            message = sources
        elif path.stem == exercise.lesson or any(re.search(rf"\b{exercise.check}\b", source) for source in sources):
            return _in_a_process(exercise, sources, seconds)
    return message


def _code_of(path: Path) -> list[str] | str:
    """A notebook's code cells, or why it cannot be read."""
    try:
        if not path.is_file():
            return f"{path.name} is no file."
        if path.stat().st_size > LARGEST_NOTEBOOK:
            return f"{path.name} is larger than {LARGEST_NOTEBOOK / 1e6:.0f} MB: clear its outputs."
        return [str(cell.source) for cell in read_notebook(path).cells if cell.cell_type == "code"]
    except Exception as error:  # whatever is wrong with it costs only its own row
        return f"{path.name} is no notebook ({type(error).__name__})."


def _in_a_process(exercise: Exercise, sources: list[str], seconds: float) -> str:
    from sgan_workshop.publish.grading_process import answer_in_this_process

    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=answer_in_this_process, args=(exercise, sources, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            return f"not finished after {seconds:g} seconds."
        solved, message = json.loads(ours.recv_bytes(LONGEST_ANSWER))  # never unpickled: that would run code of theirs
        return SOLVED if solved is True else str(message)
    except (EOFError, OSError, ValueError, TypeError):
        return "the answer ended Python before the check was done."
    finally:
        ours.close()
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError, TypeError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started goes with it
        process.kill()
        process.join()


def _context() -> Any:
    """Processes that find the checks loaded, where the system can; each starts from the same clean server."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sgan_workshop.publish.grading_process"])
    return context


def _harmless(text: str) -> str:
    """A cell that a spreadsheet shows and does not compute, in one line."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def _write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # with a mark that tells a spreadsheet the encoding
        table = csv.DictWriter(file, fieldnames=rows[0])
        table.writeheader()
        table.writerows(rows)
