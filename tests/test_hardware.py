"""The choice of device and number format."""

import ctypes
import os
import subprocess
import sys

import pytest
import torch

from sgan_utils.support.errors import SGANError
from sgan_utils.support.hardware import hand_over_threads, pick_device, pick_precision


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_first_of_cuda_mps_and_cpu_that_is_there(monkeypatch, cuda, mps, wanted):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch, "empty", lambda *size, device: None)  # as if the device answered
    assert pick_device("auto").type == wanted


def test_a_named_device_is_taken_at_its_word(device):
    assert pick_device(device).type == device
    assert pick_device().type in ("cpu", "cuda", "mps")


def test_the_cpu_is_taken_where_it_is_named_even_beside_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "CPU"])
def test_a_device_that_is_not_there_is_named_with_the_choices(name):
    with pytest.raises(SGANError) as caught:
        pick_device(name)
    assert str(caught.value) == f"device {name!r} cannot be used here: choose auto, cpu, cuda or mps."


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_named_precision_is_taken_at_its_word(name, kind):
    assert pick_precision(name, torch.device(kind)) == getattr(torch, name)


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ({}, torch.float32),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_auto_precision_on_a_cpu_is_bfloat16_only_with_the_instructions(monkeypatch, capabilities, wanted):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert pick_precision("auto", torch.device("cpu")) == wanted


@pytest.mark.parametrize(("native", "wanted"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_precision_on_a_gpu_does_not_count_emulation(monkeypatch, native, wanted):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    assert pick_precision("auto", torch.device("cuda")) == wanted


def test_auto_precision_on_mps_is_float32():
    assert pick_precision("auto", torch.device("mps")) == torch.float32


def test_freed_memory_stays_with_the_process_where_glibc_is():
    if sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("this machine's C library has no mallopt")
    code = """
import resource, torch
from sgan_utils.support.hardware import keep_freed_memory
keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pages = 20 * 40_000_000 // os.sysconf("SC_PAGE_SIZE")  # asked of Linux if every block were handed back
    assert int(done.stdout) < pages / 2  # not a quarter: where memory is short, Linux fetches some back itself


def test_after_handing_threads_over_this_thread_computes_as_before():
    matrix = torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    before = matrix @ matrix
    hand_over_threads()
    hand_over_threads()
    assert torch.equal(matrix @ matrix, before)
