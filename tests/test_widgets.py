"""Widgets without a browser: their logic is plain functions and traits, so a test can press and turn them."""

import html
import io
import time

import ipywidgets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from sgan_utils.config import SGANConfig
from sgan_utils.data import UNKNOWN, Description, ImageData, draw_labelled
from sgan_utils.evaluation import believe, latent_directions
from sgan_utils.models import build_models
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.presets import NOTES, PRESETS
from sgan_utils.widgets import live
from sgan_utils.widgets import pad as pad_module
from sgan_utils.widgets.budget import LabelBudget
from sgan_utils.widgets.knobs import FIRST, Knobs, knob, read_knob, scale, series, set_knob
from sgan_utils.widgets.latent import DIRECTIONS, POOL, LatentExplorer, Pool
from sgan_utils.widgets.live import LiveRun
from sgan_utils.widgets.pad import PAD, DigitPad, Pad, centred
from sgan_utils.widgets.page import PLANE, SECTIONS, Page
from sgan_utils.widgets.pictures import Comparison, Curves, bars, empty_sheet, sheet
from sgan_utils.widgets.playground import Playground
from sgan_utils.widgets.runs import differences, status_of

TINY = {
    "steps": 6,
    "labels": 40,
    "labelled_batch_size": 8,
    "batch_size": 8,
    "latent_size": 5,
    "channels_g": (4, 4, 4),
    "channels_d": (4, 4, 4),
}


def size(png):
    return Image.open(io.BytesIO(png)).size


# Knobs


@pytest.mark.parametrize("name", [name for name in SGANConfig.model_fields if name != "data"])
def test_every_field_has_a_control_with_label_and_tooltip_that_reads_back_what_it_shows(name):
    control, field = knob(name), SGANConfig.model_fields[name]
    assert control.description.startswith(field.title)
    assert field.description in control.tooltip
    assert getattr(SGANConfig(**{name: read_knob(control)}), name) == field.default


@pytest.mark.parametrize("name", [name for name in SGANConfig.model_fields if name != "data"])
def test_a_control_cannot_leave_the_range_of_its_field(name):
    control = knob(name)
    for edge in ("min", "max"):
        if hasattr(control, edge):
            SGANConfig(**{name: getattr(control, edge)})


def test_a_logarithmic_series_goes_from_bound_to_bound_and_holds_the_default():
    assert series(10, 200, 64) == [10, 20, 30, 50, 64, 70, 100, 200]
    assert series(1e-3, 0.02) == [0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.02]
    assert knob("labels").options[0][1] == 10
    assert 30_000 in [value for _, value in knob("labels").options]


def test_a_control_can_be_turned_to_a_value_between_its_stops():
    control = knob("steps")
    set_knob(control, 123)
    assert read_knob(control) == 123


@pytest.mark.parametrize("preset", NOTES)
def test_choosing_a_preset_turns_every_knob_to_it_and_says_what_to_look_for(preset):
    knobs = Knobs()
    knobs.choose(preset)
    assert knobs.config == SGANConfig.preset(preset)
    assert len(knobs.note.value) > 80


@pytest.mark.parametrize("fields", PRESETS.values())
def test_no_preset_stands_between_two_steps_of_a_slider_which_a_browser_would_round(fields):
    for name, value in fields.items():
        control = knob(name)
        if isinstance(control, ipywidgets.FloatSlider):
            steps = (value - control.min) / control.step
            assert steps == pytest.approx(round(steps), abs=1e-6), name


def test_what_a_browser_rounds_by_a_hair_is_what_it_was():
    control = knob("adam_beta1", 0.9)
    control.value = 0.9000000000000001
    assert read_knob(control) == 0.9


def test_beginners_see_the_first_knobs_and_all_others_are_one_click_away():
    knobs = Knobs()
    assert set(FIRST) < set(knobs.controls)
    assert set(knobs.controls) == set(SGANConfig.model_fields) - {"held_out", "data"}


