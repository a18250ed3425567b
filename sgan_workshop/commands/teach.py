"""The commands for a teacher: `sgan handout` and `sgan grade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sgan_workshop.commands.options import app, near


@app.command()
def handout(
    out: Annotated[Path, typer.Option(help="Folder for both copies; an earlier handout in it is replaced.")] = Path(
        "build/handout"
    ),
) -> None:
    """Write the lessons to hand out: learners' notebooks with stubs alone, and the teacher's with the solutions."""
    from sgan_workshop.publish.handout import LEARNERS, TEACHER, build_handout

    names = build_handout(out)
    typer.echo(f"{len(names)} notebooks are in {near(out / LEARNERS)} and, with solutions, in {near(out / TEACHER)}")


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="Holds a folder, or one notebook, for each learner.")],
    out: Annotated[Path, typer.Option(help="File for the table.")] = Path("build/grades.csv"),
    only: Annotated[str, typer.Option(help="Grade only the lessons whose name contains this, such as 03.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long one exercise may take.")] = 60.0,
) -> None:
    """Run the checks over submissions, each exercise in a process of its own, and write a CSV.

    The submissions' code is executed: grade on a machine, or in a container, where it may do no harm.
    """
    from sgan_workshop.commands.outputs import check_output_files
    from sgan_workshop.publish.grading import grade_folder

    check_output_files(out=out)
    rows = grade_folder(folder, out, only, seconds, typer.echo)
    typer.echo(f"{len(rows)} rows are in {near(out)}")
