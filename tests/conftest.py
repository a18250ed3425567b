"""What the tests share: tiny images, a tiny configuration, and the real MNIST, loaded once."""

import functools
import os
import signal
import socket
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

mpl.use("Agg")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # for the notebooks' kernels; see main.main
os.environ.setdefault("SGAN_THREADS", "1")  # for them, too: several may run side by side
# nbval reads a cell's messages after its end, and ZeroMQ drops those above some 2,000: a bar sends 17 a second.
os.environ.setdefault("TQDM_MININTERVAL", "10")

from matplotlib import pyplot as plt

from sgan_utils import results
from sgan_utils.config import SGANConfig
from sgan_utils.data import ImageData, load_mnist, split_sources
from sgan_utils.support import presets, rows, studies
from sgan_utils.support.run import Run
from sgan_utils.support.threads import settle_threads
from sgan_utils.training import train
from sgan_workshop.commands import main
from sgan_workshop.studies import grid

ROOT = Path(__file__).resolve().parent.parent
LONG_LESSONS = ("06_label_efficiency", "08_your_own_images")  # whose cells are marked as slow
TRAIN_IMAGES, TEST_IMAGES = 400, 100


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in LONG_LESSONS:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("endurance"):
            item.add_marker(pytest.mark.slow)
            if "SGAN_ENDURANCE" not in os.environ:
                item.add_marker(pytest.mark.skip(reason="takes long: make test-endurance runs it"))


@pytest.fixture(scope="session")
def mnist() -> ImageData:
    """The real 70,000 images. Do not change them in place."""
    return load_mnist(ROOT / "data")


@pytest.fixture(scope="session")
def tiny_mnist() -> ImageData:
    """500 images like MNIST's: each class is a pattern of blocks under noise. Do not change them in place."""
    random = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 2, (10, 1, 7, 7), generator=random).repeat_interleave(4, 2).repeat_interleave(4, 3)

    def images_and_labels(count):
        labels = torch.arange(count)[torch.randperm(count, generator=random)] % 10
        noise = torch.randint(0, 56, (count, 1, 28, 28), generator=random)
        return (patterns[labels] * 200 + noise).to(torch.uint8), labels

    return ImageData(*images_and_labels(TRAIN_IMAGES), *images_and_labels(TEST_IMAGES))


@pytest.fixture(scope="session")
def tiny_config() -> SGANConfig:
    """A run of a few hundredths of a second, in a number format that every CPU has."""
    return SGANConfig(
        labels=40,
        steps=8,
        labelled_batch_size=16,
        batch_size=12,
        latent_size=5,
        channels_g=(6, 5, 4),
        channels_d=(4, 5, 6),
        precision="float32",
        # What each loss and trick does is seen best where the others are off, and D's outputs are apart.
        head="two_heads",
        input_noise=0.0,
        unsupervised_weight=0.5,
        learning_rate_d=2e-3,
        average_decay=0.98,
    )


@pytest.fixture(scope="session")
def tiny_sources(tiny_mnist, tiny_config):
    return split_sources(tiny_mnist, tiny_config)


@pytest.fixture
def quick_train(tiny_config, tiny_sources):
    """``train`` on the tiny images, without a progress bar; keywords that are fields change the configuration."""

    def quick(sources=tiny_sources, **named) -> Run:
        fields = {name: named.pop(name) for name in list(named) if name in SGANConfig.model_fields}
        return train(tiny_config.but(**fields), sources, **{"progress": False, "device": "cpu", **named})

    return quick


@pytest.fixture(scope="session")
def all_tricks() -> dict[str, object]:
    """Fields that switch on all that a run can do beside the plain method, so loosely that tiny runs feel all of it.

    Every number that is 0 unless it is asked for, at half of its largest value, and what a number cannot say.
    """
    fields = SGANConfig.model_json_schema()["properties"].items()
    off = [(name, about) for name, about in fields if about.get("type") == "number" and about["default"] == 0]
    halves = {name: about["maximum"] / 2 for name, about in off if "maximum" in about}
    return halves | {"input_noise": 0.5, "head": "n", "generator_loss": "feature_matching", "confidence": 0.12}


LESSON_NETWORKS = {
    name: getattr(SGANConfig(), name) for name in ("channels_g", "channels_d", "batch_size", "precision")
}


@pytest.fixture
def train_as_in_the_lessons(quick_train):
    """``quick_train`` with the networks, the number format and the threads of the lessons, for two steps."""
    torch.set_num_threads(2)
    return functools.partial(quick_train, steps=2, **LESSON_NETWORKS)


