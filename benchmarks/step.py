"""One training step against what this machine can do: arithmetic, memory, and where the time goes."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import median_seconds, seconds_of, spread
from sgan_utils import training
from sgan_utils.config import SGANConfig
from sgan_utils.data import Batches, load_mnist, split_sources
from sgan_utils.support.hardware import keep_freed_memory, pick_precision
from sgan_utils.support.run import Run

WARM_UP, ROUNDS, STEPS = 30, 5, 30
PROFILED_STEPS = 20
MATRIX = 2048  # rows and columns of the product that counts as the peak
COPIED = 64_000_000  # bytes
NETWORKS = {"lesson": "lesson", "wide": "post"}  # name in the record -> preset
Convolution = nn.Conv2d | nn.ConvTranspose2d


def measure(rounds: int = ROUNDS, steps: int = STEPS) -> dict[str, Any]:
    """The lesson's step and that of the post's wider networks, in float32 and where there is one, in bfloat16."""
    keep_freed_memory()  # as every training does
    auto = str(pick_precision("auto", torch.device("cpu"))).removeprefix("torch.")
    precisions = list(dict.fromkeys(["float32", auto]))
    peaks = {precision: matrix_gflops(getattr(torch, precision)) for precision in precisions}
    found = {name: measure_networks(preset, precisions, rounds, steps) for name, preset in NETWORKS.items()}
    step = found["lesson"]["float32"]
    return {
        "images_per_second": found["lesson"][auto]["images_per_second"],
        "images_per_second_is": f"unlabelled images, in {auto} as the lesson takes it",
        "gflops": step["gflops"],
        "peak_gflops": peaks["float32"],
        "share_of_peak": round(step["gflops"] / peaks["float32"], 4),
        "share_of_peak_is": f"the lesson's step in float32 / a float32 product of {MATRIX} x {MATRIX} matrices",
        "shares": shares(found, peaks),
        "peaks_gflops": peaks,
        "copy_gb_per_second": copy_speed(),
        **found,
    }


def shares(found: dict[str, Any], peaks: dict[str, float]) -> dict[str, float]:
    """Steps and convolutions of both networks over the peaks, by name; one in float32 has just that one peak."""
    return {
        f"{name} {precision} {what} / {peak} peak": round(numbers["gflops"] / peaks[peak], 4)
        for name in found
        for precision in peaks
        for what, numbers in (
            ("step", found[name][precision]),
            ("convolutions", found[name][precision]["convolutions"]),
        )
        for peak in dict.fromkeys(["float32", precision])
    }


def measure_networks(preset: str, precisions: list[str], rounds: int, steps: int) -> dict[str, Any]:
    """Steps of one preset, the precisions in alternation; then its convolutions alone, and a table by operation."""
    trained = {precision: Steps(SGANConfig.preset(preset, precision=precision)) for precision in precisions}
    for one in trained.values():
        one.take(WARM_UP)
    seconds: dict[str, list[list[float]]] = {precision: [] for precision in precisions}
    for _ in range(rounds):
        for precision, one in trained.items():
            seconds[precision].append([seconds_of(one.take) for _ in range(steps)])
    return {precision: describe(one, seconds[precision]) for precision, one in trained.items()}


def describe(one: Steps, seconds: list[list[float]]) -> dict[str, Any]:
    """All that is to say about one preset in one precision, given the seconds of its steps, round by round."""
    median = statistics.median(second for round_ in seconds for second in round_)
    flops, moved = flops_of(one.take), bytes_of(one.take)
    return {
        "milliseconds": round(median * 1e3, 3),
        "milliseconds_by_round": spread([statistics.median(round_) * 1e3 for round_ in seconds], 3),
        "images_per_second": round(one.run.config.batch_size / median, 1),
        "gflop_a_step": round(flops / 1e9, 4),
        "gflops": round(flops / median / 1e9, 2),
        "megabytes_a_step": round(moved / 1e6, 2),
        "flop_per_byte": round(flops / moved, 2),
        "convolutions": convolutions_alone(one),
        "where_it_goes": where_it_goes(one.take),
    }


class Steps:
    """A training run that goes on step by step, for as long as somebody asks."""

    def __init__(self, config: SGANConfig) -> None:
        sources = split_sources(load_mnist(), config)
        self.run = Run.start(config, sources)
        self._labelled = Batches((sources.labelled_images, sources.labelled_labels), config.labelled_batch_size, 0)
        self._unlabelled = Batches((sources.unlabelled_images,), config.batch_size, 1)

    def take(self, count: int = 1) -> None:
        """Some steps, exactly as ``train`` takes them."""
        for _ in range(count):
            if self.run.step == self.run.config.steps:  # past the end, the learning rates would turn negative
                self.run.step = 0
            step = self.run.step
            training.one_step(self.run, self._labelled[step], *self._unlabelled[step])


# What the machine can do


def matrix_gflops(dtype: torch.dtype, size: int = MATRIX) -> float:
    """The rate of a product of two large square matrices: what counts as the peak."""
    a, b, out = (torch.randn(size, size).to(dtype) for _ in range(3))
    return round(2 * size**3 / median_seconds(lambda: torch.mm(a, b, out=out)) / 1e9, 1)


def copy_speed(count: int = COPIED) -> float:
    """GB a second that a copy reads and writes."""
    source, target = torch.ones(count, dtype=torch.uint8), torch.zeros(count, dtype=torch.uint8)
    return round(2 * count / median_seconds(lambda: target.copy_(source)) / 1e9, 2)


# What a step needs


def flops_of(call: Callable[[], object]) -> int:
    """Floating-point operations of all convolutions and matrix products in a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


