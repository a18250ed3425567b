"""Live runs: the same numbers as without watching, and pause, step and stop that do what they say."""

import math
import threading
import time

import pytest
import torch

from sgan_utils.config import SGANConfig
from sgan_utils.data import split_sources
from sgan_utils.support.session import stop_after
from sgan_utils.training import train
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets.live import LiveRun, as_code, fingerprint, watchable


@pytest.fixture
def start(tiny_config, tiny_mnist):
    """Make a live run of the tiny configuration, and end it after the test."""
    made = []

    def make(notify=lambda *_: None, **changes) -> LiveRun:
        made.append(LiveRun(tiny_config.but(**changes), tiny_mnist, notify, device="cpu"))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        one.wait(10)


def until(condition, seconds=20.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_watched_run_is_bit_for_bit_the_run_without_watching(start, tiny_config, tiny_mnist):
    from sgan_utils.data import split_sources

    config = tiny_config.but(held_out=40)
    watched, alone = start(held_out=40), train(config, split_sources(tiny_mnist, config), device="cpu", progress=False)
    watched.start()
    watched.wait(60)
    assert watched.state == "finished"
    assert fingerprint(watched.run) == fingerprint(alone)
    assert torch.equal(watched.run.log.tensor(), alone.log.tensor())
    ours, theirs = watched.run.classifier().state_dict(), alone.classifier().state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_python_stays_free_while_a_run_goes(start):
    live = start(steps=100_000)
    live.start()
    assert live.state == "running"
    until(lambda: live.step > 3)
    assert threading.current_thread() is threading.main_thread()
    assert live.state == "running"


def test_a_paused_run_waits_and_shows_where_it_stands(start):
    live = start(steps=100_000, held_out=40)
    live.start()
    until(lambda: live.step > 2)
    live.pause()
    until(lambda: live.step in live.accuracies)
    assert live.state == "paused"
    step, seconds = live.step, live.seconds
    time.sleep(0.2)
    assert (live.step, len(live.history)) == (step, step)
    assert live.seconds == pytest.approx(seconds)
    assert 0 <= live.accuracies[step] <= 1
    assert live.frames[step].shape == (live_module.SAMPLES, 1, 28, 28)


def test_pauses_do_not_count_as_time_of_training(start):
    live = start(steps=100_000)
    live.take_one_step()
    until(lambda: live.step == 1)
    time.sleep(0.5)
    live.start()
    until(lambda: live.step > 20)
    live.pause()
    assert live.seconds < live.run.train_seconds - 0.4
    assert live.images_per_second == pytest.approx(live.step * live.config.batch_size / live.seconds, rel=0.2)


def test_one_step_at_a_time_from_the_very_first(start):
    live = start()
    assert live.state == "ready"
    for step in (1, 2, 3):
        live.take_one_step()
        until(lambda step=step: live.step == step)
        time.sleep(0.1)
        assert live.step == step
        assert live.state == "paused"
    live.start()
    live.wait(60)
    assert live.state == "finished"


def test_one_step_pauses_a_run_that_goes(start):
    live = start(steps=100_000)
    live.start()
    until(lambda: live.step > 2)
    live.take_one_step()

    def waits():
        return live._waits and not live._single_steps._value and live.step in live.frames

    until(lambda: waits() and (time.sleep(0.1) or waits()))  # it also waits for a moment just before the step
    step = live.step
    time.sleep(0.2)
    assert live.step == step


@pytest.mark.parametrize("paused", [False, True])
def test_stop_ends_a_run_in_whole_steps_whether_it_goes_or_waits(start, paused):
    live = start(steps=100_000)
    live.start()
    until(lambda: live.step > 2)
    if paused:
        live.pause()
    live.stop()
    live.wait(20)
    assert live.state == "stopped"
    assert live.run.stopped == f"interrupted after step {live.step} of 100000"
    assert len(live.history) == live.step
    assert live.step in live.frames


def test_a_run_that_fails_says_why_and_keeps_what_it_reached(start, monkeypatch):
    monkeypatch.setattr(
        "sgan_utils.training.unsupervised_loss", lambda real, generated, smoothing: real.sum() * math.nan
    )
    live = start()
    live.start()
    live.wait(20)
    assert live.state == "failed"
    assert "'unsupervised' is no longer a finite number in step 1" in live.failure
    assert live.run.step > 0


def test_an_unforeseen_error_in_the_thread_is_told_too(start, monkeypatch):
    told = []
    live = start(lambda one, fresh: told.append((one, fresh)))
    monkeypatch.setattr(live, "_observe", lambda score: 1 / 0)
    live.start()
    live.wait(20)
    assert (live.state, live.failure) == ("failed", "ZeroDivisionError: division by zero")
    assert told == [(live, False), (live, True)]


def test_watching_takes_no_more_than_its_share_of_the_time(start):
    live = start(lambda one, fresh: time.sleep(0.05 if fresh else 0), steps=100_000)
    live.start()
    until(lambda: live.seconds > 3)
    live.stop()
    live.wait(20)
    assert live._watched_seconds < live_module.EARLY + (live_module.OVERHEAD + 0.1) * live.seconds


def test_a_long_run_does_not_keep_every_frame(start, monkeypatch):
    monkeypatch.setattr(live_module, "MOST_FRAMES", 4)
    live = start()
    for _ in range(7):
        live.take_one_step()
    until(lambda: live.step == 7)
    live.pause()
    until(lambda: 7 in live.frames)
    assert len(live.frames) <= 4
    assert 1 in live.frames


def test_a_watched_run_holds_images_out_if_its_labels_leave_any():
    assert watchable(SGANConfig(labels=100)).held_out == live_module.HELD_OUT
    assert watchable(SGANConfig(labels=59_500)).held_out == 500
    assert watchable(SGANConfig(labels=60_000)).held_out == 0


@pytest.mark.parametrize("stopped_at", [3, None])
def test_the_code_of_a_run_repeats_it_bit_for_bit(start, tiny_mnist, monkeypatch, capsys, stopped_at):
    for module in ("training", "widgets.live"):
        monkeypatch.setattr(f"sgan_utils.{module}.load_data", lambda data: tiny_mnist)
    monkeypatch.setattr("sgan_utils.training.pick_device", lambda _: torch.device("cpu"))
    live = start(seed=5, head="n", channels_d=(4, 6, 8))
    if stopped_at:
        for step in range(1, stopped_at + 1):
            live.take_one_step()
            until(lambda step=step: live.step == step)
        live.stop()
    else:
        live.start()
    live.wait(60)
    code = as_code(live)
    assert ("stop_after(3)" in code) == bool(stopped_at)
    exec(code, {})
    assert "same run: True" in capsys.readouterr().out
    exec(code.replace("seed=5", "seed=6"), {})
    assert "same run: False" in capsys.readouterr().out


def test_the_code_of_a_run_on_images_of_ones_own_asks_for_them(start, tiny_mnist, monkeypatch, capsys):
    monkeypatch.setattr("sgan_utils.training.pick_device", lambda _: torch.device("cpu"))
    live = start(seed=5)  # the tiny images are called MNIST, but those that this name stands for are others
    live.start()
    live.wait(60)
    code = as_code(live)
    assert code.startswith("# data: the images that this run was given")
    exec(code, {"data": tiny_mnist})
    assert "same run: True" in capsys.readouterr().out


def test_images_are_held_out_only_as_far_as_each_class_keeps_a_label(tiny_mnist):
    few = torch.where(tiny_mnist.train_labels == 3, -1, tiny_mnist.train_labels)
    few[(tiny_mnist.train_labels == 3).nonzero()[:3]] = 3  # three of this class
    data = tiny_mnist._replace(train_labels=few)
    config = watchable(SGANConfig(data="tiny", labels=40), data)
    assert config.held_out == 20
    assert set(split_sources(data, config).labelled_labels.tolist()) == set(range(10))


def test_stop_after_ends_a_run_early(quick_train):
    run = quick_train(callbacks=[stop_after(3)])
    assert run.step == 3
    assert run.stopped
