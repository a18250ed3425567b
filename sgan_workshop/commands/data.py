"""The images that a command trains on: files that cannot be read are named, and the labels fit what there is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import SGANError

if TYPE_CHECKING:
    from sgan_utils.data import ImageData


def load_named(name: str, on_broken: Literal["skip", "stop"] = "skip", report: bool = True) -> ImageData:
    """The data set of that name; a warning for each file that was skipped, if ``report``."""
    from sgan_utils.data import load_data

    data = load_data(name, on_broken)
    for sentence in data.skipped if report else ():
        typer.secho(sentence, fg="yellow", err=True)
    return data


def fit_labels(config: SGANConfig, data: ImageData) -> SGANConfig:
    """The same configuration with at most as many labels as the data have: a preset's number is MNIST's."""
    from sgan_utils.data import UNKNOWN

    most = int((data.train_labels != UNKNOWN).sum()) - config.held_out
    return config.but(labels=max(len(data.classes), min(config.labels, most)))


def prepare(configs: Iterable[SGANConfig], labels_given: bool) -> list[SGANConfig]:
    """Configurations of a study, once their data are known to be there; see :func:`fit_labels`."""
    from sgan_utils.support.image_folder import set_name

    loaded: dict[str, ImageData] = {}
    fitting = []
    for config in configs:
        if set_name(config.data) != "MNIST":
            if config.data not in loaded:
                loaded[config.data] = load_named(config.data)
            config = config if labels_given else fit_labels(config, loaded[config.data])
        fitting.append(config)
    return fitting


def check_predictions(predict: Path | None, data: ImageData, name: str) -> None:
    """Refuse to predict where there is nothing to predict: in a folder whose images all have a label.

    Raises:
        SGANError: says where to put the images.
    """
    from sgan_utils.support.image_folder import set_name

    if predict and not set_name(name) and not data.unlabelled_names:
        raise SGANError(f"--predict has no image to predict: put images without a label into {name}/unlabelled/.")
