"""The lessons run wherever notebooks are run: from another folder, by other programs, with pictures inside widgets."""

import os
import shutil
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient import output_widget

from sgan_workshop.publish.notebooks import NOTEBOOKS, execute, lesson_paths

SHORT = lesson_paths("02")[0]  # a short lesson with an `interact` over a picture
LIMIT = "--ExecutePreprocessor.timeout=120"  # seconds, after which nbclient looks again for a reply: see README.md


def run_elsewhere(command, folder):
    """Run a command in a folder outside of the project, as a user who has installed the workshop."""
    ours = {"PYTHONPATH": str(NOTEBOOKS.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=os.environ | ours, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-2000:]


def assert_executed(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


@pytest.mark.slow
def test_nbconvert_runs_a_lesson_from_another_folder(tmp_path):
    shutil.copy(SHORT, tmp_path)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to=notebook", "--inplace", LIMIT, SHORT.name]
    run_elsewhere(command, tmp_path)
    assert_executed(tmp_path / SHORT.name)


@pytest.mark.slow
def test_papermill_runs_a_lesson_from_another_folder(tmp_path):
    pytest.importorskip("papermill", reason="papermill is not installed: pip install papermill")
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar", "--execution-timeout", "120"]
    command = [*papermill, str(SHORT), "out.ipynb"]
    run_elsewhere(command, tmp_path)
    assert_executed(tmp_path / "out.ipynb")


SLIDER = """from ipywidgets import interact
interact(lambda number: print("x" * number), number=(1, 5));"""


@pytest.mark.timeout(120)
def test_a_run_goes_on_when_a_widget_is_answered_after_the_cell_has_ended(tmp_path, monkeypatch):
    publish = output_widget.OutputWidget._publish_msg

    def publish_late(*arguments, **named):  # as on a busy machine
        time.sleep(0.1)
        publish(*arguments, **named)

    monkeypatch.setattr(output_widget.OutputWidget, "_publish_msg", publish_late)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SLIDER) for _ in range(3)])
    execute(notebook, tmp_path, cell_timeout=600)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3]
