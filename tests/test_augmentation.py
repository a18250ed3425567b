"""Moves and noise: how far an image goes, what stays in its range, and what a generator's state decides."""

import math

import pytest
import torch

from sgan_utils.augmentation import ROTATION, SHEAR, SHIFT, ZOOM, random_affine, sample_noise, warp
from sgan_utils.data import to_model_range

PAPER = -1.0
STAY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def some_images(count=5):
    return 2 * torch.rand(count, 1, 28, 28, generator=random(1)) - 1


def shift_of(right, down):
    """A move by whole pixels: what stands in the moved image was fetched from further left and further up."""
    return STAY + torch.tensor([[0.0, 0.0, -2 * right / 28], [0.0, 0.0, -2 * down / 28]])


def parts_of(moves):
    """Turn (radians), shear, zoom in x, zoom in y, shift in x, shift in y (pixels) of each move: (count, 6)."""
    turn, zoom_x = torch.atan2(moves[:, 1, 0], moves[:, 0, 0]), moves[:, :, 0].norm(dim=1)
    sheared = turn.cos() * moves[:, 0, 1] + turn.sin() * moves[:, 1, 1]
    zoom_y = turn.cos() * moves[:, 1, 1] - turn.sin() * moves[:, 0, 1]
    return torch.stack([turn, sheared / zoom_y, zoom_x, zoom_y, *(moves[:, :, 2].T * 28 / 2)], dim=1)


# Moves


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 0), (-3, 0), (0, 5), (2, -4), (-28, 0)])
def test_a_shift_moves_an_image_by_exactly_that_many_pixels_and_leaves_paper_behind(right, down):
    images = some_images()
    wanted = torch.full_like(images, PAPER)
    to_y, to_x = (slice(max(0, by), 28 + min(0, by)) for by in (down, right))
    from_y, from_x = (slice(max(0, -by), 28 + min(0, -by)) for by in (down, right))
    wanted[..., to_y, to_x] = images[..., from_y, from_x]
    moved = warp(images, shift_of(right, down).expand(len(images), 2, 3))
    torch.testing.assert_close(moved, wanted, atol=1e-4, rtol=0)


def test_a_quarter_turn_is_the_image_turned():
    images, quarter = some_images(), torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    moved = warp(images, quarter.expand(len(images), 2, 3))
    torch.testing.assert_close(moved, torch.rot90(images, 1, (2, 3)), atol=1e-4, rtol=0)


def test_a_zoom_by_two_leaves_every_second_pixel_in_the_middle_and_paper_around():
    square = torch.full((1, 1, 28, 28), PAPER)
    square[..., 4:24, 4:24] = 1.0
    moved = warp(square, (2 * STAY * torch.tensor([1.0, 1.0, 0.0]))[None])
    assert moved[0, 0, 9:19, 9:19].allclose(torch.tensor(1.0), atol=1e-5)
    assert moved.sum().item() == pytest.approx(2 * 10 * 10 - 784, abs=1e-2)


def test_moves_of_strength_0_change_nothing():
    images = some_images()
    moves = random_affine(len(images), 0.0, random())
    assert torch.equal(moves, STAY.expand(len(images), 2, 3))
    torch.testing.assert_close(warp(images, moves), images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_moves_go_both_ways_as_far_as_the_strength_allows_and_no_further(strength):
    parts = parts_of(random_affine(2_000, strength, random())) - torch.tensor([0, 0, 1, 1, 0, 0])
    limits = strength * torch.tensor([math.radians(15), 0.2, 0.1, 0.1, 2.0, 2.0])
    assert torch.tensor([ROTATION, SHEAR, ZOOM, ZOOM, SHIFT, SHIFT]).mul(strength).allclose(limits)
    assert (parts.amax(0) <= limits * 1.001).all()
    assert (parts.amin(0) >= -limits * 1.001).all()
    assert (parts.amax(0) > 0.98 * limits).all()
    assert (parts.amin(0) < -0.98 * limits).all()
    assert (parts.mean(0).abs() < 0.05 * limits).all()


def test_turn_shear_zoom_and_shift_do_not_depend_on_each_other():
    together = torch.corrcoef(parts_of(random_affine(5_000, 1.0, random())).T)
    assert (together - torch.eye(6)).abs().max() < 0.06


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_moved_images_stay_between_paper_and_ink(strength):
    moved = warp(some_images(200), random_affine(200, strength, random()))
    assert moved.min() >= -1 - 1e-5
    assert moved.max() <= 1 + 1e-5


def test_what_comes_in_from_outside_is_paper():
    ink = torch.ones(200, 1, 28, 28)
    moved = warp(ink, random_affine(200, 2.0, random()))
    corners = moved[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() == PAPER
    assert moved[:, 0, 14, 14].allclose(torch.tensor(1.0), atol=1e-5)
    assert torch.equal(warp(-ink, random_affine(200, 2.0, random())), -ink)


def test_each_image_is_moved_in_its_own_way():
    same = some_images(1).expand(4, 1, 28, 28)
    moves = random_affine(4, 1.0, random())
    moved = warp(same, moves)
    for one in range(4):
        torch.testing.assert_close(moved[one : one + 1], warp(same[:1], moves[one : one + 1]))
        assert all((moved[one] - moved[other]).abs().max() > 0.1 for other in range(one))


def test_the_state_of_the_random_generator_decides_the_moves():
    one, again, other = random(3), random(3), random(4)
    first = random_affine(6, 1.0, one)
    assert torch.equal(first, random_affine(6, 1.0, again))
    assert not torch.equal(first, random_affine(6, 1.0, other))
    assert not torch.equal(first, random_affine(6, 1.0, one))  # it has gone on
    torch.manual_seed(99)
    assert torch.equal(first, random_affine(6, 1.0, random(3)))


def test_a_digit_keeps_most_of_its_ink(mnist):
    digits = to_model_range(mnist.train_images[:500])
    before, after = digits + 1, warp(digits, random_affine(500, 1.0, random())) + 1
    assert (after.sum((1, 2, 3)) / before.sum((1, 2, 3))).mean().item() == pytest.approx(1, abs=0.05)
    assert (after - before).abs().mean() > 0.05


def test_images_are_moved_on_their_device(device):
    there = torch.Generator(device).manual_seed(0)
    moved = warp(some_images().to(device), random_affine(5, 0.0, there))
    assert moved.device.type == device
    torch.testing.assert_close(moved.cpu(), some_images(), atol=1e-4, rtol=0)


# Noise


@pytest.mark.parametrize("std", [0.1, 0.3, 1.0])
def test_noise_has_the_standard_deviation_that_was_asked_for(std):
    noise = sample_noise(100, std, random())
    assert noise.shape == (100, 1, 28, 28)
    assert noise.std().item() == pytest.approx(std, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.02 * std)
    within_one_std = (noise.abs() < std).float().mean().item()
    assert within_one_std == pytest.approx(0.683, abs=0.01)  # it is normal


def test_noise_of_0_changes_no_image_and_draws_nothing():
    images, generator = some_images(), random()
    before = generator.get_state()
    assert torch.equal(images + sample_noise(len(images), 0.0, generator), images)
    assert torch.equal(generator.get_state(), before)


def test_every_image_has_noise_of_its_own_that_the_generators_state_decides():
    noise = sample_noise(3, 0.3, random(3))
    assert torch.equal(noise, sample_noise(3, 0.3, random(3)))
    assert not torch.equal(noise, sample_noise(3, 0.3, random(4)))
    assert torch.corrcoef(noise.flatten(1)).fill_diagonal_(0).abs().max() < 0.15
