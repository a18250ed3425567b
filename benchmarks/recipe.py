"""The common recipe: what public SGAN code for MNIST does, to measure against.

Layer plan, sizes and Adam settings as that code has them: 32 x 32 images from a DataLoader, batches of 64, G with a
linear layer to 128 channels at 8 x 8 and nearest-neighbour upsampling, D with four stride-2 convolutions, dropout and
two heads, all labels used, an eleventh class for generated images. Its known faults (softmax before cross-entropy,
BatchNorm's eps of 0.8) are left out, so that speed is compared and nothing else. Two more things differ: weights start
as PyTorch's layers have them (there from N(0, 0.02)), and nothing is computed or printed for the user at each step
(there the batch's accuracy and the losses) and no images are saved, which only makes it faster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from sgan_utils.data import ImageData, data_folder

BATCH = 64
SIZE = 32  # pixels, both ways
LATENT = 100
GENERATED = 10  # the eleventh class
EPOCH = 938  # steps: 60,000 images, the last batch smaller


def build_generator() -> nn.Sequential:
    """(batch, 100) -> (batch, 1, 32, 32), from -1 (paper) to 1 (ink)."""
    return nn.Sequential(
        nn.Linear(LATENT, 128 * 8 * 8),
        nn.Unflatten(1, (128, 8, 8)),
        nn.BatchNorm2d(128),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 1, 3, padding=1),
        nn.Tanh(),
    )


class TwoHeadedDiscriminator(nn.Module):
    """(batch, 1, 32, 32) -> real/fake logit (batch,) and 11 class logits (batch, 11)."""

    def __init__(self) -> None:
        super().__init__()
        layers, before = [], 1
        for channels in (16, 32, 64, 128):
            layers += [nn.Conv2d(before, channels, 3, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
            layers += [nn.BatchNorm2d(channels)] if before > 1 else []
            before = channels
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.real = nn.Linear(128 * 2 * 2, 1)
        self.classes = nn.Linear(128 * 2 * 2, 11)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Both heads' logits."""
        features = self.convolutions(images)
        return self.real(features).squeeze(1), self.classes(features)


def train_steps(seed: int) -> Iterator[tuple[float, TwoHeadedDiscriminator]]:
    """Train step by step, for ever; yields the seconds of training so far, and D, after each step."""
    torch.manual_seed(seed)
    transform = transforms.Compose([transforms.Resize(SIZE), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    loader = DataLoader(datasets.MNIST(data_folder(), transform=transform), batch_size=BATCH, shuffle=True)
    generator, discriminator = build_generator(), TwoHeadedDiscriminator()
    optimizer_g, optimizer_d = (
        torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.999)) for model in (generator, discriminator)
    )
    seconds, last = 0.0, time.perf_counter()
    while True:
        for images, labels in loader:
            train_once(generator, discriminator, optimizer_g, optimizer_d, images, labels)
            seconds += time.perf_counter() - last
            yield seconds, discriminator
            last = time.perf_counter()  # what the caller did with D is not the recipe's time


def train_once(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer_g: torch.optim.Optimizer,
    optimizer_d: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
) -> None:
    """One update of G, then one of D.

    Args:
        images: (batch, 1, 32, 32), from -1 to 1.
        labels: (batch,), 0 to 9.
    """
    real, fake = torch.ones(len(images)), torch.zeros(len(images))

    optimizer_g.zero_grad()
    generated = generator(torch.randn(len(images), LATENT))
    F.binary_cross_entropy_with_logits(discriminator(generated)[0], real).backward()
    optimizer_g.step()

    optimizer_d.zero_grad()
    real_logit, class_logits = discriminator(images)
    loss_real = F.binary_cross_entropy_with_logits(real_logit, real) + F.cross_entropy(class_logits, labels)
    fake_logit, fake_classes = discriminator(generated.detach())
    loss_fake = F.binary_cross_entropy_with_logits(fake_logit, fake) + F.cross_entropy(
        fake_classes, torch.full_like(labels, GENERATED)
    )
    (0.25 * (loss_real + loss_fake)).backward()
    optimizer_d.step()


def accuracy(discriminator: nn.Module, data: ImageData) -> float:
    """The fraction of test images that are classified correctly: the argmax over the ten digits, in evaluation mode."""
    discriminator.eval()
    right = 0
    with torch.no_grad():
        for images, labels in zip(data.test_images.split(500), data.test_labels.split(500), strict=True):
            larger = F.interpolate(images / 127.5 - 1, SIZE, mode="bilinear", antialias=True)
            right += (discriminator(larger)[1][:, :10].argmax(1) == labels).sum().item()
    discriminator.train()
    return right / len(data.test_labels)
