"""A clock that the functions' processes share with the servers, and that can be put forward.

What waits for minutes on the platform need not be waited for here: messages are due at a time that their keys say, so
it is enough to let that time come.
"""

import mmap
import os
import struct
import tempfile
import time

_OFFSET = struct.Struct("<d")


class Clock:
    """Seconds since the epoch: the machine's, and what it was put forward by. `descriptor` is the shared number's."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the clock
        self._file.write(_OFFSET.pack(0.0))
        self._file.flush()
        self._shared = mmap.mmap(self._file.fileno(), _OFFSET.size)

    @property
    def descriptor(self) -> int:
        """An open file whose first eight bytes are the offset."""
        return self._file.fileno()

    @property
    def offset(self) -> float:
        """How far the clock was put forward."""
        number: float = _OFFSET.unpack(self._shared[: _OFFSET.size])[0]
        return number

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        """Put the clock forward, here and in every process that shares it."""
        self._shared[: _OFFSET.size] = _OFFSET.pack(self.offset + seconds)

    def close(self) -> None:
        """Give the shared number back."""
        self._shared.close()
        self._file.close()

    def inherited(self) -> int:
        """A descriptor for one child process, which whoever starts it closes."""
        return os.dup(self.descriptor)
