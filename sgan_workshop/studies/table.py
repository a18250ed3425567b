"""The file of a study: rows that compare, each written as soon as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import FileError, SGANError
from sgan_utils.support.files import in_use
from sgan_utils.support.rows import MADE_BY, Row, make_row, read_file, write_file

LOCK_SECONDS = 60  # far longer than a table takes to write


def refuse_mixture(out: Path, rows: dict[SGANConfig, Row], here: Row) -> None:
    """Refuse rows that were made otherwise than runs are made here: their numbers do not compare."""
    for config, row in rows.items():
        expected = make_row(config, here)
        for name in MADE_BY:
            if row[name] != expected[name]:
                raise SGANError(
                    f"rows that do not compare cannot share the file {out}: one was made with {name} = {row[name]}, "
                    f"another would be with {name} = {expected[name]}: choose another --out, or delete the file."
                )


def write_rows(out: Path, rows: dict[SGANConfig, Row], configs: Sequence[SGANConfig], here: Row) -> None:
    """Add ``rows`` to the file: first the rows of ``configs`` that there are, in their order, then any others.

    Other studies may write into the same file at the same time: what they have added is kept, and added to ``rows``.
    """
    try:
        with in_use(out, LOCK_SECONDS):
            others = read_file(out)
            refuse_mixture(out, others, here)
            rows.update({config: row for config, row in others.items() if config not in rows})
            write_file(out, (rows[config] for config in dict.fromkeys([*configs, *rows]) if config in rows))
    except FileError:
        raise
    except OSError as error:
        raise SGANError(f"{out} cannot be written ({error.strerror}): choose another --out.") from error
