"""One step, taken apart, and samples that answer: what a pointer, a finger and a keyboard find out."""

import re

import pytest

from tests.browser.conftest import PHONE
from tests.browser.lesson import open_playground, open_voila, start_some_steps, wait_for_the_end

pytestmark = pytest.mark.slow


def stage(page):
    """What is said at the stage that is shown, with its number and how many there are."""
    text = page.locator(".sgan-stage").first.inner_text()
    number, count, text = re.fullmatch(r"(\d) of (\d)\. (.+)", text, re.DOTALL).groups()
    return int(number), int(count), text


@pytest.mark.parametrize("place", ["app", "lab"])
def test_a_step_is_taken_apart_and_played_forward_and_back(page, place, request, shoot):
    lesson = open_playground(page, place, request)
    lesson.press("One step")
    page.get_by_text("Step 1, taken apart").wait_for()
    number, count, first = stage(page)
    assert number == 1
    said = [first]
    while number < count:
        lesson.press("Forward")
        lesson.until(lambda now=number: stage(page)[0] == now + 1, what="the next stage")
        number, _, text = stage(page)
        said.append(text)
        shoot(f"{place}-stage-{number}")
    assert len(set(said)) == count
    assert lesson.button("Forward").is_disabled()
    assert page.locator(".sgan-moved li").count() > 0  # which of G's weights moved, and how far
    lesson.press("Back")
    lesson.until(lambda: stage(page)[2] == said[-2], what="the stage before")
    lesson.press("One step")
    page.get_by_text("Step 2, taken apart").wait_for()
    assert stage(page)[0] == 1
    assert page.said == []


def answer(page):
    return page.locator(".sgan-answer").first.inner_text()


@pytest.mark.parametrize("place", ["app", "lab"])
def test_a_sample_answers_and_is_followed(page, place, request, shoot):
    lesson = open_playground(page, place, request)
    start_some_steps(lesson)
    sample = page.get_by_role("button", name="generated image 7", exact=True)
    sample.click()
    lesson.until(lambda: "G made it of 100 random numbers" in answer(page), what="an answer")
    asked = answer(page)
    assert re.search(r"it takes it for real with [\d.]+%", asked)
    assert "generated image 7" in asked
    assert "nearest training image" in asked
    lesson.until(lambda: answer(page) != asked, what="later steps to be followed")
    shoot(f"{place}-followed")
    sample.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):  # two rows of 15 are G's, real images stand below
        page.keyboard.press(key)
    lesson.until(lambda: "It is real, so it adds" in answer(page), what="the answer of a real image")
    assert "real image 7" in answer(page)
    lesson.press("Stop")
    wait_for_the_end(lesson)
    shoot(f"{place}-real")
    assert page.said == []


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_a_sample_is_tapped_on_a_phone(page, voila, shoot):
    lesson = open_voila(page, voila)
    lesson.button("One step").tap()
    page.get_by_text("Step 1, taken apart").wait_for()
    page.get_by_role("button", name="generated image 3", exact=True).tap()
    lesson.until(lambda: "generated image 3" in answer(page), what="an answer")
    shoot("tapped")
    assert page.said == []
