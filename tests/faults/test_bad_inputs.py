"""A table of bad inputs, each with the sentence that answers it: no stack, nothing trained, nothing written."""
# ruff: noqa: E501 - a table has long lines

import os
import re
import shlex

import pytest
import torch
from PIL import Image

from sgan_utils import results
from sgan_utils.config import SGANConfig, allowed
from sgan_utils.data import ImageData, draw_labelled, load_data, load_mnist, split_sources
from sgan_utils.models import build_models
from sgan_utils.support.checkpoints import load_models, save_models
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_text
from sgan_utils.support.hardware import pick_device
from sgan_utils.support.image_folder import load_folder, load_torchvision
from sgan_utils.support.rows import read_rows
from sgan_utils.training import train
from sgan_workshop.studies.grid import grid
from sgan_workshop.studies.study import run_study

from .counts import TRIED

pytestmark = pytest.mark.faults
ANSWERED = "bad inputs, each answered in one sentence without a stack"


# Hyperparameters: what is allowed, values out of range, and values that cannot be read

WHOLE = ["1e4", "abc", "", "1.5", "nan"]
FIELDS = {
    "labels": ("between 10 and 60000 (one for each class at least)", ["9", "60001", "-1", "0", "99999999999"], WHOLE),
    "held_out": ("between 0 and 20000", ["-1", "20001"], WHOLE),
    "seed": ("at least 0 and below 2147483648", ["-1", "2147483648"], WHOLE),
    "steps": ("between 1 and 1000000", ["0", "-5", "1000001"], WHOLE),
    "labelled_batch_size": ("between 2 and 2000", ["1", "2001"], WHOLE),
    "batch_size": ("between 2 and 2000", ["1", "2001"], WHOLE),
    "latent_size": ("between 1 and 1000", ["0", "1001"], WHOLE),
    "propagation_rounds": ("between 0 and 10", ["-1", "11"], WHOLE),
    "student_steps": ("between 0 and 100000", ["-1", "100001"], WHOLE),
    "learning_rate_d": ("above 0 and at most 1", ["0", "-0.1", "1.5"], ["abc", "", "nan", "inf"]),
    "learning_rate_g": ("above 0 and at most 1", ["0", "-0.1", "1.5"], ["abc", "", "nan", "inf"]),
    "learning_rate_decay": ("between 0 and 1", ["-0.1", "1.1"], ["abc", "nan"]),
    "adam_beta1": ("at least 0 and below 1", ["-0.1", "1"], ["abc", "nan"]),
    "supervised_weight": ("between 0 and 10", ["-1", "11"], ["abc", "nan"]),
    "unsupervised_weight": ("between 0 and 10", ["-1", "11"], ["abc", "-inf"]),
    "label_smoothing": ("between 0 and 0.5", ["-0.1", "0.6"], ["abc", "nan"]),
    "augmentation": ("between 0 and 2", ["-1", "3"], ["abc", "nan"]),
    "input_noise": ("between 0 and 1", ["-1", "1.01"], ["abc", "nan"]),
    "noise_decay": ("between 0 and 1", ["-1", "1.01"], ["abc", "nan"]),
    "consistency_weight": ("between 0 and 10", ["-1", "11"], ["abc", "nan"]),
    "consistency_augmentation": ("between 0 and 3", ["-1", "3.5"], ["abc", "nan"]),
    "consistency_start": ("at least 0 and below 1", ["-1", "1"], ["abc", "nan"]),
    "confidence": ("between 0 and 1", ["-1", "1.01"], ["abc", "nan"]),
    "balance": ("between 0 and 1", ["-1", "1.01"], ["abc", "nan"]),
    "propagation": ("between 0 and 1", ["-1", "1.01"], ["abc", "nan"]),
    "weight_std": ("above 0 and at most 1", ["0", "2"], ["abc", "nan"]),
    "average_decay": ("at least 0 and below 1", ["-1", "1"], ["abc", "nan"]),
    "protocol": ("one of all-unlabelled, labelled-only", ["both", "", "all"], []),
    "head": ("one of n, n_plus_1, two_heads", ["three", "", "N"], []),
    "generator_loss": ("one of non_saturating, saturating, feature_matching", ["hinge", ""], []),
    "precision": ("one of auto, float32, bfloat16", ["float16", "", "32"], []),
    "data": ("the name of a data set or a folder", [""], []),
}  # fmt: skip
OF_FIELDS = [
    (name, value, f"{kind}{words}")
    for name, (words, outside, unreadable) in FIELDS.items()
    for values, kind in ((outside, ""), (unreadable, "a whole number " if unreadable is WHOLE else "a number "))
    for value in values
]


