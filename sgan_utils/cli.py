"""The command line, ``sgan``: a thin layer over the package. Every option of ``train`` comes from ``SGANConfig``.

Only what a command needs is imported when it runs, so that ``sgan --help`` answers at once.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin

import typer

from sgan_utils import __version__
from sgan_utils.config import PRESETS, SGANConfig, allowed
from sgan_utils.errors import DivergedError, SGANError
from sgan_utils.methods import METHODS, STUDIES, configurations

if TYPE_CHECKING:
    from pandas import DataFrame

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Semi-supervised learning with GANs: lessons, training runs and figures.",
)


def main() -> None:
    """Run the command line; errors that the package raises on purpose become one sentence and exit code 1."""
    # Threads that wait for each other spin, and keep a core from whoever needs it: two trainings at once on two cores
    # took 14 times as long as one. With this they take 6 times as long, and one alone takes 4% longer.
    # OpenMP reads it when torch is loaded; the lessons' kernels inherit it.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
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


def config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for every field of ``SGANConfig``; it receives those that were given as ``changes``."""

    @functools.wraps(command)
    def with_options(**options: Any) -> None:
        changes = {name: options.pop(name) for name in SGANConfig.model_fields}
        command(**options, changes={name: value for name, value in changes.items() if value is not None})

    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "changes"]
    with_options.__signature__ = inspect.Signature(
        [*own, *(_option(name) for name in SGANConfig.model_fields)], return_annotation=None
    )
    return with_options


def _option(name: str) -> inspect.Parameter:
    field = SGANConfig.model_fields[name]
    # Choices and ranges are checked by SGANConfig, whose sentence is the same everywhere.
    kind = {Literal: str, tuple: tuple[int, int, int]}.get(get_origin(field.annotation), field.annotation)
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
    option = typer.Option(
        help=f"{field.description} ({allowed(name).capitalize()}.)",
        rich_help_panel="Hyperparameters (the defaults are the lesson preset's)",
        show_default=default,
    )
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _starting_from(preset: str, changes: dict[str, Any], others: Iterable[str] = ()) -> SGANConfig:
    """The configuration of a preset, or of a method of the recorded studies, with some changes."""
    if preset in METHODS:
        return SGANConfig(**METHODS[preset] | changes)
    if preset not in PRESETS:
        raise SGANError(
            f"there is no preset named {preset!r}: choose one of {', '.join([*PRESETS, *others])}, or a method of the "
            f"studies: {'; '.join(METHODS)}."
        )
    return SGANConfig.preset(preset, **changes)


