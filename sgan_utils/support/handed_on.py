"""The state of the playground as one line of text that can be handed on: preset, what differs from it, and changes.

It is written as the part of an address after ``#``, for example
``sgan=1&data=MNIST&preset=lesson&seed=3&learning_rate_d=0.001&after.100.input_noise=0.0&sum=1f0c9a``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from sgan_utils.config import SGANConfig
from sgan_utils.support.changes import changed
from sgan_utils.support.errors import StateError
from sgan_utils.support.presets import NOTES

VERSION = "1"
LONGEST = 8_000  # characters; browsers take addresses of that length
ALWAYS = "seed"  # stands in the text even if it is the preset's
NEVER = ("data", "held_out")  # the one has a place of its own, the other is chosen by the playground
AFTER = "after."  # begins the name of a change: after.STEP.FIELD


class State(NamedTuple):
    """What a run of the playground is made of."""

    preset: str  # from which it is told
    config: SGANConfig
    changes: dict[int, dict[str, Any]]  # step -> what changes after it


def write_state(state: State) -> str:
    """One line of text that :func:`read_state` understands."""
    pairs = {"sgan": VERSION, "data": state.config.data, "preset": state.preset}
    base = SGANConfig.preset(state.preset)
    for name in SGANConfig.model_fields:
        value = getattr(state.config, name)
        if name not in NEVER and (name == ALWAYS or value != getattr(base, name)):
            pairs[name] = _as_text(value)
    for step, fields in sorted(state.changes.items()):
        pairs |= {f"{AFTER}{step}.{name}": _as_text(value) for name, value in fields.items()}
    return urlencode(pairs | {"sum": _checksum(pairs)}, safe=",", quote_via=quote)


def read_state(text: str, data: str = SGANConfig().data) -> State:
    """What somebody has handed on. Nothing of it is run, and each value is checked as in a configuration.

    Args:
        text: from :func:`write_state`, or an address that ends with it.
        data: name of the data set that is there.

    Raises:
        StateError: if the text is damaged, of another version or for other data.
        ConfigError: if a value is out of range, or cannot change while a run goes.
    """
    pairs = _pairs(text)
    if pairs.pop("sum", "") != _checksum(pairs):
        raise StateError("this state is damaged or cut off, for its checksum is not that of its text: copy it whole.")
    if pairs.pop("sgan") != VERSION:
        raise StateError(
            f"this state is of another version than {VERSION}: update the workshop, here or where it is from."
        )
    of, preset = pairs.pop("data", ""), pairs.pop("preset", "")
    if of != data:
        raise StateError(f"this state is for the data set {of!r}, and {data!r} is open here: load that one first.")
    if preset not in NOTES:
        raise StateError(f"there is no preset {preset!r} in the playground: choose one of {', '.join(NOTES)}.")
    later = {name: pairs.pop(name) for name in list(pairs) if name.startswith(AFTER)}
    if wrong := next((name for name in NEVER if name in pairs), None):
        raise StateError(f"{wrong} has no place in a state: leave it out.")
    config = SGANConfig.preset(preset, data=data, **{name: _value(name, value) for name, value in pairs.items()})
    return State(preset, config, _changes(later, config))


def _pairs(text: str) -> dict[str, str]:
    text = text.strip().rpartition("#")[2]
    if not text.startswith("sgan="):
        raise StateError("this is no state of the playground: such a text begins with sgan=1 and ends with a checksum.")
    if len(text) > LONGEST:
        raise StateError(f"this state has {len(text):,} characters: {LONGEST:,} are the most that is read.")
    try:
        found = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise StateError("this state is damaged: each part between two & must have a name, =, and a value.") from None
    if len(dict(found)) < len(found):
        raise StateError("this state is damaged: a name stands in it twice.")
    return dict(found)


def _changes(later: Mapping[str, str], config: SGANConfig) -> dict[int, dict[str, Any]]:
    asked: dict[int, dict[str, Any]] = {}
    for name, value in later.items():
        number, _, field = name.removeprefix(AFTER).partition(".")
        if not (number.isascii() and number.isdecimal() and len(number) < 10 and 1 <= int(number) < config.steps):
            raise StateError(
                f"nothing can change after step {number!r} of a run of {config.steps:,} steps: mend {name!r}."
            )
        asked.setdefault(int(number), {})[field] = _value(field, value)
    changes: dict[int, dict[str, Any]] = {}
    for step in sorted(asked):
        config = changed(config, **asked[step])
        changes[step] = {name: getattr(config, name) for name in asked[step]}
    return changes


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _value(name: str, text: str) -> Any:
    """A value as a configuration takes it, which turns text into numbers: three whole numbers where it has three."""
    if name not in SGANConfig.model_fields:
        raise StateError(
            f"there is no hyperparameter named {name!r}: this state is of another version of the workshop."
        )
    return text.split(",") if isinstance(SGANConfig.model_fields[name].default, tuple) else text


def _checksum(pairs: Mapping[str, str]) -> str:
    return hashlib.sha256("\n".join(f"{name}={value}" for name, value in pairs.items()).encode()).hexdigest()[:6]
