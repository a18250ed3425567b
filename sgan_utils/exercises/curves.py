"""The curves that lesson 3 gives to read, and the check of what is read from them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from sgan_utils.exercises.checking import call, check, need
from sgan_utils.plotting import LOSSES
from sgan_utils.results import load_record


def check_diagnosis(function: Callable[[str], str]) -> bool:
    """Lesson 3: which of the four runs of :func:`curves_to_read` is healthy, and what is wrong with the others."""

    def examine() -> str:
        for letter, (truth, _) in RUNS_TO_READ.items():
            answer = call(function, letter)
            need(isinstance(answer, str), f"an answer is a word, such as “healthy”; for {letter} yours is {answer!r}.")
            answered = {name.lower(): name for name in CLUES}.get(answer.strip().lower())
            need(answered is not None, f"the choices are {', '.join(CLUES)}; for run {letter} yours is {answer!r}.")
            need(answered == truth, f"run {letter} is not “{answer.strip()}”: {CLUES[answered]}")
        return "scale, floors and which curve goes to 0 gave each of them away."

    return check(examine)


def curves_to_read() -> dict[str, pd.DataFrame]:
    """The recorded losses of four runs without their names: letter -> a table with a row for each step."""
    histories = {letter: load_record(record).history for letter, (_, record) in RUNS_TO_READ.items()}
    return {
        letter: history[[column for column in LOSSES if column in history]]
        if "supervised" in history
        else history[["softmax_twice"]].set_axis(["supervised"], axis=1)
        for letter, history in histories.items()
    }


RUNS_TO_READ = {
    "A": ("softmax twice", "softmax_twice"),
    "B": ("healthy", "sgan"),
    "C": ("diverges", "diverges"),
    "D": ("D wins", "d_wins"),
}
CLUES = {
    "healthy": "in a healthy run the supervised loss goes to 0, and neither player's loss runs away.",
    "D wins": "where D wins, its real-or-generated loss is near 0 from early on, while G's climbs by several nats.",
    "diverges": "where a run diverges, steps overshoot: look for losses in the hundreds.",
    "softmax twice": "with a second softmax the supervised loss levels off at 1.46 or above, and never reaches 0.",
}
