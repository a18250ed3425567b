"""Whatever the knobs say, a run starts or says why not, and leaves neither thread nor memory behind."""

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
import weakref
from statistics import mean

import ipywidgets
import pandas as pd
import psutil
import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.presets import NOTES
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets import playground
from sgan_utils.widgets.live import LiveRun
from sgan_utils.widgets.playground import Playground

CORNERS, IN_ONE_TEST = 200, 10
STARTS, RUNS = 50, 500
STEPS = 50
PATIENCE = 20  # seconds of a run, then it is stopped: a corner may be slow, but it has to answer


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


@pytest.mark.endurance
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


@pytest.mark.endurance
@pytest.mark.timeout(1800)
def test_fifty_starts_and_stops_with_two_thousand_steps_leave_nothing_behind(play, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process, memory, held = psutil.Process(), [], []
    for _ in range(STARTS):
        play.knobs.show(SGANConfig(steps=2_000 // STARTS, labels=40, batch_size=8, labelled_batch_size=8))
        start_and_end(play)
        gc.collect()
        memory.append(process.memory_info().rss)
        held.append((len(ours()), len(process.children()), len(process.open_files())))
    assert len(play.runs) == playground.MOST_RUNS
    assert mean(memory[-5:]) / mean(memory[5:10]) < 1.05
    assert held[-1] == held[5]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.endurance
@pytest.mark.timeout(3600)
def test_a_study_whose_workers_are_killed_at_random_has_every_row_once(tmp_path):
    pytest.importorskip("distributed", reason="the extra 'scale' is not installed")
    tiny = "--steps 40 --labels 20 --batch-size 4 --labelled-batch-size 4 --channels-g 2 2 2 --channels-d 2 2 2"
    command = [sys.executable, "-m", "sgan_workshop", "study", *tiny.split(), "--precision", "float32"]
    command += ["--seeds", str(RUNS), "--workers", "2"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    out, chance, kills = tmp_path / "s.csv", random.Random(0), 0

    def rows():
        return len(out.read_text(encoding="utf-8").splitlines()) - 1 if out.exists() else 0

    with subprocess.Popen([*command, "--out", out], env=environment, stderr=subprocess.PIPE, text=True) as study:
        while study.poll() is None:
            time.sleep(chance.uniform(4, 20))  # a new worker takes some seconds to begin
            workers = [one for one in psutil.Process(study.pid).children() if "spawn_main" in " ".join(one.cmdline())]
            if workers and 0 < rows() < RUNS - 20:
                chance.choice(workers).send_signal(signal.SIGKILL)
                kills += 1
        said = study.communicate()[1]
    assert study.returncode == 0, said
    assert "Traceback" not in said
    assert kills >= 10
    found = pd.read_csv(out)
    assert sorted(found["seed"]) == [*range(RUNS)]
    assert found["failed"].isna().all()
    few = [*command, "--out", tmp_path / "few.csv", "--json"]
    few[few.index(str(RUNS))] = "10"
    subprocess.run(few, env=environment, check=True, capture_output=True)
    expected = pd.read_csv(tmp_path / "few.csv").sort_values("seed")["test_accuracy"].tolist()
    assert found.sort_values("seed")["test_accuracy"].tolist()[:10] == expected


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
