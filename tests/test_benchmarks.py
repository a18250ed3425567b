"""The benchmark measures what it says, keeps what it has, and leaves nothing out. No test looks at a clock."""

import ast
import io
import json
from contextlib import contextmanager

import pytest
import torch
from rich.console import Console
from torch import nn

from benchmarks import __main__ as command
from benchmarks import company, cost, growth, measure, one_run, recipe, runner, several, step, time_to_98
from benchmarks.mutations import mutants
from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.results import Record
from sgan_utils.support.errors import SGANError
from sgan_workshop.publish import registry
from sgan_workshop.publish.figures import draw_figures
from sgan_workshop.publish.roofline import plot_roofline


def networks(dtype=torch.float32):
    torch.manual_seed(0)
    return recipe.build_generator().to(dtype), recipe.TwoHeadedDiscriminator().to(dtype)


def layers(model, kinds):
    return [module for module in model.modules() if isinstance(module, kinds)]


# The common recipe


def test_the_recipes_networks_have_the_plan_of_public_code():
    generator, discriminator = networks()
    plan = [(conv.in_channels, conv.out_channels, conv.stride) for conv in layers(generator, nn.Conv2d)]
    assert plan == [(128, 128, (1, 1)), (128, 64, (1, 1)), (64, 1, (1, 1))]
    assert [layer.mode for layer in layers(generator, nn.Upsample)] == ["nearest", "nearest"]
    plan = [(conv.in_channels, conv.out_channels, conv.stride) for conv in layers(discriminator, nn.Conv2d)]
    assert plan == [(1, 16, (2, 2)), (16, 32, (2, 2)), (32, 64, (2, 2)), (64, 128, (2, 2))]
    assert [layer.p for layer in layers(discriminator, nn.Dropout2d)] == [0.25] * 4
    assert all(norm.eps == 1e-5 for model in (generator, discriminator) for norm in layers(model, nn.BatchNorm2d))


def test_the_recipes_networks_have_the_shapes_that_they_state():
    generator, discriminator = networks()
    images = generator(torch.randn(6, recipe.LATENT))
    real_logit, class_logits = discriminator(images)
    assert images.shape == (6, 1, 32, 32)
    assert images.abs().max() <= 1
    assert (real_logit.shape, class_logits.shape) == ((6,), (6, 11))


def test_the_recipe_has_no_softmax_and_no_sigmoid_before_its_losses():
    _, discriminator = networks()
    assert not layers(discriminator, (nn.Softmax, nn.LogSoftmax, nn.Sigmoid))
    for weight in discriminator.classes.parameters():
        weight.data.mul_(100)
    _, class_logits = discriminator(torch.randn(8, 1, 32, 32))
    assert class_logits.max() > 1
    assert class_logits.min() < 0


def test_a_step_of_the_recipe_changes_all_weights_of_both_networks():
    models = networks()
    before = [[weight.clone() for weight in model.parameters()] for model in models]
    optimizers = [torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.999)) for model in models]
    recipe.train_once(*models, *optimizers, torch.randn(8, 1, 32, 32).clamp(-1, 1), torch.arange(8))
    for model, old in zip(models, before, strict=True):
        for (name, new), was in zip(model.named_parameters(), old, strict=True):
            assert not torch.equal(new, was), name


def test_the_recipe_never_answers_with_the_eleventh_class(tiny_mnist):
    class AlwaysGenerated(nn.Module):
        def forward(self, images):
            logits = torch.zeros(len(images), 11)
            logits[:, recipe.GENERATED], logits[:, 3] = 9.0, 1.0
            return torch.zeros(len(images)), logits

    threes = (tiny_mnist.test_labels == 3).sum().item()
    assert recipe.accuracy(AlwaysGenerated(), tiny_mnist) == threes / len(tiny_mnist.test_labels)


