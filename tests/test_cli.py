"""The command line as a user meets it: options, output, exit codes, sentences."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sgan_utils import training
from sgan_utils.config import SGANConfig
from sgan_utils.support.checkpoints import load_models
from sgan_utils.support.presets import PRESETS
from sgan_workshop.commands import doctor
from sgan_workshop.publish import address, notebooks, registry
from sgan_workshop.records import quality
from sgan_workshop.studies import grid

ROOT = Path(__file__).resolve().parent.parent
TINY = ["--steps", "3", "--labels", "20", "--batch-size", "4", "--labelled-batch-size", "4"]
TINY += ["--channels-g", "2", "2", "2", "--channels-d", "2", "2", "2", "--precision", "float32", "--device", "cpu"]


def test_the_installed_command_answers_without_loading_torch():
    loaded = "'torch' in sys.modules, 'matplotlib' in sys.modules"
    code = f"import sys; from sgan_workshop.commands import main; print({loaded})"
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


def test_train_starts_from_a_method_of_the_studies_as_well(sgan):
    _, out, _ = sgan("train", "--preset", "sgan+consistency", *TINY, "--json")
    assert json.loads(out)["config"]["consistency_weight"] == PRESETS["sgan+consistency"]["consistency_weight"]


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
        (["--labels", "7"], "labels must be between 10 and 60000 (one for each class at least), got '7'"),
        (["--head", "three"], "head must be one of n, n_plus_1, two_heads, got 'three'"),
        (["--preset", "beast"], "there is no preset named 'beast'"),
        ([*TINY, "--device", "abacus"], "device 'abacus' cannot be used here"),
        (["--steps", "0"], "steps must be between 1 and 1000000, got '0'"),
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

    monkeypatch.setattr(training, "unsupervised_loss", lambda real, generated, smoothing: real.sum() * float("nan"))
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
    assert len(out.splitlines()) == len(registry.RECIPES)
    assert "confusion" in out


def test_figures_draws_one(sgan, monkeypatch, tmp_path):
    monkeypatch.setattr("sgan_workshop.publish.figures.FIGURES_FOLDER", tmp_path / "figures")
    monkeypatch.chdir(tmp_path)
    for style, folder in (("blog", "figures"), ("slides", "build/figures/slides")):
        code, out, _ = sgan("figures", "--only", "heads", "--style", style)
        assert code == 0
        assert f"1 figure is in {folder}/" in out
        assert {path.name for path in (tmp_path / folder).iterdir()} == {"heads.png", "heads.svg", "heads.json"}


def test_the_post_is_built_and_found(sgan, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "sgan_workshop.publish.post.build_post",
        lambda folder, platform: [folder / f"{platform}.html", folder / "post.md"],
    )
    monkeypatch.chdir(tmp_path)
    assert "build/post/markdown.html" in sgan("post")[1]
    monkeypatch.setattr("sgan_workshop.publish.address.repository", lambda: "https://github.com/OWNER/somewhere")
    out = sgan("post", "--for", "hugo")[1]
    assert "build/post-hugo/hugo.html" in out
    assert "sgan address" in out


def test_an_address_is_written_into_every_file_that_needs_it(sgan, monkeypatch, tmp_path):
    for name in ("pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(notebooks.ROOT / name, tmp_path / name)
    shutil.copytree(notebooks.NOTEBOOKS, tmp_path / "notebooks")
    monkeypatch.setattr(address, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    code, _, _ = sgan("address", "https://github.com/somebody/my-fork.git")
    assert code == 0
    assert address.repository() == "https://github.com/somebody/my-fork"
    for path in [tmp_path / "README.md", tmp_path / "CITATION.cff", *(tmp_path / "notebooks").glob("*.ipynb")]:
        assert "somebody/my-fork" in path.read_text()
        assert "OWNER/sgan-workshop" not in path.read_text()
    code, _, err = sgan("address", "somewhere")
    assert code == 1
    assert "addresses such as https://github.com/OWNER/NAME, got 'somewhere'" in err


def test_figures_names_an_unknown_figure(sgan):
    code, _, err = sgan("figures", "--only", "cat")
    assert code == 1
    assert "no figure named 'cat'" in err


def test_lessons_ends_with_a_table_of_seconds_and_results(sgan, monkeypatch, tmp_path):
    import nbformat

    cell = nbformat.v4.new_code_cell("print('noise')\nprint('98.7% reached')", metadata={"tags": ["main-result"]})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 1. Tiny"), cell])
    nbformat.write(notebook, tmp_path / "01_tiny.ipynb")
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    code, out, _ = sgan("lessons", "--pages", tmp_path / "pages")
    assert code == 0
    row = next(line for line in out.splitlines() if "98.7%" in line)
    assert "01_tiny" in row
    assert (tmp_path / "pages" / "01_tiny.html").exists()


def test_lessons_names_an_unknown_lesson(sgan):
    code, _, err = sgan("lessons", "--only", "99")
    assert code == 1
    assert "01_data" in err


def test_lab_opens_the_learners_own_copies(sgan, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(subprocess, "call", lambda command: calls.append(command) or 0)
    code, _, _ = sgan("lab", "--folder", tmp_path / "mine", "--", "--no-browser")
    assert code == 0
    assert calls[0][1:] == ["-m", "jupyter", "lab", str(tmp_path / "mine"), "--no-browser"]
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.ipynb")) == sorted(
        path.name for path in notebooks.lesson_paths()
    )
    code, out, _ = sgan("lab", "--folder", tmp_path / "mine", "--diff", "03")
    assert (code, out, len(calls)) == (0, "You have the newest version.\n", 1)


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
    assert not finding.ok
    assert "not a matched pair" in finding.cure
    assert "pip install -c constraints.txt torch torchvision" in finding.cure


def test_doctor_reports_a_package_that_the_lessons_lack_and_only_names_what_an_extra_lacks(monkeypatch):
    lines = ["torch>=2", "no-such-thing>=1; extra == 'lessons'", "another-thing; extra == 'site'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: lines)
    _, lacks, extra = doctor.packages()
    assert (lacks.value, lacks.ok) == ("no-such-thing", False)
    assert ".[lessons]" in lacks.cure
    assert (extra.what, extra.value, extra.ok) == ("extra site", "without another-thing", True)
    assert ".[site]" in extra.cure


def test_doctor_reports_a_workshop_that_is_not_installed(monkeypatch):
    def nothing(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", nothing)
    (finding,) = doctor.packages()
    assert not finding.ok
    assert ".[lessons]" in finding.cure


def test_doctor_reports_a_python_and_a_system_that_cannot_work(monkeypatch):
    monkeypatch.setattr(doctor, "complaint_about_python", lambda: "use another")
    monkeypatch.setattr(doctor, "complaint_about_system", lambda: "use Colab")
    found = {finding.what: finding for finding in doctor.examine()}
    assert (found["Python"].ok, found["Python"].cure) == (False, "use another")
    assert (found["system"].ok, found["system"].cure) == (False, "use Colab")


def test_doctor_tells_its_cures_on_a_stream_that_lacks_letters(tmp_path):
    broken = tmp_path / "torchvision"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    ours = {"PYTHONIOENCODING": "cp1252", "SGAN_DATA": "Bücher/öπ", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "sgan_workshop", "doctor"]
    done = subprocess.run(command, env=os.environ | ours, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "not a matched pair" in done.stdout.decode("cp1252")
    done = subprocess.run(command, env=os.environ | ours | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "Bücher/ö?" in done.stdout.decode("cp1252")
    assert "git checkout -- data/MNIST/raw" in done.stdout.decode("cp1252")


# Recorded studies


@pytest.fixture
def no_training(monkeypatch):
    """Any attempt to train fails the test."""

    def refuse(*arguments, **named):
        raise AssertionError("something was trained")

    for name in ("studies.grid.train", "studies.study.run_study"):
        monkeypatch.setattr(f"sgan_workshop.{name}", refuse)
    monkeypatch.setattr(training, "train", refuse)


def strict_json(text):
    """JSON as every program reads it: nan is no number."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_recorded_study_is_printed_as_json_without_any_training(sgan, tiny_study, no_training):
    before = tiny_study.read_bytes()
    code, out, err = sgan("study", "--preset", "tiny", "--json")
    assert (code, err) == (0, "")
    rows = strict_json(out)
    promised = ["method", "protocol", "labels", "mean_accuracy", "std_accuracy", "seeds", "mean_train_seconds"]
    assert all({*promised, "device"} <= set(row) for row in rows)
    assert [(row["method"], row["labels"], row["seeds"]) for row in rows] == [
        ("tiny cnn", 20, 3), ("tiny sgan", 20, 3), ("tiny sgan", 30, 2)
    ]  # fmt: skip
    assert [row["protocol"] for row in rows] == ["labelled-only", "all-unlabelled", "all-unlabelled"]
    assert [row["mean_accuracy"] for row in rows] == pytest.approx([0.4, 0.6, 0.85])
    assert [row["std_accuracy"] for row in rows] == pytest.approx([0.1, 0.1, 0.005**0.5])
    assert [row["mean_train_seconds"] for row in rows] == pytest.approx([3, 3, 2.5])
    assert {row["device"] for row in rows} == {"abacus"}
    assert tiny_study.read_bytes() == before


