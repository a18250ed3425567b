"""Models and whole training runs on disk: safetensors files, which hold numbers and text and never run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from sgan_utils.config import SGANConfig
from sgan_utils.data import Description
from sgan_utils.models import MNIST, build_models
from sgan_utils.support.earlier_names import LAYERS, current_fields
from sgan_utils.support.errors import CheckpointError
from sgan_utils.support.files import write_whole
from sgan_utils.support.networks import Networks
from sgan_utils.support.run import History, Run
from sgan_utils.support.student import Student


def save_models(
    path: Path | str,
    generator: nn.Module,
    discriminator: nn.Module,
    config: SGANConfig,
    data: Description = MNIST,
    sources: str = "",
) -> None:
    """Write G, D, the configuration that made them, and the description of their data to one file.

    Args:
        sources: the fingerprint of the images that they were trained on, see
            :meth:`sgan_utils.data.Sources.fingerprint`.
    """
    tensors = _named("generator", generator.state_dict()) | _named("discriminator", discriminator.state_dict())
    notes = {"config": config.model_dump_json(), "data": json.dumps(data._asdict()), "sources": sources}
    _save(path, tensors, notes)


def save_trained(run: Run, path: Path | str) -> None:
    """Write what a run has trained: G, the classifier, their configuration, and which images they learnt from."""
    about = run.sources.description, run.sources.fingerprint()
    save_models(path, run.generator, run.classifier(), run.config, *about)


def load_models(path: Path | str, networks: Networks = build_models) -> tuple[Any, Any, SGANConfig]:
    """Read what :func:`save_models` wrote: G and D in evaluation mode on the CPU, and their configuration.

    Args:
        networks: what ``train`` was given, if that was something; the file holds weights, no code.

    Raises:
        CheckpointError: if the file is missing or damaged, or holds the weights of other networks.
    """
    tensors, notes = _load(path)
    config = SGANConfig(**current_fields(json.loads(notes["config"])))
    description = _description(notes)
    generator, discriminator = networks(config, description)
    if config.student_steps:
        discriminator = Student(description.shape, len(description.classes))
    try:
        load_weights(generator, _under("generator", tensors))
        load_weights(discriminator, _under("discriminator", tensors))
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} holds the weights of other networks: give load_models the networks=... that train had."
        ) from error
    return generator.eval(), discriminator.eval(), config


def save_checkpoint(run: Run, path: Path | str) -> None:
    """Write all that ``run`` needs to go on as if it had never been interrupted."""
    tensors = {
        **_named("generator", run.generator.state_dict()),
        **_named("discriminator", run.last_discriminator.state_dict()),
        **_named("average", run.average.state_dict()),
        **_named("optimizer_g", _optimizer_tensors(run.optimizer_g)),
        **_named("optimizer_d", _optimizer_tensors(run.optimizer_d)),
        "random": run.random.get_state(),
        "history": run.log.tensor(),
    }
    if run.layer_random is not None:
        tensors["layer_random"] = torch.random.get_rng_state()  # saved inside of Run.random_numbers
    if run.spread_labels is not None:
        tensors["spread_labels"] = run.spread_labels
    notes = {
        "step": run.step,
        "train_seconds": run.train_seconds,
        "precision": str(run.precision),
        "sources": run.sources.fingerprint(),
    }
    data = json.dumps(run.sources.description._asdict())
    _save(path, tensors, {"config": run.config.model_dump_json(), "data": data, "notes": json.dumps(notes)})


def load_checkpoint(run: Run, path: Path | str) -> None:
    """Bring a run that has not begun to where the saved one stood.

    Raises:
        CheckpointError: if the file is damaged, or of another configuration or precision.
    """
    tensors, texts = _load(path)
    if "notes" not in texts:
        raise CheckpointError(f"{path} holds models, not a training run to resume: name another checkpoint.")
    saved, notes = SGANConfig(**current_fields(json.loads(texts["config"]))), json.loads(texts["notes"])
    for name, value in saved.model_dump().items():
        if value != getattr(run.config, name):
            raise CheckpointError(
                f"{path} was saved with {name}={value!r}, this run has {name}={getattr(run.config, name)!r}: "
                "name another checkpoint, or delete this one to start anew."
            )
    if notes["precision"] != str(run.precision):
        raise CheckpointError(
            f"{path} was computed in {notes['precision']}, this machine takes {run.precision}: set precision to match."
        )
    if notes.get("sources", run.sources.fingerprint()) != run.sources.fingerprint():
        raise CheckpointError(
            f"{path} was trained on other images or labels than this run is given: name another checkpoint, or delete "
            "this one to start anew."
        )
    load_weights(run.generator, _under("generator", tensors))
    load_weights(run.last_discriminator, _under("discriminator", tensors))
    load_weights(run.average, _under("average", tensors))
    _restore_optimizer(run.optimizer_g, _under("optimizer_g", tensors))
    _restore_optimizer(run.optimizer_d, _under("optimizer_d", tensors))
    run.random.set_state(tensors["random"])
    run.layer_random = tensors.get("layer_random", run.layer_random)
    run.spread_labels = tensors.get("spread_labels")
    run.log = History(tensors["history"], run.team)
    run.step, run.train_seconds = notes["step"], notes["train_seconds"]


def load_weights(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give ``model`` saved weights, also those that were saved when its layers had their earlier names.

    Raises:
        RuntimeError: if they are not the weights of this model.
    """
    known = model.state_dict()

    def now(name: str) -> str:
        return name if name in known else ".".join(LAYERS.get(part, part) for part in name.split("."))

    model.load_state_dict({now(name): tensor for name, tensor in tensors.items()})


def _description(texts: dict[str, str]) -> Description:
    if "data" not in texts:
        return MNIST  # all that was saved before other data could be
    fields = json.loads(texts["data"])
    return Description(**fields | {"classes": tuple(fields["classes"])})


def _save(path: Path | str, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, lambda part: save_file(plain, part, metadata))


def _load(path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not Path(path).is_file():
        raise CheckpointError(f"{path} does not exist: check the name, or train and save it first.")
    try:
        with safe_open(path, framework="pt") as file:
            tensors, texts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file ({error}): name another file.") from error
    if "config" not in texts:
        raise CheckpointError(f"{path} was not written by this package: name another file.")
    return tensors, texts


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix += "/"
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{number}/{name}": value for number, values in state.items() for name, value in values.items()}


def _restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for name, value in tensors.items():
        number, field = name.split("/")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:  # lay it out in memory as the weights are: the fused step relies on it
            value = torch.empty_like(parameter).copy_(value)
        optimizer.state[parameter][field] = value.detach()
