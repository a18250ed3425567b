"""Hyperparameters: what is allowed, and what is said when something is not."""

import json
import math
import re

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import CheckpointError, ConfigError, DataError, DivergedError, SGANError
from sgan_utils.support.presets import METHODS, NOTES, PRESETS
from sgan_utils.support.studies import STUDIES

SCHEMA = SGANConfig.model_json_schema()["properties"]
NUMBERS = [name for name, field in SCHEMA.items() if field.get("type") in ("integer", "number")]
CHOICES = [name for name, field in SCHEMA.items() if "enum" in field]


def complaint(**fields) -> str:
    with pytest.raises(ConfigError) as caught:
        SGANConfig(**fields)
    return str(caught.value)


def test_too_few_labels_are_refused_in_one_sentence_with_the_cure():
    assert complaint(labels=7) == (
        "labels must be between 10 and 60000 (one for each class at least), got 7: "
        "set SGANConfig(labels=...) or --labels."
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("labels", 60_001, "between 10 and 60000 (one for each class at least)"),
        ("held_out", -1, "between 0 and 20000"),
        ("seed", -1, "at least 0 and below 2147483648"),
        ("steps", 0, "between 1 and 1000000"),
        ("batch_size", 1, "between 2 and 2000"),
        ("labelled_batch_size", 2_001, "between 2 and 2000"),
        ("latent_size", 0, "between 1 and 1000"),
        ("learning_rate_d", 0, "above 0 and at most 1"),
        ("learning_rate_g", 1.2, "above 0 and at most 1"),
        ("learning_rate_decay", 1.5, "between 0 and 1"),
        ("adam_beta1", 1.0, "at least 0 and below 1"),
        ("average_decay", 1, "at least 0 and below 1"),
        ("weight_std", 0.0, "above 0 and at most 1"),
        ("supervised_weight", -0.5, "between 0 and 10"),
        ("unsupervised_weight", 11, "between 0 and 10"),
        ("augmentation", 2.5, "between 0 and 2"),
        ("input_noise", -0.1, "between 0 and 1"),
        ("consistency_weight", 11, "between 0 and 10"),
        ("consistency_start", 1.0, "at least 0 and below 1"),
        ("consistency_augmentation", 3.5, "between 0 and 3"),
        ("confidence", 1.01, "between 0 and 1"),
        ("balance", "even", "a number between 0 and 1"),
        ("head", "three_heads", "one of n, n_plus_1, two_heads"),
        ("generator_loss", "none_of_them", "one of non_saturating, saturating, feature_matching"),
        ("protocol", "all", "one of all-unlabelled, labelled-only"),
        ("precision", "float16", "one of auto, float32, bfloat16"),
        ("steps", "many", "a whole number between 1 and 1000000"),
        ("steps", 10.5, "a whole number between 1 and 1000000"),
        ("steps", None, "a whole number between 1 and 1000000"),
        ("learning_rate_d", "fast", "a number above 0 and at most 1"),
        ("learning_rate_d", math.nan, "a number above 0 and at most 1"),
        ("weight_std", math.inf, "a number above 0 and at most 1"),
        ("channels_d", 64, "three whole numbers between 1 and 1024"),
        ("channels_g", (8, 8), "three whole numbers between 1 and 1024"),
    ],
)
def test_an_error_names_field_range_value_and_how_to_set_it(name, value, allowed):
    option = "--" + name.replace("_", "-")
    assert (
        complaint(**{name: value})
        == f"{name} must be {allowed}, got {value!r}: set SGANConfig({name}=...) or {option}."
    )


@pytest.mark.parametrize("name", ["channels_g", "channels_d"])
@pytest.mark.parametrize("wrong", [0, 1025, -1, 8.5, "wide"])
def test_a_wrong_channel_among_three_is_named_with_the_range(name, wrong):
    said = complaint(**{name: (8, wrong, 8)})
    assert said.startswith(
        f"{name} must be three whole numbers between 1 and 1024, got {wrong!r}: set SGANConfig({name}="
    )


