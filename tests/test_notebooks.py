"""The shape that every lesson has. That they run and print what is stored, nbval checks cell by cell."""

import ast
import re
import statistics
import tempfile
from pathlib import Path

import nbformat
import pytest

from sgan_workshop.publish.notebooks import NOTEBOOKS, RESULT_TAG

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
CAPSTONE = NOTEBOOKS / "09_capstone.ipynb"
# The capstone is one large exercise, not a lesson: it has eight checks instead of two, and shows nothing.
ONLY_LESSONS_HAVE = {
    "test_ends_with_what_can_go_wrong_summary_quiz_and_references",
    "test_has_two_to_four_exercises_each_with_a_check_and_a_folded_solution_that_is_asserted",
    "test_has_a_widget_and_pictures",
}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    if request.param == CAPSTONE and request.function.__name__ in ONLY_LESSONS_HAVE:
        pytest.skip("the capstone is not a lesson")
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def tags(cell):
    return cell.metadata.get("tags", [])


def test_is_a_valid_notebook(notebook):
    nbformat.validate(notebook)


def test_is_stored_executed_in_order_from_1(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_stores_no_error_no_widget_state_and_no_progress_bar(notebook):
    assert "widgets" not in notebook.metadata
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert "step/s" not in str(output)


def test_is_small(path):
    assert path.stat().st_size < 300_000


def test_has_a_readable_number_of_short_cells(notebook):
    assert 25 <= len([cell for cell in notebook.cells if "colab" not in tags(cell)]) <= 45
    lengths = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    assert statistics.median(lengths) <= 8
    assert max(lengths) <= 22  # a class, or the two steps of training, stands on one screen


def test_begins_with_title_time_goals_and_needs(path, notebook):
    number = int(path.stem[:2])
    opening = notebook.cells[0].source
    assert opening.startswith(f"# {number}. ")
    assert re.search(r"\d+ (seconds|minutes)", opening)
    assert "Afterwards you can" in opening
    assert len(re.findall(r"^[-*] ", opening, flags=re.MULTILINE)) >= 3


def test_ends_with_what_can_go_wrong_summary_quiz_and_references(notebook):
    text = prose(notebook)
    for heading in ("What can go wrong", "Summary", "Quiz", "References"):
        assert re.search(rf"^#+ .*{heading}", text, flags=re.MULTILINE), heading
    assert text.count("<details>") == text.count("</details>") == 3


def test_links_to_the_next_lesson(path, notebook):
    position = PATHS.index(path)
    if position + 1 < len(PATHS):
        assert PATHS[position + 1].name in prose(notebook)


def test_has_two_to_four_exercises_each_with_a_check_and_a_folded_solution_that_is_asserted(notebook):
    solutions = [cell for cell in code_cells(notebook) if "solution" in tags(cell)]
    checks = set()
    for cell in solutions:
        assert cell.metadata["jupyter"]["source_hidden"]
        assert "hide-input" in tags(cell)
        checks.add(re.search(r"assert (check_\w+)\(", cell.source)[1])
    assert 2 <= len(checks) <= 4
    for check in checks:
        stubs = [cell for cell in code_cells(notebook) if f"{check}(" in cell.source and cell not in solutions]
        assert any("Not yet" in str(cell.outputs) for cell in stubs), check


def test_prints_one_main_result(notebook):
    cells = [cell for cell in code_cells(notebook) if RESULT_TAG in tags(cell)]
    assert len(cells) == 1
    assert cells[0].outputs[-1].text.strip()


def test_has_a_widget_and_pictures(notebook):
    shown = [set(output.get("data", {})) for cell in code_cells(notebook) for output in cell.outputs]
    assert any("application/vnd.jupyter.widget-view+json" in kinds for kinds in shown)
    assert sum("image/png" in kinds for kinds in shown) >= 4


def test_every_picture_is_described_for_those_who_cannot_see_it(notebook):
    for cell in code_cells(notebook):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert 40 < len(cell.metadata.get("alt", "")) < 260, cell.source


def test_pictures_are_named_for_nbval_by_ending_with_show(notebook):
    for cell in code_cells(notebook):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert "text/plain" in str(cell.outputs)
            assert not re.search(r"<Axes", str(cell.outputs)), cell.source


# What lessons write under the package's names; tests/test_lessons_build.py compares each with the package's.
BUILT = {
    "02_models": {"Generator", "Discriminator", "Belief", "two_heads", "n_plus_1_head", "n_head"},
    "03_training": {
        "supervised_loss",
        "unsupervised_loss",
        "non_saturating_loss",
        "discriminator_step",
        "generator_step",
    },
}


def test_imports_by_name_and_what_it_builds_under_the_packages_names_is_compared_with_it(path, notebook):
    import sgan_utils.data
    import sgan_utils.evaluation
    import sgan_utils.losses
    import sgan_utils.models
    import sgan_utils.training

    modules = (sgan_utils.data, sgan_utils.evaluation, sgan_utils.losses, sgan_utils.models, sgan_utils.training)
    package = {name for module in modules for name in vars(module)}
    defined = set()
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and "solution" not in tags(cell):
                defined.add(node.name)
    assert defined & package == BUILT.get(path.stem, set())


def test_names_no_place_of_this_machine(path):
    text = path.read_text()
    for place in (NOTEBOOKS.parent, Path.home(), tempfile.gettempdir()):
        assert f"{place}/" not in text


def test_the_rules_that_the_capstone_need_not_keep_are_rules():
    assert set(globals()) >= ONLY_LESSONS_HAVE


def test_the_capstone_has_eight_parts_that_are_asked_while_nothing_is_written():
    cells = code_cells(nbformat.read(CAPSTONE, as_version=4))
    asked = [cell for cell in cells if re.match(r"\w+ = \.\.\.  # your code", cell.source)]
    assert len(asked) == 8
    for cell in asked:
        assert "Not yet: nothing is written here yet" in "".join(output.text for output in cell.outputs)


def test_the_capstone_has_a_folded_model_answer_that_passes_every_check_and_imports_nothing_of_ours():
    cells = code_cells(nbformat.read(CAPSTONE, as_version=4))
    given, answer = ([cell for cell in cells if ("solution" in tags(cell)) == told] for told in (False, True))
    for cell in answer:
        assert cell.metadata["jupyter"]["source_hidden"]
        assert "hide-input" in tags(cell)
        assert "sgan_utils" not in cell.source
    checks = set(re.findall(r"check_\w+", given[1].source))
    assert len(checks) == 8
    assert set(re.findall(r"assert (check_\w+)\(", "\n".join(cell.source for cell in answer))) == checks
