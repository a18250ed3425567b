"""The site: built without a warning, from what is stored, and with nothing from elsewhere."""

import re
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.results import PUBLISHED, ROWS
from sgan_utils.support.errors import SGANError
from sgan_utils.support.studies import BUDGETS
from sgan_workshop.publish.address import FIRST_CELL, repository
from sgan_workshop.publish.notebooks import lesson_paths
from sgan_workshop.publish.site import build_site, write_lesson
from sgan_workshop.publish.site_tables import write_hyperparameters, write_processors, write_published, write_study


@pytest.mark.slow
def test_it_is_built_without_a_warning_and_fetches_nothing(site):
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    assert {"index.html", "post.html", "study.html", "teaching.html", "api/sgan_utils.losses.html"} <= set(pages)
    assert {f"notebooks/{path.stem}.html" for path in lesson_paths()} <= set(pages)
    for name, text in pages.items():
        fetched = re.findall(
            r'<(?:script|img|source)[^>]*src="([^"]+)"|<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"', text
        )
        assert not [url for pair in fetched for url in pair if url.startswith(("http", "//"))], name


@pytest.mark.slow
def test_pages_are_light_described_and_listed(site):
    sitemap = (site / "sitemap.xml").read_text(encoding="utf-8")
    scripts = [path for path in site.rglob("*") if path.suffix in (".js", ".map") and path.stat().st_size > 400_000]
    assert scripts == []
    for path in [site / "index.html", site / "study.html", site / "notebooks" / "03_training.html"]:
        text = path.read_text(encoding="utf-8")
        assert "fontawesome.js" not in text
        (described,) = re.findall(r'<meta name="description" content="([^"]+)"', text)
        assert 40 < len(described) < 170
        for name in ("og:title", "og:image", "og:url"):
            assert f'property="{name}"' in text
        assert re.search(r'<link rel="icon" href="[^"]*favicon.svg"', text)
        assert f"/{path.relative_to(site).as_posix()}</loc>" in sitemap
    assert (site / "_images" / "game.png").exists()  # of the social card
    assert "404.html" not in sitemap
    assert re.search(r'<base href="/[\w.-]+/" />', (site / "404.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_a_lesson_on_the_site_has_no_widget_and_describes_its_pictures(path, tmp_path):
    write_lesson(path, tmp_path / path.name)
    for cell in nbformat.read(tmp_path / path.name, as_version=4).cells:
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        assert not any("widget" in kind for kind in kinds)
        if "image/png" in kinds:
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


def test_the_study_is_there_row_by_row(tmp_path):
    write_study(tmp_path)
    table = (tmp_path / "study_table1.html").read_text()
    assert 'class="table sortable"' in table
    assert table.count("<tr>") > 20
    assert "failed" in table
    assert (tmp_path / "study_rows.csv").stat().st_size > 10_000
    gains = (tmp_path / "study_table1_gains.html").read_text()
    assert gains.count("<td>SGAN</td><td>CNN</td>") == len(BUDGETS)
    search = pd.read_csv(ROWS.parent / "search.csv")
    assert (tmp_path / "study_search.html").read_text().count("<tr>") == 1 + len(
        search.drop_duplicates(["what", "why", "labels"])
    )


def test_what_others_published_is_there_row_by_row(tmp_path):
    write_published(tmp_path / "table.html")
    assert (tmp_path / "table.html").read_text().count("<tr>") == 1 + len(PUBLISHED)


def test_other_processors_are_shown_beside_the_record_and_the_spread_over_seeds(tmp_path):
    write_processors(tmp_path / "table.html")
    rows = re.findall(r"<tr><td>(.*?)</td></tr>", (tmp_path / "table.html").read_text())
    for row in rows:
        _, _, recorded, *others, difference, spread = row.split("</td><td>")
        accuracies = [float(accuracy) for accuracy in (recorded, *others) if accuracy != "–"]
        assert max(accuracies) - min(accuracies) == pytest.approx(float(difference), abs=0.011)
        assert float(spread) > 0
    again = pd.read_csv(ROWS.parent / "processors.csv")
    assert len(rows) == len(again.drop_duplicates(["method", "labels", "seed"]))


def test_every_hyperparameter_is_described(tmp_path):
    write_hyperparameters(tmp_path / "table.html")
    text = (tmp_path / "table.html").read_text()
    for name in SGANConfig.model_fields:
        assert f"<td>{name}</td>" in text


def test_links_and_first_cells_name_the_repository_in_its_one_place():
    address = repository()
    place = re.escape(address.removeprefix("https://github.com/"))
    for path in [*lesson_paths(), lesson_paths()[0].parent.parent / "README.md"]:
        text = path.read_text()
        named = re.findall(r"(?:github\.com|/gh|/github)/([\w.-]+/sgan-workshop)", text)
        assert named, path.name
        assert all(re.fullmatch(place, name) for name in named), path.name


@pytest.mark.parametrize("path", lesson_paths(), ids=lambda path: path.stem)
def test_the_first_cell_of_every_lesson_is_the_one_that_fetches_the_workshop(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells[0].source == FIRST_CELL.format(repository=repository())


def test_the_first_cell_does_nothing_outside_of_colab(monkeypatch):
    asked = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: asked.append(command))
    exec(FIRST_CELL.format(repository=repository()))
    assert asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="Colab is Linux")
def test_the_first_cell_can_be_run_any_number_of_times_in_colab(monkeypatch, tmp_path):
    origin, content, turned_on = tmp_path / "origin", tmp_path / "content", []
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", "init", "--quiet", origin], check=True)
    subprocess.run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", "empty"], cwd=origin, check=True)
    pip = tmp_path / "python"  # a stand-in that notes what it is asked for
    pip.write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/asked\n")
    pip.chmod(0o755)
    colab = SimpleNamespace(output=SimpleNamespace(enable_custom_widget_manager=lambda: turned_on.append(True)))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(sys, "executable", str(pip))
    monkeypatch.setattr(sys, "path", list(sys.path))
    source = FIRST_CELL.format(repository=f"file://{origin}").replace("/content", str(content))
    for _ in range(3):
        exec(source, {})
    assert (content / "sgan-workshop" / ".git").is_dir()
    assert sys.path[0] == str(content / "sgan-workshop")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [f"-m pip install --quiet --editable {content}/sgan-workshop anywidget"] * 3
    assert "upgrade" not in asked[0]  # so pip leaves alone what is new enough
    assert turned_on == [True] * 3


def test_a_warning_stops_the_build_and_is_shown(tmp_path, monkeypatch, capsys):
    def one_page(source):
        source.mkdir(parents=True)
        (source / "conf.py").write_text("project = 'one page'\nexclude_patterns = []\n")
        (source / "index.rst").write_text("Title\n===\n\nSee :doc:`nowhere`.\n")

    monkeypatch.setattr("sgan_workshop.publish.site.gather", one_page)
    with pytest.raises(SGANError, match="the site has the warnings above"):
        build_site(tmp_path / "site")
    assert "nowhere" in capsys.readouterr().err
