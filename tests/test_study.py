"""Studies: the same rows whoever trains them, in the grid's order, nothing lost, nothing mixed."""

import copy
import functools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
import torch

from sgan_utils import training
from sgan_utils.config import SGANConfig
from sgan_utils.data import split_sources
from sgan_utils.support import rows as rows_module
from sgan_utils.support.errors import ConfigError, SGANError
from sgan_utils.support.rows import COLUMNS, MEASURED
from sgan_workshop.records import quality
from sgan_workshop.studies import grid as grid_module
from sgan_workshop.studies import workers
from sgan_workshop.studies.grid import grid, mean_and_spread, run_one
from sgan_workshop.studies.study import run_study

pytestmark = pytest.mark.slow

distributed = pytest.importorskip("distributed", reason="the extra 'scale' is not installed")

TINY = {"labels": 20, "steps": 2, "labelled_batch_size": 4, "batch_size": 4, "precision": "float32"}
TINY |= {"channels_g": (2, 2, 2), "channels_d": (2, 2, 2)}
TIMES = ["train_seconds", "core_seconds", "images_per_second"]


@pytest.fixture(autouse=True)
def _cpu_only(monkeypatch):
    """Here and in every process that is started from here, so that numbers can be compared."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def tiny() -> SGANConfig:
    return SGANConfig(**TINY)


def without_times(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=TIMES)


def assert_equal_rows(rows: pd.DataFrame, configs: list[SGANConfig]) -> None:
    """The rows of a study are those of ``run_one`` called here, number for number and in the same order."""
    expected = pd.DataFrame([run_one(config) for config in configs], columns=COLUMNS).astype(
        dict.fromkeys(MEASURED, float)
    )
    pd.testing.assert_frame_equal(without_times(rows), without_times(expected), check_exact=True)


def test_a_grid_holds_every_combination_and_the_seed_changes_fastest(tiny):
    configs = grid(tiny, {"labels": [20, 30], "head": ["n", "two_heads"]}, seeds=range(5, 7))
    seen = [(config.labels, config.head, config.seed) for config in configs]
    assert seen[:3] == [(20, "n", 5), (20, "n", 6), (20, "two_heads", 5)]
    assert len(set(seen)) == len(seen) == 8
    assert {config.steps for config in configs} == {tiny.steps}


def test_a_value_that_is_named_twice_is_tried_once(tiny):
    assert len(grid(tiny, {"labels": [20, 30, 20]}, seeds=[0])) == 2


@pytest.mark.parametrize(
    ("vary", "words"),
    [({"labels": [7]}, "labels must be between"), ({"cats": [1]}, "named 'cats'"), ({"seed": [1]}, "seeds=")],
)
def test_a_grid_of_what_is_no_configuration_says_so(tiny, vary, words):
    with pytest.raises(ConfigError, match=words):
        grid(tiny, vary, seeds=[0])


def test_run_one_gives_one_flat_row_from_one_thread(tiny):
    torch.set_num_threads(2)
    row = run_one(tiny.but(held_out=100))
    assert torch.get_num_threads() == 2
    assert list(row) == COLUMNS
    assert row["threads"] == 1
    assert row["channels_d"] == "[2, 2, 2]"
    assert (row["torch"], row["device"], row["computed_in"], row["failed"]) == (torch.__version__, "cpu", "float32", "")
    assert 0 < row["held_out_accuracy"] < 1
    empty = {name for name, value in row.items() if not isinstance(value, str | int | float)}
    # G's images are measured only on request, and a run that is scored on held-out images leaves the test set alone
    assert empty == {"test_accuracy", "fid", "kid", "kid_std", "score"}
    usual = run_one(tiny)
    assert 0 < usual["test_accuracy"] < 1
    assert usual["held_out_accuracy"] is None
    assert row["method"] == ""


def test_a_row_names_the_method_that_its_configuration_belongs_to(tiny_study, tmp_path, scheduler):
    config = SGANConfig.preset("tiny cnn", labels=30, seed=5)
    configs = [config, config.but(learning_rate_d=1e-3), config.but(held_out=100)]
    rows = run_study(configs, tmp_path / "s.csv", scheduler, progress=False)
    assert rows["method"].tolist() == ["tiny cnn", "", "tiny cnn"]
    assert run_study(configs, tmp_path / "s.csv", progress=False)["method"].tolist() == ["tiny cnn", "", "tiny cnn"]


@pytest.fixture
def few_samples(monkeypatch):
    """G's images are measured with 150 of them and 200 real ones: the features of the real ones."""
    features = quality.features_and_logits(grid_module._loaded("MNIST").train_images[:200])[0]
    monkeypatch.setattr(grid_module, "generate_samples", functools.partial(quality.generate_samples, count=150))
    monkeypatch.setattr(grid_module, "_real_features", lambda: features)
    return features