@pytest.mark.parametrize(("accuracies", "rests_at"), [([0.5, 0.97, 0.981, 0.99], 300), ([0.5] * 40, 1876)])
def test_the_recipe_stops_at_98_percent_or_after_two_epochs(monkeypatch, accuracies, rests_at):
    readings = iter(accuracies)
    monkeypatch.setattr(recipe, "train_steps", lambda seed: iter((0.5 * (i + 1), nn.Identity()) for i in range(9999)))
    monkeypatch.setattr(recipe, "accuracy", lambda discriminator, data: next(readings))
    theirs = time_to_98.Recipe(data=None)
    for end in (375, 750, 1126, 1501, 1876):
        theirs.go_on_until(end)
    assert (theirs.step, theirs.seconds) == (rests_at, 0.5 * rests_at)
    assert theirs.curve[-1][0] == rests_at
    assert ("did not reach" in theirs.summary()["recipe_note"]) == (rests_at == 1876)


# What is counted


def test_operations_are_counted_by_hand():
    a, b = torch.randn(8, 16), torch.randn(16, 4)
    assert step.flops_of(lambda: a @ b) == 2 * 8 * 16 * 4
    assert step.bytes_of(lambda: a @ b) == 4 * (8 * 16 + 16 * 4 + 8 * 4)
    assert step.bytes_of(lambda: a.view(16, 8).t()[:3]) == 0  # views move nothing


@pytest.fixture
def tiny_steps(monkeypatch, tiny_config, tiny_mnist):
    monkeypatch.setattr(step, "load_mnist", lambda: tiny_mnist)
    return step.Steps(tiny_config)


def test_steps_go_on_past_the_end_of_a_run(tiny_steps, tiny_config):
    tiny_steps.take(tiny_config.steps + 3)
    assert tiny_steps.run.step == 3
    assert all(group["lr"] > 0 for group in tiny_steps.run.optimizer_d.param_groups)


def test_the_convolutions_alone_have_the_operations_that_they_have_in_a_step(tiny_steps):
    with step.FlopCounterMode(display=False) as counter:
        tiny_steps.take()
    in_step = sum(
        count for operation, count in counter.get_flop_counts()["Global"].items() if "convolution" in str(operation)
    )
    alone = step.convolutions_alone(tiny_steps)
    assert alone["gflop_a_step"] == pytest.approx(in_step / 1e9, abs=1e-4)
    assert in_step > 0


def test_every_operation_has_one_kind_and_no_time_is_lost():
    seconds = {
        "aten::convolution_backward": 1.0,
        "autograd::engine::evaluate_function: ConvolutionBackward0": 2.0,
        "aten::mkldnn_convolution": 4.0,
        "aten::native_batch_norm_backward": 8.0,
        "aten::leaky_relu_backward": 16.0,
        "aten::tanh": 32.0,
        "aten::addmm": 64.0,
        "aten::t": 128.0,
        "aten::_fused_adam_": 256.0,
        "aten::to": 512.0,
        "aten::copy_": 1024.0,
        "aten::something_new": 2048.0,
    }
    found = step.by_kind(seconds, wall=5000.0)
    assert found == {
        "convolutions, backward": 3.0,
        "convolutions, forward": 4.0,
        "batch normalisation": 8.0,
        "optimiser and averages": 256.0,
        "activations": 48.0,
        "linear layers": 192.0,
        "copies and casts": 1536.0,
        "everything else": 2048.0 + (5000.0 - sum(seconds.values())),
    }
    assert sum(found.values()) == 5000.0


def test_the_table_of_a_real_step_adds_up(tiny_steps):
    found = step.where_it_goes(tiny_steps.take, steps=2)
    assert sum(part["share"] for part in found.values()) == pytest.approx(1, abs=1e-3)
    assert all(found[kind]["milliseconds"] > 0 for kind in step.KINDS)


def test_repeated_images_stand_in_memory_once(tiny_mnist):
    sources = one_run.repeated(tiny_mnist, 1000)
    assert sources.labelled_images is sources.unlabelled_images
    assert len(sources.labelled_labels) == 1000
    assert torch.equal(sources.labelled_images[400:800], tiny_mnist.train_images)


def test_a_fresh_process_does_not_report_its_parents_memory():
    ballast = torch.ones(400_000_000, dtype=torch.uint8)
    child = "from benchmarks.measure import peak_memory_mb; print(peak_memory_mb())"
    of_child = float(measure.output_of(*measure.python("-c", child)))
    assert 0 < of_child < ballast.nbytes / 1e6 < measure.peak_memory_mb()