def tensors_of(run: Run) -> dict[str, torch.Tensor]:
    """Everything that a run has become, by name."""
    models = {"generator": run.generator, "discriminator": run.last_discriminator, "classifier": run.classifier()}
    found = {"history": run.log.tensor(), "random": run.random.get_state()}
    found |= {f"{name}/{key}": value for name, model in models.items() for key, value in model.state_dict().items()}
    for name in ("optimizer_g", "optimizer_d"):
        for number, state in getattr(run, name).state_dict()["state"].items():
            found |= {f"{name}/{number}/{key}": torch.as_tensor(value) for key, value in state.items()}
    return found


@pytest.fixture(scope="session")
def differences():
    """A function that names what is not the same, bit for bit, in two runs."""

    def same(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
        if ours.shape != theirs.shape:
            return False
        return bool(((ours == theirs) | (ours.isnan() & theirs.isnan())).all())  # what was not measured is nan in both

    def compare(one: Run, other: Run) -> list[str]:
        ours, theirs = tensors_of(one), tensors_of(other)
        assert ours.keys() == theirs.keys()
        return [name for name, value in ours.items() if not same(value, theirs[name])]

    return compare


@pytest.fixture(scope="module")
def scheduler():
    """The address of a separate dask cluster whose only worker is a thread of this process: starts at once."""
    distributed = pytest.importorskip("distributed", reason="the extra 'scale' is not installed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def tiny_study(monkeypatch, tmp_path) -> Path:
    """A study named "tiny", of two methods that train at once, and the file where its runs are recorded.

    "tiny sgan" reached 0.5, 0.6, 0.7 with 20 labels and 0.8, 0.9 with 30; "tiny cnn" 0.3, 0.5, 0.4 with 20.
    """
    tiny = {"steps": 2, "labelled_batch_size": 4, "batch_size": 4, "precision": "float32"}
    tiny |= {"channels_g": (2, 2, 2), "channels_d": (2, 2, 2)}
    for name, fields in (("tiny cnn", {"unsupervised_weight": 0.0, "protocol": "labelled-only"}), ("tiny sgan", {})):
        monkeypatch.setitem(presets.PRESETS, name, tiny | fields)
        config = SGANConfig(**tiny, **fields)
        monkeypatch.setitem(studies._NAMES, studies._nameless(config), name)
    found = {("tiny sgan", 20): (0.5, 0.6, 0.7), ("tiny sgan", 30): (0.8, 0.9), ("tiny cnn", 20): (0.3, 0.5, 0.4)}
    cells = [studies.Cell(method, labels, len(accuracies)) for (method, labels), accuracies in found.items()]
    monkeypatch.setitem(studies.STUDIES, "tiny", cells)

    recorded = [
        rows.make_row(config, grid.made_by(), test_accuracy=accuracy, train_seconds=2.0 + seed, hardware="abacus",
                   commit=10 * "abcd", failed="")
        for (method, labels), accuracies in found.items()
        for seed, accuracy in enumerate(accuracies)
        for config in [SGANConfig.preset(method, labels=labels, seed=seed)]
    ]  # fmt: skip
    path = tmp_path / "record" / "rows.csv"
    path.parent.mkdir()
    rows.as_table(recorded).to_csv(path, index=False)
    monkeypatch.setattr(results, "ROWS", path)
    return path


@pytest.fixture(params=["cpu", "cuda", "mps"])
def device(request) -> str:
    """Each kind of device in turn."""
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not found[request.param]:
        pytest.skip("this machine has no such device (cuda or mps)")
    return request.param


@pytest.fixture
def sgan(monkeypatch, capsys):
    """Run `sgan …` in this process: returns exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sgan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main.main()
            sys.exit(0)
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach a network fails the test."""

    def refuse(*arguments, **named):
        raise AssertionError(f"something tried to reach the network: {arguments}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)  # tiny networks gain nothing from more, and lose a lot where the machine is busy
    settle_threads()


@pytest.fixture(autouse=True)
def _start_alike_and_tidy_up(_one_thread):
    torch.manual_seed(0)
    yield
    torch.set_num_threads(1)
    plt.close("all")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder with the pages of the site, built once for all tests that look at it."""
    from sgan_workshop.publish.site import build_site

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Sphinx's extensions about each other; those about our pages are errors
        return build_site(tmp_path_factory.mktemp("site")).parent


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_works():
    """A shell lets what it starts in the background ignore Ctrl-C, and the tests that press it with that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
