"""Anybody's images: every kind of file, what is broken or lies elsewhere, and each error's sentence."""

import csv
import gzip
import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from sgan_utils.support import image_folder
from sgan_utils.support.errors import DataError
from sgan_utils.support.image_folder import UNKNOWN, load_folder, load_torchvision, write_predictions


def save(path, value=0, mode="L", size=(4, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes with two images each, one grey value an image."""
    home = tmp_path / "pets"
    for at, name in enumerate(("cat/a.png", "cat/b.PNG", "dog/a.png", "dog/b.png")):
        save(home / "labelled" / name, 10 * at)
    return home


def values(images):
    """The one value of each image."""
    assert (images == images[:, :, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


def bomb(width, height):
    """A PNG of 100 bytes that says it is huge."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def test_layout_order_and_types(folder):
    for at, name in enumerate(("z.png", "deep/er/b.jpeg", "deep/a.JPG")):
        save(folder / "unlabelled" / name, 100 + 10 * at)
    save(folder / "test" / "dog" / "x.png", 200)
    images = load_folder(folder)
    assert images.train_images.shape == (7, 1, 28, 28)
    assert images.train_images.dtype == images.test_images.dtype == torch.uint8
    assert images.train_images.is_contiguous()
    assert values(images.train_images) == [0, 10, 20, 30, 120, 110, 100]
    assert images.train_labels.tolist() == [0, 0, 1, 1] + 3 * [UNKNOWN]
    assert images.train_labels.dtype == images.test_labels.dtype == torch.int64
    assert images.unlabelled_names == ("unlabelled/deep/a.JPG", "unlabelled/deep/er/b.jpeg", "unlabelled/z.png")
    assert values(images.test_images) == [200]
    assert images.test_labels.tolist() == [1]
    assert (images.name, images.classes, images.skipped) == ("pets", ("cat", "dog"), ())


def test_only_labelled_is_enough(folder):
    images = load_folder(str(folder))
    assert images.test_images.shape == (0, 1, 28, 28)
    assert images.test_labels.shape == (0,)
    assert images.test_images.dtype == torch.uint8
    assert images.unlabelled_names == ()


def test_hidden_files_and_other_suffixes_are_ignored(folder):
    for name in (".hidden.png", "notes.txt", ".hidden/x.png", "Thumbs.db"):
        save(folder / "labelled/cat/x.png").replace(folder / "x")
        (folder / "labelled/cat" / name).parent.mkdir(exist_ok=True)
        (folder / "x").replace(folder / "labelled/cat" / name)
    (folder / "labelled" / ".git").mkdir()
    images = load_folder(folder)
    assert len(images.train_images) == 4
    assert images.skipped == ()


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 70, (70, 70, 70)),
        ("LA", (0, 0), (255, 255, 255)),  # transparent is white
        ("LA", (70, 255), (70, 70, 70)),
        ("P", 0, (9, 8, 7)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("I;16", 70 * 257, (70, 70, 70)),
    ],
)
def test_every_mode(folder, mode, value, expected):
    image = Image.new(mode, (5, 5), value)
    if mode == "P":
        image.putpalette([9, 8, 7])
    image.save(folder / "labelled/cat/a.png")
    assert load_folder(folder, channels=3).train_images[0, :, 0, 0].tolist() == list(expected)
    assert load_folder(folder).train_images.shape[1] == 1 + 2 * (len(set(expected)) > 1)


def test_a_transparent_colour_of_a_palette_and_cmyk(folder):
    image = Image.new("P", (5, 5), 0)
    image.putpalette([9, 8, 7])
    image.save(folder / "labelled/cat/a.png", transparency=0)
    save(folder / "labelled/cat/c.jpg", (0, 0, 0, 0), "CMYK")
    images = load_folder(folder)
    assert images.skipped == ()
    assert images.train_images.shape[1] == 1
    assert images.train_images[[0, 2]].min() >= 254


def test_grey_images_stored_as_colour_are_grey(folder):
    save(folder / "labelled/cat/a.png", (50, 50, 50), "RGB")
    assert values(load_folder(folder).train_images) == [50, 10, 20, 30]
    save(folder / "unlabelled/a.png", (50, 50, 51), "RGB")
    assert load_folder(folder).train_images.shape[1] == 3
    assert load_folder(folder, channels=1).train_images.shape[1] == 1
    assert load_folder(folder, channels=3).train_images.shape[1] == 3


