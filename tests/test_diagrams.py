"""The workshop's own diagrams."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Rectangle
from torch import nn

from sgan_utils.models import Discriminator, Generator
from sgan_utils.plotting import DISCRIMINATOR, GENERATED, GENERATOR, LABELLED, UNLABELLED
from sgan_utils.support.diagrams import Stage, draw_game, draw_heads, draw_network, draw_step, stages_of

DIGITS = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8)
STAGES = [Stage("", 1, 28), Stage("Conv2d", 4, 14), Stage("Linear", 11, 1)]
DRAWINGS = {
    "game": lambda ax=None: draw_game(DIGITS, [5, 0, 4, 1], DIGITS, DIGITS, ax=ax),
    "network": lambda ax=None: draw_network(STAGES, DISCRIMINATOR, ax=ax),
    "heads": lambda ax=None: draw_heads(ax=ax),
    "step": lambda ax=None: draw_step(ax=ax),
}


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_diagram_returns_the_axes_it_was_given_and_opens_no_other(name):
    _, (left, right) = plt.subplots(1, 2)
    assert DRAWINGS[name](right) is right
    assert words(right)
    assert not words(left)
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_diagram_without_axes_opens_a_figure_of_its_own_and_shows_no_scales(name):
    ax = DRAWINGS[name]()
    assert [ax.figure.number] == plt.get_fignums()
    assert not ax.axison


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_words_of_a_diagram_run_out_of_the_picture_or_into_each_other(name):
    ax = DRAWINGS[name]()
    ax.figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts if text.get_text()]
    edge = ax.figure.bbox.padded(2)
    for i, (said, box) in enumerate(boxes):
        assert edge.x0 <= box.x0 <= box.x1 <= edge.x1, said
        assert edge.y0 <= box.y0 <= box.y1 <= edge.y1, said
        for other, other_box in boxes[i + 1 :]:
            assert not box.padded(-1).overlaps(other_box.padded(-1)), (said, other)


# The stages of a network


def test_stages_are_the_shapes_that_an_example_takes_on():
    layers = [nn.Conv2d(1, 4, 5, 2, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(784, 11)]
    stages = stages_of(layers, torch.zeros(1, 1, 28, 28))
    assert [(stage.channels, stage.size) for stage in stages] == [(1, 28), (4, 14), (784, 1), (11, 1)]


def test_layers_that_keep_the_shape_are_named_with_the_layer_before_them():
    layers = [nn.Conv2d(1, 4, 5, 2, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()]
    names = [stage.name for stage in stages_of(layers, torch.zeros(1, 1, 28, 28))]
    assert names[0] == ""
    assert [name in names[1] for name in ("Conv2d", "BatchNorm", "ReLU")] == [True] * 3
    assert names[2] == "Flatten"


def test_the_stages_of_our_networks_are_those_of_the_post():
    generator, discriminator = Generator(100, (64, 32, 16)).eval(), Discriminator("n").eval()
    upscaling = stages_of([generator.linear, *generator.convolutions], torch.zeros(1, 100))
    assert [(s.channels, s.size) for s in upscaling] == [
        (100, 1), (3136, 1), (64, 7), (32, 14), (16, 28), (1, 28),
    ]  # fmt: skip
    downscaling = stages_of(
        [*discriminator.convolutions, nn.Flatten(), discriminator.linear], torch.zeros(1, 1, 28, 28)
    )
    assert [(s.channels, s.size) for s in downscaling] == [
        (1, 28), (16, 14), (32, 7), (64, 4), (1024, 1), (10, 1),
    ]  # fmt: skip


def test_taking_the_stages_teaches_the_layers_nothing():
    layer = nn.Conv2d(1, 2, 3)
    stages_of([layer], torch.zeros(1, 1, 28, 28))
    assert layer.weight.grad is None


def test_a_network_is_drawn_with_every_shape_and_layer_in_its_colour():
    ax = draw_network(STAGES, GENERATOR, title="G")
    said = words(ax)
    assert [shape in said for shape in ("1 × 28 × 28", "4 × 14 × 14", "11 numbers")] == [True] * 3
    assert [layer in said for layer in ("Conv2d", "Linear")] == [True] * 2
    assert "G" in [*said, ax.get_title(), ax.get_title("left")]
    sheets = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert {to_hex(sheet.get_facecolor()).upper() for sheet in sheets} == {GENERATOR}
    assert len({sheet.get_height() for sheet in sheets}) == 3


def test_more_pixels_are_drawn_taller_and_more_feature_maps_deeper():
    def sheets(channels, size):
        ax = draw_network([Stage("", channels, size)], GENERATOR)
        return [patch for patch in ax.patches if isinstance(patch, Rectangle)]

    assert sheets(1, 28)[0].get_height() > sheets(1, 14)[0].get_height() > sheets(1, 7)[0].get_height()
    assert len(sheets(64, 7)) > len(sheets(16, 7)) > len(sheets(1, 7)) == 1


# The other diagrams


def test_the_game_shows_three_images_of_each_source_and_labels_of_one():
    ax = DRAWINGS["game"]()
    assert len(ax.images) == 9
    for i, image in enumerate(ax.images):
        assert np.array_equal(image.get_array(), DIGITS[i % 3, 0])
    said = words(ax)
    assert [name in said for name in ("labelled real", "unlabelled real", "generated", "G", "D")] == [True] * 5
    assert [said.count(label) for label in ("5", "0", "4", "1")] == [1, 1, 1, 0]


def test_each_source_has_its_own_colour_in_the_game():
    ax = DRAWINGS["game"]()
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours["labelled real"] == LABELLED
    assert colours["unlabelled real"] == UNLABELLED
    assert colours["generated"] == GENERATED


def test_the_game_takes_what_g_draws_as_it_comes():
    floats = torch.zeros(3, 1, 28, 28, requires_grad=True)
    ax = draw_game(DIGITS, torch.tensor([5, 0, 4]), DIGITS, floats)
    assert (ax.images[-1].get_array() == 128).all()


def test_the_heads_are_drawn_with_ten_digits_each_and_a_place_for_the_eleventh():
    ax = draw_heads()
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    digits = [circle for circle in circles if to_hex(circle.get_facecolor()).upper() == LABELLED]
    assert len(digits) == 30
    said = "\n".join(words(ax))
    assert [who in said for who in ("post", "Odena", "Salimans")] == [True] * 3
    assert said.count("softmax") == said.count("sigmoid") == 3
    assert said.count("logsumexp") == 2


def test_a_step_is_drawn_with_both_networks_the_three_sources_and_both_losses():
    said = words(draw_step())
    assert [name in said for name in ("G", "D", "labelled real", "unlabelled real", "generated")] == [True] * 5
    together = " ".join(said)
    assert "supervised loss" in together
    assert "unsupervised loss" in together
    assert "G's loss" in together
