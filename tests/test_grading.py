"""What becomes of what learners hand in: each answer in a process of its own, with a time limit."""

import csv
import os
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from sgan_utils.support.errors import SGANError
from sgan_workshop.publish.grading import grade_folder

pytestmark = pytest.mark.slow

RIGHT_SIZE = (
    "def my_output_size(size, kernel, stride, padding):\n    return (size + 2 * padding - kernel) // stride + 1"
)
WRONG_SIZE = "def my_output_size(size, kernel, stride, padding):\n    return (size + 2 * padding - kernel) // stride"
RIGHT_REAL = "def my_probability_real(outputs):\n    return 1 - outputs.softmax(1)[:, 10]"
IMPORT = "import torch\nfrom sgan_utils.exercises.models import check_output_size, check_probability_real"


def submit(folder, learner, *cells, name="02_models.ipynb"):
    (folder / learner).mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), folder / learner / name)


HOSTILE = {
    "endless": ("def my_output_size(*given):\n    while True:\n        pass", "not finished after"),
    "endless cell": ("while True:\n    my_output_size = 1", "not finished after"),
    "exit": ("def my_output_size(*given):\n    exit()", "raised"),
    "exit at once": ("import os\nmy_output_size = os._exit(0)", "ended Python"),
    "crash": ("import os\nmy_output_size = os.abort()", "ended Python"),
    "syntax": ("def my_output_size(size:\n    return 3", "cannot be read"),
    "no such name": ("def other():\n    return 3", "does not define my_output_size"),
    "raises": ("my_output_size = undefined_name", "raised NameError"),
    "prints": ("def my_output_size(*given):\n    print('x' * 10**7)\n    return 3", "Not yet: "),
    "prints for ever": ("def my_output_size(*given):\n    while True:\n        print('x' * 10**6)", "not finished"),
    "own check": ("check_output_size = lambda f: True\nmy_output_size = lambda *given: 3", "PyTorch leaves"),
    "formula": ("def my_output_size(*given):\n    raise ValueError('\\n=1+1')", "Not yet: "),
    "wrong": (WRONG_SIZE, "so add 1"),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The table of a class of whom many hand in something odd, by learner."""
    folder = tmp_path_factory.mktemp("submissions")
    for learner, (cell, _) in HOSTILE.items():
        submit(folder, learner, IMPORT, cell, "check_output_size(my_output_size)")
    submit(
        folder, "good", IMPORT, f"%matplotlib inline\n{RIGHT_SIZE}\n\n\ncheck_output_size(my_output_size)", RIGHT_REAL
    )
    submit(folder, "renamed", IMPORT, RIGHT_SIZE, "check_output_size(my_output_size)", name="mine.ipynb")
    submit(folder, "=cmd|'calc'!A0", IMPORT, RIGHT_SIZE)
    submit(folder, "-1+1 ümlaut", IMPORT, RIGHT_SIZE)
    (folder / "empty").mkdir()
    (folder / "broken").mkdir()
    (folder / "broken" / "02_models.ipynb").write_text("{ this is no JSON")
    (folder / "nested").mkdir()
    (folder / "nested" / "02_models.ipynb").write_text("[" * 100_000)
    os.mkfifo(folder / "pipe.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(RIGHT_SIZE)]), folder / "02_models.ipynb")
    out = folder.parent / "grades.csv"
    seconds = grade_folder(folder, out, only="02", seconds=20)
    assert seconds
    with out.open(encoding="utf-8-sig", newline="") as file:
        return {row["learner"]: row for row in csv.DictReader(file)}


SIZE = "02 output_size"


def test_a_right_answer_is_solved_whatever_its_notebook_is_called(graded):
    assert (graded["good"]["solved"], graded["good"]["of"]) == ("2", "3")
    assert graded["good"][SIZE] == graded["renamed"][SIZE] == graded["02_models"][SIZE] == "solved"
    assert graded["renamed"]["02 probability_real"] == "the notebook does not define my_probability_real."


@pytest.mark.parametrize("learner", HOSTILE)
def test_a_hostile_or_broken_answer_costs_its_own_cell(graded, learner):
    assert HOSTILE[learner][1] in graded[learner][SIZE]
    assert graded[learner]["solved"] == "0"


def test_what_is_no_notebook_costs_its_own_row(graded):
    assert graded["empty"][SIZE] == "no notebook has this exercise."
    assert "is no notebook" in graded["broken"][SIZE]
    assert "is no notebook" in graded["nested"][SIZE]
    assert graded["pipe"][SIZE] == "pipe.ipynb is no file."


def test_a_spreadsheet_computes_nothing_of_the_table(graded):
    assert graded["'=cmd|'calc'!A0"][SIZE] == "solved"
    assert graded["'-1+1 ümlaut"][SIZE] == "solved"
    for row in graded.values():
        assert not any(str(cell).lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())
        assert all("\n" not in cell for cell in row.values())


def test_cells_that_an_answer_needs_are_run_and_no_others(tmp_path):
    add, answer = "def add(n):\n    return n + one", "return add(math.floor((s + 2 * p - k) / t))"
    submit(tmp_path, "ada", "exit()", "import math", "one = 1", add, f"def my_output_size(s, k, t, p):\n    {answer}")
    (row,) = grade_folder(tmp_path, tmp_path / "grades.csv", only="02", seconds=60)
    assert row[SIZE] == "solved"


def test_nothing_that_an_answer_starts_outlives_its_time(tmp_path):
    alive = tmp_path / "alive"
    loop = f"import time\nwhile True:\n    open({str(alive)!r}, 'a').write('x')\n    time.sleep(0.05)"
    start = f"import subprocess, sys\nmy_output_size = subprocess.Popen([sys.executable, '-c', {loop!r}]).wait()"
    submit(tmp_path, "eve", start)
    (row,) = grade_folder(tmp_path, tmp_path / "grades.csv", only="02", seconds=20)
    assert "not finished" in row[SIZE]
    before = alive.stat().st_size
    time.sleep(0.5)
    assert alive.stat().st_size == before


def test_what_cannot_be_graded_is_one_sentence(sgan, tmp_path):
    with pytest.raises(SGANError, match="there is no folder"):
        grade_folder(tmp_path / "nowhere", tmp_path / "grades.csv")
    with pytest.raises(SGANError, match="holds no submission"):
        grade_folder(tmp_path, tmp_path / "grades.csv")
    with pytest.raises(SGANError, match="no lesson with exercises"):
        grade_folder(tmp_path, tmp_path / "grades.csv", only="99")
    (tmp_path / "ada").mkdir()
    code, _, err = sgan("grade", tmp_path, "--out", tmp_path / "ada")
    assert code == 1
    assert "is a folder: name a file" in err
