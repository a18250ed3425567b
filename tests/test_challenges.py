"""Challenges judge by what a run really did, say what is missing, and can be solved."""

import re

import pandas as pd
import pytest
import torch

from sgan_utils.config import SGANConfig
from sgan_utils.widgets import live as live_module
from sgan_utils.widgets.aid import Aid
from sgan_utils.widgets.challenge_view import TWO_RUNS, Challenges
from sgan_utils.widgets.challenges import (
    CHALLENGES,
    ENOUGH_STEPS,
    LABELS,
    SECONDS,
    VARIETY,
    judge_collapse,
    judge_fifty,
    turned,
    variety,
)
from sgan_utils.widgets.knobs import Knobs
from sgan_utils.widgets.live import LiveRun, watchable
from sgan_utils.widgets.playground import Playground
from sgan_utils.widgets.two_runs import CLEARER, EARLY, FOOLED, LOWER, SOONER, TwoRuns

COLLAPSE, FIFTY = list(CHALLENGES)
START = SGANConfig.preset("mode_collapse")


def made(config, data, images=None, belief=0.4, step=ENOUGH_STEPS, scores=(), changes=()) -> LiveRun:
    """A run as it would stand, without any training."""
    live = LiveRun(config.but(held_out=40, labels=40), data)
    live.config = config
    if images is not None:
        live.frames = {step: images}
        live.history = pd.DataFrame({"belief_in_generated": [belief] * step})
    for number, (score, seconds) in enumerate(scores):
        live.accuracies[number], live.scored_after[number] = score, seconds
    if changes:
        live.run = type("Run", (), {"changes": list(changes), "step": step, "train_seconds": 1.0})()
    return live


def real(data):
    return data.train_images[:30]


