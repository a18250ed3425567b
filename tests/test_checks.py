"""The exercises' checks: the right solution passes, typical wrong ones are told what is wrong, and nothing raises."""

import importlib
import pkgutil

import pytest
import torch
from torch.nn import functional as F

from sgan_utils import exercises
from sgan_utils.exercises.beyond_the_paper import check_moving_average, check_pseudo_labels
from sgan_utils.exercises.data import check_balanced_draw, check_to_model_range
from sgan_utils.exercises.label_efficiency import check_best_of, check_confidence_interval
from sgan_utils.exercises.models import check_output_size, check_probability_real
from sgan_utils.exercises.playground import check_centre_of_mass, check_variety
from sgan_utils.exercises.results import check_most_confused, check_per_class_accuracy
from sgan_utils.exercises.training import check_cross_entropy, check_generator_step


def raises(*arguments):
    raise ValueError("I am broken")


def forgets_to_return(*arguments):
    sum(range(3))


def is_still_the_stub(*arguments):
    return ...


def accepts(check, solution, capsys):
    passed = check(solution)
    said = capsys.readouterr().out
    assert passed is True, said
    assert said.startswith("✓ ")
    assert len(said.splitlines()) == 1


def rejects(check, solution, word, capsys):
    assert check(solution) is False
    said = capsys.readouterr().out
    assert said.startswith("Not yet: ")
    assert len(said.splitlines()) == 1
    assert word in said


CHECKS = [
    check
    for module in pkgutil.iter_modules(exercises.__path__)
    for name, check in vars(importlib.import_module(f"sgan_utils.exercises.{module.name}")).items()
    if name.startswith("check_")
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    ("unfinished", "word"),
    [
        (is_still_the_stub, "returns nothing. Replace the dots"),
        (forgets_to_return, "`return`"),
        (raises, "raised ValueError: I am broken"),
        (lambda: 1, "raised TypeError"),
        (None, "raised TypeError"),
    ],
)
def test_every_check_answers_an_unfinished_solution_in_words(check, unfinished, word, capsys):
    rejects(check, unfinished, word, capsys)


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_can_be_interrupted(check):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(interrupted)


# Lesson 1


@pytest.mark.parametrize(
    "solution",
    [
        lambda images: images.float() / 127.5 - 1,
        lambda images: (images / 255 - 0.5) / 0.5,
        lambda images: images.double() * 2 / 255 - 1,
    ],
)
def test_the_model_range_is_accepted(solution, capsys):
    accepts(check_to_model_range, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda images: images / 255, "paper (0) should become -1"),
        (lambda images: images.float(), "from -1 to 1, yours from 0 to 255"),
        (lambda images: images / 127.5, "from -1 to 1"),
        (lambda images: 1 - images / 127.5, "[0, 51, 204, 255] became"),
        (lambda images: images * 2 / 255 - 1, "became"),  # bytes wrap around
        (lambda images: (images.float() / 127.5 - 1).round(), "became"),
        (lambda images: (images.float() / 127.5 - 1).long(), "floats"),
        (lambda images: images.float().mean() / 127.5 - 1, "shape"),
        (lambda images: (images.float() / 127.5 - 1).tolist(), "returns a list"),
        (lambda images: images.fill_(0).float() / 127.5 - 1, "became"),
    ],
)
def test_a_wrong_model_range_is_told_why(solution, word, capsys):
    rejects(check_to_model_range, solution, word, capsys)


def test_a_model_range_that_spoils_the_images_is_told_so(capsys):
    def spoils(images):
        answer = images.float() / 127.5 - 1
        images.fill_(0)
        return answer

    rejects(check_to_model_range, spoils, "work on a copy", capsys)


def right_draw(labels, per_class):
    return torch.cat([(labels == digit).nonzero().squeeze(1)[:per_class] for digit in range(10)])


def draws_with_replacement(labels, per_class):
    members = [(labels == digit).nonzero().squeeze(1) for digit in range(10)]
    return torch.cat([images[torch.zeros(per_class, dtype=torch.long)] for images in members])


