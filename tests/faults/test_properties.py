"""Properties that hold for whatever hypothesis can think of."""

import csv

import pytest
import torch

pytest.importorskip("hypothesis", reason="the extra 'test' is not wholly installed")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sgan_utils.config import SGANConfig
from sgan_utils.data import draw_labelled
from sgan_utils.losses import (
    consistency_loss,
    feature_matching_loss,
    non_saturating_loss,
    pseudo_label,
    saturating_loss,
    supervised_loss,
    unsupervised_loss,
)
from sgan_utils.support.errors import ConfigError, DataError, SGANError
from sgan_utils.support.image_folder import load_folder, write_predictions
from sgan_utils.support.rows import make_row, read_rows, write_file
from sgan_utils.support.spreadsheets import FORMULA_STARTS, as_text, from_text
from sgan_workshop.studies.grid import made_by

from .counts import TRIED

pytestmark = pytest.mark.faults
whatever = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def tried():
    TRIED["examples of properties, found by hypothesis"] += 1


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.integers(), max_size=4)
)


@whatever
@given(name=st.sampled_from(list(SGANConfig.model_fields)), value=anything)
def test_a_configuration_is_within_its_ranges_or_refused_in_one_sentence(name, value):
    tried()
    try:
        config = SGANConfig(**{name: value})
    except ConfigError as error:
        assert str(error).startswith(name)
        assert f"--{name.replace('_', '-')}" in str(error)
        return
    again = SGANConfig.model_validate_json(config.model_dump_json())
    assert again == config
    about = SGANConfig.model_json_schema()["properties"][name]
    if about.get("type") in ("integer", "number"):
        chosen = getattr(config, name)
        assert about.get("minimum", chosen) <= chosen <= about.get("maximum", chosen)
        assert about.get("exclusiveMinimum", chosen - 1) < chosen < about.get("exclusiveMaximum", chosen + 1)


@whatever
@given(labels=st.lists(st.integers(0, 9), min_size=1, max_size=200), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_a_draw_is_balanced_repeatable_and_contains_every_smaller_one(labels, seed, data):
    tried()
    labels = torch.tensor(labels)
    count = data.draw(st.integers(0, len(labels)))
    drawn = draw_labelled(labels, count, seed)
    assert len(drawn.unique()) == len(drawn) == count
    assert torch.equal(drawn, draw_labelled(labels, count, seed))
    assert set(draw_labelled(labels, count // 2, seed).tolist()) <= set(drawn.tolist())
    there, got = torch.bincount(labels, minlength=10), torch.bincount(labels[drawn], minlength=10)
    left = got < there  # a class that could give more has at most one less than any other
    if left.any():
        assert got.max() - got[left].min() <= 1
    with pytest.raises(DataError, match="ask for fewer labels"):
        draw_labelled(labels, len(labels) + 1, seed)


logits = st.floats(-1e4, 1e4, width=32)


def reference(name, *values):
    """The equations of the docstrings, word for word, in float64 and without the package's shortcuts."""
    wide = [value.double() if value.is_floating_point() else value for value in values]
    zero = torch.zeros((), dtype=torch.float64)

    def log_sigmoid(r):
        return -torch.logaddexp(zero, -r)

    match name:
        case "supervised":
            return -(wide[0] - wide[0].logsumexp(1, keepdim=True)).gather(1, values[1][:, None]).mean()
        case "unsupervised":
            return -(log_sigmoid(wide[0]).mean() + log_sigmoid(-wide[1]).mean()) / 2
        case "non_saturating":
            return -log_sigmoid(wide[0]).mean()
        case "saturating":
            return log_sigmoid(-wide[0]).mean()
        case _:
            return (wide[0].mean(0) - wide[1].mean(0)).square().mean()


@whatever
@given(data=st.data(), size=st.integers(1, 8))
def test_losses_are_finite_and_equal_to_a_reference_in_float64(data, size):
    tried()

    def some(*shape):
        count = torch.Size(shape).numel()
        return torch.tensor(data.draw(st.lists(logits, min_size=count, max_size=count))).reshape(shape)

    classes, labels = some(size, 10), torch.tensor(data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)))
    real, generated, features = some(size), some(size), (some(size, 3), some(size, 3))
    losses = {
        "supervised": (supervised_loss, classes, labels),
        "unsupervised": (unsupervised_loss, real, generated),
        "non_saturating": (non_saturating_loss, generated),
        "saturating": (saturating_loss, generated),
        "feature_matching": (feature_matching_loss, *features),
    }
    for name, (loss, *values) in losses.items():
        inputs = [value.clone().requires_grad_() if value.is_floating_point() else value for value in values]
        found = loss(*inputs)
        found.backward()
        assert found.isfinite()
        assert all(value.grad.isfinite().all() for value in inputs if value.is_floating_point())
        torch.testing.assert_close(found.double(), reference(name, *values), rtol=1e-5, atol=1e-2, msg=name)
    pseudo_labels, sure = pseudo_label(classes, 0.9, balance=data.draw(st.floats(0, 1)))
    assert consistency_loss(classes, pseudo_labels, sure).isfinite()


@whatever
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_texts_of_a_study_s_table_come_back_and_none_is_a_formula(texts, tmp_path):
    tried()
    texts = [text.encode("utf-8", "ignore").decode().replace("\x00", "") for text in texts]
    configs = [SGANConfig(seed=seed, labels=20) for seed in range(len(texts))]
    named = [{"hardware": text, "test_accuracy": 0.5, "failed": ""} for text in texts]
    rows = [make_row(config, made_by(), **some) for config, some in zip(configs, named, strict=True)]
    write_file(tmp_path / "s.csv", rows)
    read = read_rows(tmp_path / "s.csv")
    assert read["hardware"].tolist() == texts
    assert list(read.index) == configs
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as file:
        cells = [line["hardware"] for line in csv.DictReader(file)]
    assert not any(cell.lstrip(" ").startswith(FORMULA_STARTS) for cell in cells)
    assert [from_text(as_text(text)) for text in texts] == texts


@whatever
@given(content=st.binary(max_size=400))
def test_any_bytes_as_a_table_are_refused_in_one_sentence(content, tmp_path):
    tried()
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(SGANError, match=r"s\.csv (cannot be read as a study's table|has other columns)"):
        read_rows(tmp_path / "s.csv")


names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=20)


@whatever
@given(
    classes=st.lists(names.filter(lambda name: name[0] != "."), min_size=2, max_size=3, unique_by=str.casefold),
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=4),
    mode=st.sampled_from(["L", "RGB", "RGBA", "P", "1", "I;16", "LA"]),
    broken=st.binary(max_size=60),
)
def test_a_folder_of_images_of_any_names_sizes_and_kinds_is_read(classes, sizes, mode, broken, tmp_path_factory):
    tried()
    folder = tmp_path_factory.mktemp("images")
    for name in classes:
        (folder / "labelled" / name).mkdir(parents=True)
        for number, size in enumerate(sizes):
            Image.new(mode, size).save(folder / "labelled" / name / f"{number}.png")
    (folder / "labelled" / classes[0] / "broken.png").write_bytes(broken)
    data = load_folder(folder)
    assert data.classes == tuple(sorted(classes))
    assert len(data.train_images) == len(classes) * len(sizes)
    assert data.train_images.shape[2:] in {(28, 28), (32, 32)}
    assert len(data.skipped) == 1
    write_predictions(folder / "p.csv", list(classes), data.classes, torch.eye(len(classes)))
    with (folder / "p.csv").open(newline="", encoding="utf-8") as file:
        assert not any(row["file"].startswith(FORMULA_STARTS) for row in csv.DictReader(file))
