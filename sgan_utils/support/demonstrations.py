"""Two comparisons that lessons 1 and 3 run: three ways to load images, and a classifier with and without a mistake."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, ImageData, data_folder, post_transforms, to_model_range
from sgan_utils.losses import supervised_loss
from sgan_utils.models import build_models


def classifier_losses(batches: Batches, config: SGANConfig, softmax_first: bool = False) -> list[float]:
    """Losses of D trained as a plain classifier; with ``softmax_first``, with the mistake made on purpose."""
    discriminator = build_models(config)[1]
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
    losses = []
    for step in range(config.steps):
        images, labels = batches[step]
        outputs = discriminator(to_model_range(images)).class_logits
        loss = supervised_loss(outputs.softmax(1) if softmax_first else outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def loader_speeds(data: ImageData, batches: int = 100, batch_size: int = 100) -> dict[str, float]:
    """Images per second that three ways of making the same batches deliver (higher is better).

    Returns:
        Name of the way -> images per second, by the median time of ``batches`` batches, on one thread: two may wait
        for each other longer than work this small takes.
    """
    from torchvision import datasets

    images = datasets.MNIST(data_folder(), transform=post_transforms())
    from_memory = Batches((data.train_images, data.train_labels), batch_size, seed=0)
    from_memory[0]  # the first batch also shuffles
    ready = TensorDataset(to_model_range(data.train_images[: batches * batch_size]))
    ways = {
        "DataLoader, transforms for each image": iter(DataLoader(images, batch_size, shuffle=True)),
        "DataLoader, ready-made tensors": iter(DataLoader(ready, batch_size, shuffle=True)),
        "tensors in memory": (to_model_range(from_memory[step][0]) for step in range(batches)),
    }
    speeds: dict[str, float] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, way in ways.items():
        seconds = []
        for _ in range(batches):
            before = time.perf_counter()
            next(way)
            seconds.append(time.perf_counter() - before)
        speeds[name] = round(batch_size / float(np.median(seconds)))
    torch.set_num_threads(threads)
    return speeds
