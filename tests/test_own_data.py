"""Data of one's own: a folder of images, torchvision's sets, and what is refused in one sentence."""

import gzip
import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from sgan_utils.config import SGANConfig
from sgan_utils.data import Description, ImageData, Sources, load_data, split_sources, to_model_range
from sgan_utils.support import image_folder
from sgan_utils.support.checkpoints import load_models
from sgan_utils.support.errors import CheckpointError, ConfigError, DataError
from sgan_utils.support.rows import as_table
from sgan_utils.training import train
from sgan_utils.widgets.playground import Playground
from sgan_workshop.commands.data import prepare
from sgan_workshop.studies import grid
from sgan_workshop.studies.study import run_study

TINY = {"steps": 4, "labelled_batch_size": 6, "batch_size": 8, "latent_size": 5, "precision": "float32"}
TINY |= {"channels_g": (4, 4, 4), "channels_d": (4, 4, 4)}
OPTIONS = [part for name, value in TINY.items() for part in (
    f"--{name.replace('_', '-')}", *(map(str, value) if isinstance(value, tuple) else [str(value)])
)]  # fmt: skip
COLOURS = {"blue": (30, 40, 220), "green": (40, 200, 50), "red": (220, 30, 30)}


def colour_image(name: str, random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    noise = random.integers(-25, 26, (*size, 3))
    return Image.fromarray(np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """600 colour images of three classes in mixed sizes, 30 of them labelled, 60 to test on, and three broken files."""
    folder, random = tmp_path_factory.mktemp("colours"), np.random.default_rng(0)
    for number in range(660):
        name = sorted(COLOURS)[number % 3]
        place = f"labelled/{name}" if number < 30 else f"test/{name}" if number >= 600 else "unlabelled"
        (folder / place).mkdir(parents=True, exist_ok=True)
        image = colour_image(name, random, [(32, 32), (40, 33), (64, 48)][number % 7 % 3])
        image.save(folder / place / f"{number:03}_{name}.png")
    for broken in ("labelled/red/broken.png", "unlabelled/broken.jpg", "test/blue/broken.png"):
        (folder / broken).write_bytes(b"no image at all")
    return folder


def test_a_folder_of_colour_images_trains_names_what_is_broken_and_predicts(sgan, colours, tmp_path):
    table, models = tmp_path / "predicted.csv", tmp_path / "models.safetensors"
    options = [*OPTIONS, "--steps", "120", "--head", "n", "--predict", table, "--save", models, "--json"]
    code, out, err = sgan("train", "--data", colours, *options)
    assert code == 0
    assert json.loads(out)["labels"] == 30
    assert json.loads(out)["test_accuracy"] > 0.9
    for name in ("broken.png", "broken.jpg"):
        assert name in err
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert rows[0] == ["file", "class", "probability"]
    assert len(rows) == 1 + 570
    assert all(0 <= float(row[2]) <= 1 for row in rows[1:])
    assert sum(row[0].endswith(f"_{row[1]}.png") for row in rows[1:]) > 0.9 * 570
    generator, discriminator, _ = load_models(models)
    assert generator(torch.zeros(2, 5)).shape == (2, 3, 32, 32)
    assert discriminator(torch.zeros(2, 3, 32, 32)).class_logits.shape == (2, 3)


def test_a_broken_file_stops_the_run_if_asked(sgan, colours):
    code, _, err = sgan("train", "--data", colours, *OPTIONS, "--on-broken", "stop")
    assert code == 1
    assert "broken" in err
    assert "Traceback" not in err


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A small data set in the place and format of Fashion-MNIST's four archives."""
    raw, random = tmp_path / "FashionMNIST" / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for part, count in (("train", 1200), ("t10k", 200)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 6] += 150
        header = struct.pack(">IIII", 2051, count, 28, 28), struct.pack(">II", 2049, count)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header[0] + images.tobytes()))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header[1] + labels.tobytes()))
    load = image_folder.load_torchvision
    monkeypatch.setattr(image_folder, "load_torchvision", lambda name, folder: load(name, folder, verify=False))
    monkeypatch.setenv("SGAN_DATA", str(tmp_path))
    return tmp_path


