"""The plane's canvas in a real browser; Python is in this process: what Jupyter would carry, a bridge does."""

import base64

import numpy as np
import pytest
import torch

from sgan_utils.support.plane import SPAN
from sgan_utils.widgets import plane
from sgan_utils.widgets.plane import Plane, PlaneCanvas
from tests.browser.conftest import PHONE

pytestmark = pytest.mark.slow

BRIDGE = """async ([code, css, state, dark]) => {
    document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
    const screen = {name: 'viewport', content: 'width=device-width'};
    document.head.append(Object.assign(document.createElement('meta'), screen));
    document.body.style.cssText = dark ? 'background:#111;color:#eee' : 'background:#fff;color:#111';
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    const heard = {};
    window.model = {
        state: {...state, frame: bytes(state.frame)},
        get(name) { return this.state[name]; },
        set(name, value) { this.state[name] = value; this.changed = name; },
        save_changes() {
            const view = new Uint8Array(this.state[this.changed].buffer);
            window.toPython(this.changed, btoa(String.fromCharCode(...view)));
        },
        on(name, react) { heard[name] = react; },
    };
    window.fromPython = (frame, text) => {
        Object.assign(window.model.state, {frame: bytes(frame), text});
        heard['change:frame']();
        heard['change:text']();
    };
    const url = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
    const el = document.body.appendChild(document.createElement('div'));
    (await import(url)).default.render({model: window.model, el});
}"""


class Shown:
    """A plane on a page."""

    def __init__(self, page, dark=False, data="moons"):
        self.page, self.plane = page, Plane(data)
        canvas = self.plane.canvas
        page.expose_function("toPython", lambda name, sent: setattr(canvas, name, base64.b64decode(sent)))
        page.goto("about:blank")
        state = {"frame": self._frame(), "text": canvas.text, "span": SPAN, "painting": canvas.painting}
        code = (plane.Path(plane.__file__).parent / "plane.js").read_text()
        page.evaluate(BRIDGE, [code, PlaneCanvas._css, state, dark])
        self.canvas = page.locator("canvas")

    def _frame(self):
        return base64.b64encode(self.plane.canvas.frame).decode()

    def train(self, steps):
        self.plane.run.advance(steps - 1)
        self.plane.alone.advance(steps - 1)
        self.plane.take_one_step()
        self.show()

    def show(self):
        self.page.evaluate("([frame, text]) => fromPython(frame, text)", [self._frame(), self.plane.canvas.text])

    def picture(self):
        """The left picture's colours, (height, width, 3)."""
        pixels = self.page.evaluate(
            "() => [...document.querySelector('canvas').getContext('2d').getImageData(0, 22, 320, 320).data]"
        )
        return np.array(pixels, dtype=np.uint8).reshape(320, 320, 4)[:, :, :3].astype(int)

    def on_screen(self, place):
        box = self.canvas.bounding_box()
        x, y = (value.item() for value in place)
        scale = box["width"] / (320 if box["height"] > box["width"] else 3 * 320 + 2 * 12)
        return box["x"] + scale * 320 * (x + SPAN) / (2 * SPAN), box["y"] + scale * (22 + 320 * (SPAN - y) / (2 * SPAN))

    def until(self, condition):
        for _ in range(600):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("waited in vain")


@pytest.mark.parametrize("dark", [False, True])
def test_a_label_is_dragged_and_the_border_moves(page, shoot, dark):
    shown = Shown(page, dark)
    shown.train(80)
    shoot(f"trained-{'dark' if dark else 'light'}")
    before, labelled = shown.picture(), shown.plane.run.labelled
    first = labelled.places[0]
    others = labelled.places[labelled.classes != labelled.classes[0]]
    target = others.mean(0)  # in the midst of the other class
    page.mouse.move(*shown.on_screen(first))
    page.mouse.down()
    page.mouse.move(*shown.on_screen(target), steps=6)
    page.mouse.up()
    shown.until(lambda: torch.allclose(shown.plane.run.labelled.places[0], target, atol=0.03))
    assert torch.equal(shown.plane.run.labelled.places[1:], labelled.places[1:])
    assert shown.plane.alone.labelled is shown.plane.run.labelled
    shown.train(120)
    shoot(f"dragged-{'dark' if dark else 'light'}")
    assert (np.abs(shown.picture() - before).max(2) > 40).mean() > 0.05
    assert page.said == []


def test_everything_works_by_keyboard_and_the_canvas_says_what_it_shows(page, shoot):
    shown = Shown(page)
    run = shown.plane.run
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    place = run.labelled.places[1].clone()
    page.keyboard.press("n")
    page.keyboard.press("ArrowRight")
    shown.until(lambda: torch.allclose(run.labelled.places[1], place + torch.tensor([0.05, 0.0]), atol=1e-4))
    kind = int(run.labelled.classes[1])
    page.keyboard.press(str(2 - kind))
    shown.until(lambda: int(run.labelled.classes[1]) == 1 - kind)
    page.keyboard.press("a")
    shown.until(lambda: len(run.labelled.classes) == plane.LABELS + 1)
    assert run.labelled.places[-1].tolist() == [0, 0]
    shoot("focus")
    for _ in range(plane.LABELS + 3):
        page.keyboard.press("Delete")
    shown.until(lambda: len(run.labelled.classes) == 1)  # the last one stays
    assert "Three pictures of the plane" in shown.canvas.get_attribute("aria-label")
    assert page.said == []


def test_points_can_be_painted(page, shoot):
    shown = Shown(page, data=plane.PAINTED)
    box = shown.canvas.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 90, steps=20)
    page.mouse.up()
    shown.until(lambda: shown.plane.canvas.painted)
    painted = shown.plane.run.unlabelled
    assert len(painted) > 30
    assert painted[:, 1].min() > 0  # all of them in the upper half, where the stroke was
    shown.show()
    shoot("painted")
    assert page.said == []


@pytest.mark.parametrize("page", [PHONE], indirect=True)
def test_it_fits_a_phone(page, shoot):
    shown = Shown(page)
    assert shown.canvas.bounding_box()["width"] <= 390
    before = shown.plane.run.labelled
    x, y = shown.on_screen(before.places[0])
    page.touchscreen.tap(x + 8, y)  # beside it, but within a fingertip: it is moved there, and none is added
    shown.until(lambda: shown.plane.run.labelled is not before)
    assert len(shown.plane.run.labelled.classes) == plane.LABELS
    shoot("phone")