def test_the_size_that_most_images_ask_for(folder):
    for at, side in enumerate((29, 40, 28)):
        save(folder / f"unlabelled/{at}.png", size=(side, 60))
    assert load_folder(folder).train_images.shape[2:] == (28, 28)  # 5 of 7 are small
    for at in range(3, 6):
        save(folder / f"unlabelled/{at}.png", size=(29, 29))
    assert load_folder(folder).train_images.shape[2:] == (32, 32)  # half are not most
    assert load_folder(folder, size=16).train_images.shape[2:] == (16, 16)


def test_the_centre_is_kept_and_the_aspect_ratio(folder):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 255
    Image.fromarray(wide).save(folder / "labelled/cat/a.png")
    assert values(load_folder(folder, size=8).train_images)[0] == 255
    exact = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(exact).save(folder / "labelled/cat/a.png")
    assert (load_folder(folder).train_images[0, 0].numpy() == exact).all()


def test_resizing_is_antialiased(folder):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 254
    Image.fromarray(stripes).save(folder / "labelled/cat/a.png")
    assert (load_folder(folder, size=8).train_images[0, :, 1:-1, 1:-1].float() - 127).abs().max() < 10


def test_a_large_jpeg_is_close_to_its_png(folder):
    ramp = np.linspace(0, 255, 400).astype(np.uint8)[None].repeat(300, 0)
    Image.fromarray(ramp).save(folder / "labelled/cat/a.png")
    Image.fromarray(ramp).save(folder / "labelled/cat/b.jpg", quality=95)
    png, jpeg = load_folder(folder).train_images[[0, 2]].float()
    assert (png - jpeg).abs().max() < 6


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_images_are_upright(folder, name):
    image = Image.new("L", (32, 32))
    image.paste(255, (0, 0, 32, 16))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    image.save(folder / "labelled/cat" / name, exif=exif)
    (read,) = load_folder(folder, size=32).train_images[0]
    assert read[:, 20:].min() > 240
    assert read[:, :12].max() < 15


def broken_files(folder):
    """Name -> what its sentence says; each lies in labelled/cat, between the two good ones."""
    cat, outside = folder / "labelled/cat", folder.parent / "outside"
    save(outside / "secret.png")
    (cat / "a1.png").write_bytes(b"")
    (cat / "a2.png").write_bytes(b"<html>404</html>")
    (cat / "a3.png").write_bytes(save(folder.parent / "whole.png", size=(50, 50)).read_bytes()[:60])
    (cat / "a4.png").write_bytes(bomb(10_000, 10_000))  # Pillow warns
    (cat / "a5.png").write_bytes(bomb(50_000, 50_000))  # Pillow refuses
    (cat / "a6.png").symlink_to(outside / "secret.png")
    (cat / "a7").symlink_to(outside)
    (cat / "a8.png").symlink_to("nowhere.png")
    (cat / "a9.png").symlink_to("a9.png")
    save(cat / "b1.gif").replace(cat / "b1.png")
    os.mkfifo(cat / "b2.png")
    return {
        "a1.png": "there is no PNG or JPEG image in it",
        "a2.png": "there is no PNG or JPEG image in it",
        "a3.png": "",
        "a4.png": "it would unpack to more than",
        "a5.png": "it would unpack to more than",
        "a6.png": "it is a link out of the folder",
        "a7": "it is a link out of the folder",
        "a8.png": "it is no file, or a link to none",
        "a9.png": "",
        "b1.png": "there is no PNG or JPEG image in it",
        "b2.png": "it is no file, or a link to none",
    }


@pytest.mark.parametrize("size", [None, 28])
def test_broken_files_are_skipped_and_named_once(folder, size):
    expected = broken_files(folder)
    images = load_folder(folder, size)
    assert values(images.train_images) == [0, 10, 20, 30]
    assert sorted(sentence.split("'")[1] for sentence in images.skipped) == [
        f"labelled/cat/{name}" for name in expected
    ]
    for sentence in images.skipped:
        assert expected[sentence.split("'")[1].split("/")[-1]] in sentence
        assert " is skipped: " in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence


@pytest.mark.parametrize("name", ["a2.png", "a4.png", "a6.png", "a7"])
def test_the_first_broken_file_ends_it_if_asked(folder, name):
    broken_files(folder)
    for path in (folder / "labelled/cat").iterdir():
        if path.name not in (name, "a.png"):
            path.unlink()
    with pytest.raises(DataError, match=rf"cat/{name}' cannot be used \(it|cat/{name}' cannot be used \(there"):
        load_folder(folder, on_broken="stop")
    assert len(load_folder(folder).skipped) == 1


