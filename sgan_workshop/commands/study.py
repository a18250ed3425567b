"""`sgan study`: many runs, or a recorded study read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sgan_utils.config import SGANConfig, allowed
from sgan_utils.support.errors import SGANError
from sgan_utils.support.presets import PRESETS
from sgan_utils.support.rows import read_rows
from sgan_utils.support.studies import STUDIES, configurations
from sgan_workshop.commands.data import prepare
from sgan_workshop.commands.options import app, as_json_list, config_options, near, print_table, starting_from


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
            help=f"Where to start from: {'; '.join(PRESETS)}. Or a recorded study, which is only read: "
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
    security: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Encrypt the connection to --scheduler with the cert.pem and key.pem here."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as one JSON list and nothing else.")] = False,
) -> None:
    """Train every combination of the given values with several seeds, many at once. Ctrl-C keeps what is finished.

    With --preset table1, tricks or samples, print what was recorded instead, without any training.
    """
    if security:
        if not (scheduler or "").startswith("tls://"):
            raise SGANError("--security encrypts the connection to --scheduler tls://HOST:PORT: name one.")
        from sgan_workshop.studies.workers import use_certificate

        use_certificate(security)
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
    varied, out = _varied(vary or []), out or Path("build/study.csv")
    base = starting_from(preset, changes | {name: values[0] for name, values in varied.items()}, STUDIES)
    for name in set(varied) & set(changes):
        raise SGANError(f"{name} is both varied and set: leave out --{name.replace('_', '-')}, or --vary {name}=….")
    from sgan_workshop.records.quality import check_measurable
    from sgan_workshop.studies.grid import grid, mean_and_spread
    from sgan_workshop.studies.study import run_study

    configs = grid(base, varied, range(base.seed, base.seed + seeds))
    if samples:
        for config in configs:
            check_measurable(config.data)
    if not scheduler:  # which has its own workers, and they their own disks
        configs = prepare(configs, "labels" in {*changes, *varied})
    with _going_on_from(out):
        rows = run_study(configs, out, scheduler, workers, samples, progress=not as_json)
    if as_json:
        typer.echo(as_json_list(rows))
        return
    print_table(mean_and_spread(rows))
    if rows["held_out_accuracy"].notna().any():
        typer.echo("Runs with held-out images were scored on these; the test set was left alone.")
    for run in rows[rows["failed"] != ""].to_dict("records"):
        which = ", ".join(f"{name}={run[name]}" for name in [*varied, "seed"])
        typer.secho(f"failed with {which}: {run['failed']}", fg="yellow", err=True)
    typer.echo(f"The rows are in {near(out)}")


def _recorded_study(
    name: str,
    rerun: int | None,
    record: bool,
    out: Path | None,
    scheduler: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    from sgan_utils import results
    from sgan_workshop.studies import study as studies

    out = out or (results.ROWS if rerun is None else Path(f"build/{name}-rerun-{rerun}.csv"))
    with _going_on_from(out):
        if record:
            studies.run_study(configurations(name), out, scheduler, workers, samples=True, progress=not as_json)
        if rerun is not None:
            shown = [studies.rerun(name, rerun, out, scheduler, workers, progress=not as_json)]
        else:
            shown = studies.summary(name, out, in_words=not as_json)
    if as_json:
        typer.echo(as_json_list(shown[0]))
        return
    for table in shown:
        print_table(table)
    if rerun is not None:
        tables = read_rows(out), results.recorded_rows(name)
        here, there = (" and ".join(rows["computed_in"].unique()) for rows in tables)
        if here != there:
            typer.echo(f"These runs computed in {here}, the recorded ones in {there}: see docs/other_processors.md.")
    typer.echo(f"The rows are in {near(out)}")


@contextmanager
def _going_on_from(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise SGANError(f"interrupted: what is finished is in {out}, the same command goes on from it.") from None


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
