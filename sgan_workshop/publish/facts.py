"""What the post may say: numbers, names, figures, links and citations, each looked up, none typed."""

from __future__ import annotations

import importlib
import json
import tomllib
from typing import Any

import numpy as np
import pandas as pd

from sgan_utils.config import SGANConfig
from sgan_utils.models import build_models
from sgan_utils.results import CONFIDENCE, by_method, gain
from sgan_utils.support.errors import SGANError
from sgan_utils.support.methods import plain_name
from sgan_utils.support.source import source_of
from sgan_utils.support.statistics import holm
from sgan_workshop.publish.address import repository, site
from sgan_workshop.publish.figures import RECIPES  # all of them are registered there
from sgan_workshop.publish.notebooks import ROOT, lesson_paths
from sgan_workshop.publish.post_page import picture_of
from sgan_workshop.publish.recipes.parts import what_it_took
from sgan_workshop.publish.registry import FIGURES_FOLDER, Material, provenance

REFERENCES = ROOT / "blog" / "references.toml"


class Facts:
    """What the post may say: each method looks something up, or says by name what is missing or stale."""

    def __init__(self, material: Material | None = None) -> None:
        self.material = material or Material()
        self.used: list[str] = []  # figures, in the order of the post
        self.cited: list[str] = []  # keys of the references, in the order of the post
        self._tables: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}  # of studies
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
        if not self.recorded(name, labels, study):
            raise SGANError(f"the study {study!r} holds no run of {name!r} with {labels} labels")
        return self._table(study)[name, labels]

    def recorded(self, name: str, labels: int, study: str = "table1") -> bool:
        """Whether a study holds runs of a method with so many labels."""
        return (name, labels) in self._table(study)

    def seeds(self, names: list[str], budgets: list[int]) -> str:
        """With how many seeds each of the methods was trained: one number, or the least and the most."""
        counts = {
            self.method(name, labels)["seeds"] for name in names for labels in budgets if self.recorded(name, labels)
        }
        return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))

    def leader(self, names: list[str], labels: int) -> str:
        """Which of the methods has the highest mean accuracy with so many labels."""
        return max(
            (name for name in names if self.recorded(name, labels)),
            key=lambda name: self.method(name, labels)["mean_accuracy"],
        )

    def gain(self, better: str, worse: str, labels: int, study: str = "table1", of: str = "test_accuracy") -> dict:
        """What one method has over another, with its interval, see :func:`sgan_utils.results.gain`."""
        return gain(self._rows(study), better, worse, labels, of).to_dict()

    def together(self, better: str, worse: str, budgets: list[int], study: str = "table1") -> dict[int, dict]:
        """:meth:`gain` for those numbers of labels that both have, with ``p_holm``, the p corrected for all."""
        both = [labels for labels in budgets if {(better, labels), (worse, labels)} <= set(self._table(study))]
        found = pd.DataFrame({labels: self.gain(better, worse, labels, study) for labels in both}).T
        return found.assign(p_holm=holm(found["p"])).to_dict("index")

    def verdict(self, difference: dict[str, float]) -> str:
        """What one of the differences of :meth:`together` amounts to, in words."""
        if difference["p_holm"] > 1 - CONFIDENCE:
            return "cannot tell"
        return "ahead" if difference["gain"] > 0 else "behind"

    def _table(self, study: str) -> dict[tuple[str, int], dict[str, Any]]:
        if study not in self._tables:
            rows = by_method(self._rows(study)).to_dict("records")
            self._tables[study] = {(row["method"], row["labels"]): row for row in rows}
        return self._tables[study]

    def _rows(self, study: str) -> Any:
        self.dates |= set(self.material.study(study)["date"])
        return self.material.study(study)

    def name(self, method: str) -> str:
        """How a method is called, in the table, the figures and the text alike."""
        return plain_name(method)

    def what_it_took(self, record: str) -> str:
        """How a recorded G came to draw as it does, in the words that stand below its figures, too."""
        return what_it_took(self.record(record))

    def largest_jump(self, record: str) -> float:
        """Of all steps of the recorded walks: the largest change, as a fraction of what lies between a walk's ends."""
        walks = self.material.record(record).arrays["walks"].astype(float)  # (walks, steps, 1, 28, 28)
        steps = np.abs(np.diff(walks, axis=1)).mean(axis=(2, 3, 4))
        ends = np.abs(walks[:, -1] - walks[:, 0]).mean(axis=(1, 2, 3))
        return float((steps / ends[:, None]).max())

    def last(self, record: str, column: str) -> float:
        """The mean of the last tenth of a recorded history's column."""
        values = self.material.record(record).history[column]
        return float(values.iloc[-max(1, len(values) // 10) :].mean())

    def figure(self, name: str, caption: str) -> str:
        """A figure with its caption, as Markdown; it has to be there, and drawn from the results as they are now."""
        recipe = _recipe(name)
        again = f"draw it with `sgan figures --only {name}`"
        try:
            drawn = json.loads((FIGURES_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise SGANError(f"the figure {name!r} is missing: {again}") from None
        now = json.loads(json.dumps(provenance(recipe, self.material)))
        if drawn | {"matplotlib": now["matplotlib"]} != now:
            raise SGANError(f"the figure {name!r} is stale, its results have changed since: {again}")
        if not picture_of(name).exists():
            raise SGANError(f"the figure {name!r} is missing: {again}")
        self.used.append(name)
        return f"![{recipe.alt}](images/{picture_of(name).name})\n\n*{caption}*"

    def shown(self, figure: str) -> dict[str, int]:
        """The numbers that were chosen for a figure, such as ``shown("labelled_draw").labels``."""
        return _recipe(figure).numbers

    def source(self, function: str) -> str:
        """A function of the package as a block of code without its docstring, such as ``training.generator_step``."""
        module, _, name = function.rpartition(".")
        return source_of(getattr(importlib.import_module(f"sgan_utils.{module}"), name))

    def claim(self, holds: bool, words: str) -> str:
        """Nothing, if ``holds``: what the next sentence says is still borne out by the results."""
        if not holds:
            raise SGANError(f"the results no longer bear out that {words}: rewrite what the post says about it")
        return ""

    def cite(self, key: str, words: str = "") -> str:
        """A reference of ``blog/references.toml`` within the text: linked if it has an address."""
        reference = _references().get(key)
        if reference is None:
            raise SGANError(f"there is no reference {key!r} in blog/{REFERENCES.name}")
        if key not in self.cited:
            self.cited.append(key)
        words = words or reference["short"]
        return f"[{words}]({reference['url']})" if "url" in reference else words

    def references(self) -> str:
        """All that is cited before, as a list.

        Raises:
            SGANError: if the file holds a reference that is not cited.
        """
        every = _references()
        if unused := sorted(set(every) - set(self.cited)):
            raise SGANError(f"the reference {unused[0]!r} of blog/{REFERENCES.name} is not cited")
        lines = []
        for one in (every[key] for key in self.cited):
            title = f"[*{one['title']}*]({one['url']})" if "url" in one else f"*{one['title']}*"
            lines.append(f"- {one['authors']}: {title}, {one['where']}.")
        return "\n".join(lines)

    @property
    def links(self) -> dict[str, Any]:
        """Addresses of the repository, of the site that its workflow publishes, and of each lesson in Colab."""
        address = repository()
        owner, name = address.removeprefix("https://github.com/").split("/")
        colab = f"https://colab.research.google.com/github/{owner}/{name}/blob/main/notebooks"
        return {
            "repository": address,
            "site": site(address),
            "lessons": {int(path.name[:2]): f"{colab}/{path.name}" for path in lesson_paths()},
        }


def _recipe(name: str) -> Any:
    if name not in RECIPES:
        raise SGANError(f"there is no figure named {name!r}")
    return RECIPES[name]


def _references() -> dict[str, dict[str, str]]:
    return tomllib.loads(REFERENCES.read_text(encoding="utf-8"))
