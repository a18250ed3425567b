"""It ends when you leave: a page takes its run and its kernel along, the app its server and all kernels."""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from statistics import mean

import psutil
import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.browser.conftest import TOKEN, app_command, free_port, serving
from tests.browser.lesson import PATIENCE, open_voila, wait_for_steps

pytestmark = pytest.mark.slow
TABS = 30


def kernel_of(page):
    return json.loads(page.locator("#jupyter-config-data").text_content())["kernelId"]


def lives(address, kernel):
    try:
        urllib.request.urlopen(f"{address}/api/kernels/{kernel}?token={TOKEN}")
    except urllib.error.HTTPError as refused:
        assert refused.code == 404
        return False
    return True


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)


def train(page, voila):
    lesson = open_voila(page, voila)
    lesson.press("Start")
    wait_for_steps(lesson)
    return kernel_of(page)


@pytest.mark.parametrize("way", ["close", "navigate", "reload", "crash"])
def test_a_page_that_is_left_ends_its_run_and_its_kernel_within_a_minute(page, voila, way):
    kernel = train(page, voila)
    assert lives(voila, kernel)
    if way == "close":
        page.close(run_before_unload=True)
    elif way == "navigate":
        page.goto("about:blank")
    elif way == "reload":
        page.reload(timeout=PATIENCE)
        assert kernel_of(page) != kernel  # a page begins anew
    else:
        page.close()  # without a word to the page: only the server can notice
    until(lambda: not lives(voila, kernel), 60, "the kernel to end")


def test_another_tab_is_none_of_its_business(page, voila):
    other = page.context.new_page()
    open_voila(other, voila)
    kernel = train(page, voila)
    other.close(run_before_unload=True)
    page.wait_for_timeout(25_000)
    assert lives(voila, kernel)


@pytest.mark.parametrize(("origin", "answered"), [(None, 403), ("http://elsewhere.example", 403), ("its own", 404)])
def test_only_a_page_of_the_app_comes_near_a_kernel(voila, origin, answered):
    """No kernel has this number: who is let in is told so, who is not never asks."""
    address = f"{voila.replace('http', 'ws')}/api/kernels/01234567-89ab-cdef-0123-456789abcdef/channels?token={TOKEN}"
    headers = {"Origin": voila if origin == "its own" else origin} if origin else {}

    async def knock():
        await websocket_connect(HTTPRequest(address, headers=headers, connect_timeout=60, request_timeout=60))

    with pytest.raises(HTTPClientError) as refused, ThreadPoolExecutor(1) as own_thread:  # a loop runs in this one
        own_thread.submit(asyncio.run, knock()).result()
    assert refused.value.code == answered


def test_whoever_has_no_token_gets_neither_page_nor_kernel(voila):
    assert "/login" in urllib.request.urlopen(voila).url
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{voila}/api/kernels/01234567-89ab-cdef-0123-456789abcdef")


def test_a_connection_that_breaks_for_a_moment_ends_nothing(page, voila):
    kernel = train(page, voila)
    page.context.set_offline(True)
    page.wait_for_timeout(3000)
    page.context.set_offline(False)
    page.wait_for_timeout(25_000)
    assert lives(voila, kernel)


@pytest.mark.endurance
@pytest.mark.timeout(3600)
def test_tabs_that_come_and_go_all_day_leave_the_server_as_it_was(chromium, tmp_path):
    port, memory = free_port(), []
    with serving(app_command(port), port, tmp_path, tmp_path / "app.log") as app:
        server = psutil.Process(app.pid)
        before = len(server.children(recursive=True))
        for number in range(TABS):
            page = chromium.new_page()
            train(page, f"http://127.0.0.1:{port}")
            page.close(run_before_unload=number % 2 == 0)  # the others are lost without a word
            until(lambda: len(server.children(recursive=True)) == before, 90, "the kernels to end")
            memory.append(server.memory_info().rss)
        assert mean(memory[-3:]) / mean(memory[3:6]) < 1.05
        assert list((tmp_path / "runtime").glob("kernel-*.json")) == []
        app.send_signal(signal.SIGTERM)
        assert app.wait(60) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_app_takes_its_server_and_kernels_along(chromium, tmp_path, how):
    port = free_port()
    with serving(app_command(port), port, tmp_path, tmp_path / "app.log") as app:
        page = chromium.new_page()
        train(page, f"http://127.0.0.1:{port}")
        family = psutil.Process(app.pid).children(recursive=True)
        assert family  # the kernel is one
        app.send_signal(how)
        assert app.wait(60) == 0
        _, alive = psutil.wait_procs(family, 30)
        assert alive == []
        page.close()


def test_an_app_that_is_killed_leaves_no_kernel_behind(chromium, tmp_path):
    port = free_port()
    with serving(app_command(port), port, tmp_path, tmp_path / "app.log") as app:
        page = chromium.new_page()
        train(page, f"http://127.0.0.1:{port}")
        family = psutil.Process(app.pid).children(recursive=True)
        app.kill()
        _, alive = psutil.wait_procs(family, 60)
        assert alive == []
        page.close()