def test_fashion_mnist_trains_from_its_archives_with_a_thousand_labels(sgan, fashion):
    code, out, err = sgan("train", "--data", "fashion-mnist", "--labels", "1000", *OPTIONS, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["config"]["data"] == "fashion-mnist"


@pytest.fixture(params=["FashionMNIST", "folder"])
def other_data(request, fashion, colours):
    """The name of a data set that is not MNIST."""
    return str(colours) if request.param == "folder" else request.param


def test_the_playground_trains_on_other_data_and_its_code_repeats_the_run(other_data, monkeypatch, capsys):
    monkeypatch.setattr("sgan_utils.training.pick_device", lambda _: torch.device("cpu"))
    play = Playground(load_data(other_data))
    live = play.run("lesson", labels=20, **TINY)
    assert (live.state, live.failure) == ("finished", "")
    play.copy.click()
    assert f"data={other_data!r}" in play.code.value
    exec(play.code.value, {})
    assert "same run: True" in capsys.readouterr().out


def test_a_study_of_other_data_has_a_row_for_each_run(other_data, scheduler, tmp_path):
    grid._loaded.cache_clear()  # of data sets of the same name
    configs = [SGANConfig(data=other_data, labels=30, seed=seed, **TINY) for seed in (0, 1)]
    rows = run_study(configs, tmp_path / "rows.csv", scheduler, progress=False)
    assert list(rows["data"]) == [other_data] * 2
    assert rows["test_accuracy"].between(0, 1).all()


def test_a_study_names_broken_files_and_takes_as_many_labels_as_there_are(colours, capsys):
    config = SGANConfig(data=str(colours))
    assert prepare([config], labels_given=False) == [config.but(labels=30)]
    assert "broken.png' is skipped" in capsys.readouterr().err
    assert prepare([config], labels_given=True) == [config]
    assert prepare([SGANConfig()], labels_given=False) == [SGANConfig()]
    with pytest.raises(DataError, match="there is no folder nowhere"):
        prepare([SGANConfig(data="nowhere")], labels_given=True)


def test_a_study_measures_no_samples_of_other_data(sgan, colours):
    code, _, err = sgan("study", "--data", colours, "--samples", *OPTIONS)
    assert code == 1
    assert err.startswith("sgan: the quality of samples is measured through a classifier of MNIST's digits")
    assert err.count("\n") == 1


def test_values_that_vary_may_be_data_whose_labels_are_few(sgan, monkeypatch, colours):
    asked = []

    def run_none(configs, *_, **__):
        asked.extend(configs)
        return as_table([])

    monkeypatch.setattr("sgan_workshop.studies.study.run_study", run_none)
    assert sgan("study", "--vary", f"data={colours}", "--labels", "4", *OPTIONS, "--json")[0] == 0
    assert [(config.data, config.labels) for config in asked] == [(str(colours), 4)]


def test_a_folder_without_unlabelled_images_has_none_to_predict(sgan, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "pets/labelled" / name).mkdir(parents=True)
        Image.new("L", (28, 28)).save(tmp_path / "pets/labelled" / name / "0.png")
    code, _, err = sgan("train", "--data", tmp_path / "pets", *OPTIONS, "--predict", tmp_path / "p.csv")
    assert code == 1
    assert "put images without a label into" in err
    assert not (tmp_path / "p.csv").exists()


def test_labels_are_counted_on_the_data(colours):
    with pytest.raises(ConfigError, match=r"labels must be between 3 and 30 .*one for each class at least.*got 31"):
        split_sources(load_data(str(colours)), SGANConfig(data=str(colours), labels=31))


@pytest.mark.parametrize(("held_out", "left"), [(28, 2), (30, 0), (300, 0)])
def test_held_out_images_leave_each_class_a_label(colours, held_out, left):
    with pytest.raises(ConfigError, match=rf"held_out={held_out} leaves only {left} of .*'s 3 classes with labels"):
        split_sources(load_data(str(colours)), SGANConfig(data=str(colours), labels=3, held_out=held_out))


# What would train without a word


def good(**changes) -> Sources:
    images = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)
    return Sources(images, torch.arange(20) % 10, images, images[:0], torch.arange(0))._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"labelled_images": torch.zeros(20, 1, 28, 28)}, "labelled_images must be bytes"),
        ({"unlabelled_images": torch.full((20, 1, 28, 28), torch.nan)}, "unlabelled_images must be bytes"),
        ({"unlabelled_images": torch.zeros(20, 1, 32, 32, dtype=torch.uint8)}, "must have the shape"),
        ({"unlabelled_images": torch.zeros(20, 3, 28, 28, dtype=torch.uint8)}, "must have the shape"),
        ({"unlabelled_images": torch.zeros(0, 1, 28, 28, dtype=torch.uint8)}, "there are no unlabelled images"),
        ({"labelled_labels": torch.full((20,), -100)}, "labels must be from 0 to 9"),
        ({"labelled_labels": torch.full((20,), 10)}, "labels must be from 0 to 9"),
        ({"labelled_labels": torch.arange(19) % 10}, "one for each of the 20 labelled images"),
        ({"labelled_labels": torch.zeros(20)}, "must be whole numbers"),
        ({"description": Description(height=30)}, "must have the shape"),
    ],
)
def test_sources_that_make_no_sense_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        train(SGANConfig(labels=20, **TINY), good(**changes), progress=False, device="cpu")


