"""A terminal that somebody sits at."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

LINES, COLUMNS = 24, 80
_HOME = "\x1b[H"
_ESCAPES = re.compile("\x1b\\[[0-9;?]*[a-zA-Z]")


def _obey_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A terminal of 80 by 24 with one command on it, and everything that it was sent so far."""

    def __init__(self, command, *, cwd, env=None, term="xterm-256color"):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.modes_before = termios.tcgetattr(slave)
        self.text = ""
        # The shell opens the terminal as the leader of a session, which makes it the one that Ctrl-C comes from.
        opened = f'exec "$@" <>{os.ttyname(slave)} >&0 2>&0'
        self.process = subprocess.Popen(
            ["sh", "-c", opened, "sh", *command],
            cwd=cwd,
            env={**(env or os.environ), "TERM": term, "COLUMNS": "", "LINES": ""},
            start_new_session=True,
            # A shell that runs the tests in the background has them ignore Ctrl-C, and what they start with them.
            preexec_fn=_obey_ctrl_c,  # noqa: PLW1509 - one call of the C library
        )
        self._slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    @property
    def modes(self):
        return termios.tcgetattr(self._slave)

    def press(self, keys):
        os.write(self._master, keys.encode())

    @property
    def plain(self):
        """What was sent, without colours and positions."""
        return _ESCAPES.sub("", self.text)

    @property
    def screen(self):
        """What a live view has on its screen now: each of its pictures begins at the terminal's first line."""
        return _ESCAPES.sub("", self.text.rpartition(_HOME)[2]).replace("\r", "")

    def see_on_screen(self, wanted, seconds=30):
        """Wait until a text stands on the screen of a live view, and gives the line with it."""
        end = time.monotonic() + seconds
        while True:
            for line in self.screen.split("\n"):
                if wanted in line:
                    return line
            assert time.monotonic() < end, f"{wanted!r} is not on the screen:\n{self.screen}"
            self._read(0.1)

    def see(self, wanted, seconds=30, times=1):
        """Wait until a text has been sent to the terminal so many times."""
        end = time.monotonic() + seconds
        while self.plain.count(wanted) < times:
            assert time.monotonic() < end, f"{wanted!r} is not to be seen in {self.text[-3000:]!r}"
            self._read(0.1)

    def end(self, seconds=20):
        """Wait until the command has ended; gives its status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end: {self.text[-2000:]!r}"
            self._read(0.1)
        self._read(0.2)
        return self.process.returncode

    def _read(self, seconds):
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            self.text += os.read(self._master, 65536).decode("utf-8", "replace")
