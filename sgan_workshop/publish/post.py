"""The blog post: ``blog/post.md`` with every number and figure filled in from ``results/`` and ``figures/``.

The template is Markdown with Jinja expressions. It can use what :class:`sgan_workshop.publish.facts.Facts` offers, and
nothing is typed by hand: ``{{ record("sgan").test_accuracy | percent }}``, ``{{ figure("losses", "The losses.") }}``. A
sentence that rests on a comparison says so with ``claim``, so the build fails when new results no longer bear it out.
"""

from __future__ import annotations

import math
import re
import traceback
from pathlib import Path

from sgan_utils.config import CLASSES
from sgan_utils.results import CONFIDENCE, PAPER
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_bytes, write_text
from sgan_utils.support.propagation import NEIGHBOURS
from sgan_utils.support.statistics import FAILURE
from sgan_utils.support.studies import BUDGETS
from sgan_workshop.publish.dialects import DIALECTS, front_matter, translate
from sgan_workshop.publish.facts import Facts
from sgan_workshop.publish.notebooks import ROOT
from sgan_workshop.publish.output import replace_folder
from sgan_workshop.publish.post_page import as_page, markdown_reader, picture_of
from sgan_workshop.publish.registry import FIGURES_FOLDER
from sgan_workshop.records.quality import SAMPLE_SIZE

TEMPLATE = ROOT / "blog" / "post.md"
CONSTANTS = {
    "BUDGETS": BUDGETS,
    "PAPER": PAPER,
    "CONFIDENCE": CONFIDENCE,
    "FAILURE": FAILURE,
    "CLASSES": CLASSES,
    "NEIGHBOURS": NEIGHBOURS,
    "SAMPLE_SIZE": SAMPLE_SIZE,
    "SOFTMAX_FLOOR": math.log(math.e + CLASSES - 1) - 1,  # nats: of the cross-entropy of what a softmax puts out
}
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def fill(template: str, facts: Facts) -> str:
    """The template with all its references looked up.

    Raises:
        SGANError: if a reference is wrong, missing or stale; the sentence has the line.
    """
    import jinja2

    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.globals = {name: getattr(facts, name) for name in vars(Facts) if not name.startswith("_")}
    jinja.globals |= CONSTANTS
    jinja.filters["percent"] = lambda fraction, digits=1: f"{100 * fraction:.{digits}f}%"
    jinja.filters["points"] = lambda fraction, digits=1: f"{100 * fraction:.{digits}f}".replace("-", "−")
    jinja.filters["decimals"] = lambda number, digits=1: f"{number:.{digits}f}"
    jinja.filters["count"] = lambda number: f"{number:,.0f}"
    jinja.filters["word"] = lambda number: WORDS[int(number)] if number < len(WORDS) else f"{number:,.0f}"
    try:
        return jinja.from_string(template).render()
    except (jinja2.TemplateError, SGANError, AttributeError) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        line = getattr(error, "lineno", None) or max((frame.lineno or 1 for frame in frames), default=1)
        raise SGANError(f"blog/post.md, line {line}: {error}.") from error


def build_post(folder: Path, platform: str = "markdown") -> list[Path]:
    """Write the post into a folder of its own, see :func:`write_post`; an earlier post there is replaced.

    Returns:
        The post's files without its pictures, the one to look at first.

    Raises:
        SGANError: if there is no such platform; if a number or figure that the post refers to is wrong, missing or
            stale; or if the folder holds anything else than a post. Nothing is changed then.
    """
    if platform not in DIALECTS:
        raise SGANError(f"there is no form of the post for {platform!r}: choose one of {', '.join(DIALECTS)}.")
    return [folder / path for path in replace_folder(folder, lambda fresh: write_post(fresh, platform), "post")]


def write_post(folder: Path, platform: str = "markdown") -> list[Path]:
    """Write the post as Markdown with a folder of images, as the platform wants it.

    For ``"markdown"``, which suits most platforms, also as ``post.html``, one file with everything in it.

    Returns:
        The files as in :func:`build_post`, relative to the folder.
    """
    facts, dialect = Facts(), DIALECTS[platform]
    title, body = fill(TEMPLATE.read_text(encoding="utf-8"), facts).split("\n", 1)
    title, (summary, *_) = title.removeprefix("# "), re.findall(r"^\*\*(.+?)\*\*$", body, re.MULTILINE)
    date, cover = max(facts.dates), f"{facts.used[0]}.png"
    for name in facts.used:
        shown = picture_of(name, dialect.suffix)
        write_bytes(folder / dialect.images / shown.name, shown.read_bytes())
    write_bytes(folder / dialect.images / cover, (FIGURES_FOLDER / cover).read_bytes())  # previews want pixels
    about = {
        "title": title,
        "description": summary,
        "date": date,
        "cover": cover,
        "tags": ["GAN", "semi-supervised learning", "PyTorch", "MNIST"],
    }
    written = [Path(dialect.post.format(date=date)), *map(Path, dialect.others)]
    # Platforms set the title themselves.
    write_text(folder / written[0], front_matter(dialect.front(about)) + translate(body, dialect))
    for path, text in dialect.others.items():
        write_text(folder / path, text)
    if platform == "markdown":
        page = as_page(title, summary, markdown_reader(facts.used).render(f"# {title}\n{body}"))
        write_text(folder / "post.html", page)
        written.insert(0, Path("post.html"))
    return written