def test_a_run_s_images_are_measured_where_that_is_asked_for_and_it_has_g(tiny, few_samples):
    row = run_one(tiny, samples=True)
    sources = split_sources(grid_module._loaded("MNIST"), tiny)
    generator = training.train(tiny, sources, progress=False).generator
    measured = quality.sample_quality(quality.generate_samples(generator, 150), few_samples)
    assert [row[name] for name in measured._fields] == pytest.approx(list(measured), abs=1e-4)
    assert row["fid"] > 1
    plain = run_one(tiny)
    assert plain["fid"] is None
    assert plain["test_accuracy"] == row["test_accuracy"]
    without_g = run_one(tiny.but(unsupervised_weight=0), samples=True)
    assert (without_g["fid"], without_g["kid"], without_g["score"]) == (None, None, None)


def test_a_study_that_measures_images_writes_them_down_and_reads_them_again(tiny, few_samples, tmp_path, scheduler):
    configs = [tiny, tiny.but(unsupervised_weight=0)]
    rows = run_study(configs, tmp_path / "s.csv", scheduler, samples=True, progress=False)
    assert rows[["fid", "kid", "kid_std", "score"]].notna().to_numpy().tolist() == [[True] * 4, [False] * 4]
    again = run_study(configs, tmp_path / "s.csv", progress=False)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)


def test_the_rows_of_a_file_are_read_with_their_configurations(tiny, tmp_path, scheduler):
    configs = [tiny.but(seed=1), tiny.but(channels_d=(2, 3, 4))]
    rows = run_study(configs, tmp_path / "s.csv", scheduler, progress=False)
    read = rows_module.read_rows(tmp_path / "s.csv")
    assert list(read.index) == configs
    pd.testing.assert_frame_equal(read.reset_index(drop=True), rows, check_exact=True)
    nothing = rows_module.read_rows(tmp_path / "none.csv")
    assert nothing.empty
    assert nothing.columns.tolist() == COLUMNS


def test_two_processes_give_the_rows_of_one_call_after_another(tiny, tmp_path, capfd):
    configs = grid(tiny, {"labels": [20, 30, 40]}, seeds=[0, 1])
    environment = dict(os.environ)
    rows = run_study(configs, tmp_path / "s.csv", workers=2, progress=False)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert dict(os.environ) == environment
    assert_equal_rows(rows, configs)
    again = run_study(configs, tmp_path / "s.csv", progress=False)
    pd.testing.assert_frame_equal(again, rows, check_exact=True)


def test_a_study_goes_on_from_its_file_and_trains_only_what_is_missing(tiny, tmp_path, scheduler, monkeypatch):
    out, trained = tmp_path / "new folder" / "s.csv", []
    monkeypatch.setattr(
        grid_module, "train", lambda config, *a, **n: trained.append(config) or training.train(config, *a, **n)
    )
    configs = grid(tiny, {"learning_rate_d": [0.1 + 0.2 - 0.25, 1e-5]}, seeds=range(3))
    first = run_study(configs[4:0:-2], out, scheduler, progress=False)
    assert trained == [configs[4], configs[2]]

    rows = run_study(configs, out, scheduler, progress=False)
    assert sorted(map(configs.index, trained)) == list(range(6))
    assert rows["learning_rate_d"].tolist() == [config.learning_rate_d for config in configs]
    assert rows["seed"].tolist() == [config.seed for config in configs]
    pd.testing.assert_frame_equal(rows.iloc[[4, 2]].reset_index(drop=True), first, check_exact=True)
    assert pd.read_csv(out)["seed"].tolist() == [0, 1, 2, 0, 1, 2]

    before = out.stat().st_mtime_ns
    fewer = run_study(configs[3:], out, scheduler, progress=False)
    assert (len(trained), out.stat().st_mtime_ns) == (6, before)
    assert fewer["learning_rate_d"].tolist() == [1e-5] * 3
    assert [path.name for path in out.parent.iterdir()] == ["s.csv"]


