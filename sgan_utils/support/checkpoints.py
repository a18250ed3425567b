"""Models and whole training runs on disk: safetensors files, which hold numbers and text and never run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sgan_utils.config import SGANConfig
from sgan_utils.data import UNKNOWN, Description
from sgan_utils.models import MNIST, build_models
from sgan_utils.support.changes import change, changed
from sgan_utils.support.errors import CheckpointError, ConfigError
from sgan_utils.support.hardware import random_state
from sgan_utils.support.networks import Networks
from sgan_utils.support.run import History, Run
from sgan_utils.support.saved_files import Notes, check_tensors, load_weights, read_saved, write_saved
from sgan_utils.support.student import Student

MODELS = ("generator/", "discriminator/")  # how the names of a file of models begin
RUN = (*MODELS, "average/", "optimizer_g/", "optimizer_d/")  # and those of a checkpoint, beside some single tensors


def save_models(
    path: Path | str,
    generator: nn.Module,
    discriminator: nn.Module,
    config: SGANConfig,
    data: Description = MNIST,
    sources: str = "",
    half: bool = False,
) -> None:
    """Write G, D, the configuration that made them, and the description of their data to one file.

    Args:
        half: whether to store weights in 16 bits, in half of the space. G's images then differ by a grey level or two.
        sources: the fingerprint of the images that they were trained on, see
            :meth:`sgan_utils.data.Sources.fingerprint`.
    """
    tensors = _named("generator", generator.state_dict()) | _named("discriminator", discriminator.state_dict())
    if half:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    notes = {"config": config.model_dump_json(), "data": json.dumps(data._asdict()), "sources": sources}
    write_saved(path, tensors, notes)


def save_trained(run: Run, path: Path | str, half: bool = False) -> None:
    """Write what a run has trained: G, the classifier, their configuration, and which images they learnt from."""
    about = run.sources.description, run.sources.fingerprint()
    save_models(path, run.generator, run.classifier(), run.config, *about, half=half)


def load_models(path: Path | str, networks: Networks = build_models) -> tuple[Any, Any, SGANConfig]:
    """Read what :func:`save_models` wrote: G and D in evaluation mode on the CPU, and their configuration.

    Args:
        networks: what ``train`` was given, if that was something; the file holds weights, no code.

    Raises:
        CheckpointError: if the file is missing or damaged, or holds the weights of other networks.
    """
    saved = read_saved(path)
    config, description = saved.config, saved.data
    tensors = {name: part.float() if part.dtype == torch.float16 else part for name, part in saved.tensors.items()}
    try:
        generator, discriminator = networks(config, description)
        if config.student_steps:
            discriminator = Student(description.shape, len(description.classes))
        load_weights(generator, _under("generator", tensors))
        load_weights(discriminator, _under("discriminator", tensors))
        if saved.notes is None:
            check_tensors({name: tensors[name] for name in tensors if not name.startswith(MODELS)}, {})
    except (RuntimeError, ValueError, MemoryError) as error:
        raise CheckpointError(
            f"{path} holds the weights of other networks ({error}): give load_models the networks=... that train had."
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
        tensors["layer_random"] = random_state(run.device)  # saved inside of Run.random_numbers
    if run.spread_labels is not None:
        tensors["spread_labels"] = run.spread_labels
    notes = {
        "step": run.step,
        "train_seconds": run.train_seconds,
        "precision": str(run.precision),
        "sources": run.sources.fingerprint(),
        "changes": run.changes,
    }
    data = json.dumps(run.sources.description._asdict())
    write_saved(path, tensors, {"config": run.config.model_dump_json(), "data": data, "notes": json.dumps(notes)})


def load_checkpoint(run: Run, path: Path | str) -> None:
    """Bring a run that has not begun to where the saved one stood.

    Raises:
        CheckpointError: if the file is damaged, or of another configuration or precision.
    """
    tensors, saved, _, notes = read_saved(path)
    if notes is None:
        raise CheckpointError(f"{path} holds models, not a training run to resume: name another checkpoint.")
    try:
        now = changed(run.config, **{name: value for _, name, value in notes.changes})
    except ConfigError as error:
        raise CheckpointError(f"{path} has changes that cannot be ({error}): name another file.") from error
    for name, value in saved.model_dump().items():
        if value != getattr(now, name):
            raise CheckpointError(
                f"{path} was saved with {name}={value!r}, this run has {name}={getattr(now, name)!r}: "
                "name another checkpoint, or delete this one to start anew."
            )
    if notes.precision != str(run.precision):
        raise CheckpointError(
            f"{path} was computed in {notes.precision}, this machine takes {run.precision}: set precision to match."
        )
    if notes.sources not in (None, run.sources.fingerprint()):
        raise CheckpointError(
            f"{path} was trained on other images or labels than this run is given: name another checkpoint, or delete "
            "this one to start anew."
        )
    try:
        _restore(run, tensors, notes)
    except (RuntimeError, ValueError) as error:  # RuntimeError: torch refuses the state of its random numbers
        raise CheckpointError(
            f"{path} does not fit this run ({error}): name another checkpoint, or delete this one to start anew."
        ) from error


def _restore(run: Run, tensors: dict[str, Tensor], notes: Notes) -> None:
    if notes.step > run.config.steps:
        raise ValueError(f"step {notes.step} is beyond its last, {run.config.steps}")
    for step, name, _ in notes.changes:
        if not 1 <= step <= notes.step:
            raise ValueError(f"{name} changed after step {step}, which is none of its {notes.step}")
    load_weights(run.generator, _under("generator", tensors))
    load_weights(run.last_discriminator, _under("discriminator", tensors))
    load_weights(run.average, _under("average", tensors))
    if int(run.average.n_averaged) != notes.step:
        raise ValueError(f"its average is of {int(run.average.n_averaged)} steps, not of {notes.step}")
    steps_of_g = notes.step if run.config.uses_generator else 0
    _restore_optimizer(run.optimizer_g, _under("optimizer_g", tensors), steps_of_g, "G")
    _restore_optimizer(run.optimizer_d, _under("optimizer_d", tensors), notes.step, "D")

    history = torch.zeros(notes.step, len(History.columns))
    others = {"random": run.random.get_state(), "history": history}
    if run.layer_random is not None:
        others["layer_random"] = run.layer_random
    if "spread_labels" in tensors and run.config.propagation:
        others["spread_labels"] = torch.zeros(len(run.sources.unlabelled_images), dtype=torch.int64)
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith(RUN)}
    measured = slice(None) if run.config.uses_generator else slice(1)  # the rest is nan where G takes no part
    of_this_run = {"history": found["history"][..., measured]} if "history" in found else {}
    check_tensors(found | of_this_run, others | {"history": history[:, measured]})
    if found["history"].shape != history.shape:
        raise ValueError(f"history is {tuple(found['history'].shape)}, not {tuple(history.shape)}")
    spread = found.get("spread_labels")
    if spread is not None and not UNKNOWN <= spread.min() <= spread.max() < len(run.sources.description.classes):
        raise ValueError("spread_labels has numbers of no class")
    run.random.set_state(tensors["random"])
    if run.layer_random is not None:
        torch.Generator(run.device).set_state(tensors["layer_random"])
        run.layer_random = tensors["layer_random"]
    run.spread_labels = spread
    run.log = History(tensors["history"], run.team)
    run.step, run.train_seconds = notes.step, notes.train_seconds
    change(run, **{name: value for _, name, value in notes.changes})
    run.changes = list(notes.changes)


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix += "/"
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{number}/{name}": value for number, values in state.items() for name, value in values.items()}


def _restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], steps: int, name: str) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    known = {str(number): parameter for number, parameter in enumerate(parameters)}
    updated = {key.partition("/")[0] for key in tensors}  # a layer that no loss uses is never updated
    if bool(updated) != bool(steps):
        raise ValueError(f"the state of {name}'s optimiser {'is missing' if steps else 'does not belong there'}")
    if unknown := updated - set(known):
        raise ValueError(f"{name}'s optimiser has a state of a layer {min(unknown)!r} that {name} does not have")
    wanted: dict[str, Tensor] = {}
    for number in updated:
        wanted |= {f"{number}/{field}": known[number] for field in ("exp_avg", "exp_avg_sq")}
        wanted[f"{number}/step"] = torch.tensor(0.0)
    check_tensors(tensors, wanted)
    for key, value in tensors.items():
        number, field = key.split("/")
        parameter = known[number]
        if field == "step" and not (1 <= value <= steps and value == value.round()):
            raise ValueError(f"{name}'s optimiser has made {value.item():g} of {steps} steps")
        if value.shape == parameter.shape:  # lay it out in memory as the weights are: the fused step relies on it
            value = torch.empty_like(parameter).copy_(value)
        elif optimizer.param_groups[0]["fused"]:  # which counts its steps where the weights are
            value = value.to(parameter.device)
        optimizer.state[parameter][field] = value.detach()
