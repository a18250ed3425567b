"""What lessons 2 and 3 write themselves is what the package does: classes, losses, steps and loop, bit for bit."""

import ast
import copy

import nbformat
import pytest
import torch
from torch.optim import Adam

from sgan_utils import losses, models, training
from sgan_utils.config import SGANConfig
from sgan_utils.support.fingerprint import fingerprint
from sgan_workshop.publish.notebooks import NOTEBOOKS

BUILDING_BLOCKS = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef


def cells_of(lesson: str) -> list[str]:
    """The code that a learner sees, without solutions and set-up for Colab."""
    cells = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4).cells
    skipped = {"solution", "colab"}
    return [c.source for c in cells if c.cell_type == "code" and not skipped & set(c.metadata.get("tags", []))]


def definitions_of(lesson: str) -> dict:
    """A lesson's imports, classes, functions and table of heads, without running anything else."""
    namespace: dict = {"__name__": lesson}
    for source in cells_of(lesson):
        for node in ast.parse(source).body:
            is_constant = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HEADS"
            if isinstance(node, BUILDING_BLOCKS) or is_constant:
                exec(compile(ast.Module([node], []), lesson, "exec"), namespace)
    return namespace


def only_cell_with(lesson: str, words: str) -> str:
    (cell,) = [source for source in cells_of(lesson) if words in source]
    return cell


@pytest.fixture(scope="module")
def lesson_2():
    return definitions_of("02_models")


@pytest.fixture(scope="module")
def lesson_3():
    return definitions_of("03_training")


@pytest.fixture
def outputs():
    return 10 * torch.randn(64, 11, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("head", models.HEADS)
def test_lesson_2_reads_each_head_as_the_package_does(lesson_2, outputs, head):
    count, theirs = models.HEADS[head]
    its_count, ours = lesson_2["HEADS"][head]
    assert its_count == count
    for one, other in zip(ours(outputs[:, :count], outputs), theirs(outputs[:, :count], outputs), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("head", models.HEADS)
def test_lesson_2_writes_the_packages_networks(lesson_2, head, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = lesson_2["initialise"](lesson_2["Generator"]())
        D = lesson_2["initialise"](lesson_2["Discriminator"](head))
    packages_g, packages_d = models.build_models(SGANConfig(head=head, seed=seed))
    assert fingerprint(G, D) == fingerprint(packages_g, packages_d)
    latent = torch.randn(8, 100, generator=torch.Generator().manual_seed(seed))
    images = G(latent)
    assert torch.equal(images, packages_g(latent))
    for network, theirs in ((D, packages_d), (D.eval(), packages_d.eval())):
        for one, other in zip(network(images), theirs(images), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("scale", [1, 100])
def test_lesson_3_writes_the_packages_losses(lesson_3, outputs, scale):
    outputs, labels = scale * outputs, torch.arange(64) % 10
    arguments = {
        "supervised_loss": (outputs[:, :10], labels),
        "unsupervised_loss": (outputs[:, 0], outputs[:, 1]),
        "non_saturating_loss": (outputs[:, 0],),
    }
    for name, given in arguments.items():
        ours = lesson_3[name](*given)
        assert ours.isfinite()
        assert torch.equal(ours, getattr(losses, name)(*given)), name


@pytest.fixture
def small_game():
    """A small G and D, a batch of each source, and a configuration in which both of D's losses weigh 1."""
    config = SGANConfig(
        head="n", supervised_weight=1, unsupervised_weight=1, channels_g=(6, 5, 4), channels_d=(4, 5, 6)
    )
    random = torch.Generator().manual_seed(0)
    G, D = models.build_models(config)
    images, real = (2 * torch.rand(12, 1, 28, 28, generator=random) - 1 for _ in range(2))
    return config, G, D, images, torch.arange(12) % 10, real, torch.randn(12, 100, generator=random)


def test_lesson_3_writes_the_packages_step_of_d(lesson_3, small_game):
    config, G, D, images, labels, real, latent = small_game
    theirs, fake = copy.deepcopy(D), G(latent)
    before = fingerprint(D)
    lesson_3["discriminator_step"](D, Adam(D.parameters()), images, labels, real, fake)
    training.discriminator_step(theirs, Adam(theirs.parameters()), (images, labels), real, fake, config)
    assert fingerprint(D) == fingerprint(theirs) != before
    assert all(weights.grad is None for weights in G.parameters())


def test_lesson_3_writes_the_packages_step_of_g(lesson_3, small_game):
    config, G, D, _, _, real, latent = small_game
    theirs, before, d_before = copy.deepcopy(G), fingerprint(G), fingerprint(D)
    lesson_3["generator_step"](D, Adam(G.parameters()), G(latent))
    training.generator_step(D, Adam(theirs.parameters()), real, theirs(latent), config)
    assert fingerprint(G) == fingerprint(theirs) != before
    assert fingerprint(D) == d_before


def test_lesson_3_writes_the_packages_loop(lesson_3, tiny_config, tiny_sources):
    config = tiny_config.but(head="n", unsupervised_weight=1, input_noise=0.3, average_decay=0.9)
    namespace = lesson_3 | {"config": config, "sources": tiny_sources}
    exec(only_cell_with("03_training", "bare = config.but("), namespace)
    untrained = fingerprint(namespace["G"], namespace["D"])
    exec(only_cell_with("03_training", "for step in range(bare.steps)"), namespace)
    run = training.train(namespace["bare"], tiny_sources, device="cpu", progress=False)
    assert fingerprint(namespace["D"]) == fingerprint(run.last_discriminator)
    assert fingerprint(namespace["G"]) == fingerprint(run.generator)
    assert fingerprint(namespace["G"], namespace["D"]) != untrained


def test_the_loop_of_lesson_3_fits_on_one_screen():
    assert len(only_cell_with("03_training", "for step in range(bare.steps)").splitlines()) <= 16


def test_one_bit_changes_a_fingerprint():
    layer = torch.nn.Linear(3, 2)
    before = fingerprint(layer)
    assert len(before) == 12
    with torch.no_grad():
        layer.weight[1, 2] = torch.nextafter(layer.weight[1, 2], torch.tensor(9.0))
    assert fingerprint(layer) != before