def test_what_one_seed_does_not_have_is_null_in_json_and_a_dash_in_the_table(sgan, tiny_study, no_training):
    every = pd.read_csv(tiny_study)
    every[every["seed"] == 0].to_csv(tiny_study, index=False)
    rows = strict_json(sgan("study", "--preset", "tiny", "--json")[1])
    assert [row["std_accuracy"] for row in rows] == [None] * 3
    assert [row["mean_fid"] for row in rows] == [None] * 3
    out = sgan("study", "--preset", "tiny")[1]
    assert "–" in out
    assert "nan" not in out
    assert "None" not in out


def test_a_recorded_study_is_printed_as_a_table_that_names_its_file(sgan, tiny_study, no_training, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tiny_study.parent)
    code, out, err = sgan("study", "--preset", "tiny")
    assert (code, err) == (0, "")
    assert "accuracy %" in out
    line = next(line for line in out.splitlines() if "tiny cnn" in line)
    assert "40.00" in line
    assert out.endswith("The rows are in rows.csv\n")


def test_a_record_can_be_read_from_another_file(sgan, tiny_study, no_training, tmp_path):
    every = pd.read_csv(tiny_study)
    every.assign(test_accuracy=0.25).to_csv(tmp_path / "mine.csv", index=False)
    rows = strict_json(sgan("study", "--preset", "tiny", "--out", tmp_path / "mine.csv", "--json")[1])
    assert {row["mean_accuracy"] for row in rows} == {0.25}


