"""With how many threads torch computes in this process."""

from __future__ import annotations

import os
import time

import torch
from torch import nn

from sgan_utils.support.errors import SGANError
from sgan_utils.support.hardware import computing_in, pick_precision

ROUNDS, STEPS = 12, 3  # of the race: enough to meet another busy program, and over in half a second
CANDIDATES = (1, 2, 4, 8)  # more threads than that have too little to do in images of 28x28
HOPELESS = 2.0  # times the best: out of the race
GAIN = 0.9  # a further thread has to take a tenth off the time, or it is left to others

_default = torch.get_num_threads()
_settled = False


def settle_threads() -> int:
    """Choose, once in a process, with how many threads torch computes on the CPU: as many as are fastest right now.

    After every operation all threads wait for the last one. Where another program computes as well, two threads on two
    cores are therefore several times slower than one; on a quiet machine they are faster. A short race decides. It is
    run once, because the number of threads shows in the last digits of what is computed. Whoever has set a number (by
    the environment variable ``SGAN_THREADS`` or ``OMP_NUM_THREADS``, or by ``torch.set_num_threads``) keeps it.

    Returns:
        The number of threads.

    Raises:
        SGANError: if ``SGAN_THREADS`` is no positive whole number.
    """
    global _settled
    if not _settled:
        _settled = True
        if wanted := os.environ.get("SGAN_THREADS"):
            torch.set_num_threads(_whole_number(wanted))
        elif torch.get_num_threads() == _default > 1 and not os.environ.get("OMP_NUM_THREADS"):
            torch.set_num_threads(_fastest([count for count in CANDIDATES if count < _default] + [_default]))
    return torch.get_num_threads()


def _whole_number(wanted: str) -> int:
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 1_024:
        raise SGANError(f"SGAN_THREADS is {wanted!r}: set it to a whole number from 1 to 1024, or unset it.")
    return int(wanted)


def _fastest(candidates: list[int]) -> int:
    """The number of threads that wins, the smaller one where it hardly matters."""
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Conv2d(32, 64, 5, stride=2, padding=2), nn.BatchNorm2d(64), nn.LeakyReLU(0.2))
        network = network.to(memory_format=torch.channels_last)
        images = torch.randn(50, 32, 14, 14).to(memory_format=torch.channels_last)
    cpu = torch.device("cpu")
    precision = pick_precision("auto", cpu)
    seconds: dict[int, list[float]] = {count: [] for count in candidates}

    def typical(count: int) -> float:
        return sorted(seconds[count])[1]  # the second best is neither luck nor what came between

    racing = candidates
    for round_ in range(ROUNDS):
        for count in racing:
            torch.set_num_threads(count)
            before = time.perf_counter()
            for _ in range(STEPS):
                with computing_in(precision, cpu):
                    output = network(images)
                output.float().sum().backward()
            if round_:  # the first one warms up
                seconds[count].append(time.perf_counter() - before)
        if round_ == 2:  # beside two busy programs, too many threads would make the race itself last
            best_so_far = min(min(seconds[count]) for count in racing)
            racing = [count for count in racing if min(seconds[count]) < HOPELESS * best_so_far]
    best = racing[0]
    for count in racing[1:]:
        if typical(count) < GAIN * typical(best):
            best = count
    return best
