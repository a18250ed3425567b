"""What is measured on a finished D and G, on cases that can be worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgan_utils.data import to_model_range
from sgan_utils.evaluation import (
    Film,
    accuracy,
    believe,
    confusion_matrix,
    fixed_latents,
    generate,
    most_confident_mistakes,
    per_class_accuracy,
    principal_directions,
    walk,
)
from sgan_utils.models import HEADS, Discriminator, Generator, initialise_weights


class Reader(nn.Module):
    """A D that names the digit that the first pixel's byte says, and is surest that every image is generated."""

    def __init__(self, head):
        super().__init__()
        self.outputs, self.read = HEADS[head]
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        digit = ((images[:, 0, 0, 0] + 1) * 127.5).round().long()
        outputs = F.one_hot(digit, 10).float()
        outputs = torch.cat([outputs, torch.full((len(images), self.outputs - 10), 100.0)], 1)
        return self.read(self.scale * outputs, images.flatten(1))


def images_that_say(digits):
    images = torch.zeros(len(digits), 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor(digits)
    return images


def logits_of(named, sureness=None):
    """Class logits of images that are named so, with the given logit (1 by default)."""
    sureness = torch.ones(len(named)) if sureness is None else torch.tensor(sureness)
    return F.one_hot(torch.tensor(named), 10) * sureness.unsqueeze(1)


# D


@pytest.mark.parametrize("head", HEADS)
def test_accuracy_is_the_share_of_digits_named_rightly_whatever_d_thinks_of_real_and_generated(head):
    images, labels = images_that_say([3, 1, 4, 1, 5, 9, 2, 6]), torch.tensor([3, 1, 4, 1, 5, 0, 0, 0])
    assert accuracy(Reader(head), images, labels) == 5 / 8
    assert accuracy(Reader(head), images[:5], labels[:5]) == 1
    assert accuracy(Reader(head), images[5:], labels[5:]) == 0


def test_a_rare_digit_weighs_no_more_than_a_frequent_one():
    images, labels = images_that_say([0] * 10), torch.tensor([0] * 9 + [7])
    assert accuracy(Reader("n"), images, labels) == pytest.approx(0.9)


def test_a_belief_comes_in_the_order_of_the_images_however_they_are_batched():
    digits = [i % 10 for i in range(23)]
    for batch_size in (1, 4, 23, 500):
        belief = believe(Reader("two_heads"), images_that_say(digits), batch_size)
        assert belief.class_logits.argmax(1).tolist() == digits
        assert [part.shape for part in belief] == [(23, 10), (23,), (23, 784)]


def test_a_belief_is_the_same_for_bytes_and_for_the_model_range(mnist):
    discriminator, images = Discriminator(channels=(4, 5, 6)), mnist.test_images[:20]
    for ours, theirs in zip(
        believe(discriminator, images), believe(discriminator, to_model_range(images)), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_believing_leaves_d_as_it_was_and_records_no_gradient(mnist):
    discriminator = Discriminator(channels=(4, 5, 6))
    before = {name: value.clone() for name, value in discriminator.state_dict().items()}
    belief = believe(discriminator, mnist.test_images[:20])
    assert discriminator.training
    assert not any(part.requires_grad for part in belief)
    assert all(torch.equal(value, before[name]) for name, value in discriminator.state_dict().items())


def test_evaluation_works_wherever_the_models_are(mnist, device):
    discriminator = Discriminator(channels=(4, 5, 6)).to(device)
    belief = believe(discriminator, mnist.test_images[:20])
    assert {part.device.type for part in belief} == {"cpu"}
    assert 0 <= accuracy(discriminator, mnist.test_images[:20].to(device), mnist.test_labels[:20].to(device)) <= 1
    assert generate(Generator(3, (6, 5, 4)).to(device), torch.zeros(2, 3)).device.type == "cpu"


def test_rows_of_the_confusion_matrix_are_true_digits():
    matrix = confusion_matrix(logits_of([7, 7, 7, 1]), torch.tensor([7, 7, 1, 1]))
    assert (matrix.shape, matrix.dtype) == ((10, 10), torch.int64)
    assert (matrix[7, 7], matrix[1, 7], matrix[1, 1], matrix[7, 1]) == (2, 1, 1, 0)
    assert matrix.sum() == 4


def test_the_confusion_matrix_agrees_with_accuracy_and_counts(mnist):
    discriminator = initialise_weights(Discriminator(channels=(4, 5, 6)), std=0.1)
    images, labels = mnist.test_images[:500], mnist.test_labels[:500]
    matrix = confusion_matrix(believe(discriminator, images).class_logits, labels)
    assert matrix.sum(1).tolist() == torch.bincount(labels, minlength=10).tolist()
    assert matrix.trace().item() / 500 == pytest.approx(accuracy(discriminator, images, labels))


def test_accuracy_per_class_divides_by_how_often_it_was_that_digit():
    shares = per_class_accuracy(logits_of([7, 7, 7, 1, 1]), torch.tensor([7, 7, 1, 1, 1]))
    assert shares.shape == (10,)
    assert shares[7] == 1
    assert shares[1].item() == pytest.approx(2 / 3)


def test_accuracy_of_a_digit_that_does_not_occur_is_0_and_not_nan():
    assert per_class_accuracy(logits_of([1]), torch.tensor([1])).tolist() == [0, 1] + [0] * 8


def test_the_worst_mistakes_come_first_and_right_answers_never():
    logits = logits_of([1, 2, 3, 4, 5], [2.0, 9.0, 4.0, 1.0, 7.0])
    mistakes = most_confident_mistakes(logits, torch.tensor([0, 2, 0, 0, 0]), count=3)
    assert mistakes.position.tolist() == [4, 2, 0]
    assert mistakes.predicted.tolist() == [5, 3, 1]
    assert mistakes.true.tolist() == [0, 0, 0]
    sure = torch.tensor([7.0, 4.0, 2.0]).exp()
    torch.testing.assert_close(mistakes.confidence, sure / (sure + 9))


def test_there_may_be_fewer_mistakes_than_asked_for():
    logits = logits_of([1, 2, 3])
    assert most_confident_mistakes(logits, torch.tensor([1, 2, 0])).position.tolist() == [2]
    assert [len(part) for part in most_confident_mistakes(logits, torch.tensor([1, 2, 3]))] == [0] * 4


def test_mistakes_of_the_same_confidence_come_in_the_order_of_the_images():
    labels = torch.zeros(200, dtype=torch.int64)
    mistakes = most_confident_mistakes(logits_of([1] * 200, [50.0] * 200), labels, count=200)
    assert mistakes.position.tolist() == list(range(200))


# G


def test_drawn_images_are_bytes_as_mnists():
    generator = initialise_weights(Generator(3, (6, 5, 4)), std=1.0)
    images = generate(generator, 5 * torch.randn(16, 3))
    assert (images.shape, images.dtype) == ((16, 1, 28, 28), torch.uint8)
    assert images.min() < 20
    assert images.max() > 235  # both paper and ink: nothing has wrapped around or been cut
    with torch.no_grad():
        images_before = generator.eval()(torch.zeros(1, 3))
    assert (to_model_range(generate(generator, torch.zeros(1, 3))) - images_before).abs().max() <= 1 / 255 + 1e-6


def test_drawing_leaves_g_as_it_was():
    generator = Generator(3, (6, 5, 4))
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    generate(generator, torch.randn(5, 3))
    assert generator.training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_an_image_does_not_depend_on_those_drawn_beside_it():
    generator, latents = initialise_weights(Generator(3, (6, 5, 4)), std=0.5), torch.randn(8, 3)
    together, alone = generate(generator, latents)[2:3], generate(generator, latents[2:3])
    assert (together.int() - alone.int()).abs().max() <= 1


def test_fixed_latents_are_the_same_whenever_asked_and_normal():
    first = fixed_latents(500, 20)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert torch.equal(fixed_latents(500, 20), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(fixed_latents(500, 20, seed=1), first)
    assert first.std().item() == pytest.approx(1, abs=0.03)


def test_a_walk_goes_from_start_to_end():
    start, end = fixed_latents(2, 100)
    way = walk(start, end, steps=7)
    assert way.shape == (7, 100)
    torch.testing.assert_close(way[0], start)
    torch.testing.assert_close(way[-1], end)


def test_a_walk_stays_on_the_sphere_in_equal_angles():
    start, end = F.normalize(fixed_latents(2, 100), dim=1) * 10
    way = walk(start, end, steps=9)
    torch.testing.assert_close(way.norm(dim=1), torch.full((9,), 10.0))
    turns = F.cosine_similarity(way[:-1], way[1:]).acos()
    torch.testing.assert_close(turns, turns[:1].expand(8), atol=1e-3, rtol=0)
    straight_middle = ((start + end) / 2).norm()
    assert way[4].norm() > straight_middle + 1


def test_a_walk_to_where_one_is_stays_there():
    (start,) = fixed_latents(1, 100)
    torch.testing.assert_close(walk(start, start, steps=4), start.expand(4, 100), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(walk(start, 2 * start, steps=3)[1], 1.5 * start, atol=1e-3, rtol=1e-3)


def test_principal_directions_are_those_of_numpys_decomposition_up_to_sign():
    features = fixed_latents(60, 8) * torch.linspace(4, 0.5, 8) + 3
    ours = principal_directions(features, count=3).numpy()
    centred = features.numpy().astype(np.float64)
    centred -= centred.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert ours.shape == (60, 3)
    np.testing.assert_allclose(np.abs(ours), np.abs(u[:, :3] * s[:3]), atol=1e-3)
    assert ours.var(0)[0] > ours.var(0)[1] > ours.var(0)[2]


def test_principal_directions_keep_their_sign_when_images_are_added_or_reordered():
    features = fixed_latents(300, 5) * torch.tensor([5.0, 3.0, 1.0, 1.0, 1.0])
    points = principal_directions(features)
    torch.testing.assert_close(principal_directions(features.flip(0)).flip(0), points, atol=1e-3, rtol=1e-3)
    more = principal_directions(torch.cat([features, features[:100]]))[:300]
    assert (torch.nn.functional.cosine_similarity(more, points, dim=0) > 0.9).all()


class PretendRun:
    def __init__(self, generator):
        self.generator, self.step = generator, 0


def test_a_film_is_taken_at_the_asked_steps_only_of_the_same_latents():
    generator = initialise_weights(Generator(3, (6, 5, 4)), std=0.5)
    film, run = Film(fixed_latents(2, 3), steps=[4, 2]), PretendRun(generator)
    expected = {}
    for run.step in range(1, 6):
        initialise_weights(generator, std=0.5)  # G changes from step to step
        expected[run.step] = generate(generator, fixed_latents(2, 3))
        film(run)
    assert list(film.frames) == [2, 4]
    assert all(torch.equal(frame, expected[step]) for step, frame in film.frames.items())