def test_growth_doubles_what_it_says():
    single, double = (growth.settings("batch_size", size)["config"] for size in (1, 2))
    assert double["batch_size"] == 2 * single["batch_size"] == 2 * growth.LESSON.batch_size
    assert growth.settings("channels", 0.5)["config"]["channels_d"] == [c / 2 for c in growth.LESSON.channels_d]


def test_growth_asks_for_no_more_labels_than_it_has_images(tiny_mnist):
    for images in (6_000, 120_000):
        given = growth.settings("images", images)
        one_run.repeated(tiny_mnist, given["images"]).check(SGANConfig.preset("lesson", **given["config"]))


def test_a_command_that_fails_says_why_and_costs_no_other_part(monkeypatch):
    monkeypatch.setattr(several, "sgan", lambda *arguments: measure.python("-c", "raise SystemExit('no devices')"))
    found = several.measure_ddp()
    assert found["ratio"] is None
    assert "no devices" in found["error"]


# What is kept and written

STEP = {
    precision: {
        "gflops": gflops,
        "flop_per_byte": 20.0,
        "convolutions": {"gflops": 2 * gflops, "flop_per_byte": 60.0},
    }
    for precision, gflops in (("float32", 80.0), ("bfloat16", 120.0))
}
FOUND = {
    "time_to_98": {
        "ours_seconds": 10.0,
        "recipe_seconds": 700.0,
        "ratio": 70.0,
        "accuracies": [0.98] * 5,
        "ours": {"raw": [10.0] * 5},
        "recipe_reached": 0.96,
        "recipe": [[100, 40.0, 0.5], [1876, 700.0, 0.96]],
    },
    "step": {
        "images_per_second": 1000.0,
        "gflops": 80.0,
        "peak_gflops": 200.0,
        "share_of_peak": 0.4,
        "peaks_gflops": {"float32": 200.0, "bfloat16": 900.0},
        "copy_gb_per_second": 12.0,
        "lesson": STEP,
    },
    "company": {"quiet_ratio": 1.0, "one_busy_ratio": 1.5, "two_busy_ratio": 2.2},
    "data_path": {"ratio": 100.0},
    "growth": {"time_ratio_when_doubled": 2.0, "peak_memory_mb": 900.0},
    "startup": {"import_seconds": 0.1},
    "ddp": {"ratio": None, "error": "no devices"},
    "study": {"two_worker_ratio": 0.6},
    "playground": {
        "cost": 0.05,
        "slowest_first_picture_seconds": 0.4,
        "slowest_stop_seconds": 0.2,
        "slowest_answer_seconds": 0.1,
    },
    "plane": {
        "frames_per_second": 10.0,
        "cost": 0.1,
        "slowest_first_picture_seconds": 0.1,
        "slowest_stop_seconds": 0.1,
    },
}


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """``run_benchmark`` with parts that only say that they were asked, in a folder of its own."""
    monkeypatch.setattr(runner, "BUILD", tmp_path / "build")
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")

    class Bench:
        asked, broken, folder = [], set(), tmp_path

        def part(self, name):
            def measure_it():
                self.asked.append(name)
                if name in self.broken:
                    raise ValueError("out of order")
                return FOUND[name]

            return measure_it

        def __call__(self, **options):
            self.asked.clear()
            parts = {name: self.part(name) for name in FOUND}
            return runner.run_benchmark(parts=parts, console=Console(quiet=True), **options)

    return Bench()


def test_the_result_has_every_required_key_and_says_how_it_was_made(bench):
    bench()
    result = json.loads((bench.folder / "build/benchmark.json").read_text())
    for part, keys in runner.REQUIRED.items():
        assert set(keys) <= set(result[part]), part
        assert {"date", "commit", "took_seconds"} == set(result[part]["measured"])
    assert {"command", "date", "commit", "versions", "device", "machine"} <= set(result)
    assert not (bench.folder / "build/benchmark.partial.json").exists()


