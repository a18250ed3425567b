"""All recorded results, made anew one after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sgan_utils.data import ImageData, load_mnist
from sgan_workshop.records.cases import record_cases
from sgan_workshop.records.measurements import (
    record_digit_classifier,
    record_loader,
    record_real_images,
    record_softmax_twice,
)
from sgan_workshop.records.plain_cnn import record_plain_cnn
from sgan_workshop.records.plane import record_plane
from sgan_workshop.records.quality import WEIGHTS
from sgan_workshop.records.runs import FAILURES, record_failure, record_gan, record_sgan


def record_all(say: Callable[[str], None] = print) -> None:
    """Train and measure all that the figures show, and replace ``results/`` by it (about five minutes on two cores)."""
    data = load_mnist()
    if not WEIGHTS.exists():  # all recorded distances were measured through it: it is not replaced in passing
        say("recording digit_classifier …")
        record_digit_classifier(data)
    say("recording plane …")
    record_plane()
    recorders: tuple[tuple[str, Callable[[ImageData], object]], ...] = (
        ("sgan", record_sgan),
        ("gan", record_gan),
        *((preset, partial(record_failure, preset=preset)) for preset in FAILURES),
        ("softmax_twice", record_softmax_twice),
        ("cases", record_cases),
        ("plain_cnn", record_plain_cnn),
        ("loader", record_loader),
        ("real_images", record_real_images),
    )
    for name, record in recorders:
        say(f"recording {name} …")
        record(data)
