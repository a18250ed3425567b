"""The images: never a wrong data set, the labelled draw, the sources, and batches from memory."""

import builtins
import errno
import itertools
import os
import shutil
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

import sgan_utils.data
from sgan_utils.config import SGANConfig
from sgan_utils.data import (
    Batches,
    ImageData,
    data_folder,
    draw_labelled,
    images_by_class,
    load_data,
    load_mnist,
    post_transforms,
    split_sources,
    to_model_range,
)
from sgan_utils.support.archives import ARCHIVES, unpack
from sgan_utils.support.errors import DataError, SGANError

ROOT = Path(__file__).resolve().parent.parent
NAMES = [archive.name for archive in ARCHIVES]


IN_ORDER = [[3, 1, 8, 7], [9, 4, 4, 1], [9, 0, 2, 6]]
DRAWN = [18, 34, 51, 67, 75, 88, 122, 137, 143, 220, 230, 244, 266, 290, 300, 304, 314, 333, 349, 358]
HELD_OUT = [22, 32, 37, 76, 91, 95, 169, 172, 179, 181, 216, 254, 303, 321, 322, 338, 340, 379, 384, 385]
FINGERPRINT = "73a12a247bbf"


@pytest.fixture(scope="session")
def unpacked_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.copytree(ROOT / "data" / "MNIST" / "raw", folder / "MNIST" / "raw", ignore=shutil.ignore_patterns("*-ubyte"))
    unpack(folder)
    return folder


@pytest.fixture
def unpacked(unpacked_once, tmp_path):
    """A folder with the four archives, unpacked: links, which cost nothing, to one copy of the project's."""
    shutil.copytree(unpacked_once, tmp_path, dirs_exist_ok=True, copy_function=os.link)
    return tmp_path


@pytest.fixture
def packed(unpacked):
    """A folder with the four archives, and nothing unpacked."""
    for name in NAMES:
        (unpacked / "MNIST" / "raw" / name).unlink()
    return unpacked


def replace(path, content):
    path.unlink()  # it is a link: the other tests keep what it led to
    path.write_bytes(content)


def contents(folder):
    """Name -> content of every file, hidden ones too."""
    return {path.name: path.read_bytes() for path in (folder / "MNIST" / "raw").iterdir()}


# The real images


def test_mnist_has_its_shapes_types_and_range(mnist):
    assert mnist.train_images.shape == (60_000, 1, 28, 28)
    assert mnist.test_images.shape == (10_000, 1, 28, 28)
    assert (mnist.train_labels.shape, mnist.test_labels.shape) == ((60_000,), (10_000,))
    assert [tensor.dtype for tensor in mnist[:4]] == [torch.uint8, torch.int64] * 2
    assert (mnist.train_images.min(), mnist.train_images.max()) == (0, 255)
    assert mnist.test_labels.unique().tolist() == list(range(10))