def test_every_wrong_field_is_named_not_only_the_first():
    said = complaint(labels=7, steps=0, head="x")
    assert all(f"{name} must be" in said for name in ("labels", "steps", "head"))


def test_an_unknown_field_is_named_and_the_known_ones_are_listed():
    said = complaint(learning_rate=0.1)
    assert said.startswith("there is no hyperparameter named 'learning_rate'")
    assert all(name in said for name in SGANConfig.model_fields)


def test_labels_and_held_out_images_must_fit_into_the_training_set_together():
    assert complaint(labels=58_001, held_out=2_000).startswith(
        "labels must be at most 58000 when held_out=2000, got 58001"
    )
    assert SGANConfig(labels=58_000, held_out=2_000).labels == 58_000


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_has_two_bounds_that_are_kept(name):
    field = SCHEMA[name]
    for inclusive, exclusive, outward in (("minimum", "exclusiveMinimum", -1), ("maximum", "exclusiveMaximum", 1)):
        assert (inclusive in field) != (exclusive in field), f"{name} needs one {inclusive}"
        bound = field.get(inclusive, field.get(exclusive))
        anywhere = {"data": "somewhere"} if name == "labels" else {}  # other data than MNIST may have more or fewer
        if inclusive in field:
            assert getattr(SGANConfig(**anywhere, **{name: bound}), name) == bound
        else:
            complaint(**{name: bound})
        assert name in complaint(**{name: bound + outward})


@pytest.mark.parametrize("name", CHOICES)
def test_each_choice_that_is_offered_is_accepted(name):
    for choice in SCHEMA[name]["enum"]:
        assert getattr(SGANConfig(**{name: choice}), name) == choice


def test_widgets_and_help_find_a_title_and_a_description_of_every_field():
    titles = [field.title for field in SGANConfig.model_fields.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles)
    for name, field in SGANConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_a_configuration_cannot_be_changed_afterwards():
    config = SGANConfig()
    with pytest.raises(ConfigError, match=r"does not change: make another one with config.but\(labels=100\)"):
        config.labels = 100
    assert config.labels == SGANConfig().labels


def test_but_changes_a_copy_and_checks_the_change():
    config = SGANConfig(labels=100, seed=3)
    changed = config.but(labels=50)
    assert (changed.labels, changed.seed, config.labels) == (50, 3, 100)
    with pytest.raises(ConfigError, match="labels must be between"):
        config.but(labels=5)


def test_a_configuration_survives_json():
    config = SGANConfig(channels_d=(3, 4, 5), learning_rate_g=3e-4, head="n")
    assert SGANConfig(**json.loads(config.model_dump_json())) == config


def test_the_post_preset_is_the_source_post():
    post = SGANConfig.preset("post")
    assert post.epochs == pytest.approx(200)
    assert (post.labels, post.latent_size, post.head, post.weight_std) == (30_000, 100, "two_heads", 0.02)
    assert post.learning_rate_decay == 0
    assert post.average_decay == 0


def test_the_lesson_preset_is_the_same_idea_made_smaller():
    lesson, post = SGANConfig.preset("lesson"), SGANConfig.preset("post")
    for same in ("labels", "latent_size", "weight_std", "protocol", "generator_loss"):
        assert getattr(lesson, same) == getattr(post, same)
    assert lesson.steps < post.steps / 100
    assert sum(lesson.channels_d) < sum(post.channels_d)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_taken_and_changed(name):
    changed = SGANConfig.preset(name, seed=7, labels=100)
    assert changed == SGANConfig.preset(name).but(seed=7, labels=100)
    assert {field: getattr(changed, field) for field in PRESETS[name]} == PRESETS[name]


def test_an_unknown_preset_is_named_and_the_known_ones_are_listed():
    with pytest.raises(ConfigError) as caught:
        SGANConfig.preset("lessons")
    assert str(caught.value) == f"there is no preset named 'lessons': choose one of {'; '.join(PRESETS)}."


