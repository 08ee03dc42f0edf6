"""The keys of a terminal, one by one: characters, and names for the others."""

import codecs
import contextlib
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator

_NAMES = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "5~": "pageup",
    "6~": "pagedown",
    "7~": "home",
    "8~": "end",
}
"""By what follows the escape character and `[` or `O`: xterm's, the Linux console's and rxvt's."""

_CHARACTERS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace"}
_SEQUENCE = re.compile(r"\x1b(?:[\[O]([0-9;]*[A-Za-z~])?)?")
_REST_SECONDS = 0.05
"""What belongs to an escape sequence comes within this time; an escape character alone is the key."""

Pressed = Callable[[float], list[str]]
"""Waits so many seconds for keys; those that were pressed, none if there were none."""


def names_of(text: str) -> Iterator[str]:
    """The keys in what a terminal sent. A sequence that is not known is no key."""
    while text:
        if found := _SEQUENCE.match(text):
            text = text[found.end() :]
            sequence = found[1]
            if sequence is None:
                yield "escape"
            elif name := _NAMES.get(sequence):
                yield name
            continue
        yield _CHARACTERS.get(text[0], text[0])
        text = text[1:]


@contextlib.contextmanager
def keys(stopped: threading.Event) -> Iterator[Pressed]:
    """While it lasts, keys come one by one and are not echoed; the terminal is as it was afterwards. Ctrl-C stays what
    it is. Where there is no terminal no key is ever pressed.
    """

    def no_keys(seconds: float) -> list[str]:
        stopped.wait(seconds)
        return []

    if not sys.stdin.isatty():
        yield no_keys
        return
    import termios  # noqa: PLC0415 - where there is no terminal there may be no such module
    import tty  # noqa: PLC0415

    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(seconds: float) -> str:
        ready, _, _ = select.select([file], [], [], seconds)
        if not ready:
            return ""
        if not (sent := os.read(file, 1024)):
            stopped.wait(seconds)  # the other end is closed: nothing will ever come
        return decoder.decode(sent)

    def pressed(seconds: float) -> list[str]:
        text = read(seconds)
        if text and (found := _SEQUENCE.fullmatch(text[text.rfind("\x1b") :])) and found[1] is None:
            text += read(_REST_SECONDS)
        return list(names_of(text))

    try:
        tty.setcbreak(file)
        yield pressed
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)
