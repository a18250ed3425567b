"""One step of D, one step of G, the loop around them, and the promise that the same seed gives the same run."""

import copy
import functools
import math
import os
import random
import signal
import threading
import time
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.optim import SGD

from sgan_utils import training
from sgan_utils.config import GeneratorLoss
from sgan_utils.data import Sources, draw_labelled, split_sources, to_model_range
from sgan_utils.evaluation import Film, accuracy, fixed_latents
from sgan_utils.models import HEADS, build_models, sample_latent
from sgan_utils.support.errors import DivergedError
from sgan_utils.support.run import History, Run
from sgan_utils.support.session import steps_of
from sgan_utils.training import discriminator_step, generator_step, learning_rate_scale, make_inputs, train

COLUMNS = ["supervised", "unsupervised", "belief_in_real", "belief_in_generated", "generator"]


def weights(model) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# One step


@pytest.fixture
def one_step(tiny_config, tiny_sources):
    """D, G and one batch from each source."""
    config = tiny_config.but(weight_std=0.1)
    generator, discriminator = build_models(config)
    images = to_model_range(tiny_sources.labelled_images[:16])
    labelled = (images, tiny_sources.labelled_labels[:16])
    unlabelled = to_model_range(tiny_sources.unlabelled_images[:12])
    generated = generator(sample_latent(12, config.latent_size, torch.Generator().manual_seed(0)))
    return config, generator, discriminator, labelled, unlabelled, generated


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("share", [(1.0, 0.5, 0.0), (0.0, 2.0, 0.0), (3.0, 0.0, 0.0), (1.0, 0.5, 2.0), (1.0, 0.0, 2.0)])
def test_a_discriminator_step_goes_down_the_weighted_sum_of_its_losses(one_step, head, share):
    config, _, _, (images, labels), unlabelled, generated = one_step
    fields = dict(zip(("supervised_weight", "unsupervised_weight", "consistency_weight"), share, strict=True))
    _, discriminator = build_models(config.but(head=head))
    by_hand = copy.deepcopy(discriminator)
    moved = unlabelled.roll(2, dims=3)
    supervised = F.cross_entropy(by_hand(images).class_logits, labels)
    real, fake = by_hand(unlabelled).real_logit, by_hand(generated.detach()).real_logit
    unsupervised = F.binary_cross_entropy_with_logits(torch.cat([real, fake]), torch.cat([real * 0 + 1, fake * 0]))
    balanced = by_hand(unlabelled).class_logits.softmax(1).detach()
    balanced = F.normalize(balanced / balanced.mean(0).sqrt(), p=1, dim=1)
    confidence = balanced.amax(1).sort().values[5:7].mean().item()
    sure = balanced.amax(1) >= confidence  # six of the twelve
    consistency = F.cross_entropy(by_hand(moved).class_logits[sure], balanced.argmax(1)[sure]) / 2
    (share[0] * supervised + share[1] * unsupervised + share[2] * consistency).backward()
    wanted = torch.cat([(p - 0.1 * p.grad).detach().flatten() for p in by_hand.parameters()])

    config = config.but(head=head, confidence=confidence, balance=0.5, **fields)
    optimizer = SGD(discriminator.parameters(), lr=0.1)
    said = discriminator_step(discriminator, optimizer, (images, labels), unlabelled, generated, config, moved)

    torch.testing.assert_close(weights(discriminator), wanted)
    measured = {"supervised": supervised.detach()}
    if share[1]:  # only then D was asked what it takes to be real
        measured["unsupervised"] = unsupervised.detach()
        measured["belief_in_real"] = real.sigmoid().mean().detach()
        measured["belief_in_generated"] = fake.sigmoid().mean().detach()
    torch.testing.assert_close(said, measured)


@pytest.mark.parametrize("kind", get_args(GeneratorLoss))
def test_a_generator_step_goes_down_the_loss_that_the_configuration_names(one_step, kind):
    config, generator, discriminator, _, unlabelled, generated = one_step
    d_by_hand, g_by_hand = copy.deepcopy(discriminator), copy.deepcopy(generator)
    on_generated = d_by_hand(g_by_hand(sample_latent(12, config.latent_size, torch.Generator().manual_seed(0))))
    log_real, log_generated = F.logsigmoid(on_generated.real_logit), F.logsigmoid(-on_generated.real_logit)
    means = on_generated.features.mean(0) - d_by_hand(unlabelled).features.mean(0).detach()
    loss = {
        "non_saturating": -log_real.mean(),
        "saturating": log_generated.mean(),
        "feature_matching": means.square().mean(),
    }[kind]
    gradients = torch.autograd.grad(loss, list(g_by_hand.parameters()))
    wanted = weights(g_by_hand) - 0.1 * torch.cat([gradient.flatten() for gradient in gradients])

    config = config.but(generator_loss=kind)
    said = generator_step(discriminator, SGD(generator.parameters(), lr=0.1), unlabelled, generated, config)

    torch.testing.assert_close(weights(generator), wanted)
    torch.testing.assert_close(said["generator"], loss.detach())


