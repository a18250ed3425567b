"""The lessons to hand out: one copy with stubs alone for learners, one with everything unfolded for the teacher."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sgan_workshop.publish.exercises import defines, imported_checks, is_solution, parsed, read_notebook, uses
from sgan_workshop.publish.notebooks import NOTEBOOKS, ROOT
from sgan_workshop.publish.output import replace_folder

LEARNERS, TEACHER = "learners", "teacher"
POINTS_AT_SOLUTION = re.compile(r"^\*.*\(unfold the next cells?\)\.?\*$")  # a cell of this line alone
LINKED = ("glossary.md", "maths.md")  # pages that lessons lead to
FOR_TEACHERS = ("capstone.md",)  # and those that the teacher's README leads to
WELCOME = """# The lessons

Open the notebooks in order, with `jupyter lab` in this folder, where the workshop is installed. Each exercise has a
stub with dots: write your answer in their place and run the cell. The check answers in words, as often as you like.

Hand in your notebooks under the names that they have, in a folder with your own name.
"""


def build_handout(folder: Path, notebooks: Path = NOTEBOOKS) -> list[str]:
    """Write the learners' notebooks and the teacher's; an earlier handout is replaced when both are whole.

    Returns:
        The names of the notebooks.

    Raises:
        SGANError: if the folder holds anything else than a handout.
    """
    return replace_folder(folder, lambda fresh: _fill(fresh, notebooks), "handout")


def _fill(folder: Path, notebooks: Path) -> list[str]:
    import nbformat

    paths = sorted(notebooks.glob("*.ipynb"))
    for who, make in ((LEARNERS, for_learners), (TEACHER, for_the_teacher)):
        (folder / who).mkdir()
        for path in paths:
            notebook = make(read_notebook(path))
            for cell in notebook.cells:
                cell.source = cell.source.replace("](../docs/", "](docs/")
            nbformat.write(notebook, folder / who / path.name)
    _copy_pages(folder / LEARNERS, LINKED)
    _copy_pages(folder / TEACHER, LINKED + FOR_TEACHERS)
    (folder / LEARNERS / "README.md").write_text(WELCOME, encoding="utf-8")
    (folder / TEACHER / "README.md").write_text(_teachers_readme(), encoding="utf-8")
    return [path.name for path in paths]


def _teachers_readme() -> str:
    """The page for teachers, with links to this folder's notebooks and pages."""
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8").replace("](../notebooks/", "](")
    for name in FOR_TEACHERS:
        text = text.replace(f"]({name}", f"](docs/{name}")
    return text.replace("[Open the lessons](opening.md)", "*Other ways to open it* in the workshop's README")


def _copy_pages(folder: Path, names: Iterable[str]) -> None:
    """Pages of the site, with links back to these notebooks."""
    (folder / "docs").mkdir()
    for name in names:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        (folder / "docs" / name).write_text(text.replace("](../notebooks/", "](../"), encoding="utf-8")


def for_learners(notebook: Any) -> Any:
    """A copy without solutions, and without the outputs of cells that an answer is needed for."""
    notebook = copy.deepcopy(notebook)
    asked = _names_of_exercises(notebook.cells)
    notebook.cells = [cell for cell in notebook.cells if not (is_solution(cell) or _points_at_solution(cell))]
    for cell in notebook.cells:
        if cell.cell_type == "code" and uses(parsed(cell.source)) & asked:
            cell.outputs, cell.execution_count = [], None
    return notebook


def for_the_teacher(notebook: Any) -> Any:
    """A copy whose solutions lie open."""
    notebook = copy.deepcopy(notebook)
    for cell in filter(is_solution, notebook.cells):
        cell.metadata.pop("jupyter", None)
        cell.metadata.tags = [tag for tag in cell.metadata.tags if tag != "hide-input"]
    return notebook


def _names_of_exercises(cells: list[Any]) -> set[str]:
    """Names whose value depends on an answer: what comes from the exercises' modules, and what answers define."""
    asked = set(imported_checks(cells))
    trees = [parsed(cell.source) for cell in cells if cell.cell_type == "code"]
    answers = [parsed(cell.source) for cell in cells if cell.cell_type == "code" and is_solution(cell)]
    for tree in answers:
        asked |= defines(tree) - _defined_elsewhere(trees, answers)
    return asked


def _defined_elsewhere(trees: list[ast.Module], answers: list[ast.Module]) -> set[str]:
    """Names that a cell gives a meaning to which neither is an answer nor asks for one."""
    answered = [ast.dump(tree) for tree in answers]
    plain = [
        tree for tree in trees if ast.dump(tree) not in answered and not any(n.startswith("check_") for n in uses(tree))
    ]
    return set().union(*map(defines, plain)) if plain else set()


def _points_at_solution(cell: Any) -> bool:
    return cell.cell_type == "markdown" and bool(POINTS_AT_SOLUTION.match(cell.source.strip()))
