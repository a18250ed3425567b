"""Lesson 5's runs of somebody else: the failing presets and one that goes well, with another seed than elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, split_sources
from sgan_utils.evaluation import fixed_latents, generate
from sgan_utils.exercises.failures import RECORD
from sgan_utils.plotting import as_bytes
from sgan_utils.results import Record
from sgan_utils.support.errors import DivergedError
from sgan_utils.training import train
from sgan_workshop.records.provenance import provenance
from sgan_workshop.records.storage import save_record

CASES = {"A": "diverges", "B": "healthy", "C": "d_wins", "D": "softmax_twice", "E": "mode_collapse"}
STEPS, SEED, IMAGES = 150, 1, 20  # all as long as each other, so that no length gives a name away


def record_cases(data: ImageData) -> None:
    """Train each and keep its curves and images under a letter."""
    arrays: dict[str, np.ndarray] = {}
    configs: dict[str, Any] = {}
    for case, name in CASES.items():
        config = SGANConfig.preset("lesson" if name == "healthy" else name, steps=STEPS, seed=SEED)
        try:
            run = train(config, split_sources(data, config), progress=False)
        except DivergedError as error:
            run = error.run
        arrays[f"history_{case}"] = run.history.to_numpy(dtype=np.float32)
        arrays[f"samples_{case}"] = as_bytes(generate(run.generator, fixed_latents(IMAGES, config.latent_size)))
        configs[case] = config.model_dump(mode="json")
    about = {"what": RECORD, "cases": CASES, "configs": configs} | provenance("sgan figures --retrain")
    save_record(Record(RECORD, about, arrays=arrays))
