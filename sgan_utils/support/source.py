"""The package's own source, as the lessons and the post show it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

# Colours of its own, so that it reads well on a dark page too; a font and a scroll bar, because a notebook gives
# HTML that it did not make itself neither.
BOX = "background: #f8f8f8; color: #222; padding: 0.5em 0.8em; overflow-x: auto; max-height: 40em"
CODE = "font-family: monospace; font-size: 90%; line-height: 1.35; margin: 0; color: inherit; background: none"


def show_source(*functions: Callable, folded: bool = False) -> Any:
    """The source of functions of the package, without docstring, highlighted; ``folded`` opens it with a click only.

    So the lessons explain the very lines that run.
    """
    from IPython.display import HTML
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    formatter = HtmlFormatter(noclasses=True, style="default", cssstyles=BOX, prestyles=CODE)
    folds = [
        f"<details{'' if folded else ' open'}>"
        f"<summary><code>{function.__module__}.{function.__qualname__}</code></summary>"
        f"{highlight(_source(function), PythonLexer(), formatter)}</details>"
        for function in functions
    ]
    return HTML("".join(folds))


def source_of(function: Callable) -> str:
    """The source of a function without its docstring, as a block of code in Markdown."""
    return f"```python\n{_source(function)}\n```"


def _source(function: Callable) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    lines = source.splitlines()
    if ast.get_docstring(definition) is not None:
        del lines[definition.body[0].lineno - 1 : definition.body[0].end_lineno]
    return "\n".join(lines)
