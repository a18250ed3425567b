"""Running lessons: outputs, pages that need no network, and errors that name the cell."""

import html
import re
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest

from sgan_utils.support.errors import SGANError
from sgan_utils.support.source import show_source
from sgan_utils.training import discriminator_step, train
from sgan_workshop.publish import notebooks
from sgan_workshop.publish.notebooks import lesson_paths, run_lesson, run_lessons
from sgan_workshop.publish.pages import write_appendices, write_page


@pytest.fixture
def notebook(tmp_path):
    def write(*cells: str):
        path = tmp_path / "01_tiny.ipynb"
        made = [nbformat.v4.new_markdown_cell("# 1. Tiny")]
        made += [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=made), path)
        return path

    return write


def test_running_a_lesson_leaves_the_notebook_alone_and_writes_a_page(notebook, tmp_path):
    path = notebook("print(6 * 7)")
    before = path.read_bytes()
    lesson = run_lesson(path, tmp_path / "pages")
    assert path.read_bytes() == before
    page = lesson.page.read_text()
    assert "42" in page
    assert "<title>1. Tiny</title>" in page


def test_outputs_are_kept_on_demand_without_progress_bars_and_timestamps(notebook, tmp_path):
    path = notebook("from tqdm.auto import tqdm\nfor _ in tqdm(range(3), unit='step'):\n    pass\nprint('done')")
    run_lesson(path, tmp_path, keep_outputs=True)
    stored = nbformat.read(path, as_version=4)
    cell = stored.cells[1]
    assert [output.get("text") for output in cell.outputs] == ["done\n"]
    assert cell.execution_count == 1
    assert "widgets" not in stored.metadata
    assert "execution" not in cell.metadata


def test_a_failing_cell_is_named_in_one_sentence_and_nothing_is_written(notebook, tmp_path):
    path = notebook("a = 1", "1 / 0", "print('never')")
    before = path.read_bytes()
    with pytest.raises(SGANError, match=r"^01_tiny.ipynb stopped in cell 3 of 4: ZeroDivisionError: division by zero$"):
        run_lesson(path, tmp_path / "pages", keep_outputs=True)
    assert path.read_bytes() == before
    assert not (tmp_path / "pages").exists()


ENDLESS = """import os, pathlib
pathlib.Path("begun").write_text(str(os.getpid()))
while True: pass
"""
RUN = """import sys
from pathlib import Path
from sgan_utils.support.signals import ending_as_ctrl_c
from sgan_workshop.publish.notebooks import run_lessons
with ending_as_ctrl_c():
    try:
        run_lessons([Path("lesson.ipynb")], Path("pages"))
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_lesson_that_is_interrupted_ends_at_once_with_its_kernel_and_without_a_stack(tmp_path, number):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ENDLESS)]), tmp_path / "lesson.ipynb")
    command, begun = [sys.executable, "-c", RUN], tmp_path / "begun"
    with subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
        while not (begun.exists() and begun.read_text()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("interrupted\n", "")
    kernel = int(begun.read_text())
    assert not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == psutil.STATUS_ZOMBIE


MEET = """import os, pathlib, time
pathlib.Path("{me}").write_text(os.environ["OMP_NUM_THREADS"])
while not pathlib.Path("{other}").exists():
    time.sleep(0.01)
print("met", "{other}")
"""


@pytest.fixture
def lessons(tmp_path):
    def write(*sources: str):
        paths = [tmp_path / f"0{number}_tiny.ipynb" for number in range(len(sources))]
        for path, source in zip(paths, sources, strict=True):
            cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["main-result"]})
            nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        return paths

    return write


def test_lessons_run_side_by_side_share_the_cores_and_are_listed_in_order(lessons, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(notebooks.os, "cpu_count", lambda: 6)
    paths = lessons(MEET.format(me="a", other="b"), MEET.format(me="b", other="a"))
    done = run_lessons(paths, tmp_path / "pages", at_a_time=2)
    assert [(lesson.name, lesson.result) for lesson in done] == [("00_tiny", "met b"), ("01_tiny", "met a")]
    assert (tmp_path / "a").read_text() == "3"


def test_a_lesson_that_fails_ends_the_others_and_is_named(lessons, tmp_path):
    paths = lessons(
        "print('never begun')",
        ENDLESS,
        "import pathlib, time\nwhile not pathlib.Path('begun').exists(): time.sleep(0.01)\n1 / 0",
    )
    begun = []
    with pytest.raises(SGANError, match=r"^02_tiny.ipynb stopped in cell 1 of 1: ZeroDivisionError"):
        run_lessons(paths, tmp_path / "pages", at_a_time=2, begun=begun.append)
    assert begun == paths[:0:-1]
    assert not psutil.pid_exists(int((tmp_path / "begun").read_text()))


def test_as_many_lessons_run_as_cores_and_memory_allow(monkeypatch):
    def machine(cores, gigabytes):
        monkeypatch.setattr(notebooks.os, "cpu_count", lambda: cores)
        memory = psutil.virtual_memory()._replace(available=gigabytes * 2**30)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
        return notebooks.how_many_at_a_time()

    assert (machine(2, 16), machine(16, 64), machine(16, 5), machine(1, 8), machine(4, 1)) == (2, 4, 2, 1, 1)


def test_a_page_asks_no_other_host_for_anything(tmp_path):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1. T\n\nAn equation: $\\frac{1}{2}$")])
    write_page(made, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert not re.findall(r"""(?:src|href)=["']https?://""", page)
    assert not re.findall(r"""(?:import|url\()\s*["']?https?://""", page)


