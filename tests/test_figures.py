"""Every figure: drawn, the same each time, described, and with its provenance."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from sgan_utils import results
from sgan_utils.results import load_record
from sgan_utils.support.errors import SGANError
from sgan_workshop.publish import registry
from sgan_workshop.publish.facts import Facts
from sgan_workshop.publish.figures import draw_figures, svg_of
from sgan_workshop.publish.notebooks import lesson_paths
from sgan_workshop.publish.recipes.parts import what_it_took
from sgan_workshop.publish.registry import FIGURES_FOLDER, RECIPES
from sgan_workshop.publish.styles import STYLES

FILMS = {"training_film"}


def files_of(name: str) -> list[str]:
    return [f"{name}{suffix}" for suffix in (".png", ".svg", ".json", *([".gif"] if name in FILMS else []))]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    draw_figures(folder=folder)
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_a_figure_is_the_committed_one_byte_for_byte(drawn, name):
    for file in files_of(name):
        fresh, committed = (folder / file for folder in (drawn, FIGURES_FOLDER))
        assert fresh.read_bytes() == committed.read_bytes(), f"{committed.name} is stale: run `sgan figures`"


def test_an_svg_does_not_show_the_last_digits_in_which_processors_differ():
    def drawn_at(left: float) -> str:
        figure = plt.figure(layout="none")
        figure.add_axes((left, 0.1, 0.5, 0.5)).plot([0, 1], "o-")
        svg = svg_of(figure, {"Date": None})
        plt.close(figure)
        return svg

    assert drawn_at(0.1) == drawn_at(0.1 + 1e-12)
    assert drawn_at(0.1) != drawn_at(0.2)


@pytest.mark.parametrize("name", RECIPES)
def test_a_figure_is_readable_at_blog_width_and_has_a_description(drawn, name):
    width, height = Image.open(drawn / f"{name}.png").size
    assert 300 <= width <= 1400
    assert height <= 1400
    assert len(RECIPES[name].alt) > 40
    assert RECIPES[name].alt.split(",")[0].split(":")[0] in (drawn / f"{name}.svg").read_text().replace("&apos;", "'")


@pytest.mark.parametrize("name", RECIPES)
def test_provenance_says_how_to_make_the_figure_and_its_runs(drawn, name):
    about = json.loads((drawn / f"{name}.json").read_text())
    assert about["command"] == f"sgan figures --only {name}"
    if RECIPES[name].records:
        for record in about["drawn_from"].values():
            assert {"command", "commit", "versions", "device", "date"} <= set(record)
            assert record["content"].startswith("sha256:")


def test_nothing_stands_in_the_folder_that_no_recipe_makes():
    known = {file for name in RECIPES for file in files_of(name)}
    assert {path.name for path in FIGURES_FOLDER.iterdir()} == known


def test_every_lesson_has_figures():
    lessons = {int(path.name[:2]) for path in lesson_paths() if "capstone" not in path.name}
    assert {recipe.lesson for recipe in RECIPES.values()} - {None} == lessons  # None is the project


@pytest.mark.parametrize("name", FILMS)
def test_a_film_moves_and_is_small_enough_for_a_page(drawn, name):
    film = Image.open(drawn / f"{name}.gif")
    assert film.n_frames > 30
    assert film.info["loop"] == 0
    assert (drawn / f"{name}.gif").stat().st_size <= 1_500_000
    first = film.convert("L").tobytes()
    film.seek(film.n_frames - 1)
    assert film.convert("L").tobytes() != first


def test_a_style_changes_size_and_weights_and_leaves_the_committed_figures_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (FIGURES_FOLDER / "softmax_twice.png").read_bytes()
    for style, look in STYLES.items():
        (path,) = draw_figures(["softmax_twice"], tmp_path if style == "blog" else None, style)
        assert path.parent == (tmp_path if style == "blog" else Path("build/figures") / style)
        width = Image.open(path).size[0]
        assert width == pytest.approx(7 * look.width * look.dots, abs=2)
    assert (FIGURES_FOLDER / "softmax_twice.png").read_bytes() == before
    assert json.loads(Path("build/figures/print/softmax_twice.json").read_text())["style"] == "print"


def test_print_comes_as_a_pdf_the_same_each_time_and_nothing_else_does(tmp_path):
    for folder in ("a", "b"):
        draw_figures(["step"], tmp_path / folder, "print")
    first, second = ((tmp_path / folder / "step.pdf").read_bytes() for folder in ("a", "b"))
    assert first.startswith(b"%PDF")
    assert first == second
    draw_figures(["step"], tmp_path / "blog")
    assert not (tmp_path / "blog" / "step.pdf").exists()


def test_text_in_an_svg_is_text(drawn):
    svg = (drawn / "step.svg").read_text()
    assert ">supervised loss: name the digit</text>" in svg
    assert "'DejaVu Sans', 'Verdana'" in svg  # what stands in where the first font is missing is as wide


def test_feature_maps_are_drawn_as_square_as_they_are():
    material = registry.Material()
    for name in ("generator", "discriminator"):
        ax = RECIPES[name].draw(material).axes[0]
        assert ax.get_aspect() == 1
        square = [patch for patch in ax.patches if patch.get_width() != 0.22]  # lists of numbers are narrow
        assert len(square) > 10
        assert all(patch.get_width() == pytest.approx(patch.get_height()) for patch in square)
        plt.close("all")


def test_numbers_of_a_figure_reach_its_picture_its_description_and_its_provenance(drawn):
    recipe = RECIPES["labelled_draw"]
    assert f"{recipe.numbers['labels']} labelled images" in recipe.alt
    assert json.loads((drawn / "labelled_draw.json").read_text())["numbers"] == recipe.numbers


# What the alternative texts say is so


def test_the_film_shows_beliefs_that_part_and_a_d_that_is_never_quite_sure():
    history = load_record(registry.TRAINED_G).history
    tenth = len(history) // 10
    gap = history["belief_in_real"] - history["belief_in_generated"]
    assert 0.1 < gap.iloc[:tenth].mean() < gap.iloc[-tenth:].mean()
    assert history["belief_in_generated"].iloc[-tenth:].mean() > 0.01
    assert history["belief_in_real"].iloc[-tenth:].mean() < 0.99


def test_the_failures_fail_as_their_description_says():
    end = {name: load_record(name).history.iloc[-50:] for name in ("sgan", "d_wins", "diverges")}
    assert 0.1 < end["sgan"]["belief_in_generated"].mean() < end["sgan"]["belief_in_real"].mean() < 0.9
    assert end["d_wins"]["belief_in_real"].mean() > 0.95
    assert end["d_wins"]["belief_in_generated"].mean() < 0.05
    jumps = {name: history["belief_in_real"].diff().abs().mean() for name, history in end.items()}
    assert jumps["diverges"] > 3 * jumps["sgan"]


def test_a_walk_goes_in_small_steps_to_another_shape():
    record = registry.TRAINED_G
    assert Facts().largest_jump(record) < 0.5
    walks = load_record(record).arrays["walks"].astype(float)
    assert np.abs(walks[:, -1] - walks[:, 0]).mean(axis=(1, 2, 3)).min() > 10  # grey levels


def test_images_stand_beside_what_they_took():
    for name in ("game", "sources", "training_film", "walks"):
        assert RECIPES[name].records == (registry.TRAINED_G,)
    took = {"steps": 24_000, "train_seconds": 9_000, "config": {"channels_g": [128, 64, 32]}, "samples": {"fid": 1.84}}
    assert what_it_took(took) == "24,000 steps in 2 hours, 128–64–32 feature maps, FID 1.8"


def test_an_unknown_style_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(SGANError, match="no style named 'poster': choose one of blog, slides, print"):
        draw_figures(["heads"], tmp_path, "poster")
    assert not list(tmp_path.iterdir())


def test_only_draws_only(tmp_path):
    assert draw_figures(["heads", "step"], tmp_path) == [tmp_path / "heads.png", tmp_path / "step.png"]
    assert len(list(tmp_path.iterdir())) == 6


def test_an_unknown_figure_is_named_before_anything_is_drawn(tmp_path):
    with pytest.raises(SGANError, match="no figure named 'cat': the figures are plane,"):
        draw_figures(["heads", "cat"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_record_is_named_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(registry.Material, "record", staticmethod(results.load_record))
    with pytest.raises(SGANError, match=r"loader is missing .*sgan figures --retrain"):
        draw_figures(["loader"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_record_older_than_the_code_is_named_with_its_cure(tmp_path, monkeypatch):
    bare = results.Record("sgan", {})
    monkeypatch.setattr(registry.Material, "record", staticmethod(lambda name: bare))
    with pytest.raises(SGANError, match=r"figure 'sources' lack 'samples': they are older than the code"):
        draw_figures(["sources"], tmp_path / "out")