def test_the_table_says_what_every_field_takes():
    special = {"softmax_twice", "channels_g", "channels_d"}
    assert set(FIELDS) | special == set(SGANConfig.model_fields)
    assert {name: allowed(name) for name in FIELDS} == {name: words for name, (words, *_) in FIELDS.items()}


@pytest.mark.parametrize(("name", "value", "words"), OF_FIELDS)
def test_a_hyperparameter_that_cannot_be_is_answered_with_its_value_and_range(sgan, name, value, words):
    option = f"--{name.replace('_', '-')}"
    code, out, err = sgan("train", f"{option}={value}")
    sentence = f"{name} must be {words}, got {value!r}: set SGANConfig({name}=...) or {option}."
    assert (code, out, err) == (1, "", f"sgan: {sentence}\n")
    if value and name != "seed":  # a study is given several, with commas between them
        code, out, err = sgan("study", "--vary", f"{name}={value}")
        assert (code, out, err) == (1, "", f"sgan: {sentence}\n")
        TRIED[ANSWERED] += 1
    TRIED[ANSWERED] += 1


# Commands: {tmp} is a folder with some obstacles in it

COMMANDS = [
    # which runs
    ("train --preset cat", "there is no preset named 'cat': choose one of "),
    ("train --preset=", "there is no preset named '': choose one of "),
    ("train --channels-d 1 2 x", "channels_d must be three whole numbers between 1 and 1024, got 'x'"),
    ("train --channels-g 0 2 3", "channels_g must be three whole numbers between 1 and 1024, got '0'"),
    ("train --channels-g 5000 2 3", "channels_g must be three whole numbers between 1 and 1024, got '5000'"),
    ("train --channels-g 1.5 2 3", "channels_g must be three whole numbers between 1 and 1024, got '1.5'"),
    ("train --labels 55000 --held-out 6000", "labels must be at most 54000 when held_out=6000, got 55000: lower one"),
    ("train --supervised-weight 0 --unsupervised-weight 0", "no network would learn anything: raise one of them"),
    ("train --data {tmp}/nowhere", "there is no folder {tmp}/nowhere: give a folder that holds labelled/CLASS/"),
    ("train --data {tmp}/file", "{tmp}/file is a file: give a folder"),
    ("train --data {tmp}/empty", "{tmp}/empty has no folder labelled/: put images into labelled/CLASS/"),
    ("train --data {tmp}/one_class", "{tmp}/one_class/labelled holds one class: make a folder"),
    ("train --data {tmp}/no_images", "has no readable image: put PNG or JPEG files there, or remove this folder"),
    ("train --data {tmp}/loop", "{tmp}/loop"),
    ("train --data CIFAR10", "there is no folder CIFAR10: give a folder that holds labelled/CLASS/"),
    # where they compute
    ("train --device meta", "device 'meta' computes nothing: choose auto, cpu, cuda or mps"),
    ("train --device gpu", "device 'gpu' cannot be used here: choose auto, cpu, cuda or mps"),
    ("train --device=", "device '' cannot be used here: choose auto, cpu, cuda or mps"),
    ("train --device cuda:99", "device 'cuda:99' cannot be used here: choose auto, cpu, cuda or mps"),
    ("train --device cpu:x", "device 'cpu:x' cannot be used here: choose auto, cpu, cuda or mps"),
    ("train --devices 1000000", "1000000 processes are more than a batch of 2000 images has parts for: take at most 1000"),
    ("train --devices 1001", "1001 processes are more than a batch of 2000 images has parts for: take at most 1000"),
    ("train --devices 3", "cannot be divided evenly among 3 processes, 2 images or more each: set --labelled-batch-size 51"),
    ("train --devices 10 --nodes 200", "2000 processes are more than a batch of 2000 images has parts for"),
    ("train --nodes 2", "several machines are started by torchrun, with this command on each of them: torchrun --nnodes 2"),
    ("train --devices 0", "Invalid value for '--devices'"),
    ("train --devices -1", "Invalid value for '--devices'"),
    ("train --devices two", "Invalid value for '--devices'"),
    ("train --nodes 0", "Invalid value for '--nodes'"),
    # what they write
    ("train --checkpoint-every 5", "--checkpoint-every has no use without --checkpoint: name a file with it"),
    ("train --checkpoint-every 0", "Invalid value for '--checkpoint-every'"),
    ("train --checkpoint-every often", "Invalid value for '--checkpoint-every'"),
    ("train --save {tmp}/a --checkpoint {tmp}/a", "--save and --checkpoint name the same file, {tmp}/a: give each"),
    ("train --save {tmp}/a --history {tmp}/empty/../a", "--save and --history name the same file"),
    ("train --save {tmp}/zero --predict {tmp}/hard", "--save and --predict name the same file"),
    ("train --save {tmp}/zero --checkpoint {tmp}/soft", "--save and --checkpoint name the same file"),
    ("train --checkpoint {tmp}/text_with_header", "{tmp}/text_with_header is damaged or not a safetensors file ("),
    ("train --checkpoint {tmp}/models", "{tmp}/models holds models, not a training run to resume: name another"),
    ("train --predict {tmp}/p --data {tmp}/all_labelled", "--predict has no image to predict: put images without a"),
    ("train --on-broken repair", "Invalid value for '--on-broken'"),
    ("train --data {tmp}/broken --on-broken stop", "cannot be used (there is no PNG or JPEG image in it): repair or remove"),
    # studies
    ("study --vary labels", "--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got 'labels'"),
    ("study --vary =5", "--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got '=5'"),
    ("study --vary labels=", "--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got 'labels='"),
    ("study --vary labels=25,,50", "--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got 'labels=25,,50'"),
    ("study --vary seed=1,2", "--vary does not take the seed: say how many with --seeds, and the first with --seed"),
    ("study --vary cats=1", "there is no hyperparameter named 'cats': the fields are"),
    ("study --vary labels=25 --labels 50", "labels is both varied and set: leave out --labels, or --vary labels"),
    ("study --vary channels_d=8x16", "channels_d must be three whole numbers between 1 and 1024"),
    ("study --vary softmax_twice=maybe", "softmax_twice must be true or false, got 'maybe'"),
    ("study --seeds 0", "Invalid value for '--seeds'"),
    ("study --seeds many", "Invalid value for '--seeds'"),
    ("study --workers 0", "workers must be at least 1, got 0: leave it out to use every core"),
    ("study --workers -3", "workers must be at least 1, got -3: leave it out to use every core"),
    ("study --preset table2", "there is no preset named 'table2': choose one of table1; tricks; samples; lesson"),
    ("study --preset table1 --labels 25", "the study table1 is fixed: only --rerun, --record, --out, --workers"),
    ("study --preset table1 --seeds 2", "the study table1 is fixed"),
    ("study --preset table1 --samples", "the study table1 is fixed"),
    ("study --preset table1 --workers 2", "nothing is trained, so --workers and --scheduler have no use: add --rerun"),
    ("study --preset table1 --rerun -1", "--rerun takes a seed, at least 0 and below 2147483648, got -1"),
    ("study --preset table1 --rerun 1 --record", "--rerun and --record do not go together"),
    ("study --preset table1 --rerun one", "Invalid value for '--rerun'"),
    ("study --rerun 1", "--rerun and --record need a recorded study: --preset table1 or --preset tricks"),
    ("study --record", "--rerun and --record need a recorded study"),
    ("study --samples --data {tmp}/all_labelled", "MNIST"),
    ("study --data {tmp}/nowhere", "there is no folder {tmp}/nowhere: give a folder"),
    ("study --preset table1 --out {tmp}/nowhere.csv", "holds no run of the study 'table1': restore it with `git"),
    ("study --preset table1 --out {tmp}/empty", "{tmp}/empty cannot be read as a study's table ("),
    ("study --preset table1 --out {tmp}/file", "{tmp}/file has other columns than this study"),
    ("study --preset table1 --out {tmp}/binary", "{tmp}/binary cannot be read as a study's table"),
    ("study --preset table1 --out {tmp}/half.csv", "half.csv holds a row that no study has written (line 2: it has more or"),
    ("study --preset table1 --out {tmp}/zero", "{tmp}/zero has other columns than this study"),
    ("study --security {tmp}/empty", "--security encrypts the connection to --scheduler tls://HOST:PORT: name one"),
    ("study --security {tmp}/empty --scheduler tcp://127.0.0.1:1", "--security encrypts the connection to --scheduler tls"),
    ("study --security {tmp}/empty --scheduler tls://127.0.0.1:1", "{tmp}/empty lacks cert.pem or key.pem: make both with"),
    # publishing
    ("lessons --only 99", "no lesson is named like '99': the lessons are 00_plane"),
    ("lessons --only cat", "no lesson is named like 'cat': the lessons are 00_plane"),
    ("lessons --pages {tmp}/file", "--pages {tmp}/file/index.html cannot be written, because {tmp}/file is a file"),
    ("lessons --pages {tmp}/pipe", "cannot be written, because {tmp}/pipe is a file or a broken link"),
    ("figures --only cat", "there is no figure named 'cat': the figures are "),
    ("figures --only=", "there is no figure named '': the figures are "),
    ("figures --style poster", "there is no style named 'poster': choose one of blog, slides, print"),
    ("figures --post-minutes -1", "Invalid value for '--post-minutes'"),
    ("figures --post-minutes long", "Invalid value for '--post-minutes'"),
    ("post --for medium", "there is no form of the post for 'medium': choose one of markdown, hugo, jekyll, quarto"),
    ("address somewhere", "addresses such as https://github.com/OWNER/NAME, got 'somewhere'"),
    ("address http://github.com/a/b", "addresses such as https://github.com/OWNER/NAME, got 'http://github.com/a/b'"),
    ("address https://github.com/a", "addresses such as https://github.com/OWNER/NAME, got 'https://github.com/a'"),
    ("address https://github.com/a/b/c", "got 'https://github.com/a/b/c'"),
    ("address https://example.org/a/b", "got 'https://example.org/a/b'"),
    ("app --port 65536", "Invalid value for '--port'"),
    ("app --port -1", "Invalid value for '--port'"),
    ("app --port http", "Invalid value for '--port'"),
    # teaching
    ("grade {tmp}/nowhere", "there is no folder {tmp}/nowhere: name the one with the submissions"),
    ("grade {tmp}/file", "there is no folder {tmp}/file: name the one with the submissions"),
    ("grade {tmp}/nothing", "{tmp}/nothing holds no submission: put a folder with notebooks, or one notebook, for each"),
    ("grade {tmp}/empty --only 99", "no lesson with exercises is named like '99': name a number, such as --only 03"),
    ("grade {tmp}/empty --seconds 0", "Invalid value for '--seconds'"),
    ("grade {tmp}/empty --seconds soon", "Invalid value for '--seconds'"),
    ("grade", "Missing argument"),
    ("grade {tmp}/empty --out {tmp}/empty", "--out {tmp}/empty is a folder: name a file"),
    # no such thing
    ("dance", "No such command 'dance'"),
    ("train --dance", "No such option: --dance"),
    ("train now", "Got unexpected extra argument"),
    ("train --steps", "Option '--steps' requires an argument"),
    ("train --channels-d 1 2", "Option '--channels-d' requires 3 arguments"),
    ("site now", "Got unexpected extra argument"),
    ("doctor now", "Got unexpected extra argument"),
]  # fmt: skip
# Each file that a command would write, and each obstacle in its place
PLACES = {
    "": "is a folder: name a file",
    "/empty": "is a folder: name a file",
    "/pipe": "is a device or a pipe: name a file",
    "/null": "is a device or a pipe: name a file",
    "/file": "holds something that this option does not write: name another file",
    "/binary": "holds something that this option does not write: name another file",
    "/file/below": "cannot be written, because {tmp}/file is a file or a broken link: name another place",
    "/broken_link/below": "cannot be written, because {tmp}/broken_link is a file or a broken link",
    "/loop": "is no name for a file",
    "/" + 300 * "n": "is no name for a file (File name too long): name another place",
}
COMMANDS += [
    (f"train --{option} {{tmp}}{place}", f"--{option} {words}" if place == "" else words)
    for option in ("save", "history", "checkpoint", "predict")
    for place, words in PLACES.items()
    if place
]
FOLDERS = {
    "/file": "{tmp}/file is a file: choose an empty or a new folder with --out",
    "/pipe": "{tmp}/pipe is a file: choose an empty or a new folder with --out",
    "/link": "{tmp}/link is a link to {tmp}/empty, which would be lost: choose an empty or a new folder",
    "/file/below": "cannot be written, because {tmp}/file is a file, or you may not write to it: choose",
    "/theirs": "{tmp}/theirs holds files that `sgan KIND` has not made: choose an empty or a new folder",
    "/" + 300 * "n": "cannot be written (File name too long): choose an empty or a new folder",
}
COMMANDS += [
    (f"{kind} --out {{tmp}}{place}", words.replace("KIND", kind))
    for kind in ("post", "site", "handout")
    for place, words in FOLDERS.items()
]


