"""SIGTERM and SIGHUP, which batch systems and closed terminals send: they end a run as Ctrl-C does."""

from __future__ import annotations

import os
import signal
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

    replaced = []
    try:
        for number in ENDING:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, interrupt)
                replaced.append(number)
    except ValueError:  # in a thread
        pass
    try:
        yield received
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def afterwards() -> Iterator[list[int]]:
    """Ctrl-C and the like wait for the end, so that what is done inside is whole; yields the list of what came."""
    asked: list[int] = []
    usual = {}
    try:
        for number in (signal.SIGINT, *ENDING):
            if callable(handler := signal.getsignal(number)):
                usual[number] = handler
                signal.signal(number, lambda number, _: asked.append(number))
    except ValueError:  # in a thread
        pass
    try:
        yield asked
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    if asked:
        signal.raise_signal(asked[0])