@app.command()
@config_options
def train(
    changes: dict[str, Any],
    *,
    preset: Annotated[
        str, typer.Option(help=f"Where to start from: {', '.join(PRESETS)}, or a method of the studies, such as best.")
    ] = "lesson",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine, each with a share of the batch.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; torchrun starts this command on each of them.")] = 1,
    save: Annotated[Path | None, typer.Option(help="Write the trained G and D to this file (.safetensors).")] = None,
    history: Annotated[Path | None, typer.Option(help="Write the losses of every step to this file (.csv).")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Save the run here now and then, and resume from here if the file exists.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Train G and D, then read the test set once. Ctrl-C stops and keeps what was reached."""
    config = _starting_from(preset, changes)
    from sgan_utils import parallel

    team = parallel.ALONE
    if parallel.launched_by_torchrun():
        team = parallel.join_team(device, devices * nodes)
    elif devices * nodes > 1:
        parallel.check_shares(config, devices * nodes)
        if nodes > 1:
            raise SGANError(
                "several machines are started by torchrun, with this command on each of them: torchrun "
                f"--nnodes {nodes} --nproc-per-node {devices} --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29500 "
                f"-m sgan_utils {' '.join(sys.argv[1:])}; see docs/beyond_one_machine.md."
            )
        raise typer.Exit(parallel.start_under_torchrun(sys.argv[1:], devices))

    from sgan_utils.checkpoints import save_models
    from sgan_utils.data import load_mnist, split_sources
    from sgan_utils.files import write_whole
    from sgan_utils.recording import summary
    from sgan_utils.training import train as train_run

    data = load_mnist()
    sources = split_sources(data, config)
    failure = None
    try:
        run = train_run(config, sources, device=device, team=team, checkpoint=checkpoint, progress=not as_json)
    except DivergedError as error:
        failure, run = error, error.run
    difference = team.largest_difference(run.generator, run.last_discriminator)
    if not team.is_first:
        return
    if history:
        table = run.history
        write_whole(history, lambda part: table.to_csv(part))
    if failure:
        raise failure
    if save:
        save_models(save, run.generator, run.classifier(), config)
    result = summary(run, data)
    if team.size > 1:
        result |= {"processes": team.size, "largest_difference_between_processes": difference}
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(
        f"test accuracy {result['test_accuracy']:.2%} with {config.labels:,} labels "
        f"after {run.step:,} steps in {run.train_seconds:.1f} s "
        f"({run.images_per_second:,.0f} images/s, {result['device']}, {result['precision']}, seed {config.seed})"
    )
    if run.stopped:
        typer.secho(f"stopped early: {run.stopped}", fg="yellow", err=True)


@app.command()
@config_options
def study(
    changes: dict[str, Any],
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=V1,V2",
            help="Values to try, such as labels=25,100 or channels_d=8x16x32; can be given again.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many, from --seed on, for every combination.")] = 1,
    preset: Annotated[
        str,
        typer.Option(
            help=f"Where to start from: {', '.join(PRESETS)}. Or a recorded study, which is only read: "
            f"{', '.join(STUDIES)}."
        ),
    ] = "lesson",
    rerun: Annotated[
        int | None, typer.Option(metavar="SEED", help="Train one seed of every row of a recorded study, and compare.")
    ] = None,
    record: Annotated[bool, typer.Option(help="Train the runs that a recorded study still lacks.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Gather the runs here (.csv), and go on from here if it exists; by default build/study.csv."),
    ] = None,
    samples: Annotated[bool, typer.Option(help="Measure G's images as well: FID, KID and score.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes on this machine; by default one a core.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use the workers of this dask scheduler, on any machines.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as one JSON list and nothing else.")] = False,
) -> None:
    """Train every combination of the given values with several seeds, many at once. Ctrl-C keeps what is finished.

    With --preset table1, tricks or samples, print what was recorded instead, without any training.
    """
    if preset in STUDIES:
        if changes or vary or seeds != 1 or samples:
            raise SGANError(
                f"the study {preset} is fixed: only --rerun, --record, --out, --workers, --scheduler and --json "
                "go with it."
            )
        if rerun is not None and record:
            raise SGANError(
                "--rerun and --record do not go together: the first compares, the second adds to the record."
            )
        if rerun is not None and not 0 <= rerun < 2**31:
            raise SGANError(f"--rerun takes a seed, {allowed('seed')}, got {rerun}.")
        if (workers or scheduler) and rerun is None and not record:
            raise SGANError(
                "nothing is trained, so --workers and --scheduler have no use: add --rerun SEED or --record."
            )
        return _recorded_study(preset, rerun, record, out, scheduler, workers, as_json)
    if rerun is not None or record:
        raise SGANError(f"--rerun and --record need a recorded study: --preset {' or --preset '.join(STUDIES)}.")
    base, varied, out = _starting_from(preset, changes, STUDIES), _varied(vary or []), out or Path("build/study.csv")
    for name in set(varied) & set(changes):
        raise SGANError(f"{name} is both varied and set: leave out --{name.replace('_', '-')}, or --vary {name}=….")
    from sgan_utils.study import grid, mean_and_spread, run_study

    configs = grid(base, varied, range(base.seed, base.seed + seeds))
    with _going_on_from(out):
        rows = run_study(configs, out, scheduler, workers, samples, progress=not as_json)
    if as_json:
        typer.echo(_as_json(rows))
        return
    _print_table(mean_and_spread(rows))
    for run in rows[rows["failed"] != ""].to_dict("records"):
        which = ", ".join(f"{name}={run[name]}" for name in [*varied, "seed"])
        typer.secho(f"failed with {which}: {run['failed']}", fg="yellow", err=True)
    typer.echo(f"The rows are in {_near(out)}")


def _recorded_study(
    name: str,
    rerun: int | None,
    record: bool,
    out: Path | None,
    scheduler: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    from sgan_utils import tables
    from sgan_utils.study import run_study

    if rerun is not None:
        out = out or Path(f"build/{name}-rerun-{rerun}.csv")
        with _going_on_from(out):
            table = tables.rerun(name, rerun, out, scheduler, workers, progress=not as_json)
    else:
        out = out or tables.ROWS
        if record:
            with _going_on_from(out):
                run_study(configurations(name), out, scheduler, workers, samples=True, progress=not as_json)
        table = tables.by_method(tables.recorded_rows(name, out))
    if as_json:
        typer.echo(_as_json(table))
        return
    _print_table(table if rerun is not None else tables.in_words(table))
    typer.echo(f"The rows are in {_near(out)}")


@contextmanager
def _going_on_from(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise SGANError(f"interrupted: what is finished is in {out}, the same command goes on from it.") from None


def _as_json(rows: DataFrame) -> str:
    return json.dumps(rows.astype(object).where(rows.notna(), None).to_dict("records"))


def _print_table(rows: DataFrame) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, padding=0)
    for column in rows.columns:
        table.add_column(column.replace("_", " "), no_wrap=True)
    for row in rows.itertuples(index=False):
        words = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in row)
        table.add_row(*("–" if word == "nan" else word for word in words))  # one seed has no spread
    # A terminal has its own width; a file is not cut at eighty characters.
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _varied(texts: list[str]) -> dict[str, list[Any]]:
    """``["labels=25,100"]`` as ``{"labels": ["25", "100"]}``; :class:`SGANConfig` will make numbers of them."""
    varied: dict[str, list[Any]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        name = name.strip().replace("-", "_")
        split = [value.strip() for value in values.split(",")]
        if not name or not all(split):
            raise SGANError(f"--vary takes FIELD=VALUE,VALUE, such as --vary labels=25,100, got {text!r}.")
        if name == "seed":
            raise SGANError("--vary does not take the seed: say how many with --seeds, and the first with --seed.")
        three = name in SGANConfig.model_fields and isinstance(SGANConfig.model_fields[name].default, tuple)
        varied.setdefault(name, []).extend(value.split("x") if three else value for value in split)
    return varied


@app.command()
def lessons(
    only: Annotated[str, typer.Option(help="Run only the lessons whose name contains this, such as 03.")] = "",
    pages: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("build/lessons"),
    keep_outputs: Annotated[bool, typer.Option(help="Store the new outputs in the notebooks themselves.")] = False,
) -> None:
    """Run the lessons on the real MNIST and write each as a web page."""
    from rich.console import Console
    from rich.table import Table

    from sgan_utils.lessons import lesson_paths, run_lesson

    table = Table("lesson", "seconds", "main result")
    console = Console()
    for path in lesson_paths(only):
        console.print(f"running {path.stem} …")
        lesson = run_lesson(path, pages, keep_outputs)
        table.add_row(lesson.name, f"{lesson.seconds:.0f}", lesson.result)
    console.print(table)
    console.print(f"The pages are in {pages}{os.sep}", highlight=False)


@app.command()
def figures(
    only: Annotated[list[str] | None, typer.Option(help="Draw only this figure; can be given again.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Say which figures there are, and stop.")] = False,
    style: Annotated[
        str,
        typer.Option(help="blog, slides or print: size, font and lines; the two last go to build/figures/."),
    ] = "blog",
    retrain: Annotated[bool, typer.Option(help="First train and measure anew what the figures show.")] = False,
    post_minutes: Annotated[
        float, typer.Option(min=0, help="First train the post preset for so long; it goes on where it stopped.")
    ] = 0,
) -> None:
    """Draw the lessons' figures from the recorded results, as SVG and PNG, each with its provenance."""
    from sgan_utils.figures import RECIPES, draw_figures

    if list_:
        for recipe in RECIPES.values():
            typer.echo(f"{recipe.name:20} lesson {recipe.lesson}: {recipe.alt}")
        return
    if retrain:
        from sgan_utils.recording import record_all

        record_all(typer.echo)
    if post_minutes:
        from sgan_utils.data import load_mnist
        from sgan_utils.recording import record_post

        record_post(load_mnist(), post_minutes)
    drawn = draw_figures(only or (), style=style)
    what = "1 figure is" if len(drawn) == 1 else f"{len(drawn)} figures are"
    typer.echo(f"{what} in {_near(drawn[0].parent)}{os.sep}")


@app.command()
def post(
    out: Annotated[Path, typer.Option(help="Folder for the post.")] = Path("build/post"),
) -> None:
    """Build the blog post: one HTML file with everything in it, and Markdown with a folder of images."""
    from sgan_utils.post import build_post

    page, markdown = build_post(out)
    typer.echo(f"The post is in {_near(page)}, and for a blogging platform in {_near(markdown)}")


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="Folder for the site; what is in it is replaced.")] = Path("build/site"),
) -> None:
    """Build the site from the lessons as they are stored; nothing is executed, nothing fetched."""
    from sgan_utils.site import build_site

    typer.echo(f"The site is in {_near(build_site(out))}")


