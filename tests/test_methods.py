"""Methods and studies: valid, distinct, fair comparisons, in an order that can be stopped at any seed."""

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support import studies
from sgan_utils.support.presets import METHODS, PRESETS
from sgan_utils.support.studies import STUDIES, configurations, method_of


def of(method, **fields):
    return SGANConfig.preset(method, **fields)


def changed(one, other):
    """The fields in which two methods differ."""
    one, other = of(one).model_dump(), of(other).model_dump()
    return {name for name in one if one[name] != other[name]}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_a_configuration_that_leaves_labels_and_seed_open(name):
    config = of(name, labels=25, seed=3, held_out=5_000)
    assert {field: getattr(config, field) for field in PRESETS[name]} == PRESETS[name]
    assert not {"labels", "seed", "held_out"} & set(PRESETS[name])


def test_no_two_methods_are_the_same():
    names = {}
    for name in METHODS:
        names.setdefault(of(name), []).append(name)
    assert [same for same in names.values() if len(same) > 1] == []


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fields", [{}, {"labels": 100, "seed": 7}, {"labels": 55_000, "held_out": 5_000}])
def test_a_method_is_found_again_whatever_labels_seed_and_held_out_images(name, fields):
    assert method_of(of(name, **fields)) == name


def test_a_configuration_that_is_no_method_has_no_name():
    assert method_of(of("sgan").but(learning_rate_d=1.234e-3)) == ""
    assert method_of(SGANConfig.preset("post")) == ""


def test_the_cnn_is_the_same_d_with_the_same_steps_without_g_and_without_other_images():
    assert changed("cnn", "sgan") == {"unsupervised_weight", "protocol"}
    cnn = of("cnn")
    assert (cnn.uses_generator, cnn.uses_consistency, cnn.protocol) == (False, False, "labelled-only")
    assert of("sgan").uses_generator
    assert of("sgan").protocol == "all-unlabelled"


def test_odena_s_reading_has_eleven_outputs_the_original_loss_and_the_labelled_images_only():
    assert changed("odena", "sgan") == {"head", "generator_loss", "protocol"}
    odena = of("odena")
    assert (odena.head, odena.generator_loss, odena.protocol) == ("n_plus_1", "saturating", "labelled-only")


@pytest.mark.parametrize(
    ("name", "beside", "fields"),
    [
        ("cnn+augmentation", "cnn", {"augmentation"}),
        ("sgan, two heads", "sgan", {"head"}),
        ("sgan, n+1 outputs", "sgan", {"head"}),
        ("sgan+feature-matching", "sgan", {"generator_loss"}),
        ("sgan+consistency", "sgan", {"consistency_weight"}),
        ("sgan+augmentation", "sgan", {"augmentation"}),
        ("sgan without noise", "sgan", {"input_noise"}),
        ("sgan without averaging", "sgan", {"average_decay"}),
        ("sgan, weak G", "sgan", {"learning_rate_g"}),
        ("sgan, strong G", "sgan", {"channels_g"}),
        ("odena, all-unlabelled", "odena", {"protocol"}),
        ("sgan, labelled-only", "sgan", {"protocol"}),
        ("cnn+propagation", "best", {"unsupervised_weight"}),
        ("lesson gan", "lesson sgan", {"supervised_weight"}),
    ],
)
def test_a_trick_is_compared_with_the_same_method_without_it(name, beside, fields):
    assert changed(name, beside) == fields


def test_what_is_switched_off_by_name_is_off():
    assert of("sgan without noise").input_noise == 0 < of("sgan").input_noise
    assert of("sgan without averaging").average_decay == 0 < of("sgan").average_decay
    assert not of("cnn+propagation").uses_generator
    assert of("lesson gan").supervised_weight == 0
    assert of("lesson sgan") == SGANConfig.preset("lesson", precision="float32")
    assert sum(of("sgan, strong G").channels_g) > sum(of("sgan").channels_g)
    assert of("sgan, weak G").learning_rate_g < of("sgan").learning_rate_g


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_all_its_cells_with_all_their_seeds_each_once(name):
    runs = configurations(name)
    assert len(runs) == sum(cell.seeds for cell in STUDIES[name])
    assert len(set(runs)) == len(runs)
    for cell in STUDIES[name]:
        seeds = [run.seed for run in runs if run == of(cell.method, labels=cell.labels, seed=run.seed)]
        assert seeds == list(range(cell.seeds)), cell


@pytest.mark.parametrize("name", STUDIES)
def test_every_method_has_run_with_seed_0_before_any_runs_with_seed_1(name):
    seeds = [run.seed for run in configurations(name)]
    assert seeds == sorted(seeds)
    assert seeds.count(0) == len(STUDIES[name])


def test_table_1_has_odena_s_numbers_of_labels_and_at_least_ten_seeds_of_what_is_compared_with_him():
    cells = {(cell.method, cell.labels): cell.seeds for cell in STUDIES["table1"]}
    for method in ("cnn", "odena", "sgan"):
        for labels in (25, 50, 100, 1000):
            assert cells[method, labels] >= 10
    assert {labels for method, labels in cells if method == "best"} == {25, 50, 100, 1000}


def test_the_study_of_tricks_has_every_variant_of_both_readings_with_the_same_labels_and_seeds():
    cells = STUDIES["tricks"]
    assert {cell.method for cell in cells} == {name for name in METHODS if name.startswith(("sgan", "odena"))}
    assert len({(cell.labels, cell.seeds) for cell in cells}) == 1
    assert cells[0].seeds >= 5


def test_samples_compare_the_same_run_with_labels_and_without_any():
    assert {cell.method for cell in STUDIES["samples"]} == {"lesson gan", "lesson sgan"}
    assert len({(cell.labels, cell.seeds) for cell in STUDIES["samples"]}) == 1


def test_runs_of_different_length_come_seed_by_seed_in_the_order_of_the_cells(monkeypatch):
    cells = [studies.Cell("sgan", 25, 3), studies.Cell("cnn", 50, 1), studies.Cell("odena", 25, 2)]
    monkeypatch.setitem(STUDIES, "mine", cells)
    runs = [(method_of(run), run.labels, run.seed) for run in configurations("mine")]
    assert runs == [
        ("sgan", 25, 0), ("cnn", 50, 0), ("odena", 25, 0), ("sgan", 25, 1), ("odena", 25, 1), ("sgan", 25, 2)
    ]  # fmt: skip
