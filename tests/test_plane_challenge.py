"""The challenge on the plane: labels that are right, a D that is wrong, and an answer to everything else."""

import pytest
import torch

from sgan_utils.support.plane import PLANE, PlaneRun, Points, label_some, moons
from sgan_utils.widgets.plane import POINTS, Plane
from sgan_utils.widgets.plane_challenge import DATA, ENOUGH_STEPS, GAME, PlaneChallenge, judge

MOONS = moons(POINTS, 0)


def tips():
    """A label at the tip of each moon that reaches into the other one."""
    first, second = ((MOONS.classes == kind).nonzero().squeeze(1) for kind in (0, 1))
    chosen = torch.stack([first[MOONS.places[first, 0].argmax()], second[MOONS.places[second, 0].argmin()]])
    return Points(MOONS.places[chosen], MOONS.classes[chosen])


def judged(labelled, right=0.4, step=ENOUGH_STEPS, data=DATA, game=GAME):
    run = PlaneRun(PLANE, MOONS.places, labelled)
    run.step = step
    return judge(run, MOONS, right, data, game)


def test_d_has_to_be_wrong_though_the_labels_are_right():
    assert judged(tips()).reached == 1
    assert judged(tips(), right=0.75).reached == pytest.approx(0.5)
    assert judged(label_some(MOONS, 6, 0), right=1.0).reached == 0


def test_what_does_not_count_is_named():
    right = tips()
    for verdict, words in (
        (judged(right, step=ENOUGH_STEPS - 1), "judged after step 200"),
        (judged(Points(right.places, 1 - right.classes)), "not on the moon of its colour"),
        (judged(Points(right.places * torch.tensor([1.0, -9.0]), right.classes)), "not on the moon of its colour"),
        (judged(Points(right.places[:1], right.classes[:1])), "A colour has no label any more"),
        (judged(right, data="rings"), "for moons and the healthy game"),
        (judged(right, game="D wins"), "for moons and the healthy game"),
    ):
        assert verdict.reached == 0
        assert words in verdict.text


def test_the_best_so_far_is_remembered():
    view = PlaneChallenge()
    for right in (0.75, 1.0):
        view.show(judged(tips(), right=right))
    assert view.progress.value == 0
    assert "Best so far: 50%." in view.verdict.value


def test_the_plane_judges_what_it_shows():
    shown = Plane()
    assert "judged after step 200" in shown.challenge.verdict.value
    shown.data.value = "rings"
    assert "choose them above" in shown.challenge.verdict.value


@pytest.mark.slow
def test_it_can_be_solved():
    run = PlaneRun(PLANE.but(seed=0), MOONS.places, tips()).advance(ENOUGH_STEPS)
    with torch.no_grad():
        right = (run.D(MOONS.places).class_logits.argmax(1) == MOONS.classes).float().mean().item()
    assert judge(run, MOONS, right, DATA, GAME).reached == 1