def test_a_balanced_draw_is_accepted(capsys):
    accepts(check_balanced_draw, right_draw, capsys)
    accepts(check_balanced_draw, lambda labels, per_class: right_draw(labels, per_class).flip(0), capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (draws_with_replacement, "drawn twice"),
        (lambda labels, per_class: torch.arange(10 * per_class), "of each digit"),
        (lambda labels, per_class: right_draw(labels, per_class)[:per_class], "shape"),
        (lambda labels, per_class: right_draw(labels, per_class).tolist(), "a tensor is wanted"),
        (lambda labels, per_class: right_draw(labels, 1), "shape (100,)"),
        (lambda labels, per_class: torch.arange(10).repeat(per_class), "digit"),  # labels instead of indices
    ],
)
def test_a_wrong_draw_is_told_why(solution, word, capsys):
    rejects(check_balanced_draw, solution, word, capsys)


# Lesson 2


def test_the_size_of_a_convolutions_output_is_accepted(capsys):
    accepts(check_output_size, lambda size, kernel, stride, pad: (size + 2 * pad - kernel) // stride + 1, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda size, kernel, stride, pad: (size + 2 * pad - kernel) / stride + 1, "// divides so"),
        (lambda size, kernel, stride, pad: float((size + 2 * pad - kernel) // stride + 1), "return an int"),
        (lambda size, kernel, stride, pad: (size + 2 * pad - kernel) // stride, "PyTorch leaves 28"),
        (lambda size, kernel, stride, pad: (size + pad - kernel) // stride + 1, "padding 1: PyTorch leaves"),
        (lambda size, kernel, stride, pad: size // stride, "PyTorch leaves 4 pixels"),
        (lambda size, kernel, stride, pad: round((size + 2 * pad - kernel) / stride) + 1, "PyTorch leaves"),
    ],
)
def test_a_wrong_size_is_told_the_case_where_it_fails(solution, word, capsys):
    rejects(check_output_size, solution, word, capsys)


@pytest.mark.parametrize(
    "solution",
    [
        lambda outputs: outputs.softmax(1)[:, :10].sum(1),
        lambda outputs: 1 - outputs.softmax(1)[:, 10],
        lambda outputs: (outputs[:, :10].logsumexp(1) - outputs[:, 10]).sigmoid(),
        lambda outputs: outputs.double().softmax(1)[:, :10].sum(1),
    ],
)
def test_the_probability_of_real_is_accepted_in_each_of_its_forms(solution, capsys):
    accepts(check_probability_real, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda outputs: outputs.softmax(1)[:, 10], "*generated*"),
        (lambda outputs: outputs.softmax(0)[:, :10].sum(1), "from 0 to 1"),  # the wrong axis
        (lambda outputs: outputs.softmax(1)[:, :10], "shape (6,)"),
        (lambda outputs: outputs.softmax(1)[:, :10].sum(1, keepdim=True), "shape (6,)"),
        (lambda outputs: outputs[:, :10].logsumexp(1) - outputs[:, 10], "from 0 to 1"),  # forgot the sigmoid
        (lambda outputs: outputs[:, 10].sigmoid(), "difference"),
        (lambda outputs: 1 - outputs[:, 10].sigmoid(), "difference"),
        (lambda outputs: outputs.softmax(1)[:, :10].max(1).values, "difference"),
        (lambda outputs: outputs.softmax(1)[:, 1:].sum(1), "difference"),
        (lambda outputs: outputs.softmax(1).sum().item(), "a tensor is wanted"),
    ],
)
def test_a_wrong_probability_of_real_is_told_why(solution, word, capsys):
    rejects(check_probability_real, solution, word, capsys)


# Lesson 3


def pick(log_probabilities, labels):
    return log_probabilities[torch.arange(len(labels)), labels]


@pytest.mark.parametrize(
    "solution",
    [
        lambda logits, labels: -pick(logits.log_softmax(1), labels).mean(),
        lambda logits, labels: (logits.logsumexp(1) - pick(logits, labels)).mean(),
        lambda logits, labels: F.cross_entropy(logits.double(), labels),
    ],
)
def test_cross_entropy_is_accepted(solution, capsys):
    accepts(check_cross_entropy, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda logits, labels: pick(logits.log_softmax(1), labels).mean(), "the sign is wrong"),
        (lambda logits, labels: -pick(logits.log_softmax(1), labels).sum(), "that is the sum"),
        (lambda logits, labels: -pick(logits.log_softmax(1), labels), "shape ()"),
        (lambda logits, labels: -pick(logits.log_softmax(0), labels).mean(), "it should be"),
        (lambda logits, labels: -pick(logits.softmax(1), labels).mean(), "it should be"),
        (lambda logits, labels: F.cross_entropy(logits.softmax(1), labels), "it should be"),
        (lambda logits, labels: -pick(logits.softmax(1).log(), labels).mean(), "logsumexp or log_softmax"),
        (lambda logits, labels: -pick((logits.exp() / logits.exp().sum(1, True)).log(), labels).mean(), "thousands"),
        (lambda logits, labels: -pick((logits.softmax(1) + 1e-9).log(), labels).mean(), "thousands"),
        (lambda logits, labels: -pick(logits.softmax(1).clamp(min=1e-9).log(), labels).mean(), "thousands"),
        (lambda logits, labels: F.cross_entropy(logits, labels).item(), "a tensor is wanted"),
    ],
)
def test_a_wrong_cross_entropy_is_told_why(solution, word, capsys):
    rejects(check_cross_entropy, solution, word, capsys)