def test_a_discriminator_step_leaves_g_and_its_gradients_untouched(one_step):
    config, generator, discriminator, labelled, unlabelled, generated = one_step
    before = weights(generator)
    for parameter in generator.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    optimizer, start = SGD(discriminator.parameters(), lr=0.1), weights(discriminator)
    discriminator_step(discriminator, optimizer, labelled, unlabelled, generated, config)
    assert torch.equal(weights(generator), before)
    assert all((parameter.grad == 7).all() for parameter in generator.parameters())
    assert not torch.equal(weights(discriminator), start)


@pytest.mark.parametrize("kind", ["non_saturating", "feature_matching"])
def test_a_generator_step_leaves_d_and_its_gradients_untouched_and_ready_to_learn(one_step, kind):
    config, generator, discriminator, _, unlabelled, generated = one_step
    before, start = weights(discriminator), weights(generator)
    for parameter in discriminator.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    optimizer = SGD(generator.parameters(), lr=0.1)
    generator_step(discriminator, optimizer, unlabelled, generated, config.but(generator_loss=kind))
    assert torch.equal(weights(discriminator), before)
    assert all((parameter.grad == 7).all() for parameter in discriminator.parameters())
    assert all(parameter.requires_grad for parameter in discriminator.parameters())
    assert not torch.equal(weights(generator), start)


def test_images_that_the_configuration_has_no_use_for_are_not_looked_at(one_step):
    config, _, discriminator, labelled, unlabelled, generated = one_step
    seen = []
    discriminator.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    nothing = torch.full_like(unlabelled, math.nan)
    optimizer = SGD(discriminator.parameters(), lr=0.1)
    discriminator_step(discriminator, optimizer, labelled, nothing, nothing, config.but(unsupervised_weight=0), nothing)
    assert len(seen) == 1
    assert seen[0] is labelled[0]
    discriminator_step(discriminator, optimizer, labelled, unlabelled, generated, config, nothing)
    assert len(seen) == 4
    assert not any(images.isnan().any() for images in seen)


def test_gradients_left_from_before_do_not_count(one_step):
    config, generator, discriminator, labelled, unlabelled, _ = one_step
    twins = copy.deepcopy((generator, discriminator))
    for model in (generator, discriminator):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 1e3)
    for g, d in ((generator, discriminator), twins):
        images = g(sample_latent(12, config.latent_size, torch.Generator().manual_seed(0)))
        discriminator_step(d, SGD(d.parameters(), lr=0.1), labelled, unlabelled, images, config)
        generator_step(d, SGD(g.parameters(), lr=0.1), unlabelled, images, config)
    assert torch.equal(weights(discriminator), weights(twins[1]))
    assert torch.equal(weights(generator), weights(twins[0]))


def test_what_a_step_says_waits_for_nobody(one_step):
    config, generator, discriminator, labelled, unlabelled, generated = one_step
    said = discriminator_step(
        discriminator, SGD(discriminator.parameters(), lr=0.1), labelled, unlabelled, generated, config
    ) | generator_step(discriminator, SGD(generator.parameters(), lr=0.1), unlabelled, generated, config)
    assert set(said) == set(COLUMNS)
    assert all(isinstance(value, torch.Tensor) and value.shape == () for value in said.values())
    assert not any(value.requires_grad for value in said.values())


# What a step starts from


@pytest.fixture
def bytes_of_a_step(tiny_sources):
    """A labelled and an unlabelled batch, as they come from memory."""
    labelled = (tiny_sources.labelled_images[:16], tiny_sources.labelled_labels[:16])
    return labelled, tiny_sources.unlabelled_images[:12]


def inputs_of(bytes_of_a_step, config, seed=0, step=0):
    return make_inputs(step, *bytes_of_a_step, config, torch.Generator().manual_seed(seed))


def test_without_tricks_a_step_starts_from_the_images_as_they_are(bytes_of_a_step, tiny_config):
    ((images, labels), unlabelled), inputs = bytes_of_a_step, inputs_of(bytes_of_a_step, tiny_config)
    assert torch.equal(inputs.images, to_model_range(images))
    assert torch.equal(inputs.labels, labels)
    assert torch.equal(inputs.unlabelled, to_model_range(unlabelled))
    assert len(inputs.augmented) == 0
    assert not inputs.noise.any()
    assert torch.equal(inputs.latent, sample_latent(12, tiny_config.latent_size, torch.Generator().manual_seed(0)))


def test_augmentation_moves_the_labelled_images_and_no_others(bytes_of_a_step, tiny_config):
    plain = inputs_of(bytes_of_a_step, tiny_config)
    inputs = inputs_of(bytes_of_a_step, tiny_config.but(augmentation=1.0))
    assert ((inputs.images - plain.images).abs().amax((1, 2, 3)) > 0.1).all()
    assert torch.equal(inputs.labels, plain.labels)
    assert torch.equal(inputs.unlabelled, plain.unlabelled)


