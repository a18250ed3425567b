"""The commands that publish: `sgan lessons`, `figures`, `post`, `site` and `address`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sgan_workshop.commands.options import app, near


@app.command()
def lessons(
    only: Annotated[str, typer.Option(help="Run only the lessons whose name contains this, such as 03.")] = "",
    pages: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("build/lessons"),
    keep_outputs: Annotated[bool, typer.Option(help="Store the new outputs in the notebooks themselves.")] = False,
    at_a_time: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many run side by side; by default one a core as far as memory goes, and one with --keep-outputs.",
        ),
    ] = None,
) -> None:
    """Run the lessons on the real MNIST and write each as a web page."""
    from rich.console import Console
    from rich.table import Table

    from sgan_workshop.commands.outputs import check_output_files
    from sgan_workshop.publish.notebooks import ROOT, how_many_at_a_time, lesson_paths, run_lessons
    from sgan_workshop.publish.pages import write_appendices

    check_output_files(pages=pages / "index.html")
    paths, console = lesson_paths(only), Console()
    # Outputs to keep come from a machine with nothing else to do: their last digits depend on the number of threads.
    at_a_time = min(len(paths), at_a_time or (1 if keep_outputs else how_many_at_a_time()))
    table = Table("lesson", "seconds", "main result")
    for lesson in run_lessons(
        paths, pages, keep_outputs, at_a_time, lambda path: console.print(f"running {path.stem} …")
    ):
        table.add_row(lesson.name, f"{lesson.seconds:.0f}", lesson.result)
    write_appendices(ROOT / "docs", pages)
    console.print(table)
    console.print(f"The pages are in {pages}{os.sep}", highlight=False)


@app.command()
def figures(
    only: Annotated[list[str] | None, typer.Option(help="Draw only this figure; can be given again.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Say which figures there are, and stop.")] = False,
    style: Annotated[
        str,
        typer.Option(
            help="blog, slides or print (with a PDF each): size, font and lines; the two last go to build/figures/."
        ),
    ] = "blog",
    retrain: Annotated[bool, typer.Option(help="First train and measure anew what the figures show.")] = False,
    trained_g: Annotated[
        bool, typer.Option("--trained-g", help="First train the G whose images are shown, for more than an hour.")
    ] = False,
    post_minutes: Annotated[
        float, typer.Option(min=0, help="First train the post preset for so long; it goes on where it stopped.")
    ] = 0,
) -> None:
    """Draw the lessons' figures from the recorded results, as SVG and PNG, each with its provenance."""
    from sgan_workshop.publish.figures import RECIPES, draw_figures

    if list_:
        for recipe in RECIPES.values():
            where = "project" if recipe.lesson is None else f"lesson {recipe.lesson}"
            typer.echo(f"{recipe.name:20} {where}: {recipe.alt}")
        return
    if retrain:
        from sgan_workshop.records.everything import record_all

        record_all(typer.echo)
    if trained_g or post_minutes:
        from sgan_utils.data import load_mnist
        from sgan_workshop.records.runs import record_post, record_trained_g

        if trained_g:
            record_trained_g(load_mnist())
        if post_minutes:
            record_post(load_mnist(), post_minutes)
    drawn = draw_figures(only or (), style=style)
    what = "1 figure is" if len(drawn) == 1 else f"{len(drawn)} figures are"
    typer.echo(f"{what} in {near(drawn[0].parent)}{os.sep}")


@app.command()
def post(
    out: Annotated[Path | None, typer.Option(help="Folder for the post; by default in build/.")] = None,
    platform: Annotated[
        str, typer.Option("--for", help="markdown (for most platforms), hugo, jekyll or quarto.")
    ] = "markdown",
) -> None:
    """Build the blog post: one HTML file with everything in it, and Markdown with images; or as a program wants it."""
    from sgan_workshop.publish.address import OWNERLESS, repository
    from sgan_workshop.publish.post import build_post

    first, *others = build_post(
        out or Path("build/post" if platform == "markdown" else f"build/post-{platform}"), platform
    )
    also = f", and {near(others[0])} belongs to it" if others else ""
    typer.echo(f"The post is in {near(first)}{also}.")
    if repository().startswith(OWNERLESS):
        typer.echo("Its links lead nowhere yet: write your repository's address into them with `sgan address`.")


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="Folder for the site; what is in it is replaced.")] = Path("build/site"),
) -> None:
    """Build the site from the lessons as they are stored; nothing is executed, nothing fetched."""
    from sgan_workshop.publish.site import build_site

    typer.echo(f"The site is in {near(build_site(out))}")


@app.command()
def pack(
    out: Annotated[Path, typer.Option(help="Folder for it; what is in it is replaced.")] = Path("build/pack"),
) -> None:
    """Write a folder for a room without a network: project, packages for this system and Python, pages to read."""
    from sgan_workshop.publish.pack import pack

    typer.echo(f"Copy {near(pack(out))}{os.sep} to a stick; README.txt in it says how to start.")


@app.command()
def address(
    repository: Annotated[
        str, typer.Argument(help="Such as https://github.com/somebody/sgan-workshop; by default the present one.")
    ] = "",
) -> None:
    """Write the repository's address wherever it is needed: links of the README, the site, and Colab's first cell."""
    from sgan_workshop.publish.address import write_address

    for path in write_address(repository):
        typer.echo(near(path))