def g_loss(generator, discriminator, latent):
    return F.softplus(-discriminator(generator(latent)).real_logit).mean()


def right_step(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def right_step_in_another_order(generator, discriminator, optimizer, latent):
    optimizer.zero_grad(set_to_none=False)
    loss = F.binary_cross_entropy_with_logits(discriminator(generator(latent)).real_logit, torch.ones(len(latent)))
    loss.backward()
    optimizer.step()
    return loss.detach()


def never_steps(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    optimizer.zero_grad()
    loss.backward()
    return loss


def never_goes_back(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    optimizer.zero_grad()
    optimizer.step()
    return loss


def clears_after_going_back(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


def detaches(generator, discriminator, optimizer, latent):
    loss = F.softplus(-discriminator(generator(latent).detach()).real_logit).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def never_clears(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    loss.backward()
    optimizer.step()
    return loss


def clears_too_late(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss


def steps_d_too(generator, discriminator, optimizer, latent):
    loss = right_step(generator, discriminator, optimizer, latent)
    torch.optim.SGD(discriminator.parameters(), lr=0.1).step()
    return loss


def saturates(generator, discriminator, optimizer, latent):
    loss = -F.softplus(discriminator(generator(latent)).real_logit).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def makes_d_happy(generator, discriminator, optimizer, latent):
    loss = F.softplus(discriminator(generator(latent)).real_logit).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def sums(generator, discriminator, optimizer, latent):
    loss = F.softplus(-discriminator(generator(latent)).real_logit).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def goes_uphill(generator, discriminator, optimizer, latent):
    loss = g_loss(generator, discriminator, latent)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss


def returns_a_number(generator, discriminator, optimizer, latent):
    return right_step(generator, discriminator, optimizer, latent).item()


@pytest.mark.parametrize("solution", [right_step, right_step_in_another_order])
def test_a_generator_step_is_accepted(solution, capsys):
    accepts(check_generator_step, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (never_steps, "optimizer.step()"),
        (never_goes_back, "backward()"),
        (clears_after_going_back, "G did not change"),
        (detaches, "detach"),
        (never_clears, "zero_grad()"),
        (clears_too_late, "zero_grad() before backward()"),
        (steps_d_too, "D changed"),
        (saturates, "softplus(-real_logit)"),
        (makes_d_happy, "softplus(-real_logit)"),
        (sums, "softplus(-real_logit)"),
        (goes_uphill, "does not fall"),
        (returns_a_number, "a tensor is wanted"),
    ],
)
def test_a_wrong_generator_step_is_told_why(solution, word, capsys):
    rejects(check_generator_step, solution, word, capsys)


def test_the_check_of_a_step_leaves_the_global_random_state_alone(capsys):
    before = torch.get_rng_state()
    check_generator_step(right_step)
    assert torch.equal(torch.get_rng_state(), before)


# Lesson 4


@pytest.mark.parametrize(
    "solution",
    [
        lambda matrix: matrix.diagonal() / matrix.sum(1),
        lambda matrix: matrix.double().diag() / matrix.double().sum(dim=1),
        lambda matrix: torch.stack([matrix[i, i] / matrix[i].sum() for i in range(len(matrix))]),
    ],
)
def test_accuracy_per_class_is_accepted(solution, capsys):
    accepts(check_per_class_accuracy, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda matrix: matrix.diagonal() / matrix.sum(0), "column"),
        (lambda matrix: matrix.diagonal() / matrix.sum(), "it should be"),
        (lambda matrix: matrix.diagonal().sum() / matrix.sum(), "shape (3,)"),
        (lambda matrix: matrix.diagonal(), "it should be"),
        (lambda matrix: matrix.diagonal() // matrix.sum(1), "it should be"),
        (lambda matrix: 1 - matrix.diagonal() / matrix.sum(1), "it should be"),
        (lambda matrix: (matrix.diagonal() / matrix.sum(1)).tolist(), "a tensor is wanted"),
        (lambda matrix: matrix / matrix.sum(1, keepdim=True), "shape (3,)"),
    ],
)
def test_a_wrong_accuracy_per_class_is_told_why(solution, word, capsys):
    rejects(check_per_class_accuracy, solution, word, capsys)


def clears_the_diagonal(matrix):
    place = matrix.fill_diagonal_(0).argmax()
    return divmod(int(place), len(matrix))


def takes_a_copy(matrix):
    mistakes = matrix * (1 - torch.eye(len(matrix), dtype=matrix.dtype))
    return torch.unravel_index(mistakes.argmax(), mistakes.shape)


@pytest.mark.parametrize("solution", [clears_the_diagonal, takes_a_copy, lambda m: list(takes_a_copy(m))])
def test_the_most_confused_pair_is_accepted(solution, capsys):
    accepts(check_most_confused, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda matrix: takes_a_copy(matrix)[::-1], "the true digit (row) comes first"),
        (lambda matrix: divmod(int(matrix.argmax()), 3), "diagonal"),
        (lambda matrix: (2, 0), "it should be (2, 1)"),
        (lambda matrix: divmod(int(matrix.argmin()), 3), "it should be"),
        (lambda matrix: (2, 1, 9), "two digits are wanted"),
        (lambda matrix: int(matrix.argmax()), "two digits are wanted"),
        (lambda matrix: matrix.argmax(), "two digits are wanted"),
    ],
)
def test_a_wrong_pair_is_told_why(solution, word, capsys):
    rejects(check_most_confused, solution, word, capsys)


def interval(differences, factor=2.262, correction=1, root=0.5):
    error = factor * differences.std(correction=correction) / len(differences) ** root
    return differences.mean() - error, differences.mean() + error


@pytest.mark.parametrize(
    "solution", [interval, lambda d: [float(end) for end in interval(d)], lambda d: torch.stack(interval(d))]
)
def test_a_confidence_interval_is_accepted(solution, capsys):
    accepts(check_confidence_interval, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda d: interval(d)[::-1], "the low end comes first"),
        (lambda d: interval(d, root=0), "spread of single runs"),
        (lambda d: interval(d, factor=1.96), "Student's t"),
        (lambda d: interval(d, correction=0), "n - 1"),
        (lambda d: interval(d, factor=5), "it should be"),
        (lambda d: (d.min(), d.max()), "around the mean"),
        (lambda d: interval(d, root=1), "by √n, not by n"),
        (lambda d: interval(d, factor=1), "take 2.262 of them"),
        (lambda d: d.mean(), "return two numbers"),
    ],
)
def test_a_wrong_confidence_interval_is_told_why(solution, word, capsys):
    rejects(check_confidence_interval, solution, word, capsys)


