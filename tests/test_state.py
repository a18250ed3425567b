"""The line that holds the playground's state: what it shows, what it takes, and the run that follows from it."""

import time

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.handed_on import State, read_state, write_state
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets.live import fingerprint
from sgan_utils.widgets.playground import Playground


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def play(tiny_mnist, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_OUT", 40)
    made = Playground(tiny_mnist, exports=tmp_path)
    made.knobs.show(tiny_config)
    yield made
    if made.live:
        made.live.stop()
        made.live.wait(20)


def steered(play):
    """A run of which a knob is turned after its second step, to its end."""
    for step in (1, 2):
        play.step.click()
        until(lambda step=step: play.live.step == step and play.live._waits)
    play.knobs.controls["input_noise"].value = 0.5
    play.start.click()
    play.live.wait(60)
    return play.live


def test_the_line_shows_what_start_would_do(play, tiny_config):
    assert read_state(play.state.text.value) == State("lesson", tiny_config, {})
    play.knobs.controls["seed"].value = 7
    assert "&seed=7&" in play.state.text.value
    assert play.state.address.state == play.state.text.value
    play.knobs.controls["channels_g"].value = "1,2"  # no configuration
    assert "&seed=7&" in play.state.text.value


def test_a_new_playground_leaves_the_address_as_it_is(tiny_mnist):
    assert Playground(tiny_mnist).state.address.state == ""


def test_what_is_pasted_turns_the_knobs(play, tiny_config):
    wanted = State("d_wins", tiny_config.but(seed=9), {})
    play.state.text.value = f" http://127.0.0.1:8866/#{write_state(wanted)} "
    assert play.knobs.config == wanted.config
    assert play.knobs.presets.value == "d_wins"
    assert play.state.text.value == write_state(wanted)
    assert play.state.message.value == ""


@pytest.mark.parametrize("wrong", ["hello", "sgan=1&data=MNIST", "sgan=1&seed"])
def test_what_is_wrong_is_answered_and_turns_nothing(play, tiny_config, wrong):
    play.state.text.value = wrong
    assert play.knobs.config == tiny_config
    assert "sgan-warning" in play.state.message.value
    assert ">This " in play.state.message.value
    play.knobs.controls["seed"].value = 7
    assert read_state(play.state.text.value).config.seed == 7
    assert play.state.message.value == ""


def test_an_emptied_line_is_filled_again(play):
    before = play.state.text.value
    play.state.text.value = "hello"
    play.state.text.value = ""
    assert play.state.text.value == before
    assert play.state.message.value == ""


def test_an_address_that_was_opened_turns_the_knobs_each_time(play, tiny_config):
    address, state = play.state.address, State("lesson", tiny_config.but(seed=4), {})
    for times in (1, 2):
        address.opened, address.times = write_state(state), times
        assert play.knobs.config.seed == 4
        play.knobs.controls["seed"].value = 5


def test_a_run_with_its_changes_is_handed_on_bit_for_bit(play):
    first = steered(play)
    assert "after." not in play.state.text.value  # Start would begin with what the knobs have been turned to
    play.repeat.click()
    handed = play.state.text.value
    assert "&after.2.input_noise=0.5&" in handed
    assert "Start also changes after step 2 Noise on D's input = 0.5." in play.state.message.value
    play.knobs.choose("lesson")  # somewhere else
    assert "after." not in play.state.text.value
    play.state.text.value = handed
    play.start.click()
    again = play.live
    again.wait(60)
    assert again is not first
    assert again.run.changes == first.run.changes == [(2, "input_noise", 0.5)]
    assert fingerprint(again.run) == fingerprint(first.run)
    assert again.steering.twin.begins == 2


def test_the_knobs_follow_a_change_that_was_planned(play, tiny_config):
    state = State("lesson", tiny_config.but(steps=1_000), {2: {"input_noise": 0.5}})
    play.state.text.value = write_state(state)
    for step in (1, 2, 3):
        assert play.knobs.controls["input_noise"].value == 0.0
        play.step.click()
        until(lambda step=step: play.live.step == step and play.live._waits)
    until(lambda: play.knobs.controls["input_noise"].value == 0.5)
    assert read_state(play.state.text.value) == state
    assert play.live.run.changes == [(2, "input_noise", 0.5)]


def test_while_a_run_goes_its_state_is_shown_and_none_is_taken(play, tiny_config):
    play.knobs.show(tiny_config.but(steps=1_000))
    play.step.click()
    until(lambda: play.live.step == 1 and play.live._waits)
    shown = play.state.text.value
    assert play.state.text.disabled
    assert play.repeat.disabled
    address = play.state.address
    address.opened, address.times = write_state(State("lesson", SGANConfig(), {})), 1
    assert "stop it first" in play.state.message.value
    assert play.knobs.config.steps == 1_000
    play.knobs.controls["input_noise"].value = 0.5
    play.step.click()
    until(lambda: play.live.step == 2 and play.live._waits)
    until(lambda: play.state.text.value != shown)
    assert read_state(play.state.text.value).changes == {1: {"input_noise": 0.5}}
    play.stop.click()
    play.live.wait(20)
    assert not play.state.text.disabled
    assert not play.repeat.disabled


def test_a_knob_that_is_turned_before_start_cancels_what_was_planned(play, tiny_config):
    play.state.text.value = write_state(State("lesson", tiny_config, {2: {"input_noise": 0.5}}))
    play.knobs.controls["seed"].value = 8
    assert "after." not in play.state.text.value
    assert play.state.message.value == ""
    play.start.click()
    play.live.wait(60)
    assert play.live.run.changes == []
