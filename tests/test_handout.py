"""What learners and teachers are handed."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sgan_workshop.publish.exercises import exercises_of
from sgan_workshop.publish.handout import build_handout
from sgan_workshop.publish.notebooks import NOTEBOOKS
from sgan_workshop.publish.output import MARKER


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handout") / "both"
    build_handout(folder)
    return folder


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def sources(cells):
    """What the cells say; pages that the lessons link to come along in another place."""
    return [cell.source.replace("](../docs/", "](docs/") for cell in cells]


def is_answer(cell):
    return "solution" in cell.metadata.get("tags", [])


LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("name", LESSONS)
def test_learners_get_every_cell_but_the_solutions(handout, name):
    ours, theirs = cells_of(NOTEBOOKS / name), cells_of(handout / "learners" / name)
    left_out = [source for source in sources(ours) if source not in sources(theirs)]
    answers = [cell.source for cell in ours if is_answer(cell)]
    assert answers
    assert set(answers) <= set(left_out)
    assert all("(unfold the next cell" in source for source in set(left_out) - set(answers))
    assert [source for source in sources(ours) if source not in left_out] == sources(theirs)
    assert not any(is_answer(cell) for cell in theirs)


@pytest.mark.parametrize("name", LESSONS)
def test_learners_see_no_output_that_needs_an_answer_and_all_others(handout, name):
    outputs = {cell.source: cell.outputs for cell in cells_of(NOTEBOOKS / name) if cell.cell_type == "code"}
    for cell in cells_of(handout / "learners" / name):
        if cell.cell_type == "code":
            if "check_" in cell.source and "import" not in cell.source:
                assert not cell.outputs
                assert cell.execution_count is None
            elif cell.outputs:
                assert cell.outputs == outputs[cell.source]
    text = json.dumps(cells_of(handout / "learners" / name))
    assert "Not yet: " not in text
    assert "✓" not in text


@pytest.mark.parametrize("who", ["learners", "teacher"])
def test_every_link_of_a_handout_to_a_file_leads_to_one(handout, who):
    pages = [path.read_text(encoding="utf-8") for path in sorted((handout / who / "docs").glob("*.md"))]
    links = {link for page in pages for link in re.findall(r"\]\(\.\./([^)#]+)", page)}
    readme = (handout / who / "README.md").read_text(encoding="utf-8")
    links |= set(re.findall(r"\]\((?!https?:|#)([^)#]+)", readme))
    for path in sorted((handout / who).glob("*.ipynb")):
        text = "\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "markdown")
        links |= set(re.findall(r"\]\((?!https?:)([^)#]+)", text))
    assert "docs/glossary.md" in links
    assert [link for link in sorted(links) if not (handout / who / link).exists()] == []


@pytest.mark.parametrize("name", LESSONS)
def test_the_teacher_gets_everything_with_the_solutions_open(handout, name):
    ours, theirs = cells_of(NOTEBOOKS / name), cells_of(handout / "teacher" / name)
    assert sources(ours) == sources(theirs)
    for cell in filter(is_answer, theirs):
        assert "hide-input" not in cell.metadata["tags"]
        assert not cell.metadata.get("jupyter", {}).get("source_hidden")


def test_what_needs_an_answer_loses_its_output_even_without_a_check(tmp_path):
    notebook = new_notebook(
        cells=[
            new_code_cell("from sgan_utils.exercises.models import check_output_size"),
            new_code_cell("def mine(*given):\n    return ...\n\n\ncheck_output_size(mine)", outputs=said("Not yet")),
            new_markdown_cell("*Solution (unfold the next cell)*"),
            new_code_cell("def mine(s, k, t, p):\n    return 3", metadata={"tags": ["solution"]}),
            new_code_cell("print(mine(28, 5, 2, 2))", outputs=said("3")),
            new_code_cell("print(1 + 1)", outputs=said("2")),
        ]
    )
    (tmp_path / "from").mkdir()
    nbformat.write(notebook, tmp_path / "from" / "01_x.ipynb")
    build_handout(tmp_path / "to", tmp_path / "from")
    cells = cells_of(tmp_path / "to" / "learners" / "01_x.ipynb")
    assert [len(cell.outputs) for cell in cells] == [0, 0, 0, 1]


def said(text):
    return [nbformat.v4.new_output("stream", text=f"{text}\n")]


def test_a_handout_replaces_a_handout_and_nothing_else(sgan, tmp_path):
    code, out, _ = sgan("handout", "--out", tmp_path / "h")
    assert code == 0
    assert f"{len(LESSONS)} notebooks" in out
    (tmp_path / "h" / "learners" / LESSONS[0]).write_text("spoilt")
    assert sgan("handout", "--out", tmp_path / "h")[0] == 0
    assert cells_of(tmp_path / "h" / "learners" / LESSONS[0])
    assert (tmp_path / "h" / MARKER).exists()
    assert "learners get wrong" in (tmp_path / "h" / "teacher" / "README.md").read_text()

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    code, _, err = sgan("handout", "--out", tmp_path / "mine")
    assert code == 1
    assert "has not made" in err
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_every_exercise_of_every_lesson_is_found():
    for name in LESSONS:
        found = exercises_of(NOTEBOOKS / name)
        assert len(found) >= 2, name
        assert len({exercise.title for exercise in found}) == len(found)