def best_by_chances(accuracies, tries):
    return (accuracies.sort().values * (torch.linspace(0, 1, len(accuracies) + 1) ** tries).diff()).sum()


def best_by_drawing(accuracies, tries):
    drawn = torch.randint(len(accuracies), (10_000, tries), generator=torch.Generator().manual_seed(0))
    return accuracies[drawn].max(1).values.mean()


@pytest.mark.parametrize("solution", [best_by_chances, best_by_drawing])
def test_the_best_of_some_tries_is_accepted(solution, capsys):
    accepts(check_best_of, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda accuracies, tries: accuracies.max(), "best of all"),
        (lambda accuracies, tries: accuracies.mean(), "tries=2 it should be 0.812"),
        (lambda accuracies, tries: accuracies[:tries].max(), "tries=1 it should be 0.750"),
        (lambda accuracies, tries: (accuracies.mean(), 5 / 6)[tries > 1], "without putting back"),
        (
            lambda accuracies, tries: (accuracies * (torch.linspace(0, 1, 5) ** tries).diff()).sum(),
            "sort the accuracies first",
        ),
    ],
)
def test_a_wrong_best_of_some_tries_is_told_why(solution, word, capsys):
    rejects(check_best_of, solution, word, capsys)


def pseudo_labels(logits, confidence, detach=True):
    probability, named = (logits.detach() if detach else logits).softmax(1).max(1)
    return named, probability >= confidence