def test_consistency_moves_a_copy_of_the_unlabelled_images_as_far_as_asked(bytes_of_a_step, tiny_config):
    plain = inputs_of(bytes_of_a_step, tiny_config)
    for moves, least in ((0.0, 0.0), (1.0, 0.1), (3.0, 0.2)):
        inputs = inputs_of(bytes_of_a_step, tiny_config.but(consistency_weight=1.0, consistency_augmentation=moves))
        assert torch.equal(inputs.images, plain.images)
        assert torch.equal(inputs.unlabelled, plain.unlabelled)
        assert (inputs.augmented - plain.unlabelled).abs().mean() >= least
    still = inputs_of(bytes_of_a_step, tiny_config.but(consistency_weight=1.0, consistency_augmentation=0.0))
    torch.testing.assert_close(still.augmented, still.unlabelled, atol=1e-4, rtol=0)


def test_consistency_sets_in_when_its_share_of_the_run_is_over(bytes_of_a_step, tiny_config):
    config = tiny_config.but(steps=10, consistency_weight=1.0, consistency_start=0.25)
    moved = [len(inputs_of(bytes_of_a_step, config, step=step).augmented) for step in range(10)]
    assert moved == [0] * 3 + [12] * 7


def test_every_image_that_d_is_shown_gets_noise_of_its_own(bytes_of_a_step, tiny_config):
    config = tiny_config.but(input_noise=0.3, consistency_weight=1.0, consistency_augmentation=0.0)
    plain, inputs = inputs_of(bytes_of_a_step, tiny_config), inputs_of(bytes_of_a_step, config)
    noises = [
        inputs.images[:12] - plain.images[:12],
        inputs.unlabelled - plain.unlabelled,
        inputs.augmented - plain.unlabelled,
        inputs.noise,
    ]
    for noise in noises:
        assert noise.std().item() == pytest.approx(0.3, rel=0.03)
    together = torch.corrcoef(torch.stack([noise.flatten() for noise in noises]))
    assert together.fill_diagonal_(0).abs().max() < 0.05


def test_noise_fades_evenly_until_nothing_of_it_is_left(bytes_of_a_step, tiny_config):
    config = tiny_config.but(steps=10, input_noise=0.8, noise_decay=0.5)
    stds = [inputs_of(bytes_of_a_step, config, step=step).noise.std(correction=0).item() for step in range(10)]
    assert stds == pytest.approx([0.8, 0.64, 0.48, 0.32, 0.16, 0, 0, 0, 0, 0], rel=0.05, abs=1e-9)


def test_the_random_generator_decides_all_that_is_drawn_for_a_step(bytes_of_a_step, tiny_config, all_tricks):
    config = tiny_config.but(**all_tricks)
    one, again, other = (inputs_of(bytes_of_a_step, config, seed) for seed in (0, 0, 1))
    for name in ("images", "unlabelled", "augmented", "latent", "noise"):
        assert torch.equal(getattr(one, name), getattr(again, name)), name
        assert not torch.equal(getattr(one, name), getattr(other, name)), name


# A run


def test_a_run_learns_to_name_digits_it_has_never_seen(quick_train, tiny_mnist):
    runs = [quick_train(steps=80, channels_d=(8, 8, 8), learning_rate_d=rate) for rate in (1e-8, 2e-3)]
    untaught, taught = (accuracy(run.classifier(), tiny_mnist.test_images, tiny_mnist.test_labels) for run in runs)
    assert untaught < 0.4
    assert taught > 0.9
    run = runs[1]
    assert run.history["supervised"].iloc[-1] < 0.3 < run.history["supervised"].iloc[0]


def test_d_learns_to_tell_real_from_generated_where_g_stands_still(quick_train):
    history = quick_train(steps=80, learning_rate_g=1e-8, unsupervised_weight=2.0).history
    assert history["unsupervised"].iloc[-1] < 0.2
    assert history["belief_in_real"].iloc[-1] > 0.8 > 0.2 > history["belief_in_generated"].iloc[-1]


def test_g_learns_to_be_taken_for_real_where_d_stands_still(quick_train):
    history = quick_train(steps=60, learning_rate_d=1e-8, weight_std=0.1).history
    assert history["generator"].iloc[-1] < history["generator"].iloc[0] - 0.1
    assert history["belief_in_generated"].iloc[-1] > history["belief_in_generated"].iloc[0]


def test_the_history_is_a_table_with_one_row_a_step(quick_train):
    history = quick_train(steps=5).history
    assert list(history.columns) == COLUMNS
    assert history.index.tolist() == [1, 2, 3, 4, 5]
    assert history.index.name == "step"
    assert np.isfinite(history.to_numpy()).all()
    assert history[["belief_in_real", "belief_in_generated"]].stack().between(0, 1).all()
    assert history["supervised"].iloc[0] == pytest.approx(math.log(10), abs=0.3)
    assert history["unsupervised"].iloc[0] == pytest.approx(math.log(2), abs=0.3)


def test_new_values_of_a_history_are_read_once():
    history = History()
    for number in range(3):
        history.add({column: torch.tensor(float(number)) for column in COLUMNS})
    assert history.read_new().shape == (3, 5)
    assert history.read_new().shape == (0, 5)
    history.add({column: torch.tensor(9.0) for column in COLUMNS})
    assert history.read_new().tolist() == [[9.0] * 5]
    assert history.table()["generator"].tolist() == [0, 1, 2, 9]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("kind", get_args(GeneratorLoss))
