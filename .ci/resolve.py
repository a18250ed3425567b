"""Whether the pinned packages have wheels for every Python and system that pyproject.toml promises; asks with uv."""

import itertools
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROMISED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["sgan"]
RESOLVE = [
    "uv",
    "pip",
    "compile",
    "--quiet",
    "--all-extras",
    "--constraints=constraints.txt",
    "--no-annotate",
    "--only-binary=:all:",
]

PINNED = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}

failed = 0
for python, system in itertools.product(PROMISED["pythons"], PROMISED["systems"]):
    command = [*RESOLVE, f"--python-version={python}", f"--python-platform={system}", "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | MACOS, capture_output=True, text=True)
    chosen = {line.split("==")[0] for line in done.stdout.splitlines() if "==" in line}
    loose = chosen - {name.replace("_", "-") for name in PINNED}
    wrong = done.stderr if done.returncode else f"not in constraints.txt: {', '.join(sorted(loose))}" if loose else ""
    failed += bool(wrong)
    print(f"{python:8} {system:24} {wrong or f'{len(chosen)} packages'}", flush=True)
sys.exit(f"{failed} of them cannot be installed as pinned." if failed else 0)
