"""The recorded run of lesson 0: what D says all over the plane, with unlabelled points and without."""

from __future__ import annotations

from typing import cast

import numpy as np

from sgan_utils.evaluation import accuracy
from sgan_utils.models import Discriminator
from sgan_utils.results import Record
from sgan_utils.support.plane import PLANE, PlaneRun, label_some, moons
from sgan_utils.support.plane_pictures import landscape
from sgan_workshop.records.provenance import provenance
from sgan_workshop.records.storage import save_record

STEPS = (0, 50, 500)  # of which the game is recorded
ALONE_STEPS = 200


def record_plane() -> None:
    """The moons of lesson 0: the game after some steps, and D taught by the labelled points alone."""
    points, test, seed = moons(500, seed=PLANE.seed), moons(1_000, seed=10_000), PLANE.seed
    labelled = label_some(points, 6, seed)
    run = PlaneRun(PLANE, points.places, labelled)
    alone = PlaneRun(PLANE.but(unsupervised_weight=0.0), points.places, labelled).advance(ALONE_STEPS)
    arrays = {name: tensor.numpy() for name, tensor in zip(("places", "classes"), labelled, strict=True)}
    arrays |= {"unlabelled": points.places.half().numpy(), "alone": landscape(alone.D).classes}
    for step in STEPS:
        run.advance(step - run.step)
        seen = landscape(run.D)
        arrays |= {f"classes_{step}": seen.classes, f"real_{step}": seen.real}
        arrays[f"generated_{step}"] = run.generated().numpy()
    about = {
        "what": "plane",
        "config": PLANE.model_dump(mode="json"),
        "accuracy": round(accuracy(cast("Discriminator", run.D), *test), 4),
        "accuracy_alone": round(accuracy(cast("Discriminator", alone.D), *test), 4),
    }
    smaller = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in arrays.items()}
    save_record(Record("plane", about | provenance("sgan figures --retrain"), arrays=smaller))