def test_values_that_do_not_fit_are_told_in_a_sentence_at_once():
    knobs = Knobs()
    knobs.controls["channels_d"].value = "32,cat,128"
    assert "“Channels of D” must be" in knobs.message.value
    assert knobs.message.value.count("Channels of D") == 1
    assert "SGANConfig" not in knobs.message.value  # there is no code beside the knobs of the app
    knobs.controls["channels_d"].value = "1,1,1"
    knobs.controls["channels_g"].value = "0,0,0"
    assert knobs.message.value.count("must be") == 1
    knobs.controls["channels_g"].value = "64,32,16"
    knobs.controls["channels_d"].value = "32,64,128"
    assert knobs.message.value == ""


@pytest.mark.parametrize("name", [name for name in SGANConfig.model_fields if name not in ("data", "held_out")])
def test_below_every_knob_stand_its_default_and_a_help_without_a_mouse(name):
    text = scale(name, knob(name))
    assert "default " in text
    assert "<summary aria-label=" in text
    assert html.escape(SGANConfig.model_fields[name].description) in text


def test_the_mark_of_a_default_stands_where_the_handle_of_an_untouched_slider_is():
    control = knob("learning_rate_d")
    values = [value for _, value in control.options]
    assert f"left:{values.index(4e-3) / (len(values) - 1):.1%}" in scale("learning_rate_d", control)
    assert "0.00001 to 1, default 0.004" in scale("learning_rate_d", control)
    assert "left:10.0%" in scale("input_noise", knob("input_noise"))


# Pictures


def test_a_sheet_shows_ink_on_paper_and_keeps_its_size_when_it_is_empty():
    images = torch.full((7, 1, 28, 28), 255, dtype=torch.uint8)
    assert size(sheet(images, columns=5, scale=2)) == size(empty_sheet(7, columns=5, scale=2)) == (320, 128)
    pixels = np.asarray(Image.open(io.BytesIO(sheet(images, columns=5, scale=2))))
    assert pixels[20, 20] == 0
    assert pixels[0, 0] == pixels[100, 300] == 255


def test_curves_can_be_drawn_at_every_stage_of_a_run_and_never_change_their_size():
    curves, comparison = Curves(), Comparison()
    columns = ("supervised", "unsupervised", "generator", "belief_in_real", "belief_in_generated")
    history = pd.DataFrame({name: np.linspace(2, 0.1, 100) for name in columns}, index=range(1, 101))
    sizes = {
        size(curves.draw(history.iloc[:steps], {"run 1": points}, {"run 1": "#000000"}, 100))
        for steps, points in ((0, {}), (1, {1: 0.1}), (100, {1: 0.1, 100: 0.9}))
    }
    sizes |= {size(curves.draw(pd.DataFrame(), {}, {}, 1))}
    sizes |= {size(comparison.draw(lines, {"a": "#000000"}, "loss")) for lines in ({}, {"a": history["generator"]})}
    assert len(sizes) == 1


def test_bars_of_beliefs_are_drawn():
    assert size(bars([0.1, 0.9], ["a", "b"], "belief", ["#000000", "#111111"])) == (340, 260)


# The playground


@pytest.fixture
def play(tiny_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "HELD_OUT", 40)
    made = Playground(tiny_mnist, exports=tmp_path / "exports")
    made.knobs.show(SGANConfig(**TINY))
    yield made
    if made.live:
        made.live.stop()
        made.live.wait(20)


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_start_trains_what_the_knobs_say_and_shows_it(play):
    before = play.curves.value
    play.start.click()
    play.live.wait(60)
    assert play.live.config == SGANConfig(**TINY, held_out=40)
    assert (play.progress.value, play.live.step) == (1.0, 6)
    assert play.status.value.startswith("Finished. Step 6 of 6, ")
    assert play.curves.value != before
    assert play.when_text.value == "the same 30 latents after step 6"
    assert not play.start.disabled
    assert play.pause.disabled
    assert play.stop.disabled


def test_pause_step_go_on_and_stop(play):
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    assert play.start.disabled
    until(lambda: play.live.step > 2)
    play.pause.click()
    until(lambda: play.status.value.startswith("Paused"))
    time.sleep(0.2)
    assert play.start.description == "Go on"
    step = play.live.step
    play.step.click()
    until(lambda: play.live.step == step + 1)
    live = play.live
    play.start.click()
    assert play.live is live
    until(lambda: play.live.step > step + 2)
    play.stop.click()
    live.wait(20)
    assert play.status.value.startswith("Stopped. Step ")
    assert [kept.live for kept in play.runs] == [live]


