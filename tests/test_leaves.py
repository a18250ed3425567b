"""The leaves of lesson 8: what lies in ``data/`` is what the code draws, in the layout that the loader reads."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sgan_utils.support.image_folder import load_folder
from sgan_workshop.records.leaves import CLASSES, COUNTS, draw_leaf, write_leaves

ROOT = Path(__file__).resolve().parent.parent
LEAVES = ROOT / "data" / "leaves"
FILES = sorted(LEAVES.rglob("*.png"), key=lambda path: path.relative_to(LEAVES).as_posix().encode())


@pytest.fixture(scope="module")
def data():
    return load_folder(LEAVES)


def test_the_loader_reads_them_as_the_lesson_says(data):
    assert data.description.shape == (3, 32, 32)
    assert data.classes == CLASSES
    assert data.skipped == ()
    labelled = data.train_labels[data.train_labels >= 0]
    assert labelled.bincount().tolist() == [COUNTS["labelled"]] * 5
    assert len(data.unlabelled_names) == 5 * COUNTS["unlabelled"]
    assert data.test_labels.bincount().tolist() == [COUNTS["test"]] * 5


def test_they_are_the_files_whose_checksum_is_written_beside_them():
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  ./{path.relative_to(LEAVES).as_posix()}" for path in FILES
    )
    checksum = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert checksum in (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in FILES) < 1_000_000


def test_the_code_draws_the_same_pictures_again(tmp_path):
    write_leaves(tmp_path, {"labelled": COUNTS["labelled"]})  # drawn first, so the others need not be
    again = sorted(tmp_path.rglob("*.png"))
    assert len(again) == 100
    for path in again:
        drawn, stored = (
            np.asarray(Image.open(file).convert("RGB")).astype(int)
            for file in (path, LEAVES / path.relative_to(tmp_path))
        )
        assert np.abs(drawn - stored).mean() < 4  # another Pillow may choose a few of the 24 colours otherwise


def test_no_picture_is_there_twice(data):
    pixels = {image.numpy().tobytes() for image in [*data.train_images, *data.test_images]}
    assert len(pixels) == len(FILES)


def test_colour_does_not_give_the_tree_away(data):
    """Naming a test leaf after the nearest mean colour is little better than guessing one of five."""
    known = data.train_labels >= 0
    colour = data.train_images[known].float().mean((2, 3))
    means = [colour[data.train_labels[known] == number].mean(0) for number in range(5)]
    distance = [(data.test_images.float().mean((2, 3)) - mean).norm(dim=1) for mean in means]
    named = np.stack(distance).argmin(0)
    assert (named == data.test_labels.numpy()).mean() < 0.4


def test_every_leaf_is_another():
    random = np.random.default_rng(1)
    assert (draw_leaf("oak", random) != draw_leaf("oak", random)).any()
