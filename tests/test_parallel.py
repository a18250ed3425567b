"""Several processes that train one model: equal weights, the whole batch, one voice."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import ConfigError, SGANError
from sgan_utils.support.run import ALONE
from sgan_workshop.scale.launch import join_team
from sgan_workshop.scale.team import Team, check_parts

pytestmark = pytest.mark.slow

TINY = ["--steps", "6", "--labels", "100", "--batch-size", "4", "--labelled-batch-size", "8", "--latent-size", "5"]
TINY += ["--channels-d", "2", "3", "4", "--channels-g", "4", "3", "2", "--device", "cpu"]


def sgan(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """``sgan`` in a process of its own, with one thread for each process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "sgan_workshop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_two_processes_end_with_equal_weights_and_one_of_them_reports():
    done = sgan("train", *TINY, "--devices", "2", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["processes"] == 2
    assert result["largest_difference_between_processes"] == 0.0
    assert result["steps"] == 6


def test_a_team_saves_resumes_and_notes_the_mean_of_all_its_processes(tmp_path):
    checkpoint, history = tmp_path / "run.safetensors", tmp_path / "history.csv"
    again = ["train", *TINY, "--devices", "2", "--json", "--checkpoint", str(checkpoint), "--history", str(history)]
    first = sgan(*again)
    assert first.returncode == 0, first.stderr
    noted = history.read_text()
    assert len(noted.splitlines()) == 7
    second = sgan(*again)  # nothing is left to do
    assert json.loads(second.stdout)["test_accuracy"] == json.loads(first.stdout)["test_accuracy"]
    assert history.read_text() == noted


def test_an_error_of_a_team_is_said_once_in_one_sentence(tmp_path):
    checkpoint = tmp_path / "run.safetensors"
    checkpoint.write_text("not a checkpoint")
    done = sgan("train", *TINY, "--devices", "2", "--checkpoint", str(checkpoint))
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("sgan:")]
    assert len(said) == 1
    assert str(checkpoint) in said[0]
    assert "Traceback" not in done.stderr


def test_a_batch_that_cannot_be_divided_is_refused_before_anything_starts():
    done = sgan("train", "--devices", "3")
    assert done.returncode == 1
    assert done.stderr == (
        "sgan: labelled_batch_size=50 and batch_size=50 cannot be divided evenly among 3 processes, 2 images or more "
        "each: set --labelled-batch-size 51 --batch-size 51, for instance.\n"
    )


@pytest.mark.parametrize(("size", "processes"), [(3, 2), (2, 2), (100, 64)])
def test_shares_must_be_even_and_large_enough_to_normalise(size, processes):
    with pytest.raises(ConfigError, match=f"batch_size={size} cannot be divided evenly among {processes} processes"):
        check_parts(SGANConfig(labelled_batch_size=64 * 4, batch_size=size), processes)


def test_what_is_proposed_instead_can_be_divided():
    for processes in (2, 3, 7, 64):
        with pytest.raises(ConfigError) as caught:
            check_parts(SGANConfig(labelled_batch_size=101), processes)
        words = str(caught.value).replace(",", "").split()
        proposed = [
            words[words.index(f"--{name}") + 1]
            for name in ("labelled-batch-size", "batch-size")
            if f"--{name}" in words
        ]
        config = SGANConfig(labelled_batch_size=proposed[0], batch_size=(*proposed, 2 * processes)[1])
        assert check_parts(config, processes) is None


def test_the_shares_of_a_team_are_the_whole_batch():
    batch, shares = torch.arange(12).reshape(6, 2), []
    for rank in range(3):
        team = Team(SimpleNamespace(global_rank=rank, world_size=3, device=None))
        shares.append(team.part(batch))
    assert sorted(torch.cat(shares)[:, 0].tolist()) == batch[:, 0].tolist()
    assert {len(share) for share in shares} == {2}


def test_a_team_of_one_changes_nothing():
    numbers = torch.tensor([1.0, 2.0])
    ALONE.average([numbers])
    assert ALONE.part(numbers) is numbers
    assert numbers.tolist() == [1.0, 2.0]
    assert ALONE.is_first
    assert ALONE.largest_difference(torch.nn.Linear(1, 1)) == 0.0


def test_several_machines_are_told_the_command_to_run_on_each():
    done = sgan("train", "--nodes", "2", "--devices", "2", "--labelled-batch-size", "48", "--batch-size", "48")
    assert done.returncode == 1
    assert "torchrun --nnodes 2 --nproc-per-node 2" in done.stderr
    assert "-m sgan_workshop train --nodes 2 --devices 2" in done.stderr


def test_torchrun_and_the_options_must_agree(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SGANError, match="torchrun has started 2 processes, but --devices times --nodes is 4"):
        join_team("cpu", expected=4)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("sgan_workshop.scale.launch.pick_device", torch.device)
    with pytest.raises(SGANError, match="2 processes need a GPU each and this machine has 1"):
        join_team("cuda")
