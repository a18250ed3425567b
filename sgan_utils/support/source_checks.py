"""Whether the images and labels of a run make sense, said before its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import DataError

if TYPE_CHECKING:
    from sgan_utils.data import Description, Sources


def check_sources(sources: Sources, config: SGANConfig) -> None:
    """See :meth:`sgan_utils.data.Sources.check`."""
    about, classes = sources.description, len(sources.description.classes)
    for name in ("labelled_images", "unlabelled_images"):
        images = getattr(sources, name)
        if images.dtype != torch.uint8:
            raise DataError(
                f"{name} must be bytes from 0 to 255 (torch.uint8), got {images.dtype}: convert them, for floats "
                "from -1 to 1 with ((images + 1) * 127.5).round().to(torch.uint8)."
            )
        if images.shape[1:] != about.shape:
            raise DataError(
                f"{name} must have the shape (images, {', '.join(map(str, about.shape))}) of {about.name}, got "
                f"{tuple(images.shape)}: resize them, or pass sources whose description says their shape."
            )
        if len(images) == 0:
            raise DataError(f"there are no {name.replace('_', ' ')}: a run needs at least one.")
    labels = sources.labelled_labels
    if labels.dtype.is_floating_point or labels.shape != (len(sources.labelled_images),):
        raise DataError(
            f"labelled_labels must be whole numbers, one for each of the {len(sources.labelled_images)} labelled "
            f"images, got {labels.dtype} of shape {tuple(labels.shape)}."
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise DataError(
            f"labels must be from 0 to {classes - 1}, one of {about.name}'s {classes} classes, got "
            f"{int(labels.min())} to {int(labels.max())}: leave images without a label to the unlabelled ones."
        )
    if config.labels > len(labels):
        raise DataError(
            f"the configuration says labels={config.labels}, but only {len(labels)} labelled images are given: "
            f"set labels={len(labels)}."
        )


def check_size(data: Description) -> None:
    """Refuse images that the lessons' networks cannot halve and double as often as they do.

    Raises:
        DataError: names the size and the cure.
    """
    if data.height % 4 or data.width % 4 or min(data.height, data.width) < 8:
        raise DataError(
            f"images of {data.height}x{data.width} pixels do not fit the networks: resize them, so that both sides are "
            "multiples of 4 and at least 8 pixels, or give train(networks=...)."
        )
