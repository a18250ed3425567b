"""Recorded results: what the figures and lesson 4 are drawn from, each with how it was made.

A record is a folder in ``results/``: ``record.json`` (provenance and single numbers) and, where there is one,
``history.csv``, ``arrays.npz`` and ``models.safetensors``. Figures use nothing else, so they come out the same
on every machine; only :func:`record_all` computes.
"""

from __future__ import annotations

import csv
import json
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

from sgan_utils import __version__
from sgan_utils.checkpoints import load_models, save_models
from sgan_utils.config import SGANConfig
from sgan_utils.data import MNIST, Batches, data_folder, load_mnist, post_transforms, split_sources, to_model_range
from sgan_utils.errors import DivergedError, SGANError
from sgan_utils.evaluation import (
    Film,
    accuracy,
    believe,
    draw,
    fixed_latents,
    latent_directions,
    principal_directions,
    walk,
)
from sgan_utils.files import write_whole
from sgan_utils.hardware import cpu_capabilities
from sgan_utils.losses import supervised_loss
from sgan_utils.models import Discriminator, Generator, build_models
from sgan_utils.plotting import as_bytes
from sgan_utils.quality import (
    SAMPLE_SIZE,
    WEIGHTS,
    SampleQuality,
    draw_samples,
    look_at,
    real_features,
    sample_quality,
    train_digit_classifier,
)
from sgan_utils.training import Run, train

RESULTS = Path(__file__).resolve().parent.parent / "results"
FILM_STEPS = [1, 25, 50, 100, 200, 300, 400]
REEL_STEPS = [1, 3, 6, 10, 15, 20, 25, *range(30, 401, 10)]  # of the moving film, which begins slowly
REEL_IMAGES = 24
DIRECTIONS = 4  # of G's first layer, of which a record holds images
DIRECTION_REACH = 4.0  # how far they go either way; latents are standard normal
FAILURES = ("d_wins", "mode_collapse", "diverges")  # presets
SAMPLES = 50  # images of G kept in a record
CLOUD = 300  # images of each source whose features are kept


@dataclass
class Record:
    """One recorded result."""

    name: str
    about: dict[str, Any]  # provenance and single numbers
    history: pd.DataFrame | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def models(self) -> tuple[Generator, Discriminator, SGANConfig]:
        """The trained G and D (averaged weights), in evaluation mode, and their configuration."""
        return load_models(RESULTS / self.name / "models.safetensors")


def load_record(name: str) -> Record:
    """Read a recorded result.

    Raises:
        SGANError: if it is not there, or damaged.
    """
    folder = RESULTS / name
    maker = "make benchmark" if name == "benchmark" else "sgan figures --retrain"
    try:
        about = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        history = pd.read_csv(folder / "history.csv", index_col=0) if (folder / "history.csv").exists() else None
        arrays = dict(np.load(folder / "arrays.npz")) if (folder / "arrays.npz").exists() else {}
    except (OSError, ValueError) as error:
        raise SGANError(
            f"the record {folder} is missing or damaged ({error}): restore it with "
            f"`git checkout -- results`, or make it anew with `{maker}`."
        ) from error
    return Record(name, about, history, arrays)


def save_record(record: Record, run: Run | None = None) -> None:
    """Write a record, and the models of ``run`` if one is given. Each file is replaced only when it is whole."""
    folder = RESULTS / record.name
    if run is not None:
        save_models(folder / "models.safetensors", run.generator, run.classifier(), run.config)
    if record.history is not None:
        table = record.history.round(5)
        write_whole(folder / "history.csv", lambda part: table.to_csv(part, quoting=csv.QUOTE_MINIMAL))
    if record.arrays:
        write_whole(folder / "arrays.npz", lambda part: np.savez_compressed(part, **record.arrays))
    text = json.dumps(record.about, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "record.json", lambda part: part.write_text(text, encoding="utf-8"))


