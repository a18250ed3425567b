"""The blog post: every number looked up, every figure there and fresh, both forms whole."""

import json
import re

import pytest

from sgan_utils.results import Record, load_record
from sgan_utils.support.errors import SGANError
from sgan_workshop.publish import post, post_page, registry
from sgan_workshop.publish.post import TEMPLATE, Facts, build_post, fill
from sgan_workshop.publish.registry import FIGURES_FOLDER, RECIPES


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_post(tmp_path_factory.mktemp("post"))


def changed_record(monkeypatch, name, **changes):
    """Results in which one record says something else."""

    def record(wanted):
        found = load_record(wanted)
        return Record(wanted, found.about | changes) if wanted == name else found

    monkeypatch.setattr(registry.Material, "record", staticmethod(record))


def test_no_number_is_typed():
    text = TEMPLATE.read_text().split("\n## References")[0]
    prose = re.sub(r"\{[{%].*?[%}]\}|```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
    assert re.findall(r".*\d.*", prose) == []


def test_no_picture_is_typed():
    assert "![" not in TEMPLATE.read_text()


def test_a_number_changed_in_the_results_changes_in_the_post(monkeypatch):
    template = 'G and D took {{ record("sgan").train_seconds | decimals(0) }} seconds.'
    assert fill(template, Facts()) != "G and D took 4321 seconds."
    changed_record(monkeypatch, "sgan", train_seconds=4321.0)
    assert fill(template, Facts()) == "G and D took 4321 seconds."


def test_a_missing_number_is_named_with_its_line():
    with pytest.raises(SGANError, match=r"blog/post\.md, line 3: .*no attribute 'speed'"):
        fill('One.\n\n{{ record("sgan").speed | percent }}\n', Facts())
    with pytest.raises(SGANError, match=r"line 1: the study 'table1' holds no run of 'sgan' with 30 labels"):
        fill('{{ method("sgan", 30).mean_accuracy }}', Facts())
    with pytest.raises(SGANError, match=r"line 2: the record .*nothing is missing or damaged"):
        fill('\n{{ record("nothing").test_accuracy }}', Facts())
    with pytest.raises(SGANError, match=r"line 2: .*no_such_thing"):
        fill("\n{{ no_such_thing }}", Facts())


def test_a_figure_that_was_removed_fails_the_build_by_name(tmp_path, monkeypatch):
    for name in RECIPES:
        for suffix in (".png", ".json", ".gif"):
            if (FIGURES_FOLDER / f"{name}{suffix}").exists() and (name, suffix) != ("losses", ".png"):
                (tmp_path / f"{name}{suffix}").symlink_to(FIGURES_FOLDER / f"{name}{suffix}")
    for module in (post, post_page):
        monkeypatch.setattr(module, "FIGURES_FOLDER", tmp_path)
    out = tmp_path / "out"
    with pytest.raises(SGANError, match=r"line \d+: the figure 'losses' is missing: draw it with .*--only losses"):
        build_post(out)
    assert not out.exists()


def test_an_unknown_figure_fails_the_build_by_name():
    with pytest.raises(SGANError, match=r"line 1: there is no figure named 'cat'"):
        fill('{{ figure("cat", "A cat.") }}', Facts())


def test_a_figure_drawn_from_older_results_fails_the_build_by_name(monkeypatch):
    template = '{{ figure("losses", "The losses.") }}'
    assert "images/losses.png" in fill(template, Facts())
    changed_record(monkeypatch, "sgan", test_accuracy=0.5)
    with pytest.raises(SGANError, match=r"the figure 'losses' is stale, its results have changed since: draw it"):
        fill(template, Facts())


def test_a_sentence_that_the_results_no_longer_bear_out_fails_the_build(monkeypatch):
    template = '{{ claim(record("sgan").test_accuracy > 0.98, "the run passes 98%") }}'
    assert fill(template, Facts()) == ""
    changed_record(monkeypatch, "sgan", test_accuracy=0.5)
    with pytest.raises(SGANError, match="no longer bear out that the run passes 98%"):
        fill(template, Facts())


def test_the_page_needs_nothing_but_itself(built):
    page = built[0].read_text()
    assert not re.search(r'(?:src|srcset)="(?!data:)', page)
    assert "<link" not in page
    assert "<script" not in page
    assert page.count("<math") > 5
    assert "{{" not in page
    assert page.count('alt="') == page.count("<img")


def test_the_markdown_is_ready_for_a_platform(built):
    markdown = built[1].read_text()
    _, front, body = markdown.split("---\n", 2)
    assert {line.split(":")[0] for line in front.splitlines()} == {"title", "description", "date", "cover", "tags"}
    pictures = re.findall(r"!\[(.+?)\]\((.+?)\)", body)
    assert len(pictures) > 20
    for alt, path in pictures:
        assert len(alt) > 40
        assert (built[1].parent / path).is_file()
    assert (built[1].parent / json.loads(re.search(r"cover: (.*)", front)[1])).is_file()


def test_the_code_in_the_post_is_the_code_that_ran():
    assert "def generator_step(" in fill('{{ source("training.generator_step") }}', Facts())
