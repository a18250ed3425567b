"""The recorded study read: means and gains that can be worked out by hand, a rerun, and what is said if rows lack."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from sgan_utils import __version__, results
from sgan_utils.config import SGANConfig
from sgan_utils.results import (
    PAPER,
    PUBLISHED,
    about_rows,
    by_method,
    gain,
    gains_at,
    gains_over,
    in_words,
    one_change_each,
    recorded_rows,
)
from sgan_utils.support import rows as rows_module
from sgan_utils.support.errors import SGANError
from sgan_utils.support.rows import COLUMNS
from sgan_utils.support.studies import configurations
from sgan_workshop.studies.grid import run_one
from sgan_workshop.studies.study import rerun


def rows_of(accuracies, **named):
    """Rows of a study from ``{(method, labels): accuracies of seeds 0, 1, …}``; nan where a run failed."""
    made = [
        rows_module.make_row(
            config, {}, test_accuracy=accuracy, train_seconds=10.0 * (seed + 1), hardware="abacus", **named
        )
        for (method, labels), reached in accuracies.items()
        for seed, accuracy in enumerate(reached)
        for config in [SGANConfig.preset(method, labels=labels, seed=seed)]
    ]
    return rows_module.as_table(made)


def shuffled(rows, seed=0):
    return rows.sample(frac=1, random_state=seed)


# By method


def test_mean_and_standard_deviation_are_numpy_s():
    reached = {("sgan", 100): np.random.default_rng(0).uniform(0.9, 1, 10), ("cnn", 100): np.array([0.7, 0.8, 0.75])}
    table = by_method(rows_of(reached)).set_index("method")
    for (method, _), accuracies in reached.items():
        assert table.loc[method, "mean_accuracy"] == pytest.approx(np.mean(accuracies))
        assert table.loc[method, "std_accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
        assert table.loc[method, "seeds"] == len(accuracies)
        assert table.loc[method, "mean_train_seconds"] == pytest.approx(5 * (len(accuracies) + 1))
    assert table.loc["cnn", "protocol"] == "labelled-only"
    assert table.loc["sgan", "protocol"] == "all-unlabelled"
    assert set(table["device"]) == {"abacus"}


def test_methods_stand_in_their_own_order_and_labels_from_few_to_many_whatever_the_order_of_the_rows():
    rows = rows_of({("sgan", 1000): [0.9], ("odena", 50): [0.8], ("sgan", 25): [0.7], ("cnn", 100): [0.6]})
    for seed in range(5):
        table = by_method(shuffled(rows, seed))
        assert [*zip(table["method"], table["labels"], strict=True)] == [
            ("cnn", 100), ("sgan", 25), ("sgan", 1000), ("odena", 50)
        ]  # fmt: skip
        assert table["mean_accuracy"].tolist() == [0.6, 0.7, 0.9, 0.8]


def test_a_run_that_failed_is_not_counted_and_one_seed_has_no_spread():
    table = by_method(rows_of({("cnn", 25): [0.5, math.nan, 0.7], ("sgan", 25): [0.9]}))
    assert table["seeds"].tolist() == [2, 1]
    assert table["mean_accuracy"].tolist() == pytest.approx([0.6, 0.9])
    assert table["std_accuracy"].isna().tolist() == [False, True]


def test_distances_are_averaged_where_images_were_measured_and_empty_elsewhere():
    rows = rows_of({("sgan", 25): [0.9, 0.9], ("cnn", 25): [0.5, 0.5]})
    rows.loc[rows["method"] == "sgan", "fid"] = [3.0, 5.0]
    table = by_method(rows).set_index("method")
    assert table.loc["sgan", "mean_fid"] == pytest.approx(4)
    assert table.loc["sgan", "std_fid"] == pytest.approx(math.sqrt(2))
    assert math.isnan(table.loc["cnn", "mean_fid"])


def test_in_words_accuracies_are_percent_with_their_spread_and_nothing_is_made_up():
    rows = rows_of({("sgan", 25): [0.9, 0.92], ("cnn", 25): [0.5]})
    rows["core_seconds"] = 41.4
    rows.loc[rows["method"] == "sgan", "fid"] = [3.0, 5.0]
    words = in_words(by_method(rows)).set_index("method")
    assert words.loc["sgan", ["accuracy %", "FID", "core s"]].tolist() == ["91.00 ± 1.41", "4.0 ± 1.4", "41"]
    assert words.loc["cnn", ["accuracy %", "FID", "core s"]].tolist() == ["50.00", "nan", "41"]  # a dash when printed


# Gains


def test_a_gain_is_the_textbook_s_paired_t_interval():
    better, worse = [0.91, 0.94, 0.92, 0.95, 0.93], [0.90, 0.90, 0.90, 0.90, 0.90]
    found = gain(rows_of({("sgan", 100): better, ("cnn", 100): worse}), "sgan", "cnn", 100)
    # Differences 0.01, 0.04, 0.02, 0.05, 0.03: mean 0.03, variance 0.001 / 4; t(0.975; 4) = 2.776445 in any table.
    half = 2.776445 * math.sqrt(0.00025 / 5)
    assert found["gain"] == pytest.approx(0.03)
    assert found["low"] == pytest.approx(0.03 - half, rel=1e-6)
    assert found["high"] == pytest.approx(0.03 + half, rel=1e-6)
    assert found["pairs"] == 5


def test_runs_are_paired_by_seed_so_the_order_of_rows_and_the_spread_between_seeds_do_not_matter():
    hard = np.array([0.0, 0.3, 0.1, 0.2])  # some draws of labelled images are harder than others
    rows = rows_of({("cnn", 100): 0.9 - hard, ("sgan", 100): 0.92 - hard + [0, 1e-3, 0, 1e-3]})
    first = gain(rows, "sgan", "cnn", 100)
    assert first["low"] > 0.018
    for seed in range(5):
        pd.testing.assert_series_equal(gain(shuffled(rows, seed), "sgan", "cnn", 100), first)


def test_a_loss_is_the_gain_turned_around():
    rows = rows_of({("cnn", 100): [0.5, 0.6, 0.55], ("sgan", 100): [0.7, 0.9, 0.8]})
    there, back = gain(rows, "sgan", "cnn", 100), gain(rows, "cnn", "sgan", 100)
    assert [back["gain"], back["low"], back["high"]] == pytest.approx([-there["gain"], -there["high"], -there["low"]])


def test_only_seeds_with_both_methods_and_only_the_asked_labels_and_column_count():
    reached = {("cnn", 100): [0.5, math.nan, 0.5, 0.5], ("sgan", 100): [0.6, 0.9, 0.8]}
    rows = rows_of(reached | {("cnn", 25): [0.1] * 3, ("sgan", 25): [0.9] * 3, ("odena", 100): [0.2] * 3})
    found = gain(rows, "sgan", "cnn", 100)
    assert found["gain"] == pytest.approx(0.2)
    assert found["pairs"] == 2
    rows["fid"] = rows["test_accuracy"] * 100
    assert gain(rows, "sgan", "cnn", 100, of="fid")["gain"] == pytest.approx(20)


def test_gains_are_told_for_all_numbers_of_labels_that_both_methods_have():
    reached = {("sgan", 25): [0.9, 0.8], ("cnn", 25): [0.5, 0.6], ("sgan", 1000): [0.9, 0.9], ("cnn", 1000): [0.9, 0.8]}
    rows = rows_of(reached | {("sgan", 50): [0.9, 0.9]})
    gains = gains_at(rows, "sgan", "cnn")
    assert gains.index.tolist() == ["25 labels", "1,000 labels"]
    assert gains["gain"].tolist() == pytest.approx([0.3, 0.05])
    pd.testing.assert_series_equal(gains.loc["25 labels"], gain(rows, "sgan", "cnn", 25), check_names=False)


def test_gains_of_all_other_methods_over_one():
    methods = ("sgan, two heads", "sgan", "cnn")
    rows = rows_of({(method, 100): [0.9, 0.8 + 0.01 * n] for n, method in enumerate(methods)})
    gains = gains_over(rows, "sgan", 100)
    assert gains.index.tolist() == ["cnn", "sgan, two heads"]
    assert gains["gain"].tolist() == pytest.approx([0.005, -0.005])


def test_one_change_each_leaves_out_what_differs_from_sgan_in_more_than_one_thing():
    methods = ("sgan", "odena", "sgan, labelled-only", "sgan+consistency", "sgan, two heads")
    chosen = one_change_each(rows_of({(method, 100): [0.9] for method in methods}))
    assert chosen["method"].tolist() == ["sgan", "sgan+consistency", "sgan, two heads"]


@pytest.mark.parametrize(
    ("better", "labels", "shared"), [("sgan", 100, 1), ("odena", 100, 0), ("best without G", 100, 0), ("sgan", 7, 0)]
)
def test_fewer_than_two_shared_seeds_are_too_few(better, labels, shared):
    rows = rows_of({("cnn", 100): [0.5, 0.6], ("sgan", 100): [0.7], ("odena", 100): [math.nan, math.nan]})
    with pytest.raises(SGANError, match=f"'{better}' and 'cnn' share {shared} seeds with {labels} labels: at least 2"):
        gain(rows, better, "cnn", labels)


# The record


def test_recorded_rows_are_those_of_the_study_seed_by_seed_and_nothing_is_trained(tiny_study, monkeypatch):
    monkeypatch.setattr("sgan_workshop.studies.grid.train", None)
    rows = recorded_rows("tiny")
    assert rows.columns.tolist() == COLUMNS
    assert rows[["method", "labels", "seed", "test_accuracy"]].to_numpy().tolist() == [
        ["tiny sgan", 20, 0, 0.5], ["tiny sgan", 30, 0, 0.8], ["tiny cnn", 20, 0, 0.3],
        ["tiny sgan", 20, 1, 0.6], ["tiny sgan", 30, 1, 0.9], ["tiny cnn", 20, 1, 0.5],
        ["tiny sgan", 20, 2, 0.7], ["tiny cnn", 20, 2, 0.4],
    ]  # fmt: skip


def test_of_a_record_that_is_not_finished_what_there_is_is_read(tiny_study):
    every = pd.read_csv(tiny_study)
    every[every["seed"] == 1].to_csv(tiny_study, index=False)
    assert recorded_rows("tiny")["test_accuracy"].tolist() == [0.6, 0.9, 0.5]


def test_rows_of_other_runs_in_the_same_file_are_left_out(tiny_study):
    every = pd.read_csv(tiny_study)
    other = every[:1].assign(learning_rate_d=1e-5, test_accuracy=0.123)
    pd.concat([other, every]).to_csv(tiny_study, index=False)
    assert 0.123 not in recorded_rows("tiny")["test_accuracy"].tolist()
    assert len(recorded_rows("tiny")) == 8


@pytest.mark.parametrize("what", ["no file", "no row", "another study's rows"])
def test_where_rows_are_missing_the_cure_is_named(tiny_study, what):
    if what == "no file":
        tiny_study.unlink()
    else:
        pd.read_csv(tiny_study)[: 0 if what == "no row" else 3].assign(steps=1).to_csv(tiny_study, index=False)
    with pytest.raises(SGANError) as caught:
        recorded_rows("tiny", tiny_study)
    assert str(caught.value) == (
        f"{tiny_study} holds no run of the study 'tiny': restore it with `git checkout -- results`, or train the runs "
        "with `sgan study --preset tiny --record`."
    )


def test_how_the_runs_were_made_is_said_once_for_each_code_machine_and_day(tiny_study):
    rows = recorded_rows("tiny")
    rows["commit"] = ["b", "a"] * 4
    rows["date"] = ["2026-11-23"] * 7 + ["2026-11-24"]
    about = about_rows("tiny", rows)
    assert (about["what"], about["runs"], about["device"]) == ("tiny", 8, "abacus")
    assert (about["commit"], about["date"]) == ("a, b", "2026-11-23, 2026-11-24")
    assert about["versions"] == {"sgan_utils": __version__, "torch": torch.__version__}
    assert about["command"] == "sgan study --preset tiny --record"


def test_odena_s_numbers_have_the_differences_that_his_text_names():
    cnn, sgan = PAPER["CNN (Odena 2016)"], PAPER["SGAN (Odena 2016)"]
    assert {labels: round(100 * (sgan[labels] - cnn[labels]), 1) for labels in sgan} == {
        25: 5.2, 50: 2.4, 100: 3.3, 1000: -0.1
    }  # fmt: skip
    assert all(accuracy >= sgan.get(labels, 0) for labels, (accuracy, _) in PUBLISHED.items())


# A rerun


def test_a_rerun_trains_one_seed_of_every_cell_and_says_how_far_it_lies_from_the_record(
    tiny_study, tmp_path, scheduler
):
    table = rerun("tiny", 1, tmp_path / "new.csv", scheduler, progress=False).set_index(["method", "labels"])
    assert sorted(table.index) == [("tiny cnn", 20), ("tiny sgan", 20), ("tiny sgan", 30)]
    recorded = {("tiny sgan", 20): [0.5, 0.6, 0.7], ("tiny sgan", 30): [0.8, 0.9], ("tiny cnn", 20): [0.3, 0.5, 0.4]}
    for (method, labels), accuracies in recorded.items():
        row = table.loc[(method, labels)]
        now = run_one(SGANConfig.preset(method, labels=labels, seed=1))["test_accuracy"]
        assert row["rerun"] == now
        assert row["recorded"] == accuracies[1]
        assert row["seeds"] == len(accuracies)
        assert row["mean_accuracy"] == pytest.approx(np.mean(accuracies))
        assert row["deviations"] == pytest.approx((now - np.mean(accuracies)) / np.std(accuracies, ddof=1))
    assert tiny_study.read_text().count("\n") == 9  # the record is as it was
    assert len(pd.read_csv(tmp_path / "new.csv")) == 3


def test_a_rerun_of_a_seed_that_was_not_recorded_has_only_the_spread_to_compare_with(tiny_study, tmp_path, scheduler):
    table = rerun("tiny", 77, tmp_path / "new.csv", scheduler, progress=False)
    assert table["recorded"].isna().all()
    assert table["deviations"].notna().all()
    assert pd.read_csv(tmp_path / "new.csv")["seed"].tolist() == [77] * 3


def test_an_interrupted_rerun_goes_on_and_trains_nothing_twice(tiny_study, tmp_path, scheduler, monkeypatch):
    first = rerun("tiny", 2, tmp_path / "new.csv", scheduler, progress=False)
    monkeypatch.setattr("sgan_workshop.studies.grid.train", None)
    pd.testing.assert_frame_equal(rerun("tiny", 2, tmp_path / "new.csv", scheduler, progress=False), first)


def test_a_rerun_of_what_was_never_recorded_names_the_cure_and_trains_nothing(tiny_study, tmp_path):
    tiny_study.unlink()
    with pytest.raises(SGANError, match="holds no run of the study 'tiny': restore it"):
        rerun("tiny", 0, tmp_path / "new.csv", progress=False)
    assert not (tmp_path / "new.csv").exists()


def test_the_configurations_of_the_study_are_what_is_recorded(tiny_study):
    assert list(rows_module.read_rows(tiny_study).index) != configurations("tiny")  # the file may have another order
    assert set(rows_module.read_rows(tiny_study).index) == set(configurations("tiny"))


def test_the_search_is_recorded_with_reasons_on_held_out_images_and_other_seeds_than_the_study_s():
    search = pd.read_csv(results.RESULTS / "study" / "search.csv")
    assert not search.isna().any().any()
    assert search.held_out_accuracy.between(0.5, 1).all()
    assert not search.duplicated(["what", "labels", "seed"]).any()
    assert not set(search.seed) & set(pd.read_csv(results.RESULTS / "study" / "rows.csv").seed)
