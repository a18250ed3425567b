"""A state in the line of text and in the app's address: opened, pasted, refused, and kept up to date."""

import re

import pytest

from sgan_utils.config import SGANConfig
from sgan_utils.support.handed_on import State, read_state, write_state
from tests.browser.lesson import PATIENCE, open_playground, open_voila

pytestmark = pytest.mark.slow

HANDED = State("d_wins", SGANConfig.preset("d_wins", labels=100, seed=5), {30: {"generator_loss": "feature_matching"}})


def fragment(page):
    return page.evaluate("() => location.hash.slice(1)")


def line(lesson):
    return lesson.labelled("State").locator("input")


def paste(lesson, state):
    line(lesson).fill(state)
    line(lesson).press("Enter")


def train_beyond_the_change(lesson):
    lesson.press("Start")
    done = re.compile(r"After step 30: Loss of G = feature_matching\.")
    lesson.page.get_by_text(done).wait_for(timeout=PATIENCE)
    lesson.press("Stop")
    lesson.until(lambda: lesson.status.startswith(("Stopped", "Finished")), what="the end")
    lesson.until(lambda: lesson.button("Repeat").is_enabled(), what="a run that can be repeated")


def test_a_state_is_opened_pasted_and_refused_in_the_app(page, voila, shoot):
    lesson = open_voila(page, f"{voila}/#{write_state(HANDED)}")
    page.get_by_text("Start also changes after step 30 Loss of G = feature_matching.").wait_for(timeout=PATIENCE)
    lesson.until(lambda: lesson.labelled("Labelled images").inner_text().endswith("100"), what="the knobs")
    assert lesson.labelled("Preset").locator("select").input_value() == "d_wins"
    assert read_state(line(lesson).input_value()) == HANDED
    shoot("opened")
    train_beyond_the_change(lesson)
    lesson.press("Repeat")
    lesson.until(lambda: "after.30.generator_loss=feature_matching" in fragment(page), what="the run in the address")
    assert read_state(fragment(page)) == HANDED

    lesson.choose("Preset", "lesson")
    lesson.until(lambda: read_state(fragment(page)) == State("lesson", SGANConfig(), {}), what="the address to follow")
    paste(lesson, write_state(HANDED)[:-1])
    page.get_by_text("This state is damaged or cut off").wait_for()
    shoot("refused")
    paste(lesson, write_state(HANDED))
    lesson.until(lambda: lesson.labelled("Labelled images").inner_text().endswith("100"), what="what was pasted")
    page.evaluate("() => { location.hash = 'sgan=1&data=KMNIST&preset=lesson&sum=000000' }")
    page.get_by_text("This state is damaged or cut off").wait_for()
    page.evaluate("(text) => { location.hash = text }", write_state(State("lesson", SGANConfig(seed=8), {})))
    lesson.until(lambda: lesson.labelled("Seed").locator("input").input_value() == "8", what="an address typed later")
    assert page.said == []


def test_a_state_is_pasted_and_handed_on_in_jupyterlab(page, shoot, request):
    lesson = open_playground(page, "lab", request)
    paste(lesson, write_state(HANDED)[:-1])
    page.get_by_text("This state is damaged or cut off").wait_for()
    paste(lesson, write_state(HANDED))
    page.get_by_text("Start also changes after step 30 Loss of G = feature_matching.").wait_for()
    shoot("pasted")
    train_beyond_the_change(lesson)
    lesson.choose("Preset", "lesson")
    lesson.until(lambda: read_state(line(lesson).input_value()) == State("lesson", SGANConfig(), {}), what="the knobs")
    lesson.press("Repeat")
    lesson.until(lambda: read_state(line(lesson).input_value()) == HANDED, what="the run in the line")
    assert fragment(page) == ""  # JupyterLab's address is its own
    assert page.said == []
