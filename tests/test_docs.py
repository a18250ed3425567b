"""The how-to pages and the cluster files name what exists: files, links, commands and their options."""

import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from sgan_utils.config import SGANConfig
from sgan_utils.results import load_record
from sgan_workshop.scale.team import check_parts

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
CLUSTER = ROOT / "docs" / "cluster"
MANIFESTS = list(yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text()))
BIN = Path(sys.executable).parent

HELP = {
    "sgan train": [BIN / "sgan", "train", "--help"],
    "sgan study": [BIN / "sgan", "study", "--help"],
    "dask scheduler": [BIN / "dask", "scheduler", "--help"],
    "dask worker": [BIN / "dask", "worker", "--help"],
    "torchrun": [BIN / "torchrun", "--help"],
}


def named_commands() -> dict[str, set[str]]:
    """The options that pages, scripts and manifests give to each command."""
    texts = [path.read_text() for path in [*PAGES, *CLUSTER.iterdir()]]
    texts += [" ".join(c["command"]) for m in MANIFESTS for c in containers(m)]
    found = {command: set() for command in HELP}
    for text in texts:
        for line in text.replace("\\\n", " ").replace("-m sgan_workshop", "\nsgan").splitlines():
            for part in re.split(r"#|`|&&|&$", line):
                for command in HELP:
                    if command in part:
                        found[command] |= set(re.findall(r"(?<!\S)--[a-z][a-z-]*", part.split(command, 1)[1]))
    return found


def containers(manifest: dict) -> list[dict]:
    return manifest["spec"].get("template", {}).get("spec", {}).get("containers", [])


@pytest.mark.parametrize("command", HELP)
def test_every_option_that_the_pages_give_to_a_command_exists(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    options = named_commands()[command]
    assert options or command == "torchrun"
    told = subprocess.run(HELP[command], capture_output=True, text=True, check=True).stdout.replace("_", "-")
    assert not {option for option in options if option not in told}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    links = re.findall(r"\]\(([^)#]+?)\)", page.read_text())
    made_by_the_site = {"post.md", "study_rows.csv"}
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert set(missing) <= made_by_the_site


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_and_tests_that_newcomers_are_sent_to_exist(page):
    text = (ROOT / page).read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    assert not [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in tests]
    files = [name for name in re.findall(r"`([\w.]+/[\w./]+\.\w+)`", text) if not re.search("NAME|_N[.]|^build/", name)]
    assert files
    for name in files:
        assert (ROOT / name).exists() or (ROOT / "sgan_utils" / name).exists(), name


WORKFLOWS = {path.name: path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}


def test_workflows_call_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [*WORKFLOWS.values(), (ROOT / ".ci" / "run").read_text()]
    called = [re.findall(r"\bmake ([a-z-]+)", text) for text in texts]
    assert {"lint", "test", "site", "test-all"} <= set(itertools.chain(*called)) <= targets


def test_tests_run_on_three_systems_and_from_the_oldest_python_on():
    test = yaml.safe_load(WORKFLOWS["tests.yml"])["jobs"]["test"]
    systems, pythons = test["strategy"]["matrix"]["os"], test["strategy"]["matrix"]["python"]
    assert {system.split("-")[0] for system in systems} == {"ubuntu", "macos", "windows"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f">={pythons[0]}" in project["requires-python"]
    # Where there is no make, the commands are those of the Makefile.
    lines = [step["run"].removeprefix("python -m ") for step in test["steps"] if "Windows'" in step.get("if", "")]
    makefile = (ROOT / "Makefile").read_text().replace('"', "'").replace("--quiet --disable-pip-version-check ", "")
    assert all(line in makefile for line in lines if line.startswith(("pip", "pytest")))
    assert sum(line.startswith(("pip", "pytest")) for line in lines) == 2


@pytest.mark.parametrize("script", sorted(CLUSTER.glob("*.sbatch")), ids=lambda path: path.name)
def test_batch_scripts_are_bash_and_stop_at_the_first_error(script):
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "set -euo pipefail" in script.read_text()


def test_the_readme_says_how_long_a_lesson_took_where_all_were_measured():
    measured = load_record("kernels").about["lessons"]
    said = re.findall(r"\(notebooks/(\w+)\.ipynb\) \|.*\| (\d+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert dict(said) == {lesson: f"{one['seconds']:.0f}" for lesson, one in measured.items()}


def test_batches_of_commands_for_several_processes_can_be_divided():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(CLUSTER.glob("*.sbatch"))]
    lines = "\n".join(page.read_text() for page in pages).replace("\\\n", "").splitlines()
    commands = [line for line in lines if re.search(r"train.* --(labelled-)?batch-size", line)]
    assert len(commands) >= 4
    for command in commands:
        sizes = re.findall(r"--([a-z-]*batch-size) (\d+)", command)
        given = {name.replace("-", "_"): int(size) for name, size in sizes}
        processes = 2 if "--devices 2" in command else 4
        check_parts(SGANConfig.preset("lesson", **given), processes)


def test_the_parts_of_the_kubernetes_manifest_fit_together():
    by_kind = {}
    for manifest in MANIFESTS:
        by_kind.setdefault(manifest["kind"], []).append(manifest)
    (service,) = by_kind["Service"]
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    scheduler, worker = by_kind["Deployment"]
    (job,) = by_kind["Job"]
    assert service["spec"]["selector"] == scheduler["spec"]["template"]["metadata"]["labels"]
    assert address in containers(worker)[0]["command"]
    assert f"--scheduler={address}" in containers(job)[0]["command"]
    assert {c["image"] for m in (scheduler, worker, job) for c in containers(m)} == {"REGISTRY/sgan"}
    (claim,) = by_kind["PersistentVolumeClaim"]
    (volume,) = job["spec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (mount,) = containers(job)[0]["volumeMounts"]
    assert any(part.startswith(f"--out={mount['mountPath']}/") for part in containers(job)[0]["command"])


def test_your_own_images_can_be_used_as_the_page_says(tmp_path, monkeypatch, capsys):
    from torchvision.utils import save_image

    from sgan_utils.data import load_mnist
    from sgan_utils.support.presets import PRESETS

    data = load_mnist()
    for i, (image, label) in enumerate(zip(data.train_images[:100], data.train_labels[:100].tolist(), strict=True)):
        part = ("labelled", "test")[i % 2] if label < 3 else "unlabelled"
        folder = tmp_path / "my_images" / part / ("all" if part == "unlabelled" else "abc"[label])
        folder.mkdir(parents=True, exist_ok=True)
        save_image(image / 255, folder / f"{i}.png")
    page = (ROOT / "docs" / "your_own_images.md").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PRESETS, "sgan", PRESETS["sgan"] | {"steps": 3, "labelled_batch_size": 8, "batch_size": 8})
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, namespace)
    assert namespace["data"].train_images.shape[1:] == (1, 28, 28)
    assert "of the test images are named correctly" in capsys.readouterr().out


def test_feedback_can_be_given_on_every_lesson():
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "lesson_feedback.yml").read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        assert f"- {int(path.stem[:2])}. " in form, path.stem
