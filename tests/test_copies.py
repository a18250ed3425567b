"""A learner's day: own copies of the lessons, changed and kept, while git sees nothing and pulls without a conflict."""

import shutil
import subprocess

import nbformat
import pytest

from sgan_utils.support.errors import SGANError
from sgan_workshop.publish.copies import changes_of, copy_lessons
from sgan_workshop.publish.notebooks import NOTEBOOKS, ROOT

NAMES = ["01_data.ipynb", "02_models.ipynb", "03_training.ipynb"]


def git(folder, *arguments):
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    done = subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def origin(tmp_path):
    """A repository with three lessons."""
    folder = tmp_path / "origin"
    (folder / "notebooks").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(NOTEBOOKS / name, folder / "notebooks")
    shutil.copy(ROOT / ".gitignore", folder)
    shutil.copy(ROOT / ".gitattributes", folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "lessons")
    return folder


def say(path, text):
    """Work in a notebook: change a cell, and what it printed."""
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and "colab" not in str(cell.metadata))
    cell.source += f"\nprint({text!r})"
    cell.outputs = [nbformat.v4.new_output("stream", text=f"{text}\n")]
    nbformat.write(notebook, path)


def test_a_day_in_the_life_of_a_learner(origin, tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    mine, lessons = clone / "my_lessons", clone / "notebooks"
    assert copy_lessons(mine, lessons) == []
    for name in NAMES:  # the morning: three lessons are changed and run
        say(mine / name, "my own idea")
    worked = {name: (mine / name).read_bytes() for name in NAMES}
    assert git(clone, "status", "--porcelain") == ""
    assert copy_lessons(mine, lessons) == []  # lab is closed and opened again

    for name in NAMES[:2]:  # meanwhile two lessons become better
        say(origin / "notebooks" / name, "a better sentence")
    git(origin, "commit", "--quiet", "-am", "better")
    git(clone, "pull", "--quiet")
    notes = copy_lessons(mine, lessons)
    assert [note.split()[0] for note in notes] == ["01_data", "02_models"]
    assert "sgan lab --diff 01" in notes[0]
    assert "+print('a better sentence')" in changes_of("01", mine, lessons)
    assert "my own idea" not in changes_of("01", mine, lessons)
    assert changes_of("03", mine, lessons) == ""
    assert {name: (mine / name).read_bytes() for name in NAMES} == worked  # nothing is lost

    (mine / NAMES[0]).rename(mine / "01_data_mine.ipynb")  # the evening: the new version, beside the old work
    assert [note.split()[0] for note in copy_lessons(mine, lessons)] == ["02_models"]
    assert (mine / NAMES[0]).read_bytes() == (lessons / NAMES[0]).read_bytes()
    assert (mine / "01_data_mine.ipynb").read_bytes() == worked[NAMES[0]]
    assert git(clone, "status", "--porcelain") == ""


def test_a_copy_in_which_nobody_worked_is_renewed(origin, tmp_path):
    mine, lessons = tmp_path / "mine", origin / "notebooks"
    copy_lessons(mine, lessons)
    say(lessons / NAMES[0], "a better sentence")
    assert copy_lessons(mine, lessons) == []
    assert (mine / NAMES[0]).read_bytes() == (lessons / NAMES[0]).read_bytes()


def test_a_file_of_the_learners_own_with_a_lessons_name_stays(origin, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / NAMES[0]).write_text("mine")
    (note,) = copy_lessons(mine, origin / "notebooks")
    assert NAMES[0] in note
    assert (mine / NAMES[0]).read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named_with_the_cure(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SGANError, match="--folder"):
        copy_lessons(tmp_path / "file" / "mine", NOTEBOOKS)


def test_an_unknown_copy_is_named(tmp_path):
    with pytest.raises(SGANError, match="named like '77'"):
        changes_of("77", tmp_path, NOTEBOOKS)
