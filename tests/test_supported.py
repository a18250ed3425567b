"""Where the workshop runs: Pythons and systems by name, two installations, and nothing that only POSIX has."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sgan_workshop.commands import supported

ROOT = Path(__file__).resolve().parent.parent
PROMISED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["sgan"]


def parts(version):
    return tuple(map(int, version.split(".")))


@pytest.mark.parametrize("version", [*PROMISED["pythons"], "3.11.2", "3.14.2"])
def test_a_promised_python_gets_no_complaint(version):
    assert supported.complaint_about_python(parts(version)) == ""


@pytest.mark.parametrize("version", ["3.8.18", "3.10.20", "3.14.1", "3.15.0", "4.0.0"])
def test_another_python_is_named_with_those_that_work_and_the_cure(version):
    complaint = supported.complaint_about_python(parts(version))
    assert version in complaint
    assert supported.pythons() in complaint
    assert "make PYTHON=" in complaint


def test_of_each_promised_python_the_oldest_release_and_a_newer_one_are_resolved():
    minors = {}
    for version in PROMISED["pythons"]:
        minors.setdefault(parts(version)[1], []).append(parts(version)[2])
    assert all(oldest == 0 < newest for oldest, newest in minors.values())
    supported_minors = [n for n in range(40) if not supported.complaint_about_python((3, n, 0))]
    assert list(minors) == supported_minors


def test_the_readme_and_the_environments_name_what_is_supported():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    oldest, before, broken = re.fullmatch(r">=([\d.]+),<([\d.]+),!=([\d.]+)", supported.pythons()).groups()
    newest = f"3.{parts(before)[1] - 1}"
    assert f"{oldest} to {newest}, but not {broken}" in text
    assert f"macOS {supported.MACOS} or newer on Apple silicon" in text
    assert f"glibc {'.'.join(map(str, supported.GLIBC))} or newer" in text
    assert "Intel" in text


GOOD = [
    ("Linux", "x86_64", "", ("glibc", "2.36"), "linux-x86_64"),
    ("Linux", "aarch64", "", ("glibc", "2.28"), "linux-aarch64"),
    ("Darwin", "arm64", "14.0", ("", ""), "macosx-10.13-universal2"),
    ("Windows", "AMD64", "", ("", ""), "win-amd64"),
]
BAD = [
    ("Linux", "x86_64", "", ("glibc", "2.27"), "linux-x86_64", "glibc 2.28 or newer, and this is glibc 2.27"),
    ("Linux", "x86_64", "", ("", ""), "linux-x86_64", "another C library"),
    ("Darwin", "x86_64", "15.1", ("", ""), "macosx-10.13-universal2", "Intel"),
    ("Darwin", "arm64", "13.6.1", ("", ""), "macosx-11.0-arm64", "macOS 14 or newer, and this is 13.6.1"),
    ("Windows", "AMD64", "", ("", ""), "win32", "win-amd64"),
    ("Windows", "ARM64", "", ("", ""), "win-arm64", "win-amd64"),
]


@pytest.mark.parametrize("system", GOOD)
def test_a_promised_system_gets_no_complaint(system):
    assert supported.complaint_about_system(*system) == ""


@pytest.mark.parametrize("system", BAD)
def test_another_system_is_named_and_sent_to_where_nothing_is_installed(system):
    *system, words = system
    complaint = supported.complaint_about_system(*system)
    assert words in complaint
    assert "Colab or Binder" in complaint


def test_set_up_asks_before_anything_is_installed():
    command = [sys.executable, "-S", "-m", "sgan_workshop.commands.supported"]  # without any installed package
    subprocess.run(command, cwd=ROOT, check=True)


# Two installations


@pytest.fixture
def asked_of_pip(tmp_path):
    """What `make TARGET` would install in a folder where these stamps stand."""
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".venv").mkdir()

    def ask(target, *stamps):
        for stamp in stamps:
            (tmp_path / ".venv" / stamp).touch()
        command = ["make", "-n", "-f", str(ROOT / "Makefile"), target]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        return re.findall(r"pip install .*'\.\[(.*)\]'", shown)

    return ask


def test_make_installs_what_a_learner_needs_for_lessons_and_all_of_it_for_tests_and_neither_twice(asked_of_pip):
    everything = ["lessons,scale,site,test"]
    assert asked_of_pip("lessons") == ["lessons"]
    assert asked_of_pip("test") == everything
    assert asked_of_pip("lessons", "learner") == []
    assert asked_of_pip("test", "learner") == everything
    assert asked_of_pip("test", "learner", "all") == []
    assert asked_of_pip("lessons", "learner", "all") == []


def test_every_target_of_the_makefile_is_described():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) == set(targets)
    assert set(re.findall(r"^([a-z-]+):.*## \w", makefile, re.MULTILINE)) == set(targets)


# What only POSIX has

WITHOUT = """
import builtins, os, pathlib, signal, sys
OURS = {"sgan_utils", "sgan_workshop", "benchmarks", "tests", "conftest"}
usual, exists = builtins.__import__, pathlib.Path.exists


def without(name, where=None, *others, **named):
    whose = (where or {}).get("__name__", "").split(".")[0]
    if name in ("resource", "fcntl", "pwd", "grp", "termios") and (whose in OURS or whose.startswith("test_")):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return usual(name, where, *others, **named)


builtins.__import__ = without
pathlib.Path.exists = lambda self, **named: not str(self).startswith("/proc") and exists(self, **named)
for name in ("fork", "forkpty", "setsid", "killpg", "nice", "getloadavg"):
    delattr(os, name)
del signal.SIGKILL
"""


def python_without(code):
    done = subprocess.run([sys.executable, "-c", WITHOUT + code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_every_module_can_be_imported_where_posix_is_missing():
    folders = ("sgan_utils", "sgan_workshop", "benchmarks")
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path.stem != "__main__"
    ]
    python_without(f"import importlib\nfor name in {names}:\n    importlib.import_module(name)")


@pytest.mark.slow
def test_every_test_is_collected_where_posix_is_missing():
    shown = python_without(
        "import pytest; sys.exit(pytest.main(['--collect-only', '-q', '-p', 'no:cacheprovider', 'tests', 'notebooks']))"
    )
    assert "errors" not in shown.splitlines()[-1]


def test_git_gives_every_system_the_same_bytes():
    listed = ["README.md", "notebooks/01_data.ipynb", "data/MNIST/raw/t10k-labels-idx1-ubyte.gz", "figures/game.png"]
    command = ["git", "check-attr", "text", "eol", "--", *listed]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.count("eol: lf") >= 2
    assert "ubyte.gz: text: unset" in shown
    assert "game.png: text: unset" in shown
