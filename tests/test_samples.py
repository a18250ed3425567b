"""Every sample answers: numbers, words, and that asking changes nothing in a run."""

import io
import time

import pytest
import torch
from PIL import Image

from sgan_utils.evaluation import believe
from sgan_utils.support.fingerprint import fingerprint
from sgan_utils.training import train
from sgan_utils.widgets.live import SAMPLES, LiveRun
from sgan_utils.widgets.playground import Playground
from sgan_utils.widgets.samples import REAL, all_samples, as_html, as_percent, as_probability, ask, in_words, names_of


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def live(tiny_config, tiny_mnist):
    made = LiveRun(tiny_config.but(steps=8), tiny_mnist)
    yield made
    made.stop()
    made.wait(20)


def test_a_generated_image_is_answered_with_what_d_says_of_it_after_the_step_that_is_shown(live):
    live.take_one_step()
    until(lambda: live.state == "paused" and live._waits)
    live.follow(4)
    answer, run = live.answer, live.run
    belief = believe(run.classifier(), answer.image[None])
    assert (answer.name, answer.step) == ("generated image 5", 1)
    assert torch.equal(answer.image, live.frames[1][4])
    assert torch.allclose(answer.probability, belief.class_logits.softmax(1)[0], atol=1e-5)
    assert answer.real_logit == pytest.approx(belief.real_logit.item(), abs=1e-4)
    assert len(answer.latent) == run.config.latent_size
    live.take_one_step()
    until(lambda: live.answer.step == 2)  # it is followed


def test_a_real_image_is_answered_and_is_not_its_own_neighbour(live, tiny_mnist):
    live.start()
    live.wait(60)
    live.follow(SAMPLES + 2)
    answer = live.answer
    assert answer.name == "real image 3"
    assert torch.equal(answer.image, tiny_mnist.train_images[2])
    assert answer.latent is None
    assert not torch.equal(answer.nearest, answer.image)
    assert "It is real" in " ".join(in_words(answer, live.run))


@pytest.mark.parametrize(
    ("loss", "words"), [("non_saturating", "to G's"), ("saturating", "to G's"), ("feature_matching", "the mean")]
)
def test_the_losses_are_those_that_the_image_adds(tiny_config, tiny_mnist, loss, words):
    from sgan_utils.data import split_sources
    from sgan_utils.losses import unsupervised_loss

    config = tiny_config.but(generator_loss=loss, steps=2)
    run = train(config, split_sources(tiny_mnist, config), progress=False)
    answer = ask(run, "one", tiny_mnist.train_images[0], torch.zeros(config.latent_size))
    told = " ".join(in_words(answer, run))
    assert words in told
    logit = torch.tensor([answer.real_logit])
    both = 2 * unsupervised_loss(torch.tensor([100.0]), logit).item()  # nothing for a real image that D is sure of
    assert f"= {both:.2f} to D's loss" in told


def test_a_run_that_is_asked_all_the_time_is_bit_for_bit_the_run_that_is_not(tiny_config, tiny_mnist):
    prints = []
    for image in (-1, 3):
        live = LiveRun(tiny_config.but(steps=6), tiny_mnist)
        live.follow(image)
        live.start()
        live.wait(60)
        prints.append(fingerprint(live.run.generator, live.run.last_discriminator))
    assert prints[0] == prints[1]
    assert live.answer.step == 6


def test_an_image_of_an_earlier_step_is_answered_when_one_looks_back(live):
    for step in (1, 2):
        live.take_one_step()
        until(lambda step=step: live.step == step and live._waits)
    live.follow(4, made_at=1)
    assert (live.answer.name, live.answer.step) == ("generated image 5 of step 1", 2)
    assert torch.equal(live.answer.image, live.frames[1][4])
    live.follow(4)
    assert live.answer.name == "generated image 5"
    assert torch.equal(live.answer.image, live.frames[2][4])


@pytest.mark.parametrize(
    ("value", "probability", "percent"),
    [
        (0.294, "0.29", "29%"),
        (0.9964, "0.996", "99.6%"),
        (0.0004, "0.0004", "0.04%"),
        (1.0, "1.000000", "100.0000%"),
    ],
)
def test_a_belief_close_to_an_end_does_not_look_like_the_end(value, probability, percent):
    assert (as_probability(value), as_percent(value)) == (probability, percent)


def test_the_sheet_has_a_place_for_every_name(tiny_mnist):
    sheet = Image.open(io.BytesIO(all_samples(None, tiny_mnist, SAMPLES)))
    assert len(names_of(SAMPLES)) == SAMPLES + REAL == 45
    assert sheet.size == (15 * 96, 3 * 96)


def test_a_click_on_the_playground_shows_the_answer_and_before_the_first_step_says_why_not(
    tiny_config, tiny_mnist, tmp_path
):
    play = Playground(tiny_mnist, exports=tmp_path)
    play.samples.chosen = 7
    assert "press Start" in play.answer.value
    play.knobs.show(tiny_config.but(steps=3))
    play.start.click()
    play.live.wait(60)
    until(lambda: "generated image 8" in play.answer.value)
    assert "After step 3" in play.answer.value
    play.samples.chosen = SAMPLES
    assert "real image 1" in play.answer.value
    assert as_html(play.live.answer, play.live.run) == play.answer.value
