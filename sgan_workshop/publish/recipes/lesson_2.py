"""Figures of lesson 2: the models."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import FigureBase
from torch import nn

from sgan_utils import plotting
from sgan_utils.config import SGANConfig
from sgan_utils.models import build_models
from sgan_utils.plotting import LABELLED, UNLABELLED
from sgan_utils.support import diagrams
from sgan_workshop.publish.registry import Material, figure


@figure(2, "G as a chain of feature maps: from 100 numbers through 7 by 7 and 14 by 14 to 28 by 28 pixels.")
def generator(material: Material) -> FigureBase:
    config = SGANConfig.preset("lesson")
    g, _ = build_models(config)
    stages = diagrams.stages_of([g.linear, *g.convolutions], torch.zeros(1, config.latent_size))
    return diagrams.draw_network(stages, plotting.GENERATOR, "G upscales").figure


@figure(2, "D as a chain of feature maps: from 28 by 28 pixels through 14, 7 and 4 to the outputs.")
def discriminator(material: Material) -> FigureBase:
    _, d = build_models(SGANConfig.preset("lesson"))
    stages = diagrams.stages_of([*d.convolutions, nn.Flatten(), d.linear], torch.zeros(1, 1, 28, 28))
    return diagrams.draw_network(stages, plotting.DISCRIMINATOR, "D downscales").figure


@figure(
    2,
    "Ten logits carry two messages: their differences say which digit, and lifting all ten together raises P(real) "
    "from 0 to 1.",
)
def ten_logits(material: Material) -> FigureBase:
    logits = np.array([0, 1, 0, 4, 0, 3, 0, 0, 2, 0.0])
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.5), width_ratios=[1.2, 1])
    left.bar(range(10), np.exp(logits) / np.exp(logits).sum(), color=LABELLED)
    left.set(title="at every height", xlabel="digit", ylabel="P(digit)", xticks=range(10), ylim=(0, 1))
    height = np.linspace(-10, 5, 100)
    right.plot(height, 1 / (1 + np.exp(-height) / np.exp(logits).sum()), color=UNLABELLED)
    right.set(title="lifted together", xlabel="height added to all ten", ylabel="P(real)", ylim=(0, 1))
    return drawn


@figure(
    2,
    "Three heads of D: ten outputs and one of its own; eleven outputs of one softmax; ten outputs only. "
    "In each the class logits are the first ten.",
)
def heads(material: Material) -> FigureBase:
    return diagrams.draw_heads().figure
