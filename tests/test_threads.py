"""The number of threads is chosen once, by a race, and nobody's own choice is overruled."""

import subprocess
import sys
import warnings

import pytest
import torch

from sgan_utils.support import threads
from sgan_utils.support.errors import SGANError


@pytest.fixture
def unsettled(monkeypatch):
    """A process of a machine with four cores that has not chosen yet."""
    for name in ("SGAN_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_settled", False)
    monkeypatch.setattr(threads, "_default", 4)
    monkeypatch.setattr(threads, "STEPS", 0)  # nobody looks at a real clock here
    torch.set_num_threads(4)


@pytest.fixture
def clock(monkeypatch):
    """A clock by which a step takes as long as the test says, for each number of threads."""

    def set_clock(seconds_a_step):
        now = 0.0

        def perf_counter():
            nonlocal now
            now += seconds_a_step[torch.get_num_threads()]
            return now

        monkeypatch.setattr(threads.time, "perf_counter", perf_counter)

    return set_clock


@pytest.mark.parametrize(
    ("seconds_a_step", "wanted"),
    [
        ({1: 1.0, 2: 0.6, 4: 0.4}, 4),
        ({1: 1.0, 2: 0.6, 4: 0.9}, 2),
        ({1: 1.0, 2: 5.0, 4: 9.0}, 1),  # another program computes
        ({1: 1.0, 2: 0.95, 4: 0.93}, 1),  # hardly faster
    ],
)
def test_as_many_threads_as_are_clearly_fastest(unsettled, clock, seconds_a_step, wanted):
    clock(seconds_a_step)
    assert threads.settle_threads() == wanted
    assert torch.get_num_threads() == wanted


def test_rounds_that_something_came_between_do_not_decide(unsettled, monkeypatch):
    now, rounds = 0.0, 0

    def perf_counter():
        nonlocal now, rounds
        rounds += 1
        disturbed = torch.get_num_threads() == 4 and rounds % 5 == 0
        now += {1: 1.0, 2: 0.6, 4: 0.4}[torch.get_num_threads()] + 5 * disturbed
        return now

    monkeypatch.setattr(threads.time, "perf_counter", perf_counter)
    assert threads.settle_threads() == 4


def test_who_is_far_behind_runs_no_further(unsettled, monkeypatch):
    now, readings = 0.0, []

    def perf_counter():
        nonlocal now
        readings.append(torch.get_num_threads())
        now += {1: 1.0, 2: 5.0, 4: 9.0}[readings[-1]]
        return now

    monkeypatch.setattr(threads.time, "perf_counter", perf_counter)
    assert threads.settle_threads() == 1
    assert readings.count(1) == 2 * threads.ROUNDS - 1  # before and after each round but the first
    assert readings.count(4) == 2 * 3 - 1


def test_the_choice_is_made_once(unsettled, clock):
    clock({1: 1.0, 2: 0.6, 4: 0.4})
    threads.settle_threads()
    clock({1: 1.0, 2: 5.0, 4: 9.0})
    assert threads.settle_threads() == 4


def test_a_number_that_somebody_has_set_is_kept(unsettled, clock, monkeypatch):
    clock({1: 1.0, 2: 0.6, 4: 0.4})
    torch.set_num_threads(3)
    assert threads.settle_threads() == 3
    monkeypatch.setattr(threads, "_settled", False)
    monkeypatch.setenv("SGAN_THREADS", "2")
    assert threads.settle_threads() == 2


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "99999"])
def test_what_is_no_number_of_threads_is_refused_in_a_sentence(unsettled, monkeypatch, wrong):
    monkeypatch.setenv("SGAN_THREADS", wrong)
    with pytest.raises(SGANError, match=f"SGAN_THREADS is '{wrong}': set it to a whole number from 1 to 1024"):
        threads.settle_threads()


def test_the_race_changes_no_random_numbers(unsettled, monkeypatch):
    monkeypatch.setattr(threads, "STEPS", 1)
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    threads.settle_threads()
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("capabilities", [{}, {"avx512_bf16": True}])
def test_the_race_says_nothing_whatever_the_cpu_has(unsettled, monkeypatch, capabilities):
    monkeypatch.setattr(threads, "STEPS", 1)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads.settle_threads()


def test_a_process_settles_before_it_computes():
    code = "import torch; from sgan_utils.data import load_mnist; load_mnist(); print(torch.get_num_threads())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"SGAN_THREADS": "3"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3\n"
