"""The measures of generated images: they grow as images get worse, and know what perfect and worst are."""

import itertools
import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sgan_utils import results
from sgan_utils.data import to_model_range
from sgan_utils.evaluation import generate
from sgan_utils.models import build_models, sample_latent
from sgan_utils.support.errors import SGANError
from sgan_utils.support.student import Student
from sgan_workshop.records import measurements, quality
from sgan_workshop.records.quality import (
    features_and_logits,
    generate_samples,
    load_digit_classifier,
    real_features,
    sample_quality,
    train_digit_classifier,
)

pytestmark = pytest.mark.slow  # a classifier looks at thousands of images, again and again

COUNT = 1_000  # images on each side


@pytest.fixture(scope="module")
def real(mnist):
    """What the classifier sees in training images."""
    return features_and_logits(mnist.train_images[:COUNT])[0]


def blurred(images, times):
    """A blur by a small window, again and again."""
    window = torch.tensor([1.0, 2.0, 1.0])
    window = (window[:, None] * window / 16)[None, None]
    for _ in range(times):
        images = F.conv2d(F.pad(images, (1, 1, 1, 1), value=-1), window)
    return images


def noisy(images, std):
    return images + std * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


def as_bytes(images):
    return images.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)


# The classifier


def test_the_recorded_classifier_names_nearly_every_test_image_rightly(mnist):
    features, logits = features_and_logits(mnist.test_images)
    assert features.shape == (10_000, 128)
    assert logits.shape == (10_000, 10)
    assert features.min() >= 0
    assert (logits.argmax(1) == mnist.test_labels).float().mean() >= 0.993


