"""The files of a recorded result: ``record.json`` holds checksums of itself and of those beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from sgan_utils.support.files import write_text

CHECKSUMS = "checksums"  # the key of record.json
TEXTS = (".csv", ".json")  # git may give them other line ends


def write_about(folder: Path, about: dict[str, Any]) -> None:
    """Write ``record.json``, with checksums of all that lies beside it."""
    about = json.loads(json.dumps({name: value for name, value in about.items() if name != CHECKSUMS}))
    sums = {path.name: _checksum(path) for path in sorted(folder.glob("[!.]*")) if path.name != "record.json"}
    sums["record.json"] = _checksum_of(about)
    write_text(folder / "record.json", json.dumps(about | {CHECKSUMS: sums}, indent=2, ensure_ascii=False) + "\n")


def read_about(folder: Path) -> dict[str, Any]:
    """What ``record.json`` says, once nothing has been found to be changed.

    Raises:
        ValueError: names the file that is not what was recorded.
    """
    about = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    if not isinstance(about, dict):
        raise ValueError("record.json is no JSON object")
    sums = about.pop(CHECKSUMS, None)
    if not isinstance(sums, dict) or "record.json" not in sums:
        raise ValueError("record.json holds no checksums")
    for name, said in sums.items():
        found = _checksum_of(about) if name == "record.json" else _checksum(folder / Path(name).name)
        if found != said:
            raise ValueError(f"{name} is not what was recorded: its checksum does not match")
    return about


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a ``.npz`` file, which may hold numbers only.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # a damaged archive makes zipfile, zlib and numpy raise almost anything
        raise ValueError(f"{path.name} is no archive of arrays of numbers") from error


def _checksum(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(content.replace(b"\r\n", b"\n") if path.suffix in TEXTS else content).hexdigest()[:16]


def _checksum_of(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
