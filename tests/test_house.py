"""The house keeps its plan: a small package that one reads in an hour, the machinery apart, and no circle."""

import ast
import graphlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("sgan_utils", "sgan_workshop")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 330


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(tree):
    """The modules that some code imports, names that may be modules among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports name their module in full, so that they can be followed"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_the_top(tree):
    """What is run when a module is imported: neither the inside of functions, nor what is for type checkers only."""
    kept, left = [], list(tree.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            left += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(node)  # into try, with, if, classes
    return ast.Module(kept, [])


def lines(path):
    return path.read_text(encoding="utf-8").count("\n")


def test_the_package_of_the_lessons_is_small():
    top = list((ROOT / "sgan_utils").glob("*.py"))
    assert len(top) <= 10
    assert sum(map(lines, top)) <= 2_000


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_its_first_line_says_whose_room_it_is(path):
    assert lines(path) <= MOST_LINES
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_what_the_lessons_import_never_imports_the_machinery():
    for path in (ROOT / "sgan_utils").rglob("*.py"):
        wrong = [name for name in imported(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith(PACKAGES[1])]
        assert not wrong, path


def test_lessons_import_the_small_package_only():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                source = re.sub(r"^\s*[%!].*$", "", "".join(cell["source"]), flags=re.MULTILINE)  # IPython's own lines
                ours = {name.split(".")[0] for name in imported(ast.parse(source))} & set(PACKAGES)
                assert ours <= {PACKAGES[0]}, path.name


def test_no_module_imports_itself_by_way_of_others():
    names = {name_of(path) for path in MODULES}
    graph = {
        name_of(path): {
            name for name in imported(at_the_top(ast.parse(path.read_text(encoding="utf-8")))) if name in names
        } - {name_of(path)}
        for path in MODULES
    }  # fmt: skip
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_training_speaks_of_no_process_signal_or_cluster():
    text = (ROOT / "sgan_utils" / "training.py").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z_]+", text.lower()))
    elsewhere = {"process", "processes", "signal", "signals", "cluster", "dask", "torchrun", "fabric", "rank", "tqdm"}
    assert not (elsewhere | {"save_checkpoint"}) & words
