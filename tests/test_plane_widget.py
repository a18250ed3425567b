"""The live plane without a browser: what it sends, what it takes, and that its thread starts and ends."""

import time

import numpy as np
import pytest
import torch

from sgan_utils.support.plane import DATA, GAMES, PLANE, SPAN, PlaneRun, label_some, moons
from sgan_utils.widgets import plane
from sgan_utils.widgets.plane import HEADER, LATTICE, RESOLUTION, SHOWN, Plane, latent_lattice, unpack_labels, wishes


def sent(*rows):
    return np.array(rows, dtype=np.float32).tobytes()


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def header(frame):
    return dict(zip(HEADER, np.frombuffer(frame, "<i4", len(HEADER)).tolist(), strict=True))


def test_a_frame_has_the_landscapes_and_all_places_in_the_order_that_the_browser_reads():
    shown = Plane()
    shown.take_one_step()
    frame, run = shown.canvas.frame, shown.run
    said = header(frame)
    assert said == {
        "resolution": RESOLUTION, "classes": 2, "step": 1, "unlabelled": plane.POINTS, "labelled": plane.LABELS,
        "generated": SHOWN, "lattice": LATTICE,
    }  # fmt: skip
    at = 4 * len(HEADER) + 3 * RESOLUTION**2
    places = np.frombuffer(frame, "<f4", offset=at)
    assert len(places) == 2 * plane.POINTS + 3 * plane.LABELS + 4 * SHOWN + 2 * LATTICE**2
    assert np.allclose(places[: 2 * plane.POINTS], run.unlabelled.flatten())
    labelled = places[2 * plane.POINTS :][: 3 * plane.LABELS].reshape(-1, 3)
    assert np.allclose(labelled[:, :2], run.labelled.places)
    assert labelled[:, 2].tolist() == run.labelled.classes.tolist()
    named = np.frombuffer(frame, np.uint8, RESOLUTION**2, offset=4 * len(HEADER)).reshape(RESOLUTION, RESOLUTION)
    corner = run.D(torch.tensor([[SPAN, -SPAN]])).class_logits.argmax().item()
    assert named[0, -1] == corner
    assert len(frame) < 40_000  # ten of them a second


def test_a_moved_label_teaches_both_networks_and_moves_the_border():
    shown = Plane()
    for _ in range(30):
        shown.take_one_step()
    before = shown.canvas.frame
    swapped = np.column_stack([shown.run.labelled.places, 1 - shown.run.labelled.classes])
    shown.canvas.labels = sent(*swapped)
    assert shown.run.labelled is shown.alone.labelled
    assert header(shown.canvas.frame)["step"] == 30
    for _ in range(30):
        shown.take_one_step()
    area = slice(4 * len(HEADER), 4 * len(HEADER) + 2 * RESOLUTION**2)
    changed = np.frombuffer(before[area], np.uint8) != np.frombuffer(shown.canvas.frame[area], np.uint8)
    assert changed.mean() > 0.5  # the classes have changed places


@pytest.mark.parametrize(
    "wrong", [b"", b"123", sent([0, 0, 2]), sent([0, 0, -1]), sent([float("nan"), 0, 0]), sent([0, 0, 0], [0, 0, 7])]
)
def test_labels_that_cannot_be_learnt_are_left_aside(wrong):
    assert unpack_labels(wrong, classes=2) is None
    shown = Plane()
    before = shown.run.labelled
    shown.canvas.labels = wrong
    assert shown.run.labelled is before


def test_labels_beyond_the_plane_are_brought_back_to_its_edge():
    labelled = unpack_labels(sent([9, -9, 1]), classes=2)
    assert labelled.places.tolist() == [[SPAN, -SPAN]]
    assert labelled.classes.tolist() == [1]


def test_it_trains_in_a_thread_until_it_is_paused_and_the_run_is_the_same_as_without_it():
    shown = Plane()
    shown.start.click()
    assert shown.start.description == "Pause"
    until(lambda: shown.step >= 5)
    shown.start.click()
    assert shown.start.description == "Start"
    with shown._lock:
        step = shown.step
    time.sleep(0.2)
    assert shown.step == step
    points = moons(plane.POINTS, 0)
    bare = PlaneRun(PLANE, points.places, label_some(points, plane.LABELS, 0)).advance(step)
    assert torch.equal(bare.D.linear.weight, shown.run.D.linear.weight)
    assert f"Step {step:,}" in shown.canvas.text or shown.step > header(shown.canvas.frame)["step"]


def test_a_forgotten_game_ends_by_itself(monkeypatch):
    monkeypatch.setattr(plane, "MOST_STEPS", 3)
    shown = Plane()
    shown.go()
    until(lambda: "It ends here" in shown.status.value)
    assert shown.step == 3
    assert "Step 3." in shown.status.value
    assert (shown.start.description, shown.start.disabled, shown.one.disabled) == ("Start", True, True)
    shown.again.click()
    assert (shown.step, shown.start.disabled, shown.one.disabled) == (0, False, False)
    assert "It ends here" not in shown.status.value


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("data", DATA)
def test_every_game_on_every_data_set_takes_a_step_and_keeps_its_numbers_finite(data, name):
    shown = Plane(data)
    shown.game.value = name
    assert shown.step == 0
    shown.take_one_step()
    places = np.frombuffer(shown.canvas.frame, "<f4", offset=4 * len(HEADER) + 3 * RESOLUTION**2)
    assert np.isfinite(places).all()


def test_another_game_keeps_the_labels_and_other_points_do_not():
    shown = Plane()
    shown.canvas.labels = sent([0, 0, 0], [1, 1, 1])
    shown.game.value = "D wins"
    assert len(shown.run.labelled.classes) == 2
    shown.data.value = "rings"
    assert len(shown.run.labelled.classes) == plane.LABELS


def test_painted_points_become_the_unlabelled_ones():
    shown = Plane()
    shown.data.value = plane.PAINTED
    assert shown.canvas.painting
    painted = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    shown.canvas.painted = painted.tobytes()
    assert np.allclose(shown.run.unlabelled, painted)
    shown.take_one_step()
    assert "Right about" not in shown.status.value  # nobody knows what is right


def test_wishes_lower_the_loss_of_g():
    points = moons(200, 0)
    run = PlaneRun(GAMES["D wins"], points.places, label_some(points, 6, 0)).advance(30)
    generated = run.generated(50)
    arrows = wishes(run, generated)
    assert arrows.norm(dim=1).max().item() == pytest.approx(plane.LONGEST_ARROW, rel=1e-4)
    with torch.no_grad():
        before, after = (run.D(places).real_logit.mean() for places in (generated, generated + 0.01 * arrows))
    assert after > before
    assert all(weights.grad is None or weights.requires_grad for weights in run.D.parameters())


@pytest.mark.parametrize("latent_size", [1, 2, 5])
def test_the_latent_grid_has_as_many_numbers_as_g_takes(latent_size):
    assert latent_lattice(latent_size).shape == (LATTICE**2, latent_size)
