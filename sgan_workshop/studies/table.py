"""The file of a study: rows that compare, each written as soon as it is there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_whole
from sgan_utils.support.rows import MADE_BY, Row, as_table, make_row, read_file

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


def _lock_of(out: Path) -> Path:
    """The lock of a table, in the folder for temporary files, because a lock file is left behind."""
    return Path(tempfile.gettempdir()) / f"sgan-{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]}.lock"


def write_rows(out: Path, rows: dict[SGANConfig, Row], configs: Sequence[SGANConfig], here: Row) -> None:
    """Add ``rows`` to the file: first the rows of ``configs`` that there are, in their order, then any others.

    Other studies may write into the same file at the same time: what they have added is kept, and added to ``rows``.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_lock_of(out), timeout=LOCK_SECONDS):
            others = read_file(out)
            refuse_mixture(out, others, here)
            rows.update({config: row for config, row in others.items() if config not in rows})
            table = as_table(rows[config] for config in dict.fromkeys([*configs, *rows]) if config in rows)
            write_whole(out, lambda part: table.to_csv(part, index=False))
    except Timeout as error:
        raise SGANError(f"{out} is locked by another study: choose another --out, or try again.") from error
    except OSError as error:
        raise SGANError(f"{out} cannot be written ({error.strerror}): choose another --out.") from error
