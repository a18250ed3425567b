"""A row of a study: the columns of its CSV file, and how such a file is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.support.earlier_names import FIELDS as EARLIER_FIELDS
from sgan_utils.support.errors import SGANError
from sgan_utils.support.studies import method_of

Row = dict[str, Any]
FIELDS = list(SGANConfig.model_fields)
MEASURED = [  # empty where there is none
    "test_accuracy",
    "held_out_accuracy",
    "fid",
    "kid",
    "kid_std",
    "score",
    "train_seconds",
    "core_seconds",
    "images_per_second",
]
MADE_BY = ["sgan_utils", "torch", "device", "computed_in"]  # must agree if rows are to be compared
COLUMNS = ["method", *FIELDS, *MEASURED, *MADE_BY, "threads", "hardware", "commit", "date", "failed"]


def make_row(config: SGANConfig, made: Row, **measured: Any) -> Row:
    """One flat row with the keys :data:`COLUMNS`: a configuration, what it was made with, what was measured."""
    fields = config.model_dump(mode="json")
    if config.precision != "auto":
        made = made | {"computed_in": config.precision}
    flat = {name: json.dumps(value) if isinstance(value, list) else value for name, value in fields.items()}
    return dict.fromkeys(COLUMNS) | {"method": method_of(config)} | flat | made | {"threads": 1} | measured


def read_rows(out: Path | str) -> pd.DataFrame:
    """The runs that a study's file holds, with the columns ``COLUMNS``, indexed by their configurations.

    Raises:
        SGANError: if it is no such file.
    """
    rows = read_file(Path(out))
    return as_table(rows.values()).set_axis(pd.Index(list(rows), dtype=object), axis=0)


def read_file(out: Path) -> dict[SGANConfig, Row]:
    """The rows of an earlier study by their configurations; none if there is no file."""
    if not out.exists():
        return {}
    cure = "choose another --out, or delete it."
    try:
        texts = pd.read_csv(out, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise SGANError(f"{out} cannot be read as a study's table ({error}): {cure}") from error
    texts = texts.rename(columns=EARLIER_FIELDS)
    defaults = make_row(SGANConfig(), {})
    for name in set(FIELDS) - set(texts.columns):  # hyperparameters that came later: their defaults change nothing
        texts[name] = str(defaults[name])
    for name in set(MEASURED) - set(texts.columns):  # so did some measurements
        texts[name] = ""
    differing = [name for name in [*COLUMNS, *texts.columns] if (name in COLUMNS) != (name in texts.columns)]
    if differing:
        raise SGANError(f"{out} has other columns than this study ({', '.join(differing)}): {cure}")
    try:
        return dict(_parsed(row) for row in texts.to_dict("records"))
    except ValueError as error:
        raise SGANError(f"{out} holds a row that no study has written ({error}): {cure}") from error


def _parsed(row: dict[str, str]) -> tuple[SGANConfig, Row]:
    config = SGANConfig(**{name: json.loads(row[name]) if row[name][:1] == "[" else row[name] for name in FIELDS})
    measured = {name: float(row[name]) if row[name] else None for name in MEASURED}
    others = {name: row[name] for name in (*MADE_BY, "hardware", "commit", "date", "failed")}
    return config, make_row(config, {}, **measured, **others)


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table with the columns :data:`COLUMNS`."""
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(MEASURED, float))
