"""A tinkerer's hour in a real browser: turn knobs, train, pause, step, stop, copy, draw, reload."""

import re

import pytest

from tests.browser.conftest import PHONE
from tests.browser.lesson import (
    CUT_OFF,
    PATIENCE,
    open_lab,
    open_voila,
    restart_and_run_all,
    run_all,
    start_some_steps,
    wait_for_steps,
    wait_for_the_end,
)
from tests.browser.strokes import HANDS, ROUND

pytestmark = pytest.mark.slow

LOOKS = 12  # at an answer that has to stay as it is, one every 50 milliseconds


def watch_a_run_and_steer_it(lesson, shoot):
    """Start, watch the curves grow, pause, take a step, go on, stop."""
    lesson.page.locator(".sgan-curves").first.scroll_into_view_if_needed()
    before = lesson.picture(".sgan-curves")
    start_some_steps(lesson)
    lesson.until(lambda: lesson.picture(".sgan-curves") != before, what="the curves to grow")
    shoot("training")
    lesson.press("Pause")
    lesson.until(lambda: lesson.status.startswith("Paused"), what="the pause")
    lesson.page.wait_for_timeout(4000)  # the step in flight ends, and its score is shown
    paused_at = lesson.step()
    lesson.page.wait_for_timeout(700)
    assert lesson.step() == paused_at
    shoot("paused")
    lesson.press("One step")
    lesson.until(lambda: lesson.step() == paused_at + 1, what="one step")
    lesson.press("Go on")
    lesson.until(lambda: lesson.step() > paused_at + 3, what="the run to go on")
    lesson.press("Stop")
    wait_for_the_end(lesson)
    shoot("stopped")


def by_mouse(page, points):
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points:
        page.mouse.move(*point, steps=3)
    page.mouse.up()


def by_finger(page, points):
    hand = page.context.new_cdp_session(page)  # Playwright's own fingers can only tap
    for number, (x, y) in enumerate(points):
        kind = "touchMove" if number else "touchStart"
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    hand.detach()


def draw_a_digit(lesson, strokes, draw=by_mouse):
    pad = lesson.page.locator(".sgan-pad").first
    lesson.page.locator(".sgan-pad-clear").first.click()
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    for stroke in strokes:
        draw(lesson.page, [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke])


def answer(lesson):
    return lesson.page.locator(".sgan-pad-answer").first.inner_text()


def reading(lesson):
    """The digit that D reads; None if nothing is drawn."""
    found = re.search(r"D reads (\d)", answer(lesson))
    return int(found[1]) if found else None


def read_after_drawing(lesson, strokes):
    """Draw, and wait for the answer to the whole drawing: one that stays, for half a drawing is answered as well."""
    draw_a_digit(lesson, strokes)
    heard = []

    def stays():
        heard.append(answer(lesson))
        return len(heard) >= LOOKS and "D reads" in heard[-1] and len(set(heard[-LOOKS:])) == 1

    lesson.until(stays, what="an answer to a drawing")
    return reading(lesson)


def draw_and_be_read(lesson, digit, draw=by_mouse):
    draw_a_digit(lesson, ROUND[digit], draw)
    lesson.until(lambda: reading(lesson) == digit, what=f"a {digit} that was drawn to be read")


def test_the_playground_in_jupyterlab(page, lab, shoot):
    lesson = open_lab(page, lab)
    run_all(page)
    page.locator(".sgan-curves").first.scroll_into_view_if_needed()
    shoot("run-all")

    labels = lesson.labelled("Labelled images")
    labels.scroll_into_view_if_needed()
    before, handle = labels.inner_text(), labels.locator(".noUi-handle")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    lesson.until(lambda: labels.inner_text() != before, what="the slider to be dragged")
    dragged = labels.inner_text()
    handle.focus()
    page.keyboard.press("ArrowRight")
    lesson.until(lambda: labels.inner_text() != dragged, what="the slider to answer to the keyboard")

    lesson.choose("Preset", "d_wins")
    page.get_by_text("D learns much faster than G").first.wait_for()
    shoot("preset")
    lesson.choose("Preset", "lesson")
    lesson.until(lambda: "30,000" in labels.inner_text(), what="the preset to turn the knobs")
    watch_a_run_and_steer_it(lesson, shoot)

    lesson.press("Copy as code")
    code = page.locator(".widget-textarea textarea").first
    lesson.until(lambda: "stop_after" in code.input_value(), what="the code of the run")
    assert "learning_rate" not in code.input_value()  # the browser rounded none of the preset's values
    assert "same run: True" in page.evaluate(RUN_CODE, code.input_value())
    shoot("copied")

    draw_and_be_read(lesson, 7)
    shoot("drawn")

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    lesson = open_lab(page, lab, reset=False)
    page.locator(".sgan-pad").first.wait_for(timeout=PATIENCE)
    lesson.until(lambda: reading(lesson) == 7, what="the page as it was before the reload")
    draw_and_be_read(lesson, 2)
    shoot("reloaded")
    assert page.said == []