def test_links_within_the_folder_are_read(folder):
    (folder / "labelled/dog/c.png").symlink_to(folder / "labelled/cat/b.PNG")
    assert values(load_folder(folder).train_images) == [0, 10, 20, 30, 10]


def test_a_folder_of_unlabelled_images_elsewhere_is_refused(folder, tmp_path):
    save(tmp_path / "outside/a.png")
    (folder / "unlabelled").symlink_to(tmp_path / "outside")
    images = load_folder(folder)
    assert len(images.train_images) == 4
    assert images.skipped == ("'unlabelled' is skipped: it is a link out of the folder.",)


def test_names_of_any_bytes_can_be_shown_and_written(folder, tmp_path):
    (folder / "unlabelled").mkdir()
    name = os.fsdecode(b"caf\xe9\n.png")
    save(folder / "unlabelled" / "x.png").replace(folder / "unlabelled" / name)
    (folder / "unlabelled" / f"broken{name}").write_bytes(b"")
    images = load_folder(folder)
    assert images.unlabelled_names == (f"unlabelled/{name}",)
    (sentence,) = images.skipped
    sentence.encode()
    assert "\n" not in sentence
    write_predictions(tmp_path / "out.csv", images.unlabelled_names, images.classes, torch.tensor([[0.9, 0.1]]))
    assert b'"unlabelled/caf\xe9\n.png",cat,0.9000' in (tmp_path / "out.csv").read_bytes()


def test_what_lies_in_the_wrong_place_is_named(folder):
    save(folder / "labelled/stray.png")
    (folder / "unlabelled").mkdir()
    (folder / "unlabelled/photo.webp").write_bytes(b"")
    (folder / "test/cat").mkdir(parents=True)
    assert load_folder(folder).skipped == (
        "'labelled/stray.png' is skipped: it lies beside the folders of the classes, not in one of them.",
        "'unlabelled' is skipped: it holds no PNG or JPEG file.",
        "'test' is skipped: it holds no PNG or JPEG file.",
    )
    with pytest.raises(DataError, match="stray"):
        load_folder(folder, on_broken="stop")


def test_images_in_a_folder_of_another_name_are_named(folder):
    for name in ("unlabeled/a.png", "Test/cat/a.png", "stray.png"):
        save(folder / name)
    (folder / "README.md").write_text("no image")
    (folder / "notes").mkdir()
    assert [sentence.split("'")[1] for sentence in load_folder(folder).skipped] == ["Test", "stray.png", "unlabeled"]
    with pytest.raises(DataError, match="images belong into labelled/, unlabelled/ or test/"):
        load_folder(folder, on_broken="stop")


def test_files_and_folders_that_may_not_be_read_are_one_sentence(folder, monkeypatch):
    (folder / "unlabelled").mkdir()
    save(folder / "unlabelled/a.png")

    def may_not(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(image_folder.Image, "open", may_not)
        assert "has no readable image (Permission denied): put" in sentence_of(load_folder, folder)
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: may_not(path) if path.name == "unlabelled" else iterdir(path))
    assert f"{str(folder / 'unlabelled')!r} cannot be read (Permission denied)" in sentence_of(load_folder, folder)


def sentence_of(function, *args, **options):
    with pytest.raises(DataError) as caught:
        function(*args, **options)
    assert str(caught.value).endswith(".")
    assert ": " in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_sentences_about_the_layout(folder, tmp_path):
    assert sentence_of(load_folder, tmp_path / "none").startswith(f"there is no folder {tmp_path / 'none'}: give a")
    save(tmp_path / "x.png")
    assert sentence_of(load_folder, tmp_path / "x.png").startswith(f"{tmp_path / 'x.png'} is a file: give a folder")
    assert "cannot be read (" in sentence_of(load_folder, tmp_path / ("x" * 300))
    assert sentence_of(load_folder, tmp_path).startswith(f"{tmp_path} has no folder labelled/: put images into")
    save(folder / "test/cow/a.png")
    assert sentence_of(load_folder, folder).startswith(
        f"{folder / 'test/cow'} is a class that labelled/ does not have: rename"
    )
    save(tmp_path / "one/labelled/cat/a.png")
    assert f"{tmp_path / 'one/labelled'} holds one class: make a folder" in sentence_of(load_folder, tmp_path / "one")