@pytest.fixture
def benchmark_here(monkeypatch, tmp_path):
    """The command, in whose project everything is measured already; says which tracked files it would write."""
    written = []
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(runner, "run_benchmark", lambda *_: FOUND | {"ddp": {"ratio": 1.5}})
    monkeypatch.setattr(cost, "write_cost_page", lambda result: written.append("cost page"))
    monkeypatch.setattr("sgan_workshop.publish.figures.draw_figures", written.extend)

    def run(**options):
        command.benchmark(**options)
        return [*written, *(path.name for path in tmp_path.rglob("record.json"))]

    return run


def test_a_benchmark_changes_no_tracked_file(benchmark_here):
    assert benchmark_here() == []


def test_a_benchmark_becomes_the_record_on_request(benchmark_here):
    assert benchmark_here(record=True) == ["cost page", "benchmark", "record.json"]


def test_the_parts_are_those_that_something_is_required_of():
    assert list(runner.PARTS) == list(runner.REQUIRED) == list(FOUND)


def test_a_benchmark_that_broke_off_goes_on_with_what_it_lacks(bench):
    bench.broken = {"growth"}
    with pytest.raises(SGANError, match=r"growth failed \(ValueError: out of order\)"):
        bench()
    assert bench.asked == list(FOUND)
    assert not (bench.folder / "build/benchmark.json").exists()
    bench.broken = set()
    assert bench()["growth"]["peak_memory_mb"] == 900.0
    assert bench.asked == ["growth"]


def test_fresh_starts_over(bench):
    bench.broken = {"study"}
    for options in ({}, {"fresh": True}):
        with pytest.raises(SGANError):
            bench(**options)
        assert bench.asked == list(FOUND)


def test_a_finished_benchmark_is_measured_anew(bench):
    bench()
    bench()
    assert bench.asked == list(FOUND)


def test_one_part_can_be_measured_alone_and_joins_the_others(bench):
    assert bench(only="step") is None
    assert bench.asked == ["step"]
    bench()
    assert bench.asked == [name for name in FOUND if name != "step"]
    assert bench(only="ddp")["step"]["gflops"] == 80.0
    assert bench.asked == ["ddp"]


def test_a_part_of_an_earlier_version_that_says_less_is_measured_anew(bench):
    bench()
    path = bench.folder / "build/benchmark.json"
    earlier = json.loads(path.read_text())
    del earlier["plane"]["frames_per_second"]
    path.write_text(json.dumps(earlier))
    assert bench(only="ddp") is None
    bench()
    assert bench.asked == ["plane"]


def test_an_unknown_part_is_named(bench):
    with pytest.raises(SGANError, match="no part named 'cat': the parts are time_to_98, step,"):
        bench(only="cat")


def test_a_part_that_leaves_something_out_is_not_kept(bench, monkeypatch):
    monkeypatch.setitem(FOUND, "growth", {"peak_memory_mb": 900.0})
    with pytest.raises(SGANError, match="does not say time_ratio_when_doubled"):
        bench()


def test_the_table_shows_every_number_and_the_reason_for_a_missing_one():
    console = Console(width=160, file=io.StringIO())
    console.print(runner.table(FOUND))
    shown = console.file.getvalue()
    for words in ("0.98, 0.98", "70", "no devices", "share_of_peak"):
        assert words in shown


# The figure


@pytest.fixture
def drawing(monkeypatch, tmp_path):
    def draw(about, folder="out"):
        record = Record("benchmark", about)
        monkeypatch.setattr(registry.Material, "record", staticmethod(lambda name: record))
        (path,) = draw_figures(["benchmark"], tmp_path / folder)
        return path.with_suffix(".svg").read_text()

    return draw


def test_the_figure_is_the_same_each_time_and_shows_both_times(drawing):
    picture = drawing(FOUND)
    assert picture == drawing(FOUND, "again")
    for words in ("float32: 200", "bfloat16: 900", "ours, 5 runs", "common recipe", "96.0%"):
        assert words in picture


def test_the_recipe_s_end_is_named_as_far_as_it_came(drawing):
    reached = FOUND["time_to_98"] | {"recipe": [[100, 40.0, 0.5], [900, 300.0, 0.981]]}
    assert "98.1%" in drawing(FOUND | {"time_to_98": reached})


def test_a_machine_without_bfloat16_has_one_roof(drawing):
    plain = FOUND["step"] | {"peaks_gflops": {"float32": 200.0}, "lesson": {"float32": STEP["float32"]}}
    assert "bfloat16" not in drawing(FOUND | {"step": plain})


