"""Ctrl-C, without a traceback at any moment."""

import contextlib
import signal
from collections.abc import Iterator

STATUS = 128 + signal.SIGINT
"""The exit status of a program that Ctrl-C ended."""


@contextlib.contextmanager
def ends_at_once() -> Iterator[None]:
    """While it lasts, Ctrl-C ends the process there and then: for imports, which leave nothing to put in order."""
    with _handled(signal.SIG_DFL):
        yield


@contextlib.contextmanager
def waits() -> Iterator[None]:
    """While it lasts, Ctrl-C does nothing: for what puts things in order and is short."""
    with _handled(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handled(how: signal.Handlers) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, how)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