def test_rows_of_other_configurations_stay_in_the_file(tiny, tmp_path, scheduler):
    run_study([tiny.but(seed=7)], tmp_path / "s.csv", scheduler, progress=False)
    rows = run_study([tiny], tmp_path / "s.csv", scheduler, progress=False)
    assert rows["seed"].tolist() == [0]
    assert pd.read_csv(tmp_path / "s.csv")["seed"].tolist() == [0, 7]


def test_rows_from_before_a_hyperparameter_or_a_measurement_was_added_count_as_made_with_its_default(tiny, tmp_path):
    out, config = tmp_path / "s.csv", tiny.but(channels_g=SGANConfig().channels_g)
    rows_module.as_table([rows_module.make_row(config, grid_module.made_by(), test_accuracy=0.5, failed="")]).drop(
        columns=["balance", "channels_g", "kid_std"]
    ).to_csv(out, index=False)
    rows = run_study([config], out, progress=False)  # nothing is left to train
    assert rows["test_accuracy"].tolist() == [0.5]
    assert rows["balance"].tolist() == [config.balance]
    assert rows["kid_std"].isna().all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"torch": "1.0"}, "torch = 1.0, another would be with torch = "),
        ({"sgan_utils": "0.0.1"}, "sgan_utils = 0.0.1"),
        ({"device": "cuda"}, "device = cuda, another would be with device = cpu"),
        ({"computed_in": "bfloat16"}, "computed_in = bfloat16"),
        ({"colour": "red"}, r"other columns than this study \(colour\)"),
        ({"labels": "7"}, "holds a row that no study has written"),
    ],
)
def test_rows_that_do_not_compare_are_refused_and_the_file_stays_as_it_was(tiny, tmp_path, change, words):
    out = tmp_path / "s.csv"
    pd.DataFrame([run_one(tiny) | change]).to_csv(out, index=False)
    before = out.read_bytes()
    with pytest.raises(SGANError, match=words) as error:
        run_study([tiny, tiny.but(seed=1)], out, progress=False)
    assert str(out) in str(error.value)
    assert "another --out, or delete" in str(error.value)
    assert out.read_bytes() == before


def test_the_number_format_of_auto_is_compared_and_a_chosen_one_is_not(tiny, tmp_path, scheduler):
    chosen = [tiny, tiny.but(precision="bfloat16")]
    rows = run_study(chosen, tmp_path / "s.csv", scheduler, progress=False)
    assert rows["computed_in"].tolist() == ["float32", "bfloat16"]


def test_an_unreadable_table_and_an_impossible_file_are_one_sentence_each(tiny, tmp_path, scheduler):
    (tmp_path / "s.csv").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(SGANError, match=r"s\.csv cannot be read as a study's table"):
        run_study([tiny], tmp_path / "s.csv", progress=False)
    with pytest.raises(SGANError, match="cannot be written"):
        run_study([tiny], tmp_path / "s.csv" / "below.csv", scheduler, progress=False)


def test_a_run_that_diverges_becomes_a_row_and_the_others_go_on(tiny, tmp_path, scheduler, monkeypatch):
    usual = training.supervised_loss
    factor = {4: 1.0, 5: float("nan")}
    monkeypatch.setattr(training, "supervised_loss", lambda logits, labels: usual(logits, labels) * factor[len(labels)])
    configs = [tiny, tiny.but(labelled_batch_size=5), tiny.but(seed=1)]
    rows = run_study(configs, tmp_path / "s.csv", scheduler, progress=False)
    assert rows["failed"].str.contains("is no longer a finite number in step 1 of 2").tolist() == [False, True, False]
    assert rows["test_accuracy"].isna().tolist() == [False, True, False]
    assert rows["failed"].tolist()[::2] == ["", ""]
    pd.testing.assert_frame_equal(run_study(configs, tmp_path / "s.csv", scheduler, progress=False), rows)
    assert mean_and_spread(rows)["failed"].tolist() == [0, 1]


def test_an_error_of_one_run_is_shown_and_what_is_finished_is_kept(tiny, tmp_path, scheduler, monkeypatch):
    def fail(config, *arguments, **named):
        if config.seed == 1:
            raise ZeroDivisionError("a mistake in the code")
        return training.train(config, *arguments, **named)

    monkeypatch.setattr(grid_module, "train", fail)
    with pytest.raises(ZeroDivisionError, match="a mistake in the code"):
        run_study(grid(tiny, {}, range(3)), tmp_path / "s.csv", scheduler, progress=False)
    assert pd.read_csv(tmp_path / "s.csv")["seed"].tolist() == [0]


