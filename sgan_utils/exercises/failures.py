"""Lesson 5's runs of somebody else: curves and images without a name, what each failure looks like, and a rescue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.data import load_mnist, split_sources
from sgan_utils.exercises.checking import UNFINISHED_VALUE, check, need
from sgan_utils.results import load_record
from sgan_utils.support.errors import SGANError
from sgan_utils.support.run import History
from sgan_utils.training import train

RECORD = "cases"
# What one would see. The names are those of the presets, but for the run that goes well.
SIGNS = {
    "healthy": "the losses would stay small, both beliefs between 0 and 1, and the images would be different digits",
    "d_wins": "the belief in generated images would fall to 0 and stay there, and G's loss would climb without an end",
    "mode_collapse": "one image would stand there again and again, whatever the losses say",
    "diverges": "the losses would reach tens or hundreds: look at the scale of the axis",
    "softmax_twice": "the supervised loss would get stuck just above 1.46 and never fall below",
}
OTHER_NAMES = {
    "lesson": "healthy",
    "collapse": "mode_collapse",
    "divergence": "diverges",
    "double_softmax": "softmax_twice",
}

TO_RESCUE, STEPS = "d_wins", 100
ALIVE = 0.05  # belief in generated images from which on G hears more than "wrong"
NOT_A_RESCUE = {
    "steps": "D has won within the first steps, so more of them only prolong it",
    "seed": "another seed is another draw of the same game, and D wins that, too",
    "labels": "labels tell D which digit it sees; who wins between D and G is another question",
    "unsupervised_weight": "that changes how much the game counts for D, not how fast G learns in it",
    "learning_rate_decay": "that slows both down, and only towards the end",
}


def curves_of(case: str) -> pd.DataFrame:
    """The history of one of somebody's runs, a row a step, as :func:`sgan_utils.plotting.plot_losses` wants it."""
    seen = load_record(RECORD).arrays[f"history_{case}"]
    return pd.DataFrame(seen, columns=list(History.columns), index=pd.RangeIndex(1, len(seen) + 1, name="step"))


def images_of(case: str) -> Any:
    """What G draws at the end of that run, (20, 28, 28), bytes."""
    return load_record(RECORD).arrays[f"samples_{case}"]


def check_somebodys_runs(named: Mapping[str, str]) -> bool:
    """Lesson 5: which failure is it? From case to name, such as ``{"A": "d_wins"}``."""

    def examine() -> str:
        need(named is not ..., UNFINISHED_VALUE)
        wanted = 'a dictionary is wanted, with a name for each case: {"A": "healthy", …}.'
        need(isinstance(named, Mapping), wanted)
        truth: dict[str, str] = load_record(RECORD).about["cases"]
        for case, right in truth.items():
            need(case in named and named[case] not in ("", None, ...), f"case {case} has no name yet.")
            answered = str(named[case]).strip().lower().replace(" ", "_").replace("-", "_")
            answered = OTHER_NAMES.get(answered, answered)
            need(answered in SIGNS, f"{named[case]!r} is none of the names: {', '.join(SIGNS)}.")
            need(answered == right, f"case {case} is not {answered}: then {SIGNS[answered]}.")
        unknown = sorted(set(map(str, named)) - set(truth))
        need(not unknown, f"there is no case {unknown[:1]}: they are {', '.join(truth)}.")
        return "all of them. Two by their losses, one by its beliefs, and one only by its images."

    return check(examine)


def run_with(changes: Mapping[str, Any]) -> pd.DataFrame:
    """The history of a short run of the preset that is to be rescued, with some hyperparameters changed."""
    config = SGANConfig.preset(TO_RESCUE, **{"steps": STEPS, **changes})
    return train(config, split_sources(load_mnist(), config), progress=False).history


def check_rescue(changes: Mapping[str, Any], run: Callable[[Mapping[str, Any]], pd.DataFrame] = run_with) -> bool:
    """Lesson 5: one hyperparameter that keeps D from winning, such as ``{"input_noise": 0.5}``."""

    def examine() -> str:
        need(changes is not ..., UNFINISHED_VALUE)
        need(isinstance(changes, Mapping), 'a dictionary is wanted, such as {"name_of_a_knob": 0.5}.')
        need(len(changes) > 0, "nothing is changed yet: name one hyperparameter and its new value.")
        fields = SGANConfig.model_fields
        for name in map(str, changes):
            close = get_close_matches(name, fields, 1)
            hint = f"do you mean {close[0]}?" if close else "the playground's knobs show their names in *Copy as code*."
            need(name in fields, f"there is no hyperparameter {name!r}: {hint}")
        need(len(changes) == 1, f"you turn {len(changes)} knobs; turn one, or nobody knows which of them did it.")
        ((name, value),) = changes.items()
        before = getattr(SGANConfig.preset(TO_RESCUE), name)
        try:
            after = getattr(SGANConfig.preset(TO_RESCUE, **changes), name)
        except SGANError as error:
            need(False, str(error))
        need(after != before, f"{name} is {before} in this preset already: that changes nothing.")
        need(name not in NOT_A_RESCUE, f"{name}: {NOT_A_RESCUE.get(name)}.")
        try:
            history = run(changes)
        except SGANError as error:
            need(False, f"with {name}={value} the run fails in another way: {error}")
        last = history.tail(20).mean()
        generated, real = float(last["belief_in_generated"]), float(last["belief_in_real"])
        need(
            generated > ALIVE,
            f"D still wins: over the last 20 steps its belief in generated images is {generated:.3f}, and that in real "
            f"ones {real:.3f}. Who of the two learns too fast, and who too slowly?",
        )
        need(
            real > generated,
            f"now D loses: it believes in generated images with {generated:.2f}, in real ones with {real:.2f}. "
            "That is too much of it.",
        )
        return f"{name}={value}: D's belief in generated images ends at {generated:.2f}, so G hears more than “wrong”."

    return check(examine)