def test_every_head_trains_with_every_loss_of_g(quick_train, head, kind):
    run = quick_train(head=head, generator_loss=kind)
    fresh = build_models(run.config)
    assert np.isfinite(run.history.to_numpy()).all()
    assert not torch.equal(weights(run.generator), weights(fresh[0]))
    assert not torch.equal(weights(run.last_discriminator), weights(fresh[1]))


def test_without_sources_a_run_draws_them_from_mnist(tiny_config, mnist, monkeypatch):
    monkeypatch.setattr(training, "load_data", lambda data: mnist)
    config = tiny_config.but(steps=1, labels=20, seed=2)
    run = train(config, progress=False, device="cpu")
    assert torch.equal(run.sources.unlabelled_images, mnist.train_images)
    assert run.history.equals(train(config, split_sources(mnist, config), progress=False, device="cpu").history)


def test_a_run_stays_on_its_device(quick_train, device):
    run = quick_train(device=device)
    assert run.device.type == device
    for model in (run.generator, run.last_discriminator, run.classifier()):
        assert {value.device.type for value in model.state_dict().values()} == {device}
    assert np.isfinite(run.history.to_numpy()).all()


def test_bfloat16_is_for_the_computation_the_weights_stay_float32(quick_train):
    run = quick_train(precision="bfloat16", steps=4)
    assert run.precision == torch.bfloat16
    assert {p.dtype for model in (run.generator, run.last_discriminator) for p in model.parameters()} == {torch.float32}
    assert np.isfinite(run.history.to_numpy()).all()
    assert not run.history.equals(quick_train(steps=4).history)  # it really computed in another format


def test_a_run_leaves_the_images_it_was_given_as_they_were(quick_train, tiny_sources):
    before = [tensor.clone() for tensor in tiny_sources[:5]]
    quick_train()
    assert all(torch.equal(old, new) for old, new in zip(before, tiny_sources[:5], strict=True))


def test_a_run_knows_how_fast_it_was(quick_train):
    run = quick_train(steps=5, batch_size=10, callbacks=[lambda run: time.sleep(0.01)])
    assert run.train_seconds >= 0.05
    assert run.images_per_second == pytest.approx(5 * 10 / run.train_seconds)


# Without G


@pytest.mark.parametrize("tricks", [{}, {"consistency_weight": 1.0, "confidence": 0.12, "input_noise": 0.3}])
def test_where_d_need_not_tell_real_from_generated_g_does_not_change(quick_train, tricks):
    run = quick_train(unsupervised_weight=0, **tricks)
    fresh = build_models(run.config)[0].state_dict()
    assert all(torch.equal(value, fresh[name]) for name, value in run.generator.state_dict().items())
    assert not run.optimizer_g.state
    assert not torch.equal(weights(run.last_discriminator), weights(build_models(run.config)[1]))


def test_without_g_the_history_has_the_supervised_loss_and_nothing_else(quick_train):
    run = quick_train(unsupervised_weight=0)
    assert (run.step, run.stopped) == (8, "")  # what was not measured is no divergence
    assert list(run.history.columns) == COLUMNS
    assert np.isfinite(run.history["supervised"]).all()
    assert run.history[COLUMNS[1:]].isna().all(axis=None)


def test_without_g_the_steps_and_the_labelled_batches_are_those_with_g(quick_train, monkeypatch):
    def batches(weight):
        seen = []

        def noted_step(discriminator, optimizer, labelled, *rest):
            seen.append(labelled[0])
            return discriminator_step(discriminator, optimizer, labelled, *rest)

        monkeypatch.setattr(training, "discriminator_step", noted_step)
        quick_train(unsupervised_weight=weight)
        return seen

    with_g, without = batches(0.5), batches(0.0)
    assert len(with_g) == len(without) == 8
    assert all(torch.equal(one, other) for one, other in zip(with_g, without, strict=True))


@pytest.mark.parametrize("tricks", [{}, {"consistency_weight": 1.0}])
def test_without_g_a_supervised_loss_that_is_no_longer_finite_is_still_found(quick_train, tricks):
    def break_d(run):
        if run.step == 3:
            with torch.no_grad():
                run.last_discriminator.convolutions[0].weight.fill_(math.nan)

    with pytest.raises(DivergedError, match="'supervised' is no longer a finite number in step 4 of 8") as caught:
        quick_train(unsupervised_weight=0, callbacks=[break_d], **tricks)
    assert caught.value.run.history["supervised"].isna().tolist() == [False] * 3 + [True] * 5


# Moves, noise, consistency


