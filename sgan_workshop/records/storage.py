"""Writing a recorded result, each file whole or not at all."""

from __future__ import annotations

import csv

import numpy as np

from sgan_utils import results
from sgan_utils.results import Record
from sgan_utils.support.checkpoints import save_trained
from sgan_utils.support.files import write_whole
from sgan_utils.support.record_files import write_about
from sgan_utils.support.run import Run


def save_record(record: Record, run: Run | None = None, half: bool = False) -> None:
    """Write a record, and the models of ``run`` if one is given. Each file is replaced only when it is whole.

    What a process that is killed in between has written does not match the checksums of the old ``record.json``.

    Args:
        half: whether to store the models' weights in 16 bits, in half of the space.
    """
    folder = results.RESULTS / record.name
    if run is not None:
        save_trained(run, folder / "models.safetensors", half)
    if not record.history.empty:
        table = record.history.round(5)
        write_whole(
            folder / "history.csv", lambda part: table.to_csv(part, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        )
    if record.arrays:
        write_whole(folder / "arrays.npz", lambda part: np.savez_compressed(part, allow_pickle=False, **record.arrays))
    write_about(folder, record.about)
