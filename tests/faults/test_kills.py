# ruff: noqa: E501 - a table has long lines
"""Processes killed at chosen moments: the next start goes on or repairs, nothing is lost, doubled or read half-written.

A kill point is a Python function call: the process is killed when it makes its n-th one, so that the points lie
everywhere, inside of writes and renames as well. Processes are forked, because importing torch takes seconds.
"""

import gzip
import hashlib
import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.results import Record, load_record
from sgan_utils.support import archives
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import A_DAY, in_use, write_bytes
from sgan_utils.support.rows import make_row, read_file
from sgan_workshop.commands import main
from sgan_workshop.publish.output import replace_folder
from sgan_workshop.records.storage import save_record
from sgan_workshop.studies.grid import made_by
from sgan_workshop.studies.table import write_rows

from .counts import TRIED

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")]
POINTS = 40


def end_of(child, reading, writing):
    """What a forked process said on its pipe, and its status, once it has ended."""
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    return said, os.waitpid(child, 0)[1]


def in_a_fork(action, limit=None):
    """Do something in a process of its own; kill it at its call number ``limit``.

    Returns:
        How many calls it made, or None if it was killed before its end.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            calls = 0

            def count(frame, event, argument):
                nonlocal calls
                calls += event == "call"
                if calls == limit:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.setprofile(count)
            action()
            sys.setprofile(None)
            os.write(writing, str(calls).encode())
        finally:
            os._exit(0)
    said, status = end_of(child, reading, writing)
    assert said or os.WIFSIGNALED(status), "it failed by itself"
    return int(said) if said else None


def kill_points(action, seed=0, count=POINTS):
    """Some of the calls that ``action`` makes, spread at random."""
    action()  # what it imports is there from now on
    return sorted(random.Random(seed).sample(range(1, int(0.95 * in_a_fork(action))), count))


def grow_old(folder):
    """Let two days pass for what lies in a folder."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - 2 * A_DAY,) * 2, follow_symlinks=False)


def test_training_goes_on_bit_for_bit_wherever_it_was_killed(quick_train, tmp_path, differences):
    path, whole = tmp_path / "run.safetensors", quick_train()

    def some_training():
        quick_train(checkpoint=path, checkpoint_every=2)

    points = kill_points(some_training)
    for point in points:
        path.unlink()
        assert in_a_fork(some_training, point) is None
        grow_old(tmp_path)
        assert differences(quick_train(checkpoint=path, checkpoint_every=3), whole) == []
        assert list(tmp_path.iterdir()) == [path]
        TRIED["kill points in training, resumed bit for bit"] += 1


