"""Every page of the site in a real browser, on a phone's and on a desktop's width, from a plain folder."""

from urllib.parse import urlsplit

import pytest

from sgan_workshop.publish.post import build_post
from tests.browser.conftest import SCREENSHOTS

pytestmark = pytest.mark.slow

WIDTHS = {"phone": (390, 844), "desktop": (1400, 1000)}
LOOKED_AT = ["index", "post", "study", "hyperparameters", "teaching", "api/sgan_utils.losses", "notebooks/03_training"]

FAULTS = r"""() => {
    const faults = [];
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) {
        const wide = [...document.querySelectorAll('main *')].filter(
            (one) => one.getBoundingClientRect().right > page.clientWidth + 1);
        const who = wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 120));
        faults.push(`scrolls sideways: ${page.scrollWidth} > ${page.clientWidth}, ${who}`);
    }
    for (const image of document.images) {
        if (!image.alt.trim()) faults.push(`no alternative text: ${image.src}`);
        if (!image.complete || !image.naturalWidth) faults.push(`does not load: ${image.src}`);
    }
    for (const equation of document.querySelectorAll('math')) {
        const seen = !equation.closest('details:not([open])');
        if (seen && !equation.getBoundingClientRect().width) faults.push(`empty equation: ${equation.textContent}`);
    }
    const prose = document.querySelector('main').cloneNode(true);
    for (const code of prose.querySelectorAll('pre, code, math')) code.remove();
    for (const raw of prose.textContent.match(/\$\$|\\(frac|mathbb|log|sigma)|\{\{/g) || []) faults.push(`raw: ${raw}`);
    return faults;
}"""


def missing(request):
    """Whether a file is not there; a request is also given up when the next page is opened."""
    return request.failure != "net::ERR_ABORTED"


@pytest.fixture
def faults(page):
    """What goes wrong on a page while it is open."""
    found = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: found.append(f"failed: {request.url}") if missing(request) else None)
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_whole(page, site, faults, width):
    page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width], strict=True)))
    pages = sorted(path for path in site.rglob("*.html") if not path.relative_to(site).parts[0].startswith("_"))
    pages.remove(site / "404.html")  # of a server only
    assert len(pages) > 40
    wrong = {}
    for path in pages:
        name = path.relative_to(site).with_suffix("").as_posix()
        page.goto(path.as_uri())
        if told := [*page.evaluate(FAULTS), *faults, *page.said]:
            wrong[name] = told
        faults.clear()
        page.said.clear()
        if name in LOOKED_AT:
            for mode in ("light", "dark"):
                page.evaluate(f"document.documentElement.dataset.theme = '{mode}'")
                place = SCREENSHOTS / "site" / f"{name.replace('/', '-')}-{width}-{mode}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=place, full_page=True)
    assert wrong == {}


def test_a_wrong_address_gets_a_whole_page_in_any_folder(page, site, faults):
    def answer(route):
        path = site / urlsplit(route.request.url).path.removeprefix("/sgan-workshop/")
        route.fulfill(path=path) if path.is_file() else route.fulfill(status=404, path=site / "404.html")

    page.route("http://127.0.0.1:9/**", answer)
    page.goto("http://127.0.0.1:9/sgan-workshop/lessons/of/old.html")
    assert [*page.evaluate(FAULTS), *page.said] == []
    assert not [fault for fault in faults if "404" not in fault]  # of the page itself
    page.get_by_role("link", name="the first page").click()
    assert page.url == "http://127.0.0.1:9/sgan-workshop/index.html"


def test_the_search_finds_feature_matching(page, site, faults):
    page.goto(f"{(site / 'search.html').as_uri()}?q=feature+matching")
    found = page.locator("#search-results a")
    found.first.wait_for()
    assert any("07_beyond_the_paper" in link.get_attribute("href") for link in found.all())
    assert faults == []


def test_the_study_can_be_sorted(page, site):
    page.goto((site / "study.html").as_uri())
    table = page.locator("table.sortable").first

    def column(number):
        cells = table.locator(f"tbody td:nth-child({number})").all_inner_texts()
        return [float(text.split()[0]) for text in cells if text]

    before = column(4)
    table.get_by_role("button", name="accuracy").click()
    assert column(4) == sorted(before)
    table.get_by_role("button", name="accuracy").press("Enter")
    assert column(4) == sorted(before, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_solutions_are_folded_until_somebody_opens_them(page, site):
    page.goto((site / "notebooks" / "06_label_efficiency.html").as_uri())
    code = page.locator("details", has_text="error = differences").first
    assert not code.locator("pre").first.is_visible()
    code.locator("summary").click()
    assert code.locator("pre").first.is_visible()


def test_the_post_in_one_file_is_whole_on_a_phone(page, tmp_path, faults):
    post, _ = build_post(tmp_path)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(post.as_uri())
    assert page.evaluate(FAULTS) == []
    assert faults == []
    for mode in ("light", "dark"):
        page.emulate_media(color_scheme=mode)
        page.screenshot(path=SCREENSHOTS / "site" / f"post-one-file-{mode}.png", full_page=True)