TRAINING_THREADS = "import threading; print([one.name for one in threading.enumerate()].count('sgan-live-run'))"


def test_the_lesson_can_be_run_again_and_after_a_restart_while_a_run_goes(page, lab, shoot):
    lesson = open_lab(page, lab)
    run_all(page)
    for again in (restart_and_run_all, run_all):
        start_some_steps(lesson)
        again(page)
        lesson.until(lambda: page.evaluate(RUN_CODE, TRAINING_THREADS) == "0\n", what="the old run to end")
        start_some_steps(lesson)
        lesson.press("Stop")
        wait_for_the_end(lesson)
        shoot(again.__name__)
        draw_and_be_read(lesson, 7)
    assert page.said == []


def test_two_tabs_on_one_kernel_show_and_steer_the_same_run(page, lab, shoot):
    first = open_lab(page, lab)
    run_all(page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    second = open_lab(page.context.new_page(), lab, reset=False)
    second.page.locator(".sgan-pad").first.wait_for(timeout=PATIENCE)
    for tab in (first, second):
        tab.page.locator(".sgan-curves").first.scroll_into_view_if_needed()
    before = second.picture(".sgan-curves")

    first.press("Start")
    wait_for_steps(second)
    second.until(lambda: second.picture(".sgan-curves") != before, what="the other tab's curves")
    shoot("first-training")
    shoot("second-training", second.page)
    second.press("Stop")
    for tab in (first, second):
        wait_for_the_end(tab)
    first.until(lambda: first.status == second.status, what="both tabs to say the same")
    shoot("first-stopped")
    shoot("second-stopped", second.page)

    draw_and_be_read(second, 7)
    first.until(lambda: reading(first) == 7, what="the answer in the other tab")
    assert page.said == []


RUN_CODE = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code });
    let printed = '';
    future.onIOPub = (message) => {
        if (message.header.msg_type === 'stream') printed += message.content.text;
        if (message.header.msg_type === 'error') printed += message.content.evalue;
    };
    await future.done;
    return printed;
}"""


def test_thirty_digits_drawn_by_mouse_are_read(page, voila, shoot):
    lesson = open_voila(page, voila, "Handwriting")
    read = {
        (hand, digit): read_after_drawing(lesson, strokes)
        for hand, digits in HANDS.items()
        for digit, strokes in digits.items()
    }
    shoot("last")
    wrong = {drawn: named for drawn, named in read.items() if drawn[1] != named}
    assert len(wrong) <= 3, wrong


def test_the_app_without_code(page, voila, shoot):
    lesson = open_voila(page, voila)
    assert page.get_by_text("import torch").count() == 0
    shoot("opened")
    watch_a_run_and_steer_it(lesson, shoot)
    lesson.tab("Handwriting")
    page.locator(".sgan-pad").first.focus()
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 17 + ["Space"]:
        page.keyboard.press(key)
    lesson.until(lambda: reading(lesson) == 1, what="a 1 that was drawn with the keyboard")
    shoot("keyboard")
    lesson = open_voila(page, voila, "Handwriting")
    draw_and_be_read(lesson, 3)
    assert page.said == []


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_the_app_on_a_phone(page, voila, shoot):
    lesson = open_voila(page, voila)
    page.get_by_text("All other hyperparameters").tap()
    page.get_by_text("Precision").wait_for()
    lesson.choose("Preset", "d_wins")
    page.get_by_text("D learns much faster than G").first.wait_for()
    lesson.button("Start").tap()
    wait_for_steps(lesson)
    lesson.button("Stop").tap()
    wait_for_the_end(lesson)
    lesson.button("Copy as code").tap()
    lesson.until(lambda: "stop_after" in page.locator("textarea").first.input_value(), what="the code of the run")
    assert page.locator(".sgan-bench .progress").first.is_visible()
    lesson.tab("Handwriting")
    draw_and_be_read(lesson, 7, by_finger)
    lesson.tab("Digits")
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    shoot_from_top_to_bottom(page, shoot)
    assert page.said == []


def shoot_from_top_to_bottom(page, shoot):
    """Take as many screenshots as it takes: what scrolls is not the page but a part of it, as high as the screen."""
    scrolled = page.locator("#rendered_cells")
    height, screen = scrolled.evaluate("(all) => [all.scrollHeight, all.clientHeight]")
    for number, top in enumerate(range(0, height, screen), start=1):
        scrolled.evaluate("(all, top) => all.scrollTo({ top, behavior: 'instant' })", top)
        shoot(f"{number}")
