"""What makes a cold start shorter."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Import and make what lives as long as the process.

    Nothing of it is garbage, and to look for some takes a twelfth of a cold start. Later collections leave it out, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