def test_sentences_about_a_class_without_images(folder):
    (folder / "labelled/ant").mkdir()
    assert f"{folder / 'labelled/ant'} has no readable image: put" in sentence_of(load_folder, folder)
    (folder / "labelled/ant/a.png").write_bytes(b"")
    assert "has no readable image (there is no PNG or JPEG image in it): put" in sentence_of(load_folder, folder)


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def fake_archives(home, name):
    raw = home / name / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 5), ("t10k", 3)):
        labels = np.arange(count, dtype=np.uint8)
        pixels = labels[:, None, None].repeat(28, 1).repeat(28, 2)
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return raw


@pytest.mark.parametrize(
    ("spelling", "name"), [("fashion-mnist", "FashionMNIST"), ("Fashion_MNIST", "FashionMNIST"), ("KMNIST", "KMNIST")]
)
def test_torchvision_sets(tmp_path, spelling, name):
    raw = fake_archives(tmp_path, name)
    images = load_torchvision(spelling, tmp_path, verify=False)
    assert images.train_images.shape == (5, 1, 28, 28)
    assert values(images.train_images) == images.train_labels.tolist() == [0, 1, 2, 3, 4]
    assert values(images.test_images) == images.test_labels.tolist() == [0, 1, 2]
    assert (images.name, len(images.classes), images.unlabelled_names, images.skipped) == (name, 10, (), ())
    assert images.train_images.dtype == torch.uint8
    for archive in raw.glob("*.gz"):
        archive.unlink()
    assert len(load_torchvision(spelling, tmp_path).train_images) == 5  # what is unpacked is enough


def test_archives_are_verified(tmp_path, monkeypatch):
    raw = fake_archives(tmp_path, "KMNIST")
    assert f"{raw / 'train-images-idx3-ubyte.gz'} is damaged" in sentence_of(load_torchvision, "kmnist", tmp_path)
    assert not list(raw.glob("*-ubyte"))
    known = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in raw.iterdir()]
    monkeypatch.setattr(datasets.KMNIST, "resources", known)
    assert len(load_torchvision("kmnist", tmp_path).train_images) == 5


def test_sentences_about_torchvision_sets(tmp_path):
    assert "no torchvision set named 'cifar' here: choose" in sentence_of(load_torchvision, "cifar", tmp_path)
    sentence = sentence_of(load_torchvision, "kmnist", tmp_path)
    assert sentence.startswith(f"{tmp_path / 'KMNIST/raw'} lacks train-images-idx3-ubyte.gz: put the four archives")
    raw = fake_archives(tmp_path, "KMNIST")
    whole = (raw / "t10k-labels-idx1-ubyte.gz").read_bytes()
    for damaged in (b"", whole[:-9], gzip.compress(idx(np.zeros(2, np.uint8)))):
        (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(damaged)
        (raw / "t10k-labels-idx1-ubyte").unlink(missing_ok=True)
        sentence = sentence_of(load_torchvision, "kmnist", tmp_path, verify=False)
        assert f"{raw} could not be read (" in sentence
    assert not list(raw.glob(".*"))  # nothing half-written
    (raw.parent / "processed").mkdir()
    assert "old torchvision" in sentence_of(load_torchvision, "kmnist", tmp_path)


def test_predictions(tmp_path):
    path = tmp_path / "new" / "predictions.csv"
    names = ["unlabelled/a,b.png", "=1+1.png", "@x.png", "-1.png", "+1.png"]
    chances = torch.tensor([[0.25, 0.75], [0.5, 0.5], [0.1, 0.9], [1.0, 0.0], [0.0, 1.0]])
    write_predictions(path, names, ("cat", "=dog"), chances)
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["file", "class", "probability"],
            ["unlabelled/a,b.png", "'=dog", "0.7500"],
            ["'=1+1.png", "cat", "0.5000"],
            ["'@x.png", "'=dog", "0.9000"],
            ["'-1.png", "cat", "1.0000"],
            ["'+1.png", "'=dog", "1.0000"],
        ]
    before = path.read_bytes()
    with pytest.raises(ValueError, match="zip"):
        write_predictions(path, names[:-1], ("cat", "dog"), chances)
    assert path.read_bytes() == before


def test_no_predictions_is_a_table_too(tmp_path):
    write_predictions(tmp_path / "p.csv", (), ("cat", "dog"), torch.empty(0, 2))
    assert (tmp_path / "p.csv").read_text().split() == ["file,class,probability"]
