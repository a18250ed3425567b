"""The blog post: ``blog/post.md`` with every number and figure filled in from ``results/`` and ``figures/``.

The template is Markdown with Jinja expressions. It can use what :class:`Facts` offers, and nothing is typed by hand:
``{{ record("sgan").test_accuracy | percent }}``, ``{{ figure("losses", "What it shows.") }}``. A sentence that rests on
a comparison says so with ``claim``, so the build fails when new results no longer bear it out.
"""

from __future__ import annotations

import importlib
import json
import re
import traceback
from pathlib import Path
from typing import Any

from sgan_utils.config import SGANConfig
from sgan_utils.models import build_models
from sgan_utils.results import CONFIDENCE, PAPER, by_method, gain
from sgan_utils.support.errors import SGANError
from sgan_utils.support.files import write_bytes, write_text
from sgan_utils.support.source import source_of
from sgan_workshop.publish.figures import RECIPES  # all of them are registered there
from sgan_workshop.publish.notebooks import ROOT
from sgan_workshop.publish.output import replace_folder
from sgan_workshop.publish.post_page import as_page, markdown_reader, picture_of
from sgan_workshop.publish.registry import FIGURES_FOLDER, Material, provenance

TEMPLATE = ROOT / "blog" / "post.md"


class Facts:
    """What the post may refer to: each method looks something up, or names what is missing or stale."""

    def __init__(self, material: Material | None = None) -> None:
        self.material = material or Material()
        self.used: list[str] = []  # figures, in the order of the post
        self.dates: set[str] = set()  # when the results that the post rests on were made

    def record(self, name: str) -> dict[str, Any]:
        """The provenance and single numbers of a recorded result, such as ``record("sgan").test_accuracy``."""
        about = self.material.record(name).about
        self.dates.add(about["date"])
        return about

    @property
    def data(self) -> dict[str, int]:
        """How many images there are, and how many pixels wide and high they are."""
        mnist = self.material.data()
        return {"train": len(mnist.train_images), "test": len(mnist.test_images), "size": mnist.train_images.shape[-1]}

    def setting(self, preset: str) -> SGANConfig:
        """The configuration of a preset, such as ``setting("lesson").steps``."""
        return SGANConfig.preset(preset)

    def weights(self, preset: str) -> dict[str, int]:
        """How many numbers G and D learn: ``weights("lesson").G``."""
        sizes = (sum(w.numel() for w in model.parameters()) for model in build_models(SGANConfig.preset(preset)))
        return dict(zip("GD", sizes, strict=True))

    def method(self, name: str, labels: int, study: str = "table1") -> dict[str, Any]:
        """What a method reached in a recorded study, see :func:`sgan_utils.results.by_method`."""
        rows = self._rows(study)
        chosen = rows[(rows["method"] == name) & (rows["labels"] == labels)]
        if chosen.empty:
            raise SGANError(f"the study {study!r} holds no run of {name!r} with {labels} labels")
        return by_method(chosen).iloc[0].to_dict()

    def gain(self, better: str, worse: str, labels: int, study: str = "table1", of: str = "test_accuracy") -> dict:
        """What one method has over another, with its interval, see :func:`sgan_utils.results.gain`."""
        return gain(self._rows(study), better, worse, labels, of).to_dict()

    def _rows(self, study: str) -> Any:
        self.dates |= set(self.material.study(study)["date"])
        return self.material.study(study)

    def figure(self, name: str, caption: str) -> str:
        """A figure with its caption, as Markdown; it has to be there, and drawn from the results as they are now."""
        if name not in RECIPES:
            raise SGANError(f"there is no figure named {name!r}")
        again = f"draw it with `sgan figures --only {name}`"
        try:
            drawn = json.loads((FIGURES_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise SGANError(f"the figure {name!r} is missing: {again}") from None
        now = json.loads(json.dumps(provenance(RECIPES[name], self.material)))
        if drawn | {"matplotlib": now["matplotlib"]} != now:
            raise SGANError(f"the figure {name!r} is stale, its results have changed since: {again}")
        if not picture_of(name).exists():
            raise SGANError(f"the figure {name!r} is missing: {again}")
        self.used.append(name)
        return f"![{RECIPES[name].alt}](images/{picture_of(name).name})\n\n*{caption}*"

    def source(self, function: str) -> str:
        """A function of the package as a block of code without its docstring, such as ``training.generator_step``."""
        module, _, name = function.rpartition(".")
        return source_of(getattr(importlib.import_module(f"sgan_utils.{module}"), name))

    def claim(self, holds: bool, words: str) -> str:
        """Nothing, if ``holds``: what the next sentence says is still borne out by the results."""
        if not holds:
            raise SGANError(f"the results no longer bear out that {words}: rewrite what the post says about it")
        return ""


def fill(template: str, facts: Facts) -> str:
    """The template with all its references looked up.

    Raises:
        SGANError: if a reference is wrong, missing or stale; the sentence has the line.
    """
    import jinja2

    jinja = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    jinja.globals = {name: getattr(facts, name) for name in vars(Facts) if not name.startswith("_")}
    jinja.globals |= {"PAPER": PAPER, "CONFIDENCE": CONFIDENCE}
    jinja.filters["percent"] = lambda fraction, digits=1: f"{100 * fraction:.{digits}f}%"
    jinja.filters["points"] = lambda fraction, digits=1: f"{100 * fraction:.{digits}f}"
    jinja.filters["decimals"] = lambda number, digits=1: f"{number:.{digits}f}"
    jinja.filters["count"] = lambda number: f"{number:,.0f}"
    try:
        return jinja.from_string(template).render()
    except (jinja2.TemplateError, SGANError, AttributeError) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        line = getattr(error, "lineno", None) or max((frame.lineno or 1 for frame in frames), default=1)
        raise SGANError(f"blog/post.md, line {line}: {error}.") from error


def build_post(folder: Path) -> tuple[Path, Path]:
    """Write the post into a folder of its own, see :func:`write_post`; an earlier post there is replaced.

    Returns:
        The HTML and the Markdown file.

    Raises:
        SGANError: if a number or figure that the post refers to is wrong, missing or stale, or if the folder holds
            anything else than a post; nothing is changed then.
    """
    replace_folder(folder, write_post, "post")
    return folder / "post.html", folder / "post.md"


def write_post(folder: Path) -> None:
    """Write the post as ``post.html``, one file with everything in it, and as ``post.md`` beside ``images/``."""
    facts = Facts()
    title, body = fill(TEMPLATE.read_text(encoding="utf-8"), facts).split("\n", 1)
    title, (summary, *_) = title.removeprefix("# "), re.findall(r"^\*\*(.+?)\*\*$", body, re.MULTILINE)
    html, markdown, images = folder / "post.html", folder / "post.md", folder / "images"
    for name in facts.used:
        write_bytes(images / picture_of(name).name, picture_of(name).read_bytes())
    front = {
        "title": title,
        "description": summary,
        "date": max(facts.dates),
        "cover": f"images/{facts.used[0]}.png",
        "tags": ["GAN", "semi-supervised learning", "PyTorch", "MNIST"],
    }
    # JSON is YAML, and quotes what needs quoting.
    head = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in front.items())
    text = f"---\n{head}---\n{body}"  # platforms set the title themselves
    write_text(markdown, text)
    page = as_page(title, summary, markdown_reader(facts.used).render(f"# {title}\n{body}"))
    write_text(html, page)
