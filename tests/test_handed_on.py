"""A state can be handed on as one line of text, and whatever is wrong with one is said in one sentence."""

import random

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import ConfigError, SGANError, StateError
from sgan_utils.support.handed_on import LONGEST, State, _checksum, _pairs, read_state, write_state
from sgan_utils.support.presets import NOTES

CHANGES = {100: {"learning_rate_d": 1e-4, "generator_loss": "feature_matching"}, 120: {"input_noise": 0.0}}
STATE = State("lesson", SGANConfig(seed=3, labels=100, channels_g=(8, 8, 8), softmax_twice=True), CHANGES)


def signed(text):
    """With the checksum that the text should have."""
    pairs = _pairs(text)
    pairs.pop("sum", None)
    return f"{text.partition('&sum=')[0]}&sum={_checksum(pairs)}"


def test_a_state_comes_back_as_it_was_handed_on_and_can_be_read_by_people():
    text = write_state(STATE)
    assert text.startswith(
        "sgan=1&data=MNIST&preset=lesson&labels=100&seed=3&softmax_twice=True&channels_g=8,8,8&"
        "after.100.learning_rate_d=0.0001&after.100.generator_loss=feature_matching&after.120.input_noise=0.0&sum="
    )
    assert read_state(text) == STATE
    assert read_state(f"  http://127.0.0.1:8866/#{text}\n") == STATE


@pytest.mark.parametrize("preset", NOTES)
def test_a_preset_is_short_however_many_fields_it_sets(preset):
    state = State(preset, SGANConfig.preset(preset), {})
    assert read_state(write_state(state)) == state
    assert len(write_state(state)) < 80


@pytest.mark.parametrize("field", [name for name in SGANConfig.model_fields if name not in ("data", "held_out")])
def test_every_hyperparameter_can_be_handed_on(field):
    other = {
        "protocol": "labelled-only", "head": "two_heads", "generator_loss": "saturating", "softmax_twice": True,
        "channels_g": (1, 2, 3), "channels_d": (1, 2, 3), "precision": "bfloat16",
    }  # fmt: skip
    kind = SGANConfig.model_fields[field].annotation
    value = other.get(field, 17 if kind is int and field != "propagation_rounds" else 3 if kind is int else 1 / 3)
    state = State("lesson", SGANConfig(**{field: value}), {})
    assert read_state(write_state(state)).config == state.config


def test_a_folder_of_images_has_any_name():
    state = State("lesson", SGANConfig(data="my pictures/of & leaves #1", labels=20), {})
    text = write_state(state)
    assert " " not in text and "#" not in text
    assert read_state(text, state.config.data) == state


WRONG = {
    "": "no state of the playground",
    "hello": "no state of the playground",
    "sgan=1": "damaged or cut off",
    "sgan=1&seed": "must have a name",
    "sgan=1&seed=%ff": "must have a name",
    "sgan=1&seed=1&seed=2": "twice",
    "sgan=1&x=" + "a" * LONGEST: "characters",
    write_state(STATE)[:-1]: "damaged or cut off",
    write_state(STATE)[:60]: "damaged",
    write_state(STATE).replace("seed=3", "seed=4"): "damaged or cut off",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_damaged_state_is_refused_in_one_sentence(text):
    with pytest.raises(StateError, match=WRONG[text]):
        read_state(text)


SIGNED = {
    "sgan=2&data=MNIST&preset=lesson": "another version than 1",
    "sgan=1&data=KMNIST&preset=lesson": "for the data set 'KMNIST', and 'MNIST' is open here",
    "sgan=1&preset=lesson": "for the data set ''",
    "sgan=1&data=MNIST&preset=best": "no preset 'best' in the playground",
    "sgan=1&data=MNIST": "no preset ''",
    "sgan=1&data=MNIST&preset=lesson&held_out=7": "held_out has no place",
    "sgan=1&data=MNIST&preset=lesson&after.350.input_noise=0": "after step '350' of a run of 350 steps",
    "sgan=1&data=MNIST&preset=lesson&after.0.input_noise=0": "after step '0'",
    "sgan=1&data=MNIST&preset=lesson&after.-1.input_noise=0": "after step '-1'",
    "sgan=1&data=MNIST&preset=lesson&after.%C2%B2.input_noise=0": "after step '²'",
    "sgan=1&data=MNIST&preset=lesson&after.=0": "after step ''",
    "sgan=1&data=MNIST&preset=lesson&after.3=0": "no hyperparameter named ''",
    "sgan=1&data=MNIST&preset=lesson&after.3.seed=1": "seed must be the same in all steps",
    "sgan=1&data=MNIST&preset=lesson&after.3.input_noise=7": "input_noise must be between 0 and 1, got '7'",
    "sgan=1&data=MNIST&preset=lesson&seed=-1": "seed must be",
    "sgan=1&data=MNIST&preset=lesson&seed=__import__('os')": "seed must be",
    "sgan=1&data=MNIST&preset=lesson&learning_rate_d=nan": "learning_rate_d must be",
    "sgan=1&data=MNIST&preset=lesson&learning_rate_d=": "learning_rate_d must be",
    "sgan=1&data=MNIST&preset=lesson&channels_g=1,2": "channels_g must be",
    "sgan=1&data=MNIST&preset=lesson&head=three": "head must be",
    "sgan=1&data=MNIST&preset=lesson&rate=1": "no hyperparameter named 'rate'",
    "sgan=1&data=MNIST&preset=lesson&self=1": "no hyperparameter named 'self'",
    "sgan=1&data=MNIST&preset=lesson&name=1": "no hyperparameter named 'name'",
    "sgan=1&data=MNIST&preset=lesson&after.3.config=1": "no hyperparameter named 'config'",
}


@pytest.mark.parametrize("text", SIGNED)
def test_a_whole_state_with_wrong_values_is_refused_in_one_sentence(text):
    with pytest.raises((StateError, ConfigError), match=SIGNED[text].replace("(", r"\(")) as error:
        read_state(signed(text))
    assert "\n" not in str(error.value)


def test_whatever_happens_to_a_state_on_its_way_is_noticed_or_harmless():
    text, chance = write_state(STATE), random.Random(0)
    for _ in range(2_000):
        place = chance.randrange(len(text))
        other = chance.choice("0123456789abc=&.%#;,\x00é")
        broken = text[:place] + chance.choice(("", other)) + text[place + chance.randrange(3) :]
        try:
            assert read_state(broken) == STATE
        except SGANError as error:
            assert str(error).endswith(".")