def test_a_worker_that_is_killed_in_the_middle_of_a_run_changes_no_number(tiny, tmp_path, monkeypatch, capfd):
    out, clusters, lost = tmp_path / "s.csv", [], []
    usual = distributed.LocalCluster
    monkeypatch.setattr(distributed, "LocalCluster", lambda **named: clusters.append(usual(**named)) or clusters[-1])

    def kill_a_busy_worker():
        while not lost:
            time.sleep(0.01)
            if not out.exists() or len(out.read_text().splitlines()) < 2:  # both workers are warm
                continue
            (cluster,) = clusters
            for nanny in cluster.workers.values():
                if cluster.scheduler.workers[nanny.worker_address].processing:
                    os.kill(nanny.pid, signal.SIGKILL)
                    lost.append(cluster.scheduler.task_prefixes["run_one"])
                    return

    killer = threading.Thread(target=kill_a_busy_worker, daemon=True)
    killer.start()
    configs = grid(tiny.but(steps=60), {"labels": [20, 30]}, seeds=range(3))
    rows = run_study(configs, out, workers=2, progress=False)
    assert lost[0].suspicious == 1  # dask's count of runs that were lost with their worker
    assert_equal_rows(rows, configs)
    assert "Traceback" not in capfd.readouterr().err


KILLS = """
import os
from sgan_utils.support import rows as rows_module
from sgan_workshop.studies import grid as grid_module

def run_one(config, samples):
    if config.seed == 1:
        os._exit(1)
    return rows_module.make_row(config, grid_module.made_by(), test_accuracy=config.seed / 10, failed="")

grid_module.run_one = run_one
"""


def test_workers_that_dask_has_given_up_are_replaced(tiny, monkeypatch):
    """It gives a worker up that dies before it has begun to work, and then nobody would be left."""
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.2)
    configs = [tiny.but(seed=seed) for seed in range(3)]
    with workers.connected(None, 2, len(configs), progress=False) as client:
        for nanny in list(client.cluster.workers.values()):
            client.cluster.sync(nanny.close)
        rows = dict(workers.rows_as_they_come(client, configs, False, workers.made_by()))
        assert len(client.cluster.workers) == 2
    assert [rows[config]["failed"] for config in configs] == ["", "", ""]


def test_own_workers_that_do_not_start_are_one_sentence(tiny, tmp_path, monkeypatch):
    import distributed

    def fail(**_):
        raise RuntimeError("Nanny failed to start worker process")

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    with pytest.raises(SGANError, match=r"own workers did not start \(Nanny failed .*\): call it again\.$"):
        run_study([tiny], tmp_path / "s.csv", progress=False)


def test_a_run_whose_workers_were_killed_from_outside_is_not_blamed(tiny, monkeypatch):
    tried = []

    def results(client, configs, samples, alone=False):
        for config in configs:
            tried.append((config.seed, alone))
            lucky = config.seed == 0 or (config.seed == 1 and len(tried) > 4)
            yield config, {"failed": ""} if lucky else distributed.KilledWorker("run", None, 1)

    monkeypatch.setattr(workers, "_results", results)
    configs = [tiny.but(seed=seed) for seed in range(3)]
    rows = dict(workers.rows_as_they_come(None, configs, False, workers.made_by()))
    assert [seed for seed, alone in tried if not alone] == [0, 1, 2]
    assert [seed for seed, alone in tried if alone] == [1, 2] * 2 + [2]
    assert [rows[config]["failed"][:27] for config in configs] == ["", "", "its worker dies again and a"]