def test_a_training_that_is_killed_again_and_again_comes_to_the_same_end(quick_train, tmp_path, differences):
    path = tmp_path / "run.safetensors"
    chance, kills = random.Random(1), 0
    calls = in_a_fork(lambda: quick_train())
    while (
        in_a_fork(lambda: quick_train(checkpoint=path, checkpoint_every=1), chance.randrange(calls // 8, calls)) is None
    ):
        kills += 1
        assert kills < 200
    assert kills >= 2
    assert differences(quick_train(checkpoint=path), quick_train()) == []


def test_no_row_is_lost_or_doubled_wherever_a_study_was_killed(tmp_path):
    here = made_by()
    configs = [SGANConfig(seed=seed, labels=20) for seed in range(4)]
    made = {config: make_row(config, here, test_accuracy=config.seed / 10, failed="") for config in configs}
    out, journal = tmp_path / "study" / "s.csv", tmp_path / "journal"

    def go_on():
        rows = read_file(out)
        for config in configs:
            if config not in rows:
                rows[config] = made[config]
                write_rows(out, rows, configs, here)
                with journal.open("a") as file:  # written for good, as far as the study knows
                    file.write(f"{config.seed}\n")

    points = kill_points(go_on)
    finished = out.read_bytes()
    for point in points:
        out.unlink()
        journal.write_text("")
        assert in_a_fork(go_on, point) is None
        kept = read_file(out)
        assert {int(seed) for seed in journal.read_text().split()} <= {config.seed for config in kept}
        grow_old(out.parent)
        go_on()
        with in_use(out):  # the next who writes, if there was nothing left to write
            pass
        assert out.read_bytes() == finished
        assert list(out.parent.iterdir()) == [out]
        TRIED["kill points in writing a study's rows, none lost, none doubled"] += 1


def test_archives_are_unpacked_whole_wherever_unpacking_was_killed(tmp_path, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    known, contents = [], {}
    for number in range(4):
        content = random.Random(number).randbytes(3_000_000)
        packed = gzip.compress(content, 1)
        (raw / f"{number}.gz").write_bytes(packed)
        sums = (hashlib.md5(content).hexdigest() for content in (packed, content))
        known.append(archives.Archive(str(number), *sums))
        contents[raw / str(number)] = content
    monkeypatch.setattr(archives, "ARCHIVES", known)
    points = kill_points(lambda: archives.unpack(tmp_path))
    for point in points:
        for path in contents:
            path.unlink(missing_ok=True)
        assert in_a_fork(lambda: archives.unpack(tmp_path), point) is None
        assert all(path.read_bytes() == content for path, content in contents.items() if path.exists())
        grow_old(tmp_path)
        archives.unpack(tmp_path)
        assert {path: path.read_bytes() for path in raw.iterdir() if path.suffix != ".gz"} == contents
        TRIED["kill points in unpacking, nothing half-written"] += 1


def test_a_published_folder_is_the_old_or_the_new_one_wherever_publishing_was_killed(tmp_path):
    def publish(text):
        def build(folder):
            for name in ("index.html", "a/b.html", "c.css", "d.js"):
                write_bytes(folder / name, text * 1000)

        replace_folder(tmp_path / "site", build, "site")

    def seen():
        return {path.read_bytes() for path in (tmp_path / "site").rglob("[!.]*") if path.is_file()}

    publish(b"old")
    points = kill_points(lambda: publish(b"new"))
    for point in points:
        publish(b"old")
        assert in_a_fork(lambda: publish(b"new"), point) is None
        if (tmp_path / "site").exists():  # it is away between two renames, and the next start brings it back
            assert seen() in ({b"old" * 1000}, {b"new" * 1000})
        grow_old(tmp_path)
        publish(b"newer")
        assert seen() == {b"newer" * 1000}
        assert [path.name for path in tmp_path.iterdir()] == ["site"]
        TRIED["kill points in publishing, the old or the new folder"] += 1


def test_a_record_is_the_old_one_the_new_one_or_refused_wherever_recording_was_killed(
    tmp_path, monkeypatch, quick_train
):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    runs = {"old": quick_train(steps=2), "new": quick_train(steps=3)}

    def record(word):
        history = runs[word].history
        save_record(Record("tiny", {"what": word}, history, {"a": np.full(9, len(history))}), runs[word])

    record("old")
    points = kill_points(lambda: record("new"))
    for point in points:
        record("old")
        assert in_a_fork(lambda: record("new"), point) is None
        try:
            found = load_record("tiny")
            steps = runs[found.about["what"]].step
            assert (len(found.history), found.arrays["a"][0], found.models()[2].steps) == (steps, steps, steps)
        except SGANError as error:
            assert "is not what was recorded" in str(error)
        grow_old(tmp_path)
        record("new")
        assert load_record("tiny").about == {"what": "new"}
        assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == [
            "arrays.npz", "history.csv", "models.safetensors", "record.json"
        ]  # fmt: skip
        TRIED["kill points in recording, the old, the new or refused"] += 1


# The disk is full: no file may grow beyond some bytes, which the system says in the same place


FULL = {
    "train --save {tmp}/x": "{tmp}/x cannot be written (",
    "train --checkpoint {tmp}/x": "{tmp}/x cannot be written (",
    "train --history {tmp}/x": "{tmp}/x cannot be written (File too large): free some space there, or name another place",
    "train --data {tmp}/images --predict {tmp}/x": "{tmp}/x cannot be written (File too large): free some space there",
    "figures --only heads --style slides": "build/figures/slides/heads.svg cannot be written (File too large): free some",
    "post --out {tmp}/post": "{tmp}/post cannot be written (File too large): choose an empty or a new folder with --out",
    "site --out {tmp}/site": "{tmp}/site cannot be written (",
    "handout --out {tmp}/handout": "{tmp}/handout cannot be written (File too large): choose an empty or a new folder",
}  # fmt: skip
TINY = "--steps 3 --labels 20 --batch-size 4 --labelled-batch-size 4 --channels-g 9 9 9 --channels-d 9 9 9 --device cpu"


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_is_answered_in_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, command, mnist):
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / "images" / "labelled" / label).mkdir(parents=True)
        Image.new("L", (28, 28), 200).save(tmp_path / "images" / "labelled" / label / "1.png")
    (tmp_path / "images" / "unlabelled").mkdir()
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / "images" / "unlabelled" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    words = command.replace("{tmp}", str(tmp_path)).split()
    if words[0] == "train":
        words += TINY.replace("--labels 20", "--labels 2" if "--predict" in words else "--labels 20").split()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
            sys.argv = ["sgan", *words]
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            main.main()
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(int(end.code or 0))
        finally:
            os._exit(99)
    said, status = end_of(child, reading, writing)
    sentences = [line for line in said.splitlines() if line.startswith("sgan: ")]
    assert os.waitstatus_to_exitcode(status) == 1, said
    assert len(sentences) == 1, said
    assert FULL[command].replace("{tmp}", str(tmp_path)) in sentences[0]
    assert "Traceback" not in said
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
    TRIED["full disks, each answered in one sentence, nothing left behind"] += 1


# Signals


LONG = "--steps 100000 --labels 20 --batch-size 4 --labelled-batch-size 4 --channels-g 2 2 2 --channels-d 2 2 2 --device cpu"


def start(*words, **named):
    command = [sys.executable, "-m", "sgan_workshop", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **named)


def wait_for(path):
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not come")


def step_of(path):
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["notes"])["step"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_sgan_train_as_ctrl_c_does_and_says_so_by_its_exit_code(tmp_path, number):
    checkpoint, saved, history = tmp_path / "c.safetensors", tmp_path / "m.safetensors", tmp_path / "h.csv"
    options = ["--checkpoint", checkpoint, "--checkpoint-every", 5, "--save", saved, "--history", history]
    with start("train", *LONG.split(), *options) as running:
        wait_for(checkpoint)
        second = start("train", *LONG.split(), "--checkpoint", checkpoint)
        assert "is in use by another run" in second.communicate()[1]
        assert second.returncode == 1
        running.send_signal(number)
        out, err = running.communicate()
    assert running.returncode == 128 + number
    assert f"stopped early: interrupted after step {step_of(checkpoint)} of 100000" in err
    assert "test accuracy" in out
    assert len(pd.read_csv(history)) == step_of(checkpoint)
    assert sorted(tmp_path.iterdir()) == [checkpoint, history, saved]
    TRIED["signals that save and end with 128 + their number"] += 1


def test_a_terminal_that_is_closed_loses_no_step(tmp_path):
    checkpoint = tmp_path / "c.safetensors"
    child, terminal = pty.fork()
    if child == 0:
        words = ["train", *LONG.split(), "--checkpoint", str(checkpoint), "--checkpoint-every", "5"]
        os.execv(sys.executable, [sys.executable, "-m", "sgan_workshop", *words])
    while not checkpoint.exists():
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 1000)  # or the terminal is full, and nobody goes on
    before = step_of(checkpoint)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert step_of(checkpoint) >= before
    assert list(tmp_path.iterdir()) == [checkpoint]
    TRIED["signals that save and end with 128 + their number"] += 1


