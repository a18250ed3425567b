"""The site: lessons as they are stored, the post, the study, the how-to pages and the reference, as a folder of pages.

Nothing is executed or trained for it. Its sources are gathered in one folder, in the shape that Sphinx wants, and built
there with warnings as errors.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_text
from sgan_workshop.publish.address import site
from sgan_workshop.publish.notebooks import ROOT, lesson_paths
from sgan_workshop.publish.output import replace_folder
from sgan_workshop.publish.pages import outputs_for_a_page
from sgan_workshop.publish.post import write_post
from sgan_workshop.publish.registry import FIGURES_FOLDER
from sgan_workshop.publish.site_tables import (
    write_command_line,
    write_hyperparameters,
    write_processors,
    write_published,
    write_reference,
    write_study,
)

DOCS = ROOT / "docs"
NOT_IN_THE_SITEMAP = ("404.html", "search.html", "genindex.html", "py-modindex.html")


def build_site(folder: Path) -> Path:
    """Build the whole site; an earlier site in the folder is replaced when the new one is whole.

    Returns:
        The landing page.

    Raises:
        SGANError: if Sphinx has a warning, with its words; if the post cannot be built; or if the folder holds
            anything else than a site, see :func:`sgan_workshop.publish.output.replace_folder`.
    """
    replace_folder(folder, _build, "site")
    return folder / "html" / "index.html"


def _build(folder: Path) -> None:
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    source, pages = folder / "source", folder / "html"
    gather(source)
    try:
        builder = Sphinx(
            source,
            source,
            pages,
            folder / "doctrees",
            "html",
            status=None,
            warning=sys.stderr,
            warningiserror=True,
        )
        builder.build()
    except SphinxError as error:
        raise SGANError(f"the site could not be built: {error}") from error
    if builder.statuscode:
        raise SGANError("the site has the warnings above: fix them, then build it again.")
    finish(pages)


def finish(pages: Path) -> None:
    """What Sphinx leaves to be done: light pages, a sitemap, and a page for wrong addresses, whatever their folder."""
    # The theme brings its icons twice: as a font, which suffices, and as a script of 1.5 MB, in every page.
    script = re.compile(r'\s*<script[^>]*src="[^"]*fontawesome\.js[^"]*"></script>')
    found = sorted(pages.rglob("*.html"))
    for page in found:
        write_text(page, script.sub("", page.read_text(encoding="utf-8")))
    for left in [*pages.rglob("*.map"), *pages.rglob("fontawesome.js")]:
        left.unlink()
    for page in pages.glob("404.html"):
        base = f'<head>\n    <base href="{urlsplit(site()).path}" />'
        write_text(page, page.read_text(encoding="utf-8").replace("<head>", base, 1))
    listed = [path.relative_to(pages).as_posix() for path in found if path.name not in NOT_IN_THE_SITEMAP]
    urls = "".join(f"<url><loc>{site()}{name}</loc></url>\n" for name in listed if not name.startswith("_"))
    write_text(
        pages / "sitemap.xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n',
    )


def gather(source: Path) -> None:
    """Put everything that the site is made of into one folder."""
    shutil.copytree(DOCS, source)
    # Pages in docs/ link as seen from there, the README as seen from the project's folder; here they are neighbours.
    for page in source.glob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace("](../", "]("), encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    (source / "README.md").write_text(readme, encoding="utf-8")
    shutil.copytree(FIGURES_FOLDER, source / "figures", ignore=shutil.ignore_patterns("*.json", "*.svg"))
    write_post(source)
    (source / "post.html").unlink()  # Sphinx makes its own page of post.md
    (source / "notebooks").mkdir()
    for path in lesson_paths():
        write_lesson(path, source / "notebooks" / path.name)
    write_study(source)
    write_published(source / "published.html")
    write_processors(source / "processors.html")
    write_hyperparameters(source / "hyperparameters_table.html")
    write_command_line(source / "command_line.md")
    write_reference(source / "api")


def write_lesson(path: Path, target: Path) -> None:
    """A copy of a lesson for the site: pictures get their alternative text, widgets a remark, links their place."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.source = cell.source.replace("](../docs/", "](../")  # the pages of docs/ stand above the lessons
            continue
        cell.outputs = outputs_for_a_page(cell)
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata["alt"]}}
    nbformat.write(notebook, target)
