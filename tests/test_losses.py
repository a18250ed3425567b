"""The losses: the equations, torch's own losses, and what they do at their limits."""

import math

import pytest
import torch
from torch.nn import functional as F

from sgan_utils.losses import (
    feature_matching_loss,
    generator_loss,
    non_saturating_loss,
    saturating_loss,
    supervised_loss,
    unsupervised_loss,
)
from sgan_utils.models import Belief

bce = F.binary_cross_entropy_with_logits


def numbers(*shape, seed=0, scale=3.0):
    return scale * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_the_supervised_loss_is_cross_entropy():
    logits, labels = numbers(32, 10), torch.arange(32) % 10
    by_hand = -torch.log(torch.exp(logits[range(32), labels]) / torch.exp(logits).sum(1)).mean()
    close(supervised_loss(logits, labels), by_hand)
    close(supervised_loss(logits, labels), F.cross_entropy(logits, labels))


def test_the_supervised_loss_of_a_guess_is_log_10():
    assert supervised_loss(torch.zeros(4, 10), torch.arange(4)).item() == pytest.approx(math.log(10))


def test_the_unsupervised_loss_is_the_binary_cross_entropy_of_a_half_real_half_generated_batch():
    on_real, on_generated = numbers(32), numbers(32, seed=1)
    targets = torch.cat([torch.ones(32), torch.zeros(32)]).double()
    close(unsupervised_loss(on_real, on_generated), bce(torch.cat([on_real, on_generated]), targets))


def test_real_and_generated_images_weigh_the_same_however_many_there_are():
    on_real, on_generated = numbers(8), numbers(100, seed=1)
    halves = bce(on_real, torch.ones_like(on_real)) / 2 + bce(on_generated, torch.zeros_like(on_generated)) / 2
    close(unsupervised_loss(on_real, on_generated), halves)


def test_the_generators_losses_are_binary_cross_entropies():
    logit = numbers(32)
    close(non_saturating_loss(logit), bce(logit, torch.ones_like(logit)))
    close(saturating_loss(logit), -bce(logit, torch.zeros_like(logit)))


def test_losses_are_log_2_when_d_cannot_tell():
    nothing = torch.zeros(5)
    assert unsupervised_loss(nothing, nothing).item() == pytest.approx(math.log(2))
    assert non_saturating_loss(nothing).item() == pytest.approx(math.log(2))
    assert saturating_loss(nothing).item() == pytest.approx(-math.log(2))


def test_d_that_is_right_has_less_loss_than_d_that_is_wrong():
    sure = torch.full((4,), 5.0)
    assert unsupervised_loss(sure, -sure) < 0.01
    assert unsupervised_loss(-sure, sure) > 4.9
    assert non_saturating_loss(sure) < non_saturating_loss(-sure)
    assert saturating_loss(sure) < saturating_loss(-sure)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_losses_and_their_gradients_stay_finite_for_huge_logits(size, dtype):
    logit = torch.full((4,), size, dtype=dtype, requires_grad=True)
    class_logits = (size * torch.eye(4, 10, dtype=dtype)).requires_grad_()
    losses = [
        unsupervised_loss(logit, logit),
        non_saturating_loss(logit),
        saturating_loss(logit),
        supervised_loss(class_logits, torch.arange(4)),
        supervised_loss(class_logits, torch.tensor([9, 8, 7, 6])),
    ]
    assert all(loss.isfinite() for loss in losses)
    sum(losses).backward()
    assert logit.grad.isfinite().all()
    assert class_logits.grad.isfinite().all()
    assert unsupervised_loss(logit, logit).item() == pytest.approx(1e4 / 2)


def gradient(loss, at):
    logit = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    loss(logit).backward()
    return logit.grad.item()


def test_when_d_is_sure_the_saturating_gradient_vanishes_and_the_non_saturating_one_does_not():
    assert abs(gradient(saturating_loss, at=-20)) < 1e-8
    assert gradient(non_saturating_loss, at=-20) == pytest.approx(-1)


@pytest.mark.parametrize("at", [-3.0, 0.0, 3.0])
def test_both_generator_losses_pull_in_the_same_direction(at):
    # -sigmoid(r) and -sigmoid(-r): both raise D's belief.
    assert gradient(saturating_loss, at) == pytest.approx(-1 / (1 + math.exp(-at)))
    assert gradient(non_saturating_loss, at) == pytest.approx(-1 / (1 + math.exp(at)))


def test_the_saturating_loss_is_the_negative_of_d_s_loss_on_generated_images():
    logit = numbers(16)
    d_s_half = unsupervised_loss(torch.full((1,), 1e4).double(), logit)  # D is right about the real ones
    close(saturating_loss(logit), -2 * d_s_half)


def test_feature_matching_compares_means_over_the_batch():
    on_real, on_generated = numbers(20, 6), numbers(30, 6, seed=1)
    by_hand = sum((on_real[:, i].mean() - on_generated[:, i].mean()) ** 2 for i in range(6)) / 6
    close(feature_matching_loss(on_real, on_generated), by_hand)


def test_feature_matching_is_0_when_means_agree_though_images_differ():
    on_real = numbers(20, 6)
    assert feature_matching_loss(on_real, on_real.flip(0)).item() == pytest.approx(0, abs=1e-12)
    spread = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    assert feature_matching_loss(spread, torch.zeros(5, 2)).item() == 0


@pytest.mark.parametrize(("kind", "loss"), [("non_saturating", non_saturating_loss), ("saturating", saturating_loss)])
def test_the_loss_of_g_that_the_configuration_names_is_taken(kind, loss):
    on_generated = Belief(numbers(4, 10), numbers(4), numbers(4, 6))
    close(generator_loss(kind, None, on_generated), loss(on_generated.real_logit))


def test_feature_matching_is_taken_by_name_and_looks_at_features_only():
    on_real, on_generated = (Belief(numbers(4, 10, seed=i), numbers(4, seed=i), numbers(4, 6, seed=i)) for i in (0, 1))
    wanted = feature_matching_loss(on_real.features, on_generated.features)
    close(generator_loss("feature_matching", on_real, on_generated), wanted)
    blind = on_generated._replace(real_logit=torch.full((4,), math.nan))
    close(generator_loss("feature_matching", on_real, blind), wanted)
