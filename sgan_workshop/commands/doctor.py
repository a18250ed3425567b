"""``sgan doctor``: checks Python, packages, device and data, and names the cure for what is wrong."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any, NamedTuple

from sgan_utils.support.errors import TORCH_PAIR_CURE, DataError

MISMATCH = "operator torchvision::nms does not exist"
REINSTALL = "install what the project asks for: pip install -c constraints.txt -e '.[lessons,test]'"


class Finding(NamedTuple):
    """The result of one check."""

    what: str
    value: str
    ok: bool = True
    cure: str = ""


def examine() -> Iterator[Finding]:
    """All findings, one after another; none of them raises."""
    yield python()
    yield from packages()
    yield torch_pair()
    for check in (device, data):
        yield _or_broken(check)


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether Python is new enough."""
    ok = tuple(version[:2]) >= (3, 11)
    return Finding("Python", ".".join(map(str, version[:3])), ok, "" if ok else "use Python 3.11 or newer.")


def packages() -> Iterator[Finding]:
    """The installed version of everything that the package and its extras ask for."""
    required = {}
    for line in metadata.requires("sgan-utils") or []:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        required[name] = re.search(r"extra == ['\"](\w+)['\"]", line)
    missing, installed = [], []
    for name, extra in required.items():
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(f"{name}{f' (extra {extra[1]})' if extra else ''}")
    yield Finding("packages", ", ".join(installed))
    if missing:
        yield Finding("missing packages", ", ".join(missing), False, REINSTALL)


def torch_pair(load: Callable[[str], Any] = importlib.import_module) -> Finding:
    """Whether torch and torchvision can be loaded together."""
    try:
        versions = [f"{name} {load(name).__version__}" for name in ("torch", "torchvision")]
    except Exception as error:  # an import can fail in any way
        cure = TORCH_PAIR_CURE if MISMATCH in str(error) else REINSTALL
        return Finding("torch and torchvision", f"{type(error).__name__}: {error}", False, cure)
    return Finding("torch and torchvision", " with ".join(versions) + " load together")


def device() -> Finding:
    """What training will run on, and in which number format."""
    import torch

    from sgan_utils.support.hardware import pick_device, pick_precision

    chosen = pick_device()
    precision = str(pick_precision("auto", chosen)).removeprefix("torch.")
    name = torch.cuda.get_device_name() if chosen.type == "cuda" else platform.machine()
    threads = f", {torch.get_num_threads()} threads of {os.cpu_count()} cores" if chosen.type == "cpu" else ""
    return Finding("device", f"{chosen} ({name}{threads}), convolutions in {precision}")


def data() -> Finding:
    """Whether MNIST is there, whole, and unpacks."""
    from sgan_utils.data import data_folder, load_mnist

    try:
        mnist = load_mnist()
    except DataError as error:
        return Finding("data", "MNIST cannot be used", False, str(error))
    shown = os.environ.get("SGAN_DATA") or data_folder().name
    return Finding(
        "data", f"{len(mnist.train_images):,} + {len(mnist.test_images):,} verified MNIST images in {shown}/"
    )


def _or_broken(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # the doctor reports, whatever is broken
        return Finding(check.__name__, f"{type(error).__name__}: {error}", False, REINSTALL)
