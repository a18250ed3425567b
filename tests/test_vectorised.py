"""Several seeds at once are the same runs as one after another."""

import pytest
import torch

from sgan_utils.data import split_sources
from sgan_utils.training import train
from sgan_utils.vectorised import train_seeds

SEEDS = [0, 1, 5]


@pytest.fixture
def in_double_precision(monkeypatch):
    """In float32 two runs that add in another order (with another number of threads, say) part ways within 20 steps:
    where a gradient is nearly 0, Adam makes a whole step of its sign. In float64 the same arithmetic shows as such.
    """
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "fields",
    [
        {"head": "two_heads"},
        {"head": "n_plus_1", "generator_loss": "saturating"},
        {"head": "n", "generator_loss": "feature_matching"},
        {"all_tricks": True},
        {"all_tricks": True, "unsupervised_weight": 0.0},
        {"unsupervised_weight": 0.0, "protocol": "labelled-only"},
    ],
    ids=lambda fields: "-".join(map(str, fields.values())),
)
def test_seeds_at_once_are_the_single_runs_after_twenty_steps(
    tiny_mnist, tiny_config, in_double_precision, all_tricks, fields
):
    fields = dict(fields)
    config = tiny_config.but(steps=20, **(all_tricks if fields.pop("all_tricks", False) else {}), **fields)
    together = train_seeds(config, SEEDS, tiny_mnist, device="cpu", progress=False)
    for seed, run in zip(SEEDS, together, strict=True):
        of_seed = config.but(seed=seed)
        alone = train(of_seed, split_sources(tiny_mnist, of_seed), device="cpu", progress=False)
        torch.testing.assert_close(run.log.tensor(), alone.log.tensor(), atol=1e-4, rtol=0, equal_nan=True)
        for ours, theirs in (
            (run.generator, alone.generator),
            (run.last_discriminator, alone.last_discriminator),
            (run.classifier(), alone.classifier()),
        ):
            torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), atol=1e-4, rtol=0)


def test_every_run_has_its_own_configuration_step_and_seconds(tiny_mnist, tiny_config):
    runs = train_seeds(tiny_config.but(steps=2), SEEDS, tiny_mnist, device="cpu", progress=False)
    assert [run.config.seed for run in runs] == SEEDS
    assert [run.step for run in runs] == [2, 2, 2]
    assert all(run.train_seconds > 0 for run in runs)
    weights = [next(run.generator.parameters()) for run in runs]
    assert not torch.equal(weights[0], weights[1])
