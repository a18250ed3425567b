"""G, D and its three heads."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgan_utils.config import SGANConfig
from sgan_utils.losses import non_saturating_loss, supervised_loss
from sgan_utils.models import (
    HEADS,
    Belief,
    Discriminator,
    Generator,
    build_models,
    count_parameters,
    evaluating,
    frozen,
    initialise_weights,
    n_head,
    n_plus_1_head,
    sample_latent,
    two_heads,
)


def outputs_of(count, images=64, scale=1.0):
    random = torch.Generator().manual_seed(count)
    return scale * torch.randn(images, count, dtype=torch.float64, generator=random)


def labels_of(images=64):
    return torch.randint(10, (images,), generator=torch.Generator().manual_seed(1))


def layers(model):
    return [type(module).__name__ for module in model.modules() if not list(module.children())]


# The heads


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_n_plus_1_outputs_are_the_eleven_way_softmax(scale):
    outputs, labels = outputs_of(11, scale=scale), labels_of()
    belief = n_plus_1_head(outputs, features=outputs)
    # "Which digit?" and "is it real?" together are one question with eleven answers.
    ours = supervised_loss(belief.class_logits, labels) + non_saturating_loss(belief.real_logit)
    torch.testing.assert_close(ours, F.cross_entropy(outputs, labels), atol=1e-6, rtol=0)


def test_n_plus_1_outputs_call_an_image_generated_as_the_eleventh_class_does():
    outputs = outputs_of(11)
    belief = n_plus_1_head(outputs, features=outputs)
    eleventh = torch.full((64,), 10)
    torch.testing.assert_close(
        F.softplus(belief.real_logit).mean(), F.cross_entropy(outputs, eleventh), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(belief.real_logit.sigmoid(), outputs.softmax(1)[:, :10].sum(1), atol=1e-6, rtol=0)


def test_n_outputs_are_n_plus_1_outputs_with_the_last_fixed_at_0():
    outputs = outputs_of(10)
    salimans = n_head(outputs, features=outputs)
    odena = n_plus_1_head(torch.cat([outputs, torch.zeros(64, 1)], 1), features=outputs)
    torch.testing.assert_close(salimans.class_logits, odena.class_logits)
    torch.testing.assert_close(salimans.real_logit, odena.real_logit)


def test_fixing_the_last_output_loses_nothing_because_only_differences_count():
    outputs = outputs_of(11)
    odena = n_plus_1_head(outputs, features=outputs)
    salimans = n_head(outputs[:, :10] - outputs[:, 10:], features=outputs)
    torch.testing.assert_close(salimans.real_logit, odena.real_logit)
    torch.testing.assert_close(salimans.class_logits.softmax(1), odena.class_logits.softmax(1))


def test_two_heads_read_ten_digits_and_an_output_of_its_own():
    outputs = outputs_of(11)
    belief = two_heads(outputs, features=outputs)
    assert torch.equal(belief.class_logits, outputs[:, :10])
    assert torch.equal(belief.real_logit, outputs[:, 10])


@pytest.mark.parametrize("head", HEADS)
def test_every_head_stays_finite_for_huge_outputs_of_either_sign(head):
    count, read = HEADS[head]
    for outputs in (torch.full((3, count), 1e4), torch.full((3, count), -1e4), 1e4 * torch.eye(count)):
        belief = read(outputs, features=outputs)
        assert belief.class_logits.isfinite().all()
        assert belief.real_logit.isfinite().all()


# D


@pytest.mark.parametrize("head", HEADS)
def test_d_turns_images_into_a_belief_of_three_parts(head, device):
    discriminator = Discriminator(head, channels=(4, 5, 6)).to(device)
    belief = discriminator(torch.zeros(7, 1, 28, 28, device=device))
    assert isinstance(belief, Belief)
    assert (belief.class_logits.shape, belief.real_logit.shape, belief.features.shape) == (
        (7, 10),
        (7,),
        (7, 6 * 4 * 4),
    )
    assert {part.dtype for part in belief} == {torch.float32}
    assert {part.device.type for part in belief} == {device}


def test_d_is_three_normalised_convolutions_and_one_linear_layer():
    block = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert layers(Discriminator()) == [*block, *block, *block, "Linear"]


@pytest.mark.parametrize(("head", "outputs"), [("two_heads", 11), ("n_plus_1", 11), ("n", 10)])
def test_the_heads_differ_in_their_outputs_only(head, outputs):
    discriminator = Discriminator(head, channels=(4, 5, 6))
    assert discriminator.linear.weight.shape == (outputs, 96)
    others = count_parameters(discriminator) - count_parameters(discriminator.linear)
    assert others == 4 * 25 + 5 * 4 * 25 + 6 * 5 * 9 + 2 * (4 + 5 + 6)


def test_features_are_what_the_last_layer_looks_at():
    discriminator = Discriminator("n", channels=(4, 5, 6)).eval()
    belief = discriminator(torch.rand(3, 1, 28, 28))
    torch.testing.assert_close(discriminator.linear(belief.features), belief.class_logits)


def test_d_takes_one_image_in_evaluation_mode_and_says_the_same_as_in_a_batch():
    discriminator = Discriminator(channels=(4, 5, 6)).eval()
    images = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(discriminator(images[2:3]).class_logits, discriminator(images).class_logits[2:3])


def test_a_belief_is_float32_even_where_the_convolutions_compute_in_bfloat16():
    discriminator, generator = Discriminator(channels=(4, 5, 6)), Generator(3, channels=(6, 5, 4))
    with torch.autocast("cpu", torch.bfloat16):
        belief, images = discriminator(torch.rand(5, 1, 28, 28)), generator(torch.randn(5, 3))
    assert {part.dtype for part in belief} == {images.dtype} == {torch.float32}


def test_channels_last_in_memory_changes_nothing():
    discriminator = Discriminator(channels=(4, 5, 6)).eval()
    images = torch.rand(5, 1, 28, 28)
    plain = discriminator(images)
    relaid = discriminator.to(memory_format=torch.channels_last)(images)
    for ours, theirs in zip(relaid, plain, strict=True):
        torch.testing.assert_close(ours, theirs)


# G


@pytest.mark.parametrize(("latent_size", "channels"), [(100, (64, 32, 16)), (1, (1, 1, 1)), (7, (3, 5, 2))])
def test_g_turns_latents_into_images_from_minus_one_to_one(latent_size, channels, device):
    generator = Generator(latent_size, channels).to(device)
    images = generator(3 * torch.randn(6, latent_size, device=device))
    assert (images.shape, images.dtype, images.device.type) == ((6, 1, 28, 28), torch.float32, device)
    assert images.abs().max() <= 1


def test_g_is_a_linear_layer_two_normalised_upscaling_convolutions_one_convolution_and_tanh():
    block = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert layers(Generator()) == ["Linear", "Unflatten", *block, *block, "Conv2d", "Tanh"]


def test_different_latents_give_different_images():
    generator = initialise_weights(Generator(8, (6, 5, 4)), std=0.1).eval()
    images = generator(torch.randn(2, 8))
    assert (images[0] - images[1]).abs().max() > 1e-3


# Initial weights


def test_initial_weights_are_normal_with_the_asked_spread_and_biases_are_0():
    model = initialise_weights(nn.Sequential(Generator(), Discriminator()), std=0.05)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.06)
            assert 0 < module.weight.std().item() < 0.1
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            error = 4 * 0.05 / module.weight.numel() ** 0.5
            assert module.weight.mean().item() == pytest.approx(0, abs=error)
            assert module.weight.std().item() == pytest.approx(0.05, abs=error)
        if getattr(module, "bias", None) is not None:
            assert not module.bias.any()


def test_initialising_changes_the_model_itself_and_returns_it():
    model = nn.Linear(3, 3)
    before = model.weight.clone()
    assert initialise_weights(model) is model
    assert not torch.equal(model.weight, before)


def test_models_are_built_as_the_configuration_says():
    config = SGANConfig(latent_size=7, channels_g=(6, 5, 4), channels_d=(3, 4, 5), head="n", weight_std=0.5)
    generator, discriminator = build_models(config)
    assert generator.latent_size == 7
    assert [parameter.shape[1] for parameter in generator.parameters() if parameter.dim() == 4] == [5, 4, 4]
    assert [parameter.shape[0] for parameter in discriminator.parameters() if parameter.dim() == 4] == [3, 4, 5]
    assert discriminator.linear.out_features == 10
    assert discriminator.linear.weight.std().item() == pytest.approx(0.5, rel=0.1)


def test_initial_weights_depend_on_the_seed_alone(tiny_config):
    def weights(seed):
        return torch.cat(
            [value.flatten() for model in build_models(tiny_config.but(seed=seed)) for value in model.parameters()]
        )

    torch.manual_seed(1)
    first = weights(0)
    torch.manual_seed(2)
    assert torch.equal(weights(0), first)
    assert not torch.equal(weights(1), first)


def test_building_models_leaves_the_global_random_state_alone(tiny_config, device):
    states = torch.cuda.get_rng_state if device == "cuda" else torch.mps.get_rng_state if device == "mps" else None
    before = torch.get_rng_state(), states() if states else torch.empty(0)
    build_models(tiny_config)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(states() if states else torch.empty(0), before[1])


def test_building_models_seeds_no_gpu(tiny_config, monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    build_models(tiny_config)
    assert seeded == []


# Latents


def test_latents_are_standard_normal_and_repeat_with_their_generator(device):
    random = torch.Generator(device)
    latents = sample_latent(2_000, 10, random.manual_seed(4))
    assert (latents.shape, latents.device.type) == ((2_000, 10), device)
    assert latents.mean().item() == pytest.approx(0, abs=0.03)
    assert latents.std().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(sample_latent(2_000, 10, random.manual_seed(4)), latents)
    assert not torch.equal(sample_latent(2_000, 10, random), latents)


def test_latents_without_a_generator_come_from_the_global_random_state():
    torch.manual_seed(0)
    first = sample_latent(3, 2)
    torch.manual_seed(0)
    assert torch.equal(sample_latent(3, 2), first)


# Counting, freezing, evaluating


def test_parameters_are_counted_if_training_can_change_them():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    assert count_parameters(model) == 3 * 4 + 4 + 2 * 4
    model[1].requires_grad_(False)
    assert count_parameters(model) == 3 * 4 + 4


def test_gradients_flow_through_a_frozen_model_but_not_into_it():
    discriminator, images = Discriminator(channels=(4, 5, 6)), torch.rand(4, 1, 28, 28, requires_grad=True)
    with frozen(discriminator):
        loss = discriminator(images).real_logit.sum()
    loss.backward()
    assert images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in discriminator.parameters())


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_is_thawed_again_even_if_something_fails(fails):
    model = nn.Linear(2, 2)
    try:
        with frozen(model):
            assert not any(parameter.requires_grad for parameter in model.parameters())
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_model_returns_to_its_mode_after_evaluating_even_if_something_fails(training, fails):
    model = Discriminator(channels=(4, 5, 6)).train(training)
    memory = {name: value.clone() for name, value in model.named_buffers()}
    try:
        with evaluating(model):
            assert not any(module.training for module in model.modules())
            assert not model(torch.rand(4, 1, 28, 28)).real_logit.requires_grad
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert {module.training for module in model.modules()} == {training}
    assert torch.is_grad_enabled()
    assert all(torch.equal(value, memory[name]) for name, value in model.named_buffers())
