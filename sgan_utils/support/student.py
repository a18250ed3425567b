"""The student: a larger classifier that learns, at the end of a run, from the labels that the run has found."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from sgan_utils.augmentation import random_affine, warp
from sgan_utils.config import CLASSES
from sgan_utils.data import Batches, to_model_range
from sgan_utils.evaluation import believe
from sgan_utils.losses import supervised_loss
from sgan_utils.models import Belief, n_head
from sgan_utils.support.propagation import propagation_of
from sgan_utils.support.run import Run

FEATURES = 128
BATCH_SIZE, LEARNING_RATE = 100, 4e-3


class Student(nn.Module):
    """A plain convolutional classifier, deeper than D: pooling in place of strides, and a layer of 128 features.

    Args:
        shape: of an image, (channels, height, width).
        classes: how many kinds of images there are to tell apart.
    """

    def __init__(self, shape: tuple[int, int, int] = (1, 28, 28), classes: int = CLASSES) -> None:
        super().__init__()

        def block(before: int, after: int, kernel_size: int) -> list[nn.Module]:
            convolution = nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, bias=False)
            return [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

        self.convolutions = nn.Sequential(
            *block(shape[0], 32, 5),  # 14x14
            *block(32, 64, 5),  # 7x7
            *block(64, 128, 3),  # 3x3
            nn.Flatten(),
            nn.Linear(128 * (shape[1] // 8) * (shape[2] // 8), FEATURES),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(inplace=True),
        )
        self.linear = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> Belief:
        """(batch, 1, 28, 28), -1 to 1 -> a Belief, as of D; nobody has taught its ``real_logit``."""
        features = self.convolutions(images)
        return n_head(self.linear(features).float(), features.float())


def teach_student(run: Run, progress: bool = False) -> None:
    """Give a finished run a student, which takes D's place as its classifier.

    The student learns from all unlabelled images, and never from hidden labels. What it learns of an image are D's
    probabilities (Hinton et al. 2015, sec. 2); where labels are propagated, the mean of three opinions: D's, the
    neighbours' about the few labels, and the neighbours' about D's. Probabilities, instead of the winner, tell the
    student where its teachers doubt.
    """
    started, config, sources = time.perf_counter(), run.config, run.sources
    probability = believe(run.classifier(), sources.unlabelled_images).class_logits.softmax(1)
    if config.propagation:
        propagation = propagation_of(run)
        propagation.spread_labels()
        opinions = [probability, propagation.probability]
        propagation.smooth(probability)
        probability = torch.stack([*opinions, propagation.probability]).mean(0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        student = Student(sources.description.shape, len(sources.description.classes))
    student = student.to(run.device).to(memory_format=torch.channels_last)
    images = torch.cat([sources.labelled_images, sources.unlabelled_images])
    certain = F.one_hot(sources.labelled_labels, probability.shape[1]).float()
    targets = torch.cat([certain, probability.to(run.device)])
    try:
        teach(student, images, targets, config.student_steps, config.augmentation, config.seed, run.autocast, progress)
        run.student = student.eval()
    except KeyboardInterrupt:
        run.stopped = "interrupted while the student was learning"
    run.train_seconds += time.perf_counter() - started


def teach(
    student: Student,
    images: Tensor,
    targets: Tensor,
    steps: int,
    augmentation: float,
    seed: int,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    progress: bool = False,
) -> None:
    """Train a classifier on labelled images alone, augmented, with one cycle of the learning rate.

    Args:
        student: changed in place.
        images: (n, channels, height, width), uint8, on the student's device.
        targets: classes (n,), int64, or a probability for each class, (n, classes).
        steps: of 100 images each.
        augmentation: how much, in the units of ``SGANConfig.augmentation``.
        seed: of the order of the images and of the augmentation.
        autocast: the precision of the convolutions, entered anew in every step.
        progress: whether to show a progress bar.
    """
    random = torch.Generator(images.device).manual_seed(seed)
    batches = Batches((images, targets), BATCH_SIZE, seed)
    optimizer = Adam(student.parameters(), fused=images.device.type in ("cpu", "cuda"))
    schedule = OneCycleLR(optimizer, max_lr=LEARNING_RATE, total_steps=steps)
    for step in tqdm(range(steps), desc="student", unit="step", disable=not progress):
        some, their_targets = batches[step]
        some = warp(to_model_range(some), random_affine(len(some), augmentation, random, max(some.shape[2:])))
        with autocast():
            loss = supervised_loss(student(some).class_logits, their_targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
