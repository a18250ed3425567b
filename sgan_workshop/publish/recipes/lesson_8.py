"""The figure of lesson 8: images that are not digits."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from sgan_utils import plotting
from sgan_utils.support.image_folder import load_folder
from sgan_workshop.publish.notebooks import ROOT
from sgan_workshop.publish.registry import Material, figure


@figure(
    8,
    "Drawn leaves of five trees in colour, ten labelled pictures of each in a row: birch, ginkgo, maple, oak and "
    "willow differ by their outlines only.",
    data="data/leaves",
)
def leaves(material: Material) -> FigureBase:
    data = load_folder(ROOT / "data" / "leaves")
    labelled = {name: data.train_labels == number for number, name in enumerate(data.classes)}
    return plotting.show_rows({name: data.train_images[those][:10] for name, those in labelled.items()}).figure