def test_a_team_ends_after_one_and_the_same_step(tmp_path):
    pytest.importorskip("lightning_fabric", reason="the extra 'scale' is not installed")
    checkpoint = tmp_path / "c.safetensors"
    options = ["--devices", 2, "--checkpoint", checkpoint, "--checkpoint-every", 7]
    with start("train", *LONG.split(), *options, env={**os.environ, "OMP_NUM_THREADS": "1"}) as running:
        wait_for(checkpoint)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate()
    assert running.returncode == 128 + signal.SIGTERM, err
    assert step_of(checkpoint) % 50 == 0  # where they ask each other
    assert list(tmp_path.iterdir()) == [checkpoint]
    TRIED["signals that save and end with 128 + their number"] += 1


def processes_of(text):
    """The numbers of the processes whose command line or environment holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("victim", ["parent", "worker", "all", "terminated"])
def test_a_study_goes_on_whoever_of_it_was_killed(tmp_path, victim):
    pytest.importorskip("distributed", reason="the extra 'scale' is not installed")
    out, mark = tmp_path / "s.csv", f"SGAN_TEST={tmp_path}"
    words = [*LONG.replace("--device cpu", "").replace("100000", "40").split(), "--precision", "float32", "--seeds", 6]
    command = ["study", *words, "--workers", 2, "--out", out, "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "SGAN_TEST": str(tmp_path)}
    with start(*command, env=environment) as running:
        while not out.exists() or len(out.read_text().splitlines()) < 2:
            time.sleep(0.02)
        others = [number for number in processes_of(mark) if number != running.pid]
        killed = {"parent": [running.pid], "all": [*others, running.pid], "worker": others[-1:], "terminated": []}[
            victim
        ]
        for number in killed:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if victim == "terminated":
            running.send_signal(signal.SIGTERM)
        running.communicate()
    assert running.returncode == {"worker": 0, "terminated": 143}.get(victim, -9)
    for _ in range(500):
        if not processes_of(mark):
            break
        time.sleep(0.1)
    assert processes_of(mark) == []
    kept = pd.read_csv(out)
    again = start(*command, env=environment)
    rows = json.loads(again.communicate()[0])
    assert [row["seed"] for row in rows] == [*range(6)]
    merged = pd.read_csv(out).set_index("seed").loc[kept["seed"]]
    assert merged["test_accuracy"].tolist() == kept["test_accuracy"].tolist()
    assert merged["train_seconds"].tolist() == kept["train_seconds"].tolist()  # they were not trained again
    TRIED["studies whose processes were killed, none of their rows lost or trained twice"] += 1