def test_reset_ends_the_run_and_turns_the_knobs_back(play):
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    live = play.live
    play.reset.click()
    live.wait(20)
    assert live.state == "stopped"
    assert play.knobs.config == SGANConfig.preset("lesson", labels=len(play.data.train_labels))  # all that there are
    assert play.status.value == "Ready."
    assert play.progress.value == 0


def test_knobs_that_do_not_fit_start_nothing_and_say_why(play):
    play.knobs.controls["channels_g"].value = "1,2"
    play.start.click()
    assert play.live is None
    assert "Channels of G" in play.message.value


def test_a_run_that_fails_says_why_on_the_page(play, monkeypatch):
    monkeypatch.setattr(
        "sgan_utils.training.unsupervised_loss", lambda real, generated, smoothing: real.sum() * float("nan")
    )
    play.start.click()
    play.live.wait(20)
    assert play.status.value.startswith("Failed.")
    assert "no longer a finite number" in play.message.value


def test_a_button_can_be_pressed_only_when_it_does_something(play):
    ended = (play.copy, play.export)
    play.knobs.choose("lesson")
    assert not play.start.disabled
    assert all(one.disabled for one in (play.pause, play.stop, play.reset, play.remove, play.when, *ended))
    play.knobs.controls["channels_g"].value = "1,2"
    assert play.start.disabled
    assert play.step.disabled
    assert not play.reset.disabled  # there is something to turn back
    play.knobs.show(SGANConfig(**TINY | {"steps": 100_000}))
    play.start.click()
    until(lambda: play.live.step > 1)
    assert play.start.disabled
    assert not play.pause.disabled
    assert all(one.disabled for one in ended)
    play.stop.click()
    play.live.wait(20)
    assert not any(one.disabled for one in (play.start, play.remove, *ended))
    assert play.stop.disabled


def test_the_status_of_a_run_that_goes_is_that_of_its_pictures(play, monkeypatch):
    monkeypatch.setattr(live, "OVERHEAD", 0.0)
    monkeypatch.setattr(live, "EARLY", 0.0)  # no look for a while after the first
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    until(lambda: play.live.step > 5)
    assert f"Step {play.live.seen:,} of" in status_of(play.live)
    assert play.when_text.value.endswith(f"after step {play.live.seen:,}")


def two_runs(play):
    for rate in (1e-3, 5e-3):
        play.knobs.controls["learning_rate_g"].value = rate
        play.start.click()
        play.live.wait(60)


def test_the_table_names_only_what_differs_between_runs(play):
    two_runs(play)
    said = [kept.about.value for kept in play.runs]
    assert all("learning_rate_g=0.00" in text for text in said)
    assert not any("steps=" in text or "held_out=" in text for text in said)
    assert differences([SGANConfig(), SGANConfig()]) == [{}, {}]


def test_a_run_can_be_named_hidden_and_removed(play):
    two_runs(play)
    play.runs[0].name.value = "slow G"
    assert play.chosen.options[0][0] == "slow G"
    both = play.comparison.value
    play.runs[1].shown.value = False
    assert play.comparison.value != both
    play.chosen.value = play.runs[1].live
    play.remove.click()
    assert [kept.name.value for kept in play.runs] == ["slow G"]
    assert play.chosen.options == (("slow G", play.runs[0].live),)


def test_a_run_can_be_exported_as_curves_and_as_models(play):
    from sgan_utils.support.checkpoints import load_models

    two_runs(play)
    play.runs[0].name.value = "slow G / first"
    play.chosen.value = play.runs[0].live
    play.export.click()
    name = f"slow_G_first-{live.fingerprint(play.runs[0].live.run)}"
    table = pd.read_csv(play.exports / f"{name}.csv", index_col="step")
    assert len(table) == 6
    assert table["held_out_accuracy"].dropna().between(0, 1).all()
    generator, _, config = load_models(play.exports / f"{name}.safetensors")
    assert config == play.runs[0].live.config
    assert torch.equal(generator.linear.weight, play.runs[0].live.run.generator.linear.weight.cpu())
    assert play.links.value.count(f'download="{name}.') == 2
    assert str(play.exports.resolve()) in play.links.value


