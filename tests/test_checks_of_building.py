"""The checks of what lessons 1 to 3 build: each known mistake gets its own sentence, and unusual right answers pass."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sgan_utils.data import draw_labelled
from sgan_utils.exercises.curves import RUNS_TO_READ, check_diagnosis, curves_to_read
from sgan_utils.exercises.data import check_labelled_batch
from sgan_utils.exercises.models import check_discriminator
from sgan_utils.exercises.prediction import compare
from sgan_utils.exercises.step_of_d import check_discriminator_step
from sgan_utils.losses import supervised_loss, unsupervised_loss
from sgan_utils.models import Belief, n_head


def accepts(check, solution, capsys):
    passed = check(solution)
    said = capsys.readouterr().out
    assert passed is True, said
    assert said.startswith("✓ ")


def rejects(check, solution, words, capsys):
    assert check(solution) is False
    said = capsys.readouterr().out
    assert said.startswith("Not yet: ")
    assert len(said.splitlines()) == 1
    assert words in said, said


# Lesson 1: batches from a budget of labels


def from_budget(choose, count=20):
    def batch(images, labels, step):
        some = choose(labels, step)[:count]
        return images[some], labels[some]

    return batch


def shuffled(budget):
    return budget[torch.randperm(len(budget))]


@pytest.mark.parametrize(
    "solution",
    [
        from_budget(lambda labels, step: shuffled(draw_labelled(labels, 100, seed=0))),
        from_budget(lambda labels, step: draw_labelled(labels, 100, seed=7).roll(20 * step)),
        lambda images, labels, step: list(
            from_budget(lambda all_labels, step: shuffled(draw_labelled(all_labels, 100, seed=3)))(images, labels, step)
        ),
    ],
)
def test_batches_from_one_budget_are_accepted(solution, capsys):
    accepts(check_labelled_batch, solution, capsys)


def spoils_labels(images, labels, step):
    answer = from_budget(lambda all_labels, step: shuffled(draw_labelled(all_labels, 100, seed=0)))(
        images, labels, step
    )
    labels.zero_()
    return answer


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        (from_budget(lambda labels, step: shuffled(draw_labelled(labels, 100, seed=step))), "drawn anew in every step"),
        (from_budget(lambda labels, step: torch.randperm(len(labels))), "drawn anew in every step"),
        (from_budget(lambda labels, step: draw_labelled(labels, 20, seed=0)), "the same 20 images"),
        (from_budget(lambda labels, step: shuffled(torch.arange(100))), "the first 100 images"),
        (from_budget(lambda labels, step: shuffled(torch.arange(100) + 50)), "not balanced"),
        (from_budget(lambda labels, step: shuffled(draw_labelled(labels, 50, seed=0))), "only 50 of the 100"),
        (from_budget(lambda labels, step: draw_labelled(labels, 100, seed=0), count=100), "all 100 images"),
        (
            from_budget(lambda labels, step: draw_labelled(labels, 100, seed=0)[torch.zeros(20).long()]),
            "same image twice",
        ),
        (lambda images, labels, step: (images[:20], labels[20:40]), "do not belong together"),
        (lambda images, labels, step: (images[:20].float() / 2, labels[:20]), "none of those"),
        (lambda images, labels, step: images[:20], "two tensors"),
        (spoils_labels, "changes `labels`"),
    ],
)
def test_wrong_batches_are_told_why(solution, words, capsys):
    rejects(check_labelled_batch, solution, words, capsys)


# Lesson 2: a D of one's own


def network(read=n_head, layer=None, activation=nn.LeakyReLU, size_fixed=False, before=lambda x: x, idle=False):
    """A class like a learner's, with one thing changed."""

    class Mine(nn.Module):
        def __init__(self, colours, size):
            super().__init__()
            side = 14 if size_fixed else (size + 1) // 2
            self.first = nn.Conv2d(1 if size_fixed == "colours" else colours, 4, 3, stride=2, padding=1)
            self.activation = activation()
            self.last = nn.Linear(4 * side * side, 10)
            self.more = nn.Linear(2, 2) if idle else None

        def forward(self, images):
            features = before(self.activation(self.first(before(images)))).flatten(1)
            return read(self.last(features), features)

    return Mine


def without_convolutions(colours, size):
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Flatten(), nn.Linear(colours * size * size, 50), nn.BatchNorm1d(50), nn.ReLU())
            self.last = nn.Linear(50, 10)

        def forward(self, images):
            features = self.body(images)
            outputs = self.last(features)
            return Belief(outputs, outputs.exp().sum(1).log(), features)

    return Dense()


@pytest.mark.parametrize("solution", [network(), without_convolutions, network(activation=nn.Tanh)])
def test_a_network_of_ones_own_is_accepted(solution, capsys):
    accepts(check_discriminator, solution, capsys)


