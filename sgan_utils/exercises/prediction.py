"""Predict before you run: keeps what the learner expected beside what came out."""

from __future__ import annotations

from typing import Any


def compare(prediction: Any, measured: float | str, close: float = 0.0) -> None:
    """Print a prediction and what was measured, side by side.

    Args:
        prediction: a number or a word; dots or None where the learner has not made one yet.
        measured: what came out.
        close: how far off a number may be to count as right.
    """
    if prediction is None or prediction is ...:
        measured = f"{measured:.3g}" if isinstance(measured, float) else measured
        print(f"measured: {measured}. You made no prediction: write one in the place of the dots, before you look.")
        return
    if isinstance(measured, str):
        right = str(prediction).strip().lower() == measured.lower()
    else:
        try:
            prediction, measured = float(prediction), float(measured)
        except (TypeError, ValueError):
            print(f"A prediction is a number here, yours is {prediction!r}.")
            return
        if abs(prediction - measured) > close and 0 < prediction < 1 < measured:
            print(
                f"Your {prediction:g} is a fraction; what is asked for goes to 100. {100 * prediction:.3g} is compared."
            )
            prediction *= 100
        right, prediction, measured = abs(prediction - measured) <= close, f"{prediction:.3g}", f"{measured:.3g}"
    if right:
        print(f"✓ You said {prediction}, and it is {measured}.")
    else:
        print(f"You said {prediction}, it is {measured}. Which of your reasons does not hold?")