def test_a_run_that_kills_its_workers_is_named_and_the_others_are_not_blamed(tiny, tmp_path):
    (tmp_path / "kills.py").write_text(KILLS)
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        preload=str(tmp_path / "kills.py"),
        scheduler_kwargs={"allowed_failures": 0},
    ) as cluster:
        rows = run_study(grid(tiny, {}, range(6)), tmp_path / "s.csv", cluster.scheduler_address, progress=False)
    assert rows["test_accuracy"].dropna().tolist() == [0.0, 0.2, 0.3, 0.4, 0.5]
    assert rows["failed"].str.contains("its worker dies again and again").tolist() == [False, True] + [False] * 4
    assert rows["device"].tolist() == ["cpu"] * 6


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "carrier-pigeon://nowhere", "nowhere"])
def test_a_scheduler_that_does_not_answer_is_one_sentence(tiny, tmp_path, monkeypatch, address):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(workers, "FIRST_WORKER_SECONDS", 0.3)
    with pytest.raises(SGANError, match=f"no dask scheduler with a worker answers at {address}"):
        run_study([tiny], tmp_path / "s.csv", address, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_workers_that_take_several_runs_at_once_are_refused(tiny, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        pytest.raises(SGANError, match="takes 2 runs at once in one process"),
    ):
        run_study([tiny], tmp_path / "s.csv", cluster.scheduler_address, progress=False)


def test_a_missing_dask_is_one_sentence_with_its_cure(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SGANError, match=r"needs distributed, which is not installed: pip install -e '\.\[scale\]'"):
        run_study([tiny], tmp_path / "s.csv", progress=False)


def test_no_workers_are_too_few(tiny, tmp_path):
    with pytest.raises(SGANError, match="workers must be at least 1, got 0"):
        run_study([tiny], tmp_path / "s.csv", workers=0)


def test_mean_and_spread_of_each_combination(tiny):
    configs = [*grid(tiny, {"labels": [30, 20]}, seeds=range(3))]
    rows = pd.DataFrame([rows_module.make_row(config, {}, train_seconds=1.0, failed="") for config in configs])
    rows["test_accuracy"] = [0.1, 0.2, 0.6, 0.4, 0.5, float("nan")]
    rows.loc[5, "failed"] = "it diverged"
    table = mean_and_spread(rows)
    assert table.columns.tolist() == [
        "labels", "seeds", "failed", "mean_accuracy", "std_accuracy", "mean_train_seconds"
    ]  # fmt: skip
    assert table["labels"].tolist() == [30, 20]
    assert table["seeds"].tolist() == [3, 2]
    assert table["failed"].tolist() == [0, 1]
    assert table["mean_accuracy"].tolist() == pytest.approx([0.3, 0.45])
    assert table["std_accuracy"].tolist() == pytest.approx([(0.14 / 2) ** 0.5, (0.005 / 1) ** 0.5])
    assert mean_and_spread(rows[:1])["seeds"].tolist() == [1]


def test_runs_with_held_out_images_are_summed_up_by_their_score_on_these(tiny):
    configs = grid(tiny.but(held_out=20), {}, seeds=range(2))
    rows = pd.DataFrame([rows_module.make_row(config, {}, train_seconds=1.0, failed="") for config in configs])
    rows["held_out_accuracy"] = [0.2, 0.4]
    table = mean_and_spread(rows)
    assert (table["seeds"].tolist(), table["mean_accuracy"].tolist()) == ([2], pytest.approx([0.3]))


# --- The command ---

OPTIONS = ["--steps", "2", "--labelled-batch-size", "4", "--batch-size", "4", "--precision", "float32"]
OPTIONS += ["--channels-g", "2", "2", "2", "--channels-d", "2", "2", "2"]


@pytest.fixture
def sgan(sgan):
    """``sgan study …``, see ``conftest.py``."""
    return functools.partial(sgan, "study")


def test_the_command_prints_the_rows_as_json_and_nothing_else(sgan, tiny, tmp_path, scheduler):
    options = ["--vary", "labels=20,30", "--vary", "channels-d=2x2x2,2x3x4", "--seeds", "2", "--seed", "3"]
    fixed = OPTIONS[:-4]  # without the channels of D, which vary
    code, out, err = sgan(*fixed, *options, "--out", tmp_path / "s.csv", "--scheduler", scheduler, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    configs = grid(tiny, {"labels": [20, 30], "channels_d": [(2, 2, 2), (2, 3, 4)]}, seeds=[3, 4])
    expected = [run_one(config) for config in configs]
    assert [{k: v for k, v in row.items() if k not in TIMES} for row in rows] == [
        {k: v for k, v in row.items() if k not in TIMES} for row in expected
    ]


def test_the_command_prints_a_table_of_what_varies_and_names_the_file(sgan, tmp_path, scheduler, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    out_options = ["--out", tmp_path / "s.csv", "--scheduler", scheduler]
    code, out, err = sgan(*OPTIONS, "--vary", "labels=20,30", "--seeds", "2", *out_options)
    assert code == 0
    assert "std accuracy" in out
    assert out.endswith("The rows are in s.csv\n")
    assert "4/4" in err  # the progress bar


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vary", "labels=7"], "labels must be between 10 and 60000"),
        (["--vary", "cats=7"], "there is no hyperparameter named 'cats'"),
        (["--vary", "labels"], "--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got 'labels'."),
        (["--vary", "labels=20,,30"], "--vary takes FIELD=VALUE,VALUE"),
        (["--vary", "channels_d=2x2"], "channels_d must be three whole numbers"),
        (["--vary", "seed=1,2"], "--vary does not take the seed"),
        (["--vary", "labels=25,100", "--labels", "50"], "labels is both varied and set: leave out --labels"),
        (["--steps", "0"], "steps must be between 1 and 1000000"),
    ],
)
def test_a_wrong_option_gives_one_sentence_and_no_file(sgan, tmp_path, arguments, words):
    code, out, err = sgan(*arguments, "--out", tmp_path / "s.csv")
    assert (code, out) == (1, "")
    assert err.startswith(f"sgan: {words}")
    assert err.count("\n") == 1
    assert not (tmp_path / "s.csv").exists()


def test_ctrl_c_is_one_sentence(sgan, tmp_path, monkeypatch):
    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("sgan_workshop.studies.study.run_study", interrupted)
    code, _, err = sgan("--out", tmp_path / "s.csv")
    assert code == 1
    assert err == f"sgan: interrupted: what is finished is in {tmp_path / 's.csv'}, the same command goes on from it.\n"


STUDY = """
import sys
from sgan_utils.config import SGANConfig
from sgan_workshop.studies.study import run_study

if __name__ == "__main__":
    seeds = range(int(sys.argv[2]), int(sys.argv[2]) + 3)
    tiny = dict(steps=1, labels=20, labelled_batch_size=4, batch_size=4, precision="float32")
    tiny |= dict(channels_g=(2, 2, 2), channels_d=(2, 2, 2))
    run_study([SGANConfig(**tiny, seed=seed) for seed in seeds], sys.argv[1], workers=1, progress=False)
"""


def test_studies_at_once_on_one_file_lose_no_row_and_write_none_twice(tmp_path):
    (tmp_path / "study.py").write_text(STUDY)
    out = tmp_path / "rows.csv"
    command = [sys.executable, str(tmp_path / "study.py"), str(out)]
    running = [subprocess.Popen([*command, str(first)]) for first in (0, 2, 4, 6)]  # they share some seeds
    assert [process.wait(200) for process in running] == [0] * 4
    assert sorted(pd.read_csv(out)["seed"]) == list(range(9))


# Certificates


@pytest.fixture
def certificate(tmp_path):
    """A folder with a certificate of its own, made as the pages say; dask's settings are afterwards as before."""
    dask = pytest.importorskip("dask")
    before = copy.deepcopy(dask.config.config)
    command = "openssl req -x509 -newkey rsa:3072 -nodes -days 30 -subj /CN=sgan -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    yield tmp_path
    dask.config.config.clear()
    dask.config.config.update(before)


def test_only_who_holds_the_certificate_reaches_an_encrypted_scheduler(tiny, certificate, monkeypatch):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 5)
    ours = {"cert": str(certificate / "cert.pem"), "key": str(certificate / "key.pem")}
    names = {f"tls_{who}_{what}": path for who in ("client", "scheduler", "worker") for what, path in ours.items()}
    security = distributed.Security(tls_ca_file=ours["cert"], require_encryption=True, **names)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tls://", security=security,
        dashboard_address="127.0.0.1:0", silence_logs=50,
    ) as cluster:  # fmt: skip
        assert cluster.scheduler_address.startswith("tls://")
        with pytest.raises(SGANError, match="no dask scheduler with a worker answers at tls://"):
            run_study([tiny], certificate / "s.csv", cluster.scheduler_address, progress=False)
        workers.use_certificate(certificate)
        assert len(run_study([tiny], certificate / "s.csv", cluster.scheduler_address, progress=False)) == 1


def test_a_certificate_that_is_not_there_is_answered_with_how_to_make_one(tmp_path):
    with pytest.raises(SGANError, match=r"lacks cert\.pem or key\.pem: make both with `openssl req -x509 "):
        workers.use_certificate(tmp_path)
