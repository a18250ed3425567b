"""Pictures: what is drawn, how many of it, at which place, and with which words."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from sgan_utils import plotting, results
from sgan_utils.data import to_model_range
from sgan_utils.plotting import (
    GENERATED,
    LABELLED,
    UNLABELLED,
    as_bytes,
    plot_bars,
    plot_beliefs,
    plot_class_balance,
    plot_confusion,
    plot_histogram,
    plot_lines,
    plot_losses,
    plot_points,
    show_images,
    show_rows,
    use_house_style,
)
from sgan_utils.support import study_plots
from sgan_workshop.publish import roofline
from sgan_workshop.publish.recipes import lesson_6

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
HISTORY = pd.DataFrame(
    {
        "supervised": np.linspace(2.3, 0.1, 30),
        "unsupervised": np.linspace(0.7, 0.4, 30) + 0.05 * (-1) ** np.arange(30),
        "belief_in_real": np.linspace(0.5, 0.8, 30),
        "belief_in_generated": np.linspace(0.5, 0.2, 30),
        "generator": np.linspace(0.7, 1.5, 30),
    },
    index=pd.RangeIndex(1, 31, name="step"),
)
TABLE = pd.DataFrame(
    {
        "method": ["cnn", "cnn", "sgan", "sgan"],
        "labels": [25, 1000, 25, 1000],
        "median_accuracy": [0.55, 0.95, 0.9, 0.98],
        "worst_accuracy": [0.5, 0.94, 0.7, 0.95],
        "best_accuracy": [0.6, 0.96, 0.92, 0.99],
    }
)
GAINS = pd.DataFrame({"gain": [3.0, 1.0], "low": [1.0, -1.0], "high": [5.0, 3.0]}, index=["25 labels", "50 labels"])
DRAWINGS = {
    "show_images": lambda ax: show_images(IMAGES, ax=ax),
    "show_rows": lambda ax: show_rows({"a": IMAGES[:3], "b": IMAGES[3:6]}, ax=ax),
    "plot_roofline": lambda ax: roofline.plot_roofline({"a": 9.0}, 3.0, {"b": {"a": (1.0, 2.0)}}, ax=ax),
    "plot_histogram": lambda ax: plot_histogram(IMAGES, "pixel", ax=ax),
    "plot_class_balance": lambda ax: plot_class_balance({"all": range(10)}, ax=ax),
    "plot_bars": lambda ax: plot_bars({"a": 1, "b": 2}, "speed", ax=ax),
    "plot_lines": lambda ax: plot_lines({"a": ([0, 1], [2, 3])}, "x", "y", ax=ax),
    "plot_losses": lambda ax: plot_losses(HISTORY, ax=ax),
    "plot_beliefs": lambda ax: plot_beliefs(HISTORY, ax=ax),
    "plot_confusion": lambda ax: plot_confusion(np.eye(10, dtype=int), ax=ax),
    "plot_label_efficiency": lambda ax: study_plots.plot_label_efficiency(TABLE, ax=ax),
    "plot_runs": lambda ax: plotting.plot_runs({"a": [1.0, 2.0], "b": [3.0]}, "accuracy (%)", ax=ax),
    "plot_gains": lambda ax: study_plots.plot_gains(GAINS, "points", ax=ax),
    "plot_trade_off": lambda ax: study_plots.plot_trade_off({"a": (1.0, 0.9), "b": (2.0, 0.8)}, "x", "y", ax=ax),
    "plot_points": lambda ax: plot_points({"a": np.zeros((3, 2))}, {"a": LABELLED}, ax=ax),
}


def words(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_returns_the_axes_it_was_given_and_opens_no_other(name):
    _, (left, right) = plt.subplots(1, 2)
    assert DRAWINGS[name](right) is right
    assert right.has_data()
    assert not left.has_data()
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_without_axes_opens_a_figure_of_its_own(name):
    ax = DRAWINGS[name](None)
    assert ax.has_data()
    assert [ax.figure.number] == plt.get_fignums()


@pytest.mark.parametrize("name", [name for name in DRAWINGS if name.startswith("plot_")])
def test_every_plot_says_what_its_axes_are(name):
    ax = DRAWINGS[name](None)
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name in ("plot_bars", "plot_runs", "plot_gains")  # they have names there


def test_every_public_drawing_is_tried_here():
    every = {**vars(plotting), **vars(study_plots)}
    drawings = {name for name in every if name.startswith(("show_", "plot_"))}
    assert drawings | {"plot_roofline"} == set(DRAWINGS)


# Images


def test_minus_one_is_paper_and_one_is_ink():
    values = np.array([[[-1.0, 0.0, 1.0, -3.0, 3.0]]])
    assert as_bytes(values).tolist() == [[[0, 128, 255, 0, 255]]]


def test_every_byte_survives_the_way_to_the_model_range_and_back():
    image = torch.arange(784).remainder(256).to(torch.uint8).reshape(1, 1, 28, 28)
    assert np.array_equal(as_bytes(to_model_range(image)), image[0].numpy())


def test_images_may_be_tensors_or_arrays_with_or_without_a_channel():
    for images in (IMAGES, IMAGES[:, None], torch.from_numpy(IMAGES), torch.from_numpy(IMAGES)[:, None]):
        assert np.array_equal(as_bytes(images), IMAGES)
    drawn_by_g = torch.zeros(2, 1, 28, 28, requires_grad=True)
    assert as_bytes(drawn_by_g).shape == (2, 28, 28)


def test_images_on_a_device_can_be_shown(device):
    assert np.array_equal(as_bytes(torch.from_numpy(IMAGES).to(device)), IMAGES)


@pytest.mark.parametrize(
    ("count", "columns", "grid"), [(4, None, (1, 4)), (10, None, (1, 10)), (12, None, (3, 4)), (12, 5, (3, 5))]
)
def test_images_stand_in_a_grid_each_whole_and_in_order(count, columns, grid):
    ax = show_images(IMAGES[:count], columns=columns)
    (sheet,) = [image.get_array() for image in ax.images]
    assert sheet.shape == (grid[0] * 32, grid[1] * 32)
    for i, image in enumerate(IMAGES[:count]):
        cell = sheet[i // grid[1] * 32 :, i % grid[1] * 32 + 2 :][:28, :28]
        assert np.array_equal(cell, image)


def test_ink_is_dark_and_the_range_is_fixed_so_that_grids_can_be_compared():
    ax = show_images(np.full((1, 28, 28), 100, dtype=np.uint8))
    assert ax.images[0].get_clim() == (0, 255)
    with mpl.rc_context(plotting.STYLE):
        drawn = show_images(IMAGES[:1]).images[0]
    assert drawn.cmap(0.0)[:3] == (1, 1, 1)
    assert drawn.cmap(1.0)[:3] == (0, 0, 0)


def test_captions_stand_above_their_images_and_wrong_ones_are_marked():
    ax = show_images(IMAGES[:3], captions=[5, "0", 4], wrong=[False, True, False])
    assert words(ax) == ["5", "0", "4"]
    assert [text.get_color() == GENERATED for text in ax.texts] == [False, True, False]
    sheet = ax.images[0].get_array()
    for i, text in enumerate(ax.texts):
        x, y = text.get_position()
        below = sheet[int(np.ceil(y)) :, :][2:30, i * 32 + 2 : i * 32 + 30]
        assert i * 32 < x < (i + 1) * 32
        assert np.array_equal(below, IMAGES[i])


def test_a_grid_has_its_title_and_no_axes():
    ax = show_images(IMAGES[:2], title="Two digits")
    assert ax.get_title() + ax.get_title("left") == "Two digits"
    assert not ax.axison


def test_rows_of_images_have_their_names_in_their_colours():
    ax = show_rows({"real": IMAGES[:4], "generated": IMAGES[4:8]}, colours=[UNLABELLED, GENERATED])
    assert words(ax) == ["real", "generated"]
    assert [text.get_color() for text in ax.texts] == [UNLABELLED, GENERATED]
    sheet = ax.images[0].get_array()
    assert sheet.shape == (64, 128)
    for row, text in enumerate(ax.texts):
        assert row * 32 < text.get_position()[1] < (row + 1) * 32
        assert np.array_equal(sheet[row * 32 :][:28, 2:30], IMAGES[4 * row])


def test_rows_may_mix_bytes_and_the_model_range():
    as_floats = to_model_range(torch.from_numpy(IMAGES[:2]))
    sheet = show_rows({"bytes": IMAGES[:2], "floats": as_floats}).images[0].get_array()
    assert np.array_equal(sheet[:32], sheet[32:])


def test_rows_keep_their_colours():
    red = np.zeros((3, 3, 8, 8), np.uint8)
    red[:, 0] = 200
    sheet = show_rows({"red": red, "as floats": red / 127.5 - 1}).images[0].get_array()
    assert sheet.shape == (2 * 12, 3 * 12, 3)
    for row in 0, 12:
        assert sheet[row, 2].tolist() == [200, 0, 0]


# Numbers


def test_a_histogram_counts_every_value_on_a_logarithmic_scale():
    ax = plot_histogram(torch.from_numpy(IMAGES), "pixel (0 to 255)")
    assert sum(bar.get_height() for bar in ax.patches) == IMAGES.size
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "pixel (0 to 255)"


def test_class_balance_has_one_bar_a_digit_and_set_side_by_side():
    counts = {"all": list(range(100, 110)), "drawn": [10] * 10}
    ax = plot_class_balance(counts)
    assert [bar.get_height() for bar in ax.patches] == counts["all"] + counts["drawn"]
    assert legend(ax) == ["all", "drawn"]
    left, right = ax.patches[3], ax.patches[13]
    assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
    assert left.get_x() + left.get_width() == pytest.approx(3)  # the pair stands on its digit
    assert [int(tick) for tick in ax.get_xticks()] == list(range(10))


def test_a_single_set_stands_on_its_digit_and_needs_no_legend():
    ax = plot_class_balance({"all": torch.arange(10)})
    assert ax.get_legend() is None
    assert [bar.get_x() + bar.get_width() / 2 for bar in ax.patches] == pytest.approx(list(range(10)))


def test_classes_of_other_data_have_their_names():
    names = ["cat", "dog", "cow"]
    for ax in (
        plot_class_balance({"all": [3, 4, 5]}, classes=names),
        plot_confusion(np.eye(3, dtype=int), classes=names),
    ):
        assert [label.get_text() for label in ax.get_xticklabels()] == names
        assert "digit" not in ax.get_xlabel() + ax.get_ylabel()


def test_bars_read_from_top_to_bottom_with_their_values_beside_them():
    ax = plot_bars({"loader": 2_500.0, "memory": 150_000.4, "share": 0.12345}, "images per second")
    assert [bar.get_width() for bar in ax.patches] == [0.12345, 150_000.4, 2_500.0]  # from the bottom up
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["share", "memory", "loader"]
    assert words(ax) == ["0.123", "150,000", "2,500"]
    assert ax.get_xscale() == "linear"
    assert plot_bars({"a": 1, "b": 1_000}, "x", log=True).get_xscale() == "log"


def test_lines_are_drawn_as_given_and_named_in_a_legend():
    ax = plot_lines({"sigmoid": ([0, 1, 2], [5, 6, 7]), "tanh": ([0, 1], [1, 0])}, "input", "output")
    assert line(ax, "sigmoid").get_xydata().tolist() == [[0, 5], [1, 6], [2, 7]]
    assert line(ax, "tanh").get_xydata().tolist() == [[0, 1], [1, 0]]
    assert legend(ax) == ["sigmoid", "tanh"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "output")


def test_losses_are_smoothed_over_the_steps_before_and_the_raw_ones_stay_visible():
    ax = plot_losses(HISTORY, smooth=5)
    for column, label in (("supervised", "which digit"), ("unsupervised", "real or generated"), ("generator", "G")):
        (smooth,) = [line for line in ax.lines if label in line.get_label() and "D cannot tell" not in line.get_label()]
        assert smooth.get_ydata()[9] == pytest.approx(HISTORY[column].iloc[5:10].mean())
        assert smooth.get_ydata()[0] == pytest.approx(HISTORY[column].iloc[0])
        assert smooth.get_xdata().tolist() == list(range(1, 31))
        raw = [line for line in ax.lines if np.array_equal(line.get_ydata(), HISTORY[column])]
        assert raw[0].get_alpha() < 0.5
        assert raw[0].get_color() == smooth.get_color()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")


def test_the_level_at_which_d_cannot_tell_is_marked_in_losses_and_beliefs():
    losses, beliefs = plot_losses(HISTORY), plot_beliefs(HISTORY)
    assert set(line(losses, "D cannot tell (log 2)").get_ydata()) == {np.log(2)}
    assert set(line(beliefs, "D cannot tell (1/2)").get_ydata()) == {0.5}


def test_beliefs_are_probabilities_in_the_colours_of_their_sources():
    ax = plot_beliefs(HISTORY, smooth=1)
    assert np.allclose(line(ax, "unlabelled real").get_ydata(), HISTORY["belief_in_real"])
    assert np.allclose(line(ax, "generated").get_ydata(), HISTORY["belief_in_generated"])
    assert line(ax, "unlabelled real").get_color() == UNLABELLED
    assert line(ax, "generated").get_color() == GENERATED
    low, high = ax.get_ylim()
    assert -0.1 < low < 0 < 1 < high < 1.1


def test_the_history_of_a_run_can_be_plotted_as_it_is(quick_train):
    history = quick_train().history
    assert line(plot_losses(history), "G").get_xdata().tolist() == list(range(1, 9))
    assert line(plot_beliefs(history), "generated").get_ydata()[0] == pytest.approx(history["belief_in_generated"][1])


def test_confusion_writes_every_count_and_shades_only_mistakes():
    matrix = np.diag(range(900, 1000, 10))
    matrix[4, 9], matrix[3, 5] = 12, 2
    ax = plot_confusion(torch.from_numpy(matrix))
    places = {tuple(reversed(text.get_position())): text.get_text() for text in ax.texts}  # (true, named)
    assert places == {(i, i): str(900 + 10 * i) for i in range(10)} | {(4, 9): "12", (3, 5): "2"}
    shades = ax.images[0].get_array()
    assert shades[4, 9] == 12
    assert not shades.diagonal().any()
    assert ax.images[0].get_clim() == (0, 12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted by D", "true digit")


def test_confusion_without_any_mistake_can_be_drawn():
    ax = plot_confusion(100 * np.eye(10, dtype=int))
    assert words(ax) == ["100"] * 10
    assert not ax.images[0].get_array().any()


def test_clouds_of_points_keep_their_places_names_and_colours():
    groups = {"labelled": np.array([[0.0, 1.0], [2.0, 3.0]]), "generated": torch.tensor([[4.0, 5.0]])}
    ax = plot_points(groups, {"labelled": LABELLED, "generated": GENERATED})
    assert [cloud.get_offsets().tolist() for cloud in ax.collections] == [[[0, 1], [2, 3]], [[4, 5]]]
    assert [to_hex(cloud.get_facecolor()[0]).upper() for cloud in ax.collections] == [LABELLED, GENERATED]
    assert legend(ax) == ["labelled", "generated"]


# Style


def test_the_house_style_is_taken_on_for_what_follows():
    with mpl.rc_context():
        mpl.rcParams["axes.spines.top"] = True
        use_house_style()
        _, ax = plt.subplots()
        assert not ax.spines["top"].get_visible()
        assert mpl.rcParams["image.cmap"] == "gray_r"
        drawn = {ax.plot([0, 1])[0].get_color() for _ in range(5)}
        assert len(drawn) == 5
        # A curve that stands for no source and no network must not look like one.
        meaningful = {LABELLED, UNLABELLED, GENERATED, plotting.DISCRIMINATOR, plotting.GENERATOR}
        assert drawn.isdisjoint(meaningful)


def test_the_colours_of_sources_and_networks_can_be_told_apart_in_print_too():
    colours = [LABELLED, UNLABELLED, GENERATED, plotting.DISCRIMINATOR, plotting.GENERATOR, plotting.MUTED]
    assert len(set(colours)) == len(colours)
    sources = [mpl.colors.to_rgb(colour) for colour in (LABELLED, UNLABELLED, GENERATED)]
    for i, one in enumerate(sources):
        for other in sources[i + 1 :]:
            assert np.linalg.norm(np.subtract(one, other)) > 0.3


def bars_of(ax):
    """Where each vertical bar of an axis begins and ends."""
    return [(low, high) for bars in ax.collections for (_, low), (_, high) in bars.get_segments()]


def test_label_efficiency_goes_through_medians_with_bars_from_the_worst_run_to_the_best():
    ax = study_plots.plot_label_efficiency(TABLE, {"SGAN (a paper)": {25: 0.8, 100: 0.93}})
    assert legend(ax) == ["SGAN", "SGAN (a paper)", "CNN"]  # as the curves begin, from top to bottom
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["25", "1,000"]
    assert {"50%", "90%", "98%"} <= {tick.get_text() for tick in ax.get_yticklabels()}
    assert line(ax, "SGAN (a paper)").get_linestyle() == ":"
    assert sorted(bars_of(ax)) == [
        pytest.approx(ends) for ends in [(0.5, 0.6), (0.7, 0.92), (0.94, 0.96), (0.95, 0.99)]
    ]


def test_published_results_are_stars_with_their_names_hollow_if_nobody_looked_them_up():
    published = pd.DataFrame(
        {"labels": [25, 1000], "method": ["A", "B"], "error": [2.0, 1.0], "read": ["the paper", results.FROM_MEMORY]}
    )
    ax = study_plots.plot_label_efficiency(TABLE, published=published)
    stars = [dot for dot in ax.lines if dot.get_marker() == "*"]
    assert [(*star.get_xdata(), *star.get_ydata()) for star in stars] == [(25, 0.98), (1000, 0.99)]
    assert [star.get_markerfacecolor() for star in stars] == ["black", "white"]
    assert {"A", "B"} <= set(words(ax))


def test_label_efficiency_of_a_single_seed_has_no_bar():
    single = TABLE.assign(worst_accuracy=TABLE["median_accuracy"], best_accuracy=TABLE["median_accuracy"])
    assert all(low == high for low, high in bars_of(study_plots.plot_label_efficiency(single)))


def test_methods_that_are_drawn_together_have_colours_and_signs_of_their_own():
    ours = {name: style for name, style in study_plots.METHOD_STYLES.items() if "Odena 2016" not in name}
    assert len({colour for colour, _ in ours.values()}) == len(ours)
    for panel in (lesson_6.COMPARED, lesson_6.STRONG):
        assert len({ours[method][1] for method in panel}) == len(panel)


def test_runs_are_dots_with_a_stroke_at_their_mean_first_group_on_top():
    ax = plotting.plot_runs({"cnn": [50.0, 60.0], "sgan": [90.0]}, "accuracy (%)")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["sgan", "cnn"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [[90.0], [50.0, 60.0]]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() != "o"] == [90.0, 55.0]


def test_gains_are_drawn_with_their_interval_beside_a_line_at_zero():
    ax = study_plots.plot_gains(GAINS, "points")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["25 labels", "50 labels"]
    (bars,) = ax.collections
    assert [[x for x, _ in segment] for segment in bars.get_segments()] == [[1.0, 5.0], [-1.0, 3.0]]
    assert any(list(line.get_xdata()) == [0, 0] for line in ax.lines)


def test_a_gain_that_chance_could_bring_about_has_a_hollow_dot():
    ax = study_plots.plot_gains(GAINS.assign(p_holm=[0.01, 0.2]), "points")
    (hollow,) = [dots for dots in ax.lines if dots.get_markerfacecolor() == "white"]
    assert list(hollow.get_xdata()) == [1.0]


def test_a_trade_off_names_each_point_at_its_place():
    ax = study_plots.plot_trade_off({"sgan": (3.0, 0.95), "best": (9.0, 0.99)}, "FID", "accuracy")
    assert legend(ax) == ["sgan", "best"]
    assert [(*line(ax, name).get_xdata(), *line(ax, name).get_ydata()) for name in legend(ax)] == [(3, 0.95), (9, 0.99)]
    assert len({(dot.get_marker(), dot.get_color()) for dot in ax.lines}) == 2
