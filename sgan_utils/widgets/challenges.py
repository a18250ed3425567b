"""Challenges of the playground, and how far a run has got with one: judged by its configuration and its scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData
from sgan_utils.widgets.live import LiveRun

ENOUGH_STEPS = 100  # until then a collapse may only be late
VARIETY = 0.75  # of that of real images
REFUSED = 0.05  # belief in generated images; below, D takes none of them for real
LABELS, WANTED, SECONDS = 50, 0.95, 60
GUESSED = 0.1  # accuracy of somebody who has learnt nothing


class Verdict(NamedTuple):
    """How far somebody has got."""

    reached: float  # 0 to 1; 1 is solved
    text: str  # what is missing, or what was done


class Challenge(NamedTuple):
    """A task for a run of the playground."""

    task: str
    preset: str  # where the knobs stand at first
    changes: dict[str, Any]  # ... but for these
    judge: Callable[[LiveRun, SGANConfig, ImageData], Verdict]  # of a run, with what it should have started from


def variety(images: Tensor) -> float:
    """By how much two images differ on average, 0 to 1: 0 if all are the same.

    Args:
        images: (n, channels, height, width), uint8.
    """
    seen = images.float().div(255)
    return (seen[:, None] - seen[None]).abs().mean().item()


def turned(live: LiveRun, start: SGANConfig) -> list[str]:
    """The fields in which a run differs from what it should have started from, then or later."""
    later = {name for _, name, _ in live.run.changes} if live.run else set()
    fields = [name for name in SGANConfig.model_fields if name != "held_out"]
    return [name for name in fields if name in later or getattr(live.config, name) != getattr(start, name)]


def judge_collapse(live: LiveRun, start: SGANConfig, data: ImageData) -> Verdict:
    """Rescued by one knob: G's images differ, and D takes some of them for real."""
    knobs = turned(live, start)
    names = ", ".join(f"“{SGANConfig.model_fields[name].title}”" for name in knobs)
    if not knobs:
        return Verdict(0.0, "No knob is turned: this is the collapse itself. Which of the two learns too fast?")
    if len(knobs) > 1:
        said = f"Seen from the collapse, {len(knobs)} knobs are turned: {names}."
        return Verdict(0.0, f"{said} Only one may be; “Set the knobs” turns all back.")
    if not live.frames or "belief_in_generated" not in live.history:
        return Verdict(0.0, f"Turned: {names}. Its images will be judged after step {ENOUGH_STEPS}.")
    found, real = variety(live.frames[live.seen]), variety(data.train_images[: len(live.frames[live.seen])])
    part = found / real
    said = f"Turned: {names}. After step {live.seen:,} G's images differ {part:.0%} as much as real ones"
    if live.seen < ENOUGH_STEPS:
        return Verdict(0.0, f"{said}; they are judged after step {ENOUGH_STEPS}, for a collapse may come late.")
    believed = live.history["belief_in_generated"].tail(20).mean()
    if not believed > REFUSED:  # nor if there is no G
        return Verdict(0.0, f"{said}, but D takes none of them for real. Noise differs, too: G has learnt nothing.")
    if part < VARIETY:
        return Verdict(part / VARIETY, f"{said}; {VARIETY:.0%} are wanted. Turn it further, or try another knob.")
    return Verdict(
        1.0, f"Solved. {said}, and D's belief in them is {believed:.2f}. Is there a second knob that does it?"
    )


def judge_fifty(live: LiveRun, start: SGANConfig, data: ImageData) -> Verdict:
    """Enough held-out images named rightly after a minute of training with 50 labels."""
    if live.config.labels > LABELS:
        return Verdict(0.0, f"This run has {live.config.labels:,} labels; {LABELS} are allowed.")
    in_time = [score for step, score in live.accuracies.items() if live.scored_after[step] <= SECONDS]
    if not in_time:
        late = f"It was first scored after more than {SECONDS} seconds." if live.accuracies else "No score yet."
        return Verdict(0.0, f"{late} Pause or stop a run to have it scored at once.")
    best = max(in_time)
    said = f"{best:.1%} of held-out images named rightly with {live.config.labels} labels"
    if best >= WANTED:
        return Verdict(1.0, f"Solved. {said}, within {SECONDS} seconds of training. Does it hold for another seed?")
    reached = max(0.0, (best - GUESSED) / (WANTED - GUESSED))
    spent = min(live.seconds, SECONDS)
    return Verdict(min(reached, 0.99), f"{said} after {spent:.0f} of {SECONDS} seconds; {WANTED:.0%} are wanted.")


CHALLENGES = {
    "Rescue this collapse": Challenge(
        "Whatever its latents, G draws nearly the same picture. Turn exactly one knob, before or during the run. After "
        f"{ENOUGH_STEPS} steps or more, G's images must differ at least {VARIETY:.0%} as much as real ones do, and D "
        "must take some of them for real.",
        "mode_collapse",
        {},
        judge_collapse,
    ),
    f"{WANTED:.0%} with {LABELS} labels": Challenge(
        f"With {LABELS} labels, five of each digit, name {WANTED:.0%} of the held-out images rightly within {SECONDS} "
        "seconds of training (pauses and the twin do not count). Any knob may be turned. What else can D learn from? "
        "Look at augmentation, consistency and propagated labels below “All other hyperparameters”.",
        "lesson",
        {"labels": LABELS},
        judge_fifty,
    ),
}
