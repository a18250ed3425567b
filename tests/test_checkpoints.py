"""Models and runs on disk: what is read is what was written, and a resumed run is the uninterrupted one."""

import functools
import json
import os
import pickle
import re
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sgan_utils import training
from sgan_utils.models import HEADS, build_models
from sgan_utils.support.changes import changing
from sgan_utils.support.checkpoints import load_checkpoint, load_models, save_checkpoint, save_models, save_trained
from sgan_utils.support.earlier_names import FIELDS
from sgan_utils.support.errors import CheckpointError, DivergedError, FileError
from sgan_utils.support.run import Run
from sgan_utils.support.saved_files import checksum
from sgan_utils.training import generator_step


def interrupt_at(step):
    def callback(run):
        if run.step == step:
            raise KeyboardInterrupt

    return callback


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.fixture
def fresh(tiny_config, tiny_sources):
    """A run that has not begun."""
    return Run.start(tiny_config, tiny_sources)


# Resuming


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"head": "n_plus_1", "generator_loss": "feature_matching", "protocol": "labelled-only"},
        {"precision": "bfloat16", "average_decay": 0.0, "learning_rate_decay": 0.0},
    ],
)
def test_an_interrupted_and_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    quick_train, path, fields, differences, device
):
    train_it = functools.partial(quick_train, **fields, device=device)
    assert train_it(checkpoint=path, callbacks=[interrupt_at(3)]).step == 3
    resumed = train_it(checkpoint=path)
    assert (resumed.step, resumed.stopped) == (8, "")
    assert differences(resumed, train_it()) == []


def test_a_run_that_was_changed_on_its_way_is_resumed_with_its_changes(quick_train, path, differences):
    steered = changing(
        {
            1: {"label_smoothing": 0.1},
            2: {"learning_rate_d": 1, "adam_beta1": 0.9},
            6: {"generator_loss": "feature_matching"},
        }
    )
    quick_train(checkpoint=path, callbacks=[steered, interrupt_at(4)])
    resumed, whole = quick_train(checkpoint=path, callbacks=[steered]), quick_train(callbacks=[steered])
    assert resumed.changes == whole.changes
    assert resumed.config == whole.config
    assert differences(resumed, whole) == []
    with pytest.raises(CheckpointError, match=r"input_noise=0\.0, this run has input_noise=0\.5"):
        quick_train(checkpoint=path, callbacks=[steered], input_noise=0.5)


@pytest.mark.parametrize("unsupervised_weight", [0.5, 0.0])
def test_with_moves_noise_and_consistency_a_resumed_run_is_the_uninterrupted_one_too(
    quick_train, path, all_tricks, unsupervised_weight, differences, device
):
    train_it = functools.partial(quick_train, **all_tricks, unsupervised_weight=unsupervised_weight, device=device)
    assert train_it(checkpoint=path, callbacks=[interrupt_at(3)]).step == 3
    resumed = train_it(checkpoint=path)
    assert (resumed.step, resumed.stopped) == (8, "")
    assert differences(resumed, train_it()) == []


def test_resuming_is_exact_for_the_networks_of_the_lessons_on_two_threads_too(
    train_as_in_the_lessons, path, differences
):
    train_as_in_the_lessons(checkpoint=path, callbacks=[interrupt_at(1)])
    assert differences(train_as_in_the_lessons(checkpoint=path), train_as_in_the_lessons()) == []


def test_a_run_may_be_interrupted_again_and_again(quick_train, path, differences):
    for step in (1, 2, 5, 7):
        quick_train(checkpoint=path, callbacks=[interrupt_at(step)])
    assert differences(quick_train(checkpoint=path), quick_train()) == []


