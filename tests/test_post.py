"""The blog post: every number looked up, every figure there and fresh, both forms whole."""

import json
import re

import pytest
import yaml

from sgan_utils.results import Record, load_record, recorded_rows
from sgan_utils.support.errors import SGANError
from sgan_workshop.publish import facts, post, post_page, registry
from sgan_workshop.publish.dialects import DIALECTS, translate
from sgan_workshop.publish.facts import Facts
from sgan_workshop.publish.post import TEMPLATE, build_post, fill
from sgan_workshop.publish.registry import FIGURES_FOLDER, RECIPES

NUMBER_WORDS = "three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|fifty|hundred|thousand"
SMALL = """# A title

**What it is about.**

{% set one = record("sgan") %}
{{ figure("step", "One step, and more.") }}

Inline $r(x)$ and `code $5`, then

$$L = \\frac{1}{2}$$

{{ figure("training_film", "A film.") }}

| a | b |
|---|---|
| 1 | 2 |
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_post(tmp_path_factory.mktemp("post"))


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A post with a figure, a film, equations and a table, in place of the long one."""
    (tmp_path / "small.md").write_text(SMALL)
    monkeypatch.setattr(post, "TEMPLATE", tmp_path / "small.md")
    return tmp_path / "out"


def changed_record(monkeypatch, name, arrays=None, **changes):
    """Results in which one record says or shows something else."""

    def record(wanted):
        found = load_record(wanted)
        if wanted != name:
            return found
        return Record(wanted, found.about | changes, found.history, found.arrays | (arrays or {}))

    monkeypatch.setattr(registry.Material, "record", staticmethod(record))


def test_no_number_is_typed_neither_as_digits_nor_as_a_word():
    text = TEMPLATE.read_text()
    quoted = r"“[^”]*”"  # the source post's own words
    prose = re.sub(r"\{[{%].*?[%}]\}|```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|" + quoted, "", text, flags=re.DOTALL)
    assert re.findall(r".*\d.*", prose) == []
    assert re.findall(rf".*\b(?:{NUMBER_WORDS})\b.*", prose, re.IGNORECASE) == []
    captions = " ".join(re.findall(r'figure\("\w+", (.*?)\) \}\}', text))
    assert not re.search(rf"\d|\b(?:{NUMBER_WORDS})\b", captions)


def test_no_model_is_named_by_hand():
    text = TEMPLATE.read_text()
    outside = re.sub(r"\{[{%].*?[%}]\}|\$[^$]*\$|“[^”]*”", "", text, flags=re.DOTALL)
    assert re.findall(r".*(?:CNN \+|cnn\+|best SGAN|without G\b(?= \w)).*", outside) == []


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
    for module in (facts, post, post_page):
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


def test_a_row_or_an_image_that_changed_makes_its_figures_stale(monkeypatch):
    template = '{{ figure("tricks", "Dots.") }}'
    assert "images/tricks.png" in fill(template, Facts())
    rows = recorded_rows("tricks")
    rows.loc[0, "test_accuracy"] += 0.0001
    with monkeypatch.context() as patched:
        patched.setattr(registry.Material, "study", staticmethod(lambda name: rows))
        with pytest.raises(SGANError, match=r"the figure 'tricks' is stale"):
            fill(template, Facts())
    template = '{{ figure("mistakes", "Mistakes.") }}'
    assert "images/mistakes.png" in fill(template, Facts())
    logits = load_record("sgan").arrays["test_logits"].copy()
    logits[0] *= -1
    changed_record(monkeypatch, "sgan", {"test_logits": logits})
    with pytest.raises(SGANError, match=r"the figure 'mistakes' is stale"):
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
    assert page.count("data:image/svg+xml") >= page.count("<figure>")  # sharp at any size, the film's still as well
    assert page.count("<figure>") == page.count("<figcaption>") == page.count("<img")


