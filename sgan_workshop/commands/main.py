"""The command line, ``sgan``: a thin layer over the package. Every option of ``train`` comes from ``SGANConfig``.

Only what a command needs is imported when it runs, so that ``sgan --help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from sgan_utils import __version__
from sgan_utils.support.errors import SGANError
from sgan_workshop.commands import open, publish, study, teach, train  # noqa: F401 - they register their commands
from sgan_workshop.commands.options import app


def main() -> None:
    """Run the command line; errors that the package raises on purpose become one sentence and exit code 1."""
    # Threads that wait for each other spin, and keep a core from whoever needs it: two trainings at once on two cores
    # took 14 times as long as one. With this they take 6 times as long, and one alone takes 4% longer.
    # OpenMP reads it when torch is loaded; the lessons' kernels inherit it.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Windows' code pages lack letters that a sentence may have
    try:
        app()
    except SGANError as error:
        if os.environ.get("RANK", "0") == "0":  # all processes of a team fail alike; one says so
            typer.secho(f"sgan: {error}", fg="red", err=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sgan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None: ...
