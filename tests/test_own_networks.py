"""Networks of one's own: public code's G and D with their layers train, resume bit for bit, save and load."""

import functools

import pytest
import torch
from torch import nn

from sgan_utils.models import Belief
from sgan_utils.support.checkpoints import load_models, save_models
from sgan_utils.support.errors import CheckpointError, SGANError
from sgan_utils.support.session import stop_after


class TheirGenerator(nn.Module):
    """The layer plan that public SGAN code uses: upsampling, batch normalisation, LeakyReLU."""

    def __init__(self, latent_size, size=28):
        super().__init__()
        self.latent_size, self.start = latent_size, size // 4
        self.first = nn.Linear(latent_size, 16 * self.start**2)
        self.blocks = nn.Sequential(
            nn.BatchNorm2d(16), nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16, 0.8),
            nn.LeakyReLU(0.2, inplace=True), nn.Upsample(scale_factor=2), nn.Conv2d(16, 8, 3, 1, 1),
            nn.BatchNorm2d(8, 0.8), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(8, 1, 3, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, latent):
        return self.blocks(self.first(latent).view(-1, 16, self.start, self.start))


class TheirDiscriminator(nn.Module):
    """Four blocks with dropout, and two layers at the end: one for the class, one for real or generated."""

    def __init__(self, classes=10):
        super().__init__()

        def block(before, after, normalised=True):
            layers = [nn.Conv2d(before, after, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.25)]
            return [*layers, nn.BatchNorm2d(after, 0.8)] if normalised else layers

        self.blocks = nn.Sequential(*block(1, 4, False), *block(4, 8), *block(8, 8), *block(8, 8))
        self.classes, self.real = nn.LazyLinear(classes), nn.LazyLinear(1)
        self.eval()(torch.zeros(1, 1, 28, 28))
        self.train()

    def forward(self, images):
        features = self.blocks(images).view(len(images), -1)  # which asks for the usual order in memory
        return Belief(self.classes(features), self.real(features).squeeze(1), features)


def theirs(config, data):
    return TheirGenerator(config.latent_size, data.height), TheirDiscriminator(len(data.classes))


@pytest.fixture
def train_theirs(quick_train, device):
    return functools.partial(quick_train, networks=theirs, device=device)


def test_the_same_seed_is_the_same_run_dropout_included(train_theirs, differences):
    assert differences(train_theirs(), train_theirs()) == []
    assert differences(train_theirs(), train_theirs(seed=1)) != []


def test_a_resumed_run_is_the_uninterrupted_one_dropout_included(train_theirs, differences, tmp_path, device):
    path = tmp_path / "run.safetensors"
    train_theirs(checkpoint=path, callbacks=[stop_after(3)])
    torch.rand(7, device=device)  # what the caller draws in between changes nothing
    assert differences(train_theirs(checkpoint=path), train_theirs()) == []


def test_scoring_on_the_way_does_not_change_a_run_with_dropout(train_theirs, differences):
    scored = train_theirs(callbacks=[lambda run: run.classifier()])
    assert differences(scored, train_theirs()) == []


def test_the_callers_random_numbers_go_on_as_if_nothing_had_been_trained(train_theirs, device):
    torch.manual_seed(3)
    expected = torch.rand(4), torch.rand(4, device=device)
    torch.manual_seed(3)
    train_theirs()
    assert torch.equal(torch.rand(4), expected[0])
    assert torch.equal(torch.rand(4, device=device), expected[1])


def test_they_are_saved_and_loaded(quick_train, tmp_path):
    run, path = quick_train(networks=theirs), tmp_path / "models.safetensors"
    save_models(path, run.generator, run.classifier(), run.config, run.sources.description)
    generator, discriminator, config = load_models(path, networks=theirs)
    assert config == run.config
    images = torch.rand(3, 1, 28, 28)
    # the same weights; lying differently in memory, they are added up in another order
    torch.testing.assert_close(discriminator(images).class_logits, run.classifier()(images).class_logits)
    assert generator.latent_size == config.latent_size
    with pytest.raises(CheckpointError, match="the weights of other networks"):
        load_models(path)


class Wrong(nn.Module):
    def __init__(self, answer, latent_size=5):
        super().__init__()
        self.answer, self.latent_size, self.weight = answer, latent_size, nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return self.answer(images)


def images_of(latent):
    return torch.zeros(len(latent), 1, 28, 28)


def belief_of(images):
    return Belief(torch.zeros(len(images), 10), torch.zeros(len(images)), torch.zeros(len(images), 3))


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: "networks", "must return G and D"),
        (lambda: (Wrong(images_of), "D"), "must return G and D"),
        (lambda: (Wrong(images_of, 7), Wrong(belief_of)), "G.latent_size must be"),
        (lambda: (Wrong(lambda z: images_of(z)[:, :, 2:]), Wrong(belief_of)), "G must turn"),
        (lambda: (Wrong(lambda z: images_of(z) + 2), Wrong(belief_of)), "from -1 to 1"),
        (lambda: (Wrong(images_of), Wrong(lambda x: belief_of(x).class_logits)), "D must return"),
        (lambda: (Wrong(images_of), Wrong(lambda x: belief_of(x)._replace(class_logits=x[0, 0]))), "class_logits"),
        (lambda: (Wrong(images_of), Wrong(lambda x: belief_of(x)._replace(real_logit=x[:, 0, 0, :1]))), "real_logit"),
        (lambda: (Wrong(images_of), Wrong(lambda x: belief_of(x)._replace(features=x))), "features"),
        (lambda: (Wrong(images_of), Wrong(lambda x: x @ torch.zeros(3, 3))), "D cannot be called"),
    ],
)  # fmt: skip
def test_networks_that_break_the_contract_are_refused_in_one_sentence(quick_train, made, sentence):
    with pytest.raises(SGANError, match=sentence):
        quick_train(networks=lambda config, data: made())