@app.command()
def address(
    repository: Annotated[str, typer.Argument(help="Such as https://github.com/somebody/sgan-workshop.")],
) -> None:
    """Write the repository's address wherever it is needed: links of the README, the site, and Colab's first cell."""
    from sgan_utils.lessons import write_address

    for path in write_address(repository):
        typer.echo(_near(path))


@app.command()
def lab() -> None:
    """Open the lessons in JupyterLab."""
    from sgan_utils.lessons import NOTEBOOKS

    sys.exit(subprocess.call([sys.executable, "-m", "jupyter", "lab", str(NOTEBOOKS)]))


@app.command("app")
def playground_app(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Open the playground as a page without code, on this machine only."""
    from sgan_utils.lessons import app_command

    command, environment = app_command(Path("build/app"), port)
    sys.exit(subprocess.call(command if browser else [*command, "--no-browser"], env=environment))


@app.command()
def doctor() -> None:
    """Say whether this machine has all that the lessons need, and the cure for what it lacks."""
    from sgan_utils.doctor import examine

    healthy = True
    for finding in examine():
        healthy &= finding.well
        mark = typer.style("ok  ", fg="green") if finding.well else typer.style("ill ", fg="red")
        typer.echo(f"{mark} {finding.what}: {finding.found}")
        if finding.cure:
            typer.echo(f"     → {finding.cure}")
    raise typer.Exit(0 if healthy else 1)


def _near(path: Path) -> str:
    """A path as seen from here, if it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
