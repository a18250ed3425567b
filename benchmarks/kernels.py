"""How long each lesson runs, what its kernel takes, and how many fit on a small server; tells docs/teaching.md.

``python -m benchmarks.kernels`` runs every lesson once, alone on an otherwise quiet machine.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from sgan_utils.results import Record
from sgan_utils.support.files import write_text
from sgan_workshop.publish.notebooks import NOTEBOOKS, execute
from sgan_workshop.records.provenance import provenance
from sgan_workshop.records.storage import save_record

PAGE = ROOT / "docs" / "teaching.md"
SERVER_CORES, SERVER_GB, SYSTEM_GB = 2, 24.0, 2.0  # of the server in the page, and what the hub and the system keep
PATIENCE = 3_000  # seconds for a cell: memory can be measured on a busy machine, too
CLASS = 10  # learners who press "run all" at the same moment
TABLE = re.compile(r"(<!-- kernels -->\n).*?(<!-- end of kernels -->)", flags=re.DOTALL)
ASK = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.measure import peak_memory_mb
print("kernel:", peak_memory_mb(), sum(os.times()[:2]))
"""


def measure(path: Path) -> dict[str, float]:
    """Run one lesson in a kernel of its own: its seconds, the most memory it holds in MB, and its seconds of a core."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    before = time.perf_counter()
    execute(notebook, path.parent, cell_timeout=PATIENCE)
    seconds = time.perf_counter() - before
    printed = "".join(output.text for output in notebook.cells[-1].outputs)
    _, memory, of_a_core = printed.split()
    return {
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(float(memory)),
        "cpu_seconds": round(float(of_a_core), 1),
    }


def as_table(about: dict[str, Any]) -> str:
    """The record as Markdown: a row a lesson, and what follows for the server."""
    lessons = about["lessons"]
    rows = [
        f"| {name} | {one['seconds']:.0f} s | {one['peak_memory_mb'] / 1000:.1f} GB | {one['cpu_seconds']:.0f} s | "
        f"{CLASS * one['cpu_seconds'] / SERVER_CORES / 60:.1f} min |"
        for name, one in lessons.items()
    ]
    most = max(one["peak_memory_mb"] for one in lessons.values()) / 1000
    fit = int((SERVER_GB - SYSTEM_GB) / most)
    head = ["| lesson | alone | memory at most | time of a core | "
            f"{CLASS} at once on {SERVER_CORES} cores |", "|---|---|---|---|---|"]  # fmt: skip
    verdict = (
        f"On {SERVER_CORES} cores and {SERVER_GB:.0f} GB, {fit} learners fit by memory ({SYSTEM_GB:.0f} GB kept for "
        f"the system, {most:.1f} GB each for the largest lesson). The last column is how long {CLASS} learners wait if "
        "all press *Run All* at the same moment."
    )
    made = f"Measured by `{about['command']}` ({about['date']}, {about['device']})."
    return "\n".join([*head, *rows, "", verdict, "", made, ""])


def write_table(about: dict[str, Any], page: Path = PAGE) -> None:
    """Put the table into its place on the page."""
    text = page.read_text(encoding="utf-8")
    write_text(page, TABLE.sub(lambda match: match[1] + as_table(about) + match[2], text))


def main() -> None:
    """Measure all lessons, save the record, write the table."""
    lessons = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        lessons[path.stem] = measure(path)
        print(path.stem, lessons[path.stem], file=sys.stderr)
    about = {"what": "kernels", "lessons": lessons} | provenance("python -m benchmarks.kernels")
    save_record(Record("kernels", about))
    write_table(about)


if __name__ == "__main__":
    main()
