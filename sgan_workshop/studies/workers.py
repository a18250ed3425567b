"""Worker processes: dask's on this machine, or any dask cluster; runs whose workers die are tried once more."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgan_utils.config import SGANConfig
from sgan_utils.support.errors import SGANError
from sgan_utils.support.rows import Row, make_row
from sgan_workshop.studies.grid import made_by, run_one

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT_SECONDS = 10
FIRST_WORKER_SECONDS = 60  # a batch system may start the scheduler some time before its workers
ALLOWED_DEATHS = 1  # of workers, under one and the same run; the next makes it a suspect
TRIES_ALONE = 3  # of a suspect, before it is blamed: its workers may have been killed from outside again
LOOK_EVERY = 5  # seconds between two looks whether all workers of ours still live
START_SECONDS = 300  # that a new worker may take to load torch, on a busy machine


def dask_setup(worker: object) -> None:
    """Called by dask in every worker process that we start: what the terminal sends is the main process's business."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)


def use_certificate(folder: Path) -> None:
    """Encrypt all connections of this process to dask from now on; only who holds the same certificate can join.

    Args:
        folder: holds ``cert.pem`` and ``key.pem``.

    Raises:
        SGANError: if they are not there.
    """
    import dask

    certificate, key = folder / "cert.pem", folder / "key.pem"
    if not (certificate.is_file() and key.is_file()):
        raise SGANError(
            f"{folder} lacks cert.pem or key.pem: make both with `openssl req -x509 -newkey rsa:3072 -nodes -days 30 "
            "-subj /CN=sgan -keyout key.pem -out cert.pem`."
        )
    ours = {"cert": str(certificate), "key": str(key)}
    roles = {f"distributed.comm.tls.{who}": ours for who in ("client", "scheduler", "worker")}
    encrypted = {"distributed.comm.tls.ca-file": str(certificate), "distributed.comm.require-encryption": True}
    dask.config.set(roles | encrypted)


@contextmanager
def connected(scheduler: str | None, workers: int | None, runs: int, progress: bool) -> Iterator[Client]:
    """A connection to ``scheduler``, or to processes of our own that end with it."""
    try:
        from distributed import CancelledError, Client
        from distributed.comm import CommClosedError
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise SGANError(f"a study needs {error.name}, which is not installed: pip install -e '.[scale]'") from error

    with ExitStack() as stack:
        stack.enter_context(silence_logging_cmgr("CRITICAL"))  # what goes wrong in the client is raised here
        if scheduler and progress:
            print(f"waiting for the dask scheduler {scheduler} and its workers …", file=sys.stderr)
        try:
            ours_or_theirs = scheduler or stack.enter_context(_our_cluster(workers, runs))
            client = stack.enter_context(Client(ours_or_theirs, timeout=CONNECT_SECONDS))
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except (OSError, ValueError, RuntimeError, TypeError) as error:  # the two last if certificates do not match
            if scheduler is None:
                raise SGANError(f"the study's own workers did not start ({error}): call it again.") from error
            raise SGANError(
                f"no dask scheduler with a worker answers at {scheduler} (such as tcp://HOST:8786): start one with "
                "`dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`, or leave --scheduler out to "
                "use this machine."
            ) from error
        try:
            yield client
        except (CancelledError, CommClosedError) as error:
            raise SGANError(
                f"the scheduler {scheduler} is gone: what is finished is in the file, the same command goes on from it."
            ) from error


@contextmanager
def _our_cluster(workers: int | None, runs: int) -> Iterator[LocalCluster]:
    """Worker processes on this machine, until the block ends."""
    import dask
    from distributed import LocalCluster

    settings = {"worker.profile.enabled": False, "deploy.lost-worker-timeout": f"{START_SECONDS}s"}
    # The environment is set before the processes start, because OpenMP looks only once. dask adds variables of its own.
    with (
        _environment(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1"),
        dask.config.set({f"distributed.{name}": value for name, value in settings.items()}),
        LocalCluster(
            n_workers=min(workers or dask.system.CPU_COUNT, runs),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            memory_limit=0,  # rows are small: dask has no memory to manage, and need not kill anybody for it
            silence_logs="CRITICAL",  # a heartbeat under way when the study ends is no error of a run
            preload=__name__,  # runs dask_setup
            scheduler_kwargs={
                "allowed_failures": ALLOWED_DEATHS,
                "dashboard": False,
                "dashboard_address": "127.0.0.1:0",  # dask serves its health there all the same
            },
        ) as cluster,
    ):
        yield cluster


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    """Environment variables for the processes that are started inside; afterwards all are as before."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def made_by_workers(client: Client) -> Row:
    """:func:`made_by` of one of the workers; rows of others who differ are refused when they come."""
    for address, threads in client.nthreads().items():
        if threads != 1:
            raise SGANError(
                f"the worker {address} takes {threads} runs at once in one process, where they would disturb each "
                "other: start it with `dask worker ADDRESS --nthreads 1`."
            )
    try:
        return client.submit(made_by, pure=False).result()
    except ImportError as error:
        raise SGANError(f"a worker cannot import sgan_utils ({error}): install the package there.") from error


def rows_as_they_come(
    client: Client, configs: list[SGANConfig], samples: bool, here: Row
) -> Iterator[tuple[SGANConfig, Row]]:
    """Train ``configs``. A run is blamed only if its workers die again and again while nobody else trains."""
    from distributed import KilledWorker

    left = configs
    for number in range(1 + TRIES_ALONE):
        suspects = []
        for config, result in _results(client, left, samples, alone=number > 0):
            if isinstance(result, KilledWorker):
                suspects.append(config)
            else:
                yield config, result
        left = suspects
    for config in left:
        failed = "its worker dies again and again; delete this row to try once more."
        yield config, make_row(config, here, failed=failed)


def _results(
    client: Client, configs: list[SGANConfig], samples: bool, alone: bool = False
) -> Iterator[tuple[SGANConfig, Any]]:
    """Each configuration and its row, or the KilledWorker that it met, as they come.

    Never more runs are handed out than there are workers: when one dies, dask suspects all that waited there too.
    """
    from distributed import KilledWorker, wait

    waiting, at_once = iter(configs), 1
    running: dict[Any, SGANConfig] = {}

    def hand_out() -> None:
        nonlocal at_once
        if not alone:
            at_once = max(at_once, len(client.nthreads()))  # more may have come, and dead ones come back
        for config in itertools.islice(waiting, at_once - len(running)):
            future = client.submit(run_one, config, samples, pure=False)
            running[future] = config

    hand_out()
    while running:
        try:
            ended = wait(list(running), timeout=LOOK_EVERY, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            ended = set()
        _replace_the_dead(client)
        while ended:
            future = ended.pop()
            config = running.pop(future)
            try:
                result = future.result()
            except KilledWorker as error:
                result = error
            del future  # dask forgets the row
            yield config, result
        hand_out()


def _replace_the_dead(client: Client) -> None:
    """Start new workers for those of ours that dask has given up: it does when one dies before it has begun to work."""
    from distributed import Status

    if cluster := client.cluster:  # else somebody else's batch system looks after the workers
        for name, nanny in list(cluster.workers.items()):
            if nanny.status in (Status.closed, Status.failed):
                del cluster.workers[name]
        if len(cluster.workers) < len(cluster.worker_spec):
            cluster.scale(len(cluster.worker_spec))
