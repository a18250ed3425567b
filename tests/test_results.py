"""The recorded study read: means and gains that can be worked out by hand, a rerun, and what is said if rows lack."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import PermutationMethod, wilcoxon

from sgan_utils import __version__, results
from sgan_utils.config import SGANConfig
from sgan_utils.results import (
    FROM_MEMORY,
    PAPER,
    PUBLISHED,
    ROWS,
    about_rows,
    by_method,
    comparisons,
    gain,
    gains_at,
    gains_in_words,
    gains_over,
    in_words,
    one_change_each,
    recorded_rows,
    strongest_published,
)
from sgan_utils.support import rows as rows_module
from sgan_utils.support.errors import SGANError
from sgan_utils.support.methods import COMPARISONS, NAMES
from sgan_utils.support.presets import METHODS, PRESETS
from sgan_utils.support.rows import COLUMNS
from sgan_utils.support.statistics import holm, paired
from sgan_utils.support.studies import STUDIES, configurations, method_of
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
    assert words.loc["SGAN", ["accuracy %", "FID", "core s"]].tolist() == ["91.00 ± 1.41", "4.0 ± 1.4", "41"]
    assert words.loc["SGAN", ["median", "worst", "failed"]].tolist() == ["91.00", "90.00", "0 of 2"]
    assert words.loc["CNN", ["accuracy %", "FID", "core s"]].tolist() == ["50.00", "nan", "41"]  # a dash when printed


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
    alone = gain(rows, "sgan", "cnn", 25)
    pd.testing.assert_series_equal(gains.loc["25 labels", alone.index], alone, check_names=False)


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


# Failures, intervals, ranks


def test_a_run_fails_that_makes_half_as_many_mistakes_again_as_the_median_run():
    strong = [0.990, 0.991, 0.989, 0.976, 0.9901]  # median error 1%: 2.4% is a failure, 1.1% is none
    weak = [0.55, 0.60, 0.44, 0.50, 0.52]  # median error 48%: nothing reaches 72%
    table = by_method(rows_of({("best", 100): strong, ("cnn", 100): weak})).set_index("method")
    assert table["failures"].to_dict() == {"best": 1, "cnn": 0}
    assert table.loc["best", ["median_accuracy", "worst_accuracy", "best_accuracy"]].tolist() == [0.99, 0.976, 0.991]


def test_a_run_that_diverged_has_failed_and_counts_among_the_runs():
    table = by_method(rows_of({("best", 100): [0.99, math.nan, 0.99]}))
    assert table.loc[0, ["seeds", "runs", "failures"]].tolist() == [2, 3, 1]
    assert in_words(table).loc[0, "failed"] == "1 of 3"


def test_the_rank_test_counts_how_many_signs_would_do_as_well():
    # Ten gains, all positive: of 2 ** 10 ways to give signs to their ranks, this one and its opposite are the farthest.
    assert paired(np.linspace(0.01, 0.02, 10))["p"] == pytest.approx(2 / 2**10)
    # Ranks 1, 2, 3 with the smallest negative: sums of at least 4 or at most -4 have 4 of the 8 ways.
    assert paired(np.array([-0.01, 0.02, 0.03]))["p"] == pytest.approx(0.5)
    assert paired(np.array([0.01, 0.01, -0.01, -0.01]))["p"] == 1  # ties share their ranks


@pytest.mark.parametrize(
    "differences", [[0.011, 0.02, -0.013, 0.04, 0.05, -0.02], [0.01, 0.02, 0.01, 0.0, -0.01, 0.03]]
)
def test_the_rank_test_is_scipy_s_with_ties_and_zeros_too(differences):
    expected = wilcoxon(differences, method=PermutationMethod(rng=0)).pvalue
    assert paired(np.array(differences))["p"] == pytest.approx(expected)


def test_the_bootstrap_interval_lies_about_the_gain_is_the_same_each_time_and_narrower_for_steadier_pairs():
    random = np.random.default_rng(0)
    wild, steady = random.normal(0.02, 0.02, 10), random.normal(0.02, 0.002, 10)
    widths = []
    for differences in (wild, steady):
        found = paired(differences)
        assert found["bootstrap_low"] < found["gain"] < found["bootstrap_high"]
        pd.testing.assert_series_equal(paired(differences), found)
        widths.append(found["bootstrap_high"] - found["bootstrap_low"])
        assert widths[-1] == pytest.approx(found["high"] - found["low"], rel=0.5)
    assert widths[1] < widths[0] / 4


def test_pairs_that_all_differ_by_the_same_have_an_interval_of_no_width():
    found = paired(np.array([0.91, 0.92, 0.93]) - np.array([0.90, 0.91, 0.92]))
    assert found[["low", "high", "bootstrap_low", "bootstrap_high"]].tolist() == pytest.approx([0.01] * 4)
    assert paired(np.zeros(5))["p"] == 1


def test_holm_s_correction_by_hand():
    p = pd.Series({"a": 0.04, "b": 0.01, "c": 0.03})
    # The smallest is multiplied by 3, the next by 2, the last by 1, and none may be below one before it.
    assert holm(p).to_dict() == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})
    assert holm(pd.Series([0.4, 0.9])).tolist() == pytest.approx([0.8, 0.9])


def test_gains_that_are_read_together_are_corrected_for_their_number():
    methods = ("sgan", "sgan+consistency", "sgan without noise")
    random = np.random.default_rng(0)
    rows = rows_of({(method, 100): 0.9 + 0.01 * n + random.uniform(0, 1e-3, 10) for n, method in enumerate(methods)})
    gains = gains_over(rows, "sgan", 100)
    assert gains["p"].tolist() == pytest.approx([2 / 2**10] * 2)
    assert gains["p_holm"].tolist() == pytest.approx([4 / 2**10] * 2)
    words = gains_in_words(gains)
    assert words["p (Holm)"].tolist() == ["0.004", "0.004"]
    assert words.loc["sgan+consistency", "points"] == f"{100 * gains.loc['sgan+consistency', 'gain']:+.1f}"


def test_a_study_s_comparisons_are_one_family_and_what_has_no_pairs_is_left_out():
    rows = rows_of({(method, 25): [0.9, 0.8, 0.7] for method in ("sgan", "cnn", "propagation")})
    rows = pd.concat([rows, rows_of({("cnn+augmentation", 25): [0.5]})])
    found = comparisons("table1", rows)
    assert found[["method", "over", "labels"]].to_numpy().tolist() == [["sgan", "cnn", 25], ["sgan", "propagation", 25]]
    assert comparisons("samples", rows).empty


@pytest.mark.parametrize("study", COMPARISONS)
def test_a_family_of_comparisons_is_small_enough_for_ten_seeds_to_tell_anything(study):
    methods = {cell.method for cell in STUDIES[study]}
    assert {method for pair in COMPARISONS[study] for method in pair} <= methods
    seeds = min(cell.seeds for cell in STUDIES[study])
    size = sum(
        len({cell.labels for cell in STUDIES[study] if cell.method == method}
            & {cell.labels for cell in STUDIES[study] if cell.method == over})
        for method, over in COMPARISONS[study]
    )  # fmt: skip
    assert size * 2 / 2**seeds < 0.05


def test_every_method_has_a_name_of_its_own_and_no_other_thing_has_one():
    assert set(NAMES) == set(METHODS)
    assert len(set(NAMES.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("better", "labels", "shared"), [("sgan", 100, 1), ("odena", 100, 0), ("best", 100, 0), ("sgan", 7, 0)]
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


def test_what_others_published_says_who_when_under_which_protocol_and_how_it_was_read():
    assert not PUBLISHED.drop(columns=["spread", "seeds"]).isna().any().any()
    assert not PUBLISHED.duplicated(["labels", "method"]).any()
    assert set(PUBLISHED["protocol"]) == {"all-unlabelled", "not said"}
    assert PUBLISHED["error"].between(0, 30).all()
    assert PUBLISHED["year"].between(2014, 2026).all()
    assert {20, 25, 50, 100, 1000} == set(PUBLISHED["labels"])


def test_only_results_with_as_many_labels_compare_and_what_was_looked_up_stands_beside_what_is_remembered():
    best = strongest_published([25, 50, 1000])
    assert set(best["labels"]) == {50, 1000}  # nobody was found with 25 and all unlabelled images; 20 is no 25
    for labels, rows in best.groupby("labels"):
        every = PUBLISHED[(PUBLISHED["labels"] == labels) & (PUBLISHED["protocol"] == "all-unlabelled")]
        assert rows["error"].min() == every["error"].min()
        looked_up = every[every["read"] != FROM_MEMORY]
        assert rows.loc[rows["read"] != FROM_MEMORY, "error"].tolist() == [looked_up["error"].min()]


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
    assert not search.drop(columns="core_seconds").isna().any().any()  # the time of some was not kept
    assert search.held_out_accuracy.between(0.5, 1).all()
    assert not search.duplicated(["what", "labels", "seed"]).any()
    assert not set(search.seed) & set(pd.read_csv(results.RESULTS / "study" / "rows.csv").seed)


def trials():
    """The configurations that the search tried, with the day; those of a prototype that no code here has are left out.

    A row's configuration is that of its preset with its changes.
    """
    found = []
    for row in pd.read_csv(results.RESULTS / "study" / "search.csv").itertuples():
        fields = json.loads(row.changes)
        if row.preset in PRESETS and set(fields) <= set(SGANConfig.model_fields):
            found.append((SGANConfig.preset(row.preset, **fields), row.date))
    return found


def settings(config):
    """What a search chooses, unlike the switches that a method is named after: how long, how fast, how noisy …"""
    names = ("steps", "batch_size", "labelled_batch_size", "learning_rate_d", "average_decay", "input_noise",
             "noise_decay", "consistency_start", "consistency_augmentation", "propagation_rounds")  # fmt: skip
    return tuple(getattr(config, name) for name in names)


def test_no_run_of_the_study_is_older_than_the_search_that_chose_its_settings():
    first = rows_module.read_rows(ROWS).groupby("method")["date"].min().drop("", errors="ignore")
    chosen = {method: [day for config, day in trials() if method_of(config) == method] for method in first.index}
    assert any(chosen.values())
    late = {method: max(days) for method, days in chosen.items() if days and min(days) > first[method]}
    assert not late, "these methods were trained before any trial of theirs"


def test_every_recipe_of_the_study_was_among_the_trials_of_the_search():
    """Methods that differ in a switch only share their recipe: one of them has been tried on held-out images."""
    tried = {settings(config) for config, _ in trials() if method_of(config)}
    recipes = {}
    for cell in STUDIES["table1"]:
        recipes.setdefault(settings(SGANConfig.preset(cell.method)), set()).add(cell.method)
    missing = [sorted(methods) for recipe, methods in recipes.items() if recipe not in tried]
    assert not missing, f"{missing}: results/study/search.csv has no trial of these settings"
