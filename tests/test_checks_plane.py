"""The checks of lesson 0: right answers pass in any form, and each likely mistake gets its own sentence."""

import pytest
import torch
from torch.nn import functional as F

from sgan_utils.exercises.plane import check_diagnosis, check_nearest_label, check_real_or_fake


def accepts(check, solution, capsys):
    assert check(solution) is True
    assert capsys.readouterr().out.startswith("✓ ")


def rejects(check, solution, word, capsys):
    assert check(solution) is False
    said = capsys.readouterr().out
    assert said.startswith("Not yet: ")
    assert len(said.splitlines()) == 1
    assert word in said


def squared(places, labelled):
    return (places[:, None] - labelled[None]).square().sum(2)


@pytest.mark.parametrize(
    "solution",
    [
        lambda places, labelled, labels: labels[squared(places, labelled).argmin(1)],
        lambda places, labelled, labels: labels[torch.cdist(places, labelled).argmin(dim=1)],
        lambda places, labelled, labels: [int(labels[(labelled - place).norm(dim=1).argmin()]) for place in places],
        lambda places, labelled, labels: labels[squared(places, labelled).argmin(1)].float(),
    ],
)
def test_the_nearest_label_is_accepted(solution, capsys):
    accepts(check_nearest_label, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda places, labelled, labels: squared(places, labelled).argmin(1), "look up their classes"),
        (lambda places, labelled, labels: labels[squared(places, labelled).argmax(1)], "argmin, not argmax"),
        (lambda places, labelled, labels: squared(places, labelled).amin(1), "that is the distance"),
        (lambda places, labelled, labels: labels[(places[:, :1] - labelled[:, 0]).abs().argmin(1)], "first number of"),
        (lambda places, labelled, labels: labels[(places[:, None] - labelled).sum(2).argmin(1)], "cancel out"),
        (lambda places, labelled, labels: labels[(places[:, None] - labelled).abs().amin(2).argmin(1)], "alone"),
        (lambda places, labelled, labels: labels[squared(places, labelled).argmin(0) % 7], "each labelled point"),
        (lambda places, labelled, labels: labels[torch.zeros(len(places), dtype=torch.long)], "for our random input"),
        (lambda places, labelled, labels: labels[0], "shape"),
        (lambda places, labelled, labels: places.zero_() + 1, "work on a copy"),
        (lambda places, labelled, labels: labels[squared(places.mul_(1.5), labelled).argmin(1)], "work on a copy"),
    ],
)
def test_a_wrong_nearest_label_is_told_why(solution, word, capsys):
    rejects(check_nearest_label, solution, word, capsys)


@pytest.mark.parametrize(
    "solution",
    [
        lambda real, fake: 0.5 * F.softplus(-real).mean() + 0.5 * F.softplus(fake).mean(),
        lambda real, fake: -0.5 * real.sigmoid().log().mean() - 0.5 * (1 - fake.sigmoid()).log().mean(),
        lambda real, fake: (
            (
                F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
                + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
            )
            / 2
        ),
        lambda real, fake: (F.softplus(-real.double()).mean() + F.softplus(fake.double()).mean()) / 2,
    ],
)
def test_the_loss_of_real_or_fake_is_accepted(solution, capsys):
    accepts(check_real_or_fake, solution, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda real, fake: 0.5 * F.softplus(real).mean() + 0.5 * F.softplus(-fake).mean(), "the wrong way round"),
        (lambda real, fake: -0.5 * F.softplus(-real).mean() - 0.5 * F.softplus(fake).mean(), "the sign is wrong"),
        (lambda real, fake: 0.5 * F.softplus(-real).mean() + 0.5 * F.softplus(-fake).mean(), "call generated points"),
        (lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(), "twice as large"),
        (lambda real, fake: -real.log().mean() - fake.log().mean(), "a sigmoid makes probabilities"),
        (lambda real, fake: F.softplus(-real.sigmoid()).mean() / 2 + F.softplus(fake.sigmoid()).mean() / 2, "twice"),
        (lambda real, fake: 0.5 * F.softplus(-real).sum() + 0.5 * F.softplus(fake).sum(), "adds up over the batch"),
        (lambda real, fake: F.softplus(-real).mean(), "only the real points"),
        (lambda real, fake: F.softplus(fake).mean(), "only the generated points"),
        (lambda real, fake: -real.sigmoid().log().mean() / 2 + fake.sigmoid().log().mean() / 2, "never below 0"),
        (lambda real, fake: -real.sigmoid().log().mean() / 2 + (1 - fake.sigmoid()).log().mean() / 2, "never below 0"),
        (lambda real, fake: -(real.sigmoid().log().mean() + (1 - fake.sigmoid().log()).mean()) / 2, "inside the log"),
        (lambda real, fake: torch.tensor(0.6931), "it should be"),
        (lambda real, fake: (0.5 * F.softplus(-real).mean() + 0.5 * F.softplus(fake).mean()).detach(), "cut off"),
        (lambda real, fake: (0.5 * F.softplus(-real).mean() + 0.5 * F.softplus(fake).mean()).item(), "cut off"),
        (lambda real, fake: F.softplus(-real), "shape"),
    ],
)
def test_a_wrong_loss_of_real_or_fake_is_told_why(solution, word, capsys):
    rejects(check_real_or_fake, solution, word, capsys)


def diagnosis(real, fake, spread, of_generated):
    if real > 0.9 and fake < 0.1:
        return "D wins"
    return "mode collapse" if of_generated / spread < 0.3 else "healthy"


def test_a_diagnosis_is_accepted(capsys):
    accepts(check_diagnosis, diagnosis, capsys)


@pytest.mark.parametrize(
    ("solution", "word"),
    [
        (lambda *seen: "fine", "answer with one of 'healthy', 'D wins', 'mode collapse'"),
        (lambda *seen: "healthy", "that is 'D wins'"),
        (lambda *seen: "mode collapse", "so no collapse"),
        (lambda r, f, s, g: "mode collapse" if g < 0.25 * s else diagnosis(r, f, s, g), "D's beliefs first"),
        (lambda r, f, s, g: "healthy" if s < 0.5 else diagnosis(r, f, s, g), "not with a fixed number"),
        (lambda r, f, s, g: "D wins" if r > f else diagnosis(r, f, s, g), "that is 'healthy'"),
    ],
)
def test_a_wrong_diagnosis_is_told_why(solution, word, capsys):
    rejects(check_diagnosis, solution, word, capsys)
