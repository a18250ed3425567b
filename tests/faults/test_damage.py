"""A fuzzer over saved files: each damaged model, checkpoint, record and table is refused in one sentence, or equal."""

import json
import os
import random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.results import Record, load_record
from sgan_utils.support.checkpoints import load_checkpoint, load_models, save_checkpoint, save_trained
from sgan_utils.support.errors import SGANError
from sgan_utils.support.rows import make_row, read_rows, write_file
from sgan_utils.support.run import Run
from sgan_utils.support.saved_files import checksum
from sgan_workshop.records.storage import save_record
from sgan_workshop.studies.grid import made_by

from .counts import TRIED

pytestmark = pytest.mark.faults
TIMES = int(os.environ.get("SGAN_FUZZ", 300))  # of each kind of file; more of those that are read fast
ODD = [
    b"\0",
    b"\xff",
    b"{",
    b"}",
    b'"',
    b",",
    b"\n",
    b"-",
    b"NaN",
    b"1e999",
    b"null",
    b"[" * 50,
    b"=",
    b"\r",
    b"9" * 30,
]


def damaged(content, chance):
    """The content with a piece of it changed, removed, doubled, cut off or put elsewhere, mostly near its beginning."""
    start = chance.randrange(min(len(content), chance.choice([50, 2000, 10**9])))
    end = min(len(content), start + chance.choice([1, 1, 4, 50]))
    piece = content[start:end]
    return content[:start] + chance.choice(
        [
            bytes([piece[0] ^ (1 << chance.randrange(8))]) + piece[1:],
            chance.randbytes(len(piece)),
            b"",
            piece * 2,
            chance.choice(ODD),
            str(chance.randrange(10)).encode(),
        ]
    ) + content[end:] if chance.random() < 0.9 else content[:start]  # fmt: skip


def refused_or_equal(read, same, kind):
    try:
        found = read()
    except SGANError as error:
        assert "\n" not in str(error).strip(), error
        assert str(error).endswith(".")
    else:
        assert same(found)
    TRIED[f"damaged {kind}, each refused in one sentence or equal"] += 1


def same_models(one, other):
    ours, theirs = ([model.state_dict() for model in models[:2]] for models in (one, other))
    same = all(torch.equal(a[name], b[name]) for a, b in zip(ours, theirs, strict=True) for name in b)
    return same and one[2] == other[2]


def test_models(quick_train, tmp_path):
    path, chance = tmp_path / "m.safetensors", random.Random(0)
    save_trained(quick_train(), path)
    whole, known = path.read_bytes(), load_models(path)
    for _ in range(TIMES):
        path.write_bytes(damaged(whole, chance))
        refused_or_equal(lambda: load_models(path), lambda found: same_models(found, known), "models")


def test_checkpoints(quick_train, tiny_config, tiny_sources, tmp_path, differences):
    path, chance, run = tmp_path / "c.safetensors", random.Random(1), quick_train()
    save_checkpoint(run, path)
    whole = path.read_bytes()

    def resumed():
        fresh = Run.start(tiny_config, tiny_sources)
        load_checkpoint(fresh, path)
        return fresh

    for _ in range(TIMES):
        path.write_bytes(damaged(whole, chance))
        refused_or_equal(resumed, lambda found: differences(found, run) == [] and found.step == run.step, "checkpoints")


def test_checkpoints_with_wrong_content_and_a_checksum_that_fits_it(
    quick_train, tiny_config, tiny_sources, tmp_path, differences
):
    """What only a program can do: everything in the file is whole, and something is wrong."""
    path, chance, run = tmp_path / "c.safetensors", random.Random(2), quick_train()
    save_checkpoint(run, path)
    with safe_open(path, "pt") as file:
        texts = file.metadata()
    tensors = load_file(path)
    del texts["checksum"]
    for _ in range(TIMES):
        new, said = dict(tensors), dict(texts)
        name = chance.choice([*new, *said, *said])
        if name in said:
            fields = json.loads(said[name]) if said[name][:1] == "{" else {}
            key = chance.choice([*fields, "more"])
            value = chance.choice([None, -1, 10**9, 0.5, "x", [], {}, True, float("nan")])
            said[name] = (
                json.dumps(fields | {key: value}) if chance.random() < 0.8 else chance.choice(["", "{", "[]", "3"])
            )
            if chance.random() < 0.2:
                del said[name]
        else:
            tensor = new.pop(name)
            changed = chance.choice(
                [
                    None,
                    tensor.reshape(-1)[:-1].clone(),
                    tensor.double() if tensor.is_floating_point() else tensor.float(),
                    tensor.unsqueeze(0).clone(),
                    torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else tensor[..., None].clone(),
                ]
            )
            if changed is not None:
                new[chance.choice([name, name, f"{name}x", "optimizer_d/999/step"])] = changed
        said["checksum"] = checksum(new, said)
        save_file(new, path, said)
        fresh = Run.start(tiny_config, tiny_sources)

        def resumed(fresh=fresh):
            load_checkpoint(fresh, path)
            return fresh

        refused_or_equal(resumed, lambda found: differences(found, run) == [], "checkpoints with a checksum that fits")


def test_records(quick_train, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    run, chance = quick_train(), random.Random(3)
    save_record(Record("tiny", {"what": "tiny", "accuracy": 0.5}, run.history, {"a": np.arange(30)}), run)
    known = load_record("tiny")

    def same(found):
        return (found.about, found.history.to_csv(), found.arrays["a"].tolist()) == (
            known.about, known.history.to_csv(), known.arrays["a"].tolist()
        )  # fmt: skip

    files = {path: path.read_bytes() for path in (tmp_path / "tiny").iterdir()}
    for _ in range(2 * TIMES):
        path = chance.choice(list(files))
        path.write_bytes(damaged(files[path], chance))
        refused_or_equal(lambda: load_record("tiny"), same, "records")
        path.write_bytes(files[path])


def test_tables(tmp_path):
    out, chance, made = tmp_path / "s.csv", random.Random(4), made_by()
    known = {"hardware": "abacus, old", "commit": "abcd" * 10, "date": "2026-01-31", "failed": "", "train_seconds": 1.5}
    configs = [SGANConfig(seed=seed, labels=20) for seed in range(4)]
    write_file(out, [make_row(config, made, test_accuracy=config.seed / 10, **known) for config in configs])
    whole, table = out.read_bytes(), read_rows(out)

    def same(found):
        """Every row that is there is as it was; a line that has gone is a run that is trained again."""
        return found.to_csv() in {table.loc[[*some]].to_csv() for some in subsets(configs)}

    for _ in range(8 * TIMES):
        out.write_bytes(damaged(whole, chance))
        refused_or_equal(lambda: read_rows(out), same, "tables")


def subsets(configs):
    for bits in range(1 << len(configs)):
        yield [config for number, config in enumerate(configs) if bits >> number & 1]