def test_images_that_the_classifier_does_not_know_are_refused(mnist):
    with pytest.raises(SGANError, match=r"takes images of shape \(n, 1, 28, 28\), got \(2, 3, 32, 32\)"):
        features_and_logits(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(SGANError, match="a classifier of MNIST's digits, but the data are KMNIST"):
        real_features(mnist._replace(name="KMNIST"))


def test_a_classifier_learns_from_few_images_of_each_digit_the_same_whenever_asked(tiny_mnist):
    torch.manual_seed(99)
    before = torch.get_rng_state()
    classifier = train_digit_classifier(tiny_mnist, progress=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert not classifier.training
    named = features_and_logits(tiny_mnist.test_images, classifier)[1].argmax(1)
    assert (named == tiny_mnist.test_labels).float().mean() > 0.9
    one, same, other = (
        train_digit_classifier(tiny_mnist, epochs=1, progress=False, seed=seed).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["linear.weight"], other["linear.weight"])


def test_the_classifier_learns_from_no_test_image(tiny_mnist):
    garbled = tiny_mnist._replace(test_images=255 - tiny_mnist.test_images, test_labels=9 - tiny_mnist.test_labels)
    one, other = (train_digit_classifier(data, epochs=1, progress=False) for data in (tiny_mnist, garbled))
    assert torch.equal(one.linear.weight, other.linear.weight)


def test_what_is_seen_in_an_image_does_not_depend_on_the_others(mnist):
    features, logits = features_and_logits(mnist.test_images[:600])
    few_features, few_logits = features_and_logits(mnist.test_images[490:510])
    torch.testing.assert_close(features[490:510], few_features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits[490:510], few_logits, atol=1e-4, rtol=1e-4)


def test_another_classifier_can_be_given_and_stays_in_the_mode_it_was_in(tiny_mnist):
    mine = Student().train()
    features, logits = features_and_logits(tiny_mnist.test_images, mine)
    assert mine.training
    assert not features.requires_grad
    wanted = mine.eval()(to_model_range(tiny_mnist.test_images))
    torch.testing.assert_close((features, logits), (wanted.features, wanted.class_logits))


@pytest.mark.parametrize("damage", ["missing", "no weights", "weights of another network"])
def test_without_its_weights_the_cure_is_named(damage, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    if damage == "no weights":
        path.write_bytes(b"these are no weights")
    if damage == "weights of another network":
        save_file({"linear.weight": torch.zeros(2, 2)}, path)
    monkeypatch.setattr(quality, "WEIGHTS", path)
    with pytest.raises(SGANError) as caught:
        load_digit_classifier.__wrapped__()  # the one of this process is kept in memory
    assert str(caught.value).startswith(f"{path} is missing or damaged (")
    assert str(caught.value).endswith("): restore it with `git checkout -- results/digit_classifier`.")


def test_a_recorded_classifier_is_the_one_that_was_trained(tiny_mnist, tmp_path, monkeypatch):
    path = tmp_path / "digit_classifier" / "model.safetensors"
    path.parent.mkdir()
    for module in (quality, measurements):
        monkeypatch.setattr(module, "WEIGHTS", path)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    measurements.record_digit_classifier(tiny_mnist)
    recorded = load_digit_classifier.__wrapped__().state_dict()
    trained = train_digit_classifier(tiny_mnist, progress=False).state_dict()
    assert all(torch.equal(value, recorded[name]) for name, value in trained.items())


# Distances


@pytest.mark.parametrize(
    ("worse", "levels"), [(blurred, [0, 1, 2, 3, 4, 6]), (noisy, [0.0, 0.2, 0.3, 0.4, 0.6, 0.9])], ids=["blur", "noise"]
)
def test_the_worse_real_images_are_made_the_larger_are_the_distances(mnist, real, worse, levels):
    images = to_model_range(mnist.test_images[:COUNT])
    found = [sample_quality(as_bytes(worse(images, level)), real) for level in levels]
    for name in ("fid", "kid"):
        distances = [getattr(quality, name) for quality in found]
        assert all(after > 1.05 * before for before, after in itertools.pairwise(distances)), name
        assert distances[-1] > 20 * distances[0], name
    assert found[-1].score < 2 < 9 < found[0].score


def test_the_same_images_are_at_no_distance_and_unseen_real_ones_at_little(mnist, real):
    same = sample_quality(mnist.train_images[:COUNT], real)
    assert same.fid == pytest.approx(0, abs=1e-2)
    assert same.kid <= 1e-6  # the estimate is without bias, so it can fall below 0
    unseen = sample_quality(mnist.test_images[:COUNT], real)
    grey = sample_quality(torch.full((COUNT, 1, 28, 28), 128, dtype=torch.uint8), real)
    assert same.fid < unseen.fid < grey.fid / 20
    assert unseen.score > 9
    assert grey.score == pytest.approx(1, abs=1e-3)


def test_a_generator_that_draws_few_digits_is_farther_and_scores_lower_than_one_that_draws_all(mnist, real):
    few = sample_quality(mnist.test_images[mnist.test_labels < 3][:COUNT], real)
    every = sample_quality(mnist.test_images[:COUNT], real)
    assert few.fid > 5 * every.fid
    assert few.kid > 5 * max(every.kid, 0)
    assert 2.5 < few.score < 3.2


def test_the_same_images_and_seed_give_the_same_numbers_and_leave_the_global_random_state_alone(mnist, real):
    images = mnist.test_images[:COUNT]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = sample_quality(images, real, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert sample_quality(images, real, seed=3) == first
    assert all(math.isfinite(value) for value in first)


def test_the_kernel_distance_says_how_much_it_varies_between_subsets(mnist, real):
    measured = sample_quality(mnist.test_images[:COUNT], real)
    other_draw = sample_quality(mnist.test_images[:COUNT], real, seed=5)
    assert 0 < abs(measured.kid - other_draw.kid) < 3 * measured.kid_std
    every = sample_quality(mnist.test_images[:150], real[:150])  # with so few there is one subset: all of them
    assert every.kid_std == pytest.approx(0, abs=1e-5)


def test_few_images_are_measured_too(mnist, real):
    few = sample_quality(mnist.test_images[:150], real[:200])
    more = sample_quality(mnist.test_images[:COUNT], real)
    assert few.fid > more.fid  # distances between fewer come out larger
    assert 1 < few.score <= 10


def score_of(logits, monkeypatch):
    features = torch.rand(len(logits), 128, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(quality, "features_and_logits", lambda images: (features, logits))
    return sample_quality(torch.empty(len(logits), 1, 28, 28), features).score


def test_the_score_is_10_for_sure_and_balanced_1_for_one_digit_or_no_idea(monkeypatch):
    sure = 100 * torch.eye(10).repeat(30, 1)
    assert score_of(sure, monkeypatch) == pytest.approx(10, rel=1e-4)
    assert score_of(sure[:1].expand(300, 10), monkeypatch) == pytest.approx(1, rel=1e-4)
    assert score_of(torch.zeros(300, 10), monkeypatch) == pytest.approx(1, rel=1e-4)
    assert score_of(sure[sure.argmax(1) < 4], monkeypatch) == pytest.approx(4, rel=1e-4)


def test_the_score_is_the_inception_score_s_equation(monkeypatch):
    logits = 3 * torch.randn(200, 10, generator=torch.Generator().manual_seed(0))
    p = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
    by_hand = torch.exp((p * torch.log(p / p.mean(0))).sum(1).mean())
    assert score_of(logits, monkeypatch) == pytest.approx(by_hand.item(), rel=1e-4)


def test_fid_is_the_frechet_distance_of_two_gaussians(monkeypatch):
    random = torch.Generator().manual_seed(0)
    ours, theirs = torch.randn(500, 128, generator=random), torch.randn(500, 128, generator=random)
    monkeypatch.setattr(quality, "features_and_logits", lambda images: (ours + 0.5, torch.zeros(500, 10)))
    means = (ours.double() + 0.5).mean(0) - theirs.double().mean(0)
    a, b = ours.double().T.cov(), theirs.double().T.cov()
    values, vectors = torch.linalg.eigh(a)
    root = vectors @ values.sqrt().diag() @ vectors.T
    by_hand = means.square().sum() + a.trace() + b.trace() - 2 * torch.linalg.eigvalsh(root @ b @ root).sqrt().sum()
    assert sample_quality(torch.empty(500, 1, 28, 28), theirs).fid == pytest.approx(by_hand.item(), rel=1e-3)


# Samples


def test_real_features_are_of_training_images_and_always_the_same_ones(tiny_mnist, monkeypatch):
    monkeypatch.setattr(quality, "SAMPLE_SIZE", 100)
    features = quality.real_features(tiny_mnist)
    assert features.shape == (100, 128)
    torch.manual_seed(99)
    assert torch.equal(quality.real_features(tiny_mnist), features)
    other_test_images = tiny_mnist._replace(test_images=255 - tiny_mnist.test_images)
    assert torch.equal(quality.real_features(other_test_images), features)
    whole = features_and_logits(tiny_mnist.train_images)[0]
    distance = torch.cdist(features.double(), whole.double()).amin(1)
    assert distance.max() < 1e-2 * whole.norm(dim=1).mean()


def test_samples_are_bytes_that_depend_on_the_seed_and_leave_g_as_it_was(tiny_config):
    generator = build_models(tiny_config.but(weight_std=0.1))[0].train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    samples = generate_samples(generator, count=520)
    assert (samples.shape, samples.dtype) == ((520, 1, 28, 28), torch.uint8)
    assert generator.training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    torch.manual_seed(99)
    assert torch.equal(generate_samples(generator, count=520), samples)
    assert not torch.equal(generate_samples(generator, count=520, seed=1), samples)
    assert len(samples.unique(dim=0)) == 520
    latents = sample_latent(520, tiny_config.latent_size, torch.Generator().manual_seed(0))
    assert torch.equal(samples[510:], generate(generator, latents[510:]))


def test_what_g_has_learnt_shows_in_the_distance(mnist, real):
    taught, _, config = results.load_record("sgan").models()
    untaught = build_models(config)[0]
    learnt, not_learnt = (sample_quality(generate_samples(model, COUNT), real) for model in (taught, untaught))
    assert learnt.fid < not_learnt.fid / 5
    assert learnt.kid < not_learnt.kid / 3
    assert learnt.score > 5 > not_learnt.score