@pytest.mark.parametrize(("platform", "dialect"), DIALECTS.items())
def test_each_form_of_the_post_holds_its_pictures_and_says_what_its_platform_wants_to_know(small, platform, dialect):
    written = build_post(small, platform)
    markdown = next(path for path in written if path.suffix in (".md", ".qmd"))
    _, front, body = markdown.read_text().split("---\n", 2)
    about = yaml.safe_load(front)
    assert about["title"] == "A title"
    assert about["description"] == "What it is about."
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about["date"])
    assert dialect.post.format(date=about["date"]) == markdown.relative_to(small).as_posix()
    pictures = {path.name for path in (small / dialect.images).iterdir()}
    assert pictures == {f"step{dialect.suffix}", "training_film.gif", "step.png"}
    assert all(name in body for name in pictures - ({"step.png"} if dialect.suffix != ".png" else set()))
    assert RECIPES["step"].alt.split(";")[0] in body
    assert "`code $5`" in body
    assert "| 1 | 2 |" in body
    build_post(small, platform)  # over its own


def test_equations_need_no_script_where_a_platform_has_none():
    text = "Inline $r(x)$.\n\n$$L = 1$$\n\n```python\ncost = '$5 and $6'\n```\n"
    for platform, dialect in DIALECTS.items():
        made = translate(text, dialect)
        assert "'$5 and $6'" in made
        assert made.count("<math") == (2 if platform in ("hugo", "jekyll") else 0)
    assert translate(text, DIALECTS["quarto"]) == text
    hugo = translate(text, DIALECTS["hugo"])
    assert re.search(r'\{\{< equation >\}\}<math[^>]*display="block".*</math>\{\{< /equation >\}\}', hugo)
    assert "equation.html" in next(iter(DIALECTS["hugo"].others))  # the shortcode comes with the post


def test_captions_are_captions():
    text = '![What it shows.](images/step.png)\n\n*A "caption".*\n\nText with *emphasis*.\n'
    made = {platform: translate(text, dialect) for platform, dialect in DIALECTS.items()}
    assert made["markdown"] == text
    assert 'src="images/step.svg" alt="What it shows." caption="A \\"caption\\"."' in made["hugo"]
    assert "<figcaption>A &quot;caption&quot;.</figcaption>" in made["jekyll"]
    assert "/step.svg' | relative_url }}" in made["jekyll"]
    assert '![A "caption".](images/step.svg){fig-alt="What it shows."}' in made["quarto"]
    assert all("Text with *emphasis*." in one for one in made.values())


def test_an_unknown_platform_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(SGANError, match="no form of the post for 'gopher': choose one of markdown, hugo, jekyll"):
        build_post(tmp_path / "out", "gopher")
    assert not (tmp_path / "out").exists()


def test_what_is_cited_is_listed_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "references.toml").write_text(
        '[one]\nshort = "One 2001"\nauthors = "O. Ne"\ntitle = "First"\nwhere = "2001"\nurl = "https://example.org"\n'
    )
    monkeypatch.setattr(facts, "REFERENCES", tmp_path / "references.toml")
    made = fill('See {{ cite("one") }}.\n\n{{ references() }}', Facts())
    assert made == "See [One 2001](https://example.org).\n\n- O. Ne: [*First*](https://example.org), 2001."
    with pytest.raises(SGANError, match=r"there is no reference 'two' in blog/references\.toml"):
        fill('{{ cite("two") }}', Facts())
    with pytest.raises(SGANError, match=r"the reference 'one' of blog/references\.toml is not cited"):
        fill("{{ references() }}", Facts())


def test_links_follow_the_address_of_the_repository(monkeypatch):
    monkeypatch.setattr(facts, "repository", lambda: "https://github.com/Somebody/workshop")
    links = Facts().links
    assert links["repository"] == "https://github.com/Somebody/workshop"
    assert links["site"] == "https://somebody.github.io/workshop/"
    assert links["lessons"][3].endswith("/github/Somebody/workshop/blob/main/notebooks/03_training.ipynb")


def test_a_verdict_is_that_of_the_corrected_rank_test():
    told = {"gain": 0.01, "low": 0.002, "p_holm": 0.2}
    assert Facts().verdict(told) == "cannot tell"
    assert Facts().verdict(told | {"p_holm": 0.01}) == "ahead"
    assert Facts().verdict(told | {"p_holm": 0.01, "gain": -0.01}) == "behind"


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