def test_a_rerun_compares_with_the_record_and_leaves_it_as_it_was(sgan, tiny_study, tmp_path, scheduler):
    before = tiny_study.read_bytes()
    options = ["--rerun", "1", "--out", tmp_path / "new.csv", "--scheduler", scheduler]
    code, out, err = sgan("study", "--preset", "tiny", *options, "--json")
    assert (code, err) == (0, "")
    rows = strict_json(out)
    assert [(row["method"], row["labels"], row["recorded"]) for row in rows] == [
        ("tiny cnn", 20, 0.5), ("tiny sgan", 20, 0.6), ("tiny sgan", 30, 0.9)
    ]  # fmt: skip
    now = pd.read_csv(tmp_path / "new.csv")
    assert sorted(row["rerun"] for row in rows) == sorted(now["test_accuracy"])
    for row in rows:
        assert row["deviations"] == pytest.approx((row["rerun"] - row["mean_accuracy"]) / row["std_accuracy"])
    assert tiny_study.read_bytes() == before


def test_a_rerun_says_when_this_machine_computes_in_another_number_format(
    sgan, tiny_study, tmp_path, scheduler, monkeypatch
):
    options = ["--preset", "tiny", "--rerun", "1", "--out", tmp_path / "new.csv", "--scheduler", scheduler]
    assert "computed in" not in sgan("study", *options)[1]
    recorded = pd.read_csv(tiny_study)
    recorded.assign(computed_in="bfloat16").to_csv(tiny_study, index=False)
    assert "computed in float32, the recorded ones in bfloat16: see docs/other" in sgan("study", *options)[1]