@pytest.mark.parametrize(
    "trick",
    [
        {"augmentation": 1.0},
        {"input_noise": 0.3},
        {"consistency_weight": 1.0, "confidence": 0.0},
        {"consistency_weight": 1.0, "confidence": 0.0, "unsupervised_weight": 0.0},
    ],
    ids=lambda trick: "-".join(trick),
)
def test_every_trick_changes_what_d_learns_from_the_first_step_on(quick_train, trick):
    plain = quick_train(steps=1, weight_std=0.1, unsupervised_weight=trick.get("unsupervised_weight", 0.5))
    tricked = quick_train(steps=1, weight_std=0.1, **trick)
    assert not torch.allclose(weights(plain.last_discriminator), weights(tricked.last_discriminator))


def test_d_and_g_are_both_shown_generated_images_with_noise(quick_train, monkeypatch):
    def largest(noise):
        seen = []

        def noted_d_step(discriminator, optimizer, labelled, unlabelled, generated, *rest):
            seen.append(generated.abs().max().item())
            return discriminator_step(discriminator, optimizer, labelled, unlabelled, generated, *rest)

        def noted_g_step(discriminator, optimizer, unlabelled, generated, *rest):
            seen.append(generated.abs().max().item())
            return generator_step(discriminator, optimizer, unlabelled, generated, *rest)

        monkeypatch.setattr(training, "discriminator_step", noted_d_step)
        monkeypatch.setattr(training, "generator_step", noted_g_step)
        quick_train(steps=2, input_noise=noise)
        return seen

    assert len(largest(0.0)) == 4
    assert max(largest(0.0)) <= 1  # G cannot draw beyond paper and ink
    assert min(largest(1.0)) > 2


def test_noise_is_added_to_what_g_draws(quick_train, monkeypatch):
    seen = []

    def with_bright_noise(*arguments):
        *others, noise = make_inputs(*arguments)
        return *others, torch.full_like(noise, 3.0)

    def noted_step(discriminator, optimizer, labelled, unlabelled, generated, *rest):
        seen.append(generated.min().item())
        return discriminator_step(discriminator, optimizer, labelled, unlabelled, generated, *rest)

    monkeypatch.setattr(training, "make_inputs", with_bright_noise)
    monkeypatch.setattr(training, "discriminator_step", noted_step)
    quick_train(steps=2)
    assert min(seen) >= 2  # 3 on top of paper and ink


def test_with_consistency_d_learns_from_unlabelled_images_even_without_g(quick_train, tiny_sources):
    flipped = tiny_sources._replace(unlabelled_images=255 - tiny_sources.unlabelled_images)
    fields = {"unsupervised_weight": 0, "consistency_weight": 1.0, "confidence": 0.12, "weight_std": 0.1}
    one, other = quick_train(**fields), quick_train(flipped, **fields)
    assert not torch.allclose(weights(one.last_discriminator), weights(other.last_discriminator))


def test_until_consistency_sets_in_a_run_is_the_one_without_it(quick_train):
    plain, late = quick_train(), quick_train(consistency_weight=1.0, confidence=0.0, consistency_start=0.5)
    assert torch.equal(plain.log.tensor()[:4], late.log.tensor()[:4])
    assert not torch.equal(plain.log.tensor()[4:], late.log.tensor()[4:])


def test_unlabelled_images_that_d_is_never_sure_of_teach_it_nothing(quick_train):
    plain = quick_train(unsupervised_weight=0)
    doubtful = quick_train(unsupervised_weight=0, consistency_weight=1.0, confidence=1.0)
    assert torch.equal(weights(plain.last_discriminator), weights(doubtful.last_discriminator))


@pytest.mark.parametrize("unsupervised_weight", [0.5, 0.0])
def test_a_consistency_loss_that_is_no_longer_finite_does_not_go_unnoticed_even_in_the_last_step(
    quick_train, monkeypatch, unsupervised_weight
):
    usual, calls = training.consistency_loss, []

    def breaks_at_last(*arguments):
        calls.append(1)
        return usual(*arguments) * (math.nan if len(calls) == 8 else 1.0)

    monkeypatch.setattr(training, "consistency_loss", breaks_at_last)
    with pytest.raises(
        DivergedError,
        match=r"(no longer a finite number in|D.s weights are no longer finite numbers after) step 8 of 8",
    ):
        quick_train(consistency_weight=1.0, confidence=0.0, unsupervised_weight=unsupervised_weight)


def test_a_run_with_all_tricks_learns_to_name_digits_it_has_never_seen(quick_train, tiny_mnist, all_tricks):
    tricks = all_tricks | {"confidence": 0.9}
    run = quick_train(steps=120, channels_d=(8, 8, 8), **tricks)
    assert accuracy(run.classifier(), tiny_mnist.test_images, tiny_mnist.test_labels) > 0.9
    assert np.isfinite(run.history.to_numpy()).all()


# The same seed, the same run


@pytest.mark.parametrize(
    "fields",
    [{}, {"generator_loss": "feature_matching", "head": "n"}, {"protocol": "labelled-only"}, {"precision": "bfloat16"}],
)
def test_the_same_seed_gives_the_same_run_bit_for_bit(quick_train, fields, differences, device):
    train_it = functools.partial(quick_train, seed=3, **fields, device=device)
    assert differences(train_it(), train_it()) == []