def provenance(command: str) -> dict[str, Any]:
    """How a result was made: code, versions, machine. No name of the machine and no path."""
    return {
        "command": command,
        "date": time.strftime("%Y-%m-%d"),
        "commit": _commit(),
        "versions": {
            "sgan_utils": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "device": f"{_processor()}, {torch.get_num_threads()} threads",
    }


def _commit() -> str:
    git = ["git", "-C", str(RESULTS.parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "sgan_utils"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    name = cpu_capabilities().get("cpu_name", "CPU")
    return f"{name} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def summary(run: Run, data: MNIST) -> dict[str, Any]:
    """What a training run reached, as ``sgan train --json`` prints it. Reads the test set, once, at the end."""
    return {
        "test_accuracy": round(accuracy(run.classifier(), data.test_images, data.test_labels), 4),
        "train_seconds": round(run.train_seconds, 2),
        "images_per_second": round(run.images_per_second, 1),
        "seed": run.config.seed,
        "labels": run.config.labels,
        "steps": run.step,
        "stopped": run.stopped,
        "device": str(run.device),
        "precision": str(run.precision).removeprefix("torch."),
        "config": run.config.model_dump(mode="json"),
    }


def record_all(say: Callable[[str], None] = print) -> None:
    """Train and measure all that the figures show, and replace ``results/`` by it (about two minutes on two cores)."""
    data = load_mnist()
    if not WEIGHTS.exists():  # all recorded distances were measured through it: it is not replaced in passing
        say("recording digit_classifier …")
        record_digit_classifier(data)
    for name, record in (
        ("sgan", record_sgan),
        ("gan", record_gan),
        *((preset, partial(record_failure, preset=preset)) for preset in FAILURES),
        ("softmax_twice", record_softmax_twice),
        ("untrained", record_untrained),
        ("loader", record_loader),
        ("real_images", record_real_images),
    ):
        say(f"recording {name} …")
        record(data)


def record_digit_classifier(data: MNIST) -> None:
    """The classifier through which images are compared, and how alike real images are through it."""
    classifier = train_digit_classifier(data, progress=False)
    weights = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    write_whole(WEIGHTS, lambda part: save_file(weights, part))
    logits = look_at(data.test_images, classifier)[1]
    right = float((logits.argmax(1) == data.test_labels).float().mean())
    about = {"what": "digit_classifier", "test_accuracy": round(right, 4)} | provenance("sgan figures --retrain")
    save_record(Record("digit_classifier", about))


def record_sgan(data: MNIST) -> None:
    """The ``lesson`` preset, seed 0: models, history, film, and everything lesson 4 looks at."""
    config = SGANConfig.preset("lesson")
    run, film, about = _recorded_run(data, config, "sgan")
    generator, discriminator = run.generator, run.classifier()
    latents = fixed_latents(12, config.latent_size, seed=3)
    ways = [draw(generator, walk(latents[2 * i], latents[2 * i + 1])) for i in range(4)]
    sources = split_sources(data, config)
    on_test = believe(discriminator, data.test_images)
    chosen = torch.randperm(len(sources.unlabelled_images), generator=torch.Generator().manual_seed(0))[:CLOUD]
    clouds = {
        "labelled": sources.labelled_images[:CLOUD],
        "unlabelled": sources.unlabelled_images[chosen],
        "generated": draw(generator, fixed_latents(CLOUD, config.latent_size, seed=2)),
    }
    points = principal_directions(torch.cat([believe(discriminator, images).features for images in clouds.values()]))
    reach = torch.linspace(-DIRECTION_REACH, DIRECTION_REACH, 11)[:, None]  # (11, 1)
    directions = latent_directions(generator, DIRECTIONS)
    fine_walk = draw(generator, walk(latents[0], latents[1], steps=41))
    arrays = {
        **_images(run, film),
        **_frames(film, "reel", REEL_STEPS, REEL_IMAGES),
        "walks": torch.stack(ways).numpy(),
        "directions": torch.stack([draw(generator, latents[0] + reach * one) for one in directions]).numpy(),
        "walk_logits": believe(discriminator, fine_walk).class_logits.half().numpy(),
        "test_logits": on_test.class_logits.half().numpy(),
        "train_logits": believe(discriminator, data.train_images[:25]).class_logits.half().numpy(),
        "points": points.half().numpy(),  # labelled, unlabelled, generated, CLOUD each
    }
    save_record(Record("sgan", about, run.history, arrays), run)


def record_gan(data: MNIST) -> None:
    """A plain GAN: the same networks, seed and steps, but D is never told a digit."""
    run, film, about = _recorded_run(data, SGANConfig.preset("lesson", supervised_weight=0.0), "gan")
    del about["test_accuracy"]  # its class outputs have learnt nothing
    save_record(Record("gan", about, run.history, _images(run, film)))


def record_failure(data: MNIST, preset: str) -> None:
    """A run that fails on purpose."""
    run, film, about = _recorded_run(data, SGANConfig.preset(preset), preset)
    save_record(Record(preset, about, run.history, _images(run, film)))


def _recorded_run(data: MNIST, config: SGANConfig, name: str) -> tuple[Run, Film, dict[str, Any]]:
    steps = sorted({step for step in FILM_STEPS + REEL_STEPS if step <= config.steps})
    film = Film(fixed_latents(SAMPLES, config.latent_size), steps)
    try:
        run = train(config, split_sources(data, config), callbacks=[film], progress=False)
    except DivergedError as error:
        run = error.run
    return run, film, {"what": name, **summary(run, data), **provenance("sgan figures --retrain")}


def _images(run: Run, film: Film) -> dict[str, np.ndarray]:
    """What G drew on the way, and what it draws at the end."""
    samples = draw(run.generator, fixed_latents(SAMPLES, run.config.latent_size))
    return {**_frames(film, "film", FILM_STEPS, 12), "samples": samples.numpy()}


def _frames(film: Film, name: str, steps: list[int], images: int) -> dict[str, np.ndarray]:
    steps = [step for step in steps if step in film.frames]
    return {f"{name}_steps": np.array(steps), name: np.stack([film.frames[step][:images].numpy() for step in steps])}


def record_post(data: MNIST, minutes: float, checkpoint: Path | str = Path("build/post.safetensors")) -> Run:
    """The ``post`` preset, as many of its 200 epochs as there is time for; called again, it goes on.

    Test accuracy is noted after every epoch, for the curve; it chooses nothing.
    """
    config, before = SGANConfig.preset("post"), time.perf_counter()
    an_epoch = round(config.steps / config.epochs)
    record = load_record("post") if (RESULTS / "post" / "record.json").exists() and Path(checkpoint).exists() else None
    curve = record.about["test_accuracy_after_epochs"] if record else {}

    def note_and_stop(run: Run) -> None:
        if run.step % an_epoch == 0:
            curve[str(run.step // an_epoch)] = round(accuracy(run.classifier(), data.test_images, data.test_labels), 4)
        if time.perf_counter() - before > 60 * minutes:
            raise KeyboardInterrupt

    run = train(config, split_sources(data, config), callbacks=[note_and_stop], checkpoint=checkpoint)
    thinned = run.history.rolling(an_epoch // 10).mean().iloc[an_epoch // 10 - 1 :: an_epoch // 10]
    arrays = {"samples": draw(run.generator, fixed_latents(SAMPLES, config.latent_size)).numpy()}
    quality = _rounded(sample_quality(draw_samples(run.generator), real_features(data)))
    about = {"what": "post", **summary(run, data), "test_accuracy_after_epochs": curve, "samples": quality}
    save_record(Record("post", about | provenance(f"sgan figures --post-minutes {minutes:g}"), thinned, arrays))
    return run


def record_softmax_twice(data: MNIST, steps: int = 200) -> None:
    """A classifier trained rightly, on logits, and wrongly, on a softmax that cross-entropy applies once more."""
    config = SGANConfig.preset("lesson", steps=steps)
    sources = split_sources(data, config)
    batches = Batches((sources.labelled_images, sources.labelled_labels), 100, seed=0)
    losses = {"logits": classifier_losses(batches, config), "softmax_twice": classifier_losses(batches, config, True)}
    history = pd.DataFrame(losses, index=pd.RangeIndex(1, config.steps + 1, name="step"))
    about = {"what": "softmax_twice", "config": config.model_dump(mode="json"), "seed": config.seed}
    save_record(Record("softmax_twice", about | provenance("sgan figures --retrain"), history))


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


def record_untrained(data: MNIST) -> None:
    """Networks before training, for three spreads of their weights: what G draws, what becomes of D's signal."""
    spreads, latents = (0.002, 0.02, 0.2), fixed_latents(10, SGANConfig.preset("lesson").latent_size)
    real = to_model_range(data.train_images[:200])
    samples, signals = [], []
    for std in spreads:
        generator, discriminator = build_models(SGANConfig.preset("lesson", weight_std=std))
        with torch.no_grad():  # in training mode: BatchNorm normalises this batch by itself
            samples.append(as_bytes(generator(latents)))
        signals.append([signal_spread(discriminator.train(normalised), real) for normalised in (True, False)])
    arrays = {"weight_std": np.array(spreads), "samples": np.stack(samples), "signal": np.array(signals)}
    save_record(Record("untrained", {"what": "untrained"} | provenance("sgan figures --retrain"), arrays=arrays))


def signal_spread(discriminator: Discriminator, images: torch.Tensor) -> list[float]:
    """The standard deviation of D's numbers after each of its three convolutional blocks and at its outputs."""
    with torch.no_grad():
        blocks = [discriminator.look[: 3 * (i + 1)](images) for i in range(3)]
        return [
            float(signal.std()) for signal in (*blocks, discriminator.decide(blocks[-1].permute(0, 2, 3, 1).flatten(1)))
        ]


def record_loader(data: MNIST) -> None:
    """Images per second from a DataLoader with the post's transforms, and from memory."""
    about = {"what": "loader", "images_per_second": loader_speeds(data)} | provenance("sgan figures --retrain")
    save_record(Record("loader", about))


def record_real_images(data: MNIST) -> None:
    """What distances mean: of real test images from real training images, the floor, and of noise, the ceiling."""
    noises = (
        torch.randint(
            0, 256, (SAMPLE_SIZE, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
        )
        for seed in range(5)
    )
    real = real_features(data)
    floor = [sample_quality(data.test_images, look_at(some)[0]) for some in data.train_images.split(SAMPLE_SIZE)]
    about = {
        "what": "real_images",
        "floor": [_rounded(quality) for quality in floor],
        "noise": [_rounded(sample_quality(noise, real)) for noise in noises],
    }
    save_record(Record("real_images", about | provenance("sgan figures --retrain")))


def _rounded(quality: SampleQuality) -> dict[str, float]:
    return {name: round(value, 4) for name, value in quality._asdict().items()}


def loader_speeds(data: MNIST, batches: int = 100, batch_size: int = 100) -> dict[str, float]:
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
    speeds, threads = {}, torch.get_num_threads()
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