def test_a_rerun_of_a_new_seed_shows_a_dash_for_what_was_not_recorded(
    sgan, tiny_study, tmp_path, scheduler, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    code, out, _ = sgan("study", "--preset", "tiny", "--rerun", "77", "--scheduler", scheduler)
    assert code == 0
    assert "deviations" in out
    assert out.endswith("The rows are in build/tiny-rerun-77.csv\n")
    assert pd.read_csv("build/tiny-rerun-77.csv")["seed"].tolist() == [77] * 3
    assert "None" not in out
    assert "–" in out


def test_record_trains_only_what_the_record_lacks(sgan, tiny_study, scheduler, monkeypatch):
    trained = []

    def note(config, *arguments, **named):
        trained.append((config.labels, config.seed))
        return training.train(config, *arguments, **named)

    monkeypatch.setattr("sgan_workshop.studies.grid.train", note)
    monkeypatch.setattr(
        "sgan_workshop.studies.grid.generate_samples", lambda generator: quality.generate_samples(generator, 100)
    )
    monkeypatch.setattr(
        grid, "_real_features", lambda: quality.features_and_logits(grid._loaded("MNIST").train_images[:100])[0]
    )
    every = pd.read_csv(tiny_study)
    every[(every["seed"] != 1) | (every["labels"] != 30)].to_csv(tiny_study, index=False)
    code, out, _ = sgan("study", "--preset", "tiny", "--record", "--scheduler", scheduler, "--json")
    assert code == 0
    assert trained == [(30, 1)]
    assert [row["seeds"] for row in strict_json(out)] == [3, 3, 2]
    recorded = pd.read_csv(tiny_study)
    assert len(recorded) == 8
    assert recorded["fid"].notna().sum() == 1  # G's images are measured as well


def test_a_record_that_is_missing_is_one_sentence_with_its_cure(sgan, tiny_study, no_training):
    tiny_study.unlink()
    for options in ([], ["--rerun", "0"]):
        code, out, err = sgan("study", "--preset", "tiny", *options, "--json")
        assert (code, out) == (1, "")
        assert err.startswith(f"sgan: {tiny_study} holds no run of the study 'tiny'")
        assert "`git checkout -- results`" in err
        assert "`sgan study --preset tiny --record`" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "tiny", "--labels", "25"], "the study tiny is fixed: only --rerun, --record, --out,"),
        (["--preset", "tiny", "--vary", "labels=20,30"], "the study tiny is fixed"),
        (["--preset", "tiny", "--seeds", "2"], "the study tiny is fixed"),
        (["--preset", "tiny", "--seed", "2"], "the study tiny is fixed"),
        (["--preset", "tiny", "--samples"], "the study tiny is fixed"),
        (["--preset", "tiny", "--workers", "2"], "nothing is trained, so --workers"),
        (["--preset", "tiny", "--rerun", "-1"], "--rerun takes a seed, at least 0 and below 2147483648, got -1"),
        (["--preset", "tiny", "--rerun", "0", "--steps", "5"], "the study tiny is fixed"),
        (["--preset", "tiny", "--rerun", "0", "--record"], "--rerun"),
        (["--rerun", "0"], "--rerun and --record need a recorded study: --preset table1 or --preset tricks or "),
        (["--record", "--preset", "post"], "--rerun and --record need a recorded study: --preset table1"),
        (["--preset", "table2"], "there is no preset named 'table2'"),
    ],
    ids=lambda part: part if isinstance(part, str) else " ".join(part),
)
def test_options_that_do_not_go_together_give_one_sentence_and_train_nothing(
    sgan, tiny_study, no_training, tmp_path, monkeypatch, options, words
):
    monkeypatch.chdir(tmp_path)
    code, out, err = sgan("study", *options)
    assert (code, out) == (1, "")
    assert err.startswith(f"sgan: {words}")
    assert err.count("\n") == 1
    assert not (tmp_path / "build").exists()


def test_ctrl_c_in_a_rerun_names_the_file_with_what_is_finished(sgan, tiny_study, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("sgan_workshop.studies.study.run_study", interrupted)
    code, _, err = sgan("study", "--preset", "tiny", "--rerun", "3")
    assert code == 1
    assert (
        err == "sgan: interrupted: what is finished is in build/tiny-rerun-3.csv, the same command goes on from it.\n"
    )


def test_help_names_the_recorded_studies(sgan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = " ".join(sgan("study", "--help")[1].split())
    for words in ("--rerun", "--record", "--samples", "table1", "tricks"):
        assert words in out


def test_samples_measures_the_images_of_a_study_of_one_s_own(sgan, tmp_path, scheduler, monkeypatch):
    monkeypatch.setattr(
        "sgan_workshop.studies.grid.generate_samples", lambda generator: quality.generate_samples(generator, 100)
    )
    monkeypatch.setattr(
        grid, "_real_features", lambda: quality.features_and_logits(grid._loaded("MNIST").train_images[:100])[0]
    )
    options = [*TINY[:-2], "--out", tmp_path / "s.csv", "--scheduler", scheduler, "--json"]
    (row,) = strict_json(sgan("study", *options, "--samples")[1])
    assert row["fid"] > 0
    assert 1 <= row["score"] <= 10


def test_train_without_g_is_possible_from_the_command_line(sgan, tmp_path):
    options = ["--unsupervised-weight", "0", "--augmentation", "1", "--input-noise", "0.3"]
    code, out, err = sgan("train", *TINY, *options, "--history", tmp_path / "h.csv", "--json")
    assert (code, err) == (0, "")
    result = strict_json(out)
    assert result["stopped"] == ""
    assert (result["config"]["augmentation"], result["config"]["input_noise"]) == (1.0, 0.3)
    history = pd.read_csv(tmp_path / "h.csv")
    assert history["supervised"].notna().all()
    assert history["generator"].isna().all()


def test_asking_for_help_does_not_load_dask_or_torch():
    code = "import sys\nfrom sgan_workshop.commands.main import app\ntry: app(['study', '--help'])\n"
    code += "except SystemExit: print({'torch', 'distributed', 'dask'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
