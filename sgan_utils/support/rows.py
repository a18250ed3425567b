"""A row of a study: the columns of its CSV file, and how such a file is read, once every row in it can be true."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sgan_utils import __version__
from sgan_utils.config import SGANConfig
from sgan_utils.support.earlier_names import FIELDS as EARLIER_FIELDS
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_bytes
from sgan_utils.support.spreadsheets import as_text, from_text
from sgan_utils.support.studies import method_of

Row = dict[str, Any]
FIELDS = list(SGANConfig.model_fields)
MEASURED = {  # from where to where it can be; empty where it was not measured
    "test_accuracy": (0.0, 1.0),
    "held_out_accuracy": (0.0, 1.0),
    "fid": (0.0, 1e9),
    "kid": (-1e9, 1e9),
    "kid_std": (0.0, 1e9),
    "score": (0.0, 1e3),
    "train_seconds": (0.0, 1e9),
    "core_seconds": (0.0, 1e9),
    "images_per_second": (0.0, 1e9),
}
MADE_BY = ["sgan_utils", "torch", "device", "computed_in"]  # must agree if rows are to be compared
COLUMNS = ["method", *FIELDS, *MEASURED, *MADE_BY, "threads", "hardware", "commit", "date", "failed"]
CHECKSUM = "checksum"  # the last column of the file, over the others; earlier versions wrote none
KNOWN = {  # what stands in other columns, where anything does
    "sgan_utils": r"\d+\.\d+\.\d+",
    "torch": r"\d+\.\d+\S*",
    "device": "cpu|cuda|mps",
    "computed_in": "float32|bfloat16",
    "threads": "1",
    "commit": "[0-9a-f]{40}( with changes)?|unknown",
    "date": r"\d{4}-\d\d-\d\d",
}
WORDS = ("data", "hardware", "failed")  # columns that may hold any text
TEXTS = (*MADE_BY, "hardware", "commit", "date", "failed")
ACCURACIES = ("test_accuracy", "held_out_accuracy")


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


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table with the columns :data:`COLUMNS`."""
    return pd.DataFrame(list(rows), columns=COLUMNS).astype(dict.fromkeys(MEASURED, float))


def write_file(out: Path, rows: Iterable[Row]) -> None:
    """Write rows, each with a checksum, whole or not at all; no text in them is taken for a formula."""
    table = as_table(rows).to_csv(index=False, lineterminator="\r\n")
    header, *lines = csv.reader(io.StringIO(table, newline=""))
    written = [_line([*header, CHECKSUM])]
    for line in lines:
        cells = {name: as_text(text) if name in WORDS else text for name, text in zip(header, line, strict=True)}
        written.append(_line([*cells.values(), _checksum(cells)]))
    write_bytes(out, "".join(written).encode())


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # which tells it to quote both of these
    return line.getvalue().removesuffix("\r\n") + "\n"


def read_file(out: Path) -> dict[SGANConfig, Row]:
    """The rows of an earlier study by their configurations; none if there is no file.

    Raises:
        SGANError: names the file, and the line that cannot be true.
    """
    if not out.exists():
        return {}
    cure = "choose another --out, or delete it."
    try:
        with out.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            lines = [(reader.line_num, line) for line in reader]
            names = [EARLIER_FIELDS.get(name, name) for name in reader.fieldnames or ()]
    except (OSError, ValueError, csv.Error) as error:
        raise SGANError(f"{out} cannot be read as a study's table ({error}): {cure}") from error
    needed, allowed = set(COLUMNS) - set(LATER), {*COLUMNS, CHECKSUM}
    if wrong := [*(needed - set(names)), *(set(names) - allowed), *(name for name in names if names.count(name) > 1)]:
        raise SGANError(f"{out} has other columns than this study ({', '.join(sorted(set(wrong)))}): {cure}")
    rows: dict[SGANConfig, Row] = {}
    cure = "restore the file, choose another --out, or delete the line to have that run trained again."
    for number, line in lines:
        try:
            config, row = _parsed(line)
            if rows and (differing := [name for name in MADE_BY[:3] if row[name] != next(iter(rows.values()))[name]]):
                raise ValueError(f"its {differing[0]} is {row[differing[0]]}, and another in lines before it")
            if rows.setdefault(config, row) != row:
                raise ValueError("a line before it says something else of the same run")
        except (ValueError, RecursionError) as error:
            why = str(error).split(": set ")[0]
            raise SGANError(f"{out} holds a row that no study has written (line {number}: {why}): {cure}") from error
    return rows


def _parsed(line: dict[str, str]) -> tuple[SGANConfig, Row]:
    """A line of the file, under the names of its columns, as a row.

    Raises:
        ValueError: says what cannot be true in it, without a full stop.
    """
    if None in line or None in line.values():
        raise ValueError("it has more or fewer cells than there are columns")
    if CHECKSUM in line and line[CHECKSUM] != _checksum(line):
        raise ValueError("its checksum does not match what it says")
    cells = LATER | {EARLIER_FIELDS.get(name, name): text for name, text in line.items()}
    cells |= {name: from_text(cells[name]) for name in WORDS}
    config = SGANConfig(**{name: json.loads(cells[name]) if cells[name][:1] == "[" else cells[name] for name in FIELDS})
    for name, known in KNOWN.items():
        if cells[name] and not re.fullmatch(known, cells[name]):
            raise ValueError(f"{name} is {cells[name]!r}")
    if _numbers(cells["sgan_utils"]) > _numbers(__version__):
        raise ValueError(f"it was made with version {cells['sgan_utils']}, this is {__version__}")
    measured = {name: _measured(name, cells[name]) for name in MEASURED}
    of_mnist = "held_out_accuracy" if config.held_out else "test_accuracy"
    reached = [name for name in ACCURACIES if measured[name] is not None]
    if reached != ([] if cells["failed"] else [of_mnist]) and (reached or config.data == "MNIST"):
        raise ValueError(f"{' and '.join(ACCURACIES)} do not fit the other columns")
    return config, make_row(config, {}, **measured, **{name: cells[name] for name in TEXTS})


def _measured(name: str, text: str) -> float | None:
    low, high = MEASURED[name]
    if not text:
        return None
    if not low <= float(text) <= high:  # nan is in no range
        raise ValueError(f"{name} is {text}, which is not between {low:g} and {high:g}")
    return float(text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if version else ()


def _checksum(cells: dict[str, str]) -> str:
    said = [f"{name}={text}" for name, text in cells.items() if name != CHECKSUM]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:12]


# Some hyperparameters came later: their defaults change nothing. So did some measurements.
LATER = {name: str(make_row(SGANConfig(), {})[name]) for name in FIELDS} | dict.fromkeys(MEASURED, "")
