"""The lessons run wherever notebooks are run: from another folder, by other programs, with pictures inside widgets."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from sgan_workshop.publish.notebooks import NOTEBOOKS, execute, lesson_paths

SHORT = lesson_paths("02")[0]  # a short lesson with an `interact` over a picture
STATE = "application/vnd.jupyter.widget-state+json"
# What is displayed inside a widget goes back to the kernel. Longer than this, jupyter_client sends it without a copy,
# and papermill and others may stand still: a picture that `interact` draws must be smaller.
LARGEST = 64_000


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
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to=notebook", "--inplace", SHORT.name]
    run_elsewhere(command, tmp_path)
    assert_executed(tmp_path / SHORT.name)


@pytest.mark.slow
def test_papermill_runs_a_lesson_from_another_folder(tmp_path):
    pytest.importorskip("papermill", reason="papermill is not installed: pip install papermill")
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(SHORT), "out.ipynb"]
    run_elsewhere(command, tmp_path)
    assert_executed(tmp_path / "out.ipynb")


@pytest.mark.slow
def test_what_interact_draws_is_small_enough_for_every_runner():
    notebook = nbformat.read(SHORT, as_version=4)
    execute(notebook, SHORT.parent)
    shown = [
        len(json.dumps(model["state"]))
        for model in notebook.metadata.widgets[STATE]["state"].values()
        if model["model_name"] == "OutputModel"
    ]
    assert max(shown) > 5_000  # there is a picture in it
    assert max(shown) < LARGEST