def test_ctrl_c_in_the_middle_of_a_step_does_not_spoil_the_checkpoint(quick_train, path, monkeypatch, differences):
    calls = []

    def generator_step_under_ctrl_c(*arguments):
        calls.append(1)
        if len(calls) == 4:  # D has made this step, G has not
            os.kill(os.getpid(), signal.SIGINT)
        return generator_step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "generator_step", generator_step_under_ctrl_c)
        assert quick_train(checkpoint=path).stopped == "interrupted after step 4 of 8"
    assert differences(quick_train(checkpoint=path), quick_train()) == []


def test_a_killed_process_resumes_from_its_last_checkpoint_bit_for_bit(
    quick_train, tiny_config, tiny_sources, path, differences
):
    sources = path.with_name("sources.safetensors")
    save_file({name: getattr(tiny_sources, name) for name in tiny_sources._fields[:5]}, sources)
    script = """
import json, os, signal, sys
import torch
from safetensors.torch import load_file
from sgan_utils.config import SGANConfig
from sgan_utils.data import Sources
from sgan_utils.training import train

def die(run):
    if run.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
config, sources, checkpoint = SGANConfig(**json.loads(sys.argv[1])), Sources(**load_file(sys.argv[2])), sys.argv[3]
train(config, sources, device="cpu", progress=False, checkpoint=checkpoint, checkpoint_every=3, callbacks=[die])
"""
    arguments = [tiny_config.model_dump_json(), str(sources), str(path)]
    ended = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    steps = []
    resumed = quick_train(checkpoint=path, callbacks=[lambda run: steps.append(run.step)])
    assert steps == [7, 8]  # the last checkpoint was that of step 6
    assert differences(resumed, quick_train()) == []


def test_a_resumed_run_goes_on_counting_its_time(quick_train, path):
    first = quick_train(checkpoint=path, callbacks=[interrupt_at(4)])
    seconds = []
    quick_train(checkpoint=path, callbacks=[lambda run: seconds.append(run.train_seconds)])
    assert first.train_seconds < seconds[0] < seconds[-1]


def test_a_finished_run_is_read_back_and_not_trained_again(quick_train, path, differences):
    finished = quick_train(checkpoint=path)
    steps = []
    again = quick_train(checkpoint=path, callbacks=[lambda run: steps.append(run.step)])
    assert steps == []
    assert differences(again, finished) == []
    assert again.history.equals(finished.history)


def test_a_checkpoint_brings_back_everything_that_the_next_step_needs(quick_train, fresh, path, differences):
    run = quick_train(steps=8, callbacks=[interrupt_at(5)])
    save_checkpoint(run, path)
    load_checkpoint(fresh, path)
    assert differences(run, fresh) == []
    assert (fresh.step, fresh.train_seconds) == (5, run.train_seconds)
    assert fresh.average.n_averaged == 5
    assert fresh.history.equals(run.history)


def test_checkpoints_are_saved_every_so_many_steps_and_at_the_end(quick_train, path, monkeypatch):
    saved = []
    monkeypatch.setattr(
        "sgan_utils.support.session.save_checkpoint", lambda run, where: saved.append((run.step, where))
    )
    quick_train(checkpoint=path, checkpoint_every=3)
    assert saved == [(3, path), (6, path), (8, path)]


def test_saving_on_the_way_changes_nothing(quick_train, path, differences):
    assert differences(quick_train(checkpoint=path, checkpoint_every=1), quick_train()) == []


def test_a_checkpoint_may_stand_in_a_folder_that_is_not_there_yet(quick_train, tmp_path):
    path = tmp_path / "a" / "b" / "run.safetensors"
    quick_train(checkpoint=str(path))
    assert list(path.parent.iterdir()) == [path]


def test_a_diverged_run_does_not_replace_the_last_good_checkpoint(quick_train, path, differences):
    def poison(run):
        if run.step == 4:
            with torch.no_grad():
                run.generator.linear.weight.fill_(torch.nan)

    with pytest.raises(DivergedError, match="in step 5 of 8"):
        quick_train(checkpoint=path, checkpoint_every=3, callbacks=[poison])
    assert differences(quick_train(checkpoint=path), quick_train()) == []