def test_the_promise_holds_with_all_tricks_too(quick_train, all_tricks, differences, device):
    train_it = functools.partial(quick_train, **all_tricks, device=device)
    assert differences(train_it(), train_it()) == []
    assert differences(train_it(), train_it(seed=1)) != []


def test_the_promise_holds_for_the_networks_of_the_lessons_on_two_threads_too(train_as_in_the_lessons, differences):
    assert differences(train_as_in_the_lessons(), train_as_in_the_lessons()) == []


def test_batches_and_latents_all_depend_on_the_seed_and_not_on_each_other(quick_train, monkeypatch):
    def drawn(seed):
        seen = []

        def noted_latent(*arguments):
            seen.append(sample_latent(*arguments))
            return seen[-1]

        def noted_step(discriminator, optimizer, labelled, unlabelled, *rest):
            seen.extend([labelled[0], unlabelled])
            return discriminator_step(discriminator, optimizer, labelled, unlabelled, *rest)

        monkeypatch.setattr("sgan_utils.augmentation.sample_latent", noted_latent)
        monkeypatch.setattr(training, "discriminator_step", noted_step)
        quick_train(seed=seed, steps=1, protocol="labelled-only", labelled_batch_size=12)
        return seen

    for one, other in zip(drawn(seed=0), drawn(seed=1), strict=True):
        assert one.shape == other.shape
        assert not torch.equal(one, other)
    _, labelled, unlabelled = drawn(seed=0)
    assert not torch.equal(labelled, unlabelled)


def test_another_seed_gives_another_run(quick_train):
    one, other = quick_train(seed=0), quick_train(seed=1)
    assert not (one.history == other.history).any(axis=None)
    assert not torch.equal(weights(one.generator), weights(other.generator))


@pytest.mark.parametrize("tricks", [False, True])
def test_a_run_does_not_depend_on_the_global_random_state_and_leaves_it_alone(
    quick_train, differences, all_tricks, tricks
):
    fields = all_tricks if tricks else {}
    first = quick_train(**fields)
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    second = quick_train(**fields)
    second.classifier()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert differences(first, second) == []


# Labels and images that a run may not look at


@pytest.mark.parametrize("protocol", ["all-unlabelled", "labelled-only"])
@pytest.mark.parametrize("garbage", [-1, 10**12])
@pytest.mark.parametrize("tricks", [False, True])
def test_labels_outside_the_draw_are_never_read(
    tiny_mnist, tiny_config, protocol, garbage, differences, all_tricks, tricks
):
    config = tiny_config.but(protocol=protocol, **(all_tricks if tricks else {}))
    labelled = draw_labelled(tiny_mnist.train_labels, config.labels, config.seed)
    hidden = torch.full_like(tiny_mnist.train_labels, garbage)
    hidden[labelled] = tiny_mnist.train_labels[labelled]
    garbled = tiny_mnist._replace(train_labels=hidden, test_labels=torch.full_like(tiny_mnist.test_labels, garbage))

    honest = train(config, split_sources(tiny_mnist, config), progress=False, device="cpu")
    blind = train(config, split_sources(garbled, config, labelled=labelled), progress=False, device="cpu")
    assert differences(honest, blind) == []
    assert torch.equal(weights(honest.classifier()), weights(blind.classifier()))


@pytest.mark.parametrize("tricks", [False, True])
def test_labelled_only_looks_at_no_other_image(tiny_mnist, tiny_config, differences, all_tricks, tricks):
    config = tiny_config.but(protocol="labelled-only", **(all_tricks if tricks else {}))
    labelled = draw_labelled(tiny_mnist.train_labels, config.labels, config.seed)
    images = torch.full_like(tiny_mnist.train_images, 99)
    images[labelled] = tiny_mnist.train_images[labelled]
    garbled = tiny_mnist._replace(train_images=images)
    runs = [train(config, split_sources(data, config), progress=False, device="cpu") for data in (tiny_mnist, garbled)]
    assert differences(*runs) == []


@pytest.mark.parametrize("tricks", [False, True])
def test_held_out_images_are_never_looked_at(tiny_mnist, tiny_config, differences, all_tricks, tricks):
    config = tiny_config.but(held_out=100, **(all_tricks if tricks else {}))
    held_out = draw_labelled(tiny_mnist.train_labels, 100, seed=0)
    images = tiny_mnist.train_images.clone()
    images[held_out] = 99
    garbled = tiny_mnist._replace(train_images=images)
    runs = [train(config, split_sources(data, config), progress=False, device="cpu") for data in (tiny_mnist, garbled)]
    assert differences(*runs) == []


def test_the_labelled_images_labels_do_matter(quick_train, tiny_sources, differences):
    swapped = tiny_sources._replace(labelled_labels=9 - tiny_sources.labelled_labels)
    assert differences(quick_train(), quick_train(swapped)) != []


def test_a_plain_gan_looks_at_no_label(quick_train, tiny_sources):
    swapped = tiny_sources._replace(labelled_labels=9 - tiny_sources.labelled_labels)
    gan, blind = quick_train(supervised_weight=0), quick_train(swapped, supervised_weight=0)
    assert torch.equal(weights(gan.generator), weights(blind.generator))
    assert torch.equal(weights(gan.last_discriminator), weights(blind.last_discriminator))


