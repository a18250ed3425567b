"""How fast batches of images arrive: from a DataLoader with the post's transforms, and from memory."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.utils.data import DataLoader
from torchvision import datasets

from benchmarks.measure import spread
from sgan_utils.data import data_folder, load_mnist, post_transforms
from sgan_utils.support.demonstrations import loader_speeds

BATCH = 100
ROUNDS = 5


def measure(rounds: int = ROUNDS, batches: int = 100) -> dict[str, Any]:
    """Images per second of each way, all in turn, several times."""
    data = load_mnist()
    speeds: dict[str, list[float]] = {"dataloader": [], "dataloader_two_workers": [], "memory": []}
    for _ in range(rounds):
        alone = loader_speeds(data, batches, BATCH)
        speeds["dataloader"].append(alone["DataLoader, transforms for each image"])
        speeds["memory"].append(alone["tensors in memory"])
        speeds["dataloader_two_workers"].append(speed_with_workers(2, 2 * batches))
    medians = {name: spread(values, 0) for name, values in speeds.items()}
    in_memory = medians["memory"]["median"]
    return {
        "ratio": round(in_memory / medians["dataloader"]["median"], 1),
        "ratio_two_workers": round(in_memory / medians["dataloader_two_workers"]["median"], 1),
        "ratio_is": "images per second from memory / from the DataLoader",
        "images_per_second": medians,
    }


def speed_with_workers(workers: int, batches: int) -> float:
    """Images per second once the workers are under way: many batches in a row, after the first."""
    images = datasets.MNIST(data_folder(), transform=post_transforms())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in loader_speeds
    arriving = iter(DataLoader(images, BATCH, shuffle=True, num_workers=workers))
    next(arriving)  # the workers start, and the order is drawn
    before = time.perf_counter()
    for _ in range(batches):
        next(arriving)
    seconds = time.perf_counter() - before
    torch.set_num_threads(threads)
    return batches * BATCH / seconds