def read_with(real):
    return lambda outputs, features: Belief(outputs, real(outputs), features)


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        (network(size_fixed=True), "for images of shape (3, 32, 32) your function raised RuntimeError"),
        (network(size_fixed="colours"), "for images of shape (3, 32, 32) your function raised RuntimeError"),
        (network(lambda outputs, features: n_head(outputs.softmax(1), features)), "leave the softmax to the loss"),
        (network(lambda outputs, features: n_head(outputs, outputs)), "features are what the last linear layer reads"),
        (network(lambda outputs, features: outputs), "returns a Tensor"),
        (network(lambda outputs, features: n_head(outputs[:, :9], features)), "shape (6, 10)"),
        (network(lambda outputs, features: n_head(outputs - outputs.mean(0), features)), "neighbours in the batch"),
        (network(read_with(lambda outputs: outputs.logsumexp(1).sigmoid())), "been through a sigmoid"),
        (network(read_with(lambda outputs: outputs.max(1).values)), "largest of the ten"),
        (network(read_with(lambda outputs: outputs.sum(1))), "sum of the ten"),
        (network(read_with(lambda outputs: outputs.mean(1))), "mean of the ten"),
        (network(read_with(lambda outputs: outputs[:, -1])), "one of the ten"),
        (network(read_with(lambda outputs: -outputs.logsumexp(1))), "wrong sign"),
        (network(read_with(lambda outputs: outputs.logsumexp(1) / 2)), "it differs by"),
        (network(read_with(lambda outputs: outputs.logsumexp(1, keepdim=True))), "shape (6,)"),
        (network(activation=nn.Identity), "one linear layer"),
        (network(idle=True), "take no part in the answer: more.weight, more.bias"),
        (network(before=lambda x: x.mul_(2)), "changes `images`"),
        (lambda colours, size: "a network", "yours is a str"),
    ],
)
def test_a_wrong_network_is_told_why(solution, words, capsys):
    rejects(check_discriminator, solution, words, capsys)


# Lesson 3: D's step


def step(objective, clear="before", detach=True, after=lambda D: None, before=lambda D: None, times=1, take=True):
    """A step like a learner's, with one thing changed."""

    def mine(D, optimizer, images, labels, real, fake):
        before(D)
        shown = fake.detach() if detach else fake
        loss = objective(D, images, labels, real, shown)
        if clear == "before":
            optimizer.zero_grad()
        for _ in range(times):
            loss.backward(retain_graph=True)
        if clear == "between":
            optimizer.zero_grad()
        if take:
            optimizer.step()
        if clear == "after":
            optimizer.zero_grad()
        after(D)
        return loss

    return mine


def right(D, images, labels, real, fake):
    return supervised_loss(D(images).class_logits, labels) + unsupervised_loss(D(real).real_logit, D(fake).real_logit)


def other_order(D, images, labels, real, fake):
    on_fake, on_real = D(fake).real_logit, D(real).real_logit
    real_or_fake = F.binary_cross_entropy_with_logits(
        torch.cat([on_fake, on_real]), torch.cat([torch.zeros(12), torch.ones(12)])
    )
    return real_or_fake + F.nll_loss(D(images).class_logits.log_softmax(1), labels)


def swapped(D, images, labels, real, fake):
    return right(D, images, labels, fake, real)


def in_one_batch(D, images, labels, real, fake):
    on_real, on_fake = D(torch.cat([real, fake])).real_logit.chunk(2)
    return supervised_loss(D(images).class_logits, labels) + unsupervised_loss(on_real, on_fake)


def adds_up(supervised=lambda logits, labels: F.cross_entropy(logits, labels), unsupervised=unsupervised_loss):
    return lambda D, images, labels, real, fake: (
        supervised(D(images).class_logits, labels) + unsupervised(D(real).real_logit, D(fake).real_logit)
    )


def returns_a_number(D, optimizer, images, labels, real, fake):
    return step(right)(D, optimizer, images, labels, real, fake).item()


def returns_another_loss(D, optimizer, images, labels, real, fake):
    return step(right)(D, optimizer, images, labels, real, fake) + 1


