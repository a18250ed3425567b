"""Writing a recorded result, each file whole or not at all."""

from __future__ import annotations

import csv
import json

import numpy as np

from sgan_utils import results
from sgan_utils.results import Record
from sgan_utils.support.checkpoints import save_trained
from sgan_utils.support.files import write_whole
from sgan_utils.support.run import Run


def save_record(record: Record, run: Run | None = None) -> None:
    """Write a record, and the models of ``run`` if one is given. Each file is replaced only when it is whole."""
    folder = results.RESULTS / record.name
    if run is not None:
        save_trained(run, folder / "models.safetensors")
    if not record.history.empty:
        table = record.history.round(5)
        write_whole(folder / "history.csv", lambda part: table.to_csv(part, quoting=csv.QUOTE_MINIMAL))
    if record.arrays:
        write_whole(folder / "arrays.npz", lambda part: np.savez_compressed(part, allow_pickle=False, **record.arrays))
    text = json.dumps(record.about, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "record.json", lambda part: part.write_text(text, encoding="utf-8"))