def test_a_roof_is_memorys_slope_and_then_the_peak():
    ax = plot_roofline({"float32": 200.0}, 10.0, {"step": {"float32": (5.0, 40.0)}})
    slope, roof, *_ = ax.lines
    assert slope.get_ydata() == pytest.approx(10 * slope.get_xdata())
    assert roof.get_xdata()[0] == slope.get_xdata()[1] == 20
    assert list(roof.get_ydata()) == [200.0, 200.0]
    (point,) = [line for line in ax.lines if list(line.get_xdata()) == [5.0]]
    assert point.get_color() == roof.get_color()
    assert [text.get_text() for text in ax.texts] == ["memory:\n10 GB/s", "float32: 200"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("FLOP per byte moved", "GFLOP/s")


# What larger work would cost


def test_the_cost_page_is_the_one_that_the_recorded_benchmark_gives():
    assert cost.PAGE.read_text(encoding="utf-8") == cost.cost_page(results.load_record("benchmark").about)


def test_the_cost_page_follows_what_was_measured():
    measured = results.load_record("benchmark").about
    slower = measured | {
        "study": measured["study"] | {"seconds_a_step": 1.0, "lesson_steps": 123},
        "ddp": measured["ddp"] | {"batch_size": 64, "labelled_batch_size": 32, "processes": 2},
    }
    page = cost.cost_page(slower)
    assert "123 × 1000.0 ms" in page
    assert "32 labelled ones beside 64 of them" in page
    assert "(32 unlabelled\nimages in each process)" in page


def test_company_compares_every_run_with_the_fastest_quiet_one_of_its_round(monkeypatch):
    def one_run(*command):
        threads = json.loads(command[-1])["threads"]
        programs = len(running)
        took = {1: 0.05 * (1 + programs), 2: 0.04 * (1 + 4 * programs)}
        chosen = threads or (1 if programs else 2)
        slow = 10 if len(companies) <= 3 else 1  # the first round, in which the whole machine was slow
        return {"seconds_a_step": slow * took[chosen], "threads": chosen}

    running, companies = [], []

    @contextmanager
    def pretended(programs):
        companies.append(programs)
        running.extend(range(programs))
        yield
        running.clear()

    monkeypatch.setattr(company, "busy", pretended)
    monkeypatch.setattr(company, "json_of", one_run)
    monkeypatch.setattr(company.os, "cpu_count", lambda: 2)
    found = company.measure(rounds=2)
    assert (found["quiet_ratio"], found["one_busy_ratio"], found["two_busy_ratio"]) == (1.0, 2.5, 3.75)
    assert found["ratios"]["one busy program"] == {"1 threads": 2.5, "2 threads": 5.0, "chosen": 2.5}
    assert found["chosen_threads"] == {"quiet": [2, 2], "one busy program": [1, 1], "two busy programs": [1, 1]}


def test_busy_programs_end_with_what_they_kept_busy(monkeypatch):
    monkeypatch.setattr(company, "SETTLE", 0)
    started = []
    popen = company.subprocess.Popen
    monkeypatch.setattr(company.subprocess, "Popen", lambda command: started.append(popen(command)) or started[-1])
    with company.busy(2):
        assert [program.poll() for program in started] == [None, None]
    assert all(program.poll() is not None for program in started)


def test_a_mutant_differs_in_one_place():
    source = "def half(n):\n    if not n > 0:\n        raise ValueError\n    return -n / 2 if n in (1, True) else n + 1"
    plain = ast.unparse(ast.parse(source))
    found = list(mutants(source))
    changes = [change for _, change, _ in found]
    for wanted in ("Gt -> GtE", "Div -> Mult", "In -> NotIn", "Not removed", "USub removed", "raise removed", "2 -> 3"):
        assert wanted in changes
    assert len({changed for *_, changed in found} | {plain}) == len(found) + 1
    for line, _, changed in found:
        differs = [number for number, pair in enumerate(zip(plain.split("\n"), changed.split("\n"), strict=True), 1)
                   if pair[0] != pair[1]]  # fmt: skip
        assert differs == [line]
