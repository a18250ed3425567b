"""Recorded training runs: the lesson's, a plain GAN's, the failures' and the source post's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, split_sources
from sgan_utils.evaluation import (
    Film,
    accuracy,
    believe,
    fixed_latents,
    generate,
    walk,
)
from sgan_utils.models import Generator
from sgan_utils.results import Record, load_record
from sgan_utils.support.errors import DivergedError
from sgan_utils.support.run import Run
from sgan_utils.training import train
from sgan_workshop.records.measurements import rounded
from sgan_workshop.records.provenance import provenance, summary
from sgan_workshop.records.quality import generate_samples, real_features, sample_quality
from sgan_workshop.records.storage import save_record

FILM_STEPS = [1, 25, 50, 100, 150, 250, 350]
REEL_STEPS = [1, 3, 6, 10, 15, 20, 25, *range(30, 351, 10)]  # of the moving film, which begins slowly
REEL_IMAGES = 24
# Much longer, with the source post's widths, smaller learning rates and noise that fades: for images worth looking at.
LONG_RUN = {
    "steps": 16_000,
    "batch_size": 64,
    "learning_rate_d": 1e-3,
    "learning_rate_g": 1e-3,
    "input_noise": 0.3,
    "noise_decay": 0.5,
    "average_decay": 0.99,
    "channels_g": (128, 64, 32),
    "channels_d": (64, 128, 256),
}
AVERAGE_OF_G = 0.999  # how much of the running average of its weights stays in a step
FAILURES = ("d_wins", "mode_collapse", "diverges")  # presets
SAMPLES = 50  # images of G that a record holds


def record_sgan(data: ImageData) -> None:
    """The ``lesson`` preset, seed 0: models, history, film, and what lesson 4 shows of them."""
    config = SGANConfig.preset("lesson")
    run, film, about = _recorded_run(data, config, "sgan")
    on_test = believe(run.classifier(), data.test_images)
    arrays = {
        **_images(run, film),
        **_frames(film, "reel", REEL_STEPS, REEL_IMAGES),
        "walks": _walks(run),
        "test_logits": on_test.class_logits.half().numpy(),
    }
    save_record(Record("sgan", about, run.history, arrays), run)


def record_trained_g(data: ImageData) -> None:
    """One run whose G is shown where images are what is shown: models, history, moving film, walks, quality.

    That G has the running average of the weights (Yazici et al. 2019, "The unusual effectiveness of averaging in GAN
    training"); the film shows the weights themselves.
    """
    config = SGANConfig.preset("lesson", **LONG_RUN)
    reel = sorted({max(1, step * config.steps // REEL_STEPS[-1]) for step in REEL_STEPS})
    film = Film(fixed_latents(REEL_IMAGES, config.latent_size), reel)
    averages: list[AveragedModel] = []

    def average(run: Run) -> None:
        if not averages:
            averages.append(
                AveragedModel(run.generator, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_OF_G), use_buffers=True)
            )
        averages[0].update_parameters(run.generator)

    run = train(config, split_sources(data, config), callbacks=[film, average], progress=False)
    last = rounded(sample_quality(generate_samples(run.generator), real_features(data)))
    run.generator = cast(Generator, averages[0].module)
    arrays = {
        **_frames(film, "reel", reel, REEL_IMAGES),
        "samples": generate(run.generator, fixed_latents(SAMPLES, config.latent_size)).numpy(),
        "walks": _walks(run),
    }
    quality = rounded(sample_quality(generate_samples(run.generator), real_features(data)))
    about = {"what": "trained_g", **summary(run, data), "samples": quality}
    about |= {"average_of_g": AVERAGE_OF_G, "samples_of_last_weights": last}
    save_record(
        Record("trained_g", about | provenance("sgan figures --trained-g"), _thinned(run, 20), arrays), run, half=True
    )


def record_gan(data: ImageData) -> None:
    """A plain GAN: the same networks, seed and steps, but D learns from no label."""
    run, film, about = _recorded_run(data, SGANConfig.preset("lesson", supervised_weight=0.0), "gan")
    del about["test_accuracy"]  # its class outputs have learnt nothing
    save_record(Record("gan", about, run.history, _images(run, film)))


def record_failure(data: ImageData, preset: str) -> None:
    """A run that fails on purpose."""
    run, film, about = _recorded_run(data, SGANConfig.preset(preset), preset)
    save_record(Record(preset, about, run.history, _images(run, film)))


def _recorded_run(data: ImageData, config: SGANConfig, name: str) -> tuple[Run, Film, dict[str, Any]]:
    steps = sorted({step for step in FILM_STEPS + REEL_STEPS if step <= config.steps})
    film = Film(fixed_latents(SAMPLES, config.latent_size), steps)
    try:
        run = train(config, split_sources(data, config), callbacks=[film], progress=False)
    except DivergedError as error:
        run = error.run
    return run, film, {"what": name, **summary(run, data), **provenance("sgan figures --retrain")}


def _walks(run: Run) -> np.ndarray:
    """Four walks through latent space."""
    latents = fixed_latents(12, run.config.latent_size, seed=3)
    ways = [generate(run.generator, walk(latents[2 * i], latents[2 * i + 1])) for i in range(4)]
    return torch.stack(ways).numpy()


def _thinned(run: Run, steps: int) -> pd.DataFrame:
    """A history of means over so many steps."""
    return run.history.rolling(steps).mean().iloc[steps - 1 :: steps]


def _images(run: Run, film: Film) -> dict[str, np.ndarray]:
    """G's images during training, and at the end."""
    samples = generate(run.generator, fixed_latents(SAMPLES, run.config.latent_size))
    return {**_frames(film, "film", FILM_STEPS, 12), "samples": samples.numpy()}


def _frames(film: Film, name: str, steps: list[int], images: int) -> dict[str, np.ndarray]:
    steps = [step for step in steps if step in film.frames]
    return {f"{name}_steps": np.array(steps), name: np.stack([film.frames[step][:images].numpy() for step in steps])}


def record_post(data: ImageData, minutes: float, checkpoint: Path | str = Path("build/post.safetensors")) -> Run:
    """The ``post`` preset, as many of its 200 epochs as there is time for; called again, it goes on.

    Test accuracy is noted after every epoch, for the curve; it chooses nothing.
    """
    config, before = SGANConfig.preset("post"), time.perf_counter()
    an_epoch = round(config.steps / config.epochs)
    begun = (results.RESULTS / "post" / "record.json").exists() and Path(checkpoint).exists()
    record = load_record("post") if begun else None
    curve = record.about["test_accuracy_after_epochs"] if record else {}

    def note_and_stop(run: Run) -> None:
        if run.step % an_epoch == 0:
            curve[str(run.step // an_epoch)] = round(accuracy(run.classifier(), data.test_images, data.test_labels), 4)
        if time.perf_counter() - before > 60 * minutes:
            raise KeyboardInterrupt

    run = train(config, split_sources(data, config), callbacks=[note_and_stop], checkpoint=checkpoint)
    arrays = {"samples": generate(run.generator, fixed_latents(SAMPLES, config.latent_size)).numpy()}
    quality = rounded(sample_quality(generate_samples(run.generator), real_features(data)))
    about = {"what": "post", **summary(run, data), "test_accuracy_after_epochs": curve, "samples": quality}
    save_record(
        Record(
            "post",
            about | provenance(f"sgan figures --post-minutes {minutes:g}"),
            _thinned(run, an_epoch // 10),
            arrays,
        )
    )
    return run
