"""Lesson 5 in JupyterLab and the app in Voilà: opened, run, and what a hand and an eye do there."""

import re
import time

from tests.browser.conftest import TOKEN

PATIENCE = 240_000  # milliseconds; a busy machine takes its time


class Lesson:
    """Lesson 5 in JupyterLab, or the app in Voilà: the same widgets."""

    def __init__(self, page):
        self.page = page

    def button(self, text):
        return self.page.locator("button.jupyter-button", has_text=re.compile(rf"^\s*{text}\s*$")).first

    def press(self, text):
        self.button(text).click()

    def tab(self, name):
        """Turn to a section of the app."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def labelled(self, text):
        """The widget with a label."""
        return self.page.locator(".jupyter-widgets label").get_by_text(text, exact=True).first.locator("xpath=..")

    def choose(self, label, option):
        self.labelled(label).locator("select").select_option(option)

    @property
    def status(self):
        return self.page.locator(".jupyter-widgets.widget-label", has_text=re.compile("Step |Ready")).first.inner_text()

    def step(self):
        found = re.search(r"Step ([\d,]+) of", self.status)
        return int(found[1].replace(",", "")) if found else 0

    def until(self, condition, seconds=60, what="it"):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}; the page says: {self.status}"
            self.page.wait_for_timeout(50)

    def picture(self, css):
        """The address of a picture, which changes when the picture does."""
        return self.page.locator(css).first.get_attribute("src")


def open_lab(page, lab, reset=True, notebook="05_playground"):
    page.goto(f"{lab}/doc/tree/notebooks/{notebook}.ipynb?token={TOKEN}" + ("&reset" if reset else ""))
    page.wait_for_selector(".jp-Notebook", timeout=PATIENCE)
    page.evaluate(
        """async () => {
            const panel = window.jupyterapp.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            await panel.sessionContext.session.kernel.info;
        }"""
    )
    return Lesson(page)


def run_all(page):
    forget_earlier_runs(page)
    choose_from_menu(page, "Run", "Run All Cells")
    wait_for_all_cells(page)


def restart_and_run_all(page):
    forget_earlier_runs(page)
    choose_from_menu(page, "Kernel", "Restart Kernel and Run All Cells…")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    wait_for_all_cells(page)


def choose_from_menu(page, menu, item):
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def forget_earlier_runs(page):
    page.evaluate(
        """() => {
            for (const cell of window.jupyterapp.shell.currentWidget.content.model.cells)
                if (cell.type === 'code') cell.executionCount = null;
        }"""
    )


def wait_for_all_cells(page):
    page.wait_for_function(
        """() => {
            const panel = window.jupyterapp.shell.currentWidget;
            const codes = [...panel.content.model.cells].filter((cell) => cell.type === 'code');
            return codes.every((cell) => cell.executionCount && cell.executionState !== 'running')
                && panel.sessionContext.session.kernel.status === 'idle';
        }""",
        timeout=PATIENCE,
    )


def open_voila(page, voila, tab="Digits"):
    address, mark, state = voila.partition("#")
    page.goto(f"{address}?token={TOKEN}{mark}{state}", timeout=PATIENCE)
    lesson = Lesson(page)
    lesson.button("Start").wait_for(timeout=PATIENCE)
    lesson.tab(tab)
    return lesson


def open_playground(page, place, request):
    """The playground, in the app or in a notebook of its own."""
    if place == "app":
        return open_voila(page, request.getfixturevalue("voila"))
    lesson = open_lab(page, request.getfixturevalue("lab"), notebook="playground")
    run_all(page)
    lesson.button("Start").wait_for()
    return lesson


def start_some_steps(lesson):
    lesson.press("Start")
    wait_for_steps(lesson)


def wait_for_steps(lesson):
    lesson.until(lambda: lesson.status.startswith("Training") and lesson.step() > 3, what="the first steps")


def wait_for_the_end(lesson):
    """What is said, and then what is shown, of the last step."""
    lesson.until(lambda: lesson.status.startswith("Stopped"), what="the end")
    lesson.page.get_by_text(f"the same 30 latents after step {lesson.step():,}", exact=True).wait_for()
    lesson.page.get_by_text(f"Stopped. {lesson.step():,} of").first.wait_for()  # in the table, after the curves


# What is wider than its place, and is neither a picture that is meant to be moved sideways in a frame of its own, nor a
# line to be copied, which moves in its field as an address does.
CUT_OFF = """() => [...document.querySelectorAll('#rendered_cells, #rendered_cells *')]
    .filter((one) => one.clientWidth && !one.matches('.sgan-wide, .sgan-news, .sgan-state input'))
    .filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible')
    .map((one) => `${one.className}: ${one.innerText}`)"""
