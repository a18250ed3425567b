"""The command line as a user meets it: options, output, exit codes, sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sgan_utils import doctor, figures, lessons
from sgan_utils.checkpoints import load_models
from sgan_utils.config import SGANConfig

TINY = ["--steps", "3", "--labels", "20", "--batch-size", "4", "--labelled-batch-size", "4"]
TINY += ["--channels-g", "2", "2", "2", "--channels-d", "2", "2", "2", "--precision", "float32", "--device", "cpu"]


def test_the_installed_command_answers_without_loading_torch():
    code = "import sys; from sgan_utils import cli; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_help_names_every_command(sgan):
    code, out, _ = sgan("--help")
    assert code == 0
    for command in ("train", "study", "lessons", "figures", "lab", "doctor"):
        assert command in out


def test_version(sgan):
    assert sgan("--version")[1].startswith("sgan 0.")


def test_every_hyperparameter_is_an_option_of_train(sgan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, out, _ = sgan("train", "--help")
    for name in SGANConfig.model_fields:
        assert "--" + name.replace("_", "-") in out, name


def test_train_json_is_one_object_with_the_promised_keys(sgan):
    code, out, err = sgan("train", *TINY, "--seed", "3", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert {"test_accuracy", "train_seconds", "images_per_second", "seed", "labels", "config"} <= set(result)
    assert (result["seed"], result["labels"], result["steps"]) == (3, 20, 3)
    assert SGANConfig(**result["config"]).channels_d == (2, 2, 2)
    assert 0 <= result["test_accuracy"] <= 1


def test_train_without_json_says_accuracy_labels_and_seed(sgan):
    code, out, _ = sgan("train", *TINY)
    assert code == 0
    assert "test accuracy" in out
    assert "20 labels" in out
    assert "seed 0" in out


def test_train_starts_from_the_preset_and_options_override_it(sgan):
    _, out, _ = sgan("train", "--preset", "d_wins", *TINY, "--json")
    config = json.loads(out)["config"]
    assert config["learning_rate_g"] == SGANConfig.preset("d_wins").learning_rate_g
    assert config["steps"] == 3


def test_train_writes_models_history_and_a_checkpoint_that_resumes(sgan, tmp_path):
    files = {name: tmp_path / name for name in ("m.safetensors", "h.csv", "c.safetensors")}
    options = ["--save", files["m.safetensors"], "--history", files["h.csv"], "--checkpoint", files["c.safetensors"]]
    first = json.loads(sgan("train", *TINY, *options, "--json")[1])
    assert load_models(files["m.safetensors"])[2].labels == 20
    assert len(pd.read_csv(files["h.csv"])) == 3
    again = json.loads(sgan("train", *TINY, "--checkpoint", files["c.safetensors"], "--json")[1])
    assert again["test_accuracy"] == first["test_accuracy"]
    assert again["steps"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--labels", "7"], "labels must be between 10 and 60000 (one for each class at least), got 7"),
        (["--head", "three"], "head must be one of two_heads, n_plus_1, n, got 'three'"),
        (["--preset", "best"], "there is no preset named 'best'"),
        ([*TINY, "--device", "abacus"], "device 'abacus' cannot be used here"),
        (["--steps", "0"], "steps must be between 1 and 1000000, got 0"),
    ],
)
def test_a_wrong_option_gives_one_sentence_and_exit_code_1(sgan, arguments, words):
    code, out, err = sgan("train", *arguments)
    assert code == 1
    assert out == ""
    assert err.startswith(f"sgan: {words}")
    assert err.count("\n") == 1


def test_a_diverged_run_still_writes_its_history(sgan, tmp_path, monkeypatch):
    from sgan_utils import training

    monkeypatch.setattr(training, "unsupervised_loss", lambda real, generated: real.sum() * float("nan"))
    code, _, err = sgan("train", *TINY, "--json", "--history", tmp_path / "h.csv")
    assert code == 1
    assert "'unsupervised' is no longer a finite number in step 1 of 3" in err
    assert len(pd.read_csv(tmp_path / "h.csv")) == 3


def test_missing_data_gives_one_sentence(sgan, monkeypatch, tmp_path):
    monkeypatch.setenv("SGAN_DATA", str(tmp_path))
    code, _, err = sgan("train", *TINY)
    assert code == 1
    assert "train-images-idx3-ubyte.gz is missing" in err
    assert "Traceback" not in err


def test_figures_lists_each_figure_with_what_it_shows(sgan):
    _, out, _ = sgan("figures", "--list")
    assert len(out.splitlines()) == len(figures.RECIPES)
    assert "confusion" in out


def test_figures_draws_one(sgan, monkeypatch, tmp_path):
    monkeypatch.setattr(figures.draw_figures, "__defaults__", ((), tmp_path))
    code, _, _ = sgan("figures", "--only", "heads")
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"heads.png", "heads.svg", "heads.json"}


def test_figures_names_an_unknown_figure(sgan):
    code, _, err = sgan("figures", "--only", "cat")
    assert code == 1
    assert "no figure named 'cat'" in err


def test_lessons_ends_with_a_table_of_seconds_and_results(sgan, monkeypatch, tmp_path):
    import nbformat

    cell = nbformat.v4.new_code_cell("print('noise')\nprint('98.7% reached')", metadata={"tags": ["main-result"]})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1. Tiny"), cell])
    nbformat.write(notebook, tmp_path / "01_tiny.ipynb")
    monkeypatch.setattr(lessons, "NOTEBOOKS", tmp_path)
    code, out, _ = sgan("lessons", "--pages", tmp_path / "pages")
    assert code == 0
    row = next(line for line in out.splitlines() if "98.7%" in line)
    assert "01_tiny" in row
    assert (tmp_path / "pages" / "01_tiny.html").exists()


def test_lessons_names_an_unknown_lesson(sgan):
    code, _, err = sgan("lessons", "--only", "99")
    assert code == 1
    assert "01_data" in err


def test_lab_opens_the_notebooks(sgan, monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "call", lambda command: calls.append(command) or 0)
    code, _, _ = sgan("lab")
    assert code == 0
    assert calls[0][1:4] == ["-m", "jupyter", "lab"]
    assert Path(calls[0][4]).name == "notebooks"


def test_doctor_finds_this_environment_well(sgan):
    code, out, _ = sgan("doctor")
    assert code == 0, out
    assert "60,000 + 10,000 verified MNIST images" in out
    assert "load together" in out


def test_doctor_reports_missing_data_with_its_cure(sgan, monkeypatch, tmp_path):
    monkeypatch.setenv("SGAN_DATA", str(tmp_path))
    code, out, _ = sgan("doctor")
    assert code == 1
    assert "git checkout -- data/MNIST/raw" in out


def test_doctor_names_the_torch_and_torchvision_mismatch_and_its_cure():
    def load(name: str) -> object:
        raise RuntimeError("operator torchvision::nms does not exist")

    finding = doctor.torch_pair(load)
    assert not finding.well
    assert "not a matched pair" in finding.cure
    assert "pip install -c constraints.txt torch torchvision" in finding.cure


def test_doctor_reports_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["torch>=2", "no-such-thing>=1; extra == 'lessons'"])
    found = list(doctor.packages())
    assert found[-1].found == "no-such-thing (extra lessons)"
    assert not found[-1].well


def test_doctor_reports_an_old_python():
    assert not doctor.python((3, 10, 4)).well
    assert doctor.python((3, 12, 0)).well
