"""What commands share: an option for each hyperparameter, named configurations, tables in the terminal."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_origin

import typer

from sgan_utils.config import SGANConfig, allowed
from sgan_utils.support.errors import SGANError
from sgan_utils.support.presets import PRESETS

if TYPE_CHECKING:
    from pandas import DataFrame


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Semi-supervised learning with GANs: lessons, training runs and figures.",
)


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for every field of ``SGANConfig``; it receives those that were given as ``changes``."""

    @functools.wraps(command)
    def with_options(**options: Any) -> None:
        changes = {name: options.pop(name) for name in SGANConfig.model_fields}
        command(**options, changes={name: value for name, value in changes.items() if value is not None})

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "changes"]
    options = [*own, *(_option(name) for name in SGANConfig.model_fields)]
    vars(with_options)["__signature__"] = inspect.Signature(options, return_annotation=None)
    return with_options


WORDS: dict[Any, str] = {int: "<int>", float: "<float>", tuple: "<int> <int> <int>"}


def _option(name: str) -> inspect.Parameter:
    field = SGANConfig.model_fields[name]
    # Numbers, choices and ranges are checked by SGANConfig, whose sentence is the same everywhere.
    kinds: dict[Any, Any] = {bool: bool, tuple: tuple[str, str, str]}
    kind: Any = kinds.get(get_origin(field.annotation) or field.annotation, str)
    default = " ".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    option = typer.Option(
        help=f"{field.description} ({allowed(name).capitalize()}.)",
        metavar=WORDS.get(get_origin(field.annotation) or field.annotation),
        rich_help_panel="Hyperparameters (the defaults are the lesson preset's)",
        show_default=default,
    )
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def starting_from(preset: str, changes: dict[str, Any], others: Iterable[str] = ()) -> SGANConfig:
    """The named configuration with some changes; ``others`` are names that this command takes as well."""
    if preset not in PRESETS:
        raise SGANError(f"there is no preset named {preset!r}: choose one of {'; '.join([*others, *PRESETS])}.")
    return SGANConfig.preset(preset, **changes)


def print_table(rows: DataFrame) -> None:
    """A table in the terminal, or 120 characters wide in a file."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, padding=0)
    for column in rows.columns:
        table.add_column(column.replace("_", " "), no_wrap=True)
    for row in rows.itertuples(index=False):
        words = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in row)
        table.add_row(*("–" if word == "nan" else word for word in words))  # one seed has no spread
    # A terminal has its own width; a file is not cut at eighty characters.
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def as_json_list(rows: DataFrame) -> str:
    """Rows as a JSON list; what is missing is null."""
    return json.dumps(rows.astype(object).where(rows.notna(), None).to_dict("records"))


def near(path: Path) -> str:
    """A path as seen from here, if it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
