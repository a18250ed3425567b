"""What a saved file must be before anything in it is used: whole, of this version's fields, of the promised shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sgan_utils.config import SGANConfig
from sgan_utils.data import Description
from sgan_utils.models import MNIST
from sgan_utils.support.earlier_names import LAYERS, current_fields
from sgan_utils.support.errors import CheckpointError, ConfigError
from sgan_utils.support.files import write_whole

Model = TypeVar("Model", bound=BaseModel)
TEXTS = {"config", "data", "sources", "notes", "checksum"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Notes(_Strict):
    """What a checkpoint notes beside its numbers."""

    step: Annotated[int, Field(ge=0)]
    train_seconds: Annotated[float, Field(ge=0)]
    precision: str
    sources: str | None = None  # the fingerprint of the images; earlier versions did not note it
    changes: tuple[tuple[int, str, bool | int | float | str], ...] = ()  # of hyperparameters, as in `Run.changes`


class _Data(_Strict):
    name: str
    channels: Annotated[int, Field(ge=1, le=1024)]
    height: Annotated[int, Field(ge=1, le=4096)]
    width: Annotated[int, Field(ge=1, le=4096)]
    classes: Annotated[tuple[str, ...], Field(min_length=1)]


class Saved(NamedTuple):
    """All that a file holds."""

    tensors: dict[str, Tensor]
    config: SGANConfig
    data: Description
    notes: Notes | None  # none in a file of models


def write_saved(path: Path | str, tensors: Mapping[str, Tensor], texts: dict[str, str]) -> None:
    """Write tensors and texts to one file, with a checksum over both."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    texts = texts | {"checksum": checksum(plain, texts)}

    def write(part: Path) -> None:
        try:
            save_file(plain, part, texts)
        except SafetensorError as error:  # the disk is full
            raise OSError(str(error)) from error

    write_whole(path, write)


def checksum(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """Sixteen characters that are the same only for the same tensors and texts."""
    digest = hashlib.sha256(json.dumps(sorted(texts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def read_saved(path: Path | str) -> Saved:
    """Read what :func:`write_saved` wrote, and what earlier versions did, which had no checksum.

    Raises:
        CheckpointError: one sentence about what is wrong with the file.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise CheckpointError(f"{path} is a folder: name a file.")
        if not path.exists():
            raise CheckpointError(f"{path} does not exist: check the name, or train and save it first.")
        if not path.is_file():
            raise CheckpointError(f"{path} is a device or a pipe: name a file.")
        with safe_open(path, framework="pt") as file:
            tensors, texts = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file ({error}): name another file.") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}): name another file.") from error
    if "config" not in texts:
        raise CheckpointError(f"{path} was not written by this package: name another file.")
    without = {name: text for name, text in texts.items() if name != "checksum"}
    if "checksum" in texts and texts["checksum"] != checksum(tensors, without):
        raise CheckpointError(f"{path} is damaged (its checksum does not match): name another file.")
    for name, tensor in tensors.items():
        if name != "history" and not tensor.isfinite().all():
            raise CheckpointError(f"{path} is damaged ({name} has numbers that are not finite): name another file.")
    _refuse_later_fields(path, set(texts) - TEXTS)
    config = _config(path, texts["config"])
    data = MNIST  # all that was saved before other data could be
    if "data" in texts:
        data = Description(**_parsed(path, _Data, texts["data"], "description of the data").model_dump())
    notes = _parsed(path, Notes, texts["notes"], "notes") if "notes" in texts else None
    return Saved(tensors, config, data, notes)


def _config(path: Path, text: str) -> SGANConfig:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise CheckpointError(f"{path} is damaged (its configuration is no JSON object): name another file.")
    fields = current_fields(fields)
    _refuse_later_fields(path, set(fields) - set(SGANConfig.model_fields))
    try:
        return SGANConfig(**fields)
    except ConfigError as error:
        why = str(error).split(": set ")[0]
        raise CheckpointError(f"{path} is damaged (its configuration cannot be: {why}): name another file.") from error


def _parsed(path: Path, model: type[Model], text: str, what: str) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            _refuse_later_fields(path, {where})
        why = f"{what}{f', {where}' if where else ''}: {problem['msg']}"
        raise CheckpointError(f"{path} is damaged ({why}): name another file.") from error


def _refuse_later_fields(path: Path, unknown: set[str]) -> None:
    if unknown:
        raise CheckpointError(
            f"{path} has {min(unknown)!r}, which this version does not know: update the project, or name another file."
        )


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give ``model`` saved weights, also those that were saved when its layers had their earlier names.

    Raises:
        ValueError: if they are not whole, or not the weights of this model.
    """
    known = model.state_dict()

    def now(name: str) -> str:
        return name if name in known else ".".join(LAYERS.get(part, part) for part in name.split("."))

    found = {now(name): tensor for name, tensor in tensors.items()}
    check_tensors(found, known)
    model.load_state_dict(found)


def check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors that lack, or that have other names, shapes or dtypes, or numbers that are not finite.

    Raises:
        ValueError: names the first, without a full stop.
    """
    for name in sorted(set(found) ^ set(wanted)):
        raise ValueError(f"{name} is missing" if name in wanted else f"{name} does not belong there")
    for name, tensor in found.items():
        shape, dtype = tuple(wanted[name].shape), wanted[name].dtype
        if (tuple(tensor.shape), tensor.dtype) != (shape, dtype):
            raise ValueError(f"{name} is {tuple(tensor.shape)} of {tensor.dtype}, not {shape} of {dtype}")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has numbers that are not finite")
