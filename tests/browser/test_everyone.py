"""For everyone: what axe-core finds, keyboard alone, dark, large, and colours for all kinds of colour vision."""

from pathlib import Path

import pytest

from tests.browser.conftest import DESK, PHONE
from tests.browser.lesson import CUT_OFF, PATIENCE, open_lab, open_voila, run_all, wait_for_the_end

pytestmark = pytest.mark.slow

TABS = ("Digits", "Plane", "Latents", "Handwriting", "Labels")
DARK = DESK | {"color_scheme": "dark"}
CALM = DESK | {"reduced_motion": "reduce"}
LARGE = {"viewport": {"width": 640, "height": 360}}  # 1280 x 720 at 200%


def serious(page, inside="document"):
    """What axe-core finds that keeps somebody out."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python brings axe-core")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text() + ";0")
    found = page.evaluate(f"async () => (await axe.run({inside})).violations")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("page", [DESK, DARK, PHONE, LARGE], indirect=True, ids=["desk", "dark", "phone", "large"])
def test_axe_finds_nothing_serious_in_the_app(page, voila, shoot, request):
    lesson = open_voila(page, voila)
    lesson.press("One step")
    lesson.until(lambda: lesson.step() == 1, what="a step")
    for tab in TABS:
        lesson.tab(tab)
        page.wait_for_timeout(500)
        shoot(f"{request.node.callspec.id}-{tab}")
        assert serious(page) == [], tab
        assert page.evaluate(CUT_OFF) == [], tab
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_serious_in_the_plane_in_jupyterlab(page, lab):
    open_lab(page, lab, notebook="plane")
    run_all(page)
    page.locator(".sgan-plane canvas").wait_for()
    assert serious(page, "'.sgan'") == []  # the rest of the page is JupyterLab's


def focused(page):
    return page.evaluate(
        """() => {
            const one = document.activeElement;
            const style = getComputedStyle(one);
            const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
            return [one.innerText || one.getAttribute('aria-label') || '', seen];
        }"""
    )


def tab_to(page, name):
    for _ in range(80):
        page.keyboard.press("Tab")
        text, seen = focused(page)
        assert seen, f"nobody sees that {text!r} has the focus"
        if text.strip() == name:
            return
    raise AssertionError(f"the Tab key never comes to {name}")


def test_a_run_is_started_stopped_copied_and_exported_by_keyboard_alone(page, voila, shoot):
    lesson = open_voila(page, voila)
    tab_to(page, "Start")
    page.keyboard.press("Enter")
    lesson.until(lambda: lesson.status.startswith("Training") and lesson.step() > 3, what="the first steps")
    tab_to(page, "Stop")
    shoot("focus")
    page.keyboard.press("Enter")
    wait_for_the_end(lesson)
    tab_to(page, "Copy as code")
    page.keyboard.press("Enter")
    lesson.until(lambda: "stop_after" in page.locator("textarea").first.input_value(), what="the code of the run")
    tab_to(page, "Export")
    page.keyboard.press("Space")
    page.get_by_text("Written to").wait_for(timeout=PATIENCE)
    page.locator("[role=status]", has_text="Stopped").wait_for(state="attached")
    assert page.said == []


@pytest.mark.parametrize("page", [CALM], indirect=True)
def test_with_reduced_motion_the_plane_changes_once_a_second_at_most(page, voila):
    lesson = open_voila(page, voila, "Plane")
    page.evaluate(
        """() => {
            const pen = CanvasRenderingContext2D.prototype, draw = pen.clearRect;
            window.drawn = 0;
            pen.clearRect = function (...all) { window.drawn++; return draw.apply(this, all); };
        }"""
    )
    page.locator("button.jupyter-button:visible", has_text="Start").click()
    lesson.page.wait_for_timeout(6000)
    assert 2 <= page.evaluate("window.drawn") <= 8
