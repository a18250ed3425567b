"""Knobs that act while a run goes: what can change, the twin without the change, and code that repeats it all."""

import time

import pytest
import torch

from sgan_utils.config import SGANConfig
from sgan_utils.support.changes import CHANGEABLE, change, changed, changing
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.session import stop_after
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets.live import LiveRun, as_code, fingerprint
from sgan_utils.widgets.pictures import sheet
from sgan_utils.widgets.playground import Playground
from sgan_utils.widgets.runs import changes_in_words, marks_of
from sgan_utils.widgets.samples import COLUMNS

SLOWER = {"learning_rate_d": 1e-4}


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# What can change


@pytest.mark.parametrize("name", [name for name in SGANConfig.model_fields if name not in CHANGEABLE])
def test_what_a_run_is_built_of_cannot_change_and_says_so(name):
    other = {
        "data": "KMNIST", "labels": 50, "protocol": "labelled-only", "held_out": 1, "seed": 1, "steps": 7,
        "labelled_batch_size": 7, "batch_size": 7, "latent_size": 7, "head": "n_plus_1", "softmax_twice": True,
        "propagation": 0.5, "propagation_rounds": 1, "student_steps": 1, "weight_std": 0.1, "channels_g": (1, 1, 1),
        "channels_d": (1, 1, 1), "average_decay": 0.5, "precision": "float32",
    }[name]  # fmt: skip
    with pytest.raises(ConfigError, match=f"{name} must be the same in all steps of a run"):
        changed(SGANConfig(), **{name: other})
    assert changed(SGANConfig(), **{name: getattr(SGANConfig(), name)}) == SGANConfig()


def test_g_neither_joins_nor_leaves_a_run():
    for before, after in ((1.0, 0.0), (0.0, 1.0)):
        with pytest.raises(ConfigError, match="unsupervised_weight must be 0 in all steps of a run or in none"):
            changed(SGANConfig(unsupervised_weight=before), unsupervised_weight=after)
    with pytest.raises(ConfigError, match="supervised_weight must be above 0"):
        changed(SGANConfig(unsupervised_weight=0), supervised_weight=0)


def test_a_change_is_checked_as_a_configuration_is():
    with pytest.raises(ConfigError, match="learning_rate_d must be"):
        changed(SGANConfig(), learning_rate_d=2)
    with pytest.raises(ConfigError, match="there is no hyperparameter named 'rate'"):
        changed(SGANConfig(), rate=2)
    for step in (0, -1, 1.5, True, "3"):
        with pytest.raises(ConfigError, match="after step 1 or a later one"):
            changing({step: SLOWER})


def test_a_change_acts_from_the_next_step_on(quick_train):
    plain, steered = quick_train(), quick_train(callbacks=[changing({3: {"learning_rate_d": 1, "adam_beta1": 0.9}})])
    assert torch.equal(plain.log.tensor()[:3], steered.log.tensor()[:3])
    assert not torch.equal(plain.log.tensor()[3:], steered.log.tensor()[3:])
    assert steered.changes == [(3, "learning_rate_d", 1.0), (3, "adam_beta1", 0.9)]
    assert steered.optimizer_g.param_groups[0]["betas"] == (0.9, 0.999)
    assert steered.config == plain.config.but(learning_rate_d=1, adam_beta1=0.9)


@pytest.mark.parametrize("name", CHANGEABLE)
def test_everything_that_can_change_does_something(quick_train, name):
    other = {"generator_loss": "feature_matching", "confidence": 1.0}.get(name, 0.45)
    base = {"consistency_weight": 1.0, "confidence": 0.05, "input_noise": 0.5}
    if name == "consistency_start":  # it matters only before it sets in
        base["consistency_start"], other = 0.9, 0.0
    plain, steered = (quick_train(callbacks=[one], **base) for one in (stop_after(100), changing({1: {name: other}})))
    assert steered.changes == [(1, name, other)]
    assert fingerprint(plain) != fingerprint(steered)


def test_a_change_to_what_holds_already_is_none(quick_train, tiny_config):
    run = quick_train(callbacks=[changing({2: {"learning_rate_d": tiny_config.learning_rate_d}})])
    assert run.changes == []
    assert fingerprint(run) == fingerprint(quick_train())


def test_a_copy_of_a_run_goes_its_own_way(quick_train):
    run = quick_train(callbacks=[stop_after(2)])
    other = run.copy()
    assert other.sources is run.sources
    before = fingerprint(run)
    change(other, **SLOWER)
    with torch.no_grad():
        next(other.generator.parameters()).add_(1)
    torch.randn(3, generator=other.random)
    assert (fingerprint(run), run.changes) == (before, [])
    assert not torch.equal(run.random.get_state(), other.random.get_state())


# While it goes


