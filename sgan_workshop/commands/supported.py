"""Which Pythons and systems the workshop runs on; needs nothing installed, so that set-up can ask before it begins."""

from __future__ import annotations

import operator
import platform
import re
import sys
import sysconfig
from pathlib import Path

MACOS, GLIBC = 14, (2, 28)  # the oldest that PyTorch's wheels are built for
ELSEWHERE = "use Colab or Binder, whose links are in README.md."
COMPARE = {">=": operator.ge, "<": operator.lt, "!=": operator.ne}


def pythons() -> str:
    """The versions of Python that are supported, from the one place where they stand."""
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'^requires-python = "(.+)"', text, flags=re.MULTILINE)[0]


def complaint_about_python(version: tuple[int, ...] = sys.version_info[:3]) -> str:
    """What is wrong with this Python, and the cure; empty if it is supported."""
    for sign, number in re.findall(r"([<>=!]+)([\d.]+)", pythons()):
        if not COMPARE[sign](version, tuple(map(int, number.split(".")))):
            is_here = ".".join(map(str, version))
            return f"Python {pythons()} is needed, and this is {is_here}: name another, as in `make PYTHON=python3.13`."
    return ""


def complaint_about_system(
    system: str = platform.system(),
    machine: str = platform.machine(),
    macos: str = platform.mac_ver()[0],
    libc: tuple[str, str] = platform.libc_ver(),
    built_for: str = sysconfig.get_platform(),
) -> str:
    """What is wrong with this system, and the cure; empty if PyTorch has wheels for it."""
    if system == "Darwin" and machine != "arm64":
        return f"PyTorch is no longer built for Macs with an Intel processor: {ELSEWHERE}"
    if system == "Darwin" and int(macos.split(".")[0]) < MACOS:
        return f"PyTorch needs macOS {MACOS} or newer, and this is {macos}: update it, or {ELSEWHERE}"
    if system == "Windows" and built_for != "win-amd64":
        return f"PyTorch needs a Python for 64-bit x86 (win-amd64), and this is {built_for}: get that, or {ELSEWHERE}"
    if system == "Linux" and (libc[0] != "glibc" or tuple(map(int, libc[1].split(".")[:2])) < GLIBC):
        found = " ".join(libc).strip() or "another C library"
        return f"PyTorch needs glibc {'.'.join(map(str, GLIBC))} or newer, and this is {found}: {ELSEWHERE}"
    return ""


if __name__ == "__main__":
    sys.exit(complaint_about_python() or complaint_about_system() or 0)
