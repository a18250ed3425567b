"""The losses: the equations, torch's own losses, and what they do at their limits."""

import math

import pytest
import torch
from torch.nn import functional as F

from sgan_utils.losses import (
    consistency_loss,
    feature_matching_loss,
    generator_loss,
    non_saturating_loss,
    pseudo_label,
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


def test_with_smoothing_real_images_have_a_target_below_1_and_generated_ones_keep_theirs():
    on_real, on_generated = numbers(32), numbers(32, seed=1)
    targets = torch.cat([torch.full((32,), 0.9, dtype=torch.float64), torch.zeros(32).double()])
    close(unsupervised_loss(on_real, on_generated, 0.1), bce(torch.cat([on_real, on_generated]), targets))


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


# Pseudo-labels and consistency


def logits_of(*probabilities):
    """Class logits whose softmax is the given probabilities of the first digits; the other digits share the rest."""
    rows = [[*row, *[(1 - sum(row)) / (10 - len(row))] * (10 - len(row))] for row in probabilities]
    return torch.tensor(rows, dtype=torch.float64).log()


def test_without_balance_an_image_is_named_as_d_names_it_and_counts_from_the_confidence_on():
    logits = logits_of([0.95], [0.1, 0.85], [0.05, 0.05, 0.8999])
    pseudo_labels, sure = pseudo_label(logits, confidence=0.85 - 1e-9)
    assert pseudo_labels.tolist() == [0, 1, 2]
    assert sure.tolist() == [True, True, True]
    assert pseudo_label(logits, confidence=0.9)[1].tolist() == [True, False, False]
    shifted = logits + numbers(3, 1)  # a softmax does not see what is added to all logits
    assert pseudo_label(shifted, confidence=0.9)[1].tolist() == [True, False, False]


def test_pseudo_labels_follow_the_largest_logit_whatever_the_other_images_are():
    logits = numbers(50, 10)
    assert torch.equal(pseudo_label(logits, confidence=0.5)[0], logits.argmax(1))
    assert torch.equal(pseudo_label(logits[:1], confidence=0.5)[0], logits[:1].argmax(1))


def test_with_confidence_0_every_image_counts_and_with_1_only_a_certain_one():
    logits = torch.cat([numbers(20, 10), 1e4 * torch.eye(1, 10).double()])
    assert pseudo_label(logits, confidence=0.0)[1].all()
    assert pseudo_label(logits, confidence=1.0)[1].tolist() == [False] * 20 + [True]


def test_with_balance_a_digit_that_is_named_too_often_loses():
    logits = logits_of(*[[0.9, 0.05]] * 9, [0.5, 0.4])
    assert pseudo_label(logits, confidence=0.0)[0].tolist() == [0] * 10
    assert pseudo_label(logits, confidence=0.0, balance=1.0)[0].tolist()[-1] == 1


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_balance_divides_by_the_mean_over_the_batch_and_confidence_is_measured_afterwards(balance):
    logits = numbers(40, 10)
    probability = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
    share = sum(probability) / 40
    by_hand = torch.stack([row / share**balance for row in probability])
    by_hand = torch.stack([row / sum(row) for row in by_hand])
    pseudo_labels, sure = pseudo_label(logits, 0.8, balance)
    assert torch.equal(pseudo_labels, by_hand.argmax(1))
    assert torch.equal(sure, by_hand.amax(1) >= 0.8)
    assert 0 < sure.sum() < 40


def test_where_digits_are_named_equally_often_balance_changes_nothing():
    logits = 5 * torch.eye(10, dtype=torch.float64)  # each digit once
    for ours, theirs in zip(pseudo_label(logits, 0.9, 1.0), pseudo_label(logits, 0.9, 0.0), strict=True):
        assert torch.equal(ours, theirs)


def test_no_gradient_flows_through_pseudo_labels():
    on_unlabelled, on_augmented = numbers(6, 10).requires_grad_(), numbers(6, 10, seed=1).requires_grad_()
    pseudo_labels, sure = pseudo_label(on_unlabelled, confidence=0.0, balance=1.0)
    assert not pseudo_labels.is_floating_point()
    assert sure.dtype == torch.bool
    consistency_loss(on_augmented, pseudo_labels, sure).backward()
    assert on_unlabelled.grad is None
    assert (on_augmented.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_d_that_is_as_sure_as_can_be_is_believed_with_balance_too(dtype):
    logits = 1e4 * torch.eye(4, 10, dtype=dtype)  # six digits have a probability of exactly 0 in every image
    for balance in (0.0, 1.0):
        pseudo_labels, sure = pseudo_label(logits, confidence=0.9, balance=balance)
        assert pseudo_labels.tolist() == [0, 1, 2, 3]
        assert sure.tolist() == [True] * 4


def test_the_consistency_loss_is_the_cross_entropy_of_the_sure_ones_over_all():
    logits, pseudo_labels = numbers(8, 10), torch.arange(8)
    sure = torch.tensor([True, False] * 4)
    by_hand = sum(-torch.log(torch.exp(logits[i, i]) / torch.exp(logits[i]).sum()) for i in (0, 2, 4, 6)) / 8
    close(consistency_loss(logits, pseudo_labels, sure), by_hand)
    close(consistency_loss(logits, pseudo_labels, sure | True), supervised_loss(logits, pseudo_labels))


def test_the_consistency_loss_is_0_and_teaches_nothing_when_nobody_is_sure():
    logits = numbers(8, 10).requires_grad_()
    loss = consistency_loss(logits, torch.arange(8), torch.zeros(8, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_images_of_which_d_is_not_sure_teach_nothing():
    logits, sure = numbers(8, 10).requires_grad_(), torch.arange(8) < 3
    consistency_loss(logits, torch.arange(8), sure).backward()
    assert torch.equal(logits.grad.abs().sum(1) > 0, sure)