def test_variety_is_nothing_for_equal_images_and_more_the_more_they_differ(tiny_mnist):
    images = real(tiny_mnist)
    assert variety(images[:1].repeat(30, 1, 1, 1)) == 0
    assert 0 < variety(images // 2) < variety(images) < 1


def test_what_was_turned_counts_whether_before_or_during_the_run(tiny_mnist):
    live = made(START.but(learning_rate_g=1e-3, held_out=40), tiny_mnist, changes=[(3, "head", "n"), (5, "head", "n")])
    assert turned(live, START) == ["head", "learning_rate_g"]
    assert turned(made(START, tiny_mnist), START) == []


def rescued(data, images=None, fields=None, **named):
    fields = {"adam_beta1": 0.5} if fields is None else fields
    return judge_collapse(
        made(START.but(**fields), data, real(data) if images is None else images, **named), START, data
    )


def test_a_collapse_is_rescued_by_one_knob(tiny_mnist):
    verdict = rescued(tiny_mnist)
    assert verdict.reached == 1
    assert "“Adam's first beta”" in verdict.text
    during = [(20, "generator_loss", "feature_matching")]
    assert rescued(tiny_mnist, fields={}, changes=during).reached == 1


def test_of_a_collapse_that_is_not_rescued_it_is_said_why(tiny_mnist):
    images = real(tiny_mnist)
    alike = images[:1].repeat(30, 1, 1, 1)
    less = torch.cat([images[:15], images[:1].repeat(15, 1, 1, 1)])
    some = rescued(tiny_mnist, less)
    assert 0 < some.reached < 1
    assert some.reached == pytest.approx(variety(less) / variety(images) / VARIETY)
    for verdict, words in (
        (rescued(tiny_mnist, fields={}), "No knob is turned"),
        (rescued(tiny_mnist, fields={"adam_beta1": 0.5, "seed": 1}), "2 knobs are turned: “Seed”, “Adam's first beta”"),
        (rescued(tiny_mnist, step=50), "judged after step 100"),
        (rescued(tiny_mnist, belief=0.0), "D takes none of them for real"),
        (rescued(tiny_mnist, belief=float("nan")), "D takes none of them for real"),
        (rescued(tiny_mnist, alike), "75% are wanted"),
        (judge_collapse(made(START.but(head="n"), tiny_mnist), START, tiny_mnist), "will be judged after step 100"),
    ):
        assert verdict.reached == 0
        assert words in verdict.text


def test_fifty_labels_are_judged_by_the_best_score_in_time(tiny_mnist):
    config = SGANConfig(labels=LABELS)

    def judged(*scores, **fields):
        return judge_fifty(made(config.but(**fields), tiny_mnist, scores=scores), config, tiny_mnist)

    assert judged((0.5, 10), (0.96, SECONDS - 1), (0.9, 70)).reached == 1
    late = judged((0.525, 10), (0.99, SECONDS + 1))
    assert late.reached == pytest.approx(0.5)
    assert "95% are wanted" in late.text
    assert judged((0.05, 10)).reached == 0
    assert "more than 60 seconds" in judged((0.99, SECONDS + 1)).text
    assert "No score yet" in judged().text
    assert judged((0.99, 1), labels=51) == (0.0, "This run has 51 labels; 50 are allowed.")


@pytest.mark.parametrize("seed", range(4))
def test_of_two_runs_each_choice_has_its_answer(seed):
    two = TwoRuns(Aid(), seed)
    wrong = "AB".replace(two.right, "")
    assert two.runs[two.right].about["config"]["supervised_weight"] == 1
    assert two.runs[wrong].about["config"]["supervised_weight"] == 0
    assert "Choose a run" in two.judge().text
    heard = set()
    for run in (two.right, wrong):
        for reason in (CLEARER, FOOLED, LOWER, SOONER):
            two.run.value, two.reason.value = run, reason
            verdict = two.judge()
            assert verdict.reached == (run == two.right) * (1 if reason == SOONER else 0.5)
            heard.add(verdict.text)
    assert len(heard) == 8


def test_what_is_said_of_the_two_runs_is_true_of_the_records():
    two = TwoRuns(Aid(), 0)
    labelled, plain = (two.runs[run].history.tail(100).mean() for run in (two.right, "AB".replace(two.right, "")))
    assert plain["generator"] < labelled["generator"]
    assert plain["belief_in_generated"] > labelled["belief_in_generated"]
    two.run.value, two.reason.value = two.right, SOONER
    apart, other = map(float, re.findall(r"0\.\d\d", two.judge().text))
    assert apart > 1.5 * other
    wobble = {run: record.history["belief_in_generated"].loc[EARLY].diff().std() for run, record in two.runs.items()}
    assert 1.5 * wobble[two.right] < wobble["AB".replace(two.right, "")]  # more steadily


def test_chance_puts_the_two_runs_in_order():
    assert {TwoRuns(Aid(), seed).right for seed in range(6)} == {"A", "B"}


def test_a_challenge_sets_the_knobs_and_remembers_how_far_one_got(tiny_mnist):
    knobs = Knobs(data=tiny_mnist)
    view = Challenges(knobs, tiny_mnist, Aid(), seed=0)
    assert "Press “Set the knobs”" in view.verdict.value
    view.which.value = FIFTY
    view.prepare.click()
    assert knobs.config == knobs.of_preset("lesson").but(labels=LABELS)
    view.follow(made(knobs.config, tiny_mnist, scores=[(0.525, 10)]))
    assert view.verdict.value.startswith("<b>50%.</b>")
    view.follow(made(knobs.config, tiny_mnist, scores=[(0.3, 10)]))
    assert "Best so far: 50%" in view.verdict.value
    view.follow(made(knobs.config, tiny_mnist, scores=[(0.97, 10)]))
    assert "1 of 3 solved" in view.verdict.value
    assert view.progress.value == 1
    view.which.value = TWO_RUNS
    assert view._place.layout.display is None
    view.two.run.value, view.two.reason.value = view.two.right, SOONER
    assert "2 of 3 solved" in view.verdict.value
    view.which.value = COLLAPSE
    assert view._place.layout.display == "none"
    assert view.best == {COLLAPSE: 0, FIFTY: 1, TWO_RUNS: 1}


def test_the_playground_judges_its_latest_run(tiny_mnist, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(live_module, "HELD_OUT", 40)
    play = Playground(tiny_mnist, exports=tmp_path)
    play.challenges.which.value = FIFTY
    live = play.run("lesson", **tiny_config.but(labels=40).model_dump(exclude={"data", "held_out"}))
    assert play.challenges.progress.value > 0
    assert live.scored_after.keys() == live.accuracies.keys()
    assert 0 < max(live.scored_after.values()) <= live.seconds
    assert play.widget.children[1].children == (play.challenges.widget,)
    other = Playground(tiny_mnist._replace(name="leaves"), exports=tmp_path)
    assert other.challenges.widget not in other.widget.children[1].children  # there are no digits to be named


@pytest.mark.slow
@pytest.mark.parametrize("knob", [{"adam_beta1": 0.5}, {"generator_loss": "feature_matching"}])
def test_the_collapse_can_be_rescued(mnist, knob):
    live = trained(START.but(**knob), mnist)
    assert judge_collapse(live, START, mnist).reached == 1


@pytest.mark.slow
def test_the_collapse_is_one(mnist):
    live = trained(START.but(seed=1), mnist)  # the seed is a knob that does not help
    assert judge_collapse(live, START, mnist).reached < 1


@pytest.mark.slow
def test_fifty_labels_are_enough(mnist):
    live = trained(SGANConfig(labels=LABELS, augmentation=1.0), mnist)
    live.scored_after = dict.fromkeys(live.scored_after, 1.0)  # how fast this machine is today is not asked
    assert judge_fifty(live, live.config, mnist).reached == 1


def trained(config, data):
    live = LiveRun(watchable(config, data), data)
    live.start()
    live.wait(300)
    assert live.state == "finished", live.failure
    return live
