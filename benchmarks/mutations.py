"""Does a test notice when the code is wrong? One small change at a time, and the tests of its module are run.

``python -m benchmarks.mutations`` works in a clone of the last commit, with one process a core. What was tried is
kept in ``build/mutations.csv``; called again, it goes on with what is left. Survivors are printed: each is a missing
test, or a change that changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

from benchmarks.measure import ROOT

# What learners are told most about, and what numbers and saved work depend on: module -> tests that speak of it.
TARGETS = {
    "sgan_utils/losses.py": ["tests/test_losses.py"],
    "sgan_utils/data.py": ["tests/test_data.py"],
    "sgan_utils/training.py": ["tests/test_training.py", "tests/test_lessons_build.py", "tests/test_student.py"],
    "sgan_utils/support/checkpoints.py": ["tests/test_checkpoints.py"],
    "sgan_utils/support/rows.py": ["tests/test_rows.py"],
}
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
PATIENCE = 300  # seconds; tests that take longer have noticed something
OUT = ROOT / "build" / "mutations.csv"
FIELDS = ["module", "line", "change", "caught"]


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Every change of one operator, number, truth value, minus, ``not`` or ``raise``: line, change, changed source."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            changed = deepcopy(tree)
            _apply(list(ast.walk(changed))[number], change, changed)
            yield getattr(node, "lineno", 0), change, ast.unparse(changed)


def _changes(node: ast.AST) -> list[str]:
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        return [f"{type(node.op).__name__} -> {SWAPS[type(node.op)].__name__}"]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        return [f"{type(node.ops[0]).__name__} -> {SWAPS[type(node.ops[0])].__name__}"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return [f"{type(node.op).__name__} removed"]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return [f"{node.value} -> {_other(node.value)}"]
    return ["raise removed"] if isinstance(node, ast.Raise) else []


def _other(value: complex) -> complex:
    return (not value) if isinstance(value, bool) else value + 1


def _apply(node: ast.AST, change: str, tree: ast.AST) -> None:
    if isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant):
        node.value = _other(node.value)  # type: ignore[arg-type]
    else:
        _replace(tree, node, node.operand if isinstance(node, ast.UnaryOp) else ast.Pass())


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else super().visit(node)

    ast.fix_missing_locations(Replace().visit(tree))


def is_caught(clone: Path, module: str, source: str) -> bool:
    """Whether the tests of a module fail with this source in its place."""
    path = clone / module
    before = path.read_text(encoding="utf-8")
    path.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *TARGETS[module]]
    environment = os.environ | {"PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1", "SGAN_THREADS": "1"}
    try:
        done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(before, encoding="utf-8")
    return done.returncode == 1


def main() -> None:
    """Try as many changes of each module as asked for, chosen at random with a fixed seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=30, help="changes of each module (default: 30)")
    each = parser.parse_args().each
    tried = list(csv.DictReader(OUT.open(encoding="utf-8"))) if OUT.exists() else []
    done = {(row["module"], row["line"], row["change"]) for row in tried}
    wanted = []
    for module in TARGETS:
        every = list(mutants((ROOT / module).read_text(encoding="utf-8")))
        chosen = random.Random(0).sample(every, min(each, len(every)))
        wanted += [(module, *one) for one in chosen if (module, str(one[0]), one[1]) not in done]
    OUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, OUT.open("a", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        if not tried:
            table.writeheader()
        clones = [Path(folder) / str(number) for number in range(os.cpu_count() or 1)]
        for clone in clones:
            subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)], check=True)

        def work(clone: Path) -> None:
            while wanted:
                module, line, change, source = wanted.pop()
                row = {"module": module, "line": line, "change": change, "caught": is_caught(clone, module, source)}
                table.writerow(row)
                file.flush()

        with ThreadPoolExecutor(len(clones)) as pool:
            list(pool.map(work, clones))
    rows = list(csv.DictReader(OUT.open(encoding="utf-8")))
    for row in rows:
        if row["caught"] != "True":
            print(f"{row['module']}:{row['line']}: {row['change']} was noticed by no test")
    caught = sum(row["caught"] == "True" for row in rows)
    print(f"{caught} of {len(rows)} changes were noticed ({caught / max(1, len(rows)):.0%})")


if __name__ == "__main__":
    main()