def test_no_two_runs_have_one_name_and_none_has_no_name(play):
    two_runs(play)
    first, second = play.runs
    second.name.value = "run 1"
    assert second.name.value == "run 1 (2)"
    second.name.value = " "
    assert second.name.value == "run 2"
    play.rename(first.live, "healthy")
    assert [label for label, _ in play.chosen.options] == ["healthy", "run 2"]


@pytest.mark.parametrize("name", [r"costs $\x$", "_hidden", "<b>"])
def test_any_name_can_stand_in_a_legend(play, name):
    two_runs(play)
    before = play.comparison.value
    play.runs[0].name.value = name
    assert play.comparison.value != before
    assert play.run("lesson", **TINY).state == "finished"


def test_a_long_run_that_was_stopped_does_not_press_the_others_flat(play):
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    until(lambda: play.live.step > 1)
    assert play._longest(play.runs) == 400
    play.stop.click()
    play.live.wait(20)
    assert play._longest(play.runs) == play.live.step


def test_pictures_go_on_after_a_long_pause(play, monkeypatch):
    monkeypatch.setattr(live, "NOTIFY_EVERY", 1e9)  # looks at pauses only
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    until(lambda: play.live.step > 2)
    play.pause.click()
    until(lambda: play.status.value.startswith("Paused") and play.live.step in play.live.frames)
    watched = play.live._watched_seconds
    for _ in range(3):
        step = play.live.step
        play.step.click()
        until(lambda step=step: play.live.step > step)
    until(lambda: max(play.live.frames) == play.live.step)
    assert play.live._watched_seconds == watched


def test_a_run_is_copied_as_code_only_when_it_has_ended(play):
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    until(lambda: play.live.step > 1)
    play.copy.click()
    assert "stop it" in play.links.value
    assert play.code.value == ""
    play.stop.click()
    play.live.wait(20)
    play.copy.click()
    assert f"stop_after({play.live.step})" in play.code.value
    compile(play.code.value, "cell", "exec")


def test_looking_back_shows_earlier_images_and_new_ones_do_not_pull_one_away(play):
    play.knobs.show(SGANConfig(**TINY, weight_std=0.3))  # so that a step shows in the images
    for step in (1, 2, 3):
        play.step.click()
        until(lambda step=step: play.live.step == step and step in play.live.frames)
    time.sleep(0.3)
    latest = play.samples.value
    play.when.value = 0
    assert play.when_text.value == "the same 30 latents after step 1"
    assert play.samples.value != latest
    play.step.click()
    until(lambda: 4 in play.live.frames)
    time.sleep(0.3)
    assert play.when.value == 0


def test_a_new_playground_stops_the_run_of_the_one_before(play, tiny_mnist):
    play.knobs.controls["steps"].value = 100_000
    play.start.click()
    until(lambda: play.live.step > 1)
    Playground(tiny_mnist)
    play.live.wait(20)
    assert play.live.state == "stopped"


def test_a_cell_can_do_what_a_hand_would(play):
    live = play.run("lesson", **TINY)
    assert isinstance(live, LiveRun)
    assert live.state == "finished"
    assert play.knobs.presets.value == "lesson"
    with pytest.raises(ConfigError, match="no preset named 'lessons'"):
        play.run("lessons")


def test_a_cell_gets_the_run_that_it_asks_for_even_while_another_waits(play):
    play.knobs.controls["steps"].value = 100_000
    play.step.click()
    waiting = play.live
    until(lambda: waiting.state == "paused")
    live = play.run("lesson", **TINY)
    assert live is not waiting
    assert (waiting.state, live.state, live.step) == ("stopped", "finished", TINY["steps"])