def test_every_preset_is_a_valid_configuration_and_says_what_to_look_for():
    assert set(NOTES) <= set(PRESETS)
    methods = {cell.method for cells in STUDIES.values() for cell in cells}
    assert set(METHODS) == methods, "a preset without a note in NOTES is a method of a study"
    for name in PRESETS:
        assert SGANConfig.preset(name).steps
    for note in NOTES.values():
        assert len(re.findall(r"[.?!](?= |$)", re.sub(r"\d\.\d", "", note))) == 2


def test_a_change_of_a_preset_is_checked():
    with pytest.raises(ConfigError, match="labels must be between 10 and 60000"):
        SGANConfig.preset("post", labels=1)


@pytest.mark.parametrize(
    ("fields", "unlabelled"),
    [({}, 60_000), ({"held_out": 5_000}, 55_000), ({"protocol": "labelled-only", "labels": 100}, 100)],
)
def test_an_epoch_is_one_pass_over_the_unlabelled_images(fields, unlabelled):
    config = SGANConfig(steps=1_000, batch_size=60, **fields)
    assert config.epochs == pytest.approx(60_000 / unlabelled)


def test_the_lesson_s_run_is_the_study_s_sgan_made_quick():
    lesson, study = SGANConfig.preset("lesson").model_dump(), SGANConfig.preset("sgan", labels=100).model_dump()
    made_quick = {"labels", "steps", "channels_d", "input_noise", "average_decay"}
    assert {name for name in lesson if lesson[name] != study[name]} == made_quick


def test_best_adds_three_things_to_the_sgan_and_its_rival_leaves_out_g_alone():
    best, sgan = SGANConfig.preset("best"), SGANConfig.preset("sgan")
    added = {"augmentation", "propagation", "student_steps"}
    assert best.but(**{name: getattr(sgan, name) for name in (*added, "steps")}) == sgan
    assert SGANConfig.preset("cnn+propagation") == best.but(unsupervised_weight=0.0)


def test_epochs_of_other_data_are_the_run_s_to_tell():
    with pytest.raises(ConfigError, match=r"how many images my_images has is known once it is loaded"):
        SGANConfig(data="my_images").epochs  # noqa: B018


def test_by_default_images_get_noise_alone_and_d_learns_from_g_and_labels_alone():
    config = SGANConfig()
    assert config.input_noise > 0
    assert (config.augmentation, config.consistency_weight, config.balance, config.propagation) == (0, 0, 0, 0)
    assert config.uses_generator
    assert not config.uses_consistency


@pytest.mark.parametrize(
    ("unsupervised_weight", "consistency_weight", "uses"),
    [
        (0.5, 0.0, (True, False)),
        (0.5, 1.0, (True, True)),
        (0.0, 1.0, (False, True)),
        (0.0, 0.0, (False, False)),
        (1e-6, 1e-6, (True, True)),
    ],
)
def test_a_weight_of_0_leaves_g_or_consistency_out(unsupervised_weight, consistency_weight, uses):
    config = SGANConfig(unsupervised_weight=unsupervised_weight, consistency_weight=consistency_weight)
    assert (config.uses_generator, config.uses_consistency) == uses


@pytest.mark.parametrize(
    ("kind", "builtin"), [(ConfigError, ValueError), (DataError, OSError), (CheckpointError, ValueError)]
)
def test_errors_are_caught_as_ours_or_as_pythons_own_kind(kind, builtin):
    assert issubclass(kind, SGANError)
    assert issubclass(kind, builtin)


def test_a_notebook_shows_an_error_as_one_line():
    with pytest.raises(ConfigError) as caught:
        SGANConfig(labels=7)
    lines = caught.value._render_traceback_()
    assert lines == [f"ConfigError: {caught.value}"]
    assert "\n" not in lines[0]
    assert DivergedError("G is lost.", run=None)._render_traceback_() == ["DivergedError: G is lost."]
