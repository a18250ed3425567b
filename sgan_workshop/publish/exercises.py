"""The exercises of a notebook: which cells ask, which answer, and what each check is called with."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKS = "sgan_utils.exercises"
SOLUTION = "solution"  # tag of the cells that learners get no sight of


@dataclass(frozen=True)
class Exercise:
    """One call of a check in a lesson.

    Attributes:
        lesson: the notebook's name, such as ``"03_training"``.
        module: which has the check.
        check: its name.
        arguments: the call's, as they are written: ``"my_cross_entropy"``.
    """

    lesson: str
    module: str
    check: str
    arguments: str

    @property
    def title(self) -> str:
        """A short name, such as ``"03 cross_entropy"``."""
        return f"{self.lesson[:2]} {self.check.removeprefix('check_')}"


def read_notebook(path: Path) -> Any:
    """A notebook of the present format."""
    import nbformat

    return nbformat.read(path, as_version=4)


def parsed(source: str) -> ast.Module:
    """A cell's code without the lines that only Jupyter understands.

    Raises:
        SyntaxError: as Python says it.
    """
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def exercises_of(path: Path) -> list[Exercise]:
    """What a lesson asks, in its order."""
    found = []
    cells = read_notebook(path).cells
    modules = imported_checks(cells)
    for cell in cells:
        if cell.cell_type == "code" and not is_solution(cell):
            for call in check_calls(parsed(cell.source)):
                name = call.func.id  # type: ignore[attr-defined]
                if name in modules:
                    arguments = ", ".join(map(ast.unparse, [*call.args, *call.keywords]))
                    found.append(Exercise(path.stem, modules[name], name, arguments))
    return found


def is_solution(cell: Any) -> bool:
    """Whether a cell shows an answer."""
    return SOLUTION in cell.metadata.get("tags", [])


def imported_checks(cells: list[Any]) -> dict[str, str]:
    """Every name that the cells import from the exercises' modules, and from which."""
    return {
        alias.asname or alias.name: str(node.module)
        for cell in cells
        if cell.cell_type == "code"
        for node in ast.walk(parsed(cell.source))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(CHECKS)
        for alias in node.names
    }


def check_calls(tree: ast.AST) -> list[ast.Call]:
    """The calls of checks in some code."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [call for call in calls if call.func.id.startswith("check_")]  # type: ignore[attr-defined]


def uses(tree: ast.AST) -> set[str]:
    """The names that some code reads."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def defines(tree: ast.Module) -> set[str]:
    """The names that a cell gives a meaning to."""
    found: set[str] = set()
    left: list[ast.AST] = [*tree.body]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif not isinstance(node, ast.Lambda):
            left += ast.iter_child_nodes(node)  # into if, for, with, try and assignments
    return found
