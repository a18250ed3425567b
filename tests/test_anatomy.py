"""A step taken apart says what really happened in it, and taking it apart changes nothing."""

import time

import pytest
import torch

from sgan_utils.support.anatomy import apart_on_plane, histogram, moved, weights_of
from sgan_utils.support.fingerprint import fingerprint
from sgan_utils.support.plane import PLANE, PlaneRun, label_some, moons
from sgan_utils.training import train
from sgan_utils.widgets.anatomy import StepView, as_html
from sgan_utils.widgets.live import LiveRun
from sgan_utils.widgets.plane import Plane

POINTS = moons(200, 0)


def game():
    return PlaneRun(PLANE, POINTS.places, label_some(POINTS, 6, 0))


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_step_on_the_plane_that_is_taken_apart_is_the_same_step():
    bare, apart = game().advance(3), game()
    for _ in range(3):
        apart_on_plane(apart)
    assert apart.step == 3
    assert torch.equal(bare.D.linear.weight, apart.D.linear.weight)
    assert torch.equal(bare.G.layers[0].weight, apart.G.layers[0].weight)


def test_the_stages_say_the_numbers_of_the_step():
    run = game().advance(5)
    before = weights_of(run.D)
    latent, made, on, losses, back_d, back_g = apart_on_plane(run)
    assert [stage.back for stage in (latent, made, on, losses, back_d, back_g)] == [False] * 4 + [True] * 2
    assert "64 latents of 2 random numbers" in latent.text
    assert f"{run.measured['belief_in_real']:.2f}" in on.text
    assert all(f"{run.measured[name]:.3f}" in losses.text for name in ("supervised", "unsupervised", "generator"))
    assert back_d.moved == moved(before, run.D)
    assert [name for name, _ in back_d.moved] == ["layers.0", "layers.2", "linear"]
    assert all(0 < part < 1 for _, part in back_d.moved + back_g.moved)


def test_moved_is_a_part_of_the_length_and_a_histogram_has_its_peak_at_one():
    layer = torch.nn.Linear(3, 3)
    before = weights_of(layer)
    with torch.no_grad():
        layer.weight.mul_(1.1)
    assert moved(before, layer) == [("weight", pytest.approx(0.1, rel=1e-4))]
    assert histogram(torch.tensor([0.0, 0.0, 1.0])) == [1.0] + [0.0] * 14 + [0.5]


def test_single_steps_of_a_run_on_images_are_taken_apart_and_the_run_stays_the_same(tiny_config, tiny_mnist):
    config = tiny_config.but(steps=3)
    live = LiveRun(config, tiny_mnist)
    for step in (1, 2, 3):
        live.take_one_step()
        until(lambda step=step: live.step == step and (live._waits or live._ended))
        assert len(live.stages) == 6  # the first, too
    live.start()
    live.wait(60)
    plain = train(config, live.run.sources, progress=False)
    assert fingerprint(live.run.generator, live.run.last_discriminator) == fingerprint(
        plain.generator, plain.last_discriminator
    )
    *_, losses, back_d, back_g = live.stages
    last = live.run.history.iloc[-1]
    assert f"{last['generator']:.3f}" in losses.text
    assert all(part > 0 for _, part in back_d.moved + back_g.moved)


def test_the_view_goes_forward_and_back_and_ends_at_its_ends():
    view = StepView()
    assert view.widget.layout.display == "none"
    view.show(1, apart_on_plane(game()))
    assert view.widget.layout.display is None
    assert (view.back.disabled, view.forward.disabled) == (True, False)
    seen = [view.diagram.value]
    for _ in range(7):
        view.forward.click()
        seen.append(view.diagram.value)
    assert len(set(seen)) == 6
    assert view.forward.disabled
    assert "←" in view.diagram.value
    view.back.click()
    assert view.diagram.value == as_html(view.stages, 5)


def test_one_step_on_the_plane_opens_it():
    shown = Plane()
    shown.one.click()
    assert "Step 1, taken apart" in shown.apart.title.value
    assert "64 latents" in shown.apart.diagram.value