def test_a_widget_becomes_a_remark_on_the_page(notebook, tmp_path):
    path = notebook("from ipywidgets import IntSlider\nIntSlider()")
    page = run_lesson(path, tmp_path).page.read_text()
    assert "open the lesson in JupyterLab" in page
    assert "IntSlider(value=0)" not in page


def test_a_printed_table_keeps_its_columns_where_a_sentence_is_wrapped(notebook, tmp_path):
    path = notebook("print('method   accuracy\\nSGAN         98.2')", "print('one sentence.  and\\nanother\\none')")
    page = run_lesson(path, tmp_path).page.read_text()
    assert '<pre class="columns">method   accuracy' in page
    assert "<pre>one sentence" in page


def test_solutions_fold_and_links_lead_to_pages(tmp_path):
    text = nbformat.v4.new_markdown_cell("# 1. T\n\nOn to [lesson 2](02_models.ipynb)")
    solution = nbformat.v4.new_code_cell("answer = 42", metadata={"tags": ["solution"]})
    write_page(nbformat.v4.new_notebook(cells=[text, solution]), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert 'href="02_models.html"' in page
    assert page.index("<summary>Solution") < page.index(">42<") < page.index("</details>")


def test_equations_become_mathml_and_code_stays_code(tmp_path):
    source = "# 1. T\n\n$$-\\log\\sigma(r)$$\n\nprice `$5` and\n\n```\n$x$\n```"
    write_page(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)]), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<math") == 1
    assert "<code>$5</code>" in page
    assert "$x$" in page


def test_show_source_is_the_running_source_without_the_docstring():
    shown = show_source(discriminator_step, train, folded=True).data
    text = html.unescape(re.sub(r"<[^>]+>", "", shown))
    assert "def discriminator_step(" in text
    assert "optimizer.zero_grad()" in text
    assert "def train(" in text
    assert '"""' not in text
    assert shown.count("<details>") == shown.count("</details>") == 2
    assert "font-family: monospace" in shown
    assert "<details open>" in show_source(discriminator_step).data


def test_the_glossary_and_the_maths_stand_beside_the_pages_that_link_to_them(tmp_path):
    source = "# 1. T\n\na [beta](../docs/glossary.md#adam), [the maths](../docs/maths.md)"
    write_page(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)]), tmp_path / "page.html")
    write_appendices(notebooks.ROOT / "docs", tmp_path)
    page, glossary, maths = ((tmp_path / f"{name}.html").read_text() for name in ("page", "glossary", "maths"))
    assert 'href="glossary.html#adam"' in page
    assert 'href="maths.html"' in page
    assert 'id="adam"' in glossary
    assert 'href="03_training.html"' in glossary
    assert "<math" in maths


@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_every_link_of_a_lesson_to_the_docs_leads_to_a_page_and_a_heading(path):
    text = "".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    for page, heading in re.findall(r"\]\(\.\./docs/([\w.]+)(?:#([\w-]+))?\)", text):
        headings = re.findall(r"^#+ (.+)$", (notebooks.ROOT / "docs" / page).read_text(), flags=re.MULTILINE)
        assert not heading or heading in {name.lower().replace(" ", "-") for name in headings}, heading


def test_lessons_come_in_order_and_can_be_picked():
    names = [path.stem for path in lesson_paths()]
    assert names == sorted(names)
    assert names[:4] == ["00_plane", "01_data", "02_models", "03_training"]
    assert [path.stem for path in lesson_paths("03")] == ["03_training"]


def test_an_unknown_lesson_is_answered_with_those_there_are(monkeypatch, tmp_path):
    with pytest.raises(SGANError, match="no lesson is named like '99': the lessons are 00_plane"):
        lesson_paths("99")
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    with pytest.raises(SGANError, match="none in"):
        lesson_paths()
