"""The commands that open something or examine the machine: `sgan lab`, `app` and `doctor`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sgan_workshop.commands.options import app


@app.command()
def lab(
    folder: Annotated[
        Path | None, typer.Option(help="Folder for your copies; by default my_lessons/ in the project.")
    ] = None,
    diff: Annotated[
        str, typer.Option(help="Only show what is new in lessons whose name contains this, such as 03.")
    ] = "",
    jupyter: Annotated[list[str] | None, typer.Argument(help="Options for JupyterLab, after --.")] = None,
) -> None:
    """Open your own copies of the lessons in JupyterLab; what you change stays yours, and git does not see it."""
    from sgan_workshop.publish.copies import COPIES, changes_of, copy_lessons

    copies = folder or COPIES
    if diff:
        typer.echo(changes_of(diff, copies) or "You have the newest version.")
        return
    for note in copy_lessons(copies):
        typer.secho(note, fg="yellow")
    sys.exit(subprocess.call([sys.executable, "-m", "jupyter", "lab", str(copies), *(jupyter or [])]))


@app.command("app")
def playground_app(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Open the playground as a page without code, on this machine only."""
    from sgan_workshop.publish.app import serve_app

    serve_app(Path("build/app"), port, browser)


@app.command()
def doctor() -> None:
    """Check that this machine has all that the lessons need, and name the cure for what is missing."""
    from sgan_workshop.commands.doctor import examine

    healthy = True
    for finding in examine():
        healthy &= finding.ok
        mark = typer.style("ok  ", fg="green") if finding.ok else typer.style("bad ", fg="red")
        typer.echo(f"{mark} {finding.what}: {finding.value}")
        if finding.cure:
            typer.echo(f"     {finding.cure}")
    raise typer.Exit(0 if healthy else 1)
