"""Recorded results tell the truth about the code as it is now."""

import json
import math
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, load_mnist, split_sources
from sgan_utils.evaluation import accuracy, fixed_latents, generate
from sgan_utils.results import Record, load_record
from sgan_utils.support import demonstrations
from sgan_utils.support.errors import SGANError
from sgan_utils.support.plane import PLANE, SPAN, moons
from sgan_utils.support.record_files import write_about
from sgan_workshop.records import everything, measurements, runs
from sgan_workshop.records.quality import SampleQuality, generate_samples
from sgan_workshop.records.storage import save_record


@pytest.fixture(scope="module")
def data():
    return load_mnist()


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("sgan", SGANConfig.preset("lesson")),
        ("gan", SGANConfig.preset("lesson", supervised_weight=0.0)),
        *((preset, SGANConfig.preset(preset)) for preset in runs.FAILURES),
    ],
)
def test_a_recorded_run_is_of_the_preset_as_it_is_now(name, config):
    record = load_record(name)
    assert SGANConfig(**record.about["config"]) == config
    assert len(record.history) == config.steps
    assert record.arrays["film_steps"][-1] <= config.steps


def test_the_recorded_accuracy_is_that_of_the_recorded_model(data):
    record = load_record("sgan")
    _, discriminator, config = record.models()
    measured = accuracy(discriminator, data.test_images, data.test_labels)
    assert measured == pytest.approx(record.about["test_accuracy"], abs=0.0005)
    assert config == SGANConfig.preset("lesson")
    named = torch.from_numpy(record.arrays["test_logits"]).float().argmax(1)
    assert (named == data.test_labels).float().mean().item() == pytest.approx(measured, abs=0.0005)


def test_the_recorded_plane_is_of_the_game_as_it_is_now_and_its_regions_reach_the_recorded_accuracy():
    record = load_record("plane")
    assert SGANConfig(**record.about["config"]) == PLANE
    places, classes = moons(1_000, seed=10_000)
    resolution = len(record.arrays["alone"])
    columns, rows = ((places + SPAN) / (2 * SPAN) * (resolution - 1)).round().long().T
    for name, said in (("classes_500", "accuracy"), ("alone", "accuracy_alone")):
        named = torch.from_numpy(record.arrays[name]).argmax(2)[rows, columns]
        reached = (named == classes).float().mean().item()
        assert reached == pytest.approx(record.about[said], abs=0.03)  # the grid is coarse
    assert record.about["accuracy"] > record.about["accuracy_alone"] + 0.03


def test_the_recorded_samples_are_what_the_recorded_generator_draws():
    record = load_record("sgan")
    generator, _, config = record.models()
    fresh = generate(generator, fixed_latents(runs.SAMPLES, config.latent_size)).int().numpy()
    # Trained in bfloat16, drawn here in float32 or another order of summation: a few grey levels at most.
    assert np.abs(fresh - record.arrays["samples"].astype(int)).mean() < 2


def test_the_recorded_failures_are_failures():
    beliefs = load_record("d_wins").history.iloc[-50:]
    assert beliefs["belief_in_real"].mean() > 0.98
    assert beliefs["belief_in_generated"].mean() < 0.02
    samples = {name: load_record(name).arrays["samples"] for name in ("sgan", "mode_collapse")}
    alike = {
        name: np.corrcoef(images.reshape(len(images), -1).astype(float)).mean() for name, images in samples.items()
    }
    assert alike["mode_collapse"] > 1.5 * alike["sgan"]  # the same picture again and again
    losses = load_record("diverges").history[["supervised", "unsupervised"]]
    assert losses.to_numpy().max() > 50
    floor = math.log(math.e + 9) - 1
    softmax_twice = load_record("softmax_twice").history
    assert softmax_twice["softmax_twice"].min() >= floor - 1e-4
    assert softmax_twice["logits"].iloc[-20:].mean() < 0.3


def test_records_name_no_path_and_no_machine():
    for path in results.RESULTS.glob("*/record.json"):
        text = path.read_text()
        for place in (results.RESULTS.parent, Path.home(), tempfile.gettempdir()):
            assert str(place) not in text, path
        assert re.fullmatch(r"[0-9a-f]{40}", json.loads(text)["commit"]), f"{path} was recorded from uncommitted code"


def test_a_record_comes_back_as_it_was_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    save_record(Record("tiny", {"what": "tiny"}, arrays={"a": np.arange(3)}))
    back = load_record("tiny")
    assert back.about == {"what": "tiny"}
    assert back.history.empty
    assert back.arrays["a"].tolist() == [0, 1, 2]


