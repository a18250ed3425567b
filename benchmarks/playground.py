"""What watching a run costs, how soon it stops, and how soon another cell answers: in a real Jupyter kernel."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import ROOT, spread

PAIRS = 5  # runs with and without the playground, in turn
STOPS = 5
ANSWERS = 20
PREPARE = """
import time
from sgan_utils.config import SGANConfig
from sgan_utils.data import load_mnist, split_sources
from sgan_utils.widgets.live import watchable
from sgan_utils.training import train
from sgan_utils.widgets.playground import Playground

play = Playground(load_mnist())
config = watchable(SGANConfig.preset("lesson"))
sources = split_sources(play.data, config)
train(config.but(steps=20), sources, progress=False)
play.run("lesson", steps=20)
"""
ALONE = "print(train(config, sources, progress=False).train_seconds)"
WATCHED = "print(play.run('lesson').run.train_seconds)"
BEGIN = """
play.knobs.choose('lesson'); play.knobs.controls['steps'].value = 100_000
before, picture = time.perf_counter(), play.samples.value
play.start.click()
while not play.live.frames or play.samples.value == picture:
    time.sleep(0.001)
print(time.perf_counter() - before)
"""
STOP = """
before = time.perf_counter()
play.stop.click()
while play.live.state == "running":
    time.sleep(0.001)
print(time.perf_counter() - before)
play.live.wait()
"""


def measure(pairs: int = PAIRS, stops: int = STOPS, answers: int = ANSWERS) -> dict[str, Any]:
    """Seconds of the lesson's run with and without the playground, in turn; of stopping; of a cell's answer."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(ROOT), extra_arguments=["--IPKernelApp.log_level=ERROR"]
    )
    try:
        _printed(client, PREPARE)
        seconds: dict[str, list[float]] = {"alone": [], "watched": [], "first": [], "stop": [], "answer": []}
        for _ in range(pairs):
            seconds["alone"].append(float(_printed(client, ALONE)))
            seconds["watched"].append(float(_printed(client, WATCHED)))
        for _ in range(stops):
            seconds["first"].append(float(_printed(client, BEGIN)))
            time.sleep(2)
            for _ in range(answers // stops):
                before = time.perf_counter()
                _printed(client, "print(1 + 1)")
                seconds["answer"].append(time.perf_counter() - before)
                time.sleep(0.1)
            seconds["stop"].append(float(_printed(client, STOP)))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    found = {name: spread(values) for name, values in seconds.items()}
    pairs_of_runs = zip(seconds["watched"], seconds["alone"], strict=True)
    return {
        "cost": round(statistics.median(watched / alone for watched, alone in pairs_of_runs) - 1, 4),
        "slowest_first_picture_seconds": found["first"]["high"],
        "slowest_stop_seconds": found["stop"]["high"],
        "slowest_answer_seconds": found["answer"]["high"],
        "seconds": found,
    }


def _printed(client: Any, code: str) -> str:
    """What a cell prints.

    Raises:
        RuntimeError: with the error, if it raises.
    """
    printed = []

    def gather(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=300, output_hook=gather)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
    return "".join(printed)
