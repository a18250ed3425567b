"""The plane: its data, its run, and its pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from sgan_utils.evaluation import accuracy
from sgan_utils.support.errors import SGANError
from sgan_utils.support.plane import DATA, PLANE, SPAN, PlaneRun, Points, label_some, moons
from sgan_utils.support.plane_pictures import (
    CLASS_COLOURS,
    CLASS_SIGNS,
    landscape,
    show_belief,
    show_points,
    show_regions,
)

QUICK = PLANE.but(batch_size=8)


@pytest.fixture
def start():
    points = moons(100, 0)
    return lambda config=QUICK, **named: PlaneRun(config, points.places, label_some(points, 6, 0), **named)


@pytest.mark.parametrize("name", DATA)
def test_points_fill_the_plane_with_balanced_classes_and_follow_the_seed(name):
    points = DATA[name](300, 5)
    assert points.places.shape == (300, 2)
    assert points.places.dtype == torch.float32
    assert 0.6 * SPAN < points.places.abs().max() <= SPAN
    counts = torch.bincount(points.classes)
    assert 2 <= len(counts) <= len(CLASS_COLOURS) == len(CLASS_SIGNS)
    assert counts.max() - counts.min() <= 3
    assert torch.equal(points.places, DATA[name](300, 5).places)
    assert not torch.equal(points.places, DATA[name](300, 6).places)


def test_labels_are_balanced_and_belong_to_their_places():
    points = moons(100, 0)
    labelled = label_some(points, 6, 1)
    assert torch.bincount(labelled.classes).tolist() == [3, 3]
    for place, kind in zip(*labelled, strict=True):
        assert kind == points.classes[(points.places == place).all(1)].item()


def test_a_run_is_repeated_by_its_seed_and_leaves_the_callers_random_numbers_alone(start):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, other, third = start().advance(5), start().advance(2).advance(3), start(QUICK.but(seed=1)).advance(5)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.generated(), other.generated())
    assert torch.equal(one.D.linear.weight, other.D.linear.weight)
    assert not torch.equal(one.D.linear.weight, third.D.linear.weight)


def test_without_an_unsupervised_loss_g_stands_still_and_unlabelled_points_do_not_matter(start):
    config = QUICK.but(unsupervised_weight=0.0)
    run, before = start(config), start(config).generated()
    run.unlabelled = torch.full_like(run.unlabelled, float("nan"))
    run.advance(3)
    assert torch.equal(run.generated(), before)
    assert torch.equal(run.D.linear.weight, start(config).advance(3).D.linear.weight)


@pytest.mark.parametrize("head", ["n", "n_plus_1", "two_heads"])
def test_every_head_has_one_class_logit_for_each_class(head, start):
    D = start(QUICK.but(head=head), classes=3).advance(1).D
    belief = D(torch.zeros(4, 2))
    assert belief.class_logits.shape == (4, 3)
    assert belief.real_logit.shape == (4,)


def test_the_mistake_of_a_second_softmax_can_be_asked_for(start):
    probabilities = start(QUICK.but(softmax_twice=True)).D(torch.randn(4, 2)).class_logits
    assert torch.allclose(probabilities.sum(1), torch.ones(4))


@pytest.mark.parametrize("classes", [[0, 2], [-1, 0], []])
def test_labels_that_are_no_classes_are_refused_in_a_sentence(classes):
    labelled = Points(torch.zeros(len(classes), 2), torch.tensor(classes, dtype=torch.int64))
    with pytest.raises(SGANError, match=r"of a class from 0 to 1.*got \["):
        PlaneRun(QUICK, torch.zeros(10, 2), labelled)


def test_unlabelled_points_help_on_most_seeds():
    test, gains = moons(1_000, 10_000), []
    for seed in (100, 101, 102):
        points = moons(500, seed)
        labelled = label_some(points, 6, seed)
        reached = [
            accuracy(PlaneRun(PLANE.but(seed=seed, **change), points.places, labelled).advance(steps).D, *test)
            for change, steps in (({}, 400), ({"unsupervised_weight": 0.0}, 200))
        ]
        gains.append(reached[0] - reached[1])
    assert sum(gains) / len(gains) > 0.03


def test_a_landscape_says_what_d_says_at_its_places(start):
    D = start().advance(2).D
    seen = landscape(D, resolution=11)
    belief = D(torch.tensor([[SPAN, -SPAN], [0.0, 0.0]]))
    corner, middle = belief.class_logits.softmax(1).detach().numpy()
    assert np.allclose(seen.classes[0, -1], corner, atol=1e-5)  # the lowest row, the column at the right
    assert np.allclose(seen.classes[5, 5], middle, atol=1e-5)
    assert np.allclose(seen.real[0, -1], belief.real_logit[0].sigmoid().item(), atol=1e-5)


def test_pictures_show_regions_border_and_every_point(start):
    run = start().advance(2)
    ax = show_points(run.unlabelled, run.labelled, run.generated(20), ax=show_regions(run.D))
    assert sorted(len(drawn.get_offsets()) for drawn in ax.collections if len(drawn.get_offsets()))[-2:] == [20, 100]
    assert ax.get_xlim() == (-SPAN, SPAN)
    plt.close(ax.figure)


def test_a_d_that_is_sure_of_one_class_has_regions_without_a_border(start):
    D = start().D
    with torch.no_grad():
        D.linear.bias.copy_(torch.tensor([1e4, -1e4]))
    ax = show_belief(D, show_regions(D))
    assert len(ax.images) == 2
    assert not ax.collections
    plt.close(ax.figure)