def test_every_committed_record_is_checked_by_its_checksums():
    for path in results.RESULTS.glob("*/record.json"):
        sums = json.loads(path.read_text(encoding="utf-8"))["checksums"]
        assert set(sums) == {file.name for file in path.parent.iterdir()}, path
        load_record(path.parent.name)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """The folder of a record with a history and arrays."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    history = pd.DataFrame({"supervised": [1.5, 1.25]}, index=pd.RangeIndex(1, 3, name="step"))
    save_record(Record("tiny", {"what": "tiny", "accuracy": 0.5}, history, {"a": np.arange(3)}))
    return tmp_path / "tiny"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("history.csv", b"1.25", b"1.26"), ("record.json", b"0.5", b"0.6"), ("arrays.npz", b"PK", b"QK")],
)
def test_a_changed_digit_is_named_with_its_file_and_the_cure(saved, file, old, new):
    content = (saved / file).read_bytes()
    (saved / file).write_bytes(content.replace(old, new, 1))
    cure = f"{file} is not what was recorded: its checksum does not match.*git checkout -- results"
    with pytest.raises(SGANError, match=cure):
        load_record("tiny")


def test_line_ends_of_another_system_are_no_change(saved):
    for name in ("history.csv", "record.json"):
        (saved / name).write_bytes((saved / name).read_bytes().replace(b"\n", b"\r\n"))
    assert load_record("tiny").history["supervised"].tolist() == [1.5, 1.25]


@pytest.mark.parametrize("kind", ["truncated", "plain", "pickled", "text"])
def test_arrays_that_are_none_are_refused_without_advice_to_load_them_unsafely(saved, kind):
    whole = (saved / "arrays.npz").read_bytes()
    with (saved / "arrays.npz").open("wb") as file:
        if kind == "plain":
            np.save(file, np.arange(3))
        elif kind == "pickled":
            np.savez(file, a=np.array([{}], dtype=object))
        else:
            file.write(whole[:-30] if kind == "truncated" else b"three numbers")
    write_about(saved, {"what": "tiny"})  # as if it had been recorded so
    with pytest.raises(SGANError, match=r"arrays\.npz is no archive of arrays of numbers\): restore it with") as caught:
        load_record("tiny")
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"checksums": 3}', "[" * 100_000])
def test_a_missing_or_damaged_record_gives_one_sentence_with_the_cure(tmp_path, monkeypatch, content):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    if content:
        (tmp_path / "sgan").mkdir()
        (tmp_path / "sgan" / "record.json").write_text(content)
    with pytest.raises(SGANError, match=r"missing or damaged .*git checkout -- results"):
        load_record("sgan")


@pytest.mark.slow
def test_every_recorder_writes_its_record(tmp_path, monkeypatch, data):
    """The real recorders on runs of a few steps, so that --retrain is known to work."""
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    preset = SGANConfig.preset
    tiny = {"steps": 2, "labels": 300, "labelled_batch_size": 8, "batch_size": 8}
    tiny |= {"channels_g": (4, 4, 4), "channels_d": (4, 4, 4)}
    monkeypatch.setattr(SGANConfig, "preset", lambda name, **changes: preset(name, **{**changes, **tiny}))
    said = []
    few = data._replace(test_images=data.test_images[:500], test_labels=data.test_labels[:500])
    monkeypatch.setattr(everything, "load_mnist", lambda: few)
    monkeypatch.setattr(measurements, "SAMPLE_SIZE", 30_000)  # two parts of the training images instead of six
    for module in (measurements, runs):
        monkeypatch.setattr(module, "sample_quality", lambda images, real: SampleQuality(1.0, 0.1, 0.01, 9.0))
    monkeypatch.setattr(measurements, "features_and_logits", lambda images: (images, images))
    monkeypatch.setattr(measurements, "real_features", lambda data: None)
    monkeypatch.setattr(runs, "summary", lambda run, data: {"config": {}, "test_accuracy": 0.1})
    monkeypatch.setattr(everything, "record_plane", lambda: None)  # its training takes longer than all this
    everything.record_all(said.append)
    names = [line.split()[1] for line in said]
    others = ["softmax_twice", "cases", "plain_cnn", "loader", "real_images"]
    assert names == ["plane", "sgan", "gan", *runs.FAILURES, *others]
    runs.record_trained_g(few)
    about = load_record("trained_g").about
    assert about["samples"]["fid"] == about["samples_of_last_weights"]["fid"] == 1.0
    made = load_record("sgan").arrays
    assert set(load_record("trained_g").arrays) == {"reel", "reel_steps", "samples", "walks"}
    monkeypatch.undo()
    assert set(made) == set(load_record("sgan").arrays)


@pytest.mark.slow
def test_the_post_run_stops_in_time_and_goes_on_where_it_stopped(tmp_path, monkeypatch, data):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(runs, "accuracy", lambda *_: 0.5)
    monkeypatch.setattr(runs, "generate_samples", lambda generator: generate_samples(generator, 200))
    data = data._replace(train_images=data.train_images[:300], train_labels=data.train_labels[:300])
    small = {"labels": 100} | {
        "steps": 60,
        "batch_size": 2000,
        "labelled_batch_size": 10,
        "channels_g": (2, 2, 2),
        "channels_d": (2, 2, 2),
    }
    config = SGANConfig.preset("post", **small)
    monkeypatch.setattr(SGANConfig, "preset", lambda name, **changes: config)
    stopped = runs.record_post(data, minutes=0, checkpoint=tmp_path / "post.safetensors")
    assert stopped.step == 1
    assert stopped.stopped.startswith("interrupted after step")
    finished = runs.record_post(data, minutes=60, checkpoint=tmp_path / "post.safetensors")
    assert finished.step == config.steps
    record = load_record("post")
    assert record.about["test_accuracy_after_epochs"] == {"1": 0.5, "2": 0.5}
    assert record.history.index[-1] == config.steps
    assert len(record.arrays["samples"]) == runs.SAMPLES
    assert record.about["samples"]["fid"] > 0


def test_the_loader_is_measured_against_memory(data):
    speeds = demonstrations.loader_speeds(data, batches=2, batch_size=10)
    assert list(speeds)[-1] == "tensors in memory"
    assert all(speed > 0 for speed in speeds.values())


def test_the_softmax_mistake_cannot_fall_below_its_floor(data):
    config = SGANConfig(steps=5, channels_d=(4, 4, 4), labels=100)
    sources = split_sources(data, config)
    batches = Batches((sources.labelled_images, sources.labelled_labels), 20, seed=0)
    right, wrong = (demonstrations.classifier_losses(batches, config, softmax_first) for softmax_first in (False, True))
    assert wrong[0] == pytest.approx(math.log(10), abs=0.05)
    assert right != wrong
    assert min(wrong) > math.log(math.e + 9) - 1
