"""The command line, ``sgan``: a thin layer over the package. Every option of ``train`` comes from ``SGANConfig``.

Only what a command needs is imported when it runs, so that ``sgan --help`` answers at once.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from sgan_utils import __version__
from sgan_utils.support.errors import SGANError
from sgan_utils.support.signals import ending_as_ctrl_c
from sgan_workshop.commands import open, publish, study, teach, train  # noqa: F401 - they register their commands
from sgan_workshop.commands.options import app


def main() -> None:
    """Run the command line; errors that the package raises on purpose become one sentence and exit code 1.

    SIGTERM and SIGHUP end a command as Ctrl-C does; the exit code then is 128 + the signal's number, as shells have it.
    """
    # Threads that wait for each other spin, and keep a core from whoever needs it: two trainings at once on two cores
    # took 14 times as long as one. With this they take 6 times as long, and one alone takes 4% longer.
    # OpenMP reads it when torch is loaded; the lessons' kernels inherit it.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # Windows' code pages lack letters that a sentence may have
    with ending_as_ctrl_c() as signals:
        code = _exit_code(app)
    sys.exit(128 + signals[0] if signals else code)


def _exit_code(command: Callable[[], None]) -> int | str | None:
    try:
        command()
    except SystemExit as end:
        return end.code
    except SGANError as error:
        _say(str(error))
    except OSError as error:  # a full disk, a folder that may not be written to: wherever that is noticed first
        if error.errno == errno.EPIPE:  # nobody reads on, as in `sgan study | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 1
        where = error.filename or "a file"
        _say(f"{where} cannot be read or written ({error.strerror or error}): make room or allow it, or name another.")
    return 1


def _say(sentence: str) -> None:
    team = os.environ.keys() >= {"TORCHELASTIC_RUN_ID", "MASTER_ADDR", "LOCAL_WORLD_SIZE"}
    one_of_others = team and os.environ.get("RANK", "0") != "0"
    if not one_of_others:  # all processes of a team fail alike; one says so
        typer.secho(f"sgan: {sentence}", fg="red", err=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sgan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None: ...
