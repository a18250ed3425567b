"""Label propagation: few labels reach their neighbours, a network can learn from them, and a run can be resumed."""

import functools

import numpy as np
import pytest
import torch

from sgan_utils.augmentation import warp
from sgan_utils.config import SGANConfig
from sgan_utils.data import UNKNOWN, Description, Sources, split_sources, to_model_range
from sgan_utils.support.errors import ConfigError
from sgan_utils.support.presets import PRESETS
from sgan_utils.support.propagation import NeighbourGraph, Propagation, deskew, spread
from sgan_utils.support.run import trains
from sgan_utils.support.session import stop_after
from sgan_utils.training import train
from sgan_workshop.studies.grid import run_one


@pytest.fixture(scope="module")
def few(mnist):
    """Sources with 3,000 unlabelled digits, 50 labelled and 500 held-out ones, and the labels that runs never see."""
    some = mnist._replace(train_images=mnist.train_images[:3_500], train_labels=mnist.train_labels[:3_500])
    config = SGANConfig(labels=50, held_out=500, seed=3)
    return split_sources(some, config)


def sheared(images, slant):
    affine = torch.tensor([[1.0, slant, 0.0], [0.0, 1.0, 0.0]]).expand(len(images), 2, 3)
    return ((warp(to_model_range(images), affine) + 1) * 127.5).round().to(torch.uint8)


def test_deskewing_centres_a_digit_and_sets_its_slant_to_zero(mnist):
    upright = deskew(mnist.train_images[:200])
    assert upright.shape == (200, 1, 28, 28)
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    mass = upright.sum((1, 2, 3))
    centre_y, centre_x = ((upright[:, 0] * axis).sum((1, 2)) / mass for axis in (y, x))
    assert (centre_y - 13.5).abs().max() < 0.2
    assert (centre_x - 13.5).abs().max() < 0.2
    off_y, off_x = y - centre_y.view(-1, 1, 1), x - centre_x.view(-1, 1, 1)
    slant = (upright[:, 0] * off_x * off_y).sum((1, 2)) / (upright[:, 0] * off_y**2).sum((1, 2))
    assert slant.abs().max() < 0.06


def test_a_slanted_digit_comes_out_as_the_upright_one(mnist):
    digits = mnist.train_images[:50]
    before = (sheared(digits, 0.4).float() - digits.float()).abs().mean() / 255
    after = (deskew(sheared(digits, 0.4)) - deskew(digits)).abs().mean()
    assert after < before / 4


def test_the_graph_is_symmetric_and_an_image_is_not_its_own_neighbour(few):
    weights = NeighbourGraph(few.unlabelled_images[:300]).weights
    assert abs(weights - weights.T).max() < 1e-6
    assert weights.diagonal().max() == 0
    assert np.linalg.norm(np.linalg.eigvalsh(weights.toarray()), ord=np.inf) == pytest.approx(1, abs=1e-4)


def test_scores_spread_as_the_closed_form_of_the_paper_says(few):
    graph = NeighbourGraph(few.unlabelled_images[:200])
    start = np.eye(10)[np.arange(200) % 10] * (np.arange(200) < 20)[:, None]
    expected = np.linalg.solve(np.eye(200) - 0.8 * graph.weights.toarray(), 0.2 * start)  # Zhou et al. 2004, eq. 4
    for axis in (1, 0, 1):
        expected /= expected.sum(axis, keepdims=True)
    assert np.allclose(spread(graph, start, 0.8, 200), expected, atol=1e-4)


def test_fifty_labels_name_most_of_three_thousand_digits(few):
    propagation = Propagation(few)
    probability = propagation.probability
    assert probability.shape == (3_000, 10)
    assert torch.allclose(probability.sum(1), torch.ones(3_000), atol=1e-4)
    assert (propagation.predict(few.held_out_images) == few.held_out_labels).float().mean() > 0.8


def test_smoothing_mends_predictions_that_their_neighbours_contradict(few, mnist):
    truth = torch.eye(10)[few.held_out_labels]
    sources = few._replace(unlabelled_images=few.held_out_images)
    propagation = Propagation(sources)
    wrong = torch.arange(0, 500, 5)
    predictions = truth.clone()
    predictions[wrong] = predictions[wrong].roll(1, 1)
    propagation.smooth(predictions)
    mended = propagation.probability.argmax(1) == few.held_out_labels
    assert mended[wrong].float().mean() > 0.7
    assert mended.float().mean() > 0.9