@pytest.fixture
def obstacles(tmp_path, tiny_config, monkeypatch):
    """A folder with what stands in the way of commands."""
    for name in ("empty", "nothing", "one_class/labelled/a", "no_images/labelled/a", "no_images/labelled/b", "theirs"):
        (tmp_path / name).mkdir(parents=True)
    for label in ("a", "b"):
        for name in ("all_labelled", "broken"):
            folder = tmp_path / name / "labelled" / label
            folder.mkdir(parents=True)
            Image.new("L", (8, 8), 200).save(folder / "1.png")
    (tmp_path / "broken" / "labelled" / "a" / "2.png").write_bytes(b"no picture")
    (tmp_path / "file").write_text("some notes, years old\n")
    (tmp_path / "theirs" / "thesis.tex").write_text("years of work")
    (tmp_path / "empty" / "learner").mkdir()
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe\x89PNG" + bytes(100))
    (tmp_path / "text_with_header").write_bytes(b"\x40" + bytes(7) + b'{"__metadata__":{"config":"{}"}' + bytes(99))
    (tmp_path / "zero").touch()
    (tmp_path / "hard").hardlink_to(tmp_path / "zero")
    links = {"soft": "zero", "loop": "loop", "broken_link": "nowhere", "link": "empty", "null": "/dev/null"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(tmp_path / target)
    os.mkfifo(tmp_path / "pipe")
    save_models(tmp_path / "models", *build_models(tiny_config), tiny_config)
    whole = results.ROWS.read_text(encoding="utf-8").splitlines()
    (tmp_path / "half.csv").write_text(f"{whole[0]}\n{whole[1][:200]}\n")
    monkeypatch.chdir(tmp_path / "nothing")
    return tmp_path


@pytest.fixture
def nothing_happens(monkeypatch):
    """Any attempt to train or to start a process fails the test."""

    def refuse(*arguments, **named):
        raise AssertionError("something was begun")

    for name in ("sgan_utils.training.one_step", "subprocess.call", "sgan_workshop.publish.notebooks.execute"):
        monkeypatch.setattr(name, refuse)


def contents(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(("command", "words"), COMMANDS, ids=[command[:60] for command, _ in COMMANDS])
def test_a_command_that_cannot_be_is_answered_before_anything_happens(
    sgan, obstacles, nothing_happens, monkeypatch, command, words
):
    monkeypatch.setenv("COLUMNS", "1000")
    before = contents(obstacles)
    code, out, err = sgan(*shlex.split(command.replace("{tmp}", str(obstacles))))
    assert words.replace("{tmp}", str(obstacles)) in re.sub(r"\s+", " ", err)
    assert "Traceback" not in err
    if code == 2:  # typer answers what is no command line of this program, in a frame
        assert "─ Error ─" in err
    else:
        assert (code, out) == (1, "")
        assert err.startswith("sgan: ")
        assert err.rstrip().endswith(".")
        assert err.count("\n") == 1
    assert contents(obstacles) == before
    TRIED[ANSWERED] += 1


# The environment

ENVIRONMENTS = [
    ({"RANK": "1"}, "train --labels 7", "labels must be between 10 and 60000"),
    ({"TORCHELASTIC_RUN_ID": "x"}, "train", "TORCHELASTIC_RUN_ID is set as by torchrun, but RANK is not: start this"),
    ({"TORCHELASTIC_RUN_ID": "x", "RANK": "1"}, "train", "as by torchrun, but LOCAL_RANK is not: start this command"),
    ({"TORCHELASTIC_RUN_ID": "x", "RANK": "one"}, "train", "as by torchrun, but RANK is not: start this command"),
    ({"SGAN_DATA": "/nowhere"}, "train", "/nowhere/MNIST/raw/train-images-idx3-ubyte.gz is missing: restore it with"),
    ({"SGAN_DATA": "~/nowhere"}, "train", "/nowhere/MNIST/raw/train-images-idx3-ubyte.gz is missing"),
    ({"SGAN_DATA": "~nobody/x"}, "train", "~nobody/x/MNIST/raw/train-images-idx3-ubyte.gz is missing"),
    ({"SGAN_DATA": 5000 * "n"}, "train", "cannot be read (File name too long): name another folder"),
    ({"SGAN_DATA": "{tmp}/file"}, "train", "{tmp}/file/MNIST/raw/train-images-idx3-ubyte.gz is missing"),
    ({"SGAN_DATA": "{tmp}/loop"}, "train", "{tmp}/loop"),
    ({"SGAN_DATA": "/nowhere"}, "train --data KMNIST", "/nowhere/KMNIST/raw lacks train-images-idx3-ubyte.gz: put the four"),
    ({"SGAN_DATA": "/nowhere"}, "train --data fashion-mnist", "/nowhere/FashionMNIST/raw lacks train-images-idx3-ubyte.gz"),
    ({"SGAN_DATA": 5000 * "n"}, "train --data KMNIST", "cannot be read (File name too long)"),
]  # fmt: skip


@pytest.mark.parametrize(("environment", "command", "words"), ENVIRONMENTS)
def test_an_environment_that_cannot_be_is_answered(
    sgan, obstacles, nothing_happens, monkeypatch, environment, command, words
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("{tmp}", str(obstacles)))
    code, out, err = sgan(*command.split())
    assert (code, out) == (1, "")
    assert words.replace("{tmp}", str(obstacles)) in err
    assert err.startswith("sgan: ")
    assert err.count("\n") == 1
    TRIED[ANSWERED] += 1


# Functions

BYTES = torch.zeros(30, 1, 28, 28, dtype=torch.uint8)
LABELS = torch.arange(30) % 10
DATA = ImageData(BYTES, LABELS, BYTES, LABELS)
TWENTY = SGANConfig(labels=20, steps=2)
SOURCES = split_sources(DATA, TWENTY)
FUNCTIONS = {
    "no such field": (lambda _: SGANConfig(cats=1), "there is no hyperparameter named 'cats': the fields are data, "),
    "labels as a list": (lambda _: SGANConfig(labels=[1]), "labels must be a whole number between 10 and 60000"),
    "labels as a half": (lambda _: SGANConfig(labels=20.5), "labels must be a whole number between"),
    "labels as None": (lambda _: SGANConfig(labels=None), "labels must be a whole number between"),
    "nan": (lambda _: SGANConfig(input_noise=float("nan")), "input_noise must be a number between 0 and 1, got nan"),
    "two channels": (lambda _: SGANConfig(channels_d=(1, 2)), "channels_d must be three whole numbers between"),
    "four channels": (lambda _: SGANConfig(channels_d=(1, 2, 3, 4)), "channels_d must be three whole numbers between"),
    "channels as a number": (lambda _: SGANConfig(channels_d=3), "channels_d must be three whole numbers between"),
    "a head of a number": (lambda _: SGANConfig(head=3), "head must be one of n, n_plus_1, two_heads, got 3"),
    "data as a number": (lambda _: SGANConfig(data=3), "data must be the name of a data set or a folder, got 3"),
    "a change": (lambda _: setattr(TWENTY, "labels", 30), "a configuration does not change: make another one with"),
    "no such change": (lambda _: TWENTY.but(cats=1), "there is no hyperparameter named 'cats'"),
    "no such preset": (lambda _: SGANConfig.preset("cat"), "there is no preset named 'cat': choose one of lesson"),
    "a preset with no such field": (lambda _: SGANConfig.preset("lesson", cats=1), "no hyperparameter named 'cats'"),
    "epochs of other data": (lambda _: SGANConfig(data="x").epochs, "how many images x has is known once it is loaded"),
    "more than there are": (lambda _: draw_labelled(LABELS, 31, 0), "cannot draw 31 labelled images from 30: ask for"),
    "more labels than images": (lambda _: split_sources(DATA, TWENTY.but(labels=40)), "labels must be between 10 and 30"),
    "all held out": (lambda _: split_sources(DATA, TWENTY.but(held_out=25)), "held_out=25 leaves only 5 of MNIST's 10"),
    "images of floats": (
        lambda _: train(TWENTY, SOURCES._replace(labelled_images=SOURCES.labelled_images.float())),
        "labelled_images must be bytes from 0 to 255 (torch.uint8), got torch.float32: convert them",
    ),
    "images of another size": (
        lambda _: train(TWENTY, SOURCES._replace(unlabelled_images=BYTES[:, :, :20])),
        "unlabelled_images must have the shape (images, 1, 28, 28) of MNIST, got (30, 1, 20, 28): resize them",
    ),
    "no images": (
        lambda _: train(TWENTY, SOURCES._replace(unlabelled_images=BYTES[:0])),
        "there are no unlabelled images: a run needs at least one",
    ),
    "labels of floats": (
        lambda _: train(TWENTY, SOURCES._replace(labelled_labels=SOURCES.labelled_labels.float())),
        "labelled_labels must be whole numbers, one for each of the 20 labelled images, got torch.float32",
    ),
    "too few labels": (
        lambda _: train(TWENTY, SOURCES._replace(labelled_labels=SOURCES.labelled_labels[:9])),
        "labelled_labels must be whole numbers, one for each of the 20 labelled images",
    ),
    "a label of no class": (
        lambda _: train(TWENTY, SOURCES._replace(labelled_labels=SOURCES.labelled_labels + 1)),
        "labels must be from 0 to 9, one of MNIST's 10 classes, got 1 to 10",
    ),
    "another number of labels": (
        lambda _: train(TWENTY.but(labels=25), SOURCES),
        "the configuration says labels=25, but only 20 labelled images are given: set labels=20",
    ),
    "networks of one": (lambda _: train(TWENTY, SOURCES, networks=lambda *_: None), "must return G and D, two nn.Modules"),
    "networks of words": (lambda _: train(TWENTY, SOURCES, networks=lambda *_: ("G", "D")), "G and D, two nn.Modules"),
    "networks without latent size": (
        lambda _: train(TWENTY, SOURCES, networks=lambda *_: (torch.nn.Identity(), torch.nn.Identity())),
        "G.latent_size must be the configuration's latent_size=100, got None: set it in G's __init__",
    ),
    "no loss": (
        lambda _: train(TWENTY.but(supervised_weight=0, unsupervised_weight=0), SOURCES),
        "so no network would learn anything: raise one of them",
    ),
    "a checkpoint that is a folder": (lambda tmp: train(TWENTY, SOURCES, checkpoint=tmp / "empty"), "is a folder: name a"),
    "a checkpoint that is a pipe": (lambda tmp: train(TWENTY, SOURCES, checkpoint=tmp / "pipe"), "is a device or a pipe"),
    "a checkpoint below a file": (lambda tmp: train(TWENTY, SOURCES, checkpoint=tmp / "file" / "x"), "cannot be written ("),
    "no such device": (lambda _: pick_device("tpu"), "device 'tpu' cannot be used here: choose auto, cpu, cuda or mps"),
    "the device meta": (lambda _: pick_device("meta"), "device 'meta' computes nothing: choose auto, cpu, cuda or mps"),
    "models that are not there": (lambda tmp: load_models(tmp / "x"), "does not exist: check the name, or train and save"),
    "models in a folder": (lambda tmp: load_models(tmp / "empty"), "is a folder: name a file"),
    "models in a pipe": (lambda tmp: load_models(tmp / "pipe"), "is a device or a pipe: name a file"),
    "models in a text": (lambda tmp: load_models(tmp / "file"), "is damaged or not a safetensors file ("),
    "models in an empty file": (lambda tmp: load_models(tmp / "zero"), "is damaged or not a safetensors file ("),
    "models behind a loop": (lambda tmp: load_models(tmp / "loop"), "loop"),
    "a record that is not there": (lambda _: results.load_record("cat"), "is missing or damaged ("),
    "rows in a folder": (lambda tmp: read_rows(tmp / "empty"), "cannot be read as a study's table ("),
    "rows in a text": (lambda tmp: read_rows(tmp / "file"), "has other columns than this study ("),
    "rows in bytes": (lambda tmp: read_rows(tmp / "binary"), "cannot be read as a study's table ("),
    "rows of no run": (lambda tmp: results.recorded_rows("table1", tmp / "x.csv"), "holds no run of the study 'table1'"),
    "a grid over seeds": (lambda _: grid(TWENTY, {"seed": [1]}, [0]), "say which seeds with grid(seeds=...)"),
    "a grid over nothing": (lambda _: grid(TWENTY, {"cats": [1]}, [0]), "there is no hyperparameter named 'cats'"),
    "a grid out of range": (lambda _: grid(TWENTY, {"labels": [1]}, [0]), "labels must be between 10 and 60000"),
    "no workers": (lambda tmp: run_study([TWENTY], tmp / "s.csv", workers=0), "workers must be at least 1, got 0"),
    "no folder of images": (lambda tmp: load_folder(tmp / "x"), "there is no folder"),
    "a file of images": (lambda tmp: load_folder(tmp / "file"), "is a file: give a folder that holds labelled/CLASS/"),
    "an empty folder": (lambda tmp: load_folder(tmp / "empty"), "has no folder labelled/: put images into labelled/CLASS/"),
    "one class": (lambda tmp: load_folder(tmp / "one_class"), "holds one class: make a folder there for each of at least"),
    "classes without images": (lambda tmp: load_folder(tmp / "no_images"), "has no readable image: put PNG or JPEG files"),
    "a broken image": (lambda tmp: load_folder(tmp / "broken", on_broken="stop"), "there is no PNG or JPEG image in it"),
    "a folder of a long name": (lambda tmp: load_folder(tmp / (300 * "n")), "cannot be read (File name too long)"),
    "no such set": (lambda tmp: load_torchvision("CIFAR10", tmp), "there is no torchvision set named 'CIFAR10' here"),
    "a set that is not there": (lambda tmp: load_torchvision("KMNIST", tmp), "lacks train-images-idx3-ubyte.gz: put the"),
    "MNIST that is not there": (lambda tmp: load_mnist(tmp), "train-images-idx3-ubyte.gz is missing: restore it with"),
    "data of a long name": (lambda _: load_data(300 * "n"), "cannot be read (File name too long): name another folder"),
    "a text into a folder": (lambda tmp: write_text(tmp / "empty", "x"), "is a folder: name a file"),
    "a text into a pipe": (lambda tmp: write_text(tmp / "pipe", "x"), "is a device or a pipe: name a file"),
    "a text into a device": (lambda tmp: write_text(tmp / "null", "x"), "is a device or a pipe: name a file"),
    "a text below a file": (lambda tmp: write_text(tmp / "file" / "x", "x"), "cannot be written (File exists): free"),
    "a text of a long name": (lambda tmp: write_text(tmp / (300 * "n"), "x"), "cannot be written (File name too long): f"),
    "a text behind a loop": (lambda tmp: write_text(tmp / "loop", "x"), "cannot be written ("),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_is_called_wrongly_raises_one_sentence(obstacles, monkeypatch, name):
    monkeypatch.setattr("sgan_utils.training.one_step", None)
    call, words = FUNCTIONS[name]
    before = contents(obstacles)
    with pytest.raises(SGANError) as caught:
        call(obstacles)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", ")"))
    assert contents(obstacles) == before
    TRIED[ANSWERED] += 1