def test_a_plain_classifier_learns_nothing_from_unlabelled_images(quick_train, tiny_sources):
    flipped = tiny_sources._replace(unlabelled_images=255 - tiny_sources.unlabelled_images)
    plain, other = quick_train(unsupervised_weight=0), quick_train(flipped, unsupervised_weight=0)
    assert torch.equal(weights(plain.last_discriminator), weights(other.last_discriminator))


# Learning rates


def test_learning_rates_stay_and_then_fall_evenly_to_0(quick_train):
    rates = []

    def note(run):
        rates.append([optimizer.param_groups[0]["lr"] for optimizer in (run.optimizer_d, run.optimizer_g)])

    quick_train(steps=10, learning_rate_decay=0.4, learning_rate_d=1e-3, learning_rate_g=1e-2, callbacks=[note])
    shares = [1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert [rate for rate, _ in rates] == pytest.approx([1e-3 * share for share in shares])
    assert [rate for _, rate in rates] == pytest.approx([1e-2 * share for share in shares])


def test_without_decay_the_rate_is_constant():
    assert [learning_rate_scale(step / 10, 0.0) for step in range(11)] == [1.0] * 11


def test_decay_over_the_whole_run_falls_from_the_start():
    assert [learning_rate_scale(progress, 1.0) for progress in (0, 0.25, 0.5, 1)] == pytest.approx([1, 0.75, 0.5, 0])


# The averaged D


def test_the_average_follows_d_as_its_decay_says(quick_train):
    by_hand = []

    def follow(run):
        now = weights(run.last_discriminator)
        by_hand.append(now.clone() if not by_hand else 0.8 * by_hand[-1] + 0.2 * now)

    run = quick_train(average_decay=0.8, callbacks=[follow])
    torch.testing.assert_close(weights(run.classifier()), by_hand[-1])
    assert not torch.allclose(weights(run.classifier()), weights(run.last_discriminator))


def test_without_averaging_the_classifier_has_the_last_weights(quick_train):
    run = quick_train(average_decay=0)
    assert torch.equal(weights(run.classifier()), weights(run.last_discriminator))


def test_the_classifiers_normalisation_is_measured_on_unlabelled_real_images(quick_train, tiny_sources):
    run = quick_train()
    classifier, in_training = run.classifier(), run.last_discriminator
    first, norm = classifier.convolutions[0], classifier.convolutions[1]
    order = torch.randperm(len(tiny_sources.unlabelled_images), generator=torch.Generator().manual_seed(0))
    seen = first(to_model_range(tiny_sources.unlabelled_images[order[: 400 // 12 * 12]]))
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)).detach(), atol=1e-5, rtol=1e-4)
    variance = torch.stack([batch.var((0, 2, 3)) for batch in seen.split(12)]).mean(0)
    torch.testing.assert_close(norm.running_var, variance.detach(), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(norm.running_mean, in_training.convolutions[1].running_mean, rtol=1e-2)


def test_a_classifier_that_is_asked_for_twice_is_the_same(quick_train):
    run = quick_train()
    first = {name: value.clone() for name, value in run.classifier().state_dict().items()}
    second = run.classifier().state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_classifier_is_in_evaluation_mode(quick_train, tiny_sources):
    classifier = quick_train().classifier()
    images = to_model_range(tiny_sources.unlabelled_images[:4])
    together, alone = classifier(images).class_logits, classifier(images[:1]).class_logits
    torch.testing.assert_close(together[:1], alone)


def test_asking_for_the_classifier_on_the_way_changes_nothing(quick_train, differences):
    watched = quick_train(callbacks=[lambda run: run.classifier(), lambda run: run.history])
    assert differences(watched, quick_train()) == []


def test_a_classifier_can_be_had_of_a_run_with_fewer_images_than_a_batch(quick_train):
    run = quick_train(protocol="labelled-only", batch_size=100, steps=2)
    assert all(value.isfinite().all() for value in run.classifier().state_dict().values())


# Callbacks and progress


def test_every_callback_is_called_after_every_step(quick_train):
    seen = []
    run = quick_train(
        callbacks=[lambda run: seen.append(("a", run.step)), lambda run: seen.append(("b", len(run.history)))]
    )
    assert seen == [(name, step) for step in range(1, 9) for name in "ab"]
    assert run.step == 8
    assert run.stopped == ""


def test_a_film_shows_the_same_latents_at_the_asked_steps_and_changes_nothing(quick_train, tiny_config, differences):
    film = Film(fixed_latents(3, tiny_config.latent_size), steps=[5, 1, 8])
    filmed = quick_train(callbacks=[film], learning_rate_g=0.05)
    assert list(film.frames) == [1, 5, 8]
    assert {(tuple(frame.shape), frame.dtype) for frame in film.frames.values()} == {((3, 1, 28, 28), torch.uint8)}
    assert not torch.equal(film.frames[1], film.frames[8])
    assert differences(filmed, quick_train(learning_rate_g=0.05)) == []


def test_without_progress_nothing_is_printed(quick_train, capfd):
    quick_train(progress=False)
    assert capfd.readouterr() == ("", "")


def test_with_progress_a_bar_counts_the_steps(quick_train, capfd):
    quick_train(progress=True)
    assert "8/8" in capfd.readouterr().err


def test_a_bar_is_shown_unless_it_is_unwanted(tiny_config, tiny_sources, capfd):
    train(tiny_config, tiny_sources, device="cpu")
    assert "8/8" in capfd.readouterr().err


def test_a_checkpoint_is_saved_every_1000_steps_unless_something_else_is_asked_for(quick_train, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(training, "steps_of", lambda *given: asked.append(given[3]) or steps_of(*given))
    quick_train(checkpoint=tmp_path / "run.safetensors")
    assert asked == [1_000]


def test_a_run_is_computed_where_it_was_told_to(quick_train, monkeypatch):
    told = []
    monkeypatch.setattr(training, "pick_device", lambda device: told.append(device) or torch.device("cpu"))
    quick_train(device="cuda")
    assert told == ["cuda"]


def test_no_labelled_order_of_a_run_is_the_unlabelled_order_of_any_other(tiny_config, tiny_sources):
    pairs = [training.batches_of(Run.start(tiny_config.but(seed=seed), tiny_sources)) for seed in range(6)]
    seeds = [batches.seed for pair in pairs for batches in pair]
    assert len(set(seeds)) == len(seeds)


# Stopping well


def test_ctrl_c_keeps_what_was_reached_and_says_so(quick_train):
    def interrupt(run):
        if run.step == 3:
            raise KeyboardInterrupt

    run = quick_train(callbacks=[interrupt])
    assert run.stopped == "interrupted after step 3 of 8"
    assert (run.step, len(run.history)) == (3, 3)
    whole = quick_train()
    assert run.history.equals(whole.history.iloc[:3])
    assert run.train_seconds > 0


def press_ctrl_c_in_step(monkeypatch, step):
    """Send the signal of Ctrl-C when D has made this step, but G has not."""
    calls = []

    def generator_step_under_ctrl_c(*arguments):
        calls.append(1)
        if len(calls) == step:
            os.kill(os.getpid(), signal.SIGINT)
        return generator_step(*arguments)

    monkeypatch.setattr(training, "generator_step", generator_step_under_ctrl_c)


def test_a_real_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(quick_train, monkeypatch, differences):
    def stop_after_4(run):
        if run.step == 4:
            raise KeyboardInterrupt

    stopped_between_steps = quick_train(callbacks=[stop_after_4])
    press_ctrl_c_in_step(monkeypatch, 4)
    run = quick_train()
    assert run.stopped == "interrupted after step 4 of 8"
    assert differences(run, stopped_between_steps) == []


def test_a_run_in_the_background_where_ctrl_c_is_ignored_goes_on(quick_train, monkeypatch):
    press_ctrl_c_in_step(monkeypatch, 4)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run = quick_train()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (run.step, run.stopped) == (8, "")


def test_a_run_in_a_thread_is_the_same_run(quick_train, differences):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(quick_train()))
    thread.start()
    thread.join()
    assert differences(runs[0], quick_train()) == []


def test_after_a_run_ctrl_c_works_as_before(quick_train):
    before = signal.getsignal(signal.SIGINT)
    quick_train(steps=2)
    assert signal.getsignal(signal.SIGINT) is before


def poison(at):
    """A callback that makes G draw nothing but nan from the step after ``at`` on."""

    def break_g(run):
        if run.step == at:
            with torch.no_grad():
                run.generator.linear.weight.fill_(math.nan)

    return break_g


def test_a_loss_that_is_no_longer_finite_stops_the_run_with_a_sentence(quick_train):
    with pytest.raises(DivergedError) as caught:
        quick_train(callbacks=[poison(at=3)])
    assert str(caught.value) == (
        "'unsupervised' is no longer a finite number in step 4 of 8: "
        "lower learning_rate_d (now 0.002) or learning_rate_g (now 0.004)."
    )
    run = caught.value.run
    assert isinstance(run, Run)
    assert run.history["unsupervised"].isna().tolist() == [False] * 3 + [True] * 5
    assert run.history.iloc[:3].equals(quick_train().history.iloc[:3])


def test_a_diverged_run_does_not_go_on_to_its_end(quick_train):
    with pytest.raises(DivergedError, match="in step 61 of 400") as caught:
        quick_train(steps=400, callbacks=[poison(at=60)])
    assert caught.value.run.step <= 120


def test_the_step_is_named_rightly_even_if_a_callback_has_looked_at_the_history(quick_train):
    with pytest.raises(DivergedError, match="in step 4 of 8"):
        quick_train(callbacks=[poison(at=3), lambda run: run.history])


def test_sources_can_be_ones_own(quick_train):
    images = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)
    mine = Sources(images, torch.arange(20) % 10, images, images[:0], torch.arange(0))
    assert len(quick_train(mine, labels=20).history) == 8
