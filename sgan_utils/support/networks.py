"""Networks of your own: what :func:`sgan_utils.training.train` expects of G and D, checked before the first step.

``networks`` is a function of the configuration and the data's description that returns G and D, two ``nn.Module``:

- ``G.latent_size`` is an int, and ``G(latent)`` turns (batch, latent_size) into images of the data's shape, -1 to 1;
- ``D(images)`` returns a :class:`sgan_utils.models.Belief`: ``class_logits`` (batch, classes), ``real_logit``
  (batch,) and ``features`` (batch, any number); logits come without softmax or sigmoid.

Initial weights and dropout draw from torch's global random state, which the run seeds: the same seed, the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sgan_utils.config import SGANConfig
from sgan_utils.data import Description
from sgan_utils.models import Belief, evaluating
from sgan_utils.support.errors import SGANError

Networks = Callable[[SGANConfig, Description], tuple[Any, Any]]  # G and D: nn.Modules with the contract above


def make_networks(networks: Networks, config: SGANConfig, data: Description) -> tuple[Any, Any]:
    """G and D, after a check that they keep the contract.

    Raises:
        SGANError: one sentence that says which network does what it should not.
    """
    made = networks(config, data)
    if not (isinstance(made, tuple) and len(made) == 2 and all(isinstance(model, nn.Module) for model in made)):
        raise SGANError(f"networks(config, data) must return G and D, two nn.Modules, got {type(made).__name__}.")
    g, d = made
    latent_size = getattr(g, "latent_size", None)
    if latent_size != config.latent_size:
        raise SGANError(
            f"G.latent_size must be the configuration's latent_size={config.latent_size}, got {latent_size!r}: set "
            "it in G's __init__, or change the configuration."
        )
    with evaluating(g), evaluating(d):
        images = _called("G", g, torch.zeros(2, config.latent_size))
        if not isinstance(images, torch.Tensor) or tuple(images.shape) != (2, *data.shape):
            returned = tuple(images.shape) if isinstance(images, torch.Tensor) else type(images).__name__
            raise SGANError(
                f"G must turn (2, {latent_size}) into {(2, *data.shape)}, the shape of {data.name}'s, got {returned}."
            )
        if not -1.001 <= float(images.min()) <= float(images.max()) <= 1.001:
            raise SGANError(
                f"G's images must lie from -1 to 1, got {float(images.min()):.3g} to {float(images.max()):.3g}: end it "
                "with nn.Tanh()."
            )
        belief = _called("D", d, torch.zeros(2, *data.shape))
    if not isinstance(belief, Belief):
        raise SGANError(
            f"D must return sgan_utils.models.Belief(class_logits, real_logit, features), got {type(belief).__name__}."
        )
    wanted = {"class_logits": (2, len(data.classes)), "real_logit": (2,)}
    for name, shape in wanted.items():
        if tuple(getattr(belief, name).shape) != shape:
            raise SGANError(
                f"D's {name} must have shape {shape} for two images, got {tuple(getattr(belief, name).shape)}."
            )
    if belief.features.dim() != 2 or len(belief.features) != 2:
        raise SGANError(f"D's features must have shape (2, any) for two images, got {tuple(belief.features.shape)}.")
    return g, d


def _called(name: str, model: nn.Module, example: torch.Tensor) -> Any:
    try:
        return model(example)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        first = str(error).strip().splitlines()[0]
        raise SGANError(f"{name} cannot be called with a tensor of shape {tuple(example.shape)}: {first}") from error