def inside(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def test_everything_that_can_be_turned_or_pressed_has_a_label_and_a_tooltip(play, networks, mnist):
    play.run("lesson", **TINY)
    for page in (play, LatentExplorer(*networks), LabelBudget(mnist)):
        for widget in inside(page.widget):
            if hasattr(widget, "disabled") and not isinstance(widget, ipywidgets.Image):
                assert widget.description, widget
                assert widget.tooltip, widget


@pytest.mark.parametrize(("callback", "passes"), [("1 / 0", False), ("1 / 1", True)])
def test_a_callback_that_raises_fails_the_lesson(tmp_path, callback, passes):
    import subprocess
    import sys

    import nbformat

    source = f"import ipywidgets\nbutton = ipywidgets.Button()\nbutton.on_click(lambda _: {callback})\nbutton.click()"
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "lesson.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "no:cacheprovider",
        "lesson.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == passes, done.stdout


# Latents


@pytest.fixture(scope="module")
def networks():
    generator, discriminator = build_models(SGANConfig(latent_size=7, channels_g=(4, 4, 4), channels_d=(4, 4, 4)))
    return generator.eval(), discriminator.eval()


def test_directions_are_those_that_change_g_s_first_layer_most(networks):
    generator, _ = networks
    directions = latent_directions(generator, DIRECTIONS)
    assert directions.shape == (DIRECTIONS, 7)
    torch.testing.assert_close(directions @ directions.T, torch.eye(DIRECTIONS), atol=1e-5, rtol=0)
    lengths = (generator.linear.weight @ directions.T).norm(dim=0)
    assert (lengths.diff() <= 1e-6).all()


def test_the_surest_images_of_a_digit_come_first_and_are_named_so(networks):
    pool = Pool(*networks)
    for digit in range(10):
        found = pool.surest(digit, count=20)
        assert (pool.probability[found].argmax(1) == digit).all()
        assert (pool.probability[found, digit].diff() <= 0).all()


def test_the_explorer_answers_to_every_slider(networks):
    explorer = LatentExplorer(*networks)
    for slider in explorer.sliders:
        before = explorer.image.value
        slider.value = 3.0
        assert explorer.image.value != before
    start = explorer.way_image.value
    explorer.way.value = explorer.way.max
    assert explorer.way_image.value != start
    assert explorer.way_text.value.startswith("100% of the way")
    explorer.digit.value = 3
    assert "generated images 3" in explorer.found_text.value
    explorer.pool.probability = torch.eye(10)[torch.zeros(POOL, dtype=int)]  # a G that has collapsed to zeros
    explorer.digit.value = 4
    assert explorer.found_text.value == f"D names 0 of {POOL:,} generated images 4: G generates none"


FRUIT = Description("fruit", channels=3, height=32, width=24, classes=("apple", "pear", "<b>fig</b>"))


def test_explorer_and_pad_follow_other_data():
    g, d = build_models(SGANConfig(data="fruit", channels_g=(4, 4, 4), channels_d=(4, 4, 4)), FRUIT)
    explorer, pad = LatentExplorer(g, d, FRUIT), DigitPad(d, FRUIT)
    assert [name for name, _ in explorer.first.options] == list(FRUIT.classes)
    explorer.digit.value = 1
    assert "generated images pear" in explorer.found_text.value
    assert pad.answer.value == "nothing drawn yet"
    pad.pad.pixels = bytes(PAD * 40) + b"\xff" * PAD * 10 + bytes(PAD * (PAD - 50))
    name = next(name for name in ("apple", "pear", "&lt;b&gt;fig&lt;/b&gt;") if name in pad.answer.value)
    assert pad.answer.value.startswith(f"D reads <b>{name}</b>")


@pytest.mark.parametrize("side", [16, 28, 32])
def test_a_drawing_fills_the_same_part_of_images_of_every_size(side):
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[5:45, 60:70] = 255
    image = centred(drawing, side)
    assert image.shape == (1, side, side)
    assert int(image[0].amax(1).count_nonzero()) == round(side * 20 / 28)


def test_the_label_budget_counts_the_classes_of_other_data():
    labels = torch.arange(60) % 3
    data = ImageData(
        torch.zeros(60, 3, 32, 24, dtype=torch.uint8),
        labels,
        torch.zeros(0, 3, 32, 24),
        labels[:0],
        *FRUIT[0:1],
        FRUIT.classes,
    )
    budget = LabelBudget(data)
    assert budget.labels.value <= 60
    budget.labels.value = 30
    assert budget.text.value.startswith("30 labels are 50.00% of the training images, 10 of each class")
    budget = LabelBudget(data._replace(train_labels=torch.where(torch.arange(60) < 30, labels, UNKNOWN)))
    budget.labels.value = 30
    assert budget.text.value.startswith("30 labels are 50.00% of the training images, 10 of each class")


# The pad


def test_a_drawing_is_scaled_to_twenty_pixels_and_centred_by_its_mass():
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[5:45, 60:70] = 255
    image = centred(drawing)
    assert image.shape == (1, 28, 28)
    rows, columns = image[0].amax(1).nonzero().squeeze(1), image[0].amax(0).nonzero().squeeze(1)
    assert len(rows) == 20
    assert len(columns) == 5
    ink = image[0].float()
    assert (ink.sum(1) @ torch.arange(28.0) / ink.sum()).item() == pytest.approx(14, abs=0.6)
    assert (ink.sum(0) @ torch.arange(28.0) / ink.sum()).item() == pytest.approx(14, abs=0.6)


def test_where_and_how_large_a_digit_is_drawn_makes_no_difference(mnist):
    digit = mnist.test_images[0, 0]
    small, large = torch.zeros(2, PAD, PAD, dtype=torch.uint8)
    small[2:30, 80:108] = digit
    large[0:84, 10:94] = digit.repeat_interleave(3, 0).repeat_interleave(3, 1)
    difference = centred(small).float() - centred(large).float()
    assert difference.abs().mean() < 12


def test_mnist_s_own_digits_lie_as_a_drawing_is_laid(mnist):
    laid = torch.stack([centred(image[0]) for image in mnist.test_images[:300]])
    assert (laid.float() - mnist.test_images[:300].float()).abs().mean() < 1


@pytest.mark.parametrize("ink", [0, 20])
def test_an_empty_pad_is_paper(ink):
    assert not centred(torch.full((PAD, PAD), ink, dtype=torch.uint8)).any()


def test_a_single_dot_is_no_error():
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[0, 0] = 255
    assert centred(drawing).amax() == 255


def test_the_pad_answers_to_every_change_and_to_wiping(networks):
    pad = DigitPad(networks[1])
    assert pad.answer.value == "nothing drawn yet"
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[20:90, 50:60] = 255
    pad.pad.pixels = drawing.numpy().tobytes()
    assert pad.answer.value.startswith("D reads <b>")
    pad.pad.pixels = bytes(PAD * PAD)
    assert pad.answer.value == "nothing drawn yet"


def test_the_pad_says_apart_what_d_must_choose_and_whether_it_takes_it_for_real(networks):
    pad = DigitPad(networks[1])
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[20:90, 50:60] = 255
    pad.pad.pixels = drawing.numpy().tobytes()
    belief = believe(networks[1], centred(drawing)[None])
    assert f"It takes this for real with <b>{belief.real_logit.sigmoid().item():.0%}</b>" in pad.answer.value
    assert "takes this for real" in pad.aid.news


def test_too_little_ink_is_refused(networks):
    pad = DigitPad(networks[1])
    drawing = torch.zeros(PAD, PAD, dtype=torch.uint8)
    drawing[50:58, 50:58] = 255
    pad.pad.pixels = drawing.numpy().tobytes()
    assert pad.answer.value == "too little ink to read: draw larger"


def test_the_page_has_all_tabs_and_points_that_nobody_sees_are_not_trained(networks, tiny_mnist):
    page = Page(tiny_mnist, *networks)
    assert page.tabs.titles == tuple(SECTIONS)
    page.tabs.selected_index = PLANE
    page.plane.go()
    page.tabs.selected_index = 0
    assert page.plane.start.description == "Start"


def test_what_the_browser_sends_arrives_as_bytes():
    received = Pad.pixels.metadata["from_json"](memoryview(b"abc"), None)
    assert received == b"abc"
    assert f"SIZE = {PAD};" in (pad_module.Path(pad_module.__file__).parent / "pad.js").read_text()


# The budget


def test_the_budget_shows_the_images_that_a_run_would_have_labelled(mnist):
    budget = LabelBudget(mnist, labels=20)
    assert budget.text.value == "20 labels are 0.03% of the training images, 2 of each digit"
    chosen = draw_labelled(mnist.train_labels, 20, seed=0)
    in_order = chosen[mnist.train_labels[chosen].argsort(stable=True)]
    assert budget.images.value == sheet(mnist.train_images[in_order], columns=20, scale=2)
    budget.labels.value = 60_000
    assert "100 of them are shown" in budget.text.value
