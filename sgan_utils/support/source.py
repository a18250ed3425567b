"""The package's own source, as the lessons and the post show it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def show_source(function: Callable) -> Any:
    """The source of a function of the package as a notebook shows it: highlighted, without its docstring.

    So the lessons explain the very lines that run.
    """
    from IPython.display import Markdown

    return Markdown(source_of(function))


def source_of(function: Callable) -> str:
    """The source of a function without its docstring, as a block of code in Markdown."""
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    lines = source.splitlines()
    if ast.get_docstring(definition) is not None:
        del lines[definition.body[0].lineno - 1 : definition.body[0].end_lineno]
    return "```python\n" + "\n".join(lines) + "\n```"
