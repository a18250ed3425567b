"""The plane with a kernel behind it, in JupyterLab and in the app, as somebody plays with it."""

import re
import time

import numpy as np
import pytest

from sgan_utils.support.plane import DATA, GAMES, SPAN, label_some, moons
from sgan_utils.widgets import plane
from tests.browser.lesson import open_lab, open_voila, run_all

pytestmark = pytest.mark.slow

PICTURE = """([picture]) => {
    const canvas = document.querySelector('.sgan-plane canvas');
    return [...canvas.getContext('2d').getImageData(332 * picture, 22, 320, 320).data];
}"""


class Played:
    """A plane on the page, and what a hand and an eye would do."""

    def __init__(self, page, place, request):
        self.page = page
        if place == "app":
            open_voila(page, request.getfixturevalue("voila"), "Plane")
        else:
            open_lab(page, request.getfixturevalue("lab"), notebook="plane")
            run_all(page)
        self.canvas = page.locator(".sgan-plane canvas")
        self.canvas.wait_for()
        self.canvas.scroll_into_view_if_needed()

    def press(self, text):
        self.page.locator("button.jupyter-button:visible", has_text=re.compile(rf"^\s*{text}\s*$")).first.click()

    def choose(self, label, option):
        row = self.page.locator(".jupyter-widgets label").get_by_text(label, exact=True).first.locator("xpath=..")
        row.locator("select").select_option(option)

    @property
    def said(self):
        return self.canvas.get_attribute("aria-label")

    @property
    def step(self):
        return int(re.search(r"Step ([\d,]+)\.", self.said)[1].replace(",", ""))

    def number(self, before):
        return float(re.search(rf"{before} (\d+(\.\d+)?)", self.said)[1])

    def until(self, condition, what, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {what}; the page says: {self.said}"
            self.page.wait_for_timeout(100)

    def train(self, steps):
        self.press("Start")
        self.until(lambda: self.step >= steps, f"step {steps}")
        self.press("Pause")

    def picture(self, number=0):
        pixels = self.page.evaluate(PICTURE, [number])
        return np.array(pixels, dtype=np.uint8).reshape(320, 320, 4)[:, :, :3].astype(int)

    def on_screen(self, place):
        box = self.canvas.bounding_box()
        x, y = (value.item() for value in place)
        scale = box["width"] / (3 * 320 + 2 * 12)
        return box["x"] + scale * 320 * (x + SPAN) / (2 * SPAN), box["y"] + scale * (22 + 320 * (SPAN - y) / (2 * SPAN))

    def drag(self, start, end):
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=8)
        self.page.mouse.up()


@pytest.fixture(params=["lab", "app"])
def played(page, request):
    return Played(page, request.param, request)


def test_a_label_is_dragged_while_it_trains_and_the_border_follows(played, shoot, request):
    where = request.node.callspec.params["played"]
    played.train(150)
    assert played.number("Right about") > played.number("without unlabelled points") - 5
    shoot(f"{where}-trained")
    before = played.picture()
    labelled = label_some(moons(plane.POINTS, 0), plane.LABELS, 0)
    target = labelled.places[labelled.classes != labelled.classes[0]].mean(0)
    at = played.step
    played.press("Start")
    played.drag(played.on_screen(labelled.places[0]), played.on_screen(target))
    played.until(lambda: played.step >= at + 150, "steps after the label was moved")
    played.press("Pause")
    shoot(f"{where}-dragged")
    assert (np.abs(played.picture() - before).max(2) > 40).mean() > 0.05
    assert played.page.said == []


def test_every_data_set_and_every_game_is_seen(played, shoot, request):
    where = request.node.callspec.params["played"]
    for points in DATA:
        played.choose("points", points)
        played.until(lambda: played.step == 0, "new points")
        played.train(60)
        shoot(f"{where}-{points}")
    played.choose("points", "moons")
    beliefs = {}
    for game in GAMES:
        played.choose("game", game)
        played.until(lambda: played.step == 0, "another game")
        played.train(200)
        beliefs[game] = played.number("belief in real points") - played.number("in generated ones")
        shoot(f"{where}-{game.replace(' ', '-')}")
    assert beliefs["D wins"] > max(0.7, beliefs["healthy"])
    assert played.number("loss on the labels") > 0.3  # the double softmax, which was the last
    assert played.page.said == []


def test_points_are_painted_and_labels_added_and_recoloured(played, shoot, request):
    where = request.node.callspec.params["played"]
    played.choose("points", plane.PAINTED)
    played.until(lambda: "Right about" not in played.said, "the paper")
    box = played.canvas.bounding_box()
    for y in (90, 250):  # two strokes
        played.drag((box["x"] + 40, box["y"] + y), (box["x"] + 280, box["y"] + y + 20))
        played.page.wait_for_timeout(1500)
    empty = played.picture(2)
    played.canvas.focus()
    for key in ("a", "ArrowUp", "ArrowUp", "2"):
        played.page.keyboard.press(key)
    played.train(100)
    shoot(f"{where}-painted")
    assert (np.abs(played.picture(2) - empty).max(2) > 40).any()
    assert played.page.said == []
