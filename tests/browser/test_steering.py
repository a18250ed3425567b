"""Knobs that act while a run goes: the curves mark them, and a twin goes on without."""

import re

import pytest

from tests.browser.lesson import open_playground, start_some_steps, wait_for_the_end

pytestmark = pytest.mark.slow

MORE = 25  # steps, for the curves of the run and of its twin to part


@pytest.mark.parametrize("place", ["app", "lab"])
def test_a_knob_is_turned_while_the_run_goes(page, place, request, shoot):
    lesson = open_playground(page, place, request)
    start_some_steps(lesson)
    lesson.until(lambda: lesson.step() > 15, what="some steps")
    assert lesson.labelled("Labelled images").locator(".noUi-target").get_attribute("disabled") is not None
    assert lesson.labelled("Preset").locator("select").is_disabled()
    page.get_by_text("Green: acts from the next step on.").wait_for()
    shoot(f"{place}-going")
    lesson.choose("Loss of G", "feature_matching")
    page.get_by_text(re.compile(r"After step \d+: Loss of G = feature_matching\.")).first.wait_for()
    begun = lesson.step()
    lesson.until(lambda: lesson.step() > begun + MORE, what="both to go on")
    lesson.press("Pause")
    lesson.until(lambda: lesson.status.startswith("Paused"), what="the pause")
    page.get_by_text("Dashed grey: its twin, the same run without the change, at").first.wait_for()
    page.get_by_text("its twin, the same run without the change, after step").wait_for()
    assert page.locator(".sgan-of-twin").get_attribute("alt") == "What the G of the twin makes of the same latents."
    page.wait_for_timeout(1500)
    shoot(f"{place}-twin")
    lesson.press("Stop")
    wait_for_the_end(lesson)
    lesson.press("Copy as code")
    code = page.locator(".widget-textarea textarea").first
    lesson.until(lambda: "changing({" in code.input_value(), what="the code of the run")
    assert lesson.labelled("Preset").locator("select").is_enabled()
    shoot(f"{place}-stopped")
    assert page.said == []
