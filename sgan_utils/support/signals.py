"""SIGTERM and SIGHUP, which batch systems and closed terminals send: they end a run as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has one of them


@contextmanager
def ending_as_ctrl_c() -> Iterator[list[int]]:
    """Inside, signals that would have ended the process raise KeyboardInterrupt; yields the list of those that came.

    Where they are ignored (``nohup``) or handled otherwise, and in threads, which they do not reach, nothing changes.
    """
    received: list[int] = []
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number != signal.SIGTERM and terminals:  # the terminal is gone: to write into it is an error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in terminals:
                os.dup2(nowhere, stream)
            os.close(nowhere)
        raise KeyboardInterrupt

    replaced = [number for number in _ours(ENDING) if signal.getsignal(number) == signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def afterwards() -> Iterator[list[int]]:
    """Ctrl-C and the like wait for the end, so that what is done inside is whole; yields the list of what came."""
    asked: list[int] = []
    usual = {number: signal.getsignal(number) for number in _ours([signal.SIGINT, *ENDING])}
    usual = {number: handler for number, handler in usual.items() if callable(handler)}
    for number in usual:
        signal.signal(number, lambda number, _: asked.append(number))
    try:
        yield asked
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    if asked:
        signal.raise_signal(asked[0])


def _ours(signals: list[int]) -> list[int]:
    """Signals reach the main thread only, and no other may say what they do."""
    return signals if threading.current_thread() is threading.main_thread() else []
