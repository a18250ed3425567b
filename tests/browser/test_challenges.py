"""The challenges: one is solved by training, one by looking, and each says how far one has got."""

import pytest

from sgan_utils.support.plane import label_some
from sgan_utils.widgets import plane
from sgan_utils.widgets.challenge_view import TWO_RUNS
from sgan_utils.widgets.challenges import CHALLENGES
from sgan_utils.widgets.two_runs import CLEARER, SOONER
from tests.browser.lesson import open_playground
from tests.browser.test_plane_live import Played
from tests.test_plane_challenge import MOONS, tips

pytestmark = pytest.mark.slow

COLLAPSE, FIFTY = list(CHALLENGES)


@pytest.mark.parametrize("place", ["app", "lab"])
def test_challenges_are_solved(page, place, request, shoot):
    lesson = open_playground(page, place, request)
    shoot(f"{place}-closed")
    page.get_by_text("Challenges", exact=True).click()
    page.get_by_text("Whatever its latents").wait_for()
    shoot(f"{place}-first")
    lesson.press("Set the knobs")
    page.get_by_text("G learns much faster than D and finds one picture").first.wait_for()
    lesson.choose("Loss of G", "feature_matching")
    lesson.press("Start")
    lesson.until(lambda: lesson.status.startswith("Finished"), seconds=240, what="the run to end")
    page.get_by_text("Solved. Turned: “Loss of G”.").wait_for()
    page.get_by_text("1 of 3 solved.").wait_for()
    shoot(f"{place}-rescued")

    lesson.choose("Challenge", FIFTY)
    page.get_by_text("This run has 30,000 labels; 50 are allowed.").wait_for()
    lesson.press("Set the knobs")
    lesson.until(lambda: lesson.labelled("Labelled images").inner_text().endswith("50"), what="fifty labels")
    shoot(f"{place}-fifty")

    lesson.choose("Challenge", TWO_RUNS)
    page.locator(".sgan-both-1").wait_for()
    lesson.choose("because", CLEARER)
    page.get_by_text("Choose a run and a reason.").wait_for()
    verdict, right = page.locator(".sgan-verdict:visible"), ""
    lesson.choose("because", SOONER)
    for run, other in ("AB", "BA"):
        lesson.choose("It was run", run)
        answers = (f"Solved. Run {run}", f"it speaks for run {other}")
        lesson.until(lambda said=answers: any(one in verdict.inner_text() for one in said), what="an answer")
        right = right or (run if "Solved" in verdict.inner_text() else other)
    lesson.choose("It was run", right)
    lesson.choose("because", CLEARER)
    page.get_by_text(f"Run {right} it is, but the reason does not hold: look again").wait_for()
    page.get_by_text("2 of 3 solved.").first.wait_for()
    shoot(f"{place}-two-runs")
    assert page.said == []


@pytest.mark.parametrize("place", ["app", "lab"])
def test_right_labels_mislead_on_the_plane(page, place, request, shoot):
    played = Played(page, place, request)
    page.get_by_text("A challenge: right labels that mislead").click()
    page.get_by_text("Right labels can mislead.").wait_for()
    labels = list(zip(*label_some(MOONS, plane.LABELS, 0), strict=True))
    played.canvas.scroll_into_view_if_needed()
    played.canvas.focus()
    at = 0  # which label is chosen: keep the first of each colour
    while len(labels) > 2:
        if labels[at][1] in [kind for _, kind in labels[:at]]:
            page.keyboard.press("Delete")
            labels.pop(at)
            at = max(0, at - 1)
            page.get_by_text(f"{len(labels)} right labels, and").wait_for()  # else an earlier answer undoes it
        else:
            page.keyboard.press("n")
            at = (at + 1) % len(labels)
    goals = dict(zip(tips().classes.tolist(), tips().places, strict=True))
    for place, kind in labels:
        played.drag(played.on_screen(place), played.on_screen(goals[int(kind)]))
        page.wait_for_timeout(1500)
    page.get_by_text("2 right labels, and D is right about").wait_for()
    played.train(200)
    page.get_by_text("Solved. 2 right labels").wait_for()
    shoot(f"{place}-plane")
    assert page.said == []
