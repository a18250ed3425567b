"""``python -m benchmarks``: measure, print a table, write ``build/benchmark.json``; on request, record and draw it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

# Both are read when torch is loaded, so torch is imported later.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `sgan` does, see cli.main
os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler need not say that there is no GPU

from sgan_utils.support.errors import SGANError


def benchmark(
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an interrupted benchmark has measured.")] = False,
    only: Annotated[str, typer.Option(help="Measure just this part, anew.")] = "",
    record: Annotated[
        bool, typer.Option("--record", help="Make it the project's record: results/, docs/cost.md and the figure.")
    ] = False,
) -> None:
    """Measure how fast everything is, beside the common recipe, in about an hour. Ctrl-C keeps finished parts."""
    from benchmarks.cost import write_cost_page
    from benchmarks.runner import run_benchmark
    from sgan_utils.results import Record
    from sgan_workshop.publish.figures import draw_figures
    from sgan_workshop.records.storage import save_record

    try:
        result = run_benchmark(only, fresh)
        if result and record:
            save_record(Record("benchmark", result))
            if result["ddp"]["ratio"]:
                write_cost_page(result)
            draw_figures(["benchmark"])
    except SGANError as error:
        typer.secho(f"benchmark: {error}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    typer.run(benchmark)