def test_colour_images_of_any_size_are_taken_too():
    random = torch.Generator().manual_seed(0)
    kinds = torch.randint(0, 256, (3, 3, 16, 12), generator=random)
    labels = torch.arange(90) % 3
    noise = torch.randint(-30, 31, (90, 3, 16, 12), generator=random)
    images = (kinds[labels] + noise).clamp(0, 255).to(torch.uint8)
    about = Description("kinds", 3, 16, 12, ("a", "b", "c"))
    sources = Sources(images[:3], labels[:3], images[3:80], images[:0], labels[:0], about)
    propagation = Propagation(sources)
    assert torch.equal(propagation.probability.argmax(1), labels[3:80])
    assert torch.equal(propagation.predict(images[80:]), labels[80:])


def test_hidden_labels_are_never_read(tiny_mnist):
    config = SGANConfig(labels=20, seed=1)
    hidden = tiny_mnist._replace(train_labels=tiny_mnist.train_labels.clone())
    keep = split_sources(tiny_mnist, config)
    spread_labels = Propagation(keep).probability
    chosen = [bytes(image.numpy()) for image in keep.labelled_images]
    for number, image in enumerate(hidden.train_images):
        if bytes(image.numpy()) not in chosen:
            hidden.train_labels[number] = 9 - hidden.train_labels[number]
    places = [number for number, image in enumerate(hidden.train_images) if bytes(image.numpy()) in chosen]
    again = split_sources(hidden, config, labelled=torch.tensor(places))
    assert torch.equal(Propagation(again).probability, spread_labels)


CHANGES = {"propagation": 0.2, "propagation_rounds": 2}


def test_a_network_taught_by_propagation_resumes_bit_for_bit(quick_train, differences, tmp_path, device):
    train_it = functools.partial(quick_train, device=device)
    whole = train_it(**CHANGES)
    assert whole.spread_labels.shape == (len(whole.sources.unlabelled_images),)
    assert int(whole.spread_labels.min()) >= UNKNOWN
    assert differences(whole, train_it()) != []
    for step in (1, 2, 3, 5, 6):
        path = tmp_path / f"{step}.safetensors"
        train_it(checkpoint=path, callbacks=[stop_after(step)], **CHANGES)
        assert differences(train_it(checkpoint=path, **CHANGES), whole) == [], step


def test_labels_below_the_confidence_do_not_teach(few):
    probability, best = Propagation(few).probability.max(1)
    confidence = round(probability.median().item(), 3)
    config = SGANConfig(labels=50, steps=1, propagation=confidence, channels_d=(2, 2, 2), channels_g=(2, 2, 2))
    labels = train(config, few, progress=False).spread_labels
    assert torch.equal(labels != UNKNOWN, probability >= confidence)
    assert torch.equal(labels[probability >= confidence], best[probability >= confidence])
    assert 0 < int((labels == UNKNOWN).sum()) < len(labels)


def test_a_study_scores_propagation_without_a_network(monkeypatch, tiny_mnist):
    monkeypatch.setattr("sgan_workshop.studies.grid._loaded", lambda name: tiny_mnist)
    config = SGANConfig.preset("propagation", labels=40)
    row = run_one(config)
    assert row["method"] == "propagation"
    assert row["test_accuracy"] > 0.9
    assert run_one(config)["test_accuracy"] == row["test_accuracy"]
    held_out = run_one(config.but(held_out=100))
    assert held_out["held_out_accuracy"] > 0.9
    assert held_out["test_accuracy"] is None


def test_training_refuses_a_configuration_without_any_loss(quick_train):
    with pytest.raises(ConfigError, match="no network would learn anything: raise one of them"):
        quick_train(supervised_weight=0.0, unsupervised_weight=0.0)


@pytest.mark.parametrize("name", PRESETS)
def test_only_propagation_alone_trains_no_network(name):
    assert trains(SGANConfig.preset(name)) == (name != "propagation")
