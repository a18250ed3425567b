"""`sgan train`: one run, then the test set, once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sgan_utils.support.errors import DivergedError, SGANError
from sgan_utils.support.presets import PRESETS
from sgan_workshop.commands.data import check_predictions, fit_labels, load_named
from sgan_workshop.commands.options import app, config_options, starting_from
from sgan_workshop.commands.outputs import check_output_files


@app.command()
@config_options
def train(
    changes: dict[str, Any],
    *,
    preset: Annotated[
        str, typer.Option(help=f"Where to start from: {'; '.join(PRESETS)}, or a method of the studies, such as best.")
    ] = "lesson",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine, which divide every batch.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; torchrun starts this command on each of them.")] = 1,
    save: Annotated[Path | None, typer.Option(help="Write the trained G and D to this file (.safetensors).")] = None,
    history: Annotated[Path | None, typer.Option(help="Write the losses of every step to this file (.csv).")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Save the run here now and then, and resume from here if the file exists.")
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(min=1, metavar="STEPS", help="Save after so many steps, 1000 by default, and every minute."),
    ] = None,
    predict: Annotated[
        Path | None, typer.Option(help="Write a class and a probability for each unlabelled image here (.csv).")
    ] = None,
    on_broken: Annotated[
        Literal["skip", "stop"], typer.Option(help="What to do about files of a folder that cannot be read.")
    ] = "skip",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Train G and D, then read the test set once. Ctrl-C, SIGTERM and SIGHUP stop and keep what was reached."""
    config = starting_from(preset, changes)
    if checkpoint_every and not checkpoint:
        raise SGANError("--checkpoint-every has no use without --checkpoint: name a file with it.")
    check_output_files(save=save, history=history, checkpoint=checkpoint, predict=predict)
    from sgan_utils.support.run import ALONE
    from sgan_workshop.scale.launch import join_team, launched_by_torchrun, start_under_torchrun
    from sgan_workshop.scale.team import check_parts

    team = ALONE
    if launched_by_torchrun():
        team = join_team(device, devices * nodes)
    elif devices * nodes > 1:
        check_parts(config, devices * nodes)
        if nodes > 1:
            raise SGANError(
                "several machines are started by torchrun, with this command on each of them: torchrun "
                f"--nnodes {nodes} --nproc-per-node {devices} --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29500 "
                f"-m sgan_workshop {' '.join(sys.argv[1:])}; see docs/beyond_one_machine.md."
            )
        raise typer.Exit(start_under_torchrun(sys.argv[1:], devices))

    from sgan_utils.data import UNKNOWN, split_sources
    from sgan_utils.evaluation import believe
    from sgan_utils.support.checkpoints import save_trained
    from sgan_utils.support.files import write_whole
    from sgan_utils.support.image_folder import set_name, write_predictions
    from sgan_utils.training import train as train_run
    from sgan_workshop.records.provenance import summary

    data = load_named(config.data, on_broken, report=team.is_first)
    check_predictions(predict, data, config.data)
    if "labels" not in changes and set_name(config.data) != "MNIST":
        config = fit_labels(config, data)
    sources = split_sources(data, config)
    failure = None
    try:
        saving: dict[str, Any] = {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every or 1_000}
        run = train_run(config, sources, device=device, team=team, progress=not as_json, **saving)
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
        save_trained(run, save)
    if predict:
        images = data.train_images[data.train_labels == UNKNOWN] if data.unlabelled_names else data.train_images
        names = data.unlabelled_names or [f"training image {number}" for number in range(len(images))]
        probability = believe(run.classifier(), images).class_logits.softmax(1)
        write_predictions(predict, names, data.classes, probability)
    result = summary(run, data)
    if team.size > 1:
        result |= {"processes": team.size, "largest_difference_between_processes": difference}
    if as_json:
        typer.echo(json.dumps(result))
        return
    threads = f" ({result['threads']} threads)" if result["device"] == "cpu" else ""
    reached = "no test images" if result["test_accuracy"] is None else f"test accuracy {result['test_accuracy']:.2%}"
    typer.echo(
        f"{reached} with {config.labels:,} labels "
        f"after {run.step:,} steps in {run.train_seconds:.1f} s "
        f"({run.images_per_second:,.0f} images/s, {result['device']}{threads}, {result['precision']}, "
        f"seed {config.seed})"
    )
    if run.stopped:
        typer.secho(f"stopped early: {run.stopped}", fg="yellow", err=True)