def test_mnist_is_the_one_that_everybody_knows(mnist):
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert images_by_class(mnist.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert mnist.train_images.float().mean().div(255).item() == pytest.approx(0.1307, abs=1e-4)


def test_images_move_to_a_device_together(tiny_mnist, device):
    moved = tiny_mnist.to(device)
    assert {tensor.device.type for tensor in moved[:4]} == {device}
    assert torch.equal(moved.train_images.cpu(), tiny_mnist.train_images)


# Unpacking, and what may be wrong with the files


def test_unpacking_twice_changes_nothing(unpacked):
    before = {path: path.stat().st_mtime_ns for path in (unpacked / "MNIST" / "raw").iterdir()}
    assert {path.name for path in before} == {*NAMES, *(f"{name}.gz" for name in NAMES)}
    unpack(unpacked)
    assert {path: path.stat().st_mtime_ns for path in (unpacked / "MNIST" / "raw").iterdir()} == before


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_archive_is_named_with_the_cure(unpacked, name):
    archive, inside = unpacked / "MNIST" / "raw" / f"{name}.gz", unpacked / "MNIST" / "raw" / name
    archive.unlink()
    inside.unlink()
    with pytest.raises(DataError) as caught:
        load_mnist(unpacked)
    assert str(caught.value).startswith(f"{archive} is missing: restore it with `git checkout -- data/MNIST/raw`")
    assert "SGAN_DATA" in str(caught.value)
    assert not inside.exists()


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(DataError, match="is missing: restore it") as caught:
        load_mnist(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)


def truncate(content):
    return content[: len(content) // 2]


def flip_one_byte(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def error_page(content):
    return b"<html>403 Forbidden</html>"


@pytest.mark.parametrize("damage", [truncate, flip_one_byte, error_page])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_archive_is_named_with_the_cure_and_not_unpacked(unpacked, name, damage):
    archive = unpacked / "MNIST" / "raw" / f"{name}.gz"
    replace(archive, damage(archive.read_bytes()))
    (unpacked / "MNIST" / "raw" / name).unlink()
    before = set(contents(unpacked))
    with pytest.raises(DataError) as caught:
        load_mnist(unpacked)
    assert str(caught.value).startswith(f"{archive} is damaged or incomplete")
    assert "git checkout -- data/MNIST/raw" in str(caught.value)
    assert set(contents(unpacked)) == before


def test_a_damaged_archive_is_refused_even_if_it_was_unpacked_before(unpacked):
    archive = unpacked / "MNIST" / "raw" / f"{NAMES[3]}.gz"
    replace(archive, truncate(archive.read_bytes()))
    with pytest.raises(DataError, match="is damaged or incomplete"):
        load_mnist(unpacked)


@pytest.mark.parametrize("damage", [truncate, flip_one_byte, lambda content: b"", lambda content: content + b"\0"])
@pytest.mark.parametrize("name", [NAMES[1], NAMES[2]])
def test_a_partly_or_wrongly_unpacked_file_is_repaired_on_the_next_call(unpacked, name, damage):
    whole = contents(unpacked)
    replace(unpacked / "MNIST" / "raw" / name, damage(whole[name]))
    load_mnist(unpacked)
    assert contents(unpacked) == whole


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_unpacking_leaves_nothing_half_written_and_is_repaired(unpacked, monkeypatch, reason):
    whole = contents(unpacked)
    (unpacked / "MNIST" / "raw" / NAMES[3]).unlink()

    def stop_half_way(source, target):
        target.write(source.read(100))
        raise reason

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", stop_half_way)
        with pytest.raises((KeyboardInterrupt, DataError)) as caught:
            unpack(unpacked)
    if isinstance(reason, OSError):
        assert f"{NAMES[3]}.gz could not be unpacked" in str(caught.value)
        assert "No space left on device" in str(caught.value)
    assert set(contents(unpacked)) == set(whole) - {NAMES[3]}
    unpack(unpacked)
    assert contents(unpacked) == whole


def test_an_old_cache_that_torchvision_would_read_instead_is_refused(unpacked):
    processed = unpacked / "MNIST" / "processed"
    processed.mkdir()
    for name, count in (("training.pt", 600), ("test.pt", 100)):
        wrong = torch.zeros(count, 28, 28, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64)
        torch.save(wrong, processed / name)
    with pytest.raises(DataError) as caught:
        load_mnist(unpacked)
    assert str(processed) in str(caught.value)
    assert "delete" in str(caught.value)


def test_sgan_data_names_another_folder(unpacked, mnist, monkeypatch):
    monkeypatch.setenv("SGAN_DATA", str(unpacked))
    assert data_folder() == unpacked
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(load_mnist()[:4], mnist[:4], strict=True))


def test_an_error_in_the_folder_that_sgan_data_names_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SGAN_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_mnist()
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("value", [None, ""])
def test_without_sgan_data_the_images_are_the_projects(monkeypatch, value):
    monkeypatch.delenv("SGAN_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("SGAN_DATA", value)
    assert data_folder() == ROOT / "data"


def test_a_named_folder_goes_before_sgan_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SGAN_DATA", str(ROOT / "data"))
    with pytest.raises(DataError):
        load_mnist(tmp_path)


def test_torchvisions_own_download_finds_and_verifies_the_archives_without_a_network(packed, mnist, no_network):
    found = datasets.MNIST(packed, train=False, download=True)
    assert torch.equal(found.data, mnist.test_images[:, 0])
    assert torch.equal(found.targets, mnist.test_labels)


def test_the_images_load_without_a_network(packed, mnist, no_network):
    loaded = load_mnist(packed)
    assert torch.equal(loaded.train_images, mnist.train_images)


def test_a_torchvision_that_does_not_fit_torch_is_named_with_the_cure(monkeypatch):
    real_import = builtins.__import__

    def broken_import(name, *arguments, **named):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", broken_import)
    with pytest.raises(SGANError, match=r"not a matched pair.*pip install"):
        load_mnist()


# To the range of the networks


def test_the_model_range_is_that_of_torchvisions_transforms(mnist):
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    images = mnist.train_images[:50]
    theirs = torch.stack([transform(transforms.functional.to_pil_image(image)) for image in images])
    torch.testing.assert_close(to_model_range(images), theirs, atol=1e-6, rtol=0)


def test_the_posts_transforms_of_a_data_set_give_the_model_range(mnist):
    images = datasets.MNIST(ROOT / "data", train=True, transform=post_transforms())
    batch, labels = next(iter(DataLoader(images, batch_size=25)))
    torch.testing.assert_close(to_model_range(mnist.train_images[:25]), batch, atol=1e-6, rtol=0)
    assert torch.equal(labels, mnist.train_labels[:25])


def test_the_model_range_goes_evenly_from_minus_one_to_one():
    bytes_ = torch.arange(256, dtype=torch.uint8)
    values = to_model_range(bytes_)
    assert values.dtype == torch.float32
    assert (values[0], values[255]) == (-1, 1)
    torch.testing.assert_close(values.diff(), torch.full((255,), 2 / 255), atol=1e-6, rtol=0)
    assert bytes_.tolist() == list(range(256))  # the images themselves stay as they are


# The labelled draw


@pytest.mark.parametrize("count", [10, 25, 100, 1_003, 30_000])
def test_the_draw_is_balanced_and_draws_no_image_twice(mnist, count):
    drawn = draw_labelled(mnist.train_labels, count, seed=0)
    assert (drawn.shape, drawn.dtype) == ((count,), torch.int64)
    assert torch.equal(drawn, drawn.unique())  # ascending, each once
    per_class = images_by_class(mnist.train_labels[drawn])
    assert per_class.max() - per_class.min() <= 1
    assert per_class.sum() == count


def test_who_gets_the_odd_image_is_left_to_chance(mnist):
    favoured = {
        tuple(images_by_class(mnist.train_labels[draw_labelled(mnist.train_labels, 15, seed)]).tolist())
        for seed in range(5)
    }
    assert len(favoured) > 1


def test_the_draw_is_the_same_for_the_same_seed_and_another_for_another(mnist):
    first, again, other = (draw_labelled(mnist.train_labels, 100, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert len(set(first.tolist()) & set(other.tolist())) < 20


def test_the_draw_is_the_one_that_the_recorded_runs_had(mnist):
    """The rows of the recorded studies can be trained again only as long as this holds, with an odd number, too."""
    first = draw_labelled(mnist.train_labels, 25, seed=0)
    assert first[:8].tolist() == [5679, 6464, 7023, 7978, 11911, 14282, 15827, 16471]
    assert images_by_class(mnist.train_labels[first]).tolist() == [3, 3, 3, 3, 2, 2, 3, 2, 2, 2]
    assert images_by_class(mnist.train_labels[draw_labelled(mnist.train_labels, 25, 9)]).tolist() == [
        3, 3, 2, 2, 3, 2, 2, 3, 2, 3
    ]  # fmt: skip


def test_a_larger_draw_contains_the_smaller_one(mnist):
    draws = [set(draw_labelled(mnist.train_labels, count, seed=3).tolist()) for count in (10, 25, 100, 5_000, 60_000)]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(draws))


def test_drawing_all_images_gives_each_once(mnist):
    assert torch.equal(draw_labelled(mnist.train_labels, 60_000, seed=0), torch.arange(60_000))


def test_a_class_that_runs_out_gives_all_it_has_and_the_others_make_up_for_it():
    labels = torch.tensor([0] * 3 + [1] * 50 + [2] * 50)
    drawn = draw_labelled(labels, 43, seed=0)
    assert sorted(images_by_class(labels[drawn])[:3].tolist()) == [3, 20, 20]


def test_drawing_more_than_there_is_says_both_numbers():
    with pytest.raises(DataError, match="cannot draw 11 labelled images from 10"):
        draw_labelled(torch.arange(10), 11, seed=0)


def test_the_draw_leaves_the_global_random_state_alone(tiny_mnist):
    before = torch.get_rng_state()
    draw_labelled(tiny_mnist.train_labels, 50, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_draw_is_the_same_on_every_device(tiny_mnist, device):
    on_device = draw_labelled(tiny_mnist.train_labels.to(device), 50, seed=0)
    assert torch.equal(on_device.cpu(), draw_labelled(tiny_mnist.train_labels, 50, seed=0))


def test_images_by_class_counts_absent_digits_too():
    assert images_by_class(torch.tensor([0, 3, 3])).tolist() == [1, 0, 0, 2, 0, 0, 0, 0, 0, 0]


# The sources


def numbered(mnist: ImageData) -> ImageData:
    """The same labels, with images that carry their own number in their first two pixels."""
    number = torch.arange(len(mnist.train_images))
    images = torch.zeros_like(mnist.train_images)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = number // 256, number % 256
    return mnist._replace(train_images=images)


def numbers_of(images):
    return images[:, 0, 0, 0].long() * 256 + images[:, 0, 0, 1]


def test_all_unlabelled_means_every_training_image(mnist):
    data = numbered(mnist)
    sources = split_sources(data, SGANConfig(labels=100, seed=1))
    labelled = draw_labelled(mnist.train_labels, 100, seed=1)
    assert torch.equal(numbers_of(sources.labelled_images), labelled)
    assert torch.equal(sources.labelled_labels, mnist.train_labels[labelled])
    assert torch.equal(numbers_of(sources.unlabelled_images), torch.arange(60_000))
    assert len(sources.held_out_images) == len(sources.held_out_labels) == 0


def test_labelled_only_means_that_the_unlabelled_images_are_the_labelled_ones(mnist):
    sources = split_sources(mnist, SGANConfig(labels=100, protocol="labelled-only"))
    assert torch.equal(sources.unlabelled_images, sources.labelled_images)
    assert len(sources.labelled_images) == 100


@pytest.mark.parametrize("protocol", ["all-unlabelled", "labelled-only"])
def test_held_out_images_are_in_no_other_source(mnist, protocol):
    sources = split_sources(numbered(mnist), SGANConfig(labels=1_000, held_out=500, protocol=protocol))
    held_out = set(numbers_of(sources.held_out_images).tolist())
    assert len(held_out) == 500
    assert not held_out & set(numbers_of(sources.labelled_images).tolist())
    assert not held_out & set(numbers_of(sources.unlabelled_images).tolist())
    assert set(images_by_class(sources.held_out_labels).tolist()) == {50}
    assert torch.equal(mnist.train_labels[numbers_of(sources.held_out_images)], sources.held_out_labels)
    if protocol == "all-unlabelled":
        assert len(sources.unlabelled_images) == 59_500


def test_held_out_images_are_the_same_for_every_seed_and_budget(mnist):
    data = numbered(mnist)
    first = split_sources(data, SGANConfig(labels=100, held_out=500, seed=0))
    other = split_sources(data, SGANConfig(labels=1_000, held_out=500, seed=7))
    assert torch.equal(first.held_out_images, other.held_out_images)
    assert not torch.equal(first.labelled_images, other.labelled_images[:100])


def test_ones_own_choice_of_labelled_images_is_taken(mnist):
    mine = torch.tensor([5, 3, 8])
    sources = split_sources(numbered(mnist), SGANConfig(protocol="labelled-only"), labelled=mine)
    assert torch.equal(numbers_of(sources.labelled_images), mine)
    assert torch.equal(sources.labelled_labels, mnist.train_labels[mine])
    assert torch.equal(sources.unlabelled_images, sources.labelled_images)


def test_sources_come_out_the_same_on_every_device(tiny_mnist, tiny_config, device):
    config = tiny_config.but(held_out=20)
    here, there = split_sources(tiny_mnist, config), split_sources(tiny_mnist.to(device), config)
    assert {tensor.device.type for tensor in there[:5]} == {device}
    assert all(torch.equal(a, b.cpu()) for a, b in zip(here[:5], there[:5], strict=True))


def test_sources_can_be_moved_and_what_they_were_drawn_from_goes_with_them(tiny_sources):
    moved = tiny_sources.to("cpu")
    assert moved.description == tiny_sources.description
    assert all(torch.equal(one, other) for one, other in zip(moved[:5], tiny_sources[:5], strict=True))


def test_without_a_name_the_data_are_mnist(tiny_mnist, monkeypatch):
    monkeypatch.setattr(sgan_utils.data, "load_mnist", lambda: tiny_mnist)
    assert load_data() is tiny_mnist


# If these changed, a study's new rows and a checkpoint's further steps would belong to another experiment.


def test_the_images_that_a_configuration_names_stay_the_same_from_version_to_version(tiny_mnist):
    config = SGANConfig(labels=20, held_out=20, seed=3)
    sources = split_sources(numbered(tiny_mnist), config)
    assert numbers_of(sources.labelled_images).tolist() == DRAWN
    assert numbers_of(sources.held_out_images).tolist() == HELD_OUT
    assert split_sources(tiny_mnist, config).fingerprint() == FINGERPRINT


def test_batches_stay_the_same_from_version_to_version():
    batches = Batches((torch.arange(10),), batch_size=4, seed=7)
    assert [batches[step][0].tolist() for step in (0, 2, 7)] == IN_ORDER


# Batches


@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (10, 4), (7, 3)])
def test_every_image_comes_once_before_any_comes_again(count, batch_size):
    batches = Batches((torch.arange(count),), batch_size, seed=0)
    drawn = torch.cat([batches[step][0] for step in range(3 * count)])  # 3 * batch_size epochs
    for epoch in drawn.split(count):
        assert epoch.sort().values.tolist() == list(range(count))


def test_the_order_changes_from_epoch_to_epoch():
    batches = Batches((torch.arange(50),), batch_size=50, seed=0)
    assert not torch.equal(batches[0][0], batches[1][0])
    assert not torch.equal(batches[0][0], torch.arange(50))


def test_a_batch_is_the_same_whenever_it_is_asked_for():
    tensors = (torch.arange(10),)
    in_order = Batches(tensors, batch_size=4, seed=5)
    in_order = [in_order[step][0] for step in range(12)]
    at_random = Batches(tensors, batch_size=4, seed=5)
    for step in (7, 0, 11, 3, 3, 2, 10):
        assert torch.equal(at_random[step][0], in_order[step])
    assert torch.equal(Batches(tensors, batch_size=4, seed=5)[9][0], in_order[9])


def test_a_batch_may_be_larger_than_the_data():
    (batch,) = Batches((torch.arange(10),), batch_size=35, seed=0)[0]
    assert len(batch) == 35
    assert sorted(torch.bincount(batch).tolist()) == [3] * 5 + [4] * 5
    for epoch in batch[:30].split(10):
        assert epoch.sort().values.tolist() == list(range(10))


def test_no_epoch_of_any_seed_has_the_order_of_another():
    several = [Batches((torch.arange(30),), batch_size=30, seed=seed) for seed in range(8)]
    orders = {tuple(batches[epoch][0].tolist()) for batches in several for epoch in range(8)}
    assert len(orders) == 64


def test_images_and_labels_stay_together():
    images, labels = Batches((torch.arange(20) * 7, torch.arange(20)), batch_size=6, seed=0)[2]
    assert torch.equal(images, labels * 7)


def test_batches_leave_the_global_random_state_alone():
    before = torch.get_rng_state()
    Batches((torch.arange(20),), batch_size=6, seed=0)[5]
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_are_the_same_on_every_device(device):
    (there,) = Batches((torch.arange(20, device=device),), batch_size=6, seed=0)[4]
    assert there.device.type == device
    assert torch.equal(there.cpu(), Batches((torch.arange(20),), batch_size=6, seed=0)[4][0])