@pytest.fixture
def start(tiny_config, tiny_mnist):
    made = []

    def make(notify=lambda *_: None, with_twin=True, **changes) -> LiveRun:
        made.append(LiveRun(tiny_config.but(**changes), tiny_mnist, notify, "cpu", with_twin))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.wait(10)


def steered(live, changes, after=3):
    """Take some steps, change something, and go on to the end."""
    for step in range(1, after + 1):
        live.take_one_step()
        until(lambda step=step: live.step == step and live._waits)
    live.steering.ask(**changes)
    live.start()
    live.wait(60)
    assert live.state == "finished", live.failure
    return live


def test_the_twin_is_bit_for_bit_the_run_without_the_change(start, tiny_config):
    plain, live = start(held_out=40), steered(start(held_out=40), SLOWER)
    plain.start()
    plain.wait(60)
    twin = live.steering.twin
    assert live.run.changes == [(3, "learning_rate_d", 1e-4)]
    assert twin.begins == 3
    assert twin.history.equals(plain.history)
    assert list(twin.accuracies) == [tiny_config.steps]
    assert twin.accuracies[tiny_config.steps] == plain.accuracies[tiny_config.steps]
    assert torch.equal(twin.frames[tiny_config.steps], plain.frames[tiny_config.steps])
    assert fingerprint(live.run) != fingerprint(plain.run)
    live.rest()
    assert twin.history.equals(plain.history)


def test_the_twin_changes_nothing_in_the_run_beside_which_it_goes(start):
    assert fingerprint(steered(start(), SLOWER).run) == fingerprint(steered(start(with_twin=False), SLOWER).run)


def test_a_twin_with_a_student_is_taught_as_well(start):
    plain, live = (start(held_out=40, student_steps=2) for _ in range(2))
    steered(live, SLOWER)
    plain.start()
    plain.wait(60)
    assert list(live.steering.twin.accuracies.values())[-1] == list(plain.accuracies.values())[-1]


def test_only_the_first_change_makes_a_twin_and_a_change_that_is_taken_back_makes_none(start):
    live = start(steps=100_000)
    live.take_one_step()
    until(lambda: live.step == 1 and live._waits)
    live.steering.ask(**SLOWER)
    assert live.steering.waiting == SLOWER
    live.steering.ask(learning_rate_d=live.config.learning_rate_d)
    live.take_one_step()
    until(lambda: live.step == 2 and live._waits)
    assert (live.steering.waiting, live.steering.twin, live.run.changes) == ({}, None, [])
    live.steering.with_twin = False
    live.steering.ask(**SLOWER)
    live.take_one_step()
    until(lambda: live.step == 3 and live._waits)
    live.steering.with_twin = True
    live.steering.ask(input_noise=0.1)
    live.take_one_step()
    until(lambda: live.step == 4 and live._waits)
    assert live.run.changes == [(2, "learning_rate_d", 1e-4), (3, "input_noise", 0.1)]
    assert live.steering.twin is None  # a twin would no longer be the run without any change


def test_a_twin_that_diverges_lets_the_run_go_on(start, monkeypatch):
    live = start(held_out=40)
    steered(live, SLOWER)
    twin = live.steering.twin
    twin._run.log.add(dict.fromkeys(("supervised", "unsupervised"), torch.tensor(float("nan"))))
    twin.observe(live._latents, live.frames)
    assert "no longer a finite number" in twin.failure
    assert live.state == "finished"
    assert "It failed" in changes_in_words(live)


def test_a_run_that_goes_refuses_in_the_thread_that_asks(start):
    live = start(steps=100_000)
    live.start()
    until(lambda: live.step > 2)
    for wrong in ({"labels": 50}, {"learning_rate_d": 3}, {"unsupervised_weight": 0}):
        with pytest.raises(ConfigError):
            live.steering.ask(**wrong)
    assert (live.state, live.run.changes, live.steering.waiting) == ("running", [], {})


def test_pauses_and_twins_do_not_count_as_time_of_training(start):
    live = start(steps=100_000)
    live.take_one_step()
    until(lambda: live.step == 1 and live._waits)
    before = live.seconds_left * live.step / live.seconds
    live.steering.ask(**SLOWER)
    live.take_one_step()
    until(lambda: live.step == 2 and live._waits)
    assert live.seconds_left * live.step / live.seconds == pytest.approx(2 * before, rel=1e-3)
    assert live.seconds < live.run.train_seconds


