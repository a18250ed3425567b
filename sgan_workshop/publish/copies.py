"""The learner's own copies of the lessons: made once, kept for ever, and told when a lesson has a newer version."""

from __future__ import annotations

import difflib
from pathlib import Path

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_bytes
from sgan_workshop.publish.exercises import read_notebook
from sgan_workshop.publish.notebooks import NOTEBOOKS, ROOT

COPIES = ROOT / "my_lessons"  # git ignores it
AS_COPIED = ".as_copied"  # below the copies: the lessons as they were when they were copied


def copy_lessons(copies: Path = COPIES, lessons: Path = NOTEBOOKS) -> list[str]:
    """Copy the lessons that are not there yet. A copy that its owner changed or ran is never touched.

    Returns:
        A sentence for each lesson that has become newer than the copy.

    Raises:
        SGANError: if the copies cannot be written.
    """
    notes = []
    try:
        for lesson in sorted(lessons.glob("[0-9][0-9]_*.ipynb")):
            copy, as_copied, newest = copies / lesson.name, copies / AS_COPIED / lesson.name, lesson.read_bytes()
            untouched = as_copied.exists() and copy.exists() and copy.read_bytes() == as_copied.read_bytes()
            if untouched or not copy.exists():
                write_bytes(as_copied, newest)
                write_bytes(copy, newest)
            elif not as_copied.exists():
                notes.append(f"{copy.name} is not a copy that was made here: rename it to get the lesson.")
            elif as_copied.read_bytes() != newest:
                notes.append(
                    f"{lesson.stem} has a newer version, and you have worked in yours, which stays as it is. "
                    f"See what is new: sgan lab --diff {lesson.stem[:2]}. To get it, rename yours and start again."
                )
    except OSError as error:
        raise SGANError(
            f"your copies of the lessons cannot be written to {copies} ({error.strerror}): name another place, "
            "such as sgan lab --folder my_lessons."
        ) from error
    return notes


def changes_of(name: str, copies: Path = COPIES, lessons: Path = NOTEBOOKS) -> str:
    """What a lesson's newest version says otherwise than the one that was copied, line by line; outputs left out.

    Raises:
        SGANError: if no copy has a name like that.
    """
    found = [path for path in sorted((copies / AS_COPIED).glob("*.ipynb")) if name in path.stem]
    if not found:
        raise SGANError(f"there is no copy of a lesson named like {name!r} in {copies}: name a number, such as 03.")
    lines: list[str] = []
    for old in found:
        new = lessons / old.name
        if new.exists():
            titles = (f"{old.stem}, as you got it", f"{old.stem}, newest version")
            lines += difflib.unified_diff(_lines_of(old), _lines_of(new), *titles, n=2, lineterm="")
    return "\n".join(lines)


def _lines_of(path: Path) -> list[str]:
    return [line for cell in read_notebook(path).cells for line in [*cell.source.splitlines(), ""]]