def test_more_labels_claimed_than_given_are_refused():
    with pytest.raises(DataError, match="labels=30, but only 20 labelled images are given"):
        train(SGANConfig(labels=30, **TINY), good(), progress=False, device="cpu")


def test_images_of_a_size_that_the_networks_cannot_make_are_refused():
    images = torch.zeros(20, 1, 30, 28, dtype=torch.uint8)
    odd = good(labelled_images=images, unlabelled_images=images, description=Description(height=30))
    with pytest.raises(DataError, match="images of 30x28 pixels do not fit the networks"):
        train(SGANConfig(labels=20, **TINY), odd, progress=False, device="cpu")


def test_nothing_that_the_caller_owns_is_changed():
    floats = torch.rand(2, 1, 28, 28) * 255
    before = floats.clone()
    to_model_range(floats)
    assert torch.equal(floats, before)


def test_resuming_on_other_images_is_refused(tmp_path):
    path, config = tmp_path / "run.safetensors", SGANConfig(labels=20, **TINY)
    train(config, good(), checkpoint=path, progress=False, device="cpu")
    with pytest.raises(CheckpointError, match="other images"):
        other = torch.ones(20, 1, 28, 28, dtype=torch.uint8)
        train(config, good(unlabelled_images=other), checkpoint=path, progress=False, device="cpu")


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 32), (3, 28, 40)])
def test_networks_noise_and_augmentation_follow_the_images(shape):
    images = torch.randint(0, 256, (40, *shape), dtype=torch.uint8)
    data = ImageData(images, torch.arange(40) % 4, images, torch.arange(40) % 4, "squares", ("a", "b", "c", "d"))
    changes = {"input_noise": 0.3, "augmentation": 1.0, "consistency_weight": 1.0, "data": "squares", "labels": 12}
    config = SGANConfig(**TINY | changes)
    run = train(config, split_sources(data, config), progress=False, device="cpu")
    assert run.generator(torch.zeros(2, 5)).shape == (2, *shape)
    assert run.epochs == pytest.approx(4 * 8 / 40)
