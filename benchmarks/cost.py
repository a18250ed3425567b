"""``docs/cost.md``: what larger work would cost, worked out from the recorded benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from sgan_utils.support.files import write_whole

PAGE = ROOT / "docs" / "cost.md"
CORES_OF_A_MACHINE = 32  # in the examples
RUNS, IMAGES, PASSES = 1_000, 10_000_000, 10  # what the examples ask for


def write_cost_page(record: dict[str, Any], path: Path = PAGE) -> None:
    """Write the page anew from what ``make benchmark`` has measured."""
    write_whole(path, lambda part: part.write_text(cost_page(record), encoding="utf-8"))


def cost_page(record: dict[str, Any]) -> str:
    """The page as Markdown; every number in it is measured or computed here."""
    steps = record["study"]["lesson_steps"]
    step = record["study"]["seconds_a_step"]
    overhead = record["study"]["seconds_a_run_beside_training"]
    ratio = record["study"]["two_worker_ratio"]
    efficiency = 1 / (2 * ratio)
    a_run = steps * step + overhead
    core_hours = RUNS * a_run / 3600
    machine_hours = core_hours / CORES_OF_A_MACHINE / efficiency

    speeds = record["ddp"]["images_per_second"]
    two = speeds["two_processes"]["median"]
    one = speeds["one_process"]["median"]
    gain = record["ddp"]["ratio"]
    weights = record["ddp"]["parameters"]
    processes = record["ddp"]["processes"]
    batch, labelled = record["ddp"]["batch_size"], record["ddp"]["labelled_batch_size"]
    seconds = PASSES * IMAGES / two
    in_memory = IMAGES * 28 * 28 / 1e9
    machine = record["machine"]
    return f"""# What larger work would cost

Every number on this page is measured by `make benchmark` or computed from what it measured, on {machine["cores"]} cores
({machine["cpu"]}, {record["date"]}, torch {record["versions"]["torch"]}); with `--record` the benchmark
writes this page, so run it to have yours. Extrapolations are straight lines: they hold as long as nothing else becomes
the limit (a shared disk, the network, a scheduler with very many very short runs).

## {RUNS:,} runs

A run of the `lesson` preset on one thread, the way a study does it:

| | |
|---|---|
| one step on one thread | {step * 1e3:.1f} ms |
| {steps} steps | {steps} × {step * 1e3:.1f} ms = {steps * step:.1f} s |
| drawing the labels, reading the test set, writing the row | {overhead:.1f} s |
| **one run** | **{a_run:.1f} core-seconds** |
| {RUNS:,} runs | {RUNS:,} × {a_run:.1f} s / 3,600 = **{core_hours:.1f} core-hours** |

Two workers took {ratio:.2f} of one worker's time, cluster start-up and all, so a core of several does
1 / (2 × {ratio:.2f}) = {efficiency:.2f} of what it does alone. If that holds for more:

| machines of {CORES_OF_A_MACHINE} cores | hours |
|---|---|
{_rows(lambda machines: machine_hours / machines)}

Runs are independent, so twice the machines halve the time until a machine has fewer runs left than cores. A run that
dies with its worker is lost and done again: expect one run's time, not more.

## A data set of {IMAGES:,} images

Images of 28 x 28 pixels lie in memory as bytes: {IMAGES:,} × 784 bytes = {in_memory:.1f} GB in every process. With more
processes on a machine than its memory holds copies, give each process its own part of the images (a `Sources` with
just that part) instead of its own part of each batch.

{PASSES} passes over all images, at the speed measured for two processes of one thread. It counts the unlabelled images;
every step took {labelled} labelled ones beside {batch} of them:

| | |
|---|---|
| one process, two threads | {one:,.0f} images a second |
| two processes, one thread each | {two:,.0f} images a second, {gain:.2f} times as many |
| {PASSES} passes on two cores | {PASSES} × {IMAGES:,} / {two:,.0f} s = **{seconds / 3600:.1f} hours** |

Between machines the processes exchange their gradients in every step: 4 bytes for each of the
{weights:,} weights, {weights * 4 / 1e6:.1f} MB. At 10 Gbit/s that takes {weights * 32 / 1e10 * 1e3:.1f} ms, and up to
twice that to reach everybody, beside a step of {record["ddp"]["step_ms"]:.0f} ms ({batch // processes} unlabelled
images in each process). So as long as a process keeps a batch that large, these lines are a first guess. They suppose
that {CORES_OF_A_MACHINE} processes on a machine do {CORES_OF_A_MACHINE // 2} times what two do: where the memory of a
machine is too slow for that, its hours grow.

| machines of {CORES_OF_A_MACHINE} cores | hours |
|---|---|
{_rows(lambda machines: seconds / 3600 / (machines * CORES_OF_A_MACHINE / 2))}

The batch grows with the number of processes, since each keeps its own. Very large batches learn less from each image:
with more than a few thousand images in a batch, expect to need more passes. A GPU takes the place of many cores here;
none was at hand when this was measured.
"""


def _rows(hours: Any) -> str:
    return "\n".join(f"| {machines} | {hours(machines):.2f} |" for machines in (1, 4, 16))