@pytest.mark.parametrize("solution", [step(right), step(other_order), returns_a_number])
def test_a_step_of_d_is_accepted(solution, capsys):
    accepts(check_discriminator_step, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        (step(right, detach=False), "detach the generated images"),
        (step(right, clear="after"), "zero_grad() before backward(), not after step()"),
        (step(right, clear="never"), "zero_grad() before backward()"),
        (step(right, clear="between"), "D did not change"),
        (step(right, take=False), "D did not change"),
        (step(right, times=2), "call backward() once"),
        (step(right, before=lambda D: D.eval()), "evaluation mode while it learns"),
        (step(right, after=lambda D: D.eval()), "left in evaluation mode"),
        (step(right, after=lambda D: D.requires_grad_(False)), "left frozen"),
        (step(swapped), "swapped"),
        (step(swapped, clear="after", detach=False), "swapped"),
        (step(swapped, clear="after"), "gradients of G's step are still in the sum"),
        (step(in_one_batch), "BatchNorm mixes them"),
        (step(lambda D, x, y, real, fake: -right(D, x, y, real, fake)), "uphill"),
        (step(lambda D, x, y, real, fake: right(D, x, y, x, fake)), "stand in for the unlabelled ones"),
        (step(lambda D, x, y, real, fake: supervised_loss(D(x).class_logits, y)), "digits only"),
        (step(adds_up(supervised=lambda logits, labels: 0 * logits.sum())), "real or generated only"),
        (step(adds_up(supervised=lambda logits, labels: F.cross_entropy(logits.softmax(1), labels))), "softmax"),
        (step(adds_up(unsupervised=lambda r, f: unsupervised_loss(r.sigmoid(), f.sigmoid()))), "sigmoid"),
        (step(adds_up(unsupervised=lambda r, f: 2 * unsupervised_loss(r, f))), "halves"),
        (step(adds_up(unsupervised=lambda r, f: F.softplus(-f).mean())), "G's loss in D's step"),
        (step(adds_up(unsupervised=lambda r, f: 0.5 * F.softplus(-r).mean())), "never hears of generated"),
        (step(adds_up(unsupervised=lambda r, f: 0.5 * F.softplus(f).mean())), "never hears of unlabelled"),
        (step(adds_up(unsupervised=lambda r, f: 5 * unsupervised_loss(r, f))), "times as long"),
        (step(lambda D, x, y, real, fake: right(D, x.mul_(0.5), y, real, fake)), "changes `images`"),
        (returns_another_loss, "the loss that you return is"),
        (lambda *given: step(right)(*given).expand(3), "one number is wanted"),
    ],
)
def test_a_wrong_step_of_d_is_told_why(solution, words, capsys):
    rejects(check_discriminator_step, solution, words, capsys)


def test_the_check_of_a_step_leaves_the_global_random_state_alone(capsys):
    before = torch.get_rng_state()
    check_discriminator_step(step(right))
    check_discriminator(network())
    assert torch.equal(torch.get_rng_state(), before)


# Lesson 3: curves to read


TRUTH = {letter: truth for letter, (truth, _) in RUNS_TO_READ.items()}


@pytest.mark.parametrize("solution", [TRUTH.get, lambda letter: f" {TRUTH[letter].upper()} "])
def test_the_right_reading_is_accepted(solution, capsys):
    accepts(check_diagnosis, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        (lambda letter: "healthy", "in a healthy run the supervised loss goes to 0"),
        (lambda letter: "diverges", "look for losses in the hundreds"),
        (lambda letter: "softmax twice", "levels off at 1.46"),
        (lambda letter: "D wins", "G's climbs"),
        (lambda letter: "mode collapse", "the choices are"),
        (lambda letter: 3, "an answer is a word"),
    ],
)
def test_a_wrong_reading_gets_a_clue(solution, words, capsys):
    rejects(check_diagnosis, solution, words, capsys)


def test_the_clues_are_true_of_the_recorded_runs():
    runs = {TRUTH[letter]: history for letter, history in curves_to_read().items()}
    assert list(runs["softmax twice"]) == ["supervised"]
    assert runs["softmax twice"]["supervised"].tail(50).mean() > 1.46
    assert runs["healthy"]["supervised"].tail(50).mean() < 0.5
    assert runs["healthy"].tail(50).mean().max() < 3
    assert runs["diverges"].max().max() > 100
    assert runs["D wins"]["unsupervised"].tail(100).mean() < 0.05
    assert runs["D wins"]["generator"].tail(50).mean() > 3


# Predict before you run


@pytest.mark.parametrize(
    ("prediction", "measured", "words"),
    [
        (..., 1.19, "measured: 1.19. You made no prediction"),
        (None, "linear", "measured: linear. You made no prediction"),
        (1.3, 1.19, "✓ You said 1.3, and it is 1.19."),
        (torch.tensor(1), 1.19, "✓ You said 1, and it is 1.19."),
        (0, 1.19, "You said 0, it is 1.19."),
        ("many", 1.19, "A prediction is a number here, yours is 'many'"),
        (" Linear", "linear", "✓"),
        ("linear", "convolutions", "You said linear, it is convolutions."),
    ],
)
def test_a_prediction_is_kept_beside_what_was_measured(prediction, measured, words, capsys):
    compare(prediction, measured, close=0.3)
    assert capsys.readouterr().out.startswith(words)