@pytest.mark.parametrize("solution", [pseudo_labels, lambda *given: list(pseudo_labels(*given))])
def test_pseudo_labels_are_accepted(solution, capsys):
    accepts(check_pseudo_labels, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda logits, c: (logits.argmax(1), logits.max(1).values >= c), "softmax first"),
        (lambda logits, c: (logits.argmin(1), logits.softmax(1).max(1).values >= c), "the labels should be"),
        (lambda logits, c: (logits.argmax(1), logits.softmax(1).max(1).values), "say yes or no"),
        (lambda logits, c: logits.detach().softmax(1).max(1), "the probability first, then the digit"),
        (lambda logits, c: (logits.argmax(1), logits.detach().softmax(1).max(1).values < c), "with confidence 0.91"),
        (lambda logits, c: logits.argmax(1), "return two tensors"),
    ],
)
def test_wrong_pseudo_labels_are_told_why(solution, word, capsys):
    rejects(check_pseudo_labels, solution, word, capsys)


@pytest.mark.parametrize(
    "solution", [lambda old, new, d: d * old + (1 - d) * new, lambda old, new, d: old + (1 - d) * (new - old)]
)
def test_a_moving_average_is_accepted(solution, capsys):
    accepts(check_moving_average, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda old, new, d: (1 - d) * old + d * new, "the other way round"),
        (lambda old, new, d: (old + new) / 2, "it should be"),
        (lambda old, new, d: (d * old + (1 - d) * new).mean(), "shape (3,)"),
    ],
)
def test_a_wrong_moving_average_is_told_why(solution, word, capsys):
    rejects(check_moving_average, solution, word, capsys)


def variety(images):
    return (images[:, None] - images[None]).abs().mean()


@pytest.mark.parametrize("solution", [variety, lambda images: images.std(0, correction=0).mean().item()])
def test_a_measure_of_variety_is_accepted(solution, capsys):
    accepts(check_variety, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda images: images.mean(), "has no variety, yours says"),
        (lambda images: 0.0, "yours says none"),
        (lambda images: (images[0] - images).abs().mean(), "not matter"),
        (lambda images: (images[:-1] - images[1:]).abs().mean(), "all pairs"),
        (lambda images: "much", "a number is wanted"),
    ],
)
def test_a_wrong_measure_of_variety_is_told_why(solution, word, capsys):
    rejects(check_variety, solution, word, capsys)


def centre(image):
    places, ink = torch.arange(28.0), image.sum()
    return image.sum(1) @ places / ink, image.sum(0) @ places / ink


@pytest.mark.parametrize("solution", [centre, lambda image: torch.stack(centre(image))])
def test_a_centre_of_mass_is_accepted(solution, capsys):
    accepts(check_centre_of_mass, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda image: centre(image)[::-1], "wrong way round"),
        (lambda image: image.nonzero().float().mean(0), "weigh each place"),
        (lambda image: (13.5, 13.5), "not at (13.5, 13.5)"),
        (lambda image: 4.0, "two numbers"),
    ],
)
def test_a_wrong_centre_of_mass_is_told_why(solution, word, capsys):
    rejects(check_centre_of_mass, solution, word, capsys)