def test_a_diverged_run_that_is_interrupted_does_not_replace_it_either(quick_train, path, differences):
    def poison(run):
        if run.step == 4:
            with torch.no_grad():
                run.generator.linear.weight.fill_(torch.nan)

    with pytest.raises(DivergedError, match="in step 5 of 8"):
        quick_train(checkpoint=path, checkpoint_every=3, callbacks=[poison, interrupt_at(5)])
    assert differences(quick_train(checkpoint=path), quick_train()) == []


def test_a_save_that_fails_leaves_the_old_checkpoint(quick_train, path, monkeypatch):
    run = quick_train(checkpoint=path)
    old = path.read_bytes()

    def disk_full(tensors, part, metadata):
        part.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr("sgan_utils.support.saved_files.save_file", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(run, path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


# Checkpoints that do not fit


@pytest.mark.parametrize(
    ("field", "saved", "now"),
    [("seed", 0, 1), ("labels", 40, 30), ("channels_d", (4, 5, 6), (6, 5, 4)), ("head", "two_heads", "n")],
)
def test_a_checkpoint_of_another_configuration_is_refused_by_field_and_values(quick_train, path, field, saved, now):
    quick_train(checkpoint=path, **{field: saved})
    with pytest.raises(CheckpointError) as caught:
        quick_train(checkpoint=path, **{field: now})
    assert str(caught.value) == (
        f"{path} was saved with {field}={saved!r}, this run has {field}={now!r}: "
        "name another checkpoint, or delete this one to start anew."
    )


def test_a_checkpoint_of_another_precision_is_refused(quick_train, path, monkeypatch):
    monkeypatch.setattr("sgan_utils.support.run.pick_precision", lambda precision, device: torch.bfloat16)
    quick_train(checkpoint=path, precision="auto")
    monkeypatch.setattr("sgan_utils.support.run.pick_precision", lambda precision, device: torch.float32)
    with pytest.raises(CheckpointError) as caught:
        quick_train(checkpoint=path, precision="auto")
    assert "was computed in torch.bfloat16, this machine takes torch.float32: set precision" in str(caught.value)


class Bomb:
    """A pickle that, read back, leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "pickle"])
@pytest.mark.parametrize("load", ["models", "run"])
def test_a_damaged_file_is_refused_and_nothing_in_it_runs(quick_train, path, tiny_config, tmp_path, damage, load):
    if load == "run":
        quick_train(checkpoint=path)
    else:
        save_models(path, *build_models(tiny_config), tiny_config)
    whole = path.read_bytes()
    bomb = pickle.dumps(Bomb(tmp_path / "boom"))
    path.write_bytes({"truncated": whole[:-10], "empty": b"", "text": b"not a model\n" * 9, "pickle": bomb}[damage])
    with pytest.raises(CheckpointError) as caught:
        quick_train(checkpoint=path) if load == "run" else load_models(path)
    assert str(caught.value).startswith(f"{path} is damaged or not a safetensors file")
    assert not (tmp_path / "boom").exists()


def test_a_missing_file_is_named(path, fresh):
    for load in (lambda: load_models(path), lambda: load_checkpoint(fresh, path)):
        with pytest.raises(CheckpointError) as caught:
            load()
        assert str(caught.value) == f"{path} does not exist: check the name, or train and save it first."


def test_a_file_of_models_only_cannot_be_resumed(quick_train, path, tiny_config):
    save_models(path, *build_models(tiny_config), tiny_config)
    with pytest.raises(CheckpointError) as caught:
        quick_train(checkpoint=path)
    assert str(caught.value) == f"{path} holds models, not a training run to resume: name another checkpoint."


@pytest.mark.parametrize("metadata", [None, {"made": "elsewhere"}])
def test_somebody_elses_safetensors_file_is_refused(path, fresh, metadata):
    save_file({"weight": torch.zeros(3)}, path, metadata)
    for load in (lambda: load_models(path), lambda: load_checkpoint(fresh, path)):
        with pytest.raises(CheckpointError) as caught:
            load()
        assert str(caught.value) == f"{path} was not written by this package: name another file."


# Models


@pytest.mark.parametrize("head", HEADS)
def test_models_read_back_give_the_very_same_outputs(path, tiny_config, head):
    config = tiny_config.but(head=head, seed=5, weight_std=0.1)
    written = build_models(config)
    save_models(path, *written, config)
    *read, config_read = load_models(path)
    assert config_read == config
    assert not any(model.training for model in read)
    latent, images = torch.randn(4, config.latent_size), torch.rand(4, 1, 28, 28)
    assert torch.equal(read[0](latent), written[0].eval()(latent))
    assert all(torch.equal(a, b) for a, b in zip(read[1](images), written[1].eval()(images), strict=True))


def test_models_stored_in_half_of_the_space_are_read_back_to_three_digits(path, tiny_config):
    G, D = build_models(tiny_config)
    save_models(path, G, D, tiny_config)
    whole = path.stat().st_size
    save_models(path, G, D, tiny_config, half=True)
    assert path.stat().st_size < 0.75 * whole  # names and configuration take their place, too
    for model, read in zip((G, D), load_models(path), strict=False):
        for name, weights in read.state_dict().items():
            before = model.state_dict()[name]
            assert weights.dtype == before.dtype
            assert torch.allclose(weights, before, rtol=1e-3, atol=1e-6)


def test_models_carry_what_they_were_trained_on(quick_train, path):
    run = quick_train()
    save_trained(run, path)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    assert json.loads(about["data"])["name"] == "MNIST"
    assert about["sources"] == run.sources.fingerprint()
    assert load_models(path)[2] == run.config


def test_trained_models_are_read_back_with_what_normalisation_remembers(quick_train, path):
    run = quick_train()
    save_models(path, run.generator, run.classifier(), run.config)
    for read, trained in zip(load_models(path)[:2], (run.generator, run.classifier()), strict=True):
        theirs = trained.state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in read.state_dict().items())


def test_the_models_of_a_checkpoint_can_be_read_too(quick_train, path):
    run = quick_train(checkpoint=path)
    generator, discriminator, config = load_models(path)
    assert config == run.config
    for read, trained in ((generator, run.generator), (discriminator, run.last_discriminator)):
        assert all(torch.equal(a, b) for a, b in zip(read.parameters(), trained.parameters(), strict=True))


def test_a_file_says_in_plain_json_how_it_was_made(quick_train, path, tiny_config):
    quick_train(checkpoint=path)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["config"]) == tiny_config.model_dump(mode="json")
    assert json.loads(header["__metadata__"]["notes"])["step"] == 8
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("history").shape == (8, 5)


def test_models_on_another_device_are_saved_for_every_machine(path, tiny_config, device):
    generator, discriminator = (model.to(device) for model in build_models(tiny_config))
    save_models(path, generator, discriminator, tiny_config)
    read = load_models(path)[0]
    assert {parameter.device.type for parameter in read.parameters()} == {"cpu"}
    assert all(torch.equal(a, b.cpu()) for a, b in zip(read.parameters(), generator.parameters(), strict=True))


def with_earlier_names(path):
    """Rewrite a saved file as versions with other names of layers and hyperparameters wrote it."""
    with safe_open(path, "pt") as file:
        tensors, notes = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    del notes["checksum"]  # they had none
    layers = {"generator": ("project", "draw"), "discriminator": ("decide", "look"), "average": ("decide", "look")}

    def earlier(name):
        linear, convolutions = layers.get(name.partition("/")[0], ("linear", "convolutions"))
        return name.replace("linear.", f"{linear}.").replace("convolutions.", f"{convolutions}.")

    config = json.loads(notes["config"])
    config = {next((old for old, new in FIELDS.items() if new == name), name): config[name] for name in config}
    assert {"cool_down", "noise_fade", "consistency_moves"} < set(config)
    save_file({earlier(name): tensor for name, tensor in tensors.items()}, path, notes | {"config": json.dumps(config)})


def test_models_saved_under_earlier_names_can_be_read(path, tiny_config):
    g, d = build_models(tiny_config)
    save_models(path, g, d, tiny_config)
    with_earlier_names(path)
    old_g, old_d, config = load_models(path)
    assert config == tiny_config
    assert all(torch.equal(old_g.state_dict()[name], weights) for name, weights in g.state_dict().items())
    assert all(torch.equal(old_d.state_dict()[name], weights) for name, weights in d.state_dict().items())


def test_a_run_saved_under_earlier_names_is_resumed(quick_train, path, differences):
    quick_train(checkpoint=path, callbacks=[interrupt_at(4)])
    with_earlier_names(path)
    assert differences(quick_train(checkpoint=path), quick_train()) == []


# Files that are well-formed and wrong


def rewritten(path, change, resign=True):
    """The saved file with its tensors and texts changed, and a checksum that fits them or, unless ``resign``, none."""
    with safe_open(path, "pt") as file:
        tensors, texts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    del texts["checksum"]
    change(tensors, texts)
    if resign:
        texts["checksum"] = checksum(tensors, texts)
    save_file(tensors, path, texts)


def text(name, **fields):
    """A change of some fields of a text that is JSON; a field that becomes None is removed."""

    def change(tensors, texts):
        content = {**json.loads(texts[name]), **fields}
        texts[name] = json.dumps({key: value for key, value in content.items() if value is not None})

    return change


def raw(name, content):
    return lambda tensors, texts: texts.update({name: content})


def tensor(name, make):
    """A change of one tensor, which gets the old one (None if there is none); None removes it."""

    def change(tensors, texts):
        new = make(tensors.get(name))
        tensors.pop(name, None)
        if new is not None:
            tensors[name] = new

    return change


def poisoned(old):
    new = old.clone()
    new.view(-1)[0] = torch.nan
    return new


def without_optimiser(tensors, texts):
    for name in [name for name in tensors if name.startswith("optimizer_d/")]:
        del tensors[name]


WEIGHT = "discriminator/linear.weight"
WRONG_ANYWHERE = {
    "config is no JSON": (raw("config", "{"), "its configuration is no JSON object"),
    "config is a list": (raw("config", "[]"), "its configuration is no JSON object"),
    "config is nested too deeply": (raw("config", "[" * 100_000), "its configuration is no JSON object"),
    "a later field": (text("config", colour=1), "has 'colour', which this version does not know: update the project"),
    "a field out of range": (text("config", steps=10**9), "its configuration cannot be: steps must be "),
    "a later text": (raw("spirit", "x"), "has 'spirit', which this version does not know"),
    "data are no JSON": (raw("data", "{"), "damaged (description of the data: Invalid JSON"),
    "data are a list": (raw("data", "[]"), "damaged (description of the data"),
    "data without classes": (text("data", classes=None), "damaged (description of the data, classes: Field required"),
    "no channels": (text("data", channels=0), "damaged (description of the data, channels: "),
    "a later field of the data": (text("data", depth=3), "has 'depth', which this version does not know"),
    "a weight is missing": (tensor(WEIGHT, lambda old: None), "linear.weight is missing"),
    "a weight of another shape": (tensor(WEIGHT, lambda old: old[:-1]), "linear.weight is ("),
    "a weight of another dtype": (tensor(WEIGHT, lambda old: old.double()), "of torch.float64, not "),
    "a weight is not finite": (tensor(WEIGHT, poisoned), "linear.weight has numbers that are not finite"),
    "an extra weight": (tensor("discriminator/x", lambda _: torch.zeros(2)), "x does not belong there"),
    "an extra tensor": (tensor("soul", lambda _: torch.zeros(2)), "soul does not belong there"),
}  # fmt: skip
WRONG_RUN = {
    "notes are no JSON": (raw("notes", "{"), "damaged (notes: Invalid JSON"),
    "no step": (text("notes", step=None), "damaged (notes, step: Field required)"),
    "a step below 0": (text("notes", step=-7), "damaged (notes, step: Input should be greater than or equal to 0)"),
    "a step beyond the last": (text("notes", step=10**9), "step 1000000000 is beyond its last, 8"),
    "a step in words": (text("notes", step="5"), "damaged (notes, step: Input should be a valid integer)"),
    "an earlier step": (text("notes", step=4), "its average is of 5 steps, not of 4"),
    "seconds below 0": (text("notes", train_seconds=-1.0), "damaged (notes, train_seconds: "),
    "seconds without end": (raw("notes", '{"step": 5, "train_seconds": Infinity, "precision": "float32"}'), "notes"),
    "a later note": (text("notes", mood="good"), "has 'mood', which this version does not know"),
    "a change that cannot be": (text("notes", changes=[[1, "labels", 50]]), "changes that cannot be (labels must be"),
    "a change of nothing": (text("notes", changes=[[1, "mood", 2]]), "has changes that cannot be ("),
    "a change to come": (text("notes", changes=[[6, "confidence", 0.9]]), "confidence changed after step 6, which is"),
    "half a change": (text("notes", changes=[[1]]), "damaged (notes, changes"),
    "other images": (text("notes", sources="0" * 12), "was trained on other images or labels"),
    "no optimiser": (without_optimiser, "the state of D's optimiser is missing"),
    "half an optimiser": (tensor("optimizer_g/0/exp_avg", lambda old: None), "0/exp_avg is missing"),
    "the optimiser of layer 999": (tensor("optimizer_d/999/step", lambda _: torch.tensor(1.0)), "a layer '999' that D"),
    "an optimiser far ahead": (tensor("optimizer_d/0/step", lambda old: old + 900), "D's optimiser has made 905 of 5"),
    "a short random state": (tensor("random", lambda old: old[:100]), "random is (100,) of torch.uint8, not ("),
    "no random state": (tensor("random", lambda old: None), "random is missing"),
    "no history": (tensor("history", lambda old: None), "history is missing"),
    "a short history": (tensor("history", lambda old: old[:3]), "history is (3, 5) of torch.float32, not (5, 5)"),
    "a narrow history": (tensor("history", lambda old: old[:, :4].contiguous()), "history is (5, 4)"),
    "a flat history": (tensor("history", lambda old: old.flatten()), "history is "),
    "a history with nan": (tensor("history", poisoned), "history has numbers that are not finite"),
    "labels that nobody spread": (tensor("spread_labels", lambda _: torch.zeros(9)), "spread_labels does not belong"),
}  # fmt: skip


@pytest.mark.parametrize("resign", [True, False])
@pytest.mark.parametrize("name", [*WRONG_ANYWHERE, *WRONG_RUN])
def test_a_checkpoint_that_is_wrong_anywhere_is_refused_in_one_sentence(quick_train, path, name, resign):
    change, words = {**WRONG_ANYWHERE, **WRONG_RUN}[name]
    quick_train(checkpoint=path, callbacks=[interrupt_at(5)])
    rewritten(path, change, resign)
    before = path.read_bytes()
    with pytest.raises(CheckpointError) as caught:
        quick_train(checkpoint=path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "change", "words"),
    [
        (
            {"unsupervised_weight": 0.0},
            tensor("history", lambda old: old.repeat(1, 2)),
            "history is (5, 10), not (5, 5)",
        ),
        ({"propagation": 0.3}, tensor("spread_labels", lambda old: old + 10), "spread_labels has numbers of no class"),
        ({"propagation": 0.3}, tensor("spread_labels", lambda old: old - 10), "spread_labels has numbers of no class"),
    ],
)
def test_what_only_some_runs_save_is_checked_too(quick_train, path, fields, change, words):
    quick_train(checkpoint=path, callbacks=[interrupt_at(5)], **fields)
    rewritten(path, change, resign=True)
    with pytest.raises(CheckpointError, match=re.escape(words)):
        quick_train(checkpoint=path, **fields)


WRONG_MODELS = {"other channels": (text("data", channels=3), "bias is (1,) of torch.float32, not (3,) of torch")}


@pytest.mark.parametrize("name", [*WRONG_ANYWHERE, *WRONG_MODELS])
def test_models_that_are_wrong_anywhere_are_refused_in_one_sentence(path, tiny_config, name):
    change, words = {**WRONG_ANYWHERE, **WRONG_MODELS}[name]
    save_models(path, *build_models(tiny_config), tiny_config)
    rewritten(path, change)
    with pytest.raises(CheckpointError) as caught:
        load_models(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_changed_bit_is_noticed(quick_train, path):
    quick_train(checkpoint=path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged \\(its checksum does not match\\): name another file"):
        load_models(path)


def test_a_folder_and_a_pipe_are_no_checkpoints(quick_train, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in ((tmp_path, "is a folder: name a file"), (tmp_path / "pipe", "is a device or a pipe")):
        with pytest.raises(CheckpointError, match=words):
            load_models(path)
        with pytest.raises(CheckpointError, match=words):
            quick_train(checkpoint=path)


# Signals, time, and others


SCRIPT = """
import json, os, signal, sys
import torch
from safetensors.torch import load_file
from sgan_utils.config import SGANConfig
from sgan_utils.data import Sources
from sgan_utils.training import train

def be_sent(run):
    if run.step == 5:
        os.kill(os.getpid(), int(sys.argv[4]))

signal.signal(int(sys.argv[4]), signal.SIG_DFL)  # a shell may have had it ignored, as nohup does
torch.set_num_threads(1)
config, sources = SGANConfig(**json.loads(sys.argv[1])), Sources(**load_file(sys.argv[2]))
train(config, sources, device="cpu", progress=False, checkpoint=sys.argv[3] or None, callbacks=[be_sent])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_signal_saves_the_run_and_ends_the_process_as_it_would_have(
    quick_train, tiny_config, tiny_sources, path, number, checkpoint, differences
):
    sources = path.with_name("sources.safetensors")
    save_file({name: getattr(tiny_sources, name) for name in tiny_sources._fields[:5]}, sources)
    arguments = [tiny_config.model_dump_json(), str(sources), str(path) if checkpoint else "", str(int(number))]
    ended = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (-number, "")
    assert path.exists() == checkpoint
    assert {file.name for file in path.parent.iterdir()} <= {sources.name, path.name}
    steps = []
    resumed = quick_train(checkpoint=path, callbacks=[lambda run: steps.append(run.step)])
    assert steps == ([6, 7, 8] if checkpoint else [*range(1, 9)])
    assert differences(resumed, quick_train()) == []


def test_a_run_is_saved_every_minute_too(quick_train, path, monkeypatch):
    saved = []
    monkeypatch.setattr("sgan_utils.support.session.save_checkpoint", lambda run, where: saved.append(run.step))
    clock = iter(range(0, 100_000, 25))  # seconds: a step takes two readings
    monkeypatch.setattr("sgan_utils.support.session.time.perf_counter", lambda: next(clock))
    quick_train(checkpoint=path)
    assert saved[-1] == 8
    assert len(saved) in range(3, 6)


def test_two_runs_on_one_checkpoint_the_second_is_refused_before_its_first_step(quick_train, path, differences):
    said = []

    def train_once_more(run):
        if run.step == 3:
            with pytest.raises(FileError, match="is in use by another run") as caught:
                quick_train(checkpoint=path, callbacks=[lambda run: said.append("a step")])
            said.append(str(caught.value))

    first = quick_train(checkpoint=path, callbacks=[train_once_more])
    assert said == [f"{path} is in use by another run: wait for its end, or name another file."]
    assert differences(first, quick_train()) == []