class BytesMoved(TorchDispatchMode):
    """Counts the sizes of everything that operations read and write, as if nothing stayed in a cache."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: tuple = (), named: dict[str, Any] | None = None
    ) -> Any:
        """Let the operation happen; a view moves nothing."""
        results = operation(*arguments, **(named or {}))
        if not operation.is_view:
            touched = tree_leaves((arguments, named, results))
            self.total += sum(tensor.nbytes for tensor in touched if isinstance(tensor, Tensor))
        return results


def bytes_of(call: Callable[[], object]) -> int:
    """Bytes that a call's operations read and write, by the sizes of their inputs and outputs."""
    with BytesMoved() as counter:
        call()
    return counter.total


# The convolutions alone


@dataclass(frozen=True)
class ConvolutionCall:
    """One convolution as a step makes it."""

    module: Convolution
    images: Tensor
    wants_input_gradient: bool
    wants_weight_gradient: bool

    def directions(self, dtype: torch.dtype) -> list[tuple[Callable[[], object], int]]:
        """Forward and the gradients that are wanted: what to call, and the bytes that it moves."""
        module = self.module
        x, weight = (
            tensor.detach().to(dtype, memory_format=torch.channels_last) for tensor in (self.images, module.weight)
        )
        transposed = isinstance(module, nn.ConvTranspose2d)
        fixed = (module.stride, module.padding, module.dilation, transposed, module.output_padding, module.groups)

        def forward() -> Tensor:
            return torch.ops.aten.convolution(x, weight, None, *fixed)

        def backward(wanted: tuple[bool, bool, bool]) -> object:
            return torch.ops.aten.convolution_backward(gradient, x, weight, None, *fixed, wanted)

        gradient = torch.randn_like(forward())
        calls: list[Callable[[], object]] = [forward]
        if self.wants_input_gradient:
            calls.append(lambda: backward((True, False, False)))
        if self.wants_weight_gradient:
            calls.append(lambda: backward((False, True, False)))
        return [(call, x.nbytes + weight.nbytes + gradient.nbytes) for call in calls]


@contextmanager
def noting_convolutions(run: Run) -> Iterator[list[ConvolutionCall]]:
    """Notes down every convolution that D and G are asked for meanwhile."""
    calls: list[ConvolutionCall] = []

    def note(module: Convolution, inputs: tuple[Tensor], output: Tensor) -> None:
        (images,) = inputs
        calls.append(ConvolutionCall(module, images.detach(), images.requires_grad, module.weight.requires_grad))

    hooks = [
        module.register_forward_hook(note)
        for model in (run.generator, run.last_discriminator)
        for module in model.modules()
        if isinstance(module, Convolution)
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def convolutions_alone(one: Steps) -> dict[str, Any]:
    """The rate of the convolutions of one step, each repeated by itself, without anything between them."""
    with noting_convolutions(one.run) as calls:
        one.take()
    seconds, flops, moved = 0.0, 0, 0
    with torch.no_grad():
        for call, size in (direction for made in calls for direction in made.directions(one.run.precision)):
            seconds += median_seconds(call)
            flops += flops_of(call)
            moved += size
    return {
        "milliseconds": round(seconds * 1e3, 3),
        "gflop_a_step": round(flops / 1e9, 4),
        "gflops": round(flops / seconds / 1e9, 2),
        "flop_per_byte": round(flops / moved, 2),
    }


# Where the time goes

# The first pattern that is found in an operation's name decides its kind.
KINDS = {
    "convolutions, backward": r"convolution_?backward",
    "convolutions, forward": r"convolution|conv2d|conv_transpose",
    "batch normalisation": r"batch_?norm",
    "optimiser and averages": r"optimizer|adam|lerp|foreach",
    "activations": r"relu|tanh|threshold|clamp_min|sigmoid|softplus",
    "linear layers": r"addmm|::mm|linear|mmbackward|aten::t$|\btbackward",
    "copies and casts": r"copy|::to$|contiguous|clone|index_select|::cat$|::stack$",
}
REST = "everything else"


def kind_of(operation: str) -> str:
    """The kind that an operation belongs to, by its name in the profiler."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, operation.lower())), REST)


def by_kind(seconds: dict[str, float], wall: float) -> dict[str, float]:
    """Seconds of operations, added up by kind; what ``wall`` has more, such as Python's own, is "everything else"."""
    found = dict.fromkeys([*KINDS, REST], 0.0)
    for operation, time_ in seconds.items():
        found[kind_of(operation)] += time_
    found[REST] += max(0.0, wall - sum(seconds.values()))
    return found


def where_it_goes(take: Callable[[int], None], steps: int = PROFILED_STEPS) -> dict[str, dict[str, float]]:
    """A step's time by kind of operation, in milliseconds and as a fraction.

    The profiler is started twice: what the first start measures are mostly pages of fresh memory.
    """
    for _ in range(2):
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            before = time.perf_counter()
            take(steps)
            wall = time.perf_counter() - before
    own = {event.key: event.self_cpu_time_total / 1e6 for event in profiler.key_averages()}
    found = by_kind(own, wall)
    total = sum(found.values())
    return {
        kind: {"milliseconds": round(seconds / steps * 1e3, 3), "share": round(seconds / total, 4)}
        for kind, seconds in found.items()
    }
