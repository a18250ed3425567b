"""Whatever the knobs say, a run starts or says why not, and leaves neither thread nor memory behind."""

import gc
import os
import random
import threading
import weakref

import ipywidgets
import psutil
import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.presets import NOTES
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets import playground
from sgan_utils.widgets.live import LiveRun
from sgan_utils.widgets.playground import Playground

CORNERS, IN_ONE_TEST = 200, 10
STEPS = 50
PATIENCE = 20  # seconds of a run, then it is stopped: a corner may be slow, but it has to answer


def long(test):
    """Tests that take an hour together: they run where the environment variable SGAN_ENDURANCE is set."""
    return pytest.mark.slow(pytest.mark.skipif("SGAN_ENDURANCE" not in os.environ, reason="set SGAN_ENDURANCE")(test))


@pytest.fixture
def play(tiny_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_OUT", 40)
    return Playground(tiny_mnist, exports=tmp_path)


def turn_into_a_corner(control, chance):
    """To an end of its slider, one of its choices, or anywhere between."""
    if isinstance(control, ipywidgets.SelectionSlider | ipywidgets.Dropdown):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
        control.value = chance.choice([values[0], values[-1], chance.choice(values)])
    elif isinstance(control, ipywidgets.Checkbox):
        control.value = chance.random() < 0.5
    elif isinstance(control, ipywidgets.Text):  # channels
        control.value = ",".join(str(chance.choice((1, 3, 16))) for _ in range(3))
    else:
        control.value = chance.choice([control.min, control.max, (control.min + control.max) / 2])


def ours():
    """The threads of runs; tqdm keeps one of its own, and torch's are listed once they have called Python."""
    return {one for one in threading.enumerate() if one.name.startswith("sgan-")}


def start_and_end(play):
    """Press Start, wait for the end or stop it; what it said if it did not begin."""
    before = ours()
    play.live = None
    play.start.click()
    if play.live is None:
        return play.message.value
    live = play.live
    live.wait(PATIENCE)
    play.stop.click()
    live.wait(300)
    assert not live._thread.is_alive()
    assert ours() <= before
    assert live.state in ("finished", "stopped", "failed")
    assert bool(live.failure) == (live.state == "failed")
    assert live.failure or live.step >= 1
    return live.failure


def is_one_sentence(text):
    return text.count("Traceback") == 0 and text.rstrip("</span>").endswith(".") and "\n" not in text


@pytest.mark.parametrize("preset", NOTES)
def test_every_preset_starts_and_stops(play, preset):
    play.knobs.choose(preset)
    play.knobs.controls["steps"].value = min(play.knobs.controls["steps"].options, key=lambda one: abs(one[1] - 3))[1]
    assert start_and_end(play) == ""


@long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(CORNERS // IN_ONE_TEST))
def test_any_corner_of_the_knobs_trains_or_answers_in_one_sentence(play, number):
    chance = random.Random(number)
    for _ in range(IN_ONE_TEST):
        for name, control in play.knobs.controls.items():
            turn_into_a_corner(control, chance)
            if name == "student_steps":
                control.value = min(control.value, 5) if not isinstance(control, ipywidgets.SelectionSlider) else 0
        play.knobs.controls["steps"].value = STEPS
        said = start_and_end(play)
        assert not said or is_one_sentence(said), said


@long
def test_fifty_starts_and_stops_take_no_more_memory(play):
    taken = []
    for _ in range(50):
        play.knobs.show(SGANConfig(steps=3, labels=40, batch_size=8, labelled_batch_size=8))
        start_and_end(play)
        gc.collect()
        taken.append(psutil.Process().memory_info().rss)
    assert len(play.runs) == playground.MOST_RUNS
    assert sum(taken[45:]) / sum(taken[5:10]) < 1.05


def test_an_ended_run_gives_its_images_back_and_fetches_them_when_they_are_needed(play, tiny_config):
    play.knobs.show(tiny_config.but(steps=3))
    start_and_end(play)
    first = play.runs[0].live
    assert isinstance(first, LiveRun)
    whole = first.run.sources.fingerprint()
    code = live_module.as_code(first)
    start_and_end(play)
    assert len(first.run.sources.unlabelled_images) == 0
    assert live_module.as_code(first) == code
    assert first.run.sources.fingerprint() == whole
    first.rest()
    first.follow(2)
    assert first.answer.step == 3


def test_the_table_keeps_the_last_runs_and_says_which_had_to_go(play, tiny_config, monkeypatch):
    monkeypatch.setattr(playground, "MOST_RUNS", 2)
    play.knobs.show(tiny_config.but(steps=2))
    start_and_end(play)
    first = weakref.ref(play.runs[0].live)
    for _ in range(2):
        start_and_end(play)
    assert [row.name.value for row in play.runs] == ["run 2", "run 3"]
    assert "run 1" in play.links.value
    gc.collect()
    assert first() is None  # its networks take no more memory