@pytest.mark.parametrize("stopped_at", [5, None])
def test_the_code_of_a_changed_run_repeats_it_bit_for_bit(start, tiny_mnist, monkeypatch, capsys, stopped_at):
    for module in ("training", "widgets.live"):
        monkeypatch.setattr(f"sgan_utils.{module}.load_data", lambda data: tiny_mnist)
    monkeypatch.setattr("sgan_utils.training.pick_device", lambda _: torch.device("cpu"))
    live = start(seed=5)
    for step in range(1, 6):
        live.take_one_step()
        until(lambda step=step: live.step == step and live._waits)
        if step == 2:
            live.steering.ask(learning_rate_d=1e-4, generator_loss="feature_matching")
        if step == 4:
            live.steering.ask(input_noise=0.5)
    live.stop() if stopped_at else live.start()
    live.wait(60)
    code = as_code(live)
    changes = "{2: {'learning_rate_d': 0.0001, 'generator_loss': 'feature_matching'}, 4: {'input_noise': 0.5}}"
    assert f"changing({changes})" in code
    assert ("stop_after(5)" in code) == bool(stopped_at)
    exec(code, {})
    assert "same run: True" in capsys.readouterr().out
    exec(code.replace("0.0001", "0.0002"), {})
    assert "same run: False" in capsys.readouterr().out


def test_changes_are_told_in_words_and_marked_in_few(start):
    live = steered(start(held_out=40), {"learning_rate_d": 1e-4, "generator_loss": "feature_matching"})
    said = changes_in_words(live)
    assert "After step 3: D's learning rate = 0.0001, Loss of G = feature_matching." in said
    assert "Dashed grey: its twin" in said
    assert marks_of(live) == {3: "D's rate 0.0001, loss feature_matching"}
    assert (changes_in_words(None), marks_of(None)) == ("", {})
    assert all(len(name) <= 12 for name in CHANGEABLE.values())  # room for a number


# In the playground


@pytest.fixture
def play(tiny_mnist, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_OUT", 40)
    made = Playground(tiny_mnist, exports=tmp_path)
    made.knobs.show(tiny_config.but(steps=100_000))
    yield made
    if made.live:
        made.live.stop()
        made.live.wait(20)


def paused_after(play, step):
    play.step.click()
    until(lambda: play.live.step == step and play.live._waits)


def test_a_knob_that_is_turned_while_a_run_goes_acts_on_it(play):
    paused_after(play, 1)
    before = play.curves.value
    play.knobs.controls["input_noise"].value = 0.5
    assert "From the next step on: Noise on D's input = 0.5" in play.changes.value
    paused_after(play, 2)
    assert play.live.run.changes == [(1, "input_noise", 0.5)]
    until(lambda: "After step 1: Noise on D's input = 0.5." in play.changes.value)
    assert play.curves.value != before
    play.stop.click()
    play.live.wait(20)
    assert "input_noise=0.5 after step 1" in play.runs[0].about.value
    assert play.live.config.input_noise == 0.0  # with which it began
    assert play.knobs.config.input_noise == 0.5  # with which the next one would


def test_what_cannot_change_is_locked_while_a_run_goes(play):
    controls = play.knobs.controls
    assert not any(control.disabled for control in controls.values())
    paused_after(play, 1)
    assert {name for name, control in controls.items() if not control.disabled} == set(CHANGEABLE)
    assert play.knobs.presets.disabled
    assert "locked until the run ends" in play.knobs.going.value
    play.stop.click()
    play.live.wait(20)
    assert not any(control.disabled for control in controls.values())
    assert not play.knobs.presets.disabled
    assert play.knobs.going.value == ""


def test_a_knob_that_cannot_be_turned_now_turns_back_and_says_why(play):
    paused_after(play, 1)
    play.knobs.controls["unsupervised_weight"].value = 0.0
    assert play.knobs.controls["unsupervised_weight"].value > 0
    assert "“Weight of the unsupervised loss” must be 0 in all steps of a run or in none" in play.message.value
    play.knobs.controls["seed"].value = 7  # a cell can try
    assert play.knobs.controls["seed"].value != 7
    assert "“Seed” must be the same in all steps" in play.message.value
    play.knobs.controls["input_noise"].value = 0.5
    assert "must" not in play.message.value


def test_images_of_the_twin_stand_below_the_run_s_from_the_change_on(play):
    paused_after(play, 1)
    paused_after(play, 2)
    assert play.beside.layout.display == "none"
    play.knobs.controls["input_noise"].value = 0.5
    paused_after(play, 3)
    until(lambda: "after step 3" in play.twin_text.value)
    assert play.beside.layout.display is None
    assert play.of_twin.value == sheet(play.live.steering.twin.frames[3], COLUMNS)
    play.when.value = 0
    assert play.beside.layout.display == "none"


def test_without_the_tick_there_is_no_twin(play):
    play.with_twin.value = False
    paused_after(play, 1)
    play.knobs.controls["input_noise"].value = 0.5
    paused_after(play, 2)
    assert play.live.steering.twin is None
    assert "twin" not in play.changes.value


def test_resetting_turns_knobs_of_no_run(play):
    paused_after(play, 1)
    live = play.live
    play.reset.click()
    live.wait(20)
    assert live.run.changes == []
