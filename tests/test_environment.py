"""environment.yml (conda, Binder), pyproject.toml (pip), constraints.txt and the Makefile agree."""

import re
import subprocess
import tomllib
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import MatchSpec

ROOT = Path(__file__).resolve().parent.parent
# conda-forge's own names, of the CPU build and of the Python package (playwright there is Node's)
CONDA_NAMES = {"torch": "pytorch-cpu", "playwright": "playwright-python"}
NOT_IN_CONDA = {"axe-playwright-python"}  # without it, the tests that want it are skipped


@pytest.fixture(scope="module")
def required() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.fixture(scope="module")
def in_conda(required) -> dict[str, Requirement]:
    return {name: requirement for name, requirement in required.items() if name not in NOT_IN_CONDA}


@pytest.fixture(scope="module")
def conda() -> dict[str, MatchSpec]:
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    specs = [MatchSpec(line, strict=True) for line in lines if isinstance(line, str)]
    return {spec.name.normalized: spec for spec in specs}


def test_conda_installs_exactly_the_packages_that_pip_installs(in_conda, conda):
    wanted = {CONDA_NAMES.get(name, name) for name in in_conda} | {"python", "pip"}
    assert set(conda) == wanted


def test_conda_and_pip_ask_for_the_same_versions(in_conda, conda):
    for name, requirement in in_conda.items():
        spec = conda[CONDA_NAMES.get(name, name)]
        asked = str(requirement.specifier).replace("==0.11.*", "0.11.*")
        assert str(spec.version) == asked, name


def test_conda_python_is_the_one_that_pip_requires(conda):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert str(conda["python"].version) == project["requires-python"]


def test_conda_installs_the_package_itself():
    pip = [
        line
        for line in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
        if isinstance(line, dict)
    ]
    assert pip == [{"pip": ["-e ."]}]


def test_binder_gets_what_the_lessons_need_and_a_python_that_repo2docker_understands():
    def lines_of(path):
        return [line for line in yaml.safe_load((ROOT / path).read_text())["dependencies"] if isinstance(line, str)]

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["lessons"]])
    names = {CONDA_NAMES.get(requirement.name, requirement.name) for requirement in needed} | {"python", "pip"}
    lean = lines_of("binder/environment.yml")
    assert {line.split()[0] for line in lean} == names
    (python,) = set(lean) - set(lines_of("environment.yml"))
    assert re.fullmatch(r"python =3\.\d+", python)
    assert Version(python.split("=")[1]) in SpecifierSet(project["requires-python"])


def test_binder_installs_the_workshop_itself_and_nothing_else():
    script = ROOT / "binder" / "postBuild"
    listed = subprocess.run(["git", "ls-files", "--stage", script], cwd=ROOT, capture_output=True, text=True).stdout
    assert listed.startswith("100755")
    assert "--no-deps --editable ." in script.read_text()


def test_the_constraints_name_every_package_within_its_range(required):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {name.lower().replace("_", "-"): number for name, number in pinned.items()}
    for name, requirement in required.items():
        assert pinned[name.lower()] in requirement.specifier, name


def test_the_installed_torch_is_in_range(required):
    assert version("torch") in SpecifierSet(str(required["torch"].specifier))


def test_the_project_names_no_package_index():
    pattern = re.compile(r"(index-url|find-links|https?://[^\s]*(simple|wheels|whl))")
    for name in (
        "pyproject.toml",
        "environment.yml",
        "constraints.txt",
        "Makefile",
        ".ci/run",
        "Dockerfile",
        "binder/postBuild",
    ):
        assert not pattern.search((ROOT / name).read_text()), name
