"""``sgan doctor``: checks Python, packages, device and data, and names the cure for what is wrong."""

from __future__ import annotations

import importlib
import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any, NamedTuple

from sgan_utils.support.errors import TORCH_PAIR_CURE, DataError, SGANError
from sgan_workshop.commands.supported import complaint_about_python, complaint_about_system

MISMATCH = "operator torchvision::nms does not exist"
INSTALL = 'pip install -c constraints.txt -e ".[{}]"'
REINSTALL = f"install what the project asks for: {INSTALL.format('lessons')}"


class Finding(NamedTuple):
    """The result of one check."""

    what: str
    value: str
    ok: bool = True
    cure: str = ""


def examine() -> Iterator[Finding]:
    """All findings, one after another; none of them raises."""
    yield Finding("Python", platform.python_version(), not (cure := complaint_about_python()), cure)
    yield Finding("system", platform.platform(terse=True), not (cure := complaint_about_system()), cure)
    yield from packages()
    yield torch_pair()
    for check in (device, data):
        yield _or_broken(check)


def packages() -> Iterator[Finding]:
    """The installed version of everything that the package asks for; what only an extra of authors needs may lack."""
    try:
        lines = metadata.requires("sgan-utils") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "the workshop itself is not installed", False, REINSTALL)
        return
    installed: list[str] = []
    missing: dict[str, list[str]] = {}
    for line in lines:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        found = re.search(r"extra == ['\"](\w+)['\"]", line)
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.setdefault(found[1] if found else "", []).append(name)
    yield Finding("packages", ", ".join(installed))
    if needed := missing.pop("", []) + missing.pop("lessons", []):
        yield Finding("missing packages", ", ".join(needed), False, REINSTALL)
    for extra, names in missing.items():
        cure = f"no lesson needs them; where you do: {INSTALL.format(extra)}"
        yield Finding(f"extra {extra}", f"without {', '.join(names)}", True, cure)


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
        if isinstance(error, SGANError):
            return Finding(check.__name__, "cannot be checked", False, str(error))
        return Finding(check.__name__, f"{type(error).__name__}: {error}", False, REINSTALL)
